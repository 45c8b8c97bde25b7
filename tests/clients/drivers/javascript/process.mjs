// Runs one of the drivers beside this file under Node.js: process.mjs NAME.

import { createInterface } from "node:readline";

import WebSocket from "ws";

// The clients take the browser's; Node 20 has none.
Object.assign(globalThis, { WebSocket });

const { default: driver } = await import(`./${process.argv[2]}.mjs`);
const emit = (event, details) => process.stdout.write(`${JSON.stringify({ event, ...details })}\n`);
const client = driver(emit);
const commands = createInterface({ input: process.stdin });
commands.on("line", (line) => {
  const { do: command, ...details } = JSON.parse(line);
  client[command](details);
});
commands.on("close", () => process.exit());
