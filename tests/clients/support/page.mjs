// What a test asks of the trading page.

import assert from "node:assert/strict";

/** Everything that the browser complains about; breaches of the Content-Security-Policy are console errors. */
export function collectComplaints(page) {
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  page.on("requestfailed", (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`${response.url()}: ${response.status()}`);
  });
  return complaints;
}

export async function connected(page) {
  await page.waitForSelector("#state[data-state=connected]");
}

/** Waits until the last price of at least `rows` rows is another than it was. */
export async function pricesChange(page, rows) {
  await page.waitForFunction((count) => document.querySelectorAll("tbody tr[data-state=live]").length >= count, rows);
  const before = await page.evaluate(lastPrices);
  const changed = await page.waitForFunction(
    ({ before, rows }) => {
      const cells = [...document.querySelectorAll("tbody tr[data-state=live]")];
      const moved = cells.filter((tr) => {
        const then = before[tr.dataset.symbol];
        return then !== undefined && tr.querySelector(".c-last").textContent !== then;
      });
      return moved.length >= rows ? moved.length : null;
    },
    { before, rows },
  );
  assert.ok((await changed.jsonValue()) >= rows);
}

/** Runs in the page. */
function lastPrices() {
  const rows = [...document.querySelectorAll("tbody tr[data-state=live]")];
  return Object.fromEntries(rows.map((tr) => [tr.dataset.symbol, tr.querySelector(".c-last").textContent]));
}
