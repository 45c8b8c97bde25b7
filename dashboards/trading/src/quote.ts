/** A STOMP MESSAGE as the page sees it: the whole state of one symbol. Text becomes types here and nowhere else. */

/** The state of a symbol. A field that is absent is unknown. */
export interface Quote {
  symbol: string;
  price?: number;
  size?: number;
  bid?: number;
  bid_size?: number;
  ask?: number;
  ask_size?: number;
  open?: number;
  high?: number;
  low?: number;
  volume?: number;
  trades?: number;
  /** Event time, microseconds since the Unix epoch. */
  time_us?: number;
  venue?: string;
}

export type UpdateKind = "snapshot" | "update" | "delisted";

export interface Update {
  kind: UpdateKind;
  quote: Quote;
  seq: number;
  epoch: string;
  /** Further ticks that were folded into this message. */
  conflated: number;
}

const NUMBERS = [
  "price", "size", "bid", "bid_size", "ask", "ask_size", "open", "high", "low", "volume", "trades", "time_us",
] as const;

/** The update that a message carries, or `null` when it isn't one that this page understands. */
export function parseUpdate(headers: Readonly<Record<string, string>>, body: string): Update | null {
  const quote = parseQuote(body, symbolOf(headers["destination"]));
  const seq = Number(headers["seq"]);
  if (quote === null || headers["seq"] === undefined || !Number.isFinite(seq)) return null;
  const conflated = Number(headers["conflated"] ?? 0);
  return {
    kind: parseKind(headers["type"]),
    quote,
    seq,
    epoch: headers["epoch"] ?? "",
    conflated: Number.isFinite(conflated) ? conflated : 0,
  };
}

/** The destination that carries a symbol. */
export const DESTINATION_PREFIX = "/topic/price.stock.";

function symbolOf(destination: string | undefined): string | undefined {
  return destination?.startsWith(DESTINATION_PREFIX) ? destination.slice(DESTINATION_PREFIX.length) : undefined;
}

function parseKind(type: string | undefined): UpdateKind {
  return type === "snapshot" || type === "delisted" ? type : "update";
}

/** A delisted symbol may come without a body; its destination still names it. */
function parseQuote(body: string, named: string | undefined): Quote | null {
  let fields: unknown = {};
  try {
    if (body !== "") fields = JSON.parse(body);
  } catch {
    return null;
  }
  if (typeof fields !== "object" || fields === null) return null;
  const record = fields as Record<string, unknown>;
  const symbol = typeof record["symbol"] === "string" ? record["symbol"] : named;
  if (symbol === undefined) return null;
  const quote: Quote = { symbol };
  for (const name of NUMBERS) {
    const value = toNumber(record[name]);
    if (value !== undefined) quote[name] = value;
  }
  if (typeof record["venue"] === "string") quote.venue = record["venue"];
  return quote;
}

/** Prices with more digits than a JSON number keeps may come as strings. */
function toNumber(value: unknown): number | undefined {
  const number = typeof value === "string" && value !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
}
