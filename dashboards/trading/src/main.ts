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

const kept = storage();
new App(document.baseURI, kept, loadSort(kept)).start();
