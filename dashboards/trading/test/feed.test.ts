import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { Feed, type FeedEvents } from "../src/feed";

/** What a page sent, as stompjs would have put it into frames. */
const sent: string[] = [];

interface Config {
  onConnect(): void;
}

vi.mock("@stomp/stompjs", () => ({
  Client: class {
    connected = false;
    active = true;
    readonly #config: Config;

    constructor(config: Config) {
      this.#config = config;
    }

    activate(): void {
      this.connected = true;
      this.#config.onConnect();
    }

    subscribe(destination: string, _: unknown, headers: Record<string, string>): { unsubscribe(): void } {
      const { id } = headers;
      sent.push(`SUBSCRIBE ${id} ${destination} ${headers["max-rate"] ?? ""}`.trim());
      return { unsubscribe: () => void sent.push(`UNSUBSCRIBE ${id}`) };
    }
  },
}));

const EVENTS: FeedEvents = {
  onState: () => {}, onUpdate: () => {}, onFeedStatus: () => {}, onSessionStatus: () => {}, onBytes: () => {}, onError: () => {},
};

function connected(...symbols: string[]): Feed {
  const feed = new Feed("http://localhost/", EVENTS);
  for (const symbol of symbols) feed.subscribe(symbol);
  feed.start();
  return feed;
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("window", globalThis);
  sent.length = 0;
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a connected feed", () => {
  test("asks for what the server has to tell, then for the list", () => {
    connected("A", "B:C");
    expect(sent).toEqual([
      "SUBSCRIBE feed /topic/feed.status",
      "SUBSCRIBE session /user/queue/session",
      "SUBSCRIBE price.A /topic/price.stock.A unlimited",
      "SUBSCRIBE price.B:C /topic/price.stock.B:C unlimited",
    ]);
  });

  test("subscribes anew under the same ids when nobody looks, and when somebody does again", () => {
    const feed = connected("A", "B");
    sent.length = 0;
    feed.setInFront(false);
    feed.setInFront(false);
    expect(sent).toEqual([
      "UNSUBSCRIBE price.A", "SUBSCRIBE price.A /topic/price.stock.A 1",
      "UNSUBSCRIBE price.B", "SUBSCRIBE price.B /topic/price.stock.B 1",
    ]);
    sent.length = 0;
    feed.subscribe("C");
    expect(sent).toEqual(["SUBSCRIBE price.C /topic/price.stock.C 1"]);
    sent.length = 0;
    feed.setInFront(true);
    expect(sent.filter((frame) => frame.endsWith("unlimited"))).toHaveLength(3);
  });

  test("never sends more than the server takes, whatever the list does", () => {
    const symbols = Array.from({ length: 500 }, (_, number) => `S${number}`);
    const feed = connected(...symbols);
    expect(sent).toHaveLength(150);
    vi.advanceTimersByTime(1_000);
    expect(sent.length).toBeGreaterThan(180);
    expect(sent.length).toBeLessThanOrEqual(190);
    vi.advanceTimersByTime(10_000);
    expect(sent).toHaveLength(502);

    sent.length = 0;
    for (const symbol of symbols) feed.unsubscribe(symbol);
    expect(sent.length).toBeLessThanOrEqual(150);
    vi.advanceTimersByTime(15_000);
    expect(sent).toHaveLength(500);
    expect(new Set(sent).size).toBe(500);
  });

  test("begins anew with a snapshot for who takes a symbol off the list and puts it back before that was sent", () => {
    const symbols = Array.from({ length: 148 }, (_, number) => `S${number}`);
    const feed = connected(...symbols);
    sent.length = 0;
    feed.unsubscribe("S7");
    feed.subscribe("S7");
    expect(sent).toEqual([]);
    vi.advanceTimersByTime(1_000);
    expect(sent).toEqual(["UNSUBSCRIBE price.S7", "SUBSCRIBE price.S7 /topic/price.stock.S7 unlimited"]);
  });

  test("asks for what changed while the rate of a long list changes", () => {
    const symbols = Array.from({ length: 300 }, (_, number) => `S${number}`);
    const feed = connected(...symbols);
    vi.advanceTimersByTime(10_000);
    sent.length = 0;
    feed.setInFront(false);
    vi.advanceTimersByTime(1_000);
    const begun = sent.filter((frame) => frame.startsWith("SUBSCRIBE")).length;
    expect(begun).toBeLessThan(100);
    feed.setInFront(true);
    vi.advanceTimersByTime(60_000);
    // Only those that were slowed down are sped up.
    expect(sent.filter((frame) => frame.endsWith("unlimited")).length).toBeLessThanOrEqual(begun + 1);
  });
});
