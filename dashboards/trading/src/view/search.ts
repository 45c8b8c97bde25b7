/** The search field: a combobox that offers the server's symbols while one types. */

import type { Match } from "../symbols";
import { element } from "./dom";

export interface SearchEvents {
  /** What matches the text; asked on every key. */
  find(typed: string): Match[];
  isWatched(symbol: string): boolean;
  onPick(symbol: string): void;
  onFocus(): void;
}

export class Search {
  readonly #input: HTMLInputElement;
  readonly #list: HTMLElement;
  readonly #events: SearchEvents;
  #matches: Match[] = [];
  #active = 0;

  constructor(input: HTMLInputElement, list: HTMLElement, events: SearchEvents) {
    this.#input = input;
    this.#list = list;
    this.#events = events;
    input.addEventListener("input", () => this.#search());
    input.addEventListener("focus", () => {
      events.onFocus();
      this.#search();
    });
    input.addEventListener("blur", () => this.#show([]));
    input.addEventListener("keydown", (event) => this.#onKey(event));
    // Before `blur` hides the list under the pointer.
    list.addEventListener("pointerdown", (event) => this.#onPointer(event));
  }

  focus(): void {
    this.#input.focus();
    this.#input.select();
  }

  /** The directory changed: what is shown may too. */
  refresh(): void {
    if (document.activeElement === this.#input) this.#search();
  }

  #search(): void {
    this.#active = 0;
    this.#show(this.#events.find(this.#input.value));
  }

  #onKey(event: KeyboardEvent): void {
    const handled = this.#handleKey(event.key);
    if (!handled) return;
    event.preventDefault();
    event.stopPropagation();
  }

  #handleKey(key: string): boolean {
    switch (key) {
      case "ArrowDown":
        return this.#activate(this.#active + 1);
      case "ArrowUp":
        return this.#activate(this.#active - 1);
      case "Enter":
        return this.#pick(this.#matches[this.#active]);
      case "Escape":
        this.#input.value = "";
        this.#input.blur();
        return true;
      default:
        return false;
    }
  }

  #onPointer(event: Event): void {
    event.preventDefault();
    const index = (event.target as Element).closest<HTMLElement>("[role=option]")?.dataset["index"];
    if (index !== undefined) this.#pick(this.#matches[Number(index)]);
  }

  #activate(index: number): boolean {
    if (this.#matches.length === 0) return false;
    this.#active = (index + this.#matches.length) % this.#matches.length;
    this.#show(this.#matches);
    return true;
  }

  #pick(match: Match | undefined): boolean {
    if (match === undefined) return false;
    this.#input.value = "";
    this.#show([]);
    this.#events.onPick(match.symbol);
    return true;
  }

  #show(matches: Match[]): void {
    this.#matches = matches;
    this.#list.replaceChildren(...matches.map((match, i) => this.#option(match, i)));
    const open = matches.length > 0;
    this.#list.hidden = !open;
    this.#input.setAttribute("aria-expanded", String(open));
    if (open) this.#input.setAttribute("aria-activedescendant", `match-${this.#active}`);
    else this.#input.removeAttribute("aria-activedescendant");
    this.#list.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }

  #option(match: Match, index: number): HTMLElement {
    const option = element("li", "option", element("b", "", match.symbol));
    option.id = `match-${index}`;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", String(index === this.#active));
    option.dataset["index"] = String(index);
    option.append(element("span", "", match.known ? match.name : "not seen by the server yet: add and wait for it"));
    const note = this.#events.isWatched(match.symbol) ? "watched" : match.sector;
    option.append(element("small", "", note));
    return option;
  }
}
