// When a page may ask to be let in again.  Nothing here counts on a clock of its own: each answer to how the visit stands
// asks whether it is time, so that a page has one way to come in and no try of it outlives the next.
// Rule: docs/rules/newborn-watching.md

/** The pause after the first failure; twice as long after each further one. */
const PAUSE_MS = 1_000;
const PAUSE_MS_MAX = 16_000;
/** Who asked too often waits so long at least. */
const TOO_OFTEN_MS = 8_000;
const TOO_OFTEN = "too-many-requests";
/** Nobody answered: what keeps a page out is its network. */
export const UNANSWERED = "unanswered";
/** Why nobody is let in before the ward does something: no camera, no nurse who agreed to an interpreter. */
const AWAY = "camera-away";
const WAITS = "interpreter-waits";
/** What passes by itself; all else is told, and the person begins anew. */
export const PASSING: readonly string[] = ["visit-not-there-yet", AWAY, WAITS, TOO_OFTEN];

export class Patience {
  #failures = 0;
  #notBefore = 0;
  #why = "";

  /** It did not work, for this reason or by this status of HTTP. */
  failed(why: string, now: number): void {
    this.#why = why === "429" ? TOO_OFTEN : why;
    const pause = Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** this.#failures++);
    this.#notBefore = now + Math.max(pause, this.#why === TOO_OFTEN ? TOO_OFTEN_MS : 0);
  }

  /** He is in, or touched the page himself: the next try is the first one. */
  begin(): void {
    this.#failures = this.#notBefore = 0;
    this.#why = "";
  }

  /** The server answers again: who was kept out by his network alone is let in at once. */
  reached(): void {
    if (this.#why === UNANSWERED) this.#notBefore = 0;
  }

  /** A curtain was opened, so there is a camera: no pause for want of one. */
  opened(): void {
    if (this.#why === AWAY || this.#why === WAITS) this.begin();
  }

  /** Whether it is time.  Behind a curtain nobody asks for a camera that is away: it opens only when there is one. */
  isTime(isDrawn: boolean, now: number): boolean {
    return now >= this.#notBefore && !(isDrawn && this.#why === AWAY);
  }
}
