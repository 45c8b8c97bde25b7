// Waits for a condition, not for a duration.

const POLL_MS = 20;

/**
 * Asks `check` until it answers something truthy, and returns that. What it throws meanwhile is told when time is up;
 * an error that says that the server ended is passed on at once.
 */
export async function eventually(what, check, timeoutMs = 15_000) {
  const deadline = performance.now() + timeoutMs;
  let reason = "";
  while (performance.now() < deadline) {
    try {
      const found = await check();
      if (found) return found;
    } catch (error) {
      if (error.message.startsWith("the server ended")) throw error;
      reason = ` (last: ${error.message})`;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`waited ${timeoutMs} ms for ${what}, in vain${reason}`);
}
