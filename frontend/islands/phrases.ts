// Phrases with blanks as the server's catalogues have them, filled in the browser.

type Phrase = string | { readonly one?: string; readonly other: string };
export type Details = Readonly<Record<string, string | number>>;

export class Phrases {
  readonly #phrases: Readonly<Record<string, Phrase>>;

  constructor(told: string) {
    this.#phrases = JSON.parse(told) as Record<string, Phrase>;
  }

  /** The phrase for a key with its blanks filled; `count` also chooses the plural form.  A key that is not known is said. */
  say(key: string, details: Details = {}): string {
    const phrase = this.#phrases[key];
    if (phrase === undefined) return key;
    const form = typeof phrase === "string" ? phrase : (details["count"] === 1 && phrase.one) || phrase.other;
    return form.replace(/\{(\w+)\}/g, (blank, name: string) => String(details[name] ?? blank));
  }

  has(key: string): boolean {
    return key in this.#phrases;
  }
}

/** Bytes in the unit that people read. */
export function sizeOf(bytes: number): string {
  if (bytes < 100_000) return `${Math.ceil(bytes / 1_000)} kB`;
  return bytes < 1_000_000_000 ? `${(bytes / 1_000_000).toFixed(1)} MB` : `${(bytes / 1_000_000_000).toFixed(2)} GB`;
}
