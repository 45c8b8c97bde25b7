// Any Kafka client can publish into a running demo; kcat does, and a subscriber has it within 50 ms.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";

import { startServer } from "./support/server.mjs";
import { connect } from "./support/stomp.mjs";

const SYMBOL = "KCAT.TEST";
const GOAL_MS = 50;
const ROUNDS = 15;
const TEST_MS = 90_000;

test(`a line written to a running kcat is at the subscriber within ${GOAL_MS} ms (median)`, { timeout: TEST_MS }, async (t) => {
  const server = await startServer(t);
  const subscriber = await connect(t, server, [SYMBOL]);
  const kcat = startKcat(t, server, []);

  const delays = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const arrived = arrivalOf(subscriber, round);
    const writtenMs = performance.now();
    kcat.stdin.write(line(round));
    delays.push((await arrived).atMs - writtenMs);
  }
  // kcat looks the topic up and connects when the first line comes; that is not the server's time.
  const [warmUp, ...measured] = delays;
  report(t, "from the write to a running kcat", measured, `first line ${warmUp.toFixed(1)} ms`);
  assert.ok(median(measured) <= GOAL_MS, `median ${median(measured)} ms`);
});

test(`the one line of a kcat that ends is at the subscriber within ${GOAL_MS} ms of its end (median)`, { timeout: TEST_MS }, async (t) => {
  const server = await startServer(t);
  const subscriber = await connect(t, server, [SYMBOL]);

  const delays = [];
  for (let round = 0; round < 5; round += 1) {
    const arrived = arrivalOf(subscriber, round);
    const kcat = startKcat(t, server, ["-k", SYMBOL]);
    kcat.stdin.end(line(round));
    const [code] = await once(kcat, "exit");
    const endedMs = performance.now();
    assert.equal(code, 0, "kcat delivered its line");
    delays.push((await arrived).atMs - endedMs);
  }
  report(t, "from the end of kcat (negative: it was there before)", delays);
  assert.ok(median(delays) <= GOAL_MS, `median ${median(delays)} ms`);
});

function startKcat(t, server, more) {
  const args = ["-P", "-b", server.broker, "-t", server.topic, "-X", "linger.ms=0", ...more];
  const kcat = spawn("kcat", args, { stdio: ["pipe", "inherit", "inherit"] });
  kcat.on("error", (error) => {
    throw new Error(`kcat can't be run (apt-get install kcat): ${error.message}`);
  });
  t.after(() => kcat.kill());
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

function report(t, what, delays, more = "") {
  const all = delays.map((delay) => delay.toFixed(1)).join(" ");
  t.diagnostic(`${what}: median ${median(delays).toFixed(1)} ms of [${all}] ${more}`);
}
