import { describe, expect, test } from "vitest";

import { bannerOf, connectionText, parseFeedStatus, parseSessionStatus, type FeedStatus } from "../src/notices";

function feed(more: Partial<FeedStatus>): FeedStatus {
  return { health: "live", lastTickMs: null, lagRecords: null, ...more };
}

describe("the feed's status", () => {
  test("is read with what it tells besides", () => {
    const body = '{"status":"stale","since_us":1732187010000000,"last_tick_us":1732187000123456,"usual_interval_ms":12,"lag_records":0}';
    expect(parseFeedStatus(body)).toEqual({ health: "stale", lastTickMs: 1_732_187_000_123.456, lagRecords: 0 });
    expect(parseFeedStatus('{"status":"draining","since_us":1}')).toEqual(feed({ health: "draining" }));
  });

  test.each(["", "{", "null", "[]", "{}", '{"status":"odd"}', '{"status":7}'])("that isn't known (%s) is none", (body) => {
    expect(parseFeedStatus(body)).toBeNull();
    expect(parseSessionStatus(body)).toBeNull();
  });

  test("makes a banner of what is wrong, with what it means for the prices", () => {
    expect(bannerOf(feed({ health: "stale", lastTickMs: 5_000 }), false)).toEqual({
      tone: "warning", text: "The feed is silent.", detail: "These prices are the last known.", quietSinceMs: 5_000,
    });
    expect(bannerOf(feed({ health: "lagging", lagRecords: 12_345 }), false)).toMatchObject({
      tone: "warning", text: "Prices are late.", detail: "The server is behind the feed by 12,345 records.",
    });
    expect(bannerOf(feed({ health: "lagging" }), false)?.detail).toBe("The server is behind the feed.");
    expect(bannerOf(feed({ health: "draining" }), false)?.tone).toBe("warning");
  });

  test("says that it's over only to who saw that it had begun", () => {
    expect(bannerOf(feed({ health: "recovered" }), true)).toMatchObject({ tone: "good", text: "The feed has recovered." });
    expect(bannerOf(feed({ health: "recovered" }), false)).toBeNull();
    expect(bannerOf(feed({ health: "live" }), true)).toBeNull();
  });
});

describe("the connection's status", () => {
  test.each([
    ['{"status":"conflated","effective_rate":0.8}', "slow connection: about 0.8 updates a second"],
    ['{"status":"conflated","effective_rate":0.08333}', "slow connection: about 0.083 updates a second"],
    ['{"status":"conflated","effective_rate":12.4}', "slow connection: about 12 updates a second"],
    ['{"status":"conflated"}', "slow connection"],
    ['{"status":"recovered"}', ""],
    ['{"status":"live"}', ""],
    ['{"status":"draining"}', ""],
  ])("%s is told as %j", (body, text) => {
    const status = parseSessionStatus(body);
    expect(status).not.toBeNull();
    if (status !== null) expect(connectionText(status)).toBe(text);
  });
});
