// @stomp/stompjs as an application would use it, with what arrives kept for the test to look at.

import { Client } from "@stomp/stompjs";
import WebSocket from "ws";

import { eventually } from "./eventually.mjs";

// stompjs takes the browser's; Node 20 has none.
Object.assign(globalThis, { WebSocket });

/** A connected client that subscribes to `symbols` in onConnect; the test's end disconnects it. */
export async function connect(t, server, symbols) {
  const subscriber = new Subscriber(server.webSocketUrl, symbols);
  t.after(() => subscriber.client.deactivate({ force: true }));
  subscriber.client.activate();
  await subscriber.connected(1);
  return subscriber;
}

class Subscriber {
  /** How often CONNECTED came. */
  connects = 0;
  /** Every message in order: { symbol, type, seq, epoch, connect, body, headers, atMs }. */
  messages = [];
  /** The RECEIPTs of subscriptions, by symbol. */
  receipts = new Map();
  errors = [];
  #waiting = new Set();

  constructor(brokerURL, symbols) {
    this.client = new Client({
      brokerURL,
      reconnectDelay: 200,
      connectionTimeout: 5_000,
      heartbeatIncoming: 10_000,
      heartbeatOutgoing: 10_000,
      onConnect: () => {
        this.connects += 1;
        for (const symbol of symbols) this.#subscribe(symbol);
      },
      onStompError: (frame) => this.errors.push(`${frame.headers.message}: ${frame.body}`),
    });
  }

  connected(times) {
    return eventually(`connection ${times}`, () => this.connects >= times && this.client.connected);
  }

  of(symbol, connect = this.connects) {
    return this.messages.filter((message) => message.symbol === symbol && message.connect === connect);
  }

  /** Resolves with the first message from now on for which `matches` holds. */
  next(matches, timeoutMs = 10_000) {
    return new Promise((resolve, reject) => {
      const waiter = { matches, resolve: (message) => (clearTimeout(timer), resolve(message)) };
      const timer = setTimeout(() => {
        this.#waiting.delete(waiter);
        reject(new Error(`waited ${timeoutMs} ms for a message, in vain`));
      }, timeoutMs);
      this.#waiting.add(waiter);
    });
  }

  #subscribe(symbol) {
    const receipt = `subscribed-${this.connects}-${symbol}`;
    this.client.watchForReceipt(receipt, (frame) => this.receipts.set(symbol, frame.headers));
    this.client.subscribe(`/topic/price.stock.${symbol}`, (message) => this.#onMessage(symbol, message), { receipt });
  }

  #onMessage(symbol, { headers, body }) {
    const message = {
      symbol,
      type: headers.type,
      seq: Number(headers.seq),
      epoch: headers.epoch,
      connect: this.connects,
      headers,
      body: JSON.parse(body),
      atMs: performance.now(),
    };
    this.messages.push(message);
    for (const waiter of this.#waiting) {
      if (!waiter.matches(message)) continue;
      this.#waiting.delete(waiter);
      waiter.resolve(message);
    }
  }
}
