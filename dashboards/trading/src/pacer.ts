/**
 * Spreads the frames that a long watch-list needs after a connect.
 *
 * The server takes 50 frames a second from a client with a burst of 200 and closes the connection of one that sends
 * more; this stays below both with room for what the user does meanwhile.
 */

const BURST_FRAMES = 150;
const FRAMES_PER_S = 40;

export class FramePacer {
  #tokens = BURST_FRAMES;
  #atMs: number;

  constructor(nowMs: number) {
    this.#atMs = nowMs;
  }

  /** How many of `wanted` frames may be sent at `nowMs`; these are counted as sent. */
  take(wanted: number, nowMs: number): number {
    const refill = ((nowMs - this.#atMs) / 1000) * FRAMES_PER_S;
    this.#tokens = Math.min(BURST_FRAMES, this.#tokens + Math.max(refill, 0));
    this.#atMs = nowMs;
    const granted = Math.min(wanted, Math.floor(this.#tokens));
    this.#tokens -= granted;
    return granted;
  }
}
