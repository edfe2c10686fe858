// A cart: this device's camera takes the place of one at a bed (WHIP, RFC 9725).  What sounds here is the voice of who
// has the floor in the visit, over a line of sound that our own server alone answers.  Another line, which only sends,
// is offered empty: no microphone is asked for before somebody turns it on here, and it goes off by itself.
// One connection is one lens: before the other one sends anything the server has let this one go, drawn every curtain
// and ended what was bound; and each lens has a key of its own, so that none takes another's place unasked.
// The light is off until somebody puts it on.  Each connection needs a grant, which is bound to a key that never leaves the browser.
import { addSmaller, gathered, giveBack, granted, preferred, publish } from "./cart-door";

const PICTURE = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 15, max: 30 } };
const BED = { facingMode: { ideal: "environment" } };
const PAUSES = [500, 1_000, 2_000, 4_000, 8_000];
/** A connection that has been broken so long is made anew. */
const BROKEN_WITHIN = 2_000;
/** A device that has not begun to play a silent sound after so long plays none. */
const PLAY_WITHIN = 2_000;
const LISTEN_EACH = 400;
/** While the microphone is on, the server is asked so often whether it may be; without an answer it goes off. */
const ASK_EACH = 1_000;
const ANSWER_WITHIN = 3_000;
/** How our server names whose voice a packet is: as its contributing source (loudspeaker.py). */
const SPEAKERS = new Map<number, Sounds>([[2, "interpreter"], [3, "expert"]]);

type State = "off" | "starting" | "on" | "again" | "no-camera" | "refused" | "bound";
/** Whether voices sound here: they do, one does now, the device cannot play them, or the media server sends none. */
type Sounds = "yes" | "now" | "interpreter" | "expert" | "no" | "not-carried";
/** What is said of the microphone: it is on, and whether anybody hears it; or why it is not. */
/** What became of turning to the other lens: nothing yet, it was turned, or it was not. */
type Turned = "" | "done" | "no";
type Hears = "" | "heard" | "unheard" | "drawn" | "ended" | "denied" | "not-carried";
/** What the server says of the visits here: whether a curtain is open, and whether a nurse lets the ward be heard. */
interface Stands {
  readonly open: boolean;
  readonly heard: boolean;
}
interface Torch extends MediaTrackCapabilities {
  torch?: boolean;
}

class Cart {
  private stream: MediaStream | undefined;
  private peer: RTCPeerConnection | undefined;
  private address = "";
  /** The lens that is looked through, as this browser names it, and the key of each. */
  private lens = "";
  private readonly keys = new Map<string, CryptoKeyPair>();
  private hasOther = false;
  private isTurning = false;
  private wanted = false;
  private tries = 0;
  private awake: { release(): Promise<void> } | undefined;
  private readonly voice: HTMLAudioElement;
  private silence: AudioContext | undefined;
  private plays = false;
  private line: RTCRtpTransceiver | undefined;
  /** The same lens once more, for the smaller picture; it ends with its connection. */
  private smaller: MediaStreamTrack | undefined;
  private heard = 0;
  private ward: RTCRtpTransceiver | undefined;
  private microphone: MediaStream | undefined;
  /** How often the microphone was turned on or off: whoever was asked meanwhile knows that it is another time. */
  private turns = 0;

  constructor(
    private readonly place: HTMLElement,
    private readonly camera: string,
  ) {
    this.voice = this.part("voice") as HTMLAudioElement;
    // Another program may stop the sound; whoever cannot begin it again is no loudspeaker any more.
    this.voice.addEventListener("pause", () => this.wanted && this.voice.srcObject && void this.play());
    setInterval(() => this.listen(), LISTEN_EACH);
    this.part("start").addEventListener("click", () => void this.start());
    this.part("stop").addEventListener("click", () => this.stop("off"));
    this.part("turn").addEventListener("click", () => void this.turn());
    this.part("torch").addEventListener("click", () => void this.light());
    this.part("microphone").addEventListener("click", () => void this.turnMicrophone());
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.count());
    document.addEventListener("visibilitychange", () => document.hidden && this.deafen("ended"));
    addEventListener("pagehide", () => this.stop("off"));
  }

  private part(name: string): HTMLElement {
    return this.place.querySelector<HTMLElement>(`[data-part=${name}]`)!;
  }

  private stand(state: State): void {
    this.place.dataset["state"] = state;
    this.part("sign").textContent = this.place.getAttribute(`data-says-${state}`);
    const runs = state === "starting" || state === "on" || state === "again";
    this.part("start").hidden = runs;
    this.part("stop").hidden = !runs;
    this.showTurn();
    if (!runs) this.part("torch").hidden = true;
    this.part("sounds").hidden = !runs;
    this.part("ward").hidden = !runs;
    if (state !== "on") this.deafen("ended");
    if (!runs) this.tell("");
    if (!runs) this.tellTurned("");
  }

  /** Turning needs another lens, and the connection by which the server knows this one. */
  private showTurn(): void {
    const hidden = this.place.dataset["state"] !== "on" || !this.hasOther;
    this.part("turn").hidden = this.part("turn-hint").hidden = hidden;
  }

  private async count(): Promise<void> {
    const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    this.hasOther = devices.filter((each) => each.kind === "videoinput").length > 1;
    this.showTurn();
  }

  private async start(): Promise<void> {
    this.wanted = true;
    this.tries = 0;
    this.stand("starting");
    const plays = this.canPlay(); // within the touch, so that the browser lets sound begin (autoplay rules)
    if (!(await this.look(this.lens ? { deviceId: { exact: this.lens } } : BED, BED))) return;
    this.plays = await plays;
    this.say(this.plays ? "yes" : "no");
    this.awake = await navigator.wakeLock?.request("screen").catch(() => undefined);
    await this.connect();
  }

  /** Look through a lens, or through another one if it is gone; the light begins dark. */
  private async look(which: MediaTrackConstraints, otherwise?: MediaTrackConstraints): Promise<boolean> {
    this.stream?.getTracks().forEach((track) => track.stop());
    try {
      const through = (each: MediaTrackConstraints): Promise<MediaStream> =>
        navigator.mediaDevices.getUserMedia({ video: { ...PICTURE, ...each }, audio: false });
      this.stream = await through(which).catch((error: unknown) => {
        if (!otherwise) throw error;
        return through(otherwise);
      });
    } catch {
      this.stop("no-camera");
      return false;
    }
    if (!this.wanted) {
      this.stop("off");
      return false;
    }
    const [track] = this.stream.getVideoTracks();
    this.lens = track?.getSettings().deviceId ?? "";
    void this.count();
    (this.part("own") as HTMLVideoElement).srcObject = this.stream;
    this.part("torch").hidden = !(track?.getCapabilities?.() as Torch | undefined)?.torch;
    this.part("torch").setAttribute("aria-pressed", "false");
    track?.addEventListener("ended", () => this.wanted && this.stop("no-camera"));
    return true;
  }

  // Voices

  /** Whether this device plays sound at all, tried with a silent one. */
  private async canPlay(): Promise<boolean> {
    try {
      this.silence ??= new AudioContext();
      void this.silence.resume();
      this.voice.srcObject = this.silence.createMediaStreamDestination().stream;
      await Promise.race([
        this.voice.play(),
        new Promise((_, refuse) => setTimeout(() => refuse(new Error("silent")), PLAY_WITHIN)),
      ]);
      return true;
    } catch {
      return false;
    }
  }

  /** Let what comes over the line sound; the server sends nothing unless somebody may be heard. */
  private async play(stream = this.voice.srcObject as MediaStream | null): Promise<void> {
    this.voice.srcObject = stream;
    try {
      await this.voice.play();
    } catch {
      // A stream that has ended with its connection is no fault of this device: the next one is tried.
      if (this.wanted && this.plays && this.voice.srcObject === stream && stream?.active) this.fallSilent();
    }
  }

  /** This device lets no voice sound any more: come anew without the line, so that families are told so. */
  private fallSilent(): void {
    this.plays = false;
    this.say("no");
    if (this.peer) void this.connect();
  }

  private say(sounds: Sounds): void {
    const line = this.part("sounds");
    if (line.dataset["sounds"] === sounds) return;
    line.dataset["sounds"] = sounds;
    line.textContent = this.place.getAttribute(`data-sounds-${sounds}`);
  }

  /** Say while somebody speaks: while numbers of his packets go on. */
  private listen(): void {
    if (!this.plays || this.line?.currentDirection !== "recvonly") return;
    // A browser forgets who spoke after ten seconds; that is no news.
    const [latest = this.heard] = this.line.receiver.getSynchronizationSources().map((each) => each.rtpTimestamp);
    const [speaks] = this.line.receiver.getContributingSources().sort((one, other) => other.timestamp - one.timestamp);
    this.say(latest === this.heard ? "yes" : SPEAKERS.get(speaks?.source ?? 0) ?? "now");
    this.heard = latest;
  }

  // The ward's sound

  private tell(hears: Hears): void {
    const line = this.part("hears");
    if (line.dataset["hears"] === hears) return;
    line.dataset["hears"] = hears;
    line.textContent = hears && this.place.getAttribute(`data-hears-${hears}`);
  }

  private microphoneIs(on: boolean): void {
    this.part("microphone").setAttribute("aria-checked", String(on));
    this.part("microphone-is").textContent = this.place.getAttribute(on ? "data-on" : "data-off");
  }

  /** The key: on, if a curtain is open here and this device has a microphone; or off. */
  private async turnMicrophone(): Promise<void> {
    if (this.microphone) {
      this.deafen("");
      return this.tell("");
    }
    const turn = ++this.turns;
    const overtaken = (): boolean => turn !== this.turns || this.place.dataset["state"] !== "on";
    if (this.ward?.currentDirection !== "sendonly") return this.tell("not-carried");
    const before = await this.standing();
    if (overtaken()) return;
    if (!before?.open) return this.tell(before ? "drawn" : "ended");
    let stream: MediaStream;
    try {
      const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
      stream = await navigator.mediaDevices.getUserMedia({ audio, video: false });
    } catch {
      return overtaken() ? undefined : this.tell("denied");
    }
    const [track] = stream.getAudioTracks();
    // Somebody may have thought about it for long: what was true before need not be.
    const stands = overtaken() ? undefined : await this.standing();
    if (overtaken() || !stands?.open || !track) {
      stream.getTracks().forEach((each) => each.stop());
      return overtaken() ? undefined : this.tell(stands ? "drawn" : "ended");
    }
    this.microphone = stream;
    track.addEventListener("ended", () => this.microphone === stream && this.deafen("ended"));
    this.microphoneIs(true);
    this.tell(stands.heard ? "heard" : "unheard");
    try {
      await this.ward.sender.replaceTrack(track);
    } catch {
      return this.microphone === stream ? this.deafen("ended") : undefined;
    }
    void this.watch(stream);
  }

  /** While the microphone is on: off with the curtain, and when nobody says that it is open. */
  private async watch(stream: MediaStream): Promise<void> {
    while (this.microphone === stream) {
      await new Promise((resolve) => setTimeout(resolve, ASK_EACH));
      if (this.microphone !== stream) return;
      const stands = await this.standing();
      if (this.microphone !== stream) return;
      if (!stands?.open) return this.deafen("ended");
      this.tell(stands.heard ? "heard" : "unheard");
    }
  }

  /** Turn the microphone off, whatever is under way: the device shows no recording any more. */
  private deafen(hears: Hears): void {
    this.turns++;
    const stream = this.microphone;
    if (!stream) return;
    this.microphone = undefined;
    stream.getTracks().forEach((track) => track.stop());
    void this.ward?.sender.replaceTrack(null).catch(() => undefined); // its connection may be over
    this.microphoneIs(false);
    this.tell(hears);
  }

  /** What the server says of the visits on this camera; nothing if it does not, or knows this connection no more. */
  private async standing(): Promise<Stands | undefined> {
    const said = await this.ask("sound");
    const stands = said?.ok && !said.redirected ? said.json() : undefined;
    return (stands as Promise<Stands> | undefined)?.catch(() => undefined);
  }

  /** What the server answers to who shows the secret of this connection; nothing if it does not in time. */
  private ask(what: "sound" | "lens"): Promise<Response | undefined> {
    const connection = this.address.split("/").pop() ?? "";
    return fetch(`/newborn/cart/${this.camera}/${what}`, {
      method: "POST",
      body: new URLSearchParams({ connection }),
      signal: AbortSignal.timeout(ANSWER_WITHIN),
    }).catch(() => undefined);
  }

  // The other lens

  private tellTurned(turned: Turned): void {
    const line = this.part("turned");
    line.dataset["turned"] = turned;
    line.textContent = turned && this.place.getAttribute(`data-turned-${turned}`);
  }

  /** Look through the other lens, once the server has let this connection go; without its word nothing is turned. */
  private async turn(): Promise<void> {
    const peer = this.peer;
    if (this.isTurning || !peer || !this.address) return;
    this.isTurning = true;
    this.tellTurned("");
    const other = await this.other();
    const isLetGo = await this.isLetGo();
    this.isTurning = false;
    if (this.peer !== peer) return; // stopped meanwhile: who starts anew looks through the same lens
    if (!isLetGo) {
      this.tellTurned("no");
      if (peer.connectionState !== "connected") this.again();
      return;
    }
    this.address = ""; // it is over there
    this.leave();
    this.stand("starting");
    const key = this.keys.get(this.lens);
    this.keys.delete(this.lens);
    if (!(await this.look(other))) return;
    if (key) this.keys.set(this.lens, key);
    this.tellTurned("done");
    await this.connect();
  }

  /** A telephone says which way its lenses look; of others the next one is taken. */
  private async other(): Promise<MediaTrackConstraints> {
    const facing = this.stream?.getVideoTracks()[0]?.getSettings().facingMode;
    if (facing) return { facingMode: { ideal: facing === "user" ? "environment" : "user" } };
    const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    const lenses = devices.filter((each) => each.kind === "videoinput").map((each) => each.deviceId);
    return { deviceId: { exact: lenses[(lenses.indexOf(this.lens) + 1) % lenses.length] ?? this.lens } };
  }

  /** Whether the server has drawn every curtain here and takes nothing more over this connection. */
  private async isLetGo(): Promise<boolean> {
    const said = await this.ask("lens");
    return said !== undefined && said.ok && !said.redirected;
  }

  private async light(): Promise<void> {
    const button = this.part("torch");
    const torch = button.getAttribute("aria-pressed") !== "true";
    const [track] = this.stream?.getVideoTracks() ?? [];
    try {
      await track?.applyConstraints({ advanced: [{ torch } as MediaTrackConstraintSet] });
      button.setAttribute("aria-pressed", String(torch));
    } catch {
      button.hidden = true;
    }
  }

  private async connect(): Promise<void> {
    this.leave();
    const peer = (this.peer = new RTCPeerConnection());
    try {
      const keys = await this.key();
      const leave = await granted(this.camera, keys);
      if (this.peer !== peer) return;
      if ("no" in leave) return this.stop(leave.no);
      const track = this.stream!.getVideoTracks()[0]!;
      preferred(peer.addTransceiver(track, { direction: "sendonly" }));
      if (leave.smaller) this.smaller = addSmaller(peer, track);
      this.line = this.plays ? peer.addTransceiver("audio", { direction: "recvonly" }) : undefined;
      this.ward = peer.addTransceiver("audio", { direction: "sendonly" });
      peer.addEventListener("track", ({ track }) => this.peer === peer && void this.play(new MediaStream([track])));
      peer.addEventListener("connectionstatechange", () => this.changed(peer));
      await peer.setLocalDescription();
      await gathered(peer);
      const taken = await publish(this.camera, keys, leave.grant, peer.localDescription!.sdp);
      if (this.peer !== peer) return "no" in taken ? undefined : giveBack(taken.address); // nobody else knows of it
      if ("no" in taken) return this.stop(taken.no);
      this.address = taken.address;
      await peer.setRemoteDescription({ type: "answer", sdp: taken.answer });
      if (this.line && this.line.currentDirection !== "recvonly") this.say("not-carried");
    } catch {
      if (this.peer === peer) this.again();
    }
  }

  private changed(peer: RTCPeerConnection): void {
    if (this.peer !== peer || !this.wanted || this.isTurning) return;
    const state = peer.connectionState;
    if (state === "connected") {
      this.tries = 0;
      this.stand("on");
    } else if (state === "failed" || state === "closed") {
      this.again();
    } else if (state === "disconnected") {
      this.stand("again");
      const isBroken = (): boolean => !this.isTurning && this.peer === peer && peer.connectionState !== "connected";
      setTimeout(() => isBroken() && this.again(), BROKEN_WITHIN);
    }
  }

  private again(): void {
    if (!this.wanted) return;
    this.leave();
    this.stand("again");
    const pause = PAUSES[Math.min(this.tries++, PAUSES.length - 1)]!;
    setTimeout(() => this.wanted && !this.peer && void this.connect(), pause);
  }

  private async key(): Promise<CryptoKeyPair> {
    const known = this.keys.get(this.lens);
    if (known) return known;
    const made = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
    this.keys.set(this.lens, made);
    return made;
  }

  /** End this connection and both of its pictures. */
  private leave(): void {
    this.deafen("ended");
    this.peer?.close();
    this.peer = undefined;
    this.smaller?.stop();
    this.smaller = undefined;
    giveBack(this.address);
    this.address = "";
  }

  private stop(state: State): void {
    this.wanted = false;
    this.leave();
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = undefined;
    (this.part("own") as HTMLVideoElement).srcObject = null;
    this.voice.srcObject = null;
    void this.awake?.release().catch(() => undefined);
    this.awake = undefined;
    this.stand(state);
  }
}

for (const place of document.querySelectorAll<HTMLElement>("[data-cart]")) {
  const camera = place.dataset["cart"];
  if (camera) new Cart(place, camera);
}
