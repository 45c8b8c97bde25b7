// What every client has to go through, whatever it is written in and whatever carries its frames: each version that
// it knows, an ERROR, what a subscription may ask for, heart-beats, and a server that goes and comes back.

import assert from "node:assert/strict";

import { assertStream, destination, SYMBOLS, updates, UPDATES } from "./prices.mjs";
import { startServer } from "./server.mjs";
import { openTap } from "./tap.mjs";
import { meetWishes } from "./wishes.mjs";

/** A bound, not an expectation: on an idle machine a client takes about ten seconds. */
export const TEST_MS = 300_000;
/** What clients offer where heart-beats aren't the subject: nobody gives up because the machine is busy. */
export const HEART_BEAT = [10_000, 10_000];
/** Short enough to see some, while clients give up after 1.5 or 2 intervals. */
const SHORT_BEAT_MS = 1_000;
const BEATS = 2;
const SERVER_ARGS = ["--symbols", String(SYMBOLS), "--rate", "200", "--heart-beat-ms", String(SHORT_BEAT_MS)];

/**
 * Puts a client through everything. `client` says:
 * - `start(t)`: a new one, see client.mjs
 * - `versions`: the versions of STOMP that it knows, the newest last
 * - `shows`: the receipts that it lets its user see, of "subscribe", "unsubscribe", "disconnect"
 * - `afterLoss`: what it does about a lost connection: "resubscribes", "reconnects" or "ends"
 * - `url(port)`: where it connects; `connect`: more for its connect command; `serverArgs`: more for the server
 * - `carrier`: what its requests have to have asked for
 */
export async function goThrough(t, client) {
  const server = await start(t, client.serverArgs);
  const tap = (t) => openTap(t, server.port);
  for (const version of client.versions) {
    await t.test(`STOMP ${version}: snapshot, updates, unsubscribe, disconnect`, async (t) => {
      await subscribeAndLeave(await connect(t, client, await tap(t), [version]), server, client);
    });
    await t.test(`STOMP ${version}: an ERROR is told, and the connection closed`, async (t) => {
      await provokeError(await connect(t, client, await tap(t), [version]));
    });
  }
  await t.test("each wish of a subscription is met", async (t) => {
    await meetWishes(await connect(t, client, await tap(t), client.versions.slice(-1)), server, client);
  });
  await t.test("heart-beats keep a quiet connection", async (t) => {
    const heartBeat = [SHORT_BEAT_MS, SHORT_BEAT_MS];
    await stayQuietly(await connect(t, client, await tap(t), client.versions.slice(-1), { heartBeat }), server);
  });
  await t.test("a lost server that comes back", async (t) => {
    const connection = await connect(t, client, await tap(t), client.versions, { comeBack: true });
    await loseServer(t, connection, server, client);
  });
}

function start(t, args = []) {
  return startServer(t, { args: [...SERVER_ARGS, ...args] });
}

/** A connection is the client, the tap that it goes through, and what it connected with. */
async function connect(t, client, tap, versions, more = {}) {
  const how = {
    url: (client.url ?? webSocketUrl)(tap.port),
    versions,
    heartBeat: HEART_BEAT,
    comeBack: false,
    ...client.connect,
    ...more,
  };
  const connection = { client: await client.start(t), tap, how };
  connection.client.do("connect", how);
  const { version } = await connection.client.saw("connected");
  assert.equal(version, versions.at(-1), "the highest that both know");
  if (client.carrier) assert.match(tap.fromClient.text, client.carrier);
  return connection;
}

export const webSocketUrl = (port) => `ws://127.0.0.1:${port}/ws`;
export const sockjsUrl = (port) => `http://127.0.0.1:${port}/sockjs`;

async function subscribeAndLeave({ client, tap }, server, { shows }) {
  const [kept, dropped] = await server.busiestSymbols(2);
  const receipt = shows.includes("subscribe") ? { receipt: "receipt of kept" } : {};
  client.do("subscribe", { id: "kept", destination: destination(kept), ...receipt });
  client.do("subscribe", { id: "dropped", destination: destination(dropped) });
  await updates(client, "kept");
  await updates(client, "dropped");
  if (receipt.receipt) await client.saw("receipt", ({ id }) => id === receipt.receipt);
  assertStream(client.messagesOf("kept"), kept);
  assertStream(client.messagesOf("dropped"), dropped);

  client.do("unsubscribe", { id: "dropped" });
  if (shows.includes("unsubscribe")) await client.saw("receipt", ({ id }) => id === "dropped");
  await client.until("the receipt on the wire", () => tap.fromServer.text.includes("receipt-id:dropped"));
  await updates(client, "kept", client.messagesOf("kept").length + UPDATES);
  const afterwards = tap.fromServer.text.split("receipt-id:dropped")[1];
  assert.doesNotMatch(afterwards, /subscription:dropped/, "nothing comes after the receipt of UNSUBSCRIBE");

  client.do("disconnect", { receipt: "bye" });
  if (shows.includes("disconnect")) await client.saw("receipt", ({ id }) => id === "bye");
  else await client.until("the receipt on the wire", () => tap.fromServer.text.includes("receipt-id:bye"));
  await client.saw("closed");
  assert.deepEqual([...client.all("error"), ...client.all("failed")], []);
}

async function provokeError({ client }) {
  client.do("subscribe", { id: "nowhere", destination: "/queue/orders" });
  const { message, body } = await client.saw("error");
  assert.equal(message, "unknown destination");
  assert.match(body, /"\/queue\/orders" isn't a destination/);
  const { code } = await client.saw("closed");
  // Not every client tells; one that closes on the ERROR by itself may be faster.
  if (code !== undefined) assert.ok([1000, 1002, 1005].includes(code), `closed with ${code}`);
}

async function stayQuietly({ client, tap }, server) {
  const { fromServer, fromClient } = tap;
  await client.until("heart-beats both ways", () => fromServer.beats >= BEATS && fromClient.beats >= BEATS);
  assert.deepEqual(client.all("closed"), [], "it is still connected");
  const [symbol] = await server.busiestSymbols(1);
  client.do("subscribe", { id: "late", destination: destination(symbol) });
  await updates(client, "late");
}

async function loseServer(t, { client, tap, how }, server, { afterLoss, serverArgs }) {
  const [symbol] = await server.busiestSymbols(1);
  const subscribe = () => client.do("subscribe", { id: "prices", destination: destination(symbol) });
  subscribe();
  const [{ headers: { epoch } }] = await updates(client, "prices");
  await server.kill();
  // Until the next server has prices nobody listens at the address that the client knows.
  tap.close();
  await client.saw("closed");

  const again = await start(t, serverArgs);
  await again.busiestSymbols(SYMBOLS);
  await tap.listen(again.port);
  if (afterLoss === "ends") client.do("connect", how);
  await client.until("the second connection", () => client.all("connected").length === 2);
  if (afterLoss !== "resubscribes") subscribe();
  const fresh = () => client.messagesOf("prices").filter(({ headers }) => headers.epoch !== epoch);
  await client.until("messages of the second server", () => fresh().length >= UPDATES);
  assertStream(fresh(), symbol);
}
