// How a cart comes in: leave to send, the proof of its key, the offer (WHIP, RFC 9725), the lines of pictures in it.
const GATHER_WITHIN = 3_000;
/** Without an answer so long it is tried anew. */
const ANSWER_WITHIN = 8_000;
/** The smaller picture, for families whose network has no room for the full one: lines of its short side, its most. */
const SMALLER = { lines: 180, bitsPerSecond: 150_000, perSecond: 15 };

/** A grant, and whether the server passes on a smaller picture besides: another line of the same offer. */
export interface Granted {
  readonly grant: string;
  readonly smaller: boolean;
}
/** Refused for good: because a visit is bound to another device, or for anything else. */
export interface No {
  readonly no: "refused" | "bound";
}
/** Our offer was taken: the answer, and the address of the connection. */
export interface Taken {
  readonly answer: string;
  readonly address: string;
}

const letters = (bytes: ArrayBuffer | Uint8Array): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
const coded = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
const digest = async (text: string): Promise<string> => letters(await crypto.subtle.digest("SHA-256", coded(text)));

/** Leave to send, which is good for a minute, or why it is refused for good. */
export async function granted(camera: string, { publicKey }: CryptoKeyPair): Promise<Granted | No> {
  const { x = "", y = "" } = await crypto.subtle.exportKey("jwk", publicKey);
  const signal = AbortSignal.timeout(ANSWER_WITHIN);
  const asked = await fetch(`/newborn/cart/${camera}/grant`, { method: "POST", body: new URLSearchParams({ x, y }), signal });
  if (!asked.ok || asked.redirected) return refusedOrThrow(asked);
  return (await asked.json()) as Granted;
}

/** The answer to our offer, or why it is refused for good. */
export async function publish(camera: string, keys: CryptoKeyPair, grant: string, offer: string): Promise<Taken | No> {
  const address = `${location.origin}/media/whip`;
  const said = await fetch(address, {
    method: "POST",
    headers: {
      "content-type": "application/sdp",
      authorization: `Bearer ${grant}`,
      dpop: await proof(keys, { htu: address, body: await digest(offer), ath: await digest(grant), camera }),
    },
    body: offer,
    signal: AbortSignal.timeout(ANSWER_WITHIN),
  });
  if (!said.ok) return refusedOrThrow(said);
  return { answer: await said.text(), address: said.headers.get("location") ?? "" };
}

/** End a connection, by its address; also from a page that closes. */
export function giveBack(address: string): void {
  if (!address) return;
  const signal = AbortSignal.timeout(ANSWER_WITHIN);
  void fetch(address, { method: "DELETE", keepalive: true, signal }).catch(() => undefined);
}

async function proof({ publicKey, privateKey }: CryptoKeyPair, said: Record<string, string>): Promise<string> {
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  const head = { typ: "dpop+jwt", alg: "ES256", jwk: { kty, crv, x, y } };
  const parts = [head, { htm: "POST", visit: "", ...said }];
  const text = parts.map((part) => letters(coded(JSON.stringify(part)))).join(".");
  const signed = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, coded(text));
  return `${text}.${letters(signed)}`;
}

/** A second line of the same lens, our server's smaller picture; none where the browser does not scale by itself. */
export function addSmaller(peer: RTCPeerConnection, of: MediaStreamTrack): MediaStreamTrack | undefined {
  const { width = 0, height = 0 } = of.getSettings();
  const scale = Math.min(width, height) / SMALLER.lines;
  if (scale < 2) return undefined;
  const track = of.clone();
  const how = { scaleResolutionDownBy: scale, maxBitrate: SMALLER.bitsPerSecond, maxFramerate: SMALLER.perSecond };
  const line = preferred(peer.addTransceiver(track, { direction: "sendonly", sendEncodings: [how] }));
  if (line.sender.getParameters().encodings?.[0]?.scaleResolutionDownBy === scale) return track;
  track.stop();
  line.stop();
  return undefined;
}

/** H.264 first: every telephone has it in its hardware. */
export function preferred(line: RTCRtpTransceiver): RTCRtpTransceiver {
  const codecs = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
  line.setCodecPreferences([
    ...codecs.filter((each) => each.mimeType === "video/H264"),
    ...codecs.filter((each) => each.mimeType !== "video/H264"),
  ]);
  return line;
}

/** What will be refused again is told; what may pass later is tried again. */
async function refusedOrThrow(answer: Response): Promise<No> {
  if (answer.status >= 500 || answer.status === 429) throw new Error(String(answer.status));
  const said = (await answer.json().catch(() => ({}))) as { code?: string };
  return { no: said.code === "camera-bound" ? "bound" : "refused" };
}

export function gathered(peer: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (peer.iceGatheringState === "complete") resolve();
    };
    peer.addEventListener("icegatheringstatechange", look);
    setTimeout(resolve, GATHER_WITHIN);
    look();
  });
}
