// What arrives of a live picture: its pictures, counted as they are shown; whether they still move; and how well it goes,
// in numbers that the page tells every few seconds.
import { type Expected, type Finding, type Signs, Watchdog } from "./newborn-watchdog";

export { LOOK_MS } from "./newborn-watchdog";

/**
 * No picture is held back for longer after it was received: less than the time after which the page comes in anew, and
 * nobody stays behind a covered page where a browser tells moments by another clock.
 */
const HELD_BACK_MS_MAX = 5_000;

interface Counted {
  readonly freezes: number;
  readonly frozen: number;
  readonly lost: number;
  readonly got: number;
  readonly decoded: number;
  /** Milliseconds that all decoded pictures together took from their first packet until they were decoded. */
  readonly waited: number;
  readonly bytes: number;
  readonly rtt: number;
}
const NOTHING: Counted = { freezes: 0, frozen: 0, lost: 0, got: 0, decoded: 0, waited: 0, bytes: 0, rtt: 0 };

async function counted(peer: RTCPeerConnection): Promise<Counted> {
  let [freezes, frozen, lost, got, decoded, waited, bytes, rtt] = [0, 0, 0, 0, 0, 0, 0, 0];
  (await peer.getStats()).forEach((each: Record<string, number | string | boolean>) => {
    const number = (name: string): number => Number(each[name] ?? 0);
    if (each["type"] === "inbound-rtp" && each["kind"] === "video") {
      freezes = number("freezeCount");
      frozen = Math.round(number("totalFreezesDuration") * 1000);
      lost = Math.max(0, number("packetsLost"));
      got = number("packetsReceived");
      decoded = number("framesDecoded");
      const isWhole = "totalProcessingDelay" in each;
      waited = 1000 * (isWhole ? number("totalProcessingDelay") : number("jitterBufferDelay") + number("totalDecodeTime"));
    }
    if (each["type"] === "candidate-pair") bytes += number("bytesReceived");
    if (each["type"] === "candidate-pair" && each["nominated"]) rtt = Math.round(number("currentRoundTripTime") * 1000);
  });
  return { freezes, frozen, lost, got, decoded, waited, bytes, rtt };
}

export class Arrival {
  readonly #video: HTMLVideoElement;
  readonly #shown: () => void;
  readonly #watchdog = new Watchdog();
  #peer: RTCPeerConnection | undefined;
  #askedAt = 0;
  #joinMs = 0;
  #pictures = 0;
  #pictureAt = 0;
  #before = NOTHING;
  #picturesBefore = 0;
  #last = NOTHING;
  #isLooking = false;
  #stillSince = 0;
  #attachedAt = 0;
  /** What stood still until somebody came in anew: the connection that could say so is gone. */
  #ended = { freezes: 0, frozen: 0 };

  /** `shown` is called with every picture that is shown. */
  constructor(video: HTMLVideoElement, shown: () => void) {
    this.#video = video;
    this.#shown = shown;
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback((_, picture) => this.#each(picture));
  }

  #each(picture: VideoFrameCallbackMetadata): void {
    this.#video.requestVideoFrameCallback((_, next) => this.#each(next));
    if (!this.#isOfBefore(picture)) this.#came();
  }

  /** Whether a busy device, or one with a poor network, shows only now what it received before. */
  #isOfBefore(picture: VideoFrameCallbackMetadata): boolean {
    const isReceivedBefore = (picture.receiveTime ?? Infinity) < this.#attachedAt;
    return isReceivedBefore && performance.now() - this.#attachedAt < HELD_BACK_MS_MAX;
  }

  #came(): void {
    if (!this.#video.srcObject) return;
    this.#pictures += 1;
    this.#pictureAt = performance.now();
    if (this.#askedAt) this.#joinMs = Math.round(this.#pictureAt - this.#askedAt);
    this.#askedAt = 0;
    this.#shown();
  }

  /** Show a stream from here on; what was received until now is of before the curtain opened, and stays covered. */
  attach(stream: MediaStream): void {
    this.#attachedAt = performance.now();
    this.restart();
    this.#video.srcObject = stream;
  }

  /** He asks to be let in. */
  asks(): void {
    this.#askedAt = performance.now();
  }

  begin(peer: RTCPeerConnection): void {
    if (this.#stillSince) this.#ended = { freezes: 1, frozen: Math.round(performance.now() - this.#stillSince) };
    this.#stillSince = 0;
    this.#peer = peer;
    this.#before = this.#last = NOTHING;
    this.#watchdog.begin(this.#pictures, performance.now());
  }

  end(): void {
    this.#peer = undefined;
  }

  /** Count anew from here on. */
  restart(): void {
    this.#picturesBefore = this.#pictures;
  }

  /** Whether that which should come still does; undefined while nobody can tell. */
  async look(expected: Expected): Promise<Finding | undefined> {
    const peer = this.#peer;
    if (!peer || this.#isLooking) return undefined;
    this.#isLooking = true;
    try {
      const now = await counted(peer);
      if (peer !== this.#peer) return undefined;
      const found = this.#watchdog.look(expected, this.#signs(now), performance.now());
      this.#last = now;
      if (!found.isStill) this.#stillSince = 0;
      else this.#stillSince ||= this.#pictureAt;
      return found;
    } finally {
      this.#isLooking = false;
    }
  }

  /** Pictures count as they are shown; where nobody looks, or the browser does not tell, as they are decoded. */
  #signs(now: Counted): Signs {
    const isTold = "requestVideoFrameCallback" in this.#video && document.visibilityState === "visible";
    if (!isTold && now.decoded !== this.#last.decoded) this.#came();
    return { pictures: this.#pictures, pictureAge: performance.now() - this.#pictureAt, bytes: now.bytes };
  }

  /** What the page tells of the time since it told the last; `shows` is what the media server says that it sends. */
  numbers(shows: string | undefined): Record<string, string> {
    const [now, before, ended] = [this.#last, this.#before, this.#ended];
    const lost = now.lost - before.lost;
    const share = lost + (now.got - before.got);
    const decoded = now.decoded - before.decoded;
    const pictures = this.#pictures - this.#picturesBefore;
    this.restart();
    this.#before = now;
    this.#ended = { freezes: 0, frozen: 0 };
    return {
      join_ms: String(this.#joinMs),
      freezes: String(Math.max(0, now.freezes - before.freezes) + ended.freezes),
      frozen_ms: String(Math.max(0, now.frozen - before.frozen) + ended.frozen),
      lost_permille: String(share > 0 ? Math.max(0, Math.round((lost / share) * 1000)) : 0),
      rtt_ms: String(now.rtt),
      // Estimated: half the round trip, and from the first packet until it is decoded; without a picture nobody knows.
      delay_ms: decoded > 0 ? String(Math.round((now.waited - before.waited) / decoded + now.rtt / 2)) : "",
      shows: shows ?? (pictures === 0 ? "sound" : "full"),
    };
  }
}
