// Pages with a client under test: served from an origin of their own, opened in Chromium, driven like a process.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { chromium } from "playwright-core";

import { Client } from "./client.mjs";

const CHROMIUM = process.env.CHROMIUM_BIN ?? "/usr/bin/chromium";
const ARGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
const ENTRY = fileURLToPath(new URL("../drivers/javascript/page.mjs", import.meta.url));
/** What the server's iframe page loads, for the transports that need one. */
const SOCKJS = fileURLToPath(new URL("../node_modules/sockjs-client/dist/sockjs.min.js", import.meta.url));
const HTML = '<!doctype html><meta charset="utf-8"><title>client</title><script src="/client.js"></script>';

/** Starts Chromium; the test's end stops it. */
export async function launch(t, options = {}) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS, ...options });
  t.after(() => browser.close());
  return browser;
}

/** Serves the page with the drivers on a port of its own, and returns its origin. */
export async function servePage(t) {
  // What a page's own build does, sockjs-client's wish for Node's `global` included.
  const { outputFiles } = await build({
    entryPoints: [ENTRY],
    bundle: true,
    write: false,
    define: { global: "globalThis" },
    logLevel: "warning",
  });
  const scripts = new Map([["/client.js", outputFiles[0].text], ["/sockjs.js", await readFile(SOCKJS)]]);
  const server = createServer((request, response) => {
    const script = scripts.get(request.url);
    response.setHeader("content-type", script ? "text/javascript" : "text/html");
    response.end(script ?? HTML);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/** Opens a page of `origin` with the named driver in it; the test's end closes it. */
export async function startPage(t, browser, origin, name) {
  const page = await browser.newPage();
  t.after(() => page.close());
  const client = new Client((line) => page.evaluate((text) => globalThis.command(text), line));
  page.on("console", (message) => (client.complaints += `${message.text()}\n`));
  page.on("pageerror", (error) => (client.complaints += `uncaught: ${error.message}\n`));
  await page.exposeFunction("emit", (line) => client.tell(line));
  await page.goto(origin);
  await page.evaluate((driver) => globalThis.start(driver), name);
  return client;
}
