// @stomp/stompjs 7 under Node: what a page's code relies on, over a real socket.

import assert from "node:assert/strict";
import { test } from "node:test";

import { eventually } from "./support/eventually.mjs";
import { startServer } from "./support/server.mjs";
import { connect } from "./support/stomp.mjs";

const TEST_MS = 90_000;

test("a subscription is answered by a receipt and a snapshot, and updates follow with rising seq", { timeout: TEST_MS }, async (t) => {
  const server = await startServer(t);
  const symbols = await server.busiestSymbols(3);
  const subscriber = await connect(t, server, symbols);

  await eventually("updates of each symbol", () => symbols.every((symbol) => subscriber.of(symbol).length >= 4));
  for (const symbol of symbols) assertStream(subscriber.of(symbol), symbol);
  assert.deepEqual([...subscriber.receipts.keys()].sort(), [...symbols].sort(), "every SUBSCRIBE has its RECEIPT");
  assert.deepEqual(subscriber.errors, []);
  assert.equal(subscriber.client.connectedVersion, "1.2");
});

test("after UNSUBSCRIBE no message comes", { timeout: TEST_MS }, async (t) => {
  const server = await startServer(t);
  const [kept, dropped] = await server.busiestSymbols(2);
  const subscriber = await connect(t, server, [kept]);
  const subscription = subscriber.client.subscribe(`/topic/price.stock.${dropped}`, () => (received += 1));
  let received = 0;
  await eventually("messages of the second symbol", () => received >= 2);

  const gone = new Promise((resolve) => subscriber.client.watchForReceipt("gone", resolve));
  subscription.unsubscribe({ receipt: "gone" });
  await gone;
  const before = received;
  const kepts = subscriber.of(kept).length;
  await eventually("more of the first symbol", () => subscriber.of(kept).length >= kepts + 5);
  assert.equal(received, before);
});

test("DISCONNECT is answered by a receipt before the connection closes", { timeout: TEST_MS }, async (t) => {
  const server = await startServer(t);
  const subscriber = await connect(t, server, await server.busiestSymbols(1));
  const { client } = subscriber;

  const events = [];
  client.onDisconnect = () => events.push("receipt");
  const closed = new Promise((resolve) => {
    client.onWebSocketClose = (event) => resolve(events.push(`close ${event.code}`));
  });
  await client.deactivate();
  await closed;
  assert.equal(events[0], "receipt");
  // stompjs closes the socket on the receipt, without a code (1005); a server may be faster with its own 1000.
  assert.match(events[1], /^close (1000|1005)$/);
  assert.deepEqual(subscriber.errors, []);
});

test("a client comes back by itself after the server was killed and started again", { timeout: TEST_MS }, async (t) => {
  const first = await startServer(t);
  const symbols = await first.busiestSymbols(2);
  const subscriber = await connect(t, first, symbols);
  await eventually("the first messages", () => symbols.every((symbol) => subscriber.of(symbol).length >= 2));

  await first.kill();
  await eventually("the loss of the connection", () => !subscriber.client.connected);
  await startServer(t, { port: first.port });
  await subscriber.connected(2);
  await eventually("messages after the restart", () => symbols.every((symbol) => subscriber.of(symbol, 2).length >= 3), 30_000);
  for (const symbol of symbols) assertRising(subscriber.of(symbol, 2), symbol);
});

/** The first is the snapshot, all after it are newer updates, and each is a whole state. */
function assertStream(messages, symbol) {
  const [snapshot, ...updates] = messages;
  assert.equal(snapshot.type, "snapshot", `${symbol} starts with its snapshot`);
  for (const update of updates) assert.equal(update.type, "update");
  assertRising(messages, symbol);
  for (const { body, headers } of messages) {
    assert.equal(body.symbol, symbol);
    assert.ok(body.price > 0 || body.bid > 0 || body.ask > 0, `${symbol} has a price: ${JSON.stringify(body)}`);
    assert.equal(headers.destination, `/topic/price.stock.${symbol}`);
    assert.equal(headers["content-type"], "application/json");
    assert.match(headers["message-id"], /^\d+-\d+$/);
  }
}

function assertRising(messages, symbol) {
  assert.equal(new Set(messages.map(({ epoch }) => epoch)).size, 1, `${symbol} stays in one epoch`);
  for (let i = 1; i < messages.length; i += 1) {
    const [before, after] = [messages[i - 1].seq, messages[i].seq];
    assert.ok(after > before, `${symbol}: seq ${after} follows ${before}`);
  }
}
