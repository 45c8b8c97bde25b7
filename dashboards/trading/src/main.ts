/** Puts the page together: feed → store → views, and the watch-list that all of them follow. */

import { App } from "./app";
import { loadSort } from "./preferences";

/** Storage may be forbidden altogether; even asking for it then throws. */
function storage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

/** `/ws` beside the page, in its security: wss for https. */
function brokerUrl(): string {
  const url = new URL("ws", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = "";
  url.hash = "";
  return url.href;
}

const kept = storage();
new App(brokerUrl(), kept, loadSort(kept)).start();
