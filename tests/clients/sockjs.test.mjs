// sockjs-client in Chromium, each transport forced in turn.

import { test } from "node:test";

import { launch, servePage, startPage } from "./support/chromium.mjs";
import { goThrough, sockjsUrl, TEST_MS } from "./support/scenario.mjs";

/** The transports by sockjs-client's names, and what their requests ask for. */
const TRANSPORTS = {
  websocket: /GET \/sockjs\/\d+\/\w+\/websocket /,
  "xhr-streaming": /POST \/sockjs\/\d+\/\w+\/xhr_streaming/,
  "xhr-polling": /POST \/sockjs\/\d+\/\w+\/xhr\?/,
  eventsource: /GET \/sockjs\/\d+\/\w+\/eventsource/,
};

for (const [transport, carrier] of Object.entries(TRANSPORTS)) {
  test(`stompjs over sockjs-client's ${transport} in Chromium`, { timeout: TEST_MS }, async (t) => {
    const browser = await launch(t);
    const origin = await servePage(t);
    await goThrough(t, {
      start: (t) => startPage(t, browser, origin, "stompjs"),
      versions: ["1.0", "1.1", "1.2"],
      shows: ["subscribe", "unsubscribe", "disconnect"],
      afterLoss: "reconnects",
      url: sockjsUrl,
      connect: { transports: [transport] },
      serverArgs: ["--allowed-origins", origin],
      carrier,
    });
  });
}
