// What the family sees, at the nurse's bed: its picture by a grant of her own, its voice if she wants it here, and hers
// to them while her key is held.  Her page never draws or opens a curtain from here, and shows nothing behind one.
import { publicKey } from "./device-key";
import { holdKey } from "./hold-key";
import { answerDoor, offerToDoor, openMouth } from "./media-door";

const BEAT_MS = 600;
/** The same while she waits for the curtain to open. */
const WAITING_MS = 2_500;
const SILENT_MS = 2_000;
const GONE_MS = 1_500;
/** A connection that held so long was a good one; so many that did not, one after the other, and it is given up. */
const HELD_MS = 15_000;
const TRIES_MAX = 4;
/** Where a deed at this bed, which loads the page anew, leaves word that the picture was on. */
const KEPT = "tianfu-view";

interface Stands {
  readonly kind: "live" | "drawn" | "over";
  /** What the family reads while the curtain is drawn. */
  readonly read?: string;
  readonly inside: boolean;
  readonly level?: "full" | "small" | "sound" | "none" | "stills";
  readonly heard?: "cot" | "people" | "nobody";
}
interface Joined {
  readonly grant: string;
  readonly offers: boolean;
}
interface Kept {
  readonly visit: string;
  readonly listens: boolean;
  readonly talks: boolean;
}

class Refused extends Error {
  constructor(
    readonly code: string,
    readonly words: string,
  ) {
    super(code);
  }
}

class NurseView {
  readonly #root: HTMLElement;
  readonly #words: Record<string, string>;
  readonly #address: string;
  readonly #visit: string;
  readonly #video: HTMLVideoElement;
  readonly #voices: HTMLAudioElement;
  readonly #hold: HTMLButtonElement;
  #isOn = false;
  #listens = false;
  #talks = false;
  #peer: RTCPeerConnection | undefined;
  #mouth: RTCPeerConnection | undefined;
  #openMouth: (() => Promise<void>) | undefined;
  #voice: RTCRtpSender | undefined;
  #microphone: MediaStreamTrack | undefined;
  #picture: MediaStream | undefined;
  #isInside = false;
  #isJoining = false;
  #isAsking = false;
  #isPressed = false;
  #isLive = false;
  #askedAt = 0;
  #heardAt = 0;
  #joinedAt = 0;
  #frames = 0;
  #frameAt = 0;
  /** What the media server sends: of `full` and `small` the picture moves; whoever comes begins with all. */
  #level = "full";
  #presses = 0;
  #tries = 0;

  constructor(root: HTMLElement) {
    this.#root = root;
    this.#words = JSON.parse(root.dataset["words"] ?? "{}") as Record<string, string>;
    this.#address = root.dataset["address"] ?? "";
    this.#visit = root.dataset["visit"] ?? "";
    this.#video = this.#part("video") as HTMLVideoElement;
    this.#voices = this.#part("voices") as HTMLAudioElement;
    this.#hold = this.#part("hold") as HTMLButtonElement;
    this.#part("turn")?.addEventListener("click", () => (this.#isOn ? this.#turnOff("") : this.#turnOn()));
    this.#part("sound")?.addEventListener("click", () => this.#turnSound());
    this.#part("stage")?.addEventListener("contextmenu", (event) => event.preventDefault());
    holdKey(this.#hold, {
      isPressed: () => this.#isPressed,
      isTap: () => (this.#part("tap") as HTMLInputElement).checked,
      press: () => void this.#press(),
      release: () => this.#release(),
    });
    this.#video.requestVideoFrameCallback(() => this.#frame());
    addEventListener("submit", (event) => this.#deed(event), { capture: true });
    addEventListener("pagehide", () => this.#turnOff(""));
    document.addEventListener("visibilitychange", () => {
      this.#tries = 0;
      if (document.visibilityState === "hidden") this.#leave();
    });
    setInterval(() => this.#tick(), BEAT_MS / 2);
    this.#show("turn", true);
    this.#resume();
  }

  #part(name: string): HTMLElement | null {
    return this.#root.querySelector<HTMLElement>(`[data-view="${name}"]`);
  }

  #show(name: string, is: boolean): void {
    const part = this.#part(name);
    if (part && part.hidden === is) part.hidden = !is;
  }

  #say(name: string, text: string): void {
    const part = this.#part(name);
    if (part && part.textContent !== text) part.textContent = text;
  }

  #tell(word: string): void {
    this.#say("told", this.#words[word] ?? "");
  }

  async #ask(what: string, fields: Record<string, string>, wait = SILENT_MS): Promise<unknown> {
    const signal = AbortSignal.timeout(wait);
    const answer = await fetch(`${this.#address}/${what}`, { method: "POST", body: new URLSearchParams(fields), signal });
    if (answer.redirected || answer.status === 404) {
      this.#turnOff("gone"); // signed out, or the baby is not in her care any more
      throw new Error(String(answer.status));
    }
    if (!(answer.headers.get("content-type") ?? "").includes("json")) throw new Error(String(answer.status));
    const said = (await answer.json()) as { readonly refused: string; readonly words: string };
    if (!answer.ok) throw new Refused(said.refused, said.words);
    return said;
  }

  // On and off

  #turnOn(): void {
    this.#isOn = true;
    this.#tries = this.#askedAt = 0;
    this.#heardAt = performance.now();
    this.#sayOn();
    this.#cover(this.#words["waiting"] ?? "");
    this.#tell("waiting");
  }

  #turnOff(word: string): void {
    if (!this.#isOn) return;
    this.#isOn = this.#talks = false;
    this.#leave();
    this.#sayOn();
    this.#tell(word);
  }

  #sayOn(): void {
    this.#say("turn-words", this.#words[this.#isOn ? "turn-off" : "turn-on"] ?? "");
    for (const name of ["stage", "keys"]) this.#show(name, this.#isOn);
    this.#root.dataset["state"] = this.#isOn ? "on" : "off";
  }

  /** A deed at this bed loads its page anew: what was on goes on there.  An answer by voice turns it on. */
  #deed(event: SubmitEvent): void {
    const path = new URL((event.target as HTMLFormElement).action, location.href).pathname;
    if (!path.startsWith(`/newborn/visits/${this.#visit}/`)) return;
    const byVoice = event.submitter instanceof HTMLButtonElement && event.submitter.value === "voice";
    if (!this.#isOn && !byVoice) return;
    const kept: Kept = { visit: this.#visit, listens: this.#listens, talks: byVoice };
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
    this.#cover("");
  }

  #resume(): void {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null") as Kept | null;
    sessionStorage.removeItem(KEPT);
    if (kept?.visit !== this.#visit) return;
    this.#listens = kept.listens;
    this.#talks = kept.talks;
    this.#turnOn();
  }

  async #join(): Promise<void> {
    if (this.#isJoining || this.#isInside || !this.#isOn) return;
    if (++this.#tries > TRIES_MAX) return this.#turnOff("lost");
    this.#isJoining = true;
    try {
      const joined = (await this.#ask("join", { key: JSON.stringify(await publicKey()) }, 5_000)) as Joined;
      if (!this.#isOn) return;
      this.#isInside = true;
      this.#level = "full";
      this.#joinedAt = performance.now();
      await this.#connect(joined);
    } catch (error) {
      this.#leave();
      if (error instanceof Refused && error.code === "curtain-drawn") this.#tries -= 1;
      else if (error instanceof Refused) this.#say("told", error.words);
    } finally {
      this.#isJoining = false;
    }
  }

  async #connect(joined: Joined): Promise<void> {
    const peer = (this.#peer = new RTCPeerConnection());
    if (joined.offers) this.#listens = true; // such a server sends her the voices whether she plays them or not
    else {
      peer.addTransceiver("video", { direction: "recvonly" });
      // Without a line to hear, nobody is told that she hears him.  The ward's sound is never for her: she stands there.
      const direction = this.#listens ? "sendrecv" : "sendonly";
      this.#voice = peer.addTransceiver("audio", { direction }).sender;
    }
    this.#show("sound", !joined.offers);
    this.#part("sound")?.setAttribute("aria-pressed", String(this.#listens));
    peer.ontrack = (event) => {
      if (event.track.kind === "video") this.#picture = new MediaStream([event.track]);
      else if (this.#isOfVoices(peer, event.transceiver, joined)) this.#voices.srcObject = new MediaStream([event.track]);
      this.#dress();
    };
    peer.onconnectionstatechange = () => {
      const gone = (): void => void (peer === this.#peer && peer.connectionState !== "connected" && this.#close());
      if (peer.connectionState === "failed" || peer.connectionState === "closed") gone();
      if (peer.connectionState === "disconnected") setTimeout(gone, GONE_MS);
    };
    if (!joined.offers) return offerToDoor(peer, this.#visit, joined.grant);
    const { place, relays } = await answerDoor(peer, this.#visit, joined.grant);
    if (peer !== this.#peer) return;
    this.#openMouth = async () => {
      this.#mouth?.close();
      const mouth = (this.#mouth = new RTCPeerConnection(relays));
      const voice = await openMouth(mouth, this.#visit, place);
      if (mouth === this.#mouth) this.#voice = voice;
    };
    await this.#openMouth().catch(() => undefined); // tried again when the key is pressed
  }

  /** Of a media server that offers, the ward's line comes before that of voices. */
  #isOfVoices(peer: RTCPeerConnection, line: RTCRtpTransceiver, joined: Joined): boolean {
    const lines = peer.getTransceivers().filter((each) => each.receiver.track.kind === "audio");
    return lines.indexOf(line) === (joined.offers ? 1 : 0);
  }

  /** End the connection and empty the picture; while it is on, the next answer begins it anew. */
  #close(): void {
    this.#release();
    const [peer, mouth] = [this.#peer, this.#mouth];
    this.#peer = this.#mouth = this.#openMouth = this.#voice = this.#picture = undefined;
    this.#isInside = false;
    peer?.close();
    mouth?.close();
    this.#voices.srcObject = null;
    this.#cover("");
  }

  #leave(): void {
    const wasInside = this.#isInside;
    this.#close();
    if (wasInside) navigator.sendBeacon(`${this.#address}/leave`, new URLSearchParams());
  }

  // What is seen and heard

  #dress(): void {
    const may = this.#isLive && this.#isInside && this.#picture !== undefined;
    if (!may) return;
    if (!this.#isBelow() && this.#video.srcObject !== this.#picture) {
      this.#video.srcObject = this.#picture ?? null;
      void this.#video.play().catch(() => undefined);
    }
    if (!this.#listens || !this.#voices.srcObject || !this.#voices.paused) return;
    // A browser that lets nothing sound without a touch: then she does not hear, and nobody is told that she does.
    this.#voices.play().catch((error: Error) => error.name === "NotAllowedError" && this.#listens && this.#turnSound());
  }

  /** The first frame after it was empty uncovers it. */
  #frame(): void {
    this.#video.requestVideoFrameCallback(() => this.#frame());
    if (!this.#video.srcObject || !this.#video.hidden) return;
    this.#video.hidden = false;
    this.#frameAt = performance.now();
    this.#show("screen", false);
    this.#sayLive();
  }

  /** A picture that moves is live, and a still one is not. */
  #sayLive(): void {
    const isStill = this.#level === "stills";
    this.#show("live", !isStill);
    this.#tell(isStill ? "stills" : "live");
  }

  /** No picture is sent any more: the last one must not stand as if it were. */
  #isBelow(): boolean {
    return this.#level === "sound" || this.#level === "none";
  }

  #sent(level: string): void {
    const before = this.#level;
    this.#level = level;
    if (level === before) return;
    this.#frameAt = performance.now(); // what moves again, or no more, begins anew
    if (!this.#isBelow()) {
      if (!this.#video.hidden) this.#sayLive();
      return;
    }
    this.#cover(this.#words["weak"] ?? "");
    this.#tell("weak");
  }

  /** At once: no picture, not even the last. */
  #cover(words: string): void {
    if (this.#video.srcObject) this.#video.srcObject = null;
    this.#video.hidden = true;
    this.#show("screen", true);
    this.#show("live", false);
    this.#show("less", false);
    this.#hold.disabled = true;
    if (words) this.#say("title", words);
  }

  // How the visit stands

  #tick(): void {
    if (!this.#isOn || document.visibilityState !== "visible") return;
    const now = performance.now();
    const frames = this.#video.getVideoPlaybackQuality().totalVideoFrames;
    if (frames !== this.#frames || this.#level === "stills") this.#frameAt = now;
    this.#frames = frames;
    // Nothing is heard of the visit, or a picture stands still: it must not be taken for what the family sees now.
    if (!this.#video.hidden && now - Math.min(this.#heardAt, this.#frameAt) > SILENT_MS) {
      this.#release();
      this.#cover(this.#words["weak"] ?? "");
      this.#tell("weak");
    }
    if (this.#isInside && now - this.#joinedAt > HELD_MS) this.#tries = 0;
    if (!this.#isAsking && now - this.#askedAt >= (this.#isInside ? BEAT_MS : WAITING_MS)) void this.#beat(now);
  }

  async #beat(now: number): Promise<void> {
    this.#isAsking = true;
    this.#askedAt = now;
    const peer = this.#peer;
    try {
      const stands = (await this.#ask("beat", { inside: peer ? "yes" : "" })) as Stands;
      this.#heardAt = performance.now();
      if (this.#isOn) this.#took(stands, peer);
    } catch (error) {
      if (error instanceof Refused) this.#say("told", error.words);
    } finally {
      this.#isAsking = false;
    }
  }

  #took(stands: Stands, peer: RTCPeerConnection | undefined): void {
    this.#isLive = stands.kind === "live";
    if (stands.kind === "over") return this.#turnOff("over");
    if (peer && peer === this.#peer && !stands.inside && !this.#isJoining) this.#close(); // taken back
    if (!this.#isLive) {
      const wasSeen = !this.#video.hidden;
      this.#release();
      this.#cover(`${this.#words["drawn"] ?? ""} ${stands.read ?? ""}`);
      if (wasSeen) this.#tell("covered");
      return;
    }
    if (stands.inside && peer !== undefined && peer === this.#peer) this.#sent(stands.level ?? this.#level);
    this.#dress();
    this.#show("less", stands.level !== undefined && stands.level !== "full");
    const hasCome = !this.#video.hidden || this.#isBelow();
    this.#hold.disabled = !this.#isInside || !hasCome || stands.heard === "nobody";
    this.#show("heard", this.#isInside && stands.heard === "nobody");
    if (this.#hold.disabled) this.#release();
    else if (this.#talks) this.#hold.focus(); // she answers by voice
    this.#talks &&= this.#hold.disabled;
    if (!this.#isInside) void this.#join();
  }

  // Sound

  /** Whether she hears is agreed with the connection: it begins anew. */
  #turnSound(): void {
    this.#listens = !this.#listens;
    this.#part("sound")?.setAttribute("aria-pressed", String(this.#listens));
    if (!this.#isInside) return;
    this.#tries = this.#askedAt = 0;
    this.#close();
  }

  /** The microphone, then the floor, then the voice: nothing leaves this device before the server gave the floor. */
  async #press(): Promise<void> {
    if (this.#isPressed || this.#hold.disabled) return;
    this.#isPressed = true;
    const press = ++this.#presses;
    const isOver = (): boolean => press !== this.#presses || !this.#isPressed;
    let microphone: MediaStreamTrack | undefined;
    try {
      if (!this.#voice) await this.#openMouth?.();
      if (isOver()) return;
      const audio = { echoCancellation: true, noiseSuppression: true };
      [microphone] = (await navigator.mediaDevices.getUserMedia({ audio })).getAudioTracks();
      const voice = this.#voice;
      if (isOver() || !voice || !microphone) return void microphone?.stop();
      this.#microphone = microphone;
      await this.#ask("talk", { pressed: "yes" });
      if (!isOver()) await voice.replaceTrack(microphone);
      if (isOver()) return this.#late(microphone, voice);
      this.#hold.setAttribute("aria-pressed", "true");
      this.#tell("speaking");
    } catch (error) {
      microphone?.stop();
      if (press !== this.#presses) return; // another press has its own word
      this.#release();
      this.#say("told", error instanceof Refused ? error.words : (this.#words["no-microphone"] ?? ""));
    }
  }

  /** She let go before it was her turn: what this press took is given back, unless the next press needs it. */
  #late(microphone: MediaStreamTrack, voice: RTCRtpSender): void {
    microphone.stop();
    if (this.#isPressed) return;
    void voice.replaceTrack(null).catch(() => undefined);
    void this.#ask("talk", { pressed: "no" }).catch(() => undefined);
  }

  #release(): void {
    if (!this.#isPressed) return;
    this.#rest();
    this.#tell("silent");
    void this.#ask("talk", { pressed: "no" }).catch(() => undefined);
  }

  /** The microphone itself is off between two presses. */
  #rest(): void {
    this.#isPressed = false;
    this.#microphone?.stop();
    this.#microphone = undefined;
    void this.#voice?.replaceTrack(null).catch(() => undefined);
    this.#hold.setAttribute("aria-pressed", "false");
  }
}

const root = document.getElementById("view");
if (root) new NurseView(root);
