// A browser behind a proxy that breaks WebSocket gets its prices by XHR streaming: by sockjs-client's own choice, and
// by that of the trading page.

import assert from "node:assert/strict";
import { test } from "node:test";

import { launch, servePage, startPage } from "./support/chromium.mjs";
import { startProxy } from "./support/proxy.mjs";
import { HEART_BEAT, sockjsUrl, TEST_MS } from "./support/scenario.mjs";
import { startServer } from "./support/server.mjs";

const MESSAGES = 20;

test("behind a proxy that breaks WebSocket", { timeout: TEST_MS }, async (t) => {
  const browser = await launch(t);
  const origin = await servePage(t);
  const server = await startServer(t, { args: ["--allowed-origins", origin] });
  for (const [what, strips] of [["answers 400 to upgrades", false], ["strips them of their headers", true]]) {
    await t.test(`that ${what}`, async (t) => {
      const proxy = await startProxy(t, server.port, { strips });
      const client = await startPage(t, browser, origin, "stompjs");
      client.do("connect", { url: sockjsUrl(proxy.port), versions: ["1.2"], heartBeat: HEART_BEAT, transports: [] });
      await client.saw("connected");
      client.do("subscribe", { id: "all", destination: "/topic/price.stock.*" });
      await client.until("prices", () => client.messagesOf("all").length >= MESSAGES);
      assert.ok(proxy.upgrades > 0, "it tried a WebSocket first");
      assert.ok(proxy.paths.some((path) => path.includes("/xhr_streaming")), proxy.paths.join(" "));
      client.do("disconnect", { receipt: "bye" });
      await client.saw("receipt", ({ id }) => id === "bye");
    });
  }
});

test("the trading page behind a proxy that breaks WebSocket", { timeout: TEST_MS }, async (t) => {
  const server = await startServer(t);
  const proxy = await startProxy(t, server.port, { strips: false });
  const page = await (await launch(t)).newPage();
  await page.goto(`http://127.0.0.1:${proxy.port}/`);
  await page.waitForFunction(() => document.body.dataset.feed === "connected", { timeout: 30_000 });
  assert.equal(await page.textContent("#state-detail"), "over HTTP, as WebSocket is blocked");
  const first = () => page.textContent("tbody tr[data-state=live]");
  const before = await first();
  await page.waitForFunction((text) => document.querySelector("tbody tr[data-state=live]").textContent !== text, before);
  assert.ok(proxy.upgrades > 0, "it tried a WebSocket first");
});
