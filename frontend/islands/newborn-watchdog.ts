// Whether what a live page shows still moves.  A browser says that a connection is gone only after five seconds, and of
// a camera that stands still nothing at all; a picture that stands still must never look live.
// Rule: docs/rules/newborn-watching.md

/** How often the page looks; what passes between two looks beyond the longest was the page's own pause. */
export const LOOK_MS = 200;
const PASSED_MS_MAX = 500;
/** So long without a new picture, and it stands still; the slowest cameras send two in a second. */
const STILL_MS = 1_500;
/** Sound alone: while somebody speaks at the cot only a report a second arrives, and one of them may be lost. */
const SOUND_MS = 2_500;
/** While something still arrives, the media server mends the picture or sends less of it, which takes so long. */
const MENDED_MS = 8_000;
/** So long the first picture may take when nothing arrives at all; twice as long with each joining that brought none. */
const FIRST_MS = 4_000;
const JOIN_MS_MAX = 16_000;
/** Who was shown pictures for so long begins the waits anew. */
const HELD_MS = 10_000;

/** What should come by the level that the media server says; stills have their own pace, and nothing has none. */
export type Expected = "full" | "small" | "sound" | "nothing";

export interface Signs {
  /** How many pictures were shown (or decoded, where nothing is shown because nobody looks). */
  readonly pictures: number;
  /** How long ago the last of them was. */
  readonly pictureAge: number;
  /** How much has arrived of anything. */
  readonly bytes: number;
}

export interface Finding {
  /** What was shown does not move any more. */
  readonly isStill: boolean;
  /** Nothing arrives either. */
  readonly isCutOff: boolean;
  /** It is time to come in anew; said once for each connection. */
  readonly mustJoin: boolean;
}

export class Watchdog {
  #expected: Expected = "nothing";
  #lookedAt = 0;
  #pictures = 0;
  #bytes = 0;
  /** How long there was no new picture, and nothing of anything; and how long the way here has had to mend it. */
  #without = 0;
  #silent = 0;
  #mending = 0;
  #moved = 0;
  #hasBegun = false;
  #isAsked = false;
  #tries = 0;

  /** A new connection: nothing has come of it yet; `pictures` were shown before. */
  begin(pictures: number, now: number): void {
    this.#isAsked = this.#hasBegun = false;
    this.#pictures = pictures;
    this.#bytes = 0;
    this.#lookedAt = now;
    this.#expect("nothing");
  }

  look(expected: Expected, signs: Signs, now: number): Finding {
    const passed = Math.min(now - this.#lookedAt, PASSED_MS_MAX);
    this.#lookedAt = now;
    if (expected !== this.#expected) this.#expect(expected);
    const isNew = signs.pictures !== this.#pictures;
    this.#silent = signs.bytes === this.#bytes ? this.#silent + passed : 0;
    this.#without = isNew ? Math.min(passed, signs.pictureAge) : this.#without + passed;
    this.#mending = isNew ? 0 : this.#mending + passed;
    this.#moved = this.#without < STILL_MS ? this.#moved + passed : 0;
    [this.#pictures, this.#bytes] = [signs.pictures, signs.bytes];
    if (expected === "nothing") return { isStill: false, isCutOff: false, mustJoin: false };
    if (expected === "sound") return this.#found(false, this.#silent >= SOUND_MS, this.#silent >= this.#wait(SOUND_MS));
    if (isNew) this.#hasBegun = true;
    if (this.#moved >= HELD_MS) this.#tries = 0;
    const isStill = this.#hasBegun && this.#without >= STILL_MS;
    const least = this.#hasBegun ? STILL_MS : FIRST_MS;
    const isCutOff = this.#without >= least && this.#silent >= least;
    const first = this.#wait(least);
    return this.#found(isStill, isCutOff, isCutOff ? this.#mending >= first : this.#mending >= Math.max(first, MENDED_MS));
  }

  #found(isStill: boolean, isCutOff: boolean, isTime: boolean): Finding {
    const mustJoin = isTime && !this.#isAsked;
    if (mustJoin) {
      this.#isAsked = true;
      this.#tries += 1;
    }
    return { isStill, isCutOff, mustJoin };
  }

  #wait(least: number): number {
    return Math.min(JOIN_MS_MAX, least * 2 ** this.#tries);
  }

  /** Between two sizes of the picture it may not stand still; after a curtain, or where there was none, it begins. */
  #expect(expected: Expected): void {
    const isPicture = (each: Expected): boolean => each === "full" || each === "small";
    this.#mending = 0;
    if (!isPicture(expected) || !isPicture(this.#expected)) {
      this.#without = this.#silent = this.#moved = 0;
      this.#hasBegun = this.#isAsked = false;
    }
    this.#expected = expected;
  }
}
