import { describe, expect, test } from "vitest";

import { afterClose, retryDelayMs } from "../src/backoff";
import { gridPrices } from "../src/grid";
import { BUCKETS, History } from "../src/history";
import { FramePacer } from "../src/pacer";
import { DelayMeter, RateMeter } from "../src/rates";

describe("the wait before the next attempt", () => {
  test.each([[1, 500], [2, 1000], [4, 4000], [7, 30_000], [1000, 30_000]])(
    "after %i failures is between half of %i ms and all of it",
    (failures, ceiling) => {
      expect(retryDelayMs(failures, 0)).toBe(ceiling / 2);
      expect(retryDelayMs(failures, 0.999_999)).toBeCloseTo(ceiling, -1);
    },
  );

  test.each([
    [1000, "retry"], [1006, "retry"], [1012, "retry"], [4500, "retry"], [1013, "retry-late"], [4005, "retry-late"],
    [4401, "give-up"], [4403, "give-up"], [4408, "give-up"],
  ])("close code %i: %s", (code, after) => {
    expect(afterClose(code)).toBe(after);
  });
});

test("frames are paced: a burst, then forty a second, and never more saved up than the burst", () => {
  const pacer = new FramePacer(0);
  const takeAll = (nowMs: number): number => {
    let frames = 0;
    while (pacer.take(1, nowMs)) frames += 1;
    return frames;
  };
  expect(takeAll(0)).toBe(150);
  expect(takeAll(250)).toBe(10);
  expect(takeAll(1250)).toBe(40);
  expect(takeAll(3_600_000)).toBe(150);
});

test("frames that belong together are sent together or not yet", () => {
  const pacer = new FramePacer(0);
  for (let pair = 0; pair < 74; pair += 1) expect(pacer.take(2, 0)).toBe(true);
  expect(pacer.take(1, 0)).toBe(true);
  expect(pacer.take(2, 0)).toBe(false);
  expect(pacer.take(1, 0)).toBe(true);
  expect(pacer.take(2, 25)).toBe(false);
  expect(pacer.take(2, 50)).toBe(true);
});

describe("history", () => {
  test("keeps the newest price of each second", () => {
    const history = new History();
    history.record(1, 1000);
    history.record(2, 1900);
    history.record(3, 2100);
    expect(history.window(60_000, 3000)).toEqual([{ atMs: 1000, price: 2 }, { atMs: 2000, price: 3 }]);
  });

  test("a window starts with the price that was in force", () => {
    const history = new History();
    history.record(1, 1000);
    history.record(2, 5000);
    expect(history.window(3000, 7000)).toEqual([{ atMs: 4000, price: 1 }, { atMs: 5000, price: 2 }]);
    expect(history.window(1000, 60_000)).toEqual([{ atMs: 59_000, price: 2 }]);
  });

  test("holds a fixed number of points, the newest", () => {
    const history = new History();
    for (let i = 0; i < BUCKETS * 3; i += 1) history.record(i, i * 1000);
    const points = history.window(Number.MAX_SAFE_INTEGER, BUCKETS * 3000);
    expect(points).toHaveLength(BUCKETS);
    expect(points.at(-1)?.price).toBe(BUCKETS * 3 - 1);
    expect(points[0]?.price).toBe(BUCKETS * 2);
  });

  test("a clock that was set back writes no second line", () => {
    const history = new History();
    history.record(1, 10_000);
    history.record(2, 5_000);
    expect(history.window(60_000, 11_000)).toEqual([{ atMs: 10_000, price: 2 }]);
  });
});

describe("rates", () => {
  test("are over the complete slots of the last two seconds", () => {
    const meter = new RateMeter();
    for (let ms = 0; ms < 4000; ms += 10) {
      meter.countMessage(ms % 20 === 0 ? 2 : 0, ms);
      meter.countBytes(300, ms);
    }
    const rates = meter.read(4000);
    expect(rates.messagesPerS).toBeCloseTo(100, 5);
    expect(rates.bytesPerS).toBeCloseTo(30_000, 5);
    expect(rates.conflatedShare).toBeCloseTo(0.5, 1);
  });

  test("fall to nothing when nothing comes", () => {
    const meter = new RateMeter();
    meter.countMessage(0, 1000);
    expect(meter.read(1500).messagesPerS).toBeGreaterThan(0);
    expect(meter.read(60_000)).toEqual({ messagesPerS: 0, bytesPerS: 0, conflatedShare: null });
  });
});

describe("the delay of ticks", () => {
  const now = 1_732_187_000_000;
  const after = (...delaysMs: number[]): DelayMeter => {
    const meter = new DelayMeter();
    for (const delay of delaysMs) meter.record((now - delay) * 1000, now);
    return meter;
  };

  test("is unknown before the first and after a reconnect", () => {
    const meter = after(5);
    meter.reset();
    expect(meter.read()).toEqual({ kind: "unknown" });
  });

  test("is measured by the two clocks while they can be right", () => {
    expect(after(5, 5, 5).read()).toEqual({ kind: "measured", ms: 5 });
  });

  test("counts from the fastest tick when our clock is behind", () => {
    const delay = after(-2000, -2000, -1990).read();
    expect(delay.kind).toBe("skewed");
    expect(delay).toMatchObject({ skewMs: 2000 });
    expect((delay as { ms: number }).ms).toBeLessThan(10);
  });

  test("of a replayed recording is none", () => {
    expect(after(86_400_000).read()).toEqual({ kind: "recorded" });
  });
});

describe("the grid of a chart", () => {
  test.each([
    [30.855, 30.885, 2, [30.86, 30.87, 30.88]], [100, 150, 2, [100, 110, 120, 130, 140, 150]], [7, 7, 2, [7]],
    [0.1, 0.9, 2, [0.2, 0.4, 0.6, 0.8]],
  ])("from %d to %d with %i decimals has lines at %j", (low, high, decimals, lines) => {
    const found = gridPrices(low, high, decimals);
    expect(found.map((line) => Number(line.toFixed(6)))).toEqual(lines);
  });
});
