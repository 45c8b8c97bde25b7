/** The symbols that the server knows: fetched, and searched by symbol and name. */

export interface SymbolInfo {
  symbol: string;
  name: string;
  sector: string;
}

/** A symbol as the server accepts it in a destination. */
const SYMBOL = /^[A-Za-z0-9._\-/:^=]{1,32}$/;

export function isSymbol(text: string): boolean {
  return SYMBOL.test(text);
}

/** What `/api/symbols` answered, without what can't be read. */
export function parseSymbols(answer: unknown): SymbolInfo[] {
  const list = (answer as { symbols?: unknown } | null)?.symbols;
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown) => {
    const { symbol, name, sector } = (entry ?? {}) as Record<string, unknown>;
    if (typeof symbol !== "string" || !isSymbol(symbol)) return [];
    return [{ symbol, name: typeof name === "string" ? name : "", sector: typeof sector === "string" ? sector : "" }];
  });
}

/** A search result; `known` is false for text that is a possible symbol which the server has not seen yet. */
export interface Match extends SymbolInfo {
  known: boolean;
}

/** The best `limit` matches for what was typed: by symbol first, then by the words of the name. */
export function searchSymbols(directory: readonly SymbolInfo[], typed: string, limit: number): Match[] {
  const query = typed.trim().toUpperCase();
  if (query === "") return [];
  const ranked = directory
    .map((info) => ({ info, rank: rankOf(info, query) }))
    .filter(({ rank }) => rank !== null)
    .sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0) || a.info.symbol.localeCompare(b.info.symbol, "en"));
  const matches: Match[] = ranked.slice(0, limit).map(({ info }) => ({ ...info, known: true }));
  return matches.concat(unknownMatches(directory, typed.trim(), query)).slice(0, limit);
}

/** Lower is better; `null` is no match. */
function rankOf(info: SymbolInfo, query: string): number | null {
  const symbol = info.symbol.toUpperCase();
  const name = info.name.toUpperCase();
  if (symbol === query) return 0;
  if (symbol.startsWith(query)) return 1;
  if (name.startsWith(query)) return 2;
  if (name.split(/[^\p{L}\p{N}]+/u).some((word) => word.startsWith(query))) return 3;
  if (symbol.includes(query)) return 4;
  return name.includes(query) ? 5 : null;
}

/** A symbol may be watched before its first tick: in capitals as most are written, then exactly as it was typed. */
function unknownMatches(directory: readonly SymbolInfo[], typed: string, upper: string): Match[] {
  const known = new Set(directory.map((info) => info.symbol));
  const spelled = [...new Set([upper, typed])];
  if (spelled.some((symbol) => known.has(symbol))) return [];
  return spelled.filter(isSymbol).map((symbol) => ({ symbol, name: "", sector: "", known: false }));
}

/** The server's list as this page last saw it. */
export class SymbolDirectory {
  #list: SymbolInfo[] = [];
  #bySymbol = new Map<string, SymbolInfo>();
  #fetchedAtMs = -Infinity;

  get list(): readonly SymbolInfo[] {
    return this.#list;
  }

  find(symbol: string): SymbolInfo | undefined {
    return this.#bySymbol.get(symbol);
  }

  nameOf = (symbol: string): string => this.#bySymbol.get(symbol)?.name ?? "";

  isOlderThan(ageMs: number): boolean {
    return Date.now() - this.#fetchedAtMs >= ageMs;
  }

  /** Asks the server again if what is known is older than `maxAgeMs`. Throws what `fetch` throws. */
  async refresh(maxAgeMs: number): Promise<void> {
    if (!this.isOlderThan(maxAgeMs)) return;
    this.#fetchedAtMs = Date.now();
    const response = await fetch("api/symbols", { headers: { accept: "application/json" } });
    if (!response.ok) throw new Error(`/api/symbols answered ${response.status}`);
    this.#list = parseSymbols(await response.json());
    this.#bySymbol = new Map(this.#list.map((info) => [info.symbol, info]));
  }
}
