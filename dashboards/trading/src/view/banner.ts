/** The line below the head that tells when something is wrong with the feed, and for a moment that it's over. */

import * as format from "../format";
import { bannerOf, type FeedStatus } from "../notices";
import { byId, LiveData, LiveText } from "./dom";

/** Long enough to be read. */
const GOOD_NEWS_MS = 6_000;
/** Below this a silence is no news. */
const QUIET_SHOWN_FROM_MS = 1_000;

export class FeedBanner {
  readonly #banner = byId("feed-status");
  readonly #tone = new LiveData(this.#banner, "tone");
  readonly #text = new LiveText(byId("feed-status-text"));
  readonly #detail = new LiveText(byId("feed-status-detail"));
  /** Not part of the live region: nobody wants to hear it count. */
  readonly #clock = new LiveText(byId("feed-status-clock"));
  #isTrouble = false;
  #quietSinceMs: number | null = null;
  #hideAtMs = Infinity;

  /** Shows what the server says of its feed. Returns whether something is wrong with it. */
  show(status: FeedStatus, nowMs: number): boolean {
    const banner = bannerOf(status, this.#isTrouble);
    if (banner === null) {
      this.hide();
      return false;
    }
    this.#isTrouble = banner.tone === "warning";
    this.#quietSinceMs = banner.quietSinceMs;
    this.#hideAtMs = this.#isTrouble ? Infinity : nowMs + GOOD_NEWS_MS;
    this.#tone.set(banner.tone);
    this.#text.set(banner.text);
    this.#detail.set(banner.detail);
    this.#banner.hidden = false;
    this.tick(nowMs);
    return this.#isTrouble;
  }

  /** Nothing is known of the feed: what is wrong is told elsewhere. */
  hide(): void {
    this.#isTrouble = false;
    this.#quietSinceMs = null;
    this.#hideAtMs = Infinity;
    this.#banner.hidden = true;
    // The next text is to be read out even if it's the same.
    this.#text.set("");
  }

  tick(nowMs: number): void {
    if (nowMs >= this.#hideAtMs) this.hide();
    const quietMs = this.#quietSinceMs === null ? 0 : nowMs - this.#quietSinceMs;
    this.#clock.set(quietMs < QUIET_SHOWN_FROM_MS ? "" : `No tick for ${format.age(quietMs)}.`);
  }
}
