import { describe, expect, test } from "vitest";

import * as format from "../src/format";

test.each([
  [189.84, 2], [5529.25, 2], [100, 0], [0.1, 1], [1e-7, 7], [1.5e-7, 8], [1e21, 0], [157.123456789, 9], [-3.25, 2],
])("%d is written with %i decimals", (value, decimals) => {
  expect(format.decimalsOf(value)).toBe(decimals);
});

test.each([
  [189.8, 2, "189.80"], [5529.25, 2, "5,529.25"], [-37.63, 2, "−37.63"], [161.5, 3, "161.500"],
  [undefined, 2, "–"], [null, 2, "–"], [0, 2, "0.00"],
])("the price %s with %i decimals is %s", (value, decimals, text) => {
  expect(format.price(value, decimals)).toBe(text);
});

test.each([
  [1.5, "+1.50"], [-1.5, "−1.50"], [0, "0.00"], [-0.001, "0.00"], [undefined, "–"],
])("a change of %s is %s", (value, text) => {
  expect(format.signed(value, 2)).toBe(text);
});

test.each([
  [0, "0"], [950, "950"], [1000, "1.00K"], [12_345, "12.35K"], [123_456, "123.5K"], [999_960, "1.00M"],
  [1_203_400, "1.20M"], [2.5e9, "2.50B"], [0.25, "0.25"], [undefined, "–"],
])("a volume of %s is %s", (value, text) => {
  expect(format.compact(value)).toBe(text);
});

test.each([[300, "300"], [99_999, "99,999"], [150_000, "150.0K"], [0.5, "0.5"]])("a size of %d is %s", (value, text) => {
  expect(format.size(value)).toBe(text);
});

describe("ages are told in their largest unit", () => {
  const day = 86_400_000;
  test.each([
    [0, "now"], [999, "now"], [1000, "1s"], [59_999, "59s"], [60_000, "1m"], [3_600_000, "1h"], [day, "1d"],
    [800 * day, "2y"],
  ])("%d ms: %s", (ms, text) => {
    expect(format.age(ms)).toBe(text);
  });
});

test("an event time keeps its milliseconds and says that it is UTC", () => {
  expect(format.eventTime(1_719_878_519_123_456)).toBe("2024-07-02 00:01:59.123Z");
  expect(format.eventTime(undefined)).toBe("–");
});
