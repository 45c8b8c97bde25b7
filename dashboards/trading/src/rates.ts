/**
 * Messages a second, bytes a second and the conflated share over the last few seconds, and how late ticks arrive.
 * Pure: the time comes in.
 */

const SLOT_MS = 250;
/** Two seconds: calm enough to read, quick enough to show a change. */
const SLOTS = 8;

interface Slot {
  messages: number;
  bytes: number;
  conflated: number;
}

export interface Rates {
  messagesPerS: number;
  bytesPerS: number;
  /** The share of ticks that were folded into a newer one, 0 to 1; `null` when nothing came. */
  conflatedShare: number | null;
}

export class RateMeter {
  readonly #slots: Slot[] = Array.from({ length: SLOTS }, empty);
  #slot = 0;

  countBytes(bytes: number, nowMs: number): void {
    this.#at(nowMs).bytes += bytes;
  }

  countMessage(conflated: number, nowMs: number): void {
    const slot = this.#at(nowMs);
    slot.messages += 1;
    slot.conflated += conflated;
  }

  /** Over the slots that are complete; the running one would make the figures flicker. */
  read(nowMs: number): Rates {
    const running = this.#at(nowMs);
    const total = empty();
    for (const slot of this.#slots) {
      if (slot === running) continue;
      total.messages += slot.messages;
      total.bytes += slot.bytes;
      total.conflated += slot.conflated;
    }
    const seconds = ((SLOTS - 1) * SLOT_MS) / 1000;
    const ticks = total.messages + total.conflated;
    return {
      messagesPerS: total.messages / seconds,
      bytesPerS: total.bytes / seconds,
      conflatedShare: ticks === 0 ? null : total.conflated / ticks,
    };
  }

  #at(nowMs: number): Slot {
    const now = Math.floor(nowMs / SLOT_MS);
    // Slots that passed without a message are emptied on the way; after a pause that is all of them.
    for (let slot = Math.max(this.#slot + 1, now - SLOTS + 1); slot <= now; slot += 1) {
      this.#slots[slot % SLOTS] = empty();
    }
    this.#slot = Math.max(this.#slot, now);
    return this.#slots[this.#slot % SLOTS] ?? empty();
  }
}

function empty(): Slot {
  return { messages: 0, bytes: 0, conflated: 0 };
}

/** Past this, ticks are a recording that is replayed, not late. */
const RECORDED_AFTER_MS = 10 * 60_000;

export type Delay =
  | { kind: "unknown" }
  /** From event to arrival, by the two clocks as they are. */
  | { kind: "measured"; ms: number }
  /** This computer's clock is behind the feed's by `skewMs` or more; `ms` counts from the fastest tick of late. */
  | { kind: "skewed"; ms: number; skewMs: number }
  /** The event times are of another day: a recording. */
  | { kind: "recorded" };

/** How long ticks take from their event to this page, told from two clocks that may disagree. */
export class DelayMeter {
  #smoothed: number | null = null;
  #fastest = Infinity;

  record(timeUs: number, nowMs: number): void {
    const delay = nowMs - timeUs / 1000;
    this.#fastest = Math.min(this.#fastest, delay);
    this.#smoothed = this.#smoothed === null ? delay : this.#smoothed + (delay - this.#smoothed) * 0.05;
  }

  read(): Delay {
    const delay = this.#smoothed;
    if (delay === null) return { kind: "unknown" };
    if (Math.abs(delay) > RECORDED_AFTER_MS) return { kind: "recorded" };
    // A millisecond is what browsers round their clocks to.
    if (this.#fastest >= -1) return { kind: "measured", ms: Math.max(delay, 0) };
    return { kind: "skewed", ms: Math.max(delay - this.#fastest, 0), skewMs: -this.#fastest };
  }

  /** Forgets everything: after a reconnect the clocks may have been set. */
  reset(): void {
    this.#smoothed = null;
    this.#fastest = Infinity;
  }
}
