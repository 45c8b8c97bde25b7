/**
 * The recent prices of a symbol, one point a bucket of time, in a ring of fixed size: a tab that is hidden for a day
 * holds as much as one that was opened a minute ago.
 */

export interface Point {
  /** The start of the bucket, milliseconds. */
  atMs: number;
  price: number;
}

/** One point a second for ten minutes: the row's sparkline shows the last two, the details all. */
export const BUCKET_MS = 1_000;
export const BUCKETS = 600;

export class History {
  readonly #times = new Float64Array(BUCKETS);
  readonly #prices = new Float64Array(BUCKETS);
  #start = 0;
  #length = 0;

  /** Records a price; within a bucket the newest wins. Returns whether a new bucket was opened. */
  record(price: number, nowMs: number): boolean {
    const atMs = Math.floor(nowMs / BUCKET_MS) * BUCKET_MS;
    const last = (this.#start + this.#length - 1) % BUCKETS;
    if (this.#length > 0 && (this.#times[last] ?? 0) >= atMs) {
      this.#prices[last] = price;
      return false;
    }
    const next = (this.#start + this.#length) % BUCKETS;
    this.#times[next] = atMs;
    this.#prices[next] = price;
    if (this.#length < BUCKETS) this.#length += 1;
    else this.#start = (this.#start + 1) % BUCKETS;
    return true;
  }

  /**
   * The points of the last `windowMs`, oldest first. The price in force when the window began comes first, moved to
   * the window's edge: a symbol that was quiet had a price all the same.
   */
  window(windowMs: number, nowMs: number): Point[] {
    const fromMs = nowMs - windowMs;
    const points: Point[] = [];
    let before: Point | null = null;
    for (let i = 0; i < this.#length; i += 1) {
      const slot = (this.#start + i) % BUCKETS;
      const point = { atMs: this.#times[slot] ?? 0, price: this.#prices[slot] ?? 0 };
      if (point.atMs < fromMs) before = point;
      else points.push(point);
    }
    if (before !== null) points.unshift({ atMs: fromMs, price: before.price });
    return points;
  }
}
