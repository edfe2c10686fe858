"""Who comes into a live room by the door, asked of the real one: HTTP, database and media server."""

from __future__ import annotations

import asyncio
import hmac
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from tests.gateways.media.conftest import ADDRESS, FRAGMENT, LEASE_SECONDS, MOTHER, NURSE, SDP, Ward
from tests.services.realtime.devices import MadeUpDevice
from tests.services.realtime.made import (
    CAMERA,
    CONNECT_SECONDS,
    PACKETS_OF_PICTURE,
    PICTURE_TO_SEE,
    VIEWER,
    Client,
    picture,
    tag_of,
    until,
)
from tianfu.gateways.media import door
from tianfu.gateways.media.door import CONNECTION_PATH, WHEP_PATH, WHIP_PATH
from tianfu.kernel.instants import SECOND
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.remote import EmbeddedMedia
from tianfu.services.realtime.protocol.grants import Action
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate
from tianfu.web.languages import load_languages
from tianfu.web.outcome import STATUSES
from tianfu.web.pages import WEB_FOLDER

pytestmark = pytest.mark.anyio

ENGLISH = load_languages([WEB_FOLDER / "languages", Path(door.__file__).parent / "languages"])["en"]


async def offer_of(client: Client, *, voice: bool = True) -> str:
    return await client.peer.offer(VIEWER if voice else PICTURE_TO_SEE, video=("H264",))


async def show(seen: Client, numbers: range) -> None:
    for number in numbers:
        seen.send_picture(b"1", number, whole=number == numbers.start)
        await asyncio.sleep(0.02)


async def close(*clients: Client) -> None:
    await asyncio.gather(*(each.peer.close() for each in clients))


def assert_refused(answer: httpx.Response, code: str) -> None:
    """A refusal has its status, its code, a sentence for people and its number in the log."""
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said["code"] == code, said
    assert answer.status_code == said["status"] == STATUSES[code]
    assert said["title"] == ENGLISH.phrases[f"refusal.{code}"]
    assert said["detail"]
    assert said["reference"]


async def test_a_mother_sees_what_the_cart_shows_and_nothing_before_or_after(ward: Ward) -> None:
    seen, published = await ward.camera()
    assert published.headers["location"].startswith(CONNECTION_PATH)
    await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
    mother, joined = await ward.viewer()
    await show(seen, range(2))
    assert not mother.heard
    await ward.media.gate("visit-1", Gate.LIVE, "nurse")
    await show(seen, range(2, 5))
    await until(lambda: len(mother.heard) == 3 * PACKETS_OF_PICTURE)
    assert {tag_of(data) for _, data in mother.heard} == {b"1"}
    assert (await ward.http.delete(joined.headers["location"])).status_code == 200
    await show(seen, range(5, 7))
    await asyncio.sleep(0.1)
    assert len(mother.heard) == 3 * PACKETS_OF_PICTURE
    assert [(who, what, how) for who, what, how, _ in await ward.told()] == [
        (NURSE.id, "issue-room-grant", "success"),
        (NURSE.id, "enter-room", "success"),
        (MOTHER.id, "issue-room-grant", "success"),
        (MOTHER.id, "enter-room", "success"),
        (MOTHER.id, "leave-room", "success"),
    ]
    await close(seen, mother)


async def test_what_is_created_says_where_it_is_how_it_is_changed_and_by_which_relay_it_is_reached(ward: Ward) -> None:
    seen, published = await ward.camera()
    assert published.headers["content-type"] == SDP
    assert published.headers["etag"].startswith('"')
    assert published.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in published.headers
    username = f"{(ward.clock() + 600 * SECOND) // SECOND + 300}:bed-1"
    password = b64encode(hmac.digest(b"made-up-secret-of-the-relay", username.encode(), "sha1")).decode()
    assert published.headers["link"] == (
        f'<turn:relay.example:3478?transport=udp>; rel="ice-server"; username="{username}"; '
        f'credential="{password}"; credential-type="password"'
    )
    await close(seen)


async def test_only_digests_of_grants_and_addresses_are_kept_and_no_person_has_a_name_here(ward: Ward) -> None:
    seen, published = await ward.camera()
    await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
    grant = await ward.grant()
    rows = await ward.all_rows()
    assert MOTHER.id in rows
    assert grant not in rows
    assert published.headers["location"].removeprefix(CONNECTION_PATH) not in rows
    participant = ward.grants.participant("visit-1", MOTHER.id)
    assert MOTHER.id not in participant
    assert participant != ward.grants.participant("visit-2", MOTHER.id)
    await close(seen)


class TestRefusals:
    """Each is refused with its own code, told to the trace, and opens nothing."""

    async def refused(self, ward: Ward, answer: httpx.Response, code: str, *, who: str = MOTHER.id) -> None:
        assert_refused(answer, code)
        told = await ward.told()
        assert told[-1][:3] == (who, "enter-room", code), told
        assert not await ward.media.stats()

    async def ready(self, ward: Ward) -> tuple[Client, str]:
        """A viewer at the door, and his offer."""
        seen, _ = await ward.camera()
        await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
        await close(seen)
        return (client := Client()), await offer_of(client)

    async def test_a_grant_that_is_shown_again(self, ward: Ward) -> None:
        seen, _ = await ward.camera()
        await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
        client, grant = Client(), await ward.grant()
        offer = await offer_of(client)
        first = await ward.post(WHEP_PATH, ward.mother, grant, offer)
        assert first.status_code == 201
        await ward.http.delete(first.headers["location"])
        await self.refused(ward, await ward.post(WHEP_PATH, ward.mother, grant, offer), "grant-used")
        await close(seen, client)

    async def test_a_grant_that_many_show_at_once_lets_one_in(self, ward: Ward) -> None:
        seen, _ = await ward.camera()
        await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
        client, grant = Client(), await ward.grant()
        offer = await offer_of(client)
        answers = await asyncio.gather(*(ward.post(WHEP_PATH, ward.mother, grant, offer) for _ in range(8)))
        assert sorted(each.status_code for each in answers) == [201] + [401] * 7
        assert {each.json()["code"] for each in answers if each.status_code == 401} == {"grant-used"}
        await close(seen, client)

    async def test_a_grant_that_is_a_minute_old(self, ward: Ward) -> None:
        client, offer = await self.ready(ward)
        grant = await ward.grant()
        ward.clock.forward(60)
        await self.refused(ward, await ward.post(WHEP_PATH, ward.mother, grant, offer), "grant-expired")
        await close(client)

    async def test_a_grant_of_a_slot_that_is_over(self, ward: Ward) -> None:
        client, offer = await self.ready(ward)
        grant = await ward.grant(slot_until=ward.clock() + 5 * SECOND)
        ward.clock.forward(5)
        await self.refused(ward, await ward.post(WHEP_PATH, ward.mother, grant, offer), "grant-expired")
        await close(client)

    async def test_a_grant_for_another_visit(self, ward: Ward) -> None:
        client, offer = await self.ready(ward)
        grant = await ward.grant(visit="visit-2")
        await self.refused(ward, await ward.post(WHEP_PATH, ward.mother, grant, offer), "grant-other-visit")
        await close(client)

    async def test_a_grant_on_another_device(self, ward: Ward) -> None:
        client, offer = await self.ready(ward)
        answer = await ward.post(WHEP_PATH, MadeUpDevice(), await ward.grant(), offer)
        await self.refused(ward, answer, "grant-other-device")
        await close(client)

    async def test_a_viewers_grant_at_the_door_for_cameras(self, ward: Ward) -> None:
        client, offer = await self.ready(ward)
        claims = {"visit": "visit-1", "camera": ""}
        answer = await ward.post(WHIP_PATH, ward.mother, await ward.grant(), offer, claims=claims)
        await self.refused(ward, answer, "grant-other-action")
        await close(client)

    async def test_a_cameras_grant_at_the_door_for_viewers(self, ward: Ward) -> None:
        client, offer = await self.ready(ward)
        grant = await ward.grant(Action.WHIP_CAMERA, who=NURSE)
        answer = await ward.post(WHEP_PATH, ward.cart, grant, offer, claims={"visit": "", "camera": "bed-1"})
        await self.refused(ward, answer, "grant-other-action", who=NURSE.id)
        await close(client)

    async def test_a_grant_for_another_camera(self, ward: Ward) -> None:
        client = Client()
        offer = await client.peer.offer(CAMERA, video=("H264",))
        grant = await ward.grant(Action.WHIP_CAMERA, who=NURSE, camera="bed-2")
        answer = await ward.post(WHIP_PATH, ward.cart, grant, offer)
        await self.refused(ward, answer, "grant-other-camera", who=NURSE.id)
        await close(client)

    async def test_a_grant_to_look_by_somebody_who_would_speak(self, ward: Ward) -> None:
        client, offer = await self.ready(ward)
        answer = await ward.post(WHEP_PATH, ward.mother, await ward.grant(Action.WHEP_PICTURE), offer)
        await self.refused(ward, answer, "grant-other-action")
        await close(client)

    @pytest.mark.parametrize("lines", [VIEWER, PICTURE_TO_SEE, ()])
    async def test_a_grant_to_hear_by_somebody_who_would_see(self, ward: Ward, lines: Any) -> None:
        client = Client()
        offer = await client.peer.offer(lines, video=("H264",)) if lines else ""  # without one he would get ours
        answer = await ward.post(WHEP_PATH, ward.mother, await ward.grant(Action.WHEP_SOUND), offer)
        await self.refused(ward, answer, "grant-other-action")
        await close(client)

    @pytest.mark.parametrize("whose", ["person", "visit"])
    async def test_a_grant_that_was_taken_back(self, ward: Ward, whose: str) -> None:
        client, offer = await self.ready(ward)
        grant = await ward.grant()
        if whose == "person":
            await ward.grants.revoke_person(NURSE, MOTHER.id, "guardianship-disputed", visit=None)
        else:
            await ward.grants.revoke_visit(NURSE, "visit-1", "discharged")
        await self.refused(ward, await ward.post(WHEP_PATH, ward.mother, grant, offer), "grant-revoked")
        await close(client)

    @pytest.mark.parametrize("change", ["cut", "letter", "stretched", "nothing", "number"])
    async def test_what_is_no_grant_of_ours(self, ward: Ward, change: str) -> None:
        client, offer = await self.ready(ward)
        grant = await ward.grant()
        head, _, tail = grant.partition(".")
        shown = {
            "cut": grant[:-2],
            "letter": f"{head[:-1]}{'A' if head[-1] != 'A' else 'B'}.{tail}",
            "stretched": f"{grant}=",
            "nothing": ".",
            "number": "7" * 50,
        }[change]
        answer = await ward.post(WHEP_PATH, ward.mother, shown, offer)
        await self.refused(ward, answer, "grant-refused", who="nobody")
        await close(client)

    async def test_nobody_without_a_grant(self, ward: Ward) -> None:
        client, offer = await self.ready(ward)
        answer = await ward.http.post(WHEP_PATH, content=offer, headers={"content-type": SDP})
        await self.refused(ward, answer, "grant-missing", who="nobody")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        await close(client)

    async def test_a_grant_without_the_proof_of_a_key(self, ward: Ward) -> None:
        client, offer = await self.ready(ward)
        headers = {"content-type": SDP, "authorization": f"Bearer {await ward.grant()}"}
        answer = await ward.http.post(WHEP_PATH, content=offer, headers=headers)
        await self.refused(ward, answer, "device-proof-missing", who="nobody")
        await close(client)

    @pytest.mark.parametrize(
        "claims",
        [
            {"htm": "PUT"},
            {"htu": "http://localhost/media/whip"},
            {"htu": "https://elsewhere.example/media/whep"},
            {"body": "x"},
            {"ath": "x"},
            {"header": {"typ": "JWT"}},
        ],
        ids=["method", "address", "host", "offer", "grant", "type"],
    )
    async def test_a_proof_for_another_request(self, ward: Ward, claims: dict[str, Any]) -> None:
        client, offer = await self.ready(ward)
        answer = await ward.post(WHEP_PATH, ward.mother, await ward.grant(), offer, claims=claims)
        await self.refused(ward, answer, "device-proof-refused", who="nobody")
        await close(client)

    async def test_a_proof_that_another_key_signed(self, ward: Ward) -> None:
        """Whoever knows a device's public key cannot sign for it."""
        client, offer = await self.ready(ward)
        thief = MadeUpDevice()
        claims = {"header": {"jwk": ward.mother.jwk}}
        answer = await ward.post(WHEP_PATH, thief, await ward.grant(), offer, claims=claims)
        await self.refused(ward, answer, "device-proof-refused", who="nobody")
        await close(client)

    async def test_what_did_not_fit_uses_no_grant_up(self, ward: Ward) -> None:
        seen, _ = await ward.camera()
        await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
        client, grant = Client(), await ward.grant()
        offer = await offer_of(client)
        assert (await ward.post(WHEP_PATH, MadeUpDevice(), grant, offer)).status_code == 403
        assert (await ward.post(WHEP_PATH, ward.mother, grant, offer)).status_code == 201
        await close(seen, client)


async def test_a_person_who_is_sent_away_is_cut_off_at_once_and_so_is_a_whole_visit(ward: Ward) -> None:
    seen, _ = await ward.camera()
    await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
    mother, joined = await ward.viewer()
    await ward.media.gate("visit-1", Gate.LIVE, "nurse")
    await show(seen, range(2))
    await until(lambda: len(mother.heard) == 2 * PACKETS_OF_PICTURE)
    await ward.grants.revoke_person(NURSE, MOTHER.id, "guardianship-disputed", visit="visit-1")
    count = len(mother.heard)
    await show(seen, range(2, 6))
    await asyncio.sleep(0.1)
    assert len(mother.heard) == count
    assert_refused(await ward.http.delete(joined.headers["location"]), "connection-unknown")
    again, _ = await ward.viewer()
    await ward.grants.revoke_visit(NURSE, "visit-1", "discharged")
    assert not await ward.media.stats()
    told = (await ward.told())[-1]
    assert told[:3] == (NURSE.id, "revoke-room-grants", "success")
    assert "discharged" in told[3]
    await close(seen, mother, again)


async def test_a_cart_that_is_sent_away_shows_nothing_more(ward: Ward) -> None:
    seen, _ = await ward.camera()
    await ward.grants.revoke_person(NURSE, NURSE.id, "dismissed", visit=None)
    await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
    client = Client()
    answer = await ward.post(WHEP_PATH, ward.mother, await ward.grant(), await offer_of(client))
    assert_refused(answer, "camera-away")
    await close(seen, client)


async def is_seen(ward: Ward, seen: Client, mother: Client) -> bool:
    """Whether anything of what a cart goes on sending arrives at a viewer whose curtain is open."""
    await ward.media.gate("visit-1", Gate.LIVE, "nurse")
    before, stream = len(mother.heard), seen.peer.streams["video"]
    for number in range(6):
        for data in picture(b"1", number, whole=not number, source=stream.source, payload_type=stream.payload_type):
            seen.peer.send(data)  # whether or not anybody takes it
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    return len(mother.heard) > before


async def test_a_cart_whose_place_another_took_sends_no_more_even_if_the_other_never_shows_anything(ward: Ward) -> None:
    seen, published = await ward.camera()
    await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
    mother, _ = await ward.viewer()
    assert await is_seen(ward, seen, mother)
    ward.cart, silent = MadeUpDevice(), Client()
    grant = await ward.grant(Action.WHIP_CAMERA, who=NURSE)
    offer = await silent.peer.offer(CAMERA, video=("H264",))
    assert (await ward.post(WHIP_PATH, ward.cart, grant, offer)).status_code == 201
    assert_refused(await ward.http.delete(published.headers["location"]), "connection-unknown")
    assert not await is_seen(ward, seen, mother)
    await close(seen, silent, mother)


async def test_a_cart_takes_no_place_while_the_one_before_cannot_be_let_go(ward: Ward) -> None:
    seen, published = await ward.camera()
    ward.cart, other = MadeUpDevice(), Client()
    grant, place = await ward.grant(Action.WHIP_CAMERA, who=NURSE), ward.running.port._socket
    offer = await other.peer.offer(CAMERA, video=("H264",))
    ward.running.port.hang_up()
    ward.running.port._socket = place.with_name("nowhere")
    assert_refused(await ward.post(WHIP_PATH, ward.cart, grant, offer), "media-unavailable")
    ward.running.port._socket = place
    assert (await ward.post(WHIP_PATH, ward.cart, grant, offer)).status_code == 201, "the grant was not used up"
    assert_refused(await ward.http.delete(published.headers["location"]), "connection-unknown")
    await close(seen, other)


async def test_a_cart_is_let_go_at_the_end_of_its_shift_and_not_before(ward: Ward) -> None:
    seen, published = await ward.camera()  # for 600 seconds, as its grant says
    await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
    mother, _ = await ward.viewer()
    ward.clock.forward(599)
    await ward.grants.end_what_is_over()
    assert await is_seen(ward, seen, mother)
    ward.clock.forward(1)
    await ward.grants.end_what_is_over()
    assert_refused(await ward.http.delete(published.headers["location"]), "connection-unknown")
    with pytest.raises(Refusal, match="camera-away"):
        await is_seen(ward, seen, mother)
    told = (await ward.told())[-1]
    assert told[:3] == (NURSE.id, "leave-room", "success")
    assert "shift-over" in told[3]
    await close(seen, mother)


async def test_what_was_revoked_while_the_media_server_was_away_ends_when_it_is_back(ward: Ward) -> None:
    seen, _ = await ward.camera()
    await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
    mother, _ = await ward.viewer()
    place = ward.running.port._socket
    ward.running.port.hang_up()
    ward.running.port._socket = place.with_name("nowhere")
    with pytest.raises(Refusal) as refused:
        await ward.grants.revoke_visit(NURSE, "visit-1", "discharged")
    assert refused.value.code == "media-unavailable"
    ward.running.port._socket = place
    assert await ward.media.stats()
    await ward.grants.end_what_was_revoked()
    assert not await ward.media.stats()
    await close(seen, mother)


async def test_who_comes_again_takes_the_place_of_his_connection_before(ward: Ward) -> None:
    seen, _ = await ward.camera()
    await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
    lost, before = await ward.viewer()
    back, after = await ward.viewer()
    assert_refused(await ward.http.delete(before.headers["location"]), "connection-unknown")
    assert len(await ward.media.stats()) == 1
    assert (await ward.http.delete(after.headers["location"])).status_code == 200
    assert not await ward.media.stats()
    await close(seen, lost, back)


async def test_who_would_rather_answer_is_made_an_offer(ward: Ward) -> None:
    seen, _ = await ward.camera()
    await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
    offered = await ward.post(WHEP_PATH, ward.mother, await ward.grant(), "")
    assert offered.status_code == 201, offered.text
    stock, location = RTCPeerConnection(RTCConfiguration(iceServers=[])), offered.headers["location"]
    await stock.setRemoteDescription(RTCSessionDescription(sdp=offered.text, type="offer"))
    await stock.setLocalDescription(await stock.createAnswer())
    answer = stock.localDescription.sdp
    taken = await ward.patch(location, ward.mother, answer, SDP)
    assert taken.status_code == 204, taken.text
    await until(lambda: stock.connectionState == "connected")
    before = await packets_of(stock)
    await ward.media.gate("visit-1", Gate.LIVE, "nurse")
    await show(seen, range(3))
    async with asyncio.timeout(5):
        while await packets_of(stock) < before + 3 * PACKETS_OF_PICTURE:  # noqa: ASYNC110 - a stock peer tells nobody
            await asyncio.sleep(0.02)
    assert_refused(await ward.patch(location, ward.mother, answer, SDP), "offer-not-open")
    await asyncio.gather(close(seen), stock.close())


async def packets_of(stock: RTCPeerConnection) -> int:
    """How many datagrams a stock peer has got."""
    return sum(each.packetsReceived for each in (await stock.getStats()).values() if each.type == "transport")


class TestTrickle:
    """Addresses that are told after the offer (RFC 9725, section 4.3)."""

    async def test_a_viewer_connects_by_what_he_tells_afterwards(self, ward: Ward) -> None:
        seen, _ = await ward.camera()
        await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
        mother = Client()
        whole = await offer_of(mother)
        rows = whole.splitlines()
        bare = "\r\n".join(row for row in rows if not row.startswith(("a=candidate", "a=end-of"))) + "\r\n"
        answer = await ward.post(WHEP_PATH, ward.mother, await ward.grant(), bare)
        assert answer.status_code == 201, answer.text
        # Who tells no address is not written to, and his own checks may come through all the same: so he is silent.
        location, tag = answer.headers["location"], answer.headers["etag"]
        body = fragment(whole, [row for row in dict.fromkeys(rows) if row.startswith("a=candidate")])
        told = await ward.patch(location, ward.mother, body, **{"if-match": tag})
        assert told.status_code == 204, told.text
        await mother.peer.accept(answer.text)
        await mother.connected()
        await close(seen, mother)

    async def test_ice_begins_anew_while_the_picture_goes_on(self, ward: Ward) -> None:
        seen, _ = await ward.camera()
        await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
        mother, joined = await ward.viewer()
        await ward.media.gate("visit-1", Gate.LIVE, "nurse")
        await show(seen, range(2))
        await until(lambda: len(mother.heard) == 2 * PACKETS_OF_PICTURE)
        location = joined.headers["location"]
        restart = await mother.begin_restart()
        answer = await ward.patch(location, ward.mother, restart, **{"if-match": "*"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, FRAGMENT), answer.text
        assert answer.headers["etag"] != joined.headers["etag"]
        await mother.finish_restart(answer.text)
        number, before = 2, len(mother.heard)
        async with asyncio.timeout(CONNECT_SECONDS):  # the other end may take the new way a little later
            while len(mother.heard) < before + 3 * PACKETS_OF_PICTURE:
                await show(seen, range(number, number + 1))
                number += 1
        stale = await ward.patch(location, ward.mother, restart, **{"if-match": joined.headers["etag"]})
        assert_refused(stale, "connection-changed")
        await close(seen, mother)

    async def test_what_cannot_be_is_refused(self, ward: Ward) -> None:
        seen, published = await ward.camera()
        location, tag = published.headers["location"], published.headers["etag"]
        good = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
        assert_refused(await ward.patch(location, ward.cart, good), "connection-tag-missing")
        assert_refused(await ward.patch(location, ward.cart, good, **{"if-match": '"x"'}), "connection-changed")
        assert_refused(await ward.patch(location, ward.cart, "a=b", **{"if-match": tag}), "fragment-malformed")
        assert_refused(
            await ward.patch(location, ward.cart, good, "text/plain", **{"if-match": tag}), "format-not-taken"
        )
        many = good + "a=candidate:1 1 udp 1 192.0.2.9 9 typ host\r\n" * 41
        assert_refused(await ward.patch(location, ward.cart, many, **{"if-match": tag}), "fragment-malformed")
        assert_refused(await ward.patch(location, ward.mother, good, **{"if-match": tag}), "grant-other-device")
        assert (await ward.told())[-1][2] == "grant-other-device"
        unproven = await ward.http.patch(location, content=good, headers={"content-type": FRAGMENT, "if-match": tag})
        assert_refused(unproven, "device-proof-missing")
        nowhere = f"{CONNECTION_PATH}{'x' * 43}"
        assert_refused(await ward.patch(nowhere, ward.cart, good, **{"if-match": tag}), "connection-unknown")
        await close(seen)


def fragment(offer: str, candidates: list[str]) -> str:
    """What is told of an offer's addresses afterwards."""
    rows = offer.splitlines()
    head = [next(row for row in rows if row.startswith(f"a=ice-{part}:")) for part in ("ufrag", "pwd")]
    return "\r\n".join([*head, "m=video 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", *candidates, "a=end-of-candidates", ""])


class TestHttp:
    """What is true of every address of this door."""

    async def test_another_sites_page_can_do_nothing(self, ward: Ward) -> None:
        for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://elsewhere.example"}):
            answer = await ward.http.post(WHEP_PATH, content="v=0", headers={"content-type": SDP, **headers})
            assert_refused(answer, "sent-by-another-site")
        asked = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}
        preflight = await ward.http.options(WHEP_PATH, headers=asked)
        assert not [name for name in preflight.headers if name.startswith("access-control")]

    async def test_nobody_comes_by_another_name(self, ward: Ward) -> None:
        answer = await ward.http.post(WHEP_PATH, headers={"host": "elsewhere.example"})
        assert_refused(answer, "host-not-ours")

    async def test_what_an_address_takes_is_told(self, ward: Ward) -> None:
        answer = await ward.http.options(WHIP_PATH)
        assert (answer.status_code, answer.headers["allow"]) == (204, "POST, OPTIONS")
        assert answer.headers["accept-post"] == SDP
        for method, path in (("GET", WHIP_PATH), ("PUT", WHEP_PATH), ("GET", f"{CONNECTION_PATH}x")):
            refused = await ward.http.request(method, path)
            assert_refused(refused, "method-not-allowed")
            assert refused.headers["allow"]

    @pytest.mark.parametrize("path", ["/media", "/media/", "/media/whep/", "/media/connection/", "/media/whip?x=1"])
    async def test_nothing_else_is_here(self, ward: Ward, path: str) -> None:
        assert (await ward.http.post(path)).status_code in {404, 405, 401}

    async def test_what_is_too_large_or_of_another_kind_is_refused(self, ward: Ward) -> None:
        large = await ward.post(WHEP_PATH, ward.mother, await ward.grant(), "v=0\r\n" + "a=x\r\n" * 20_000)
        assert_refused(large, "too-large")
        kind = await ward.post(WHEP_PATH, ward.mother, await ward.grant(), "v=0", **{"content-type": "text/plain"})
        assert_refused(kind, "format-not-taken")
        packed = await ward.post(WHEP_PATH, ward.mother, await ward.grant(), "v=0", **{"content-encoding": "gzip"})
        assert_refused(packed, "encoding-not-taken")
        bytes_ = await ward.http.post(WHIP_PATH, content=b"\xff", headers={"content-type": SDP})
        assert_refused(bytes_, "grant-missing")

    async def test_a_voice_of_its_own_goes_where_the_media_server_takes_one_and_from_nobody_else(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen, _ = await ward.camera()
        await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
        mother, joined = await ward.viewer()
        voice, offer = f"{joined.headers['location']}/voice", "v=0\r\n"

        async def say(device: MadeUpDevice, address: str = voice, kind: str = SDP) -> httpx.Response:
            proof = device.proof("POST", f"{ADDRESS}{address}", content=offer)
            return await ward.http.post(address, content=offer, headers={"content-type": kind, "dpop": proof})

        assert_refused(await say(ward.mother), "voice-with-picture")
        heard: list[tuple[str, str, str]] = []

        async def take(self: object, visit: str, participant: str, sdp: str) -> str:
            heard.append((visit, participant, sdp))
            return "v=0 answer"

        monkeypatch.setattr(EmbeddedMedia, "voice", take, raising=False)  # as a server that offers first
        assert_refused(await say(ward.cart), "grant-other-device")
        assert_refused(await ward.http.post(voice, content=offer), "device-proof-missing")
        assert_refused(await say(ward.mother, kind="text/plain"), "format-not-taken")
        assert_refused(await say(ward.mother, f"{CONNECTION_PATH}{'x' * 43}/voice"), "connection-unknown")
        assert heard == []
        answer = await say(ward.mother)
        assert (answer.status_code, answer.text) == (200, "v=0 answer")
        assert heard == [("visit-1", ward.grants.participant("visit-1", MOTHER.id), offer)]
        assert_refused(await ward.http.delete(voice), "method-not-allowed")
        await close(mother, seen)

    async def test_who_may_only_look_has_no_voice(self, ward: Ward) -> None:
        seen, _ = await ward.camera()
        await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
        grant = await ward.grant(Action.WHEP_PICTURE)
        joined = await ward.post(WHEP_PATH, ward.mother, grant, "")
        voice = f"{joined.headers['location']}/voice"
        proof = ward.mother.proof("POST", f"{ADDRESS}{voice}", content="v=0")
        answer = await ward.http.post(voice, content="v=0", headers={"content-type": SDP, "dpop": proof})
        assert_refused(answer, "grant-other-action")
        await close(seen)

    async def test_who_guesses_is_told_to_wait(self, ward: Ward) -> None:
        answers = [await ward.http.post(WHEP_PATH) for _ in range(40)]
        assert_refused(answers[-1], "too-many-requests")
        assert answers[-1].headers["retry-after"]

    async def test_who_leaves_is_not_kept_in_by_those_who_guess_at_his_address(self, ward: Ward) -> None:
        seen, _ = await ward.camera()
        await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
        mother, joined = await ward.viewer()
        guesses = [await ward.http.post(WHEP_PATH) for _ in range(40)]
        assert_refused(guesses[-1], "too-many-requests")
        assert (await ward.http.delete(joined.headers["location"])).status_code == 200
        await close(mother, seen)

    async def test_a_refusal_is_told_in_the_language_of_who_asks(self, ward: Ward) -> None:
        answer = await ward.http.post(WHEP_PATH, headers={"accept-language": "zh-CN"})
        assert answer.headers["content-language"] == "zh-CN"
        assert orjson.loads(answer.content)["title"] == "进入这里需要出示许可。"

    async def test_without_a_media_server_a_grant_is_used_up_and_nothing_is_left_open(self, ward: Ward) -> None:
        await ward.running.kill()
        client, grant = Client(), await ward.grant()
        offer = await offer_of(client)
        assert_refused(await ward.post(WHEP_PATH, ward.mother, grant, offer), "media-unavailable")
        assert_refused(await ward.post(WHEP_PATH, ward.mother, grant, offer), "grant-used")
        await close(client)


async def test_who_was_sent_away_while_he_was_taken_in_gets_no_answer(ward: Ward) -> None:
    seen, _ = await ward.camera()
    await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
    client, grant = Client(), await ward.grant()
    offer = await offer_of(client)
    taken_in = ward.running.port.whep

    async def slowly(visit: str, participant: str, part: Part, offered: str) -> str:
        answer = await taken_in(visit, participant, part, offered)
        await ward.grants.revoke_person(NURSE, MOTHER.id, "guardianship-disputed", visit=None)
        return answer

    ward.running.port.whep = slowly  # type: ignore[method-assign]  # the moment between two steps
    assert_refused(await ward.post(WHEP_PATH, ward.mother, grant, offer), "grant-revoked")
    assert not await ward.media.stats()
    await close(seen, client)
