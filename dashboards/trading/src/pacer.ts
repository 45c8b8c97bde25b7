/**
 * Spreads the frames that a long watch-list needs after a connect, or when all of it is to come at another rate.
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

  /** Whether so many frames may be sent at `nowMs`; if so they are counted as sent. */
  take(frames: number, nowMs: number): boolean {
    const refill = ((nowMs - this.#atMs) / 1000) * FRAMES_PER_S;
    this.#tokens = Math.min(BURST_FRAMES, this.#tokens + Math.max(refill, 0));
    this.#atMs = nowMs;
    if (frames > this.#tokens) return false;
    this.#tokens -= frames;
    return true;
  }
}
