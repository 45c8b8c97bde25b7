// A tickcast process for a test, and one that feeds it: started on a free port, waited for until it is ready, ended
// with the test.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { eventually } from "./eventually.mjs";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const BINARY = process.env.TICKCAST_BIN ?? `${ROOT}target/release/tickcast`;
const START_MS = 30_000;
const STOP_MS = 15_000;

/**
 * Starts `tickcast {command} --listen 127.0.0.1:{port}`; port 0 lets the system choose. The test's end stops it.
 * `broker` is the embedded Kafka broker's address.
 */
export async function startServer(t, { command = "demo", port = 0, args = [] } = {}) {
  if (!existsSync(BINARY)) throw new Error(`${BINARY} is not there: build it, or name another in TICKCAST_BIN`);
  const child = spawn(BINARY, [command, "--listen", `127.0.0.1:${port}`, ...args], { cwd: ROOT, stdio: "pipe" });
  const server = new Server(child);
  t.after(() => server.stop());
  await server.ready();
  return server;
}

/** Starts a synthetic market on the server's broker, and returns what ends it; the test's end does too. */
export function startFeed(t, server, args) {
  const child = spawn(BINARY, ["feed", "simulate", "--kafka", server.broker, "--topic", server.topic, ...args], {
    cwd: ROOT,
    stdio: "ignore",
  });
  const exit = once(child, "exit");
  const stop = async () => {
    child.kill("SIGKILL");
    await exit;
  };
  t.after(stop);
  return stop;
}

class Server {
  #child;
  #output = "";
  #exit;

  constructor(child) {
    this.#child = child;
    this.#exit = once(child, "exit");
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (this.#output += text));
    }
  }

  async ready() {
    const found = await this.#untilStarted("its address", () => /http:\/\/127\.0\.0\.1:(\d+)/.exec(this.#output));
    this.port = Number(found[1]);
    this.url = `http://127.0.0.1:${this.port}/`;
    this.webSocketUrl = `ws://127.0.0.1:${this.port}/ws`;
    await this.#untilStarted("readiness", async () => (await fetch(`${this.url}readyz`)).ok);
    const about = await this.json("api/about");
    this.broker = about.kafka;
    this.topic = about.topic;
  }

  async json(path) {
    const response = await fetch(this.url + path);
    if (!response.ok) throw new Error(`GET /${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  /** The `count` symbols that ticked most often, once the server knows so many. */
  async busiestSymbols(count) {
    return eventually(`${count} symbols that have ticked`, async () => {
      const { snapshots } = await this.json("api/snapshot");
      if (snapshots.length < count) return null;
      const busiest = snapshots.sort((a, b) => (b.trades ?? 0) - (a.trades ?? 0));
      return busiest.slice(0, count).map(({ symbol }) => symbol);
    });
  }

  /** Ends it as an operator would, and insists on a clean end. */
  async stop() {
    if (!this.#isRunning()) return;
    this.#child.kill("SIGTERM");
    const killer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
    const [code, signal] = await this.#exit;
    clearTimeout(killer);
    if (code === 0) return;
    const how = signal === "SIGKILL" ? `had to be killed ${STOP_MS} ms after` : `ended with ${code ?? signal} on`;
    throw new Error(`the server ${how} SIGTERM; it printed:\n${this.#output}`);
  }

  /** Ends it as a power cut would. */
  async kill() {
    if (!this.#isRunning()) return;
    this.#child.kill("SIGKILL");
    await this.#exit;
  }

  #isRunning() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async #untilStarted(what, check) {
    return eventually(
      `the server's ${what}`,
      async () => {
        if (this.#child.exitCode !== null) throw new Error(`the server ended with ${this.#child.exitCode}:\n${this.#output}`);
        return check();
      },
      START_MS,
    ).catch((error) => {
      throw new Error(`${error.message}\nThe server printed:\n${this.#output}`);
    });
  }
}
