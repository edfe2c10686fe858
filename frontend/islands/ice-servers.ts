// The relays that the door of pictures names in the Link headers of its answer (RFC 8288; RFC 9725, section 4.6).
const LINK = /<([^<>]*)>((?:\s*;\s*[\w-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",;]+))*)/g;
const PARAMETER = /;\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]+))/g;
const RELAY = /^(stun|turn|turns):/;

/** As `RTCPeerConnection` takes them; links to anything else are passed over. */
export function relaysIn(header: string): RTCIceServer[] {
  return [...header.matchAll(LINK)].flatMap(([, address = "", rest = ""]) => {
    const said = new Map<string, string>();
    for (const [, name = "", quoted, bare = ""] of rest.matchAll(PARAMETER)) {
      said.set(name.toLowerCase(), quoted === undefined ? bare : quoted.replace(/\\(.)/g, "$1"));
    }
    if (!(said.get("rel") ?? "").split(/\s+/).includes("ice-server") || !RELAY.test(address)) return [];
    const [username, credential] = [said.get("username"), said.get("credential")];
    return username === undefined || credential === undefined
      ? address.startsWith("stun:")
        ? [{ urls: address }]
        : [] // a relay without its credentials would make the browser refuse all of them
      : [{ urls: address, username, credential }];
  });
}
