/** One row of the watch-list: cells made once, then only texts and attributes that changed are written. */

import * as format from "../format";
import { changeOf, rangePosition, spreadOf, type Row } from "../store";
import { drawSparkline, SPARK_HEIGHT, SPARK_WIDTH, sparkWindowMs } from "./chart";
import { COLUMNS } from "./columns";
import { element, LiveData, LiveText } from "./dom";

/** A flash fades in this many steps, each at least this long. */
const FLASH_STEPS = 4;
const FLASH_STEP_MS = 80;

/** About as many as the track has pixels: a finer move can't be seen. */
const TRACK_STEPS = 40;

export class RowView {
  readonly element = element("tr");
  readonly #row: Row;
  readonly #texts = new Map<string, LiveText>();
  readonly #tone: LiveData;
  readonly #state: LiveData;
  readonly #flash: LiveData;
  readonly #track = element("span", "track");
  readonly #known = new LiveData(this.#track, "known");
  readonly #canvas = element("canvas");
  #marked = "";
  #moves = 0;
  #flashStep = 0;
  #flashedAtMs = -Infinity;
  #drawnAtMs = -Infinity;

  constructor(row: Row, name: string, onRemove: () => void) {
    this.#row = row;
    this.element.tabIndex = -1;
    this.element.dataset["symbol"] = row.symbol;
    const cells = new Map(COLUMNS.map((column) => [column.id, this.#cell(column.id, column.align)]));
    this.#flash = new LiveData(cells.get("last") as HTMLElement, "flash");
    this.#tone = new LiveData(this.element, "tone");
    this.#state = new LiveData(this.element, "state");
    for (const id of ["last", "change", "percent", "bidsize", "bid", "ask", "asksize", "spread", "volume", "age"]) {
      this.#texts.set(id, new LiveText(cells.get(id) as HTMLElement));
    }
    this.#fillSymbol(cells.get("symbol") as HTMLElement);
    this.#texts.set("name", new LiveText(cells.get("name") as HTMLElement));
    this.#fillRange(cells.get("range") as HTMLElement);
    this.#fillSpark(cells.get("spark") as HTMLElement);
    this.#fillRemove(cells.get("remove") as HTMLElement, onRemove);
    this.setName(name);
  }

  setName(name: string): void {
    this.#set("name", name);
    this.#set("subname", name);
  }

  select(selected: boolean): void {
    if (selected) this.element.setAttribute("aria-current", "true");
    else this.element.removeAttribute("aria-current");
    this.element.tabIndex = selected ? 0 : -1;
  }

  update(nowMs: number): void {
    const { quote, decimals } = this.#row;
    this.#state.set(this.#stateName());
    if (quote === null) {
      this.#set("waiting", `waiting for the first tick of ${this.#row.symbol}`);
      return;
    }
    this.#set("waiting", "");
    const change = changeOf(quote);
    this.#tone.set(toneOf(change?.absolute ?? 0));
    this.#set("last", format.price(quote.price, decimals));
    this.#set("change", format.signed(change?.absolute, decimals));
    this.#set("percent", format.percent(change?.percent));
    this.#set("bidsize", format.size(quote.bid_size));
    this.#set("bid", format.price(quote.bid, decimals));
    this.#set("ask", format.price(quote.ask, decimals));
    this.#set("asksize", format.size(quote.ask_size));
    this.#set("spread", format.price(spreadOf(quote), decimals));
    this.#set("volume", format.compact(quote.volume));
    this.#set("low", format.price(quote.low, decimals));
    this.#set("high", format.price(quote.high, decimals));
    this.#placeMarker(rangePosition(quote));
    this.#startFlash(nowMs);
    this.tick(nowMs);
  }

  /** What changes with time alone. */
  tick(nowMs: number): void {
    if (this.#row.quote !== null) this.#set("age", format.age(Math.max(nowMs - this.#row.asOfMs, 0)));
  }

  /** Takes a flash one step further when it is time. Returns whether one is still to be seen. */
  fade(nowMs: number): boolean {
    if (this.#flashStep === 0) return false;
    if (nowMs - this.#flashedAtMs < FLASH_STEP_MS) return true;
    this.#flashedAtMs = nowMs;
    this.#flashStep -= 1;
    this.#showFlash();
    return this.#flashStep > 0;
  }

  /** Draws the sparkline if it is older than `maxAgeMs`. */
  draw(nowMs: number, maxAgeMs: number): void {
    if (nowMs - this.#drawnAtMs < maxAgeMs) return;
    this.#drawnAtMs = nowMs;
    drawSparkline(this.#canvas, this.#row.history.window(sparkWindowMs, nowMs), nowMs);
  }

  #stateName(): string {
    if (this.#row.delisted) return "delisted";
    if (this.#row.quote === null) return "waiting";
    return this.#row.stale ? "stale" : "live";
  }

  #startFlash(nowMs: number): void {
    if (this.#row.moves === this.#moves) return;
    this.#moves = this.#row.moves;
    this.#flashStep = FLASH_STEPS;
    this.#flashedAtMs = nowMs;
    this.#showFlash();
  }

  #showFlash(): void {
    if (this.#flashStep > 0) this.#flash.set(`${this.#row.direction}-${this.#flashStep}`);
    else this.#flash.remove();
  }

  #placeMarker(position: number | null): void {
    this.#known.set(String(position !== null));
    const text = `${Math.round((position ?? 0) * TRACK_STEPS) * (100 / TRACK_STEPS)}%`;
    if (position === null || text === this.#marked) return;
    this.#marked = text;
    this.#track.style.backgroundPositionX = `${text}, 0`;
  }

  #set(id: string, text: string): void {
    this.#texts.get(id)?.set(text);
  }

  #cell(id: string, align: string): HTMLElement {
    const cell = id === "symbol" ? element("th") : element("td");
    if (id === "symbol") cell.setAttribute("scope", "row");
    cell.className = `c-${id} ${align}`;
    this.element.append(cell);
    return cell;
  }

  #fillSymbol(cell: HTMLElement): void {
    cell.append(element("span", "ticker", this.#row.symbol));
    const under = element("span", "subname");
    const waiting = element("span", "waiting");
    cell.append(under, waiting);
    this.#texts.set("subname", new LiveText(under));
    this.#texts.set("waiting", new LiveText(waiting));
  }

  #fillRange(cell: HTMLElement): void {
    const [low, high] = [element("span", "low"), element("span", "high")];
    cell.append(element("div", "range", low, this.#track, high));
    this.#texts.set("low", new LiveText(low));
    this.#texts.set("high", new LiveText(high));
    this.#known.set("false");
  }

  #fillSpark(cell: HTMLElement): void {
    this.#canvas.width = SPARK_WIDTH;
    this.#canvas.height = SPARK_HEIGHT;
    this.#canvas.setAttribute("aria-hidden", "true");
    cell.append(this.#canvas);
  }

  #fillRemove(cell: HTMLElement, onRemove: () => void): void {
    const button = element("button", "remove", "×");
    button.type = "button";
    button.tabIndex = -1;
    button.title = `Remove ${this.#row.symbol}`;
    button.setAttribute("aria-label", button.title);
    button.addEventListener("click", (event) => {
      event.stopPropagation();
      onRemove();
    });
    cell.append(button);
  }
}

export function toneOf(change: number): string {
  if (change === 0) return "flat";
  return change > 0 ? "up" : "down";
}
