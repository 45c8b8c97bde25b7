/** The page's wiring: who is told what. The parts know nothing of each other. */

import { Feed, type FeedState } from "./feed";
import type { FeedStatus } from "./notices";
import { saveSort } from "./preferences";
import type { Update } from "./quote";
import { DelayMeter, RateMeter } from "./rates";
import type { Sort } from "./sort";
import { Store } from "./store";
import { searchSymbols, SymbolDirectory } from "./symbols";
import { FeedBanner } from "./view/banner";
import { forgetPalette } from "./view/chart";
import { Details } from "./view/details";
import { byId } from "./view/dom";
import { Search } from "./view/search";
import { Status } from "./view/status";
import { Table } from "./view/table";
import { firstList, fromHash, loadList, MAX_SYMBOLS, saveList, toHash } from "./watchlist";

const MATCHES = 10;
/**
 * The first update after a quiet moment shows in the next frame; under load every third frame shows all there is.
 * Nobody reads faster, and a screen full of busy rows costs a third.
 */
const SHOW_EVERY_MS = 40;
const FIGURES_EVERY_MS = 250;
const TICK_EVERY_MS = 1_000;
const NOTICE_MS = 8_000;
/** Who looks at another tab for a moment comes back to a page that runs at its full rate. */
const BEHIND_AFTER_MS = 5_000;
/** While the first list is still short, and when all is well. */
const DIRECTORY_RETRY_MS = 2_000;
const DIRECTORY_REFRESH_MS = 60_000;
const FULL_FIRST_LIST = 20;

export class App {
  readonly #store = new Store();
  readonly #directory = new SymbolDirectory();
  readonly #rates = new RateMeter();
  readonly #delay = new DelayMeter();
  readonly #storage: Storage | null;
  readonly #feed: Feed;
  readonly #table: Table;
  readonly #search: Search;
  readonly #status: Status;
  readonly #details: Details;
  readonly #banner = new FeedBanner();
  /** Whether somebody chose this list; one that nobody chose follows what the server knows. */
  #chosen = false;
  #frameAsked = false;
  #shownAtMs = -Infinity;
  #newestAtMs: number | null = null;
  #connected = false;
  #directoryError: string | null = null;
  #noticeTimer: number | undefined;
  #behindTimer: number | undefined;

  constructor(base: string, storage: Storage | null, sort: Sort | null) {
    this.#storage = storage;
    this.#feed = new Feed(base, {
      onState: (state) => this.#onState(state),
      onUpdate: (update) => this.#onUpdate(update),
      onFeedStatus: (status) => this.#onFeedStatus(status),
      onSessionStatus: (status) => this.#status.showSession(status),
      onBytes: (bytes) => this.#rates.countBytes(bytes, performance.now()),
      onError: (message) => this.#notify(`The server says: ${message}`),
    });
    this.#table = new Table(byId<HTMLTableElement>("watch-list"), this.#store, this.#directory.nameOf, sort, {
      onRemove: (symbol) => this.#remove(symbol),
      onSelect: (symbol) => this.#onSelect(symbol),
      onOpen: (symbol) => this.#openDetails(symbol),
      onSort: (by) => saveSort(storage, by),
    });
    this.#search = new Search(byId<HTMLInputElement>("search"), byId("matches"), {
      find: (typed) => searchSymbols(this.#directory.list, typed, MATCHES),
      isWatched: (symbol) => this.#store.get(symbol) !== undefined,
      onPick: (symbol) => this.#add(symbol),
      onFocus: () => void this.#refreshDirectory(10_000),
    });
    this.#status = new Status(() => this.#feed.retryNow());
    this.#details = new Details(byId("details"), () => this.#closeDetails());
  }

  start(): void {
    const list = fromHash(location.hash) ?? loadList(this.#storage);
    if (list !== null) this.#replaceList(list);
    this.#listen();
    this.#feed.start();
    this.#showEmpty();
    void this.#refreshDirectory(0);
    window.setInterval(() => this.#showFigures(), FIGURES_EVERY_MS);
    window.setInterval(() => this.#tick(), TICK_EVERY_MS);
  }

  #listen(): void {
    window.addEventListener("hashchange", () => {
      const list = fromHash(location.hash);
      if (list !== null) this.#replaceList(list);
    });
    window.addEventListener("online", () => this.#feed.retryNow());
    document.addEventListener("visibilitychange", () => this.#onVisibility());
    document.addEventListener("keydown", (event) => this.#onKey(event));
    window.matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => {
      forgetPalette();
      this.#table.redraw(Date.now());
      this.#details.update(Date.now(), 0);
    });
    byId("share").addEventListener("click", () => void this.#share());
    // A page may be opened behind others.
    if (document.hidden) this.#onVisibility();
  }

  #onVisibility(): void {
    window.clearTimeout(this.#behindTimer);
    if (document.hidden) {
      this.#behindTimer = window.setTimeout(() => this.#feed.setInFront(false), BEHIND_AFTER_MS);
      return;
    }
    this.#feed.setInFront(true);
    // What came once a second was up to a second late.
    this.#delay.reset();
    this.#feed.retryNow();
    this.#tick();
  }

  // ── the feed ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #onState(state: FeedState): void {
    this.#connected = state.kind === "connected";
    if (this.#connected) {
      this.#delay.reset();
      // A row whose symbol was delisted meanwhile gets no snapshot: it must not look alive.
      this.#store.greyAll();
      this.#askFrame();
      void this.#refreshDirectory(0);
    }
    this.#banner.hide();
    document.body.dataset["health"] = "good";
    this.#status.showState(state);
    this.#showEmpty();
  }

  #onFeedStatus(status: FeedStatus): void {
    const isTrouble = this.#banner.show(status, Date.now());
    document.body.dataset["health"] = isTrouble ? status.health : "good";
  }

  #onUpdate(update: Update): void {
    const now = Date.now();
    this.#rates.countMessage(update.conflated, performance.now());
    const epoch = this.#store.epoch;
    if (this.#store.apply(update, now) !== "applied") return;
    if (epoch !== null && epoch !== this.#store.epoch) this.#notify("The feed was started anew: older prices are greyed.");
    this.#newestAtMs = performance.now();
    if (update.kind === "update" && update.quote.time_us !== undefined) this.#delay.record(update.quote.time_us, now);
    this.#askFrame();
  }

  /** One frame for all that comes before it. A hidden tab gets none, and its one request waits. */
  #askFrame(): void {
    if (this.#frameAsked) return;
    this.#frameAsked = true;
    requestAnimationFrame((frameMs) => this.#onFrame(frameMs));
  }

  #onFrame(frameMs: number): void {
    if (frameMs - this.#shownAtMs < SHOW_EVERY_MS) {
      requestAnimationFrame((next) => this.#onFrame(next));
      return;
    }
    this.#shownAtMs = frameMs;
    this.#frameAsked = false;
    const now = Date.now();
    const fading = this.#table.update(this.#store.takeDirty(), now);
    this.#details.update(now);
    if (fading) this.#askFrame();
  }

  // ── the list ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #add(symbol: string): void {
    if (this.#store.get(symbol) === undefined) {
      if (this.#store.size >= MAX_SYMBOLS) {
        this.#notify(`The list is full: ${MAX_SYMBOLS} symbols. Remove one to add ${symbol}.`);
        return;
      }
      this.#watch(symbol);
      this.#choose();
    }
    this.#table.reorder();
    this.#table.select(symbol, false);
    document.querySelector("tr[aria-current]")?.scrollIntoView({ block: "nearest" });
  }

  #remove(symbol: string): void {
    this.#unwatch(symbol);
    this.#choose();
    this.#showEmpty();
  }

  #replaceList(list: readonly string[]): void {
    const wanted = new Set(list);
    for (const { symbol } of [...this.#store.rows()]) if (!wanted.has(symbol)) this.#unwatch(symbol);
    for (const symbol of list) this.#watch(symbol);
    this.#choose();
    this.#table.reorder();
    this.#showEmpty();
  }

  #watch(symbol: string): void {
    this.#table.add(this.#store.watch(symbol));
    this.#feed.subscribe(symbol);
    this.#showEmpty();
  }

  #unwatch(symbol: string): void {
    this.#feed.unsubscribe(symbol);
    this.#store.unwatch(symbol);
    this.#table.remove(symbol);
    if (this.#details.symbol === symbol) this.#details.close();
  }

  /** From here on the list is the user's: kept, and told by the address. */
  #choose(): void {
    this.#chosen = true;
    const symbols = this.#symbols();
    saveList(this.#storage, symbols);
    history.replaceState(null, "", toHash(symbols));
  }

  #symbols(): string[] {
    return [...this.#store.rows()].map((row) => row.symbol);
  }

  async #refreshDirectory(maxAgeMs: number): Promise<void> {
    try {
      await this.#directory.refresh(maxAgeMs);
      this.#directoryError = null;
    } catch (error) {
      this.#directoryError = error instanceof Error ? error.message : String(error);
    }
    if (!this.#chosen) for (const symbol of firstList(this.#directory.list)) this.#watchFirst(symbol);
    this.#table.refreshNames();
    this.#search.refresh();
    this.#showEmpty();
  }

  /** The first list only grows: a row that someone looks at doesn't vanish. */
  #watchFirst(symbol: string): void {
    if (this.#store.size < FULL_FIRST_LIST) this.#watch(symbol);
  }

  async #share(): Promise<void> {
    const url = new URL(toHash(this.#symbols()), location.href).href;
    try {
      await navigator.clipboard.writeText(url);
      this.#notify("The link is in the clipboard.");
    } catch {
      // Clipboards need a secure page; the address bar does for the rest.
      history.replaceState(null, "", url);
      this.#notify("The address bar now holds the link to this list.");
    }
  }

  // ── what is shown ─────────────────────────────────────────────────────────────────────────────────────────────────

  #onSelect(symbol: string | null): void {
    if (this.#details.symbol === null) return;
    if (symbol === null) this.#details.close();
    else this.#openDetails(symbol);
  }

  #openDetails(symbol: string): void {
    const row = this.#store.get(symbol);
    const info = this.#directory.find(symbol);
    if (row !== undefined) this.#details.open(row, info?.name ?? "", info?.sector ?? "");
  }

  #closeDetails(): void {
    this.#details.close();
    this.#table.select(this.#table.selected, true);
  }

  #onKey(event: KeyboardEvent): void {
    const typing = event.target instanceof HTMLInputElement;
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") this.#search.focus();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") this.#table.move(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Escape" && this.#details.symbol !== null) this.#closeDetails();
    else return;
    event.preventDefault();
  }

  #tick(): void {
    const short = !this.#chosen && this.#store.size < FULL_FIRST_LIST;
    if (document.hidden) return;
    this.#table.tick(Date.now());
    this.#details.update(Date.now());
    // A server that can't be reached is asked again by the feed, not here as well.
    const maxAgeMs = short ? DIRECTORY_RETRY_MS : DIRECTORY_REFRESH_MS;
    if (this.#connected && this.#directory.isOlderThan(maxAgeMs)) void this.#refreshDirectory(maxAgeMs);
  }

  #showFigures(): void {
    if (document.hidden) return;
    const now = performance.now();
    this.#status.tick(Date.now());
    this.#banner.tick(Date.now());
    this.#status.showFigures({
      rates: this.#rates.read(now),
      newestAgeMs: this.#newestAtMs === null ? null : now - this.#newestAtMs,
      delay: this.#delay.read(),
      symbols: this.#store.size,
      epoch: this.#store.epoch,
    });
  }

  #showEmpty(): void {
    const empty = byId("empty");
    empty.hidden = this.#store.size > 0;
    if (!empty.hidden) empty.textContent = this.#emptyText();
  }

  #emptyText(): string {
    if (!this.#connected) return "Connecting to the server…";
    if (this.#directoryError !== null) return `The list of symbols could not be read: ${this.#directoryError}`;
    if (this.#directory.list.length === 0) return "Waiting for the first tick: the server knows no symbol yet.";
    return `Nothing on the list. Press / and add one of ${this.#directory.list.length} symbols.`;
  }

  #notify(text: string): void {
    const notice = byId("notice");
    notice.textContent = text;
    notice.hidden = false;
    window.clearTimeout(this.#noticeTimer);
    this.#noticeTimer = window.setTimeout(() => {
      notice.hidden = true;
    }, NOTICE_MS);
  }
}
