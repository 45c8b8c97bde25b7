/**
 * What is known of every watched symbol. Pure: the time comes in, and what changed is asked for.
 *
 * Messages only mark rows as changed; the view takes the marks once a frame. Between two frames, or while the tab is
 * hidden, a thousand messages leave no more work behind than one.
 */

import { decimalsOf } from "./format";
import { History } from "./history";
import type { Quote, Update } from "./quote";

export type Direction = "up" | "down" | "none";

export interface Row {
  readonly symbol: string;
  /** `null` until the first message: the symbol has not ticked yet. */
  quote: Quote | null;
  seq: number;
  epoch: string;
  delisted: boolean;
  /** The last known price is from an epoch or a connection that has ended. */
  stale: boolean;
  /** How the last price moved in the newest change of price, and how often it changed. */
  direction: Direction;
  moves: number;
  /** The most decimals seen in any price of this symbol: its prices are all shown with as many. */
  decimals: number;
  /** When the state was made, by this computer's clock, milliseconds. */
  asOfMs: number;
  readonly history: History;
}

/** What became of an update. */
export type Applied = "applied" | "not-newer" | "not-watched";

const MIN_DECIMALS = 2;

export class Store {
  readonly #rows = new Map<string, Row>();
  readonly #dirty = new Set<Row>();
  #epoch: string | null = null;

  /** The rows in the order in which they were added. */
  rows(): IterableIterator<Row> {
    return this.#rows.values();
  }

  get(symbol: string): Row | undefined {
    return this.#rows.get(symbol);
  }

  get size(): number {
    return this.#rows.size;
  }

  watch(symbol: string): Row {
    const known = this.#rows.get(symbol);
    if (known !== undefined) return known;
    const row: Row = {
      symbol,
      quote: null,
      seq: -1,
      epoch: "",
      delisted: false,
      stale: false,
      direction: "none",
      moves: 0,
      decimals: MIN_DECIMALS,
      asOfMs: 0,
      history: new History(),
    };
    this.#rows.set(symbol, row);
    return row;
  }

  unwatch(symbol: string): void {
    const row = this.#rows.get(symbol);
    if (row === undefined) return;
    this.#rows.delete(symbol);
    this.#dirty.delete(row);
  }

  /**
   * Takes an update in, unless the row already holds this state or a newer one of the same epoch. A snapshot replaces
   * the state even at the same record: the trading day began anew, which no tick tells.
   */
  apply(update: Update, nowMs: number): Applied {
    const row = this.#rows.get(update.quote.symbol);
    if (row === undefined) return "not-watched";
    this.#enterEpoch(update.epoch);
    if (row.epoch === update.epoch && update.seq <= row.seq && !replaces(update, row)) return "not-newer";
    this.#fold(row, update, nowMs);
    this.#dirty.add(row);
    return "applied";
  }

  /** The rows that changed since the last call. */
  takeDirty(): Row[] {
    const rows = [...this.#dirty];
    this.#dirty.clear();
    return rows;
  }

  get epoch(): string | null {
    return this.#epoch;
  }

  /** What every row holds is of the past until its own next message arrives. */
  greyAll(): void {
    for (const row of this.#rows.values()) {
      if (row.quote === null || row.stale) continue;
      row.stale = true;
      this.#dirty.add(row);
    }
  }

  #fold(row: Row, update: Update, nowMs: number): void {
    const before = row.quote?.price;
    // The same record is no younger when it's told again.
    const isKnown = row.epoch === update.epoch && row.seq === update.seq;
    row.asOfMs = isKnown ? row.asOfMs : asOfMs(update, nowMs);
    // A delisted symbol keeps its last prices, greyed: they are what the trader remembers it by.
    const bare = update.kind === "delisted" && update.quote.price === undefined;
    row.quote = bare && row.quote !== null ? row.quote : update.quote;
    row.seq = update.seq;
    row.epoch = update.epoch;
    row.delisted = update.kind === "delisted";
    row.stale = false;
    row.decimals = Math.max(row.decimals, ...pricesOf(update.quote).map(decimalsOf));
    const price = row.quote.price;
    // Without trades the middle of the quote draws the line.
    const drawn = price ?? middle(row.quote);
    if (drawn !== undefined && !row.delisted) row.history.record(drawn, nowMs);
    if (price === undefined || before === undefined || price === before) return;
    row.direction = price > before ? "up" : "down";
    row.moves += 1;
  }

  #enterEpoch(epoch: string): void {
    if (this.#epoch === epoch) return;
    const first = this.#epoch === null;
    this.#epoch = epoch;
    if (!first) this.greyAll();
  }
}

function replaces(update: Update, row: Row): boolean {
  return update.kind === "snapshot" && update.seq === row.seq;
}

/** Change against the day's open, absolute and in per cent; unknown when either price is. */
export function changeOf(quote: Quote): { absolute: number; percent: number } | null {
  if (quote.price === undefined || quote.open === undefined || quote.open === 0) return null;
  const absolute = quote.price - quote.open;
  return { absolute, percent: (absolute / Math.abs(quote.open)) * 100 };
}

export function spreadOf(quote: Quote): number | null {
  return quote.bid === undefined || quote.ask === undefined ? null : quote.ask - quote.bid;
}

/** Where the last price stands between the day's low (0) and high (1). */
export function rangePosition(quote: Quote): number | null {
  const { price, low, high } = quote;
  if (price === undefined || low === undefined || high === undefined || high < low) return null;
  return high === low ? 0.5 : Math.min(Math.max((price - low) / (high - low), 0), 1);
}

function middle(quote: Quote): number | undefined {
  return quote.bid === undefined || quote.ask === undefined ? undefined : (quote.bid + quote.ask) / 2;
}

function pricesOf(quote: Quote): number[] {
  return [quote.price, quote.bid, quote.ask].filter((price) => price !== undefined);
}

/** An update has just happened; a snapshot is as old as its tick, as far as the two clocks agree. */
function asOfMs(update: Update, nowMs: number): number {
  if (update.kind !== "snapshot" || update.quote.time_us === undefined) return nowMs;
  return Math.min(update.quote.time_us / 1000, nowMs);
}
