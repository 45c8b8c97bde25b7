// A page of a foreign origin gets nothing, over WebSocket or SockJS; that the browser asks is what protects its user.

import assert from "node:assert/strict";
import { test } from "node:test";

import { launch, servePage, startPage } from "./support/chromium.mjs";
import { HEART_BEAT, sockjsUrl, TEST_MS, webSocketUrl } from "./support/scenario.mjs";
import { startServer } from "./support/server.mjs";

test("a page of a foreign origin in Chromium", { timeout: TEST_MS }, async (t) => {
  const browser = await launch(t);
  const own = await servePage(t);
  const foreign = await servePage(t);
  const server = await startServer(t, { args: ["--allowed-origins", own] });
  const ways = {
    WebSocket: { url: webSocketUrl(server.port) },
    ...Object.fromEntries(["websocket", "xhr-streaming", "xhr-polling", "eventsource"].map((transport) => [
      `SockJS by ${transport}`, { url: sockjsUrl(server.port), transports: [transport] },
    ])),
  };

  for (const [name, how] of Object.entries(ways)) {
    await t.test(`is refused over ${name}, where an allowed one is let in`, async (t) => {
      const command = { ...how, versions: ["1.2"], heartBeat: HEART_BEAT };
      const allowed = await startPage(t, browser, own, "stompjs");
      allowed.do("connect", command);
      await allowed.saw("connected");

      const before = await refusals(server);
      const refused = await startPage(t, browser, foreign, "stompjs");
      refused.do("connect", command);
      await refused.saw("closed");
      assert.deepEqual(refused.all("connected"), []);
      assert.ok((await refusals(server)) > before, "the server counted it");
    });
  }
});

/** What the server has counted as refused for its origin. */
async function refusals(server) {
  const text = await (await fetch(`${server.url}metrics`)).text();
  const row = /^tickcast_upgrades_refused_total\{reason="origin"\} (\d+)$/m.exec(text);
  assert.ok(row, "the metric is there");
  return Number(row[1]);
}
