/**
 * The connection to the server: STOMP over WebSocket, or over HTTP where that is blocked; one subscription a symbol,
 * kept up for as long as the page lives.
 *
 * stompjs restores no subscriptions, so all of them are made again on every connect; the snapshot that answers each
 * brings the row up to date.
 */

import { Client, type IFrame, type IMessage, type StompSubscription } from "@stomp/stompjs";

import { afterClose, retryDelayMs, STABLE_AFTER_MS } from "./backoff";
import { parseFeedStatus, parseSessionStatus, type FeedStatus, type SessionStatus } from "./notices";
import { FramePacer } from "./pacer";
import { DESTINATION_PREFIX, parseUpdate, type Update } from "./quote";
import { opener, TransportChooser, type OpenSocket, type Transport } from "./transport";

export type FeedState =
  | { kind: "connecting" }
  | { kind: "connected"; transport: Transport }
  | { kind: "disconnected"; reason: string; retryAtMs: number }
  | { kind: "given-up"; reason: string };

export interface FeedEvents {
  onState(state: FeedState): void;
  onUpdate(update: Update): void;
  /** What the server says of its feed. */
  onFeedStatus(status: FeedStatus): void;
  /** What the server says of this connection. */
  onSessionStatus(status: SessionStatus): void;
  onBytes(bytes: number): void;
  /** The server's own words about what went wrong. */
  onError(message: string): void;
}

/** Answers of an overloaded server are waited out at least as long as the fifth failure in a row. */
const LATE_FAILURES = 5;
const PACE_MS = 250;

const FEED_STATUS = "/topic/feed.status";
const SESSION_STATUS = "/user/queue/session";
/** The frames that subscribe to both. */
const STATUS_FRAMES = 2;

/** How often a symbol is sent at most, as the header `max-rate` tells it. */
const IN_FRONT = "unlimited";
/** Whoever doesn't look needs no more than what the sparklines are drawn of: a price a second. */
const BEHIND = "1";
/** No rate: somebody left, and if he comes back he wants to begin with a snapshot. */
const LEFT = "";

interface Live {
  subscription: StompSubscription;
  maxRate: string;
}

export class Feed {
  readonly #events: FeedEvents;
  readonly #base: string;
  readonly #client: Client;
  readonly #transports = new TransportChooser();
  readonly #wanted = new Set<string>();
  readonly #live = new Map<string, Live>();
  #maxRate = IN_FRONT;
  #pacer = new FramePacer(0);
  #paceTimer: number | undefined;
  #failures = 0;
  #connectedAtMs: number | null = null;
  #wake: (() => void) | null = null;
  #lastError: string | null = null;
  #open: OpenSocket | null = null;

  /** `base` is the page's own address, beside which the server's are. */
  constructor(base: string, events: FeedEvents) {
    this.#events = events;
    this.#base = base;
    this.#client = new Client({
      webSocketFactory: () => this.#openSocket(),
      connectionTimeout: 10_000,
      heartbeatOutgoing: 10_000,
      heartbeatIncoming: 10_000,
      discardWebsocketOnCommFailure: true,
      // The wait between attempts is `#beforeConnect`; this only makes stompjs try again at all.
      reconnectDelay: 1,
      beforeConnect: () => this.#beforeConnect(),
      onConnect: () => this.#onConnect(),
      onStompError: (frame) => this.#onStompError(frame),
      onWebSocketClose: (event: CloseEvent) => this.#onClose(event),
    });
  }

  start(): void {
    this.#client.activate();
  }

  /** Ends a wait for the next attempt now. */
  retryNow(): void {
    if (this.#wake !== null) this.#wake();
    else if (!this.#client.active) {
      this.#failures = 0;
      this.#client.activate();
    }
  }

  subscribe(symbol: string): void {
    this.#wanted.add(symbol);
    this.#catchUp();
  }

  unsubscribe(symbol: string): void {
    this.#wanted.delete(symbol);
    const live = this.#live.get(symbol);
    if (live === undefined) return;
    live.maxRate = LEFT;
    this.#catchUp();
  }

  /** Whether somebody looks at the page. */
  setInFront(isInFront: boolean): void {
    this.#maxRate = isInFront ? IN_FRONT : BEHIND;
    this.#catchUp();
  }

  /** The socket is made here so that every byte which arrives is counted, frames' headers included. */
  #openSocket(): WebSocket {
    if (this.#open === null) throw new Error("a connection is begun by #beforeConnect");
    const socket = this.#open();
    socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
      this.#events.onBytes(typeof data === "string" ? data.length : data.byteLength);
    });
    return socket;
  }

  async #beforeConnect(): Promise<void> {
    this.#open = null;
    while (this.#open === null) {
      if (this.#failures > 0) await this.#waitForRetry();
      this.#events.onState({ kind: "connecting" });
      try {
        this.#open = await opener(this.#transports.transport, this.#base);
      } catch {
        // The server is away, and with it the code for SockJS.
        this.#transports.failed();
        this.#failures += 1;
      }
    }
  }

  #waitForRetry(): Promise<void> {
    const delayMs = retryDelayMs(this.#failures, Math.random());
    const reason = this.#lastError ?? "The connection was lost";
    this.#events.onState({ kind: "disconnected", reason, retryAtMs: Date.now() + delayMs });
    return new Promise((resolve) => {
      const wake = (): void => {
        window.clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
      const timer = window.setTimeout(wake, delayMs);
      this.#wake = wake;
    });
  }

  #onConnect(): void {
    this.#connectedAtMs = Date.now();
    this.#lastError = null;
    this.#pacer = new FramePacer(performance.now());
    this.#live.clear();
    this.#transports.connected();
    this.#events.onState({ kind: "connected", transport: this.#transports.transport });
    this.#subscribeToStatus();
    this.#catchUp();
  }

  #subscribeToStatus(): void {
    this.#pacer.take(STATUS_FRAMES, performance.now());
    this.#client.subscribe(FEED_STATUS, ({ body }) => {
      const status = parseFeedStatus(body);
      if (status !== null) this.#events.onFeedStatus(status);
    }, { id: "feed" });
    this.#client.subscribe(SESSION_STATUS, ({ body }) => {
      const status = parseSessionStatus(body);
      if (status !== null) this.#events.onSessionStatus(status);
    }, { id: "session" });
  }

  /** Brings what is live to what is wanted, as fast as the server takes it. */
  #catchUp(): void {
    if (!this.#client.connected || this.#paceTimer !== undefined) return;
    const nowMs = performance.now();
    for (const [symbol, live] of this.#live) {
      if (this.#wanted.has(symbol)) continue;
      if (!this.#pacer.take(1, nowMs)) return this.#catchUpLater();
      this.#live.delete(symbol);
      live.subscription.unsubscribe();
    }
    for (const symbol of this.#wanted) {
      const live = this.#live.get(symbol);
      if (live?.maxRate === this.#maxRate) continue;
      if (!this.#pacer.take(live === undefined ? 1 : 2, nowMs)) return this.#catchUpLater();
      // A rate is changed by subscribing anew under the same id; the snapshot that comes with it leaves no gap.
      live?.subscription.unsubscribe();
      this.#live.set(symbol, { subscription: this.#subscribe(symbol), maxRate: this.#maxRate });
    }
  }

  #catchUpLater(): void {
    this.#paceTimer = window.setTimeout(() => {
      this.#paceTimer = undefined;
      this.#catchUp();
    }, PACE_MS);
  }

  #subscribe(symbol: string): StompSubscription {
    const onMessage = (message: IMessage): void => {
      const update = parseUpdate(message.headers, message.body);
      if (update !== null) this.#events.onUpdate(update);
    };
    const headers = { id: `price.${symbol}`, "max-rate": this.#maxRate };
    return this.#client.subscribe(DESTINATION_PREFIX + symbol, onMessage, headers);
  }

  /** The server closes the connection after an ERROR, always; the close then leads to the retry. */
  #onStompError(frame: IFrame): void {
    const short = frame.headers["message"] ?? "error";
    const detail = frame.body.trim();
    this.#lastError = detail === "" || detail === short ? short : `${short}: ${detail}`;
    this.#events.onError(this.#lastError);
  }

  #onClose(event: CloseEvent): void {
    if (this.#connectedAtMs === null) this.#transports.failed();
    const stoodMs = this.#connectedAtMs === null ? 0 : Date.now() - this.#connectedAtMs;
    this.#connectedAtMs = null;
    this.#live.clear();
    this.#failures = stoodMs >= STABLE_AFTER_MS ? 1 : this.#failures + 1;
    if (this.#lastError === null && event.reason !== "") this.#lastError = event.reason;
    const after = afterClose(event.code);
    if (after === "retry-late") this.#failures = Math.max(this.#failures, LATE_FAILURES);
    if (after === "give-up") {
      void this.#client.deactivate();
      this.#events.onState({ kind: "given-up", reason: this.#lastError ?? "The server refused this page" });
    }
  }
}
