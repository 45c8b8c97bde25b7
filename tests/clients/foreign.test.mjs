// The STOMP clients of other languages. tests/run.sh builds their drivers and says where they are.

import { test } from "node:test";

import { startProcess } from "./support/client.mjs";
import { goThrough, sockjsUrl, TEST_MS } from "./support/scenario.mjs";

const SPRING = { variable: "TICKCAST_DRIVER_SPRING", versions: ["1.1", "1.2"], shows: ["subscribe"] };
const springOver = (transport, carrier) => ({
  ...SPRING,
  url: sockjsUrl,
  connect: { transports: [transport] },
  carrier,
});

/** Each is called as its variable says, a JSON array of the program and its arguments. */
const CLIENTS = {
  "stomp.py": {
    variable: "TICKCAST_DRIVER_PYTHON",
    versions: ["1.0", "1.1", "1.2"],
    shows: ["subscribe", "unsubscribe", "disconnect"],
  },
  "go-stomp": {
    variable: "TICKCAST_DRIVER_GO",
    versions: ["1.0", "1.1", "1.2"],
    shows: ["unsubscribe", "disconnect"],
  },
  "Spring's WebSocketStompClient": SPRING,
  "Spring's SockJsClient by WebSocket": springOver("websocket", /GET \/sockjs\/\d+\/\w+\/websocket /),
  "Spring's SockJsClient by XHR streaming": springOver("xhr-streaming", /POST \/sockjs\/\d+\/\w+\/xhr_streaming /),
  "Spring's SockJsClient by XHR polling": springOver("xhr-polling", /POST \/sockjs\/\d+\/\w+\/xhr /),
};

for (const [name, { variable, ...client }] of Object.entries(CLIENTS)) {
  const command = process.env[variable];
  const skip = command === undefined && `${variable} isn't set: "tests/run.sh clients" builds the driver and sets it`;
  test(name, { timeout: TEST_MS, skip }, async (t) => {
    const start = (t) => startProcess(t, JSON.parse(command));
    await goThrough(t, { ...client, start, afterLoss: "ends" });
  });
}
