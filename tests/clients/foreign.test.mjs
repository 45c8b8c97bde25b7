// The STOMP clients of other languages. tests/run.sh builds their drivers and says where they are.

import { test } from "node:test";

import { startProcess } from "./support/client.mjs";
import { goThrough, TEST_MS } from "./support/scenario.mjs";

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
  "Spring's WebSocketStompClient": {
    variable: "TICKCAST_DRIVER_SPRING",
    versions: ["1.1", "1.2"],
    shows: ["subscribe"],
  },
};

for (const [name, { variable, ...client }] of Object.entries(CLIENTS)) {
  const command = process.env[variable];
  const skip = command === undefined && `${variable} isn't set: "tests/run.sh clients" builds the driver and sets it`;
  test(name, { timeout: TEST_MS, skip }, async (t) => {
    const start = (t) => startProcess(t, JSON.parse(command));
    await goThrough(t, { ...client, start, afterLoss: "ends" });
  });
}
