/** The watch-list: its head with the sort, its rows in order, and the selection that the keyboard moves. */

import { nextSort, sortedSymbols, type Sort, type SortKey } from "../sort";
import type { Row, Store } from "../store";
import { COLUMNS, type Column } from "./columns";
import { element } from "./dom";
import { RowView } from "./row";

export interface TableEvents {
  onRemove(symbol: string): void;
  onSelect(symbol: string | null): void;
  /** Enter or a click: the details are wanted. */
  onOpen(symbol: string): void;
  onSort(sort: Sort | null): void;
}

/** A quiet row's sparkline still moves to the left, if not as often. */
const QUIET_REDRAW_MS = 5_000;
const BUSY_REDRAW_MS = 900;

export class Table {
  readonly #table: HTMLTableElement;
  readonly #body: HTMLTableSectionElement;
  readonly #store: Store;
  readonly #nameOf: (symbol: string) => string;
  readonly #events: TableEvents;
  readonly #views = new Map<string, RowView>();
  readonly #flashing = new Set<RowView>();
  readonly #heads = new Map<SortKey, HTMLTableCellElement>();
  #sort: Sort | null;
  #order: string[] = [];
  #selected: string | null = null;

  constructor(
    table: HTMLTableElement,
    store: Store,
    nameOf: (symbol: string) => string,
    sort: Sort | null,
    events: TableEvents,
  ) {
    this.#table = table;
    this.#body = table.tBodies[0] as HTMLTableSectionElement;
    this.#store = store;
    this.#nameOf = nameOf;
    this.#sort = sort;
    this.#events = events;
    table.tHead?.append(this.#makeHead());
    this.#body.addEventListener("click", (event) => this.#onClick(event));
    table.addEventListener("keydown", (event) => this.#onKey(event));
    this.#showSort();
  }

  get selected(): string | null {
    return this.#selected;
  }

  add(row: Row): void {
    if (this.#views.has(row.symbol)) return;
    const view = new RowView(row, this.#nameOf(row.symbol), () => this.#events.onRemove(row.symbol));
    view.update(Date.now());
    this.#views.set(row.symbol, view);
    this.#body.append(view.element);
  }

  remove(symbol: string): void {
    const view = this.#views.get(symbol);
    if (view === undefined) return;
    const focused = view.element.contains(document.activeElement);
    const next = this.#neighbour(symbol);
    view.element.remove();
    this.#views.delete(symbol);
    this.#flashing.delete(view);
    this.#order = this.#order.filter((other) => other !== symbol);
    if (this.#selected === symbol) this.select(next, focused);
  }

  /** Shows what changed. Returns whether flashes are still to fade: the next frame is then wanted too. */
  update(rows: readonly Row[], nowMs: number): boolean {
    for (const view of this.#flashing) if (!view.fade(nowMs)) this.#flashing.delete(view);
    for (const row of rows) {
      const view = this.#views.get(row.symbol);
      if (view === undefined) continue;
      view.update(nowMs);
      view.draw(nowMs, BUSY_REDRAW_MS);
      this.#flashing.add(view);
    }
    return this.#flashing.size > 0;
  }

  /** Once a second: ages, quiet sparklines, and the order by values that moved. */
  tick(nowMs: number): void {
    for (const view of this.#views.values()) {
      view.tick(nowMs);
      view.draw(nowMs, QUIET_REDRAW_MS);
    }
    this.reorder();
  }

  redraw(nowMs: number): void {
    for (const view of this.#views.values()) view.draw(nowMs, 0);
  }

  refreshNames(): void {
    for (const [symbol, view] of this.#views) view.setName(this.#nameOf(symbol));
  }

  /** Brings the rows in order, moving only those that aren't where they belong. */
  reorder(): void {
    this.#order = sortedSymbols(this.#store.rows(), this.#sort, this.#nameOf);
    let place = this.#body.firstElementChild;
    for (const symbol of this.#order) {
      const row = this.#views.get(symbol)?.element;
      if (row === undefined) continue;
      if (row === place) place = place.nextElementSibling;
      else this.#body.insertBefore(row, place);
    }
  }

  select(symbol: string | null, focus: boolean): void {
    if (this.#selected !== null) this.#views.get(this.#selected)?.select(false);
    this.#selected = symbol;
    const view = symbol === null ? undefined : this.#views.get(symbol);
    view?.select(true);
    if (focus) view?.element.focus({ preventScroll: true });
    if (focus) view?.element.scrollIntoView({ block: "nearest" });
    this.#events.onSelect(symbol);
  }

  /** Moves the selection from anywhere on the page. */
  move(step: 1 | -1): void {
    const at = this.#selected === null ? -1 : this.#order.indexOf(this.#selected);
    const next = at === -1 ? (step === 1 ? 0 : this.#order.length - 1) : at + step;
    const symbol = this.#order[Math.min(Math.max(next, 0), this.#order.length - 1)];
    if (symbol !== undefined) this.select(symbol, true);
  }

  #neighbour(symbol: string): string | null {
    const at = this.#order.indexOf(symbol);
    return this.#order[at + 1] ?? this.#order[at - 1] ?? null;
  }

  #onClick(event: Event): void {
    const symbol = (event.target as Element).closest("tr")?.dataset["symbol"];
    if (symbol === undefined) return;
    this.select(symbol, true);
    this.#events.onOpen(symbol);
  }

  #onKey(event: KeyboardEvent): void {
    if (event.target instanceof HTMLButtonElement || this.#selected === null) return;
    if (event.key === "Enter") this.#events.onOpen(this.#selected);
    else if (event.key === "Delete" || event.key === "Backspace") this.#events.onRemove(this.#selected);
    else return;
    event.preventDefault();
  }

  #makeHead(): HTMLTableRowElement {
    return element("tr", "", ...COLUMNS.map((column) => this.#makeHeadCell(column)));
  }

  #makeHeadCell(column: Column): HTMLElement {
    const cell = element("th", `c-${column.id} ${column.align}`);
    cell.scope = "col";
    cell.title = column.title;
    const key = column.sort;
    if (key === null) {
      cell.append(column.label === "" ? element("span", "visually-hidden", column.title) : column.label);
      return cell;
    }
    const button = element("button", "sort", column.label);
    button.type = "button";
    button.addEventListener("click", () => this.#sortBy(key));
    cell.append(button);
    this.#heads.set(key, cell);
    return cell;
  }

  #sortBy(key: SortKey): void {
    this.#sort = nextSort(this.#sort, key);
    this.#showSort();
    this.reorder();
    this.#events.onSort(this.#sort);
  }

  #showSort(): void {
    for (const [key, cell] of this.#heads) {
      if (this.#sort?.key !== key) cell.removeAttribute("aria-sort");
      else cell.setAttribute("aria-sort", this.#sort.descending ? "descending" : "ascending");
    }
    this.#table.dataset["sorted"] = this.#sort?.key ?? "";
  }
}
