// The door of pictures: what a page says to it, signed by this device's key, and how a connection comes about there.
import { proof } from "./device-key";
import { relaysIn } from "./ice-servers";

const ANSWER_WITHIN_MS = 8_000;

/** The door said no, and why by its own word; `status` alone where it gave none. */
export class DoorShut extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
  ) {
    super(code || String(status));
  }
}

/** Say something to the door; throws for anything but a yes. */
export async function sendToDoor(
  visit: string,
  method: string,
  path: string,
  body: string,
  grant = "",
): Promise<Response> {
  const headers: Record<string, string> = { dpop: await proof(method, location.origin + path, body, grant, visit) };
  if (grant) headers["authorization"] = `Bearer ${grant}`;
  if (body) headers["content-type"] = "application/sdp";
  const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
  const answer = await fetch(path, { method, ...(body ? { body } : {}), credentials: "omit", signal, headers });
  if (!answer.ok) {
    const said = (await answer.json().catch(() => ({}))) as { readonly code?: string };
    throw new DoorShut(answer.status, said.code ?? "");
  }
  return answer;
}

/** Make our offer, and take the door's answer to it. */
export async function offerToDoor(peer: RTCPeerConnection, visit: string, grant: string): Promise<void> {
  const offered = await peer.createOffer();
  const answer = await sendToDoor(visit, "POST", "/media/whep", offered.sdp ?? "", grant);
  // Gathering begins only now that the relays are known (RFC 9725, section 4.6).  Our addresses need not be told: the
  // server learns each from what comes from there (RFC 8445, section 7.3.1.3).
  peer.setConfiguration({ ...peer.getConfiguration(), ...relaysOf(answer) });
  await peer.setLocalDescription(offered);
  await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
}

/** Where a media server makes the offers: where the connection is from now on, and by which relays. */
export interface Offered {
  readonly place: string;
  readonly relays: RTCConfiguration;
}

/** Take the door's own offer, and answer it. */
export async function answerDoor(peer: RTCPeerConnection, visit: string, grant: string): Promise<Offered> {
  const offered = await sendToDoor(visit, "POST", "/media/whep", "", grant);
  const place = offered.headers.get("location") ?? "";
  const relays = relaysOf(offered);
  peer.setConfiguration({ ...peer.getConfiguration(), ...relays });
  await peer.setRemoteDescription({ type: "offer", sdp: await offered.text() });
  await peer.setLocalDescription(await peer.createAnswer());
  await sendToDoor(visit, "PATCH", place, peer.localDescription?.sdp ?? "");
  return { place, relays };
}

/** Open a connection of its own for a voice, where the media server makes the offers; silent until it has a track. */
export async function openMouth(mouth: RTCPeerConnection, visit: string, place: string): Promise<RTCRtpSender> {
  const voice = mouth.addTransceiver("audio", { direction: "sendonly" }).sender;
  await mouth.setLocalDescription(await mouth.createOffer());
  const answer = await sendToDoor(visit, "POST", `${place}/voice`, mouth.localDescription?.sdp ?? "");
  await mouth.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  return voice;
}

function relaysOf(answer: Response): RTCConfiguration {
  return { iceServers: relaysIn(answer.headers.get("link") ?? "") };
}
