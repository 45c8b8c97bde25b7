// The STOMP clients for JavaScript, under Node.js and in Chromium.

import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { launch, servePage, startPage } from "./support/chromium.mjs";
import { startProcess } from "./support/client.mjs";
import { goThrough, TEST_MS } from "./support/scenario.mjs";

const DRIVER = fileURLToPath(new URL("drivers/javascript/process.mjs", import.meta.url));
const CLIENTS = {
  stompjs: { shows: ["subscribe", "unsubscribe", "disconnect"], afterLoss: "reconnects" },
  "rx-stomp": { shows: ["subscribe", "unsubscribe", "disconnect"], afterLoss: "resubscribes" },
  webstomp: { shows: ["subscribe", "unsubscribe"], afterLoss: "ends" },
};
const versions = ["1.0", "1.1", "1.2"];

for (const [name, client] of Object.entries(CLIENTS)) {
  test(`${name} under Node.js`, { timeout: TEST_MS }, async (t) => {
    const start = (t) => startProcess(t, [process.execPath, DRIVER, name]);
    await goThrough(t, { ...client, versions, start });
  });

  test(`${name} in Chromium`, { timeout: TEST_MS }, async (t) => {
    const browser = await launch(t);
    const origin = await servePage(t);
    const start = (t) => startPage(t, browser, origin, name);
    await goThrough(t, { ...client, versions, start, serverArgs: ["--allowed-origins", origin] });
  });
}
