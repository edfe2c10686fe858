// A family's window to the ward: comes in by a grant and this device's key, shows the picture only while the server
// says that it may be seen, answers for the watermark over it, and sends sound only while the key is pressed.
import { publicKey } from "./device-key";
import { holdKey } from "./hold-key";
import { answerDoor, DoorShut, offerToDoor, openMouth } from "./media-door";
import { Arrival, LOOK_MS } from "./newborn-arrival";
import { checkDevice, write } from "./newborn-check";
import { type Mark, Watermark } from "./newborn-mark";
import { PASSING, Patience, UNANSWERED } from "./newborn-patience";
import { LastPhoto } from "./newborn-photo";
import type { Expected } from "./newborn-watchdog";
import { Wording } from "./newborn-words";

/** How often the page asks how the visit stands; a curtain is on the page so soon after the ward drew it. */
const BEAT_MS = 600;
/** A page that hears nothing for so long says so, and shows nothing. */
const SILENT_MS = 2_000;
/** Who heard nothing asks anew sooner: what was asked while the network was away may hang on when it is back. */
const ASK_AGAIN_MS = 1_500;
const QUALITY_MS = 5_000;
const SOON_SECONDS = 120;
const GONE_MS = 1_500;
/** Answers to who may not look any more: what was never his, and what was until it was taken back. */
const NO_LONGER = [404, 410];
/** What the numbers of a page call each level below the full picture. */
const SHOWN: Partial<Record<Level, string>> = { small: "reduced", sound: "sound", none: "sound", stills: "stills" };
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

/** The server answered, and not in words for this page: by this status. */
class Unsaid extends Error {
  constructor(readonly status: number) {
    super(String(status));
  }
}

const hex = (value: ArrayBuffer): string =>
  [...new Uint8Array(value)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

const whyOf = (error: unknown): string => {
  if (error instanceof Refused) return error.no.refused;
  if (error instanceof DoorShut) return error.message;
  return error instanceof Unsaid ? String(error.status) : UNANSWERED;
};

class LiveVisit {
  readonly #root: HTMLElement;
  readonly #words: Record<string, string>;
  readonly #wording: Wording;
  /** Sentences in another language than the page, by their text: each is marked where it is said. */
  readonly #tongues = new Map<string, string>();
  readonly #address: string;
  readonly #video: HTMLVideoElement;
  readonly #mark: Watermark;
  readonly #arrival: Arrival;
  readonly #photo: LastPhoto;
  #peer: RTCPeerConnection | undefined;
  #mouth: RTCPeerConnection | undefined;
  #openMouth: (() => Promise<void>) | undefined;
  #stream = new MediaStream();
  #voice: RTCRtpSender | undefined;
  #microphone: MediaStreamTrack | undefined;
  #key = "";
  #stands: Stands | undefined;
  #heardAt = performance.now();
  #leftAt = performance.now();
  #left: number;
  readonly #sees: boolean;
  readonly #patience = new Patience();
  #isStarted = false;
  #isJoining = false;
  #isBeating = false;
  #isFaulty = false;
  #isPressed = false;
  #maySpeak = true;
  #wasWeak = false;
  #warned = false;
  /** Why no picture moves, in the page's own words; empty while one does, or none should. */
  #still: "" | "weak" | "shows-stuck" = "";
  /** Come in anew once the server has said how the visit stands: the connection is lost, or the picture stands still. */
  #mustJoin: "" | "lost" | "still" = "";
  #qualityAt = 0;
  #numbers: Record<string, string> = {};
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
    this.#mark = new Watermark(root, this.#video);
    this.#arrival = new Arrival(this.#video, () => this.#shown());
    this.#photo = new LastPhoto(this.#part("photo"), this.#address);
    this.#part("see")?.addEventListener("click", () => this.#start());
    this.#part("pause")?.addEventListener("click", () => this.#pause(this.#words["paused"] ?? ""));
    this.#part("sound")?.addEventListener("click", () => this.#turnSound());
    this.#part("end")?.addEventListener("click", () => this.#leave());
    this.#talking();
    this.#calling();
    addEventListener("online", () => this.#online());
    addEventListener("pagehide", () => this.#leave());
    document.addEventListener("visibilitychange", () => this.#turned());
    this.#mark.onChange(() => this.#looked());
    this.#beating = setInterval(() => void this.#beat(), BEAT_MS);
    setInterval(() => this.#tick(), LOOK_MS);
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
    if (!(answer.headers.get("content-type") ?? "").includes("json")) throw new Unsaid(answer.status);
    const said: unknown = await answer.json();
    if (!answer.ok) throw new Refused(said as No);
    return said;
  }

  // Coming and going

  /** It is over: the page says how.  What somebody is writing on it is not lost for that; then only the picture goes. */
  #end(): void {
    this.#photo.stands(false);
    const isWriting = [...document.querySelectorAll("textarea")].some((each) => each.value !== each.defaultValue);
    if (!isWriting) return location.reload();
    clearInterval(this.#beating);
    this.#root.hidden = true;
  }

  #start(): void {
    this.#isStarted = true;
    this.#isFaulty = false;
    this.#patience.begin();
    this.#alarm("");
    this.#show("see", false);
    this.#show("check", false);
    this.#say("told", this.#words["waiting"] ?? "");
    // Within the touch, so that the browser lets sound begin (autoplay rules).
    this.#video.muted = false;
    void this.#video.play().catch(() => undefined);
    void this.#join();
  }

  /** Come in, if it is time: else the next answer to how the visit stands asks again. */
  async #join(): Promise<void> {
    if (!this.#isStarted || this.#isJoining || this.#isFaulty || document.visibilityState !== "visible") return;
    if (!this.#stands || this.#stands.kind === "before" || this.#stands.kind === "over") return;
    if (!this.#patience.isTime(this.#stands.kind === "drawn", performance.now())) return;
    this.#isJoining = true;
    this.#arrival.asks();
    try {
      this.#close();
      const joined = (await this.#ask("join", { key: JSON.stringify(await publicKey()) }, 5_000)) as Joined;
      if (joined.speaks !== (this.#root.dataset["speaks"] === "yes")) {
        location.reload(); // he may speak now, or no more: another page
        return;
      }
      this.#key = joined.mark;
      this.#level = "full"; // whoever comes begins with all
      this.#mark.put(joined.watermark);
      await this.#connect(joined);
      this.#patience.begin();
      if (this.#peer) this.#arrival.begin(this.#peer);
      if (!this.#still) this.#alarm("");
      this.#show("bar", true);
      this.#show("talkhints", true);
    } catch (error) {
      this.#close();
      if (error instanceof Refused && !PASSING.includes(error.no.refused)) {
        this.#isStarted = false;
        this.#still = "";
        this.#show("see", true);
        this.#alarm(error.no.words, error.no.prove);
      } else {
        this.#patience.failed(whyOf(error), performance.now());
      }
    } finally {
      this.#isJoining = false;
    }
  }

  #online(): void {
    this.#patience.reached();
    void this.#join();
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
      if (peer.connectionState === "failed" || peer.connectionState === "closed") this.#again("lost");
      if (peer.connectionState !== "disconnected") goneAt = 0;
      else {
        const at = (goneAt = performance.now());
        setTimeout(() => goneAt === at && peer === this.#peer && this.#again("lost"), GONE_MS);
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

  /** Come in anew, unless the server says meanwhile that there is nothing to see: then nobody hammers at its door. */
  #again(why: "lost" | "still"): void {
    if (this.#mustJoin !== "lost") this.#mustJoin = why;
    void this.#beat();
  }

  /** End the connection and empty the picture. */
  #close(): void {
    this.#release();
    this.#arrival.end();
    this.#mustJoin = "";
    this.#peer?.close();
    this.#mouth?.close();
    this.#peer = this.#mouth = this.#openMouth = undefined;
    this.#voice = undefined;
    this.#key = "";
    this.#cover();
  }

  #leave(): void {
    if (this.#still) this.#stillNoMore();
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
    this.#arrival.attach(this.#stream);
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

  /** Every picture that is shown: the first one after there was none uncovers them. */
  #shown(): void {
    if (!this.#video.hidden) return;
    this.#mark.show(true);
    this.#video.hidden = false;
    this.#show("screen", false);
    this.#show("live", this.#level !== "stills");
    if (this.#still) this.#strong();
    else if (this.#level === "full") this.#say("told", this.#words["live"] ?? "");
  }

  /** At once: no picture, not even the last. */
  #cover(): void {
    if (this.#video.srcObject) this.#video.srcObject = null;
    this.#hide();
  }

  /** No picture is seen; the stream stays: there may be sound, and the next picture uncovers it. */
  #hide(): void {
    this.#video.hidden = true;
    this.#mark.show(false);
    this.#show("screen", true);
    this.#show("live", false);
    this.#show("quality", false);
  }

  /** Look whether that which should come still does: a picture that stands still is covered, and the page comes back. */
  async #watch(): Promise<void> {
    const expected = this.#expected();
    const found = await this.#arrival.look(expected);
    if (!found || expected !== this.#expected()) return;
    const still = found.isCutOff ? "weak" : found.isStill ? "shows-stuck" : "";
    if (still && this.#still !== "weak" && this.#still !== still && !this.#wasWeak) {
      this.#still = still;
      if (still === "weak") this.#cover();
      else this.#hide();
      this.#sayScreen();
      if (still === "weak") this.#alarm(this.#words[still] ?? "");
      else this.#tell(this.#words[still]);
      if (this.#video.paused) void this.#video.play().catch(() => undefined); // by the device
    }
    if (expected === "sound" && this.#still && !found.isCutOff) this.#strong();
    if (found.mustJoin) this.#again("still");
  }

  /** What should come now. While the server is silent no picture is shown; then whatever arrives is a sign. */
  #expected(): Expected {
    if (this.#stands?.kind !== "live" || !this.#key || !this.#sees || this.#isFaulty) return "nothing";
    if (this.#wasWeak || this.#level === "sound") return "sound";
    return this.#level === "full" || this.#level === "small" ? this.#level : "nothing";
  }

  #looked(): void {
    const found = this.#mark.seen();
    if (found !== "shown" && !this.#isFaulty) this.#fault(found);
  }

  #fault(found: string): void {
    this.#isFaulty = true;
    this.#still = "";
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
      const mark = this.#mark.mark;
      if (key && mark) {
        const seen = found || this.#mark.seen();
        const said = [key, mark.step, mark.place, this.#mark.text(), seen].join("\n");
        fields["answer"] = hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(said)));
        Object.assign(fields, this.#numbers);
        this.#numbers = {};
      }
      const stands = (await this.#ask("beat", fields, this.#wasWeak ? ASK_AGAIN_MS : SILENT_MS)) as Stands;
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
    if (stands.kind === "live" && before?.kind !== "live") this.#patience.opened();
    if (this.#wasWeak) {
      this.#wasWeak = false;
      this.#patience.reached();
      if (this.#mustJoin) this.#still = "weak"; // the server is there again, and the picture not yet
      else this.#strong();
    }
    const isNoneDue = stands.kind !== "live" || stands.level === "none" || stands.level === "stills";
    if (this.#still && isNoneDue) this.#stillNoMore();
    this.#sayScreen();
    const screen = this.#part("screen");
    if (screen) screen.className = `screen ${stands.kind}`;
    this.#photo.stands(stands.kind === "drawn");
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
    if (stands.watermark && key && key === this.#key) this.#mark.put(stands.watermark);
    this.#dress();
    if (stands.level && stands.kind === "live" && key && key === this.#key) this.#sent(stands.level);
    this.#reaches(stands.kind === "live" && key && key === this.#key ? (stands.heard ?? this.#heard) : undefined);
    if (!this.#isStarted || this.#isJoining) return;
    const isOut = key !== "" && key === this.#key && !stands.inside;
    const mustJoin = this.#mustJoin === "lost" || (this.#mustJoin === "still" && stands.kind === "live");
    if (!mustJoin) this.#mustJoin = ""; // else it stands until it is time
    if (!this.#key || isOut || mustJoin) void this.#join();
  }

  /** What stands where no picture is. */
  #sayScreen(): void {
    const stands = this.#stands;
    if (!stands) return;
    const isLive = stands.kind === "live";
    const isBelow = this.#sees && isLive && (stands.level === "sound" || stands.level === "none");
    const title = this.#still || (isBelow ? `level-${stands.level}` : isLive && !this.#sees ? "sound-only" : "");
    this.#say("title", title ? (this.#words[title] ?? "") : stands.title);
    this.#say("back", this.#still ? "" : isBelow ? (this.#words["level-back"] ?? "") : stands.back);
    this.#say("drawn", stands.drawn);
  }

  /** The media server sends this much: say so, and let no picture stand that is not sent any more. */
  #sent(level: Level): void {
    const before = this.#level;
    this.#level = level;
    if (level === before) return;
    this.#tell(this.#words[`level-${level}`], this.#isBelow() ? this.#words["level-back"] : "");
    if (this.#isBelow() && !this.#video.hidden) this.#hide();
    this.#show("live", !this.#video.hidden && level !== "stills");
    this.#arrival.restart();
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

  #stillNoMore(): void {
    this.#still = "";
    this.#alarm("");
  }

  #strong(): void {
    this.#wasWeak = false;
    this.#stillNoMore();
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
      this.#tell(); // what was told of the picture is true no more
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
      this.#count();
    }
    void this.#watch();
  }

  // How well it arrives

  #count(): void {
    if (!this.#peer || !this.#video.srcObject || (this.#video.hidden && !this.#isBelow())) return;
    this.#numbers = this.#arrival.numbers(SHOWN[this.#level]);
    this.#sayQuality(this.#level);
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
        const [track] = heard.getAudioTracks();
        // Pressed again while the browser asked: one microphone is enough, and none that nobody can turn off.
        if (this.#microphone?.readyState === "live") track?.stop();
        else this.#microphone = track;
        if (this.#microphone) this.#microphone.enabled = this.#isPressed;
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
