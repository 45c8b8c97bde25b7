// `ack:client-individual` with `prefetch-count`: so many messages at most stand unacknowledged, and meanwhile they are
// conflated. In JavaScript, and in the other languages where their drivers are.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { startProcess } from "./support/client.mjs";
import { HEART_BEAT, TEST_MS, webSocketUrl } from "./support/scenario.mjs";
import { startServer } from "./support/server.mjs";

const DRIVER = fileURLToPath(new URL("drivers/javascript/process.mjs", import.meta.url));
const CLIENTS = {
  stompjs: JSON.stringify([process.execPath, DRIVER, "stompjs"]),
  webstomp: JSON.stringify([process.execPath, DRIVER, "webstomp"]),
  "stomp.py": process.env.TICKCAST_DRIVER_PYTHON,
  "go-stomp": process.env.TICKCAST_DRIVER_GO,
  "Spring's WebSocketStompClient": process.env.TICKCAST_DRIVER_SPRING,
};
const CREDIT = 2;
/** So many the witness gets while the other is held. */
const MEANWHILE = 10;

test("a subscription on credit", { timeout: TEST_MS }, async (t) => {
  const server = await startServer(t, { args: ["--symbols", "5", "--rate", "200"] });
  for (const [name, command] of Object.entries(CLIENTS)) {
    for (const version of name.startsWith("Spring") ? ["1.1", "1.2"] : ["1.0", "1.1", "1.2"]) {
      const skip = command === undefined && "its driver isn't built: see tests/run.sh";
      await t.test(`of ${name} in STOMP ${version}`, { skip }, async (t) => {
        const client = startProcess(t, JSON.parse(command));
        client.do("connect", { url: webSocketUrl(server.port), versions: [version], heartBeat: HEART_BEAT });
        await client.saw("connected");
        await holdAndRelease(client, server);
      });
    }
  }
});

/** A witness without credit on the same connection shows what is held back, and for how long. */
async function holdAndRelease(client, server) {
  const [symbol] = await server.busiestSymbols(1);
  const destination = `/topic/price.stock.${symbol}`;
  const headers = { ack: "client-individual", "prefetch-count": String(CREDIT) };
  client.do("subscribe", { id: "held", destination, headers });
  client.do("subscribe", { id: "witness", destination });
  const held = () => client.messagesOf("held");
  await client.until("the first messages", () => held().length >= CREDIT);
  await witnessSees(client, MEANWHILE);
  assert.equal(held().length, CREDIT, "no more than its credit");

  const newest = Number(client.messagesOf("witness").at(-1).headers.seq);
  client.do("acknowledge", { id: "held", message: held()[0].headers["message-id"] });
  await client.until("one more", () => held().length > CREDIT);
  await witnessSees(client, MEANWHILE);
  assert.equal(held().length, CREDIT + 1, "one message for one acknowledgement");
  const { headers: released } = held()[CREDIT];
  assert.ok(Number(released.seq) >= newest, `the newest state, ${newest} or later, not ${released.seq}`);
  assert.ok(Number(released.conflated) >= MEANWHILE - 1, `conflated meanwhile: ${released.conflated}`);
  assert.deepEqual(client.all("error"), []);
}

async function witnessSees(client, more) {
  const count = client.messagesOf("witness").length + more;
  await client.until("the witness's messages", () => client.messagesOf("witness").length >= count);
}
