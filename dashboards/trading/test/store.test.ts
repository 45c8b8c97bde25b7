import { describe, expect, test } from "vitest";

import { parseUpdate, type Quote, type Update } from "../src/quote";
import { changeOf, rangePosition, spreadOf, Store } from "../src/store";

const NOW_MS = 1_732_187_001_000;

function update(seq: number, quote: Partial<Quote> = {}, more: Partial<Update> = {}): Update {
  return { kind: "update", seq, epoch: "1", conflated: 0, quote: { symbol: "AAPL", ...quote }, ...more };
}

function watching(...symbols: string[]): Store {
  const store = new Store();
  for (const symbol of symbols) store.watch(symbol);
  return store;
}

describe("a message", () => {
  test("becomes the state of its row", () => {
    const store = watching("AAPL");
    expect(store.apply(update(7, { price: 189.84 }), NOW_MS)).toBe("applied");
    expect(store.get("AAPL")?.quote?.price).toBe(189.84);
    expect(store.takeDirty().map((row) => row.symbol)).toEqual(["AAPL"]);
    expect(store.takeDirty()).toEqual([]);
  });

  test.each([7, 6])("whose seq isn't newer (%i after 7) is ignored within the epoch", (seq) => {
    const store = watching("AAPL");
    store.apply(update(7, { price: 2 }), NOW_MS);
    expect(store.apply(update(seq, { price: 1 }), NOW_MS)).toBe("not-newer");
    expect(store.get("AAPL")?.quote?.price).toBe(2);
  });

  test("that is a snapshot replaces the state of the same record, and makes it no younger", () => {
    const store = watching("AAPL");
    store.apply(update(7, { price: 2, open: 1, volume: 9 }), NOW_MS);
    const dayBegan = update(7, { price: 2, time_us: (NOW_MS + 5_000) * 1000 }, { kind: "snapshot" });
    expect(store.apply(dayBegan, NOW_MS + 60_000)).toBe("applied");
    const row = store.get("AAPL");
    expect(row?.quote).toEqual(dayBegan.quote);
    expect(row?.asOfMs).toBe(NOW_MS);
    expect(row?.moves).toBe(0);
    expect(store.apply(update(6, { price: 1 }, { kind: "snapshot" }), NOW_MS)).toBe("not-newer");
  });

  test("of a symbol that nobody watches any more is ignored", () => {
    const store = watching("AAPL");
    store.unwatch("AAPL");
    expect(store.apply(update(1), NOW_MS)).toBe("not-watched");
    expect(store.takeDirty()).toEqual([]);
  });

  test("of a new epoch counts from any seq, and greys the rows that have none of it yet", () => {
    const store = watching("AAPL", "MSFT", "NEW");
    store.apply(update(100, { price: 1 }), NOW_MS);
    store.apply(update(101, { symbol: "MSFT", price: 5 }), NOW_MS);
    expect(store.apply(update(3, { price: 2 }, { epoch: "2" }), NOW_MS)).toBe("applied");
    expect(store.get("AAPL")).toMatchObject({ seq: 3, stale: false });
    expect(store.get("MSFT")).toMatchObject({ seq: 101, stale: true });
    expect(store.get("NEW")?.stale).toBe(false);
  });

  test("after a reconnect brings its row back; those without one stay grey", () => {
    const store = watching("AAPL", "GONE", "NEW");
    store.apply(update(7, { price: 2 }), NOW_MS);
    store.apply(update(7, { symbol: "GONE", price: 2 }), NOW_MS);
    store.takeDirty();
    store.greyAll();
    expect(store.takeDirty().map((row) => row.symbol)).toEqual(["AAPL", "GONE"]);
    store.apply(update(7, { price: 2 }, { kind: "snapshot" }), NOW_MS);
    expect(store.get("AAPL")?.stale).toBe(false);
    expect(store.get("GONE")?.stale).toBe(true);
    expect(store.get("NEW")?.stale).toBe(false);
  });

  test("replaces the whole state: a side that was cleared is unknown again", () => {
    const store = watching("AAPL");
    store.apply(update(1, { bid: 1, ask: 2 }), NOW_MS);
    store.apply(update(2, { ask: 2 }), NOW_MS);
    expect(store.get("AAPL")?.quote?.bid).toBeUndefined();
  });

  test("that delists keeps the last prices, and a later tick brings the symbol back", () => {
    const store = watching("AAPL");
    store.apply(update(1, { price: 9 }), NOW_MS);
    store.apply(update(2, {}, { kind: "delisted" }), NOW_MS);
    expect(store.get("AAPL")).toMatchObject({ delisted: true, quote: { price: 9 } });
    store.apply(update(3, { price: 10 }), NOW_MS);
    expect(store.get("AAPL")?.delisted).toBe(false);
  });
});

test("a flash is due when the price moves, not when only the quote does", () => {
  const store = watching("AAPL");
  const row = store.get("AAPL");
  store.apply(update(1, { price: 10 }), NOW_MS);
  expect(row?.moves).toBe(0);
  store.apply(update(2, { price: 11 }), NOW_MS);
  expect(row).toMatchObject({ moves: 1, direction: "up" });
  store.apply(update(3, { price: 11, bid: 10 }), NOW_MS);
  expect(row?.moves).toBe(1);
  store.apply(update(4, { price: 10.5 }), NOW_MS);
  expect(row).toMatchObject({ moves: 2, direction: "down" });
});

test("decimals only grow, so that a price doesn't jump about in its column", () => {
  const store = watching("AAPL");
  const row = store.get("AAPL");
  store.apply(update(1, { price: 10 }), NOW_MS);
  expect(row?.decimals).toBe(2);
  store.apply(update(2, { price: 10, bid: 9.995 }), NOW_MS);
  expect(row?.decimals).toBe(3);
  store.apply(update(3, { price: 10.5 }), NOW_MS);
  expect(row?.decimals).toBe(3);
});

test("a snapshot is as old as its tick; one from a clock ahead of ours is new", () => {
  const store = watching("AAPL");
  store.apply(update(1, { time_us: (NOW_MS - 60_000) * 1000 }, { kind: "snapshot" }), NOW_MS);
  expect(store.get("AAPL")?.asOfMs).toBe(NOW_MS - 60_000);
  store.apply(update(2, { time_us: (NOW_MS + 60_000) * 1000 }, { kind: "snapshot" }), NOW_MS);
  expect(store.get("AAPL")?.asOfMs).toBe(NOW_MS);
});

test("what is derived is unknown when a part of it is", () => {
  expect(changeOf({ symbol: "A", price: 1 })).toBeNull();
  expect(changeOf({ symbol: "A", price: -30, open: -40 })).toEqual({ absolute: 10, percent: 25 });
  expect(spreadOf({ symbol: "A", bid: 1 })).toBeNull();
  expect(rangePosition({ symbol: "A", price: 15, low: 10, high: 20 })).toBe(0.5);
  expect(rangePosition({ symbol: "A", price: 10, low: 10, high: 10 })).toBe(0.5);
  expect(rangePosition({ symbol: "A", low: 10, high: 20 })).toBeNull();
});

describe("headers and body become an update", () => {
  const headers = { destination: "/topic/price.stock.BRK.B", type: "snapshot", seq: "42", epoch: "9", conflated: "3" };

  test("with every field typed", () => {
    const body = '{"symbol":"BRK.B","price":"467.123456789012","bid":1e-9,"venue":"XNYS","more":true}';
    expect(parseUpdate(headers, body)).toEqual({
      kind: "snapshot", seq: 42, epoch: "9", conflated: 3,
      quote: { symbol: "BRK.B", price: 467.123456789012, bid: 1e-9, venue: "XNYS" },
    });
  });

  test("a delisting needs no body", () => {
    expect(parseUpdate({ ...headers, type: "delisted" }, "")).toMatchObject({ kind: "delisted", quote: { symbol: "BRK.B" } });
  });

  test.each(["{", "null", "[1", '"text"'])("what isn't an object (%s) is none", (body) => {
    expect(parseUpdate(headers, body)).toBeNull();
  });

  test("without a seq there is none either", () => {
    expect(parseUpdate({ destination: headers.destination }, '{"symbol":"A"}')).toBeNull();
  });
});
