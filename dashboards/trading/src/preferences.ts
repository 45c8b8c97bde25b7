/** The order that the user last sorted by, kept in the browser. */

import { SORT_KEYS, type Sort, type SortKey } from "./sort";

const STORAGE_KEY = "tickcast.sort";

export function loadSort(storage: Storage | null): Sort | null {
  try {
    const stored = JSON.parse(storage?.getItem(STORAGE_KEY) ?? "null") as Partial<Sort> | null;
    if (stored === null || !SORT_KEYS.includes(stored.key as SortKey)) return null;
    return { key: stored.key as SortKey, descending: stored.descending === true };
  } catch {
    return null;
  }
}

export function saveSort(storage: Storage | null, sort: Sort | null): void {
  try {
    storage?.setItem(STORAGE_KEY, JSON.stringify(sort));
  } catch {
    // The order then lasts as long as the page.
  }
}
