// Any Kafka client can publish into a running demo; kcat does, and a subscriber has it within 50 ms.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";

import { startServer } from "./support/server.mjs";
import { connect } from "./support/stomp.mjs";

const SYMBOL = "KCAT.TEST";
const GOAL_MS = 50;
const ROUNDS = 11;
const TEST_MS = 90_000;

test(`the one line of a kcat that ends is at the subscriber within ${GOAL_MS} ms of its end (median)`, { timeout: TEST_MS }, async (t) => {
  const server = await startServer(t);
  const subscriber = await connect(t, server, [SYMBOL]);

  const delays = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const arrived = arrivalOf(subscriber, round);
    const kcat = startKcat(t, server);
    kcat.stdin.end(line(round));
    // Rejects, naming kcat, when it isn't installed.
    const [code] = await once(kcat, "exit");
    const endedMs = performance.now();
    assert.equal(code, 0, "kcat delivered its line");
    delays.push((await arrived).atMs - endedMs);
  }
  report(t, "from the end of kcat (negative: it was there before)", delays);
  assert.ok(median(delays) <= GOAL_MS, `median ${median(delays)} ms`);
});

/**
 * One kcat a line, because kcat reads its input in blocks: a line written to one that goes on running would wait
 * for the lines after it.
 */
function startKcat(t, server) {
  const args = ["-P", "-b", server.broker, "-t", server.topic, "-k", SYMBOL, "-X", "linger.ms=0"];
  const kcat = spawn("kcat", args, { stdio: ["pipe", "inherit", "inherit"] });
  t.after(() => kcat.kill("SIGKILL"));
  return kcat;
}

/** Each round has its own price, so that a message tells which line it came from. */
const priceOf = (round) => 100 + round / 100;
const line = (round) => `${JSON.stringify({ symbol: SYMBOL, price: priceOf(round), size: 1 })}\n`;
const arrivalOf = (subscriber, round) => subscriber.next(({ body }) => body.price === priceOf(round));

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function report(t, what, delays) {
  const all = delays.map((delay) => delay.toFixed(1)).join(" ");
  t.diagnostic(`${what}: median ${median(delays).toFixed(1)} ms of [${all}]`);
}
