/** The selected symbol in full: a chart of ten minutes and every field of its state. */

import * as format from "../format";
import { BUCKET_MS, BUCKETS, type Point } from "../history";
import { gridPrices } from "../grid";
import { changeOf, type Row } from "../store";
import { currentPalette, extent, fillBelow, prepare, stepLine, xOf, yOf, type Frame, type Palette } from "./chart";
import { element, LiveData, LiveText } from "./dom";
import { toneOf } from "./row";

const WINDOW_MS = BUCKET_MS * BUCKETS;
const AXIS_WIDTH = 72;
const AXIS_HEIGHT = 18;
const REDRAW_MS = 250;

const FIELDS = [
  "Open", "Volume", "High", "Trades", "Low", "Last size", "Bid", "Ask", "Venue", "Sequence",
  "Sector", "Event time",
] as const;

export class Details {
  readonly #pane: HTMLElement;
  readonly #canvas = element("canvas");
  readonly #title: LiveText;
  readonly #name: LiveText;
  readonly #last: LiveText;
  readonly #change: LiveText;
  readonly #tone: LiveData;
  readonly #values = new Map<string, LiveText>();
  #row: Row | null = null;
  #sector = "";
  #width = 0;
  #height = 0;
  #drawnAtMs = -Infinity;

  constructor(pane: HTMLElement, onClose: () => void) {
    this.#pane = pane;
    const [title, name] = [element("h2"), element("span", "details-name")];
    const [last, change] = [element("span", "details-last"), element("span", "details-change")];
    const close = element("button", "button", "Close");
    close.type = "button";
    close.addEventListener("click", onClose);
    this.#canvas.setAttribute("role", "img");
    const chart = element("div", "chart", this.#canvas);
    pane.append(element("div", "details-head", title, name, last, change, close), chart, this.#makeFields());
    this.#title = new LiveText(title);
    this.#name = new LiveText(name);
    this.#last = new LiveText(last);
    this.#change = new LiveText(change);
    this.#tone = new LiveData(pane, "tone");
    new ResizeObserver(([entry]) => {
      this.#width = entry?.contentRect.width ?? 0;
      this.#height = entry?.contentRect.height ?? 0;
      this.update(Date.now(), 0);
    }).observe(chart);
  }

  get symbol(): string | null {
    return this.#row?.symbol ?? null;
  }

  open(row: Row, name: string, sector: string): void {
    this.#row = row;
    this.#sector = sector;
    this.#title.set(row.symbol);
    this.#name.set(name);
    this.#canvas.setAttribute("aria-label", `Price of ${row.symbol} over the last ten minutes`);
    this.#pane.hidden = false;
    this.update(Date.now(), 0);
  }

  close(): void {
    this.#row = null;
    this.#pane.hidden = true;
  }

  /** Shows the row as it stands; the chart is drawn again if it is older than `maxAgeMs`. */
  update(nowMs: number, maxAgeMs = REDRAW_MS): void {
    const row = this.#row;
    if (row === null) return;
    this.#fill(row);
    if (nowMs - this.#drawnAtMs < maxAgeMs || this.#width === 0) return;
    this.#drawnAtMs = nowMs;
    this.#draw(row, nowMs);
  }

  #fill({ quote, decimals, seq, delisted }: Row): void {
    const change = quote === null ? null : changeOf(quote);
    const price = (value: number | undefined): string => format.price(value, decimals);
    this.#tone.set(toneOf(change?.absolute ?? 0));
    this.#last.set(quote === null ? "waiting for the first tick" : price(quote.price));
    const percent = change === null ? "" : `${format.signed(change.absolute, decimals)}  ${format.percent(change.percent)}`;
    this.#change.set(delisted ? "delisted" : percent);
    this.#set("Open", price(quote?.open));
    this.#set("High", price(quote?.high));
    this.#set("Low", price(quote?.low));
    this.#set("Volume", format.count(quote?.volume));
    this.#set("Trades", format.count(quote?.trades));
    this.#set("Last size", format.size(quote?.size));
    this.#set("Bid", `${price(quote?.bid)} × ${format.size(quote?.bid_size)}`);
    this.#set("Ask", `${price(quote?.ask)} × ${format.size(quote?.ask_size)}`);
    this.#set("Venue", quote?.venue ?? format.UNKNOWN);
    this.#set("Sector", this.#sector || format.UNKNOWN);
    this.#set("Event time", format.eventTime(quote?.time_us));
    this.#set("Sequence", seq < 0 ? format.UNKNOWN : String(seq));
  }

  #set(field: string, text: string): void {
    this.#values.get(field)?.set(text);
  }

  #makeFields(): HTMLElement {
    const list = element("dl", "fields");
    for (const field of FIELDS) {
      const value = element("dd");
      list.append(element("div", "", element("dt", "", field), value));
      this.#values.set(field, new LiveText(value));
    }
    return list;
  }

  #draw(row: Row, nowMs: number): void {
    const context = prepare(this.#canvas, this.#width, this.#height);
    const points = row.history.window(WINDOW_MS, nowMs);
    const first = points[0];
    if (context === null || first === undefined) return;
    const colours = currentPalette();
    const frame = this.#frame(points, first, nowMs);
    drawGrid(context, frame, colours, row.decimals);
    const tone = (points.at(-1)?.price ?? 0) >= first.price ? colours.up : colours.down;
    context.lineWidth = 1.5;
    context.lineJoin = "round";
    context.strokeStyle = tone;
    stepLine(context, frame, points);
    context.stroke();
    fillBelow(context, frame, xOf(frame, Math.max(first.atMs, frame.fromMs)), tone);
  }

  /** The chart grows from half a minute to ten, so that a page just opened isn't one thin line at the right. */
  #frame(points: readonly Point[], first: Point, nowMs: number): Frame {
    const shownMs = Math.min(Math.max(nowMs - first.atMs, 30_000), WINDOW_MS);
    const { low, high } = extent(points);
    const margin = (high - low) * 0.08;
    return {
      left: 0, top: 8, width: this.#width - AXIS_WIDTH, height: this.#height - AXIS_HEIGHT - 8,
      fromMs: nowMs - shownMs, toMs: nowMs, low: low - margin, high: high + margin,
    };
  }
}

function drawGrid(context: CanvasRenderingContext2D, frame: Frame, colours: Palette, decimals: number): void {
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = colours.text;
  context.strokeStyle = colours.grid;
  context.lineWidth = 1;
  context.textBaseline = "middle";
  for (const price of gridPrices(frame.low, frame.high, decimals)) {
    const y = Math.round(yOf(frame, price)) + 0.5;
    context.beginPath();
    context.moveTo(frame.left, y);
    context.lineTo(frame.left + frame.width, y);
    context.stroke();
    context.fillText(format.price(price, decimals), frame.left + frame.width + 6, y);
  }
  context.textBaseline = "alphabetic";
  const seconds = (frame.toMs - frame.fromMs) / 1000;
  const bottom = frame.top + frame.height + AXIS_HEIGHT - 4;
  context.fillText(`−${format.age(seconds * 1000)}`, frame.left, bottom);
  context.textAlign = "right";
  context.fillText("now", frame.left + frame.width, bottom);
  context.textAlign = "left";
}
