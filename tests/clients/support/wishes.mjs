// What a SUBSCRIBE may ask for beside the ordinary, each wish by a subscription of its own on one connection and of one
// symbol. One of them is sent every tick, so that all the others can be held against it.

import assert from "node:assert/strict";

import { destination, SYMBOLS, updates, UPDATES } from "./prices.mjs";

const RATE_PER_S = 4;
const FASTER_PER_S = 20;
/** What a busy machine may take from the time between two messages on their way. */
const JITTER_MS = 200;
const FIELDS = ["bid", "ask"];

export async function meetWishes(connection, server, { shows }) {
  const { client } = connection;
  const [symbol] = await server.busiestSymbols(1);
  const subscribe = (id, headers) => {
    const receipt = shows.includes("subscribe") ? { receipt: receiptOf(id) } : {};
    client.do("subscribe", { id, destination: destination(symbol), headers, ...receipt });
  };
  subscribe("every", { mode: "every" });
  // The others begin after it: each of their ticks is one of its.
  await updates(client, "every", 1);
  subscribe("whole", {});
  subscribe("paced", { "max-rate": String(RATE_PER_S) });
  subscribe("fields", { fields: FIELDS.join(",") });
  subscribe("delta", { delta: "true" });
  for (const id of ["whole", "paced", "fields", "delta"]) await updates(client, id, 1 + UPDATES);

  assertEveryTick(client.messagesOf("every"));
  for (const id of ["whole", "paced", "fields", "delta"]) assertNoTickIsMissing(client, id);
  assertPaced(client.messagesOf("paced"));
  assertFields(client.messagesOf("fields"));
  await assertDelta(client);
  const showsReceipts = shows.includes("subscribe");
  if (showsReceipts) {
    await assertReceipt(client, "every", { mode: "every", maxRate: "unlimited" });
    await assertReceipt(client, "paced", { mode: "latest", maxRate: String(RATE_PER_S) });
  }
  await changeRate(connection, subscribe);
  if (showsReceipts) await assertReceipt(client, "paced", { mode: "latest", maxRate: String(FASTER_PER_S) }, 2);
  await askOnce(connection, server, symbol);
  await askInVain(client);
  await hearOfTheFeed(client);
  client.do("disconnect", { receipt: "bye" });
  await client.saw("closed");
  assert.deepEqual([...client.all("error"), ...client.all("failed")], []);
}

const receiptOf = (id) => `receipt of ${id}`;
const body = (message) => JSON.parse(message.body);
const seq = (message) => Number(message.headers.seq);
const conflated = (message) => Number(message.headers.conflated ?? 0);

function assertEveryTick(messages) {
  for (const [at, message] of messages.entries()) {
    assert.equal(message.headers.type, at === 0 ? "snapshot" : "update");
    assert.equal(message.headers.conflated, undefined, "nothing is folded into it");
    if (at === 0) continue;
    assert.ok(seq(message) > seq(messages[at - 1]), "in order");
    const trades = (body(message).trades ?? 0) - (body(messages[at - 1]).trades ?? 0);
    assert.ok(trades === 0 || trades === 1, `one tick brings one trade at most, not ${trades}`);
  }
}

/** What a subscription was sent and what was conflated is as much as there was. */
function assertNoTickIsMissing(client, id) {
  const [snapshot, ...rest] = client.messagesOf(id);
  assert.equal(snapshot.headers.type, "snapshot", `${id} starts with its snapshot`);
  const ticks = client.messagesOf("every").map(seq);
  let told = 0;
  for (const message of rest.filter((message) => seq(message) <= ticks.at(-1))) {
    assert.equal(message.headers.type, "update");
    told += 1 + conflated(message);
    const between = ticks.filter((tick) => tick > seq(snapshot) && tick <= seq(message));
    assert.equal(told, between.length, `${id}: delivered and conflated up to ${seq(message)}`);
  }
}

function assertPaced(messages) {
  const tookMs = messages.at(-1).atMs - messages[0].atMs;
  const leastMs = ((messages.length - 1) * 1_000) / RATE_PER_S;
  assert.ok(tookMs > leastMs - JITTER_MS, `${messages.length} messages in ${tookMs} ms, not before ${leastMs} ms`);
  assert.ok(messages.some((message) => conflated(message) > 0), "a busy symbol has more ticks than that");
}

/** Only these, and nothing when none of them has changed. */
function assertFields(messages) {
  let last = {};
  for (const message of messages) {
    const state = body(message);
    const others = Object.keys(state).filter((name) => !FIELDS.includes(name));
    assert.deepEqual(others, [], "only what was asked for");
    assert.notDeepEqual(state, last, "something has changed");
    last = state;
  }
}

/** Merged into what was known they are the whole states that somebody else is sent. */
async function assertDelta(client) {
  const known = () => new Map(client.messagesOf("every").map((message) => [seq(message), body(message)]));
  const newest = Math.max(...client.messagesOf("delta").map(seq));
  await client.until("the whole states", () => known().has(newest));
  const whole = known();
  let state = {};
  for (const message of client.messagesOf("delta").filter((message) => seq(message) <= newest)) {
    const changes = body(message);
    if (message.headers.type === "update") assert.ok(!("symbol" in changes), "what never changes is told once");
    state = Object.fromEntries(Object.entries({ ...state, ...changes }).filter(([, value]) => value !== null));
    assert.deepEqual(state, whole.get(seq(message)));
  }
}

/** What the `nth` RECEIPT of a subscription says is in force. */
async function assertReceipt(client, id, { mode, maxRate }, nth = 1) {
  const receipts = () => client.all("receipt", (receipt) => receipt.id === receiptOf(id));
  await client.until(`RECEIPT ${nth} of "${id}"`, () => receipts().length >= nth);
  const { headers } = receipts()[nth - 1];
  assert.equal(headers["effective-mode"], mode);
  assert.equal(headers["effective-max-rate"], maxRate);
  assert.match(headers.seq, /^\d+$/);
  assert.equal(headers.epoch, client.messagesOf(id)[0].headers.epoch);
}

/** UNSUBSCRIBE and SUBSCRIBE under the same id: what comes after the receipt is of the new subscription. */
async function changeRate({ client, tap }, subscribe) {
  client.do("unsubscribe", { id: "paced" });
  subscribe("paced", { "max-rate": String(FASTER_PER_S) });
  // Line ends are escaped as often as a transport wraps its frames.
  const fresh = /receipt-id:paced(?:\n|\\+n).*?subscription:paced(?:\n|\\+n)type:(\w+)/s;
  await client.until("the subscription's first message", () => fresh.test(tap.fromServer.text));
  assert.equal(fresh.exec(tap.fromServer.text)[1], "snapshot", "nothing is left of the old one");
  await updates(client, "paced", client.messagesOf("paced").length + UPDATES);
}

/** A snapshot is answered once, after which its id is free. */
async function askOnce({ client, tap }, server, symbol) {
  client.do("subscribe", { id: "once", destination: `/app/snapshot.${symbol}` });
  const [{ headers }] = await updates(client, "once", 1);
  assert.equal(headers.type, "snapshot");
  assert.equal(headers.destination, destination(symbol));
  // Pages unmount: what is over already is nothing to complain of.
  client.do("unsubscribe", { id: "once" });
  await client.until("the receipt on the wire", () => tap.fromServer.text.includes("receipt-id:once"));

  const symbols = await server.busiestSymbols(SYMBOLS);
  client.do("subscribe", { id: "all once", destination: "/app/snapshot.*" });
  const all = await updates(client, "all once", symbols.length);
  await updates(client, "whole", client.messagesOf("whole").length + UPDATES);
  assert.equal(client.messagesOf("once").length, 1);
  assert.equal(client.messagesOf("all once").length, symbols.length);
  const named = all.map((message) => body(message).symbol);
  assert.deepEqual(named.sort(), symbols.sort());
}

/** A symbol that nobody knows is no reason to be closed. */
async function askInVain(client) {
  client.do("subscribe", { id: "errors", destination: "/user/queue/errors" });
  client.do("subscribe", { id: "in vain", destination: "/app/snapshot.NO.SUCH" });
  const [message] = await updates(client, "errors", 1);
  assert.deepEqual(body(message), { error: "unknown symbol", destination: "/app/snapshot.NO.SUCH" });
  assert.equal(client.messagesOf("in vain").length, 0);
}

async function hearOfTheFeed(client) {
  client.do("subscribe", { id: "feed", destination: "/topic/feed.status" });
  const [message] = await updates(client, "feed", 1);
  assert.equal(message.headers.type, "snapshot");
  assert.equal(message.headers.destination, "/topic/feed.status");
  assert.match(message.headers["message-id"], /^feed-\d+$/);
  assert.equal(body(message).status, "live");
}
