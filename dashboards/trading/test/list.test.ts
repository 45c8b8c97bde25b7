import { describe, expect, test } from "vitest";

import { nextSort, sortedSymbols, type SortKey } from "../src/sort";
import { Store } from "../src/store";
import { isSymbol, parseSymbols, searchSymbols } from "../src/symbols";
import { firstList, fromHash, loadList, parseList, saveList, toHash } from "../src/watchlist";

const DIRECTORY = [
  { symbol: "AAPL", name: "Apple Inc.", sector: "Technology" },
  { symbol: "BRK.B", name: "Berkshire Hathaway", sector: "Financials" },
  { symbol: "INTC", name: "Intel Corporation", sector: "Technology" },
  { symbol: "PLE", name: "Pineapple Foods", sector: "" },
  { symbol: "eurUSD", name: "Euro / US Dollar", sector: "" },
];

describe("search", () => {
  test.each([
    ["AAPL", ["AAPL"]], ["aapl", ["AAPL"]], ["ple", ["PLE", "AAPL"]], ["inte", ["INTC"]], ["hath", ["BRK.B"]],
    ["brk.b", ["BRK.B"]], ["eurusd", ["eurUSD"]], ["  in ", ["INTC", "AAPL", "PLE"]],
  ])("%s finds %j, the best first", (typed, symbols) => {
    const found = searchSymbols(DIRECTORY, typed, 10).filter((match) => match.known);
    expect(found.map((match) => match.symbol)).toEqual(symbols);
  });

  test("a symbol that the server doesn't know yet can be watched, in capitals or as typed", () => {
    const found = searchSymbols(DIRECTORY, "tsla", 10);
    expect(found.map(({ symbol, known }) => [symbol, known])).toEqual([["TSLA", false], ["tsla", false]]);
  });

  test("nothing is offered for no text, nor for what can't be a symbol", () => {
    expect(searchSymbols(DIRECTORY, "  ", 10)).toEqual([]);
    expect(searchSymbols(DIRECTORY, "no such, thing", 10)).toEqual([]);
  });

  test("no more than the limit", () => {
    expect(searchSymbols(DIRECTORY, "e", 2)).toHaveLength(2);
  });
});

test.each([
  ["A", true], ["BRK.B", true], ["ES=F", true], ["^GSPC", true], ["", false], ["A B", false], ["A,B", false],
  ["X".repeat(32), true], ["X".repeat(33), false], ["Ä", false],
])("%s is a symbol: %s", (text, is) => {
  expect(isSymbol(text)).toBe(is);
});

test("the server's list is read as far as it can be", () => {
  const answer = { symbols: [{ symbol: "A", name: "Agilent", seq: 3 }, { symbol: 5 }, null, { symbol: "a b" }] };
  expect(parseSymbols(answer)).toEqual([{ symbol: "A", name: "Agilent", sector: "" }]);
  expect(parseSymbols(null)).toEqual([]);
  expect(parseSymbols({ symbols: "no" })).toEqual([]);
});

describe("the list in the address", () => {
  test.each([[["AAPL", "BRK.B"]], [["^GSPC", "ES=F", "EUR/USD", "A:B"]], [[]]])("%j comes back as it was", (list) => {
    expect(fromHash(toHash(list))).toEqual(list);
  });

  test("is each symbol once and possible ones only", () => {
    expect(fromHash("#symbols=AAPL,AAPL,<b>,%E0%A4%A,MSFT")).toEqual(["AAPL", "MSFT"]);
  });

  test("is none when the address names none", () => {
    expect(fromHash("")).toBeNull();
    expect(fromHash("#other")).toBeNull();
  });

  test("is bounded", () => {
    expect(parseList(Array.from({ length: 2000 }, (_, i) => `S${i}`))).toHaveLength(500);
  });
});

test("the list is kept, and a browser that forbids it is no harm", () => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  } as Storage;
  expect(loadList(storage)).toBeNull();
  saveList(storage, ["AAPL"]);
  expect(loadList(storage)).toEqual(["AAPL"]);
  kept.forEach((_, key) => kept.set(key, "{broken"));
  expect(loadList(storage)).toBeNull();
  const forbidding = { setItem: () => { throw new Error("full"); } } as unknown as Storage;
  expect(() => { saveList(forbidding, ["AAPL"]); }).not.toThrow();
});

test("the first list holds well-known symbols first, then others, twenty at most", () => {
  expect(firstList(DIRECTORY)).toEqual(["AAPL", "INTC", "BRK.B", "PLE", "eurUSD"]);
  const many = Array.from({ length: 100 }, (_, i) => ({ symbol: `S${i}`, name: "", sector: "" }));
  expect(firstList([...many, ...DIRECTORY]).slice(0, 3)).toEqual(["AAPL", "INTC", "BRK.B"]);
  expect(firstList(many)).toHaveLength(20);
});

describe("sort", () => {
  function store(): Store {
    const made = new Store();
    const prices: [string, number | undefined, number | undefined][] = [
      ["B", 10, 5], ["A", undefined, undefined], ["C", 30, 40], ["S10", 10, 10], ["S9", 20, 10],
    ];
    for (const [symbol, price, open] of prices) {
      made.watch(symbol);
      if (price === undefined || open === undefined) continue;
      made.apply({ kind: "update", seq: 1, epoch: "1", conflated: 0, quote: { symbol, price, open } }, 1000);
    }
    return made;
  }
  const order = (key: SortKey, descending: boolean): string =>
    sortedSymbols(store().rows(), { key, descending }, () => "").join(" ");

  test("without one the order is the user's", () => {
    expect(sortedSymbols(store().rows(), null, () => "").join(" ")).toBe("B A C S10 S9");
  });

  test.each([
    ["last", true, "C S9 B S10 A"], ["last", false, "B S10 S9 C A"], ["change", true, "S9 B S10 C A"],
    ["percent", true, "B S9 S10 C A"], ["symbol", false, "A B C S9 S10"],
  ] as const)("by %s, descending %s: %s, the unknown last", (key, descending, expected) => {
    expect(order(key, descending)).toBe(expected);
  });

  test("a third click on a column's head gives the user's order back", () => {
    const first = nextSort(null, "last");
    expect(first).toEqual({ key: "last", descending: true });
    const second = nextSort(first, "last");
    expect(second).toEqual({ key: "last", descending: false });
    expect(nextSort(second, "last")).toBeNull();
    expect(nextSort(second, "symbol")).toEqual({ key: "symbol", descending: false });
  });
});
