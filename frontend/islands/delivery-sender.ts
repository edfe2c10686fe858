// Sends objects one after another, three at once; tries again what the network or the server dropped, and says what came
// of each.  What has arrived stays, so whoever sends again goes on from there.

const AT_ONCE = 3;
/** Pauses before each further try. */
const PAUSES_MS = [1_000, 2_000, 4_000, 8_000, 16_000];
const OBJECT_MS_MAX = 900_000;
const WAIT_MS_MAX = 60_000;

/** Refusals of the whole delivery rather than of one object. */
const ENDS_ALL = new Set(["delivery-over", "delivery-unknown", "case-too-many-files", "case-too-large"]);

export interface Parcel {
  readonly file: File;
  readonly name: string;
}

export interface Refused {
  readonly name: string;
  /** The server's sentence, or null where there is none: `why` is then a key of words. */
  readonly said: string | null;
  readonly why: string;
}

/** How sending stands or ended. */
export type Course = "sending" | "waiting" | "paused" | "stopped" | "done" | "broken" | "signed-out" | "over";

export interface Tally {
  readonly course: Course;
  readonly total: number;
  readonly arrived: number;
  readonly bytesTotal: number;
  readonly bytesArrived: number;
  readonly refused: readonly Refused[];
  readonly said: string;
}

class Ended extends Error {
  constructor(
    readonly course: Course,
    readonly said = "",
  ) {
    super(course);
  }
}

export class Sender {
  readonly #address: string;
  readonly #tell: (tally: Tally) => void;
  readonly #stop = new AbortController();
  readonly #refused: Refused[] = [];
  #queue: Parcel[];
  #total: number;
  #bytesTotal: number;
  #arrived = 0;
  #bytesArrived = 0;
  #waiting = 0;
  #course: Course = "sending";
  #said = "";
  #resume: (() => void)[] = [];

  constructor(address: string, parcels: readonly Parcel[], tell: (tally: Tally) => void) {
    this.#address = address;
    this.#tell = tell;
    this.#queue = [...parcels];
    this.#total = parcels.length;
    this.#bytesTotal = parcels.reduce((sum, each) => sum + each.file.size, 0);
  }

  /** Send everything; ends once nothing is on its way any more. */
  async run(): Promise<void> {
    this.#say();
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#runner()));
    if (!this.#stop.signal.aborted) this.#course = "done";
    this.#say();
  }

  /** What is on its way still arrives; nothing new is begun. */
  pause(): void {
    if (this.#stop.signal.aborted) return;
    this.#course = "paused";
    this.#say();
  }

  goOn(): void {
    if (this.#course !== "paused") return;
    this.#course = "sending";
    this.#wake();
    this.#say();
  }

  stop(): void {
    this.#end(new Ended("stopped"));
  }

  async #runner(): Promise<void> {
    try {
      while (this.#queue.length && !this.#stop.signal.aborted) {
        if (this.#course === "paused") await new Promise<void>((resolve) => this.#resume.push(resolve));
        if (this.#stop.signal.aborted) return;
        if (this.#course === "paused") continue;
        const parcel = this.#queue.shift();
        if (!parcel) return;
        await this.#deliver(parcel);
      }
    } catch (error) {
      this.#end(error instanceof Ended ? error : new Ended("broken"));
    }
  }

  async #deliver(parcel: Parcel): Promise<void> {
    for (let tries = 0; ; tries++) {
      const wait = await this.#attempt(parcel);
      if (wait === undefined) return;
      const pause = PAUSES_MS[tries];
      if (pause === undefined) throw new Ended("broken");
      await this.#wait(Math.max(pause, wait));
    }
  }

  /** Undefined once the object arrived or was refused; else how long the server wants to be left alone. */
  async #attempt(parcel: Parcel): Promise<number | undefined> {
    let answer: Response;
    try {
      answer = await fetch(this.#address, {
        method: "POST",
        body: parcel.file,
        headers: { "content-type": "application/dicom", accept: "application/json" },
        redirect: "manual",
        signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(OBJECT_MS_MAX)]),
      });
    } catch {
      if (this.#stop.signal.aborted) throw new Ended(this.#course);
      if (await isReadable(parcel.file)) return 0;
      return this.#refuse(parcel, null, "send-file-gone");
    }
    if (answer.status === 201) return this.#took(parcel);
    if (answer.type === "opaqueredirect" || answer.status === 401) throw new Ended("signed-out");
    if (answer.status === 422) return this.#heard(parcel, await answer.json());
    if (answer.status === 413) return this.#refuse(parcel, null, "send-file-too-large");
    if (answer.status === 429) return Math.min(WAIT_MS_MAX, 1_000 * Number(answer.headers.get("retry-after") ?? 1));
    if (answer.status >= 500 || answer.status === 408) return 0;
    throw new Ended("over");
  }

  #took(parcel: Parcel): undefined {
    this.#arrived += 1;
    this.#bytesArrived += parcel.file.size;
    this.#say();
  }

  #heard(parcel: Parcel, answer: { refusal?: string; said?: string }): undefined {
    if (ENDS_ALL.has(answer.refusal ?? "")) throw new Ended("over", answer.said ?? "");
    return this.#refuse(parcel, answer.said ?? "", "");
  }

  #refuse(parcel: Parcel, said: string | null, why: string): undefined {
    this.#refused.push({ name: parcel.name, said, why });
    this.#say();
  }

  /** A network that comes back ends the pause. */
  async #wait(ms: number): Promise<void> {
    this.#waiting += 1;
    if (this.#course === "sending") this.#course = "waiting";
    this.#say();
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        removeEventListener("online", done);
        this.#stop.signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      addEventListener("online", done);
      this.#stop.signal.addEventListener("abort", done);
    });
    this.#waiting -= 1;
    if (this.#stop.signal.aborted) throw new Ended(this.#course);
    if (this.#course === "waiting" && this.#waiting === 0) this.#course = "sending";
    this.#say();
  }

  #end(ended: Ended): void {
    if (this.#stop.signal.aborted) return;
    this.#course = ended.course;
    this.#said = ended.said;
    this.#stop.abort();
    this.#wake();
  }

  #wake(): void {
    for (const resume of this.#resume.splice(0)) resume();
  }

  #say(): void {
    this.#tell({
      course: this.#course,
      total: this.#total,
      arrived: this.#arrived,
      bytesTotal: this.#bytesTotal,
      bytesArrived: this.#bytesArrived,
      refused: [...this.#refused],
      said: this.#said,
    });
  }
}

/** A file may have gone with its stick, or changed, since it was chosen. */
async function isReadable(file: File): Promise<boolean> {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** What has arrived already, as `instance bytes`; null where nobody answers. */
export async function arrivedAlready(address: string): Promise<ReadonlySet<string> | null> {
  try {
    const answer = await fetch(address, { headers: { accept: "application/json" }, redirect: "manual" });
    if (!answer.ok) return null;
    const { objects } = (await answer.json()) as { objects: { instance: string; bytes: number }[] };
    return new Set(objects.map((each) => `${each.instance} ${each.bytes}`));
  } catch {
    return null;
  }
}
