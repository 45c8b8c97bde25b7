// What the trading page does about the feed's status, about a slow connection, and while nobody looks at it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { launch } from "./support/chromium.mjs";
import { eventually } from "./support/eventually.mjs";
import { collectComplaints, connected, pricesChange } from "./support/page.mjs";
import { startFeed, startServer } from "./support/server.mjs";

const TEST_MS = 120_000;
/** So many symbols are on a list that nobody chose. */
const FULL_FIRST_LIST = 20;
const FEED_ARGS = ["--symbols", "20", "--rate", "200"];

test("the trading page tells of a feed that falls silent, and of its recovery", { timeout: TEST_MS }, async (t) => {
  const args = ["--feed-stale-floor-s", "1", "--feed-stale-factor", "10"];
  const server = await startServer(t, { command: "serve", args });
  const stopFeed = startFeed(t, server, FEED_ARGS);
  const page = await (await launch(t)).newPage();
  const complaints = collectComplaints(page);
  await page.goto(server.url);
  await connected(page);
  await pricesChange(page, 5);
  assert.equal(await page.isVisible("#feed-status"), false);

  await stopFeed();
  await page.waitForSelector("#feed-status[data-tone=warning]");
  assert.equal(await page.textContent("#feed-status-text"), "The feed is silent.");
  assert.equal(await page.getAttribute("body", "data-health"), "stale");
  await page.waitForFunction(() => /^No tick for \ds\.$/.test(document.getElementById("feed-status-clock").textContent));
  await connected(page);

  startFeed(t, server, FEED_ARGS);
  await page.waitForSelector("#feed-status[data-tone=good]");
  assert.equal(await page.textContent("#feed-status-text"), "The feed has recovered.");
  assert.equal(await page.getAttribute("body", "data-health"), "good");
  await page.waitForSelector("#feed-status", { state: "hidden" });
  assert.deepEqual(complaints, []);
});

test("the trading page on a wire that is listened to", { timeout: TEST_MS }, async (t) => {
  const server = await startServer(t);
  const page = await (await launch(t)).newPage();
  const complaints = collectComplaints(page);
  const wire = await listen(page);
  await page.goto(server.url);
  await connected(page);
  await pricesChange(page, 5);

  await t.test("says that the connection is slow, and no longer when it's over", async () => {
    const detail = () => page.textContent("#state-detail");
    wire.tell("session", "/user/queue/session", { status: "conflated", effective_rate: 0.8 });
    await eventually("the notice", async () => (await detail()) === "slow connection: about 0.8 updates a second");
    wire.tell("session", "/user/queue/session", { status: "recovered" });
    await eventually("its end", async () => (await detail()) === "");
  });

  await t.test("asks for less while nobody looks, and for everything when somebody does", async () => {
    const symbols = FULL_FIRST_LIST;
    await page.waitForFunction((count) => document.querySelectorAll("tbody tr").length === count, symbols);
    const asked = (maxRate) => wire.sent.filter((frame) => frame.includes(`\nmax-rate:${maxRate}\n`)).length;
    await eventually("every subscription", () => asked("unlimited") === symbols);
    await setHidden(page, true);
    await eventually("the lower rate", () => asked("1") === symbols);
    await setHidden(page, false);
    await eventually("the full rate", () => asked("unlimited") === 2 * symbols);
    await pricesChange(page, 5);
    assert.equal(wire.sockets, 1, "on one connection");
  });
  assert.deepEqual(complaints, []);
});

/** Notes what the page sends, and can tell it what the server doesn't say. */
async function listen(page) {
  const wire = { sent: [], sockets: 0, tell: () => assert.fail("there is no connection") };
  await page.routeWebSocket(/\/ws$/, (socket) => {
    const server = socket.connectToServer();
    wire.sockets += 1;
    socket.onMessage((message) => {
      wire.sent.push(String(message));
      server.send(message);
    });
    wire.tell = (subscription, destination, body) => {
      const head = `MESSAGE\nsubscription:${subscription}\nmessage-id:told\ndestination:${destination}`;
      socket.send(`${head}\n\n${JSON.stringify(body)}\0`);
    };
  });
  return wire;
}

/** As a browser does when another tab comes to the front; a headless one has no other. */
function setHidden(page, isHidden) {
  return page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, isHidden);
}
