/**
 * The connection to the server: STOMP over WebSocket, or over HTTP where that is blocked; one subscription a symbol,
 * kept up for as long as the page lives.
 *
 * stompjs restores no subscriptions, so all of them are made again on every connect; the snapshot that answers each
 * brings the row up to date.
 */

import { Client, type IFrame, type StompSubscription } from "@stomp/stompjs";

import { afterClose, retryDelayMs, STABLE_AFTER_MS } from "./backoff";
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
  onBytes(bytes: number): void;
  /** The server's own words about what went wrong. */
  onError(message: string): void;
}

/** Answers of an overloaded server are waited out at least as long as the fifth failure in a row. */
const LATE_FAILURES = 5;
const PACE_MS = 250;

export class Feed {
  readonly #events: FeedEvents;
  readonly #base: string;
  readonly #client: Client;
  readonly #transports = new TransportChooser();
  readonly #wanted = new Set<string>();
  readonly #live = new Map<string, StompSubscription>();
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
    this.#subscribeDue();
  }

  unsubscribe(symbol: string): void {
    this.#wanted.delete(symbol);
    const subscription = this.#live.get(symbol);
    if (subscription === undefined) return;
    this.#live.delete(symbol);
    if (this.#client.connected) subscription.unsubscribe();
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
    this.#subscribeDue();
  }

  /** Subscribes to what is wanted and not yet live, as fast as the server takes it. */
  #subscribeDue(): void {
    if (!this.#client.connected || this.#paceTimer !== undefined) return;
    const due = [...this.#wanted].filter((symbol) => !this.#live.has(symbol));
    const granted = this.#pacer.take(due.length, performance.now());
    for (const symbol of due.slice(0, granted)) {
      this.#live.set(symbol, this.#client.subscribe(DESTINATION_PREFIX + symbol, (message) => {
        const update = parseUpdate(message.headers, message.body);
        if (update !== null) this.#events.onUpdate(update);
      }));
    }
    if (granted === due.length) return;
    this.#paceTimer = window.setTimeout(() => {
      this.#paceTimer = undefined;
      this.#subscribeDue();
    }, PACE_MS);
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
