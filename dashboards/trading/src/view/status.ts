/** The state of the connection, and the figures in the foot of the page. */

import type { FeedState } from "../feed";
import * as format from "../format";
import { connectionText, type SessionStatus } from "../notices";
import type { Delay, Rates } from "../rates";
import { byId, element, LiveData, LiveText } from "./dom";

export interface Figures {
  rates: Rates;
  /** Milliseconds since anything arrived; `null` before the first. */
  newestAgeMs: number | null;
  delay: Delay;
  symbols: number;
  epoch: string | null;
}

const FIGURES = [
  ["rate", "Messages", "STOMP messages a second, over the last two seconds"],
  ["bytes", "Inbound", "Bytes a second of STOMP frames, their headers included"],
  ["conflated", "Conflated", "Share of ticks that were folded into a newer state before this page took them"],
  ["newest", "Newest", "Time since the newest update arrived, by this page's own clock"],
  ["delay", "Delay", ""],
  ["symbols", "Symbols", "Symbols on this list"],
] as const;

export class Status {
  readonly #state = new LiveData(byId("state"), "state");
  readonly #stateText: LiveText;
  readonly #detail = new LiveText(byId("state-detail"));
  readonly #retry = byId<HTMLButtonElement>("retry");
  readonly #values = new Map<string, LiveText>();
  readonly #delayTitle: HTMLElement;
  #feed: FeedState = { kind: "connecting" };
  /** What the server says of this connection; nothing when all is well. */
  #pace = "";

  constructor(onRetry: () => void) {
    const state = byId("state");
    state.textContent = "";
    this.#stateText = new LiveText(state, "connecting");
    this.#retry.addEventListener("click", onRetry);
    const list = byId("figures");
    let delayTitle: HTMLElement = list;
    for (const [id, label, title] of FIGURES) {
      const value = element("dd");
      value.dataset["figure"] = id;
      const group = element("div", "", element("dt", "", label), value);
      group.title = title;
      if (id === "delay") delayTitle = group;
      this.#values.set(id, new LiveText(value, format.UNKNOWN));
      list.append(group);
    }
    this.#delayTitle = delayTitle;
  }

  showState(feed: FeedState): void {
    this.#feed = feed;
    this.#pace = "";
    const name = feed.kind === "given-up" ? "disconnected" : feed.kind;
    this.#state.set(name);
    this.#stateText.set(name);
    this.#retry.hidden = feed.kind !== "disconnected" && feed.kind !== "given-up";
    document.body.dataset["feed"] = name;
    this.tick(Date.now());
  }

  /** The server says that this connection is slow, or no longer slow. */
  showSession(session: SessionStatus): void {
    this.#pace = connectionText(session);
    this.tick(Date.now());
  }

  /** The countdown isn't part of the live region: nobody wants to hear it count. */
  tick(nowMs: number): void {
    const feed = this.#feed;
    if (feed.kind === "given-up") this.#detail.set(feed.reason);
    else if (feed.kind === "connected") {
      const transport = feed.transport === "sockjs" ? "over HTTP, as WebSocket is blocked" : "";
      this.#detail.set([this.#pace, transport].filter((text) => text !== "").join("; "));
    } else if (feed.kind === "connecting") this.#detail.set("");
    else {
      const seconds = Math.max(Math.ceil((feed.retryAtMs - nowMs) / 1000), 0);
      this.#detail.set(`${feed.reason}; retry in ${seconds} s`);
    }
  }

  showFigures({ rates, newestAgeMs, delay, symbols, epoch }: Figures): void {
    const set = (id: string, text: string): void => this.#values.get(id)?.set(text);
    set("rate", `${rates.messagesPerS < 9.5 ? rates.messagesPerS.toFixed(1) : format.count(rates.messagesPerS)}/s`);
    set("bytes", format.byteRate(rates.bytesPerS));
    set("conflated", rates.conflatedShare === null ? format.UNKNOWN : `${(rates.conflatedShare * 100).toFixed(1)}%`);
    set("newest", newestAgeMs === null ? format.UNKNOWN : `${format.duration(newestAgeMs)} ago`);
    set("delay", delayText(delay));
    set("symbols", String(symbols));
    this.#delayTitle.title = delayTitle(delay) + (epoch === null ? "" : `\nFeed epoch ${epoch}`);
  }
}

function delayText(delay: Delay): string {
  switch (delay.kind) {
    case "unknown":
      return format.UNKNOWN;
    case "recorded":
      return "recording";
    case "measured":
      return format.duration(delay.ms);
    case "skewed":
      return `≥ ${format.duration(delay.ms)}`;
  }
}

function delayTitle(delay: Delay): string {
  switch (delay.kind) {
    case "unknown":
      return "From the event to this page: no tick has come yet";
    case "recorded":
      return "The ticks' event times are not of now: a recording is being replayed";
    case "measured":
      return "From the event's time to its arrival here, by the two computers' clocks as they are";
    case "skewed":
      return (
        `This computer's clock is behind the feed's by at least ${format.duration(delay.skewMs)}: ` +
        "the delay is counted from the fastest tick seen"
      );
  }
}
