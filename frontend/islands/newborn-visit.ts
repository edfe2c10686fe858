// A family's window to the ward: comes in by a grant and this device's key, shows the picture only while the server
// says that it may be seen, answers for the watermark over it, and sends sound only while the key is pressed.
import { publicKey } from "./device-key";
import { holdKey } from "./hold-key";
import { answerDoor, offerToDoor, openMouth } from "./media-door";
import { checkDevice, write } from "./newborn-check";
import { Wording } from "./newborn-words";

/** How often the page asks how the visit stands; a curtain is on the page so soon after the ward drew it. */
const BEAT_MS = 600;
/** A page that hears nothing for so long says so, and shows nothing. */
const SILENT_MS = 2_000;
const QUALITY_MS = 5_000;
const SOON_SECONDS = 120;
const GONE_MS = 1_500;
/** Answers to who may not look any more: what was never his, and what was until it was taken back. */
const NO_LONGER = [404, 410];
const RETRY_MS = [300, 600, 1_200, 2_000];
/** What the numbers of a page call each level below the full picture. */
const SHOWN: Partial<Record<Level, string>> = { small: "reduced", sound: "sound", none: "sound", stills: "stills" };
/** How often the watermark stands over the picture at once. */
const COPIES = 15;

interface Mark {
  readonly step: number;
  readonly place: number;
  readonly text: string;
}
/** The full picture, a smaller one, the ward's sound alone, not even that, or a still now and then. */
type Level = "full" | "small" | "sound" | "none" | "stills";
/** Who hears a voice from here: the cot, only others who are in the visit, or nobody. */
type Heard = "cot" | "people" | "nobody";
interface Call {
  readonly state: "none" | "waiting" | "answered";
  readonly text: string;
  readonly tongue: string;
}
/** What the server says of how a visit stands, in words. */
type Sentence = "title" | "back" | "drawn";
interface Stands {
  readonly kind: "before" | "live" | "drawn" | "over";
  readonly title: string;
  readonly back: string;
  readonly drawn: string;
  /** Which of these three are in another language than the page. */
  readonly tongues: Partial<Record<Sentence, string>>;
  readonly left: number;
  readonly inside: boolean;
  readonly silenced: boolean;
  /** What the media server sends this viewer; absent while he is not inside. */
  readonly level?: Level;
  /** Who hears him when he speaks; absent while he is not inside, or may not. */
  readonly heard?: Heard;
  /** Whether he may still speak; absent while it was not asked. */
  readonly speaks?: boolean;
  readonly call?: Call;
  readonly watermark?: Mark;
  /** Which wordings stand; only for who reads Tibetan or Yi. */
  readonly edition?: number;
}
interface Joined {
  readonly grant: string;
  readonly mark: string;
  readonly speaks: boolean;
  /** The media server makes the offer, and a voice takes a connection of its own. */
  readonly offers: boolean;
  readonly watermark: Mark;
}
interface No {
  readonly refused: string;
  readonly words: string;
  readonly prove?: string;
}

class Refused extends Error {
  constructor(readonly no: No) {
    super(no.refused);
  }
}

const hex = (value: ArrayBuffer): string =>
  [...new Uint8Array(value)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

class LiveVisit {
  readonly #root: HTMLElement;
  readonly #words: Record<string, string>;
  readonly #wording: Wording;
  /** Sentences in another language than the page, by their text: each is marked where it is said. */
  readonly #tongues = new Map<string, string>();
  readonly #address: string;
  readonly #video: HTMLVideoElement;
  readonly #mark: HTMLElement;
  #peer: RTCPeerConnection | undefined;
  #mouth: RTCPeerConnection | undefined;
  #openMouth: (() => Promise<void>) | undefined;
  #stream = new MediaStream();
  #voice: RTCRtpSender | undefined;
  #microphone: MediaStreamTrack | undefined;
  #key = "";
  #watermark: Mark | undefined;
  #stands: Stands | undefined;
  #heardAt = performance.now();
  #leftAt = performance.now();
  #left: number;
  readonly #sees: boolean;
  #tried = 0;
  #isStarted = false;
  #isJoining = false;
  #isBeating = false;
  #isFaulty = false;
  #isPressed = false;
  #maySpeak = true;
  #wasWeak = false;
  #warned = false;
  #joinBegan = 0;
  #joinMs = 0;
  #frames = 0;
  #framesBefore = 0;
  #freezesBefore = 0;
  #frozenBefore = 0;
  #lostBefore = 0;
  #gotBefore = 0;
  #qualityAt = 0;
  #numbers: Record<string, string> = {};
  #shows = "nothing";
  #level: Level = "full";
  #heard: Heard | undefined;
  #beating: ReturnType<typeof setInterval> | undefined;

  constructor(root: HTMLElement) {
    this.#root = root;
    this.#words = JSON.parse(root.dataset["words"] ?? "{}") as Record<string, string>;
    this.#wording = new Wording(root, this.#words, this.#tongues);
    this.#address = root.dataset["address"] ?? "";
    this.#left = Number(root.dataset["left"]);
    this.#sees = root.dataset["sees"] !== "no";
    this.#video = this.#part("video") as HTMLVideoElement;
    this.#mark = this.#part("mark") as HTMLElement;
    this.#part("see")?.addEventListener("click", () => this.#start());
    this.#part("pause")?.addEventListener("click", () => this.#pause(this.#words["paused"] ?? ""));
    this.#part("sound")?.addEventListener("click", () => this.#turnSound());
    this.#part("end")?.addEventListener("click", () => this.#leave());
    this.#talking();
    this.#calling();
    addEventListener("online", () => void this.#join());
    addEventListener("pagehide", () => this.#leave());
    document.addEventListener("visibilitychange", () => this.#turned());
    new MutationObserver(() => this.#looked()).observe(this.#part("stage") as HTMLElement, {
      attributes: true,
      childList: true,
      subtree: true,
      characterData: true,
    });
    this.#video.requestVideoFrameCallback(() => this.#frame());
    this.#beating = setInterval(() => void this.#beat(), BEAT_MS);
    setInterval(() => this.#tick(), 250);
    void this.#beat();
    checkDevice(root, this.#words, (text) => this.#tongues.get(text));
  }

  #part(name: string): HTMLElement | null {
    return this.#root.querySelector<HTMLElement>(`[data-watch="${name}"]`);
  }

  #show(name: string, is: boolean): void {
    const part = this.#part(name);
    if (part && part.hidden === is) part.hidden = !is;
  }

  #say(name: string, ...sentences: string[]): void {
    const part = this.#part(name);
    if (part && part.textContent !== sentences.join(" ")) write(part, sentences, (text) => this.#tongues.get(text));
  }

  /** What happens, in sentences that stay apart: each may be in a language of its own. */
  #tell(...sentences: (string | undefined)[]): void {
    this.#say("told", ...sentences.filter((each): each is string => Boolean(each)));
  }

  #alarm(text: string, prove = ""): void {
    this.#say("alarm", text);
    this.#show("alert", text !== "");
    const link = this.#part("prove") as HTMLAnchorElement | null;
    if (link) {
      link.hidden = prove === "";
      if (prove) link.href = prove;
    }
  }

  async #ask(what: string, fields: Record<string, string>, wait = SILENT_MS): Promise<unknown> {
    const answer = await fetch(`${this.#address}/${what}`, {
      method: "POST",
      body: new URLSearchParams(fields),
      signal: AbortSignal.timeout(wait),
    });
    if (answer.redirected || NO_LONGER.includes(answer.status)) {
      this.#close();
      this.#end(); // signed out, or not his any more: the page says which
      throw new Error(String(answer.status));
    }
    if (!(answer.headers.get("content-type") ?? "").includes("json")) throw new Error(String(answer.status));
    const said: unknown = await answer.json();
    if (!answer.ok) throw new Refused(said as No);
    return said;
  }

  // Coming and going

  /** It is over: the page says how.  What somebody is writing on it is not lost for that; then only the picture goes. */
  #end(): void {
    const isWriting = [...document.querySelectorAll("textarea")].some((each) => each.value !== each.defaultValue);
    if (!isWriting) return location.reload();
    clearInterval(this.#beating);
    this.#root.hidden = true;
  }

  #start(): void {
    this.#isStarted = true;
    this.#isFaulty = false;
    this.#alarm("");
    this.#show("see", false);
    this.#show("check", false);
    this.#say("told", this.#words["waiting"] ?? "");
    // Within the touch, so that the browser lets sound begin (autoplay rules).
    this.#video.muted = false;
    void this.#video.play().catch(() => undefined);
    void this.#join();
  }

  async #join(): Promise<void> {
    if (!this.#isStarted || this.#isJoining || this.#isFaulty || document.visibilityState !== "visible") return;
    if (!this.#stands || this.#stands.kind === "before" || this.#stands.kind === "over") return;
    this.#isJoining = true;
    this.#joinBegan = performance.now();
    try {
      this.#close();
      const joined = (await this.#ask("join", { key: JSON.stringify(await publicKey()) }, 5_000)) as Joined;
      if (joined.speaks !== (this.#root.dataset["speaks"] === "yes")) {
        location.reload(); // he may speak now, or no more: another page
        return;
      }
      this.#key = joined.mark;
      this.#level = "full"; // whoever comes begins with all
      this.#put(joined.watermark);
      await this.#connect(joined);
      this.#tried = 0;
      this.#alarm("");
      this.#show("bar", true);
      this.#show("talkhints", true);
    } catch (error) {
      this.#close();
      if (error instanceof Refused && !["visit-not-there-yet", "camera-away", "interpreter-waits"].includes(error.no.refused)) {
        this.#isStarted = false;
        this.#show("see", true);
        this.#alarm(error.no.words, error.no.prove);
      } else {
        const wait = RETRY_MS[Math.min(this.#tried++, RETRY_MS.length - 1)];
        setTimeout(() => void this.#join(), wait);
      }
    } finally {
      this.#isJoining = false;
    }
  }

  async #connect(joined: Joined): Promise<void> {
    const peer = (this.#peer = new RTCPeerConnection());
    if (!joined.offers) {
      // Whom the family lets hear and not see asks for no picture; the door would give him none.
      if (this.#sees) peer.addTransceiver("video", { direction: "recvonly" });
      peer.addTransceiver("audio", { direction: "recvonly" }); // the ward's
      // Nothing is sent until the key is pressed: the line for voices has no track before.
      this.#voice = joined.speaks ? peer.addTransceiver("audio", { direction: "sendrecv" }).sender : undefined;
    }
    const stream = (this.#stream = new MediaStream());
    peer.ontrack = (event) => {
      stream.addTrack(event.track);
      this.#dress();
    };
    let goneAt = 0;
    peer.onconnectionstatechange = () => {
      if (peer !== this.#peer) return;
      if (peer.connectionState === "failed" || peer.connectionState === "closed") void this.#join();
      if (peer.connectionState !== "disconnected") goneAt = 0;
      else {
        const at = (goneAt = performance.now());
        setTimeout(() => goneAt === at && peer === this.#peer && void this.#join(), GONE_MS);
      }
    };
    const visit = this.#root.dataset["visit"] ?? "";
    if (!joined.offers) return offerToDoor(peer, visit, joined.grant);
    // His voice goes another way, open from now on and silent until he presses.
    const { place, relays } = await answerDoor(peer, visit, joined.grant);
    if (!joined.speaks || peer !== this.#peer) return;
    this.#openMouth = () => this.#connectMouth(visit, place, relays);
    await this.#openMouth().catch(() => undefined); // the picture first: it is tried again when the key is pressed
  }

  async #connectMouth(visit: string, place: string, relays: RTCConfiguration): Promise<void> {
    this.#mouth?.close();
    const mouth = (this.#mouth = new RTCPeerConnection(relays));
    const voice = await openMouth(mouth, visit, place);
    if (mouth === this.#mouth) this.#voice = voice;
  }

  /** End the connection and empty the picture. */
  #close(): void {
    this.#release();
    this.#peer?.close();
    this.#mouth?.close();
    this.#peer = this.#mouth = this.#openMouth = undefined;
    this.#voice = undefined;
    this.#key = "";
    this.#cover();
  }

  #leave(): void {
    if (!this.#key) return;
    this.#close();
    navigator.sendBeacon(`${this.#address}/leave`, new URLSearchParams());
  }

  #pause(words: string): void {
    this.#leave();
    this.#isStarted = false;
    this.#show("see", true);
    this.#show("bar", false);
    this.#show("talkhints", false);
    this.#say("told", words);
  }

  #turned(): void {
    if (document.visibilityState === "hidden") this.#leave();
    else void this.#beat().then(() => this.#join());
  }

  // What is seen

  /** Show the picture if the server says that it may be seen, with its watermark; else nothing of it. */
  #dress(): void {
    const may = this.#stands?.kind === "live" && this.#key !== "" && !this.#isFaulty && !this.#wasWeak;
    if (!may) return this.#cover();
    if (this.#video.srcObject === this.#stream) return;
    this.#frames = this.#framesBefore = 0;
    this.#video.srcObject = this.#stream;
    if (!this.#sees) {
      this.#show("live", true);
      this.#say("told", this.#words["sound-only"] ?? "");
    }
    void this.#video.play().catch(() => {
      this.#video.muted = true; // no touch yet that this browser counts: the picture first, the sound by its own key
      this.#pressedIs("sound", false);
      void this.#video.play().catch(() => undefined);
    });
  }

  /** Every frame of the video: the first one after it was empty uncovers it. */
  #frame(): void {
    this.#video.requestVideoFrameCallback(() => this.#frame());
    if (!this.#video.srcObject) return;
    this.#frames += 1;
    if (!this.#video.hidden) return;
    if (this.#joinBegan) {
      this.#joinMs = Math.round(performance.now() - this.#joinBegan);
      this.#joinBegan = 0;
    }
    this.#mark.hidden = false;
    this.#video.hidden = false;
    this.#show("screen", false);
    this.#show("live", this.#level !== "stills");
    this.#show("diary", false);
    if (this.#level === "full") this.#say("told", this.#words["live"] ?? "");
  }

  /** At once: no picture, not even the last. */
  #cover(): void {
    if (this.#video.srcObject) this.#video.srcObject = null;
    this.#video.hidden = true;
    this.#mark.hidden = true;
    this.#show("screen", true);
    this.#show("live", false);
    this.#show("quality", false);
    this.#shows = "nothing";
  }

  #put(mark: Mark): void {
    this.#watermark = mark;
    if (this.#text() !== mark.text) {
      const copies = Array.from({ length: COPIES }, () => document.createElement("span"));
      for (const copy of copies) copy.textContent = mark.text;
      this.#mark.replaceChildren(...copies);
    }
    const name = `wmark at-${mark.place}`;
    if (this.#mark.className !== name) this.#mark.className = name;
  }

  /** The words that stand over the picture; empty if they are not the same everywhere. */
  #text(): string {
    const copies = [...this.#mark.childNodes].map((copy) => copy.textContent ?? "");
    return copies.length === COPIES && copies.every((copy) => copy === copies[0]) ? (copies[0] ?? "") : "";
  }

  /** What a look at the watermark finds: `shown`, or what is wrong with it. */
  #seen(): string {
    if (this.#video.hidden || !this.#watermark) return "shown"; // nothing is to be marked
    const mark = this.#part("mark");
    const stage = this.#part("stage");
    if (mark !== this.#mark || !stage?.contains(mark) || !stage.contains(this.#video)) return "gone";
    if (document.fullscreenElement === this.#video || document.pictureInPictureElement) return "gone";
    if (this.#text() !== this.#watermark.text || mark.className !== `wmark at-${this.#watermark.place}`) return "changed";
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

  #looked(): void {
    const found = this.#seen();
    if (found !== "shown" && !this.#isFaulty) this.#fault(found);
  }

  #fault(found: string): void {
    this.#isFaulty = true;
    void this.#beat(found);
    this.#cover();
    this.#peer?.close();
    this.#alarm(this.#words["fault"] ?? "");
    this.#isStarted = false;
    this.#show("see", true);
    this.#show("bar", false);
    this.#show("talkhints", false);
  }

  // How the visit stands

  async #beat(found = ""): Promise<void> {
    if (this.#isBeating && !found) return;
    this.#isBeating = true;
    const key = this.#key;
    const fields: Record<string, string> = {};
    try {
      const mark = this.#watermark;
      if (key && mark) {
        const seen = found || this.#seen();
        const said = [key, mark.step, mark.place, this.#text(), seen].join("\n");
        fields["answer"] = hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(said)));
        Object.assign(fields, this.#numbers);
        this.#numbers = {};
      }
      const stands = (await this.#ask("beat", fields)) as Stands;
      this.#heardAt = performance.now();
      this.#took(stands, key);
    } catch (error) {
      if (error instanceof Refused) this.#alarm(error.no.words, error.no.prove);
    } finally {
      this.#isBeating = false;
    }
  }

  #took(stands: Stands, key: string): void {
    const before = this.#stands;
    this.#stands = stands;
    if (stands.edition !== undefined) void this.#wording.heard(stands.edition);
    for (const [name, tongue] of Object.entries(stands.tongues)) this.#tongues.set(stands[name as Sentence], tongue);
    this.#left = stands.left;
    this.#leftAt = performance.now();
    if (stands.kind === "over" || stands.left <= 0) {
      this.#close();
      this.#end();
      return;
    }
    if (this.#wasWeak) this.#strong();
    const isBelow = this.#sees && stands.kind === "live" && (stands.level === "sound" || stands.level === "none");
    const title = isBelow ? this.#words[`level-${stands.level}`] : this.#words["sound-only"];
    this.#say("title", isBelow || (!this.#sees && stands.kind === "live") ? (title ?? "") : stands.title);
    this.#say("back", isBelow ? (this.#words["level-back"] ?? "") : stands.back);
    this.#say("drawn", stands.drawn);
    const screen = this.#part("screen");
    if (screen) screen.className = `screen ${stands.kind}`;
    this.#show("diary", stands.kind === "drawn");
    if (stands.kind !== "live") {
      this.#release();
      // Why, when that begins or is another; and when the ward changed the words in which it was told.
      const isTold = before?.kind === stands.kind && before.title === stands.title && before.edition === stands.edition;
      if (!isTold) this.#tell(stands.title, stands.back);
    }
    this.#show("call", stands.kind === "live" || stands.kind === "drawn");
    if (stands.call) this.#called(stands.call);
    if (stands.silenced && this.#isPressed) {
      this.#release();
      this.#say("told", this.#words["silenced"] ?? "");
    }
    if (stands.speaks === false && this.#maySpeak) {
      this.#release();
      this.#say("told", this.#words["view-only"] ?? "");
    }
    if (stands.speaks && !this.#maySpeak) this.#say("told", this.#words["silent"] ?? "");
    this.#maySpeak = stands.speaks ?? this.#maySpeak;
    if (stands.watermark && key && key === this.#key) this.#put(stands.watermark);
    this.#dress();
    if (stands.level && stands.kind === "live" && key && key === this.#key) this.#sent(stands.level);
    this.#reaches(stands.kind === "live" && key && key === this.#key ? (stands.heard ?? this.#heard) : undefined);
    if (!this.#isStarted || this.#isJoining) return;
    if (!this.#key || (key && key === this.#key && !stands.inside)) void this.#join();
  }

  /** The media server sends this much: say so, and let no picture stand that is not sent any more. */
  #sent(level: Level): void {
    const before = this.#level;
    this.#level = level;
    if (level === before) return;
    this.#tell(this.#words[`level-${level}`], this.#isBelow() ? this.#words["level-back"] : "");
    if (this.#isBelow() && !this.#video.hidden) {
      this.#video.hidden = true; // the stream stays: there may be sound, and the next picture uncovers it
      this.#mark.hidden = true;
      this.#show("screen", true);
    }
    this.#show("live", !this.#video.hidden && level !== "stills");
    this.#framesBefore = this.#frames;
    this.#qualityAt = performance.now();
    this.#sayQuality(level);
  }

  #isBelow(): boolean {
    return this.#sees && (this.#level === "sound" || this.#level === "none");
  }

  #sayQuality(shows: string): void {
    this.#say("quality", this.#words[`shows-${shows}`] ?? "");
    this.#show("quality", this.#video.srcObject !== null);
  }

  #strong(): void {
    this.#wasWeak = false;
    this.#alarm("");
    this.#tell(this.#words["again"], this.#level === "full" ? "" : this.#words[`level-${this.#level}`]);
  }

  #tick(): void {
    const now = performance.now();
    if (now - this.#heardAt > SILENT_MS && !this.#wasWeak) {
      this.#wasWeak = true;
      this.#cover();
      this.#say("title", this.#words["weak"] ?? "");
      this.#say("back", "");
      this.#say("drawn", "");
      this.#alarm(this.#words["weak"] ?? "");
    }
    const left = Math.max(0, Math.round(this.#left - (now - this.#leftAt) / 1000));
    this.#say("digits", `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`);
    if (left <= SOON_SECONDS && left > 0 && !this.#warned && this.#isStarted) {
      this.#warned = true;
      this.#say("told", this.#words["soon"] ?? "");
    }
    if (now - this.#qualityAt > QUALITY_MS) {
      this.#qualityAt = now;
      void this.#count();
    }
  }

  // How well it arrives

  async #count(): Promise<void> {
    const peer = this.#peer;
    if (!peer || !this.#video.srcObject || (this.#video.hidden && !this.#isBelow())) return;
    let [freezes, frozen, lost, got, rtt] = [0, 0, 0, 0, 0];
    (await peer.getStats()).forEach((each: Record<string, number | string | boolean>) => {
      if (each["type"] === "inbound-rtp" && each["kind"] === "video") {
        freezes = Number(each["freezeCount"] ?? 0);
        frozen = Math.round(Number(each["totalFreezesDuration"] ?? 0) * 1000);
        lost = Math.max(0, Number(each["packetsLost"] ?? 0));
        got = Number(each["packetsReceived"] ?? 0);
      }
      if (each["type"] === "candidate-pair" && each["nominated"]) rtt = Math.round(Number(each["currentRoundTripTime"] ?? 0) * 1000);
    });
    const frames = this.#frames - this.#framesBefore;
    const share = lost - this.#lostBefore + (got - this.#gotBefore);
    this.#shows = SHOWN[this.#level] ?? (frames === 0 ? "sound" : "full");
    this.#numbers = {
      join_ms: String(this.#joinMs),
      freezes: String(Math.max(0, freezes - this.#freezesBefore)),
      frozen_ms: String(Math.max(0, frozen - this.#frozenBefore)),
      lost_permille: String(share > 0 ? Math.max(0, Math.round(((lost - this.#lostBefore) / share) * 1000)) : 0),
      rtt_ms: String(rtt),
      shows: this.#shows,
    };
    [this.#framesBefore, this.#freezesBefore, this.#frozenBefore] = [this.#frames, freezes, frozen];
    [this.#lostBefore, this.#gotBefore] = [lost, got];
    this.#sayQuality(this.#level === "full" && frames === 0 ? "stuck" : this.#level);
  }

  // Sound

  #pressedIs(name: string, is: boolean): void {
    this.#part(name)?.setAttribute("aria-pressed", String(is));
  }

  #turnSound(): void {
    this.#video.muted = !this.#video.muted;
    this.#pressedIs("sound", !this.#video.muted);
  }

  /** Who hears him: nobody shall speak to a cot at which nothing sounds. */
  #reaches(heard: Heard | undefined): void {
    this.#heard = heard;
    if (heard === "nobody") this.#release();
    const isUnheard = heard === "people" || heard === "nobody";
    this.#show("heard", isUnheard);
    if (isUnheard) this.#say("heard", this.#words[`heard-${heard}`] ?? "");
    const hold = this.#part("hold") as HTMLButtonElement | null;
    if (hold) hold.disabled = this.#stands?.kind !== "live" || this.#isMuted() || heard === "nobody" || !this.#maySpeak;
  }

  #isMuted(): boolean {
    return (this.#part("mute") as HTMLInputElement | null)?.checked ?? false;
  }

  #talking(): void {
    const hold = this.#part("hold") as HTMLButtonElement | null;
    if (!hold) return;
    holdKey(hold, {
      isPressed: () => this.#isPressed,
      isTap: () => (this.#part("tap") as HTMLInputElement).checked,
      press: () => void this.#press(),
      release: () => this.#release(),
    });
    this.#part("mute")?.addEventListener("change", () => {
      this.#release();
      this.#reaches(this.#heard);
    });
  }

  // Calling the nurse

  #calling(): void {
    for (const button of this.#root.querySelectorAll<HTMLButtonElement>("[data-question]")) {
      button.addEventListener("click", () => void this.#call(button.dataset["question"] ?? ""));
    }
  }

  async #call(question: string): Promise<void> {
    const words = this.#part("words") as HTMLInputElement | null;
    try {
      const said = (await this.#ask("call", { question, words: words?.value ?? "" }, 5_000)) as { readonly call: Call };
      if (words) words.value = "";
      this.#called(said.call);
    } catch (error) {
      this.#say("called", error instanceof Refused ? error.no.words : (this.#words["weak"] ?? ""));
    }
  }

  #called(call: Call): void {
    const place = this.#part("call");
    if (!place) return;
    if (call.tongue) this.#tongues.set(call.text, call.tongue);
    // What was refused a moment ago stays until something is new.
    if (place.dataset["state"] !== call.state || call.state !== "none") this.#say("called", call.text);
    place.dataset["state"] = call.state;
    this.#show("ask", call.state !== "waiting");
  }

  /** Ask for the floor, then send: nothing leaves this device before the server gave it. */
  async #press(): Promise<void> {
    if (this.#isPressed || this.#isMuted() || this.#stands?.kind !== "live") return;
    if (!this.#voice && !this.#openMouth) return;
    this.#isPressed = true;
    try {
      if (!this.#voice) await this.#openMouth?.();
      const voice = this.#voice;
      if (!voice) throw new Error("voice");
      if (!this.#microphone || this.#microphone.readyState === "ended") {
        const heard = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
        this.#microphone = heard.getAudioTracks()[0];
      }
      const { heard } = (await this.#ask("talk", { pressed: "yes" })) as { readonly heard: Heard };
      if (!this.#isPressed || !this.#microphone) {
        void this.#ask("talk", { pressed: "no" }).catch(() => undefined);
        return;
      }
      this.#microphone.enabled = true;
      await voice.replaceTrack(this.#microphone);
      if (!this.#isPressed) return void voice.replaceTrack(null);
      this.#pressedIs("hold", true);
      this.#say("told", this.#words[heard === "cot" ? "speaking" : "speaking-people"] ?? "");
    } catch (error) {
      this.#isPressed = false;
      this.#say("told", error instanceof Refused ? error.no.words : (this.#words["no-microphone"] ?? ""));
    }
  }

  #release(): void {
    if (!this.#isPressed) return;
    this.#isPressed = false;
    if (this.#microphone) this.#microphone.enabled = false;
    void this.#voice?.replaceTrack(null).catch(() => undefined);
    this.#pressedIs("hold", false);
    this.#say("told", this.#words["silent"] ?? "");
    void this.#ask("talk", { pressed: "no" }).catch(() => undefined);
  }
}

const root = document.getElementById("watch");
if (root) new LiveVisit(root);
