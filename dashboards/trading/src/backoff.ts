/**
 * How long to wait before the next attempt to connect.
 *
 * stompjs can double its delay but knows no jitter: after a restart of the server every page would come back in the
 * same instant. Half of each delay is therefore drawn at random.
 */

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 30_000;

/** A connection that stood for this long was a success: the next failure starts from the first delay again. */
export const STABLE_AFTER_MS = 5_000;

/** The delay in milliseconds before attempt `failures` (1 for the first retry); `random` is in [0, 1). */
export function retryDelayMs(failures: number, random: number): number {
  const doublings = Math.min(Math.max(failures - 1, 0), 16);
  const ceiling = Math.min(FIRST_DELAY_MS * 2 ** doublings, MAX_DELAY_MS);
  return Math.round(ceiling / 2 + (ceiling / 2) * random);
}

/** What a page should do about a closed connection; the codes are those that the server documents. */
export type AfterClose = "retry" | "retry-late" | "give-up";

const GIVE_UP = new Set([4401, 4403, 4408]);
const RETRY_LATE = new Set([1013, 4005, 4006]);

/** Overload asks for patience, a refusal for no further attempt; everything else is tried again. */
export function afterClose(code: number): AfterClose {
  if (GIVE_UP.has(code)) return "give-up";
  return RETRY_LATE.has(code) ? "retry-late" : "retry";
}
