// The trading page in Chromium: prices that move, the list that one edits, and a server that goes and comes back.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { launch } from "./support/chromium.mjs";
import { collectComplaints, connected, pricesChange } from "./support/page.mjs";
import { startServer } from "./support/server.mjs";

const ARTIFACTS = fileURLToPath(new URL("../artifacts/", import.meta.url));
/** Enough for the lines in the screenshot to be lines. */
const HISTORY_MS = 15_000;
const TEST_MS = 180_000;

test("the trading page", { timeout: TEST_MS }, async (t) => {
  const server = await startServer(t);
  const browser = await launch(t);
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: "dark" });
  const complaints = collectComplaints(page);

  await t.test("connects and shows prices that change", async () => {
    const response = await page.goto(server.url);
    assert.match(response.headers()["content-security-policy"], /script-src 'self'/);
    await connected(page);
    await pricesChange(page, 5);
    // It's counted over the seconds before, of which there may be none yet.
    await page.waitForFunction(() => /[1-9].*\/s/.test(document.querySelector("[data-figure=rate]").textContent));
  });

  await t.test("removes a symbol by the Delete key, adds it by search, removes it by its button", async () => {
    const symbol = await page.getAttribute("tbody tr:nth-child(2)", "data-symbol");
    await page.click(row(symbol));
    await page.keyboard.press("Delete");
    await page.waitForSelector(row(symbol), { state: "detached" });
    assert.equal(await isInAddress(page, symbol), false);

    await page.keyboard.press("/");
    await page.keyboard.type(symbol.toLowerCase());
    await page.waitForSelector("#matches [role=option]");
    await page.keyboard.press("Enter");
    await page.waitForSelector(`${row(symbol)}[data-state=live]`);
    assert.equal(await isInAddress(page, symbol), true);

    await page.hover(row(symbol));
    await page.click(`${row(symbol)} .remove`);
    await page.waitForSelector(row(symbol), { state: "detached" });
  });

  await t.test("keeps the list over a reload", async () => {
    const before = await symbolsOf(page);
    await page.goto(server.url);
    await connected(page);
    await page.waitForFunction((count) => document.querySelectorAll("tbody tr").length === count, before.length);
    assert.deepEqual(await symbolsOf(page), before);
  });

  await t.test("says what it waits for when a symbol has not ticked", async () => {
    await page.keyboard.press("/");
    await page.keyboard.type("NEVER.TICKED");
    await page.keyboard.press("Enter");
    await page.waitForSelector(`${row("NEVER.TICKED")}[data-state=waiting]`);
    assert.match(await page.textContent(row("NEVER.TICKED")), /waiting for the first tick of NEVER\.TICKED/);
    await page.hover(row("NEVER.TICKED"));
    await page.click(`${row("NEVER.TICKED")} .remove`);
    await page.waitForSelector(row("NEVER.TICKED"), { state: "detached" });
  });

  await t.test("fits on a phone and beside other windows, in light and in dark", async () => {
    for (const [width, colorScheme] of [[390, "dark"], [800, "light"], [1280, "light"]]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(overflow <= 0, `${width} px: ${overflow} px too wide`);
    }
    await page.emulateMedia({ colorScheme: "dark" });
  });

  await t.test("keeps a screenshot", async () => {
    mkdirSync(ARTIFACTS, { recursive: true });
    await page.click("tbody tr:nth-child(1)");
    await page.mouse.move(640, 20);
    await page.waitForFunction((ms) => performance.now() > ms, HISTORY_MS);
    const png = await page.screenshot({ path: `${ARTIFACTS}trading-page.png` });
    assert.ok(png.length > 20_000, "more than an empty page");
    await page.keyboard.press("Escape");
  });

  assert.deepEqual(complaints.splice(0), [], "no console errors, failed requests or breaches of the page's policy");

  await t.test("survives a restart of the server", async (t) => {
    await server.kill();
    await page.waitForSelector("#state[data-state=disconnected]");
    assert.match(await page.textContent("#state-detail"), /retry in \d+ s/);
    await startServer(t, { port: server.port });
    await connected(page);
    await page.waitForSelector("tbody tr[data-state=live]");
    await pricesChange(page, 5);
    // While the server was away, refused connections are the browser's to report.
    const others = complaints.filter((text) => !/ERR_CONNECTION_|WebSocket connection to/.test(text));
    assert.deepEqual(others, []);
  });
});

const row = (symbol) => `tr[data-symbol="${symbol}"]`;

function symbolsOf(page) {
  return page.evaluate(() => [...document.querySelectorAll("tbody tr")].map((tr) => tr.dataset.symbol));
}

function isInAddress(page, symbol) {
  return page.evaluate((wanted) => {
    const list = decodeURIComponent(location.hash).replace("#symbols=", "").split(",");
    return list.includes(wanted);
  }, symbol);
}
