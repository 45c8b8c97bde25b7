// sockjs-client in Chromium, each transport forced in turn.

import { test } from "node:test";

import { launch, servePage, startPage } from "./support/chromium.mjs";
import { goThrough, sockjsUrl, TEST_MS } from "./support/scenario.mjs";

/** The transports by sockjs-client's names, and what their requests ask for. */
const TRANSPORTS = {
  websocket: /GET \/sockjs\/\d+\/\w+\/websocket /,
  "xhr-streaming": /POST \/sockjs\/\d+\/\w+\/xhr_streaming\?/,
  "xhr-polling": /POST \/sockjs\/\d+\/\w+\/xhr\?/,
  eventsource: /GET \/sockjs\/\d+\/\w+\/eventsource /,
};
/** Those that have to be switched on; a page of Chromium still can use them. */
const LEGACY_TRANSPORTS = {
  "iframe-eventsource": /GET \/sockjs\/\d+\/\w+\/eventsource /,
  "iframe-htmlfile": /GET \/sockjs\/\d+\/\w+\/htmlfile\?c=/,
  "iframe-xhr-polling": /POST \/sockjs\/\d+\/\w+\/xhr\?/,
  "jsonp-polling": /GET \/sockjs\/\d+\/\w+\/jsonp\?c=/,
};

for (const [transport, carrier] of Object.entries(TRANSPORTS)) {
  test(`stompjs over sockjs-client's ${transport} in Chromium`, { timeout: TEST_MS }, async (t) => {
    const origin = await servePage(t);
    await goOver(t, transport, { origin, carrier, versions: ["1.0", "1.1", "1.2"], serverArgs: [] });
  });
}

for (const [transport, carrier] of Object.entries(LEGACY_TRANSPORTS)) {
  test(`stompjs over sockjs-client's ${transport} in Chromium`, { timeout: TEST_MS }, async (t) => {
    const origin = await servePage(t);
    const serverArgs = ["--sockjs-legacy-transports", "--sockjs-client-url", `${origin}/sockjs.js`];
    await goOver(t, transport, { origin, carrier, versions: ["1.2"], serverArgs });
  });
}

async function goOver(t, transport, { origin, carrier, versions, serverArgs }) {
  const browser = await launch(t);
  await goThrough(t, {
    start: (t) => startPage(t, browser, origin, "stompjs"),
    versions,
    shows: ["subscribe", "unsubscribe", "disconnect"],
    afterLoss: "reconnects",
    url: sockjsUrl,
    connect: { transports: [transport] },
    serverArgs: ["--allowed-origins", origin, ...serverArgs],
    carrier,
  });
}
