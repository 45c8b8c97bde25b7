/**
 * Which symbols are watched, and where that is remembered: in the address (to share), in the browser (to come back
 * to), or, for someone who never chose, the best-known symbols among those the server knows.
 */

import { isSymbol, type SymbolInfo } from "./symbols";

/** Half of the subscriptions that the server gives a session. */
export const MAX_SYMBOLS = 500;
const FIRST_LIST_SIZE = 20;
const STORAGE_KEY = "tickcast.watch-list";

/** Widely traded, most liquid first. */
const WELL_KNOWN = [
  "AAPL", "NVDA", "MSFT", "AMZN", "TSLA", "META", "GOOGL", "AMD", "AVGO", "NFLX", "JPM", "INTC", "BAC", "XOM", "V",
  "UNH", "LLY", "WMT", "COST", "HD", "MA", "ORCL", "CRM", "KO", "DIS", "PFE", "BA", "QCOM", "MU", "JNJ", "PG", "CSCO",
  "ADBE", "CVX", "MRK", "PEP", "GOOG", "BRK.B", "ABBV", "NKE",
];

/** The list for a first visit. It grows while the server is still getting to know its symbols. */
export function firstList(directory: readonly SymbolInfo[]): string[] {
  const known = new Set(directory.map((info) => info.symbol));
  const chosen = WELL_KNOWN.filter((symbol) => known.has(symbol));
  return unique([...chosen, ...known]).slice(0, FIRST_LIST_SIZE);
}

/** `#symbols=AAPL,BRK.B`: a comma can't be part of a symbol. */
export function toHash(symbols: readonly string[]): string {
  return `#symbols=${symbols.map(encodeURIComponent).join(",")}`;
}

/** The symbols that an address names, or `null` when it names none. */
export function fromHash(hash: string): string[] | null {
  const value = /^#symbols=(.*)$/.exec(hash)?.[1];
  return value === undefined ? null : parseList(value.split(",").map(decode));
}

/** Possible symbols only, each once, at most as many as can be watched. */
export function parseList(list: readonly unknown[]): string[] {
  return unique(list.filter((entry) => typeof entry === "string" && isSymbol(entry)) as string[]).slice(0, MAX_SYMBOLS);
}

export function loadList(storage: Storage | null): string[] | null {
  try {
    const stored: unknown = JSON.parse(storage?.getItem(STORAGE_KEY) ?? "null");
    return Array.isArray(stored) ? parseList(stored) : null;
  } catch {
    return null;
  }
}

/** Storage may be full or forbidden; the list then lives as long as the page. */
export function saveList(storage: Storage | null, symbols: readonly string[]): void {
  try {
    storage?.setItem(STORAGE_KEY, JSON.stringify(symbols));
  } catch {
    // Nothing the user could do about it here, and nothing is lost now.
  }
}

function unique(symbols: readonly string[]): string[] {
  return [...new Set(symbols)];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
