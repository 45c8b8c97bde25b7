/** The order of the rows: the user's own, or by a column. */

import { changeOf, spreadOf, type Row } from "./store";

export const SORT_KEYS = [
  "symbol", "name", "last", "change", "percent", "bid", "ask", "spread", "volume", "age",
] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface Sort {
  key: SortKey;
  descending: boolean;
}

/** Texts start at A; of numbers a trader wants the largest first. */
function startsDescending(key: SortKey): boolean {
  return key !== "symbol" && key !== "name" && key !== "age";
}

/** What a click on a column's head leads to: sorted, the other way round, then the user's own order again. */
export function nextSort(current: Sort | null, key: SortKey): Sort | null {
  const first = startsDescending(key);
  if (current?.key !== key) return { key, descending: first };
  return current.descending === first ? { key, descending: !first } : null;
}

/** The symbols in order. Unknown values come last either way, and equal ones keep the user's order. */
export function sortedSymbols(rows: Iterable<Row>, sort: Sort | null, nameOf: (symbol: string) => string): string[] {
  const list = [...rows];
  if (sort === null) return list.map((row) => row.symbol);
  const keyed = list.map((row) => ({ symbol: row.symbol, value: valueOf(row, sort.key, nameOf) }));
  const sign = sort.descending ? -1 : 1;
  keyed.sort((a, b) => {
    if (a.value === null || b.value === null) return Number(a.value === null) - Number(b.value === null);
    return sign * compare(a.value, b.value);
  });
  return keyed.map((row) => row.symbol);
}

function compare(a: string | number, b: string | number): number {
  if (typeof a === "string" && typeof b === "string") return a.localeCompare(b, "en", { numeric: true });
  return Number(a) - Number(b);
}

function valueOf(row: Row, key: SortKey, nameOf: (symbol: string) => string): string | number | null {
  if (key === "symbol") return row.symbol;
  if (key === "name") return nameOf(row.symbol) || null;
  const quote = row.quote;
  if (quote === null) return null;
  switch (key) {
    case "last":
      return quote.price ?? null;
    case "change":
      return changeOf(quote)?.absolute ?? null;
    case "percent":
      return changeOf(quote)?.percent ?? null;
    case "bid":
      return quote.bid ?? null;
    case "ask":
      return quote.ask ?? null;
    case "spread":
      return spreadOf(quote);
    case "volume":
      return quote.volume ?? null;
    case "age":
      return -row.asOfMs;
  }
}
