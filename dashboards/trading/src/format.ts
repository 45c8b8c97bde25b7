/** Numbers and times as text. Pure; every unknown is an en dash. */

export const UNKNOWN = "–";
const MINUS = "−";

/** Decimals as the shortest text of the number has them; at most nine, the finest price there is. */
export function decimalsOf(value: number): number {
  const [mantissa = "", exponent = "0"] = String(value).split("e");
  const written = mantissa.split(".")[1]?.length ?? 0;
  return Math.min(Math.max(written - Number(exponent), 0), 9);
}

const formatters = new Map<string, Intl.NumberFormat>();

/** Making a formatter is dear, using one is cheap. */
function formatter(minDecimals: number, maxDecimals: number): Intl.NumberFormat {
  const key = `${minDecimals},${maxDecimals}`;
  let made = formatters.get(key);
  if (made === undefined) {
    made = new Intl.NumberFormat("en-US", { minimumFractionDigits: minDecimals, maximumFractionDigits: maxDecimals });
    formatters.set(key, made);
  }
  return made;
}

/** A price with exactly `decimals` decimals. */
export function price(value: number | null | undefined, decimals: number): string {
  if (value === null || value === undefined) return UNKNOWN;
  return formatter(decimals, decimals).format(value).replace("-", MINUS);
}

/** A change with its sign; what rounds to zero has none. */
export function signed(value: number | null | undefined, decimals: number): string {
  if (value === null || value === undefined) return UNKNOWN;
  const text = formatter(decimals, decimals).format(Math.abs(value));
  if (!/[1-9]/.test(text)) return text;
  return (value < 0 ? MINUS : "+") + text;
}

export function percent(value: number | null | undefined): string {
  return value === null || value === undefined ? UNKNOWN : `${signed(value, 2)}%`;
}

/** A size as it is, or shortened from 100,000 on. */
export function size(value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN;
  return Math.abs(value) < 100_000 ? formatter(0, 4).format(value) : compact(value);
}

const STEPS = [
  { from: 1e12, suffix: "T" },
  { from: 1e9, suffix: "B" },
  { from: 1e6, suffix: "M" },
  { from: 1e3, suffix: "K" },
];

/** A volume in three significant digits or so: 950, 12.3K, 1.20M. */
export function compact(value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN;
  const magnitude = Math.abs(value);
  // 999,950 would be written as 1000.0K: it belongs to the next step.
  const step = STEPS.find(({ from }) => magnitude >= from * 0.99995);
  if (step === undefined || magnitude < 1000) return formatter(0, 2).format(value);
  const scaled = value / step.from;
  const decimals = Math.abs(scaled) >= 99.995 ? 1 : 2;
  return formatter(decimals, decimals).format(scaled) + step.suffix;
}

/** A duration in its largest whole unit: `now` below a second. */
export function age(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return "now";
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  if (seconds < 730 * 86_400) return `${Math.floor(seconds / 86_400)}d`;
  return `${Math.floor(seconds / (365 * 86_400))}y`;
}

/** A short duration with its unit: 8 ms, 1.2 s, then as `age`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return age(ms);
}

/** A rate of bytes: 812 B/s, 14.2 kB/s. */
export function byteRate(bytesPerS: number): string {
  if (bytesPerS < 1000) return `${Math.round(bytesPerS)} B/s`;
  if (bytesPerS < 1e6) return `${(bytesPerS / 1e3).toFixed(1)} kB/s`;
  return `${(bytesPerS / 1e6).toFixed(1)} MB/s`;
}

/** A whole number with separators. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? UNKNOWN : formatter(0, 0).format(value);
}

/** Event time in UTC with milliseconds, as exchanges write it. */
export function eventTime(timeUs: number | undefined): string {
  if (timeUs === undefined) return UNKNOWN;
  const date = new Date(timeUs / 1000);
  return Number.isNaN(date.getTime()) ? UNKNOWN : `${date.toISOString().replace("T", " ").slice(0, 23)}Z`;
}
