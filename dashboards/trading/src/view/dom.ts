/** Small helpers for plain DOM: every write is skipped when nothing would change, and nothing is ever read back. */

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  made.append(...children);
  return made;
}

/** The element that the page's markup promises. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element #${id}`);
  return found as T;
}

/** A text that changes often, held by its text node. */
export class LiveText {
  readonly #node = document.createTextNode("");
  #text = "";

  constructor(parent: Node, text = "") {
    parent.appendChild(this.#node);
    this.set(text);
  }

  set(text: string): void {
    if (text === this.#text) return;
    this.#text = text;
    this.#node.data = text;
  }
}

/** A data attribute that style rules look at. */
export class LiveData {
  readonly #target: HTMLElement;
  readonly #name: string;
  #value = "";

  constructor(target: HTMLElement, name: string) {
    this.#target = target;
    this.#name = name;
  }

  set(value: string): void {
    if (value === this.#value) return;
    this.#value = value;
    this.#target.dataset[this.#name] = value;
  }

  remove(): void {
    this.#value = "";
    delete this.#target.dataset[this.#name];
  }
}
