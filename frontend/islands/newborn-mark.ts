// The watermark over a live picture: put where the server says, and looked at as anybody could have taken it away.

/** How often it stands over the picture at once. */
const COPIES = 15;

export interface Mark {
  readonly step: number;
  readonly place: number;
  readonly text: string;
}

export class Watermark {
  readonly #root: HTMLElement;
  readonly #video: HTMLVideoElement;
  readonly #part: HTMLElement;
  /** What stands there now. */
  mark: Mark | undefined;

  constructor(root: HTMLElement, video: HTMLVideoElement) {
    this.#root = root;
    this.#video = video;
    this.#part = this.#found("mark") as HTMLElement;
  }

  #found(name: string): HTMLElement | null {
    return this.#root.querySelector<HTMLElement>(`[data-watch="${name}"]`);
  }

  /** To be called whenever the stage or anything in it changes. */
  onChange(looked: () => void): void {
    const seen = { attributes: true, childList: true, subtree: true, characterData: true };
    new MutationObserver(looked).observe(this.#found("stage") as HTMLElement, seen);
  }

  show(is: boolean): void {
    this.#part.hidden = !is;
  }

  put(mark: Mark): void {
    this.mark = mark;
    if (this.text() !== mark.text) {
      const copies = Array.from({ length: COPIES }, () => document.createElement("span"));
      for (const copy of copies) copy.textContent = mark.text;
      this.#part.replaceChildren(...copies);
    }
    const name = `wmark at-${mark.place}`;
    if (this.#part.className !== name) this.#part.className = name;
  }

  /** The words that stand over the picture; empty if they are not the same everywhere. */
  text(): string {
    const copies = [...this.#part.childNodes].map((copy) => copy.textContent ?? "");
    return copies.length === COPIES && copies.every((copy) => copy === copies[0]) ? (copies[0] ?? "") : "";
  }

  /** What a look at the watermark finds: `shown`, or what is wrong with it. */
  seen(): string {
    if (this.#video.hidden || !this.mark) return "shown"; // nothing is to be marked
    const mark = this.#found("mark");
    const stage = this.#found("stage");
    if (mark !== this.#part || !stage?.contains(mark) || !stage.contains(this.#video)) return "gone";
    if (document.fullscreenElement === this.#video || document.pictureInPictureElement) return "gone";
    if (this.text() !== this.mark.text || mark.className !== `wmark at-${this.mark.place}`) return "changed";
    const styles = [mark, ...mark.children].map((each) => getComputedStyle(each));
    const isHidden = styles.some(
      (style) =>
        style.display === "none" ||
        style.visibility !== "visible" ||
        Number(style.opacity) < 0.5 ||
        style.clipPath !== "none" ||
        style.filter !== "none" ||
        Number.parseFloat(style.fontSize) < 10,
    );
    if (isHidden) return "hidden";
    const box = mark.getBoundingClientRect();
    const frame = this.#video.getBoundingClientRect();
    const isOver = box.left <= frame.left && box.right >= frame.right && box.top <= frame.top && box.bottom >= frame.bottom;
    if (!isOver) return "moved";
    for (const [across, down] of [[0.5, 0.5], [0.2, 0.4], [0.8, 0.6]] as const) {
      const [x, y] = [frame.left + frame.width * across, frame.top + frame.height * down];
      if (x < 0 || y < 0 || x >= innerWidth || y >= innerHeight) continue; // scrolled away, and the picture with it
      const top = document.elementFromPoint(x, y);
      if (top !== mark && top?.parentElement !== mark && !this.#isOurs(top)) return "covered";
    }
    return "shown";
  }

  /** The shell's own bars may lie over a page that is scrolled. */
  #isOurs(top: Element | null): boolean {
    return top !== null && top.closest("header, nav, .switches") !== null;
  }
}
