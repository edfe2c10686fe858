// The last released photo of the diary, beside a curtain that is drawn.  The server is asked each time it is drawn and
// again and again meanwhile: what the ward took back, or a guardian agrees to no more, does not stand any longer.

/** So long a photo may stand that was taken back. */
const AGAIN_MS = 5_000;

export class LastPhoto {
  readonly #part: HTMLElement | null;
  readonly #address: string;
  #isDrawn = false;
  #said = "";
  #asking: ReturnType<typeof setInterval> | undefined;

  /** `part` is not there for who may not see the diary. */
  constructor(part: HTMLElement | null, address: string) {
    this.#part = part;
    this.#address = address;
  }

  /** Whether the curtain is drawn now. */
  stands(isDrawn: boolean): void {
    if (!this.#part || isDrawn === this.#isDrawn) return;
    this.#isDrawn = isDrawn;
    clearInterval(this.#asking);
    this.#put("");
    if (!isDrawn) return;
    this.#asking = setInterval(() => void this.#ask(), AGAIN_MS);
    void this.#ask();
  }

  async #ask(): Promise<void> {
    let said = "";
    try {
      const answer = await fetch(`${this.#address}/photo`, { signal: AbortSignal.timeout(5_000) });
      if (answer.ok && !answer.redirected) said = (await answer.text()).trim();
      if (said === "") clearInterval(this.#asking); // not his: nothing stands that could have to go
    } catch {
      // Nobody says that it may stand, so it goes; it is asked for again.
    }
    if (this.#isDrawn && said !== this.#said) this.#put(said);
  }

  #put(said: string): void {
    const part = this.#part;
    if (!part) return;
    this.#said = said;
    part.replaceChildren(...new DOMParser().parseFromString(said, "text/html").body.childNodes);
    part.hidden = said === "";
    part.querySelector("img")?.addEventListener("error", () => this.#put("")); // taken back in between
  }
}
