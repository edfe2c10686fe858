"""A real browser at the door: its own key, its own proofs, and a picture that comes and goes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page, Route, async_playwright

from tests.gateways.media.conftest import ADDRESS, LEASE_SECONDS, NURSE, Ward
from tests.journeys.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tianfu.services.realtime.protocol.grants import Action
from tianfu.services.realtime.protocol.proofs import thumbprint_of
from tianfu.services.realtime.protocol.rooms import Gate

pytestmark = pytest.mark.anyio

PAGE = """<!doctype html><meta charset="utf-8"><canvas id="canvas" width="640" height="360"></canvas>
<video id="video" autoplay muted playsinline></video><script>
const letters = bytes => btoa(String.fromCharCode(...new Uint8Array(bytes)))
  .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const text = value => new TextEncoder().encode(value);
const digest = async value => letters(await crypto.subtle.digest('SHA-256', text(value)));
let keys, frames = 0;
async function key() {
  keys = await crypto.subtle.generateKey({name: 'ECDSA', namedCurve: 'P-256'}, false, ['sign', 'verify']);
  return crypto.subtle.exportKey('jwk', keys.publicKey);
}
async function proof(method, path, content, grant, place) {
  const {kty, crv, x, y} = await crypto.subtle.exportKey('jwk', keys.publicKey);
  const claims = {htm: method, htu: location.origin + path, body: await digest(content), ...place};
  if (grant) claims.ath = await digest(grant);
  const head = {typ: 'dpop+jwt', alg: 'ES256', jwk: {kty, crv, x, y}};
  const signed = [head, claims].map(part => letters(text(JSON.stringify(part)))).join('.');
  const signature = await crypto.subtle.sign({name: 'ECDSA', hash: 'SHA-256'}, keys.privateKey, text(signed));
  return signed + '.' + letters(signature);
}
async function send(method, path, content, type, grant, place, more) {
  const headers = {'content-type': type, dpop: await proof(method, path, content, grant, place), ...more};
  if (grant) headers.authorization = 'Bearer ' + grant;
  return fetch(path, {method, headers, body: content});
}
async function publish(grant) {
  video.remove();
  setInterval(() => {
    const pen = canvas.getContext('2d');
    pen.fillStyle = '#' + Math.floor(Math.random() * 4096).toString(16).padStart(3, '0');
    pen.fillRect(0, 0, 640, 360);
  }, 40);
  const peer = window.peer = new RTCPeerConnection();
  peer.addTransceiver(canvas.captureStream(25).getVideoTracks()[0], {direction: 'sendonly'});
  return connect(peer, '/media/whip', grant, {camera: 'bed-1'});
}
async function watch(grant) {
  canvas.remove();
  const peer = window.peer = new RTCPeerConnection();
  peer.addTransceiver('video', {direction: 'recvonly'});
  peer.ontrack = event => { video.srcObject = new MediaStream([event.track]); };
  const look = () => { frames += 1; video.requestVideoFrameCallback(look); };
  video.requestVideoFrameCallback(look);
  return connect(peer, '/media/whep', grant, {visit: 'visit-1'});
}
async function connect(peer, path, grant, place) {
  const waiting = [];
  let tell = candidate => waiting.push(candidate);
  peer.onicecandidate = event => tell(event.candidate);
  await peer.setLocalDescription();
  const answer = await send('POST', path, peer.localDescription.sdp, 'application/sdp', grant, place);
  if (answer.status != 201) return [answer.status, (await answer.json()).code];
  window.place = answer.headers.get('location');
  window.tag = answer.headers.get('etag');
  const sdp = await answer.text();
  await peer.setRemoteDescription({type: 'answer', sdp});
  tell = candidate => trickle(peer, candidate);
  waiting.forEach(tell);
  return [answer.status, ''];
}
function fragment(sdp, rows) {
  const [ufrag, pwd] = ['ufrag', 'pwd'].map(part => sdp.match(new RegExp('a=ice-' + part + ':.*'))[0].trim());
  return [ufrag, pwd, 'm=video 9 UDP/TLS/RTP/SAVPF 0', 'a=mid:0', ...rows, ''].join('\\r\\n');
}
async function trickle(peer, candidate) {
  const row = candidate && candidate.candidate ? 'a=' + candidate.candidate : 'a=end-of-candidates';
  const content = fragment(peer.localDescription.sdp, [row]);
  const type = 'application/trickle-ice-sdpfrag';
  const answer = await send('PATCH', place, content, type, '', {}, {'if-match': tag});
  (window.told ||= []).push(answer.status);
}
async function restart() {
  peer.onicecandidate = null;
  const offer = await peer.createOffer({iceRestart: true});
  await peer.setLocalDescription(offer);
  await new Promise(resolve => peer.iceGatheringState == 'complete' ? resolve()
    : peer.addEventListener('icegatheringstatechange', () => peer.iceGatheringState == 'complete' && resolve()));
  const sdp = peer.localDescription.sdp;
  const rows = [...new Set(sdp.match(/a=candidate:.*/g) || [])].map(row => row.trim());
  const content = fragment(sdp, [...rows, 'a=end-of-candidates']);
  const type = 'application/trickle-ice-sdpfrag';
  const answer = await send('PATCH', place, content, type, '', {}, {'if-match': '*'});
  if (answer.status != 200) return [answer.status, (await answer.json()).code];
  tag = answer.headers.get('etag');
  const theirs = await answer.text();
  const part = name => theirs.match(new RegExp('a=ice-' + name + ':.*'))[0].trim();
  let before = peer.currentRemoteDescription.sdp
    .replaceAll(/a=ice-ufrag:.*/g, part('ufrag')).replaceAll(/a=ice-pwd:.*/g, part('pwd'))
    .replaceAll(/a=candidate:.*\\r\\n/g, '').replaceAll(/a=end-of-candidates\\r\\n/g, '');
  await peer.setRemoteDescription({type: 'answer', sdp: before});
  for (const row of theirs.match(/a=candidate:.*/g))
    await peer.addIceCandidate({candidate: row.slice(2).trim(), sdpMid: '0', sdpMLineIndex: 0});
  return [answer.status, ''];
}
</script>"""


async def opened(page: Page, ward: Ward) -> Page:
    """The page at our own address; what it sends goes to the door."""

    async def pass_on(route: Route) -> None:
        asked = route.request
        answer = await ward.http.request(
            asked.method, asked.url, content=asked.post_data or "", headers=await asked.all_headers()
        )
        await route.fulfill(status=answer.status_code, headers=dict(answer.headers), body=answer.content)

    await page.route(f"{ADDRESS}/media/**", pass_on)
    await page.route(f"{ADDRESS}/", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
    await page.goto(f"{ADDRESS}/")
    return page


async def key_of(page: Page) -> dict[str, Any]:
    key: dict[str, Any] = await page.evaluate("key()")
    assert "d" not in key
    return key


async def test_a_family_sees_by_its_own_key_tells_its_addresses_later_and_goes_on_after_a_restart(ward: Ward) -> None:
    async with async_playwright() as playwright:
        browsers = [
            await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS) for _ in range(2)
        ]
        bed, home = [await opened(await browser.new_page(), ward) for browser in browsers]
        cart = thumbprint_of(await key_of(bed))
        grant = await ward.grant(Action.WHIP_CAMERA, who=NURSE, device=cart)
        assert await bed.evaluate("grant => publish(grant)", grant) == [201, ""]
        await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
        await key_of(home)
        stolen = await ward.grant(Action.WHEP_PICTURE, device=cart)
        assert await home.evaluate("grant => watch(grant)", stolen) == [403, "grant-other-device"]
        await home.reload()
        mother = thumbprint_of(await key_of(home))
        assert await home.evaluate("grant => watch(grant)", await ward.grant(Action.WHEP_PICTURE, device=mother)) == [
            201,
            "",
        ]
        await home.wait_for_function("peer.connectionState == 'connected'")
        await ward.media.gate("visit-1", Gate.LIVE, "nurse")
        await home.wait_for_function("frames > 20")
        await home.wait_for_function("window.told && told.length > 1 && told.every(status => status == 204)")
        assert await home.evaluate("restart()") == [200, ""]
        await ward.media.renew("visit-1", lease_seconds=LEASE_SECONDS)
        before = await home.evaluate("frames")
        await home.wait_for_function(f"frames > {before} + 40")
        await ward.media.renew("visit-1", lease_seconds=LEASE_SECONDS)
        assert await home.evaluate("peer.connectionState") == "connected"
        assert (await home.evaluate("fetch(place, {method: 'DELETE'}).then(answer => answer.status)")) == 200
        assert not await ward.media.stats()
        await asyncio.gather(*(browser.close() for browser in browsers))
