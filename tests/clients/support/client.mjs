// The test's end of a client under test. The client runs where it belongs, in a process or in a page, behind a thin
// driver (../drivers) that does what it is told and tells what it sees; what that has to be is decided here alone.
//
// Commands, one JSON object each:
//   {"do":"connect","url","versions":["1.2"],"heartBeat":[out,in],"comeBack":false,"transports":["xhr-polling"]}
//   {"do":"subscribe","id","destination","headers":{},"receipt"}     receipt: if the client can ask for one
//   {"do":"unsubscribe","id"}                                        with a receipt that is named as the subscription
//   {"do":"acknowledge","id","message":"the MESSAGE's message-id"}
//   {"do":"disconnect","receipt"}
// Events, one JSON object each:
//   {"event":"connected","version"}   {"event":"message","subscription","headers","body"}   {"event":"receipt","id","headers"}
//   {"event":"error","message","body"}   {"event":"closed","code"}   {"event":"failed","reason"}
// A receipt has headers where the client shows them. A driver ends when its standard input does.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { eventually } from "./eventually.mjs";

const TOLD_ON_FAILURE = 12;
const STOP_MS = 5_000;
/** A bound, not an expectation: what comes comes at once, but on a busy machine. */
const WAIT_MS = 30_000;

/** Starts a driver as a process; the test's end stops it. */
export function startProcess(t, [program, ...args]) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  const client = new Client((line) => child.stdin.write(`${line}\n`));
  child.stdin.on("error", () => {});
  createInterface({ input: child.stdout }).on("line", (line) => client.tell(line));
  child.stderr.setEncoding("utf8").on("data", (text) => (client.complaints += text));
  child.on("error", (error) => client.tell(JSON.stringify({ event: "failed", reason: error.message })));
  t.after(() => stop(child));
  return client;
}

/** Lets the driver end by itself, and insists. */
async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, "exit");
  child.stdin.end();
  const killer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await ended;
  clearTimeout(killer);
}

export class Client {
  events = [];
  /** What the driver printed besides its events. */
  complaints = "";
  #send;

  /** `send` takes a command as JSON. */
  constructor(send) {
    this.#send = send;
  }

  do(command, details) {
    return this.#send(JSON.stringify({ do: command, ...details }));
  }

  /** Takes an event as JSON. */
  tell(line) {
    this.events.push({ ...JSON.parse(line), atMs: performance.now() });
  }

  all(event, matches = () => true) {
    return this.events.filter((candidate) => candidate.event === event && matches(candidate));
  }

  messagesOf(subscription) {
    return this.all("message", (message) => message.subscription === subscription);
  }

  /** The first such event, of those that came and those that will. */
  saw(event, matches) {
    return this.until(`"${event}"`, () => this.all(event, matches)[0]);
  }

  until(what, check, timeoutMs = WAIT_MS) {
    return eventually(what, check, timeoutMs).catch((error) => {
      const last = this.events.slice(-TOLD_ON_FAILURE).map((event) => `\n  ${JSON.stringify(event)}`);
      throw new Error(`${error.message}\nThe client's last events:${last.join("")}\nIt printed: ${this.complaints}`);
    });
  }
}
