// What a live page says in Tibetan or Yi while the ward approves and takes back wordings: said anew where it stands, so
// that the visit goes on, whoever speaks is not cut off, and nothing that was typed is lost.

import { marked } from "./newborn-check";

/** So long after an answer that did not help the page asks again: another worker may know more by then. */
const AGAIN_MS = 800;

export class Wording {
  readonly #root: HTMLElement;
  readonly #words: Record<string, string>;
  readonly #tongues: Map<string, string>;
  #edition: number;
  #askedAt = -AGAIN_MS;
  #isAsking = false;

  /** `words` and `tongues` are kept as they are and filled: others hold them too. */
  constructor(root: HTMLElement, words: Record<string, string>, tongues: Map<string, string>) {
    this.#root = root;
    this.#words = words;
    this.#tongues = tongues;
    this.#edition = Number(root.dataset["edition"] ?? 0);
    this.#learn(root);
  }

  /** A beat tells which wordings stand: newer ones are fetched with the page's own address. */
  async heard(edition: number): Promise<void> {
    if (edition <= this.#edition || this.#isAsking || performance.now() - this.#askedAt < AGAIN_MS) return;
    this.#isAsking = true;
    try {
      const answer = await fetch(location.pathname, { signal: AbortSignal.timeout(5_000) });
      if (!answer.ok || answer.redirected) return; // the next beat says why
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const root = page.getElementById("watch");
      if (root?.dataset["edition"]) this.#sayAnew(page, root);
    } catch {
      // The network is away: the page says so itself, and asks again.
    } finally {
      this.#isAsking = false;
      this.#askedAt = performance.now();
    }
  }

  #learn(root: HTMLElement): void {
    Object.assign(this.#words, JSON.parse(root.dataset["words"] ?? "{}"));
    const tongues = JSON.parse(root.dataset["tongues"] ?? "{}") as Record<string, string>;
    for (const [name, tongue] of Object.entries(tongues)) this.#tongues.set(this.#words[name] ?? "", tongue);
  }

  #sayAnew(page: Document, root: HTMLElement): void {
    const before = { ...this.#words };
    this.#learn(root);
    const said = new Map(Object.entries(before).map(([name, text]) => [text, this.#words[name] ?? text]));
    for (const part of this.#root.querySelectorAll("[data-watch], [data-answer]")) {
      for (const node of [...part.childNodes]) {
        const anew = said.get(node.textContent ?? "");
        if (anew !== undefined && anew !== node.textContent) node.replaceWith(marked(anew, (text) => this.#tongues.get(text)));
      }
    }
    for (const part of document.querySelectorAll<HTMLElement>("[data-say]")) {
      const anew = page.querySelector(`[data-say="${part.dataset["say"]}"]`);
      if (anew) part.replaceChildren(...[...anew.childNodes].map((each) => document.importNode(each, true)));
    }
    this.#sayKey(page);
    this.#edition = Number(root.dataset["edition"]);
  }

  /** The key to talk has its words as a label. */
  #sayKey(page: Document): void {
    const [part, anew] = [document, page].map((each) => each.querySelector('[data-watch="hold"]'));
    if (!part || !anew) return;
    part.setAttribute("aria-label", anew.getAttribute("aria-label") ?? "");
    const lang = anew.getAttribute("lang");
    lang ? part.setAttribute("lang", lang) : part.removeAttribute("lang");
  }
}
