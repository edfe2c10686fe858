"""What grants and proofs say, and what is kept of them and for how long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace as changed
from typing import Any

import msgspec
import pytest

from tests.made_up_keys import made_up_keys
from tests.services.accounts.oauth.made_up import MovableClock
from tests.services.realtime.devices import MadeUpDevice
from tests.services.realtime.running import Running, embedded
from tests.trails import auditor_of, close_trails
from tianfu.access.caller import Caller
from tianfu.db import Database, Query
from tianfu.kernel.instants import DAY, SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.keys import open_keyring
from tianfu.services.realtime.grants import Grants, Shown
from tianfu.services.realtime.janus.descriptions import shortened
from tianfu.services.realtime.protocol.grants import (
    GRANT_LETTERS_MAX,
    Action,
    Asked,
    Claims,
    Ticket,
    read,
    refuse_senseless,
    refuse_unfit,
    until_of,
    written,
)
from tianfu.services.realtime.protocol.offers import is_of_media_alone, sends_anything
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.proofs import proven, thumbprint_of
from tianfu.services.realtime.trail import RoomTrail
from tianfu.vault.hashing import hmac_sm3

NOW = Instant(1_795_406_400 * SECOND)
TICKET = Ticket(
    action=Action.WHEP_VOICE, visit="v1", camera="", part=Part.FAMILY, device="d" * 43, slot_until=NOW + 600 * SECOND
)
CLAIMS = Claims(id="g1", person="p1", role="citizen", until=NOW + 60 * SECOND, ticket=TICKET)
ASKED = Asked(actions=(Action.WHEP_VOICE,), visit="v1", camera="", device="d" * 43, now=NOW)


def sign(body: bytes) -> bytes:
    return hmac_sm3(b"k" * 32, body)


def test_what_was_written_is_read() -> None:
    assert read(written(CLAIMS, sign), sign) == CLAIMS


def test_no_change_of_a_single_letter_is_read() -> None:
    text = written(CLAIMS, sign)
    for place, letter in enumerate(text):
        other = text[:place] + ("A" if letter != "A" else "B") + text[place + 1 :]
        with pytest.raises(Refusal) as refused:
            read(other, sign)
        assert refused.value.code == "grant-refused"


@pytest.mark.parametrize("text", ["", ".", "a.b", "é.a", "a" * (GRANT_LETTERS_MAX + 1), "\x00.\x00"])
def test_what_is_no_grant_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(text, sign)
    assert refused.value.code == "grant-refused"


def test_another_installations_grant_is_refused() -> None:
    with pytest.raises(Refusal):
        read(written(CLAIMS, lambda body: hmac_sm3(b"x" * 32, body)), sign)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"now": Instant(NOW + 60 * SECOND)}, "grant-expired"),
        ({"actions": (Action.WHIP_CAMERA,)}, "grant-other-action"),
        ({"actions": (Action.WHEP_PICTURE,)}, "grant-other-action"),
        ({"visit": "v2"}, "grant-other-visit"),
        ({"camera": "c1"}, "grant-other-camera"),
        ({"device": "e" * 43}, "grant-other-device"),
    ],
)
def test_a_grant_is_for_one_thing_alone(change: dict[str, Any], code: str) -> None:
    refuse_unfit(CLAIMS, ASKED)
    with pytest.raises(Refusal) as refused:
        refuse_unfit(CLAIMS, msgspec.structs.replace(ASKED, **change))
    assert refused.value.code == code


def test_a_grant_is_over_after_a_minute_or_with_its_slot() -> None:
    assert until_of(NOW, NOW + 600 * SECOND) == NOW + 60 * SECOND
    assert until_of(NOW, NOW + 10 * SECOND) == NOW + 10 * SECOND


@pytest.mark.parametrize(
    "change",
    [
        {"visit": ""},
        {"camera": "c1"},
        {"device": ""},
        {"action": Action.WHIP_CAMERA},
        {"visit": "王小明"},
        {"visit": "a/b"},
        {"visit": "x" * 65},
    ],
)
def test_a_ticket_that_makes_no_sense_is_a_mistake_of_ours(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"a camera comes|names are opaque"):
        refuse_senseless(msgspec.structs.replace(TICKET, **change))


class TestKeys:
    """Devices' keys and what they sign."""

    EXAMPLE: Mapping[str, str] = {
        "kty": "EC",
        "crv": "P-256",
        "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    }
    """The key of RFC 9449, section 6.1, and its thumbprint there."""

    def test_a_thumbprint_is_that_of_the_standard_whatever_else_a_browser_tells(self) -> None:
        expected = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
        assert thumbprint_of(self.EXAMPLE) == expected
        assert thumbprint_of({"key_ops": ["verify"], "ext": True, **self.EXAMPLE}) == expected

    @pytest.mark.parametrize(
        "change", [{"d": "x"}, {"crv": "P-384"}, {"kty": "RSA"}, {"x": "AAAA"}, {"x": None}, {"y": 7}]
    )
    def test_what_is_no_public_key_on_our_curve_is_refused(self, change: dict[str, Any]) -> None:
        with pytest.raises(Refusal) as refused:
            thumbprint_of({**self.EXAMPLE, **change})
        assert refused.value.code == "device-key-malformed"

    def test_a_proof_is_good_for_its_own_request_alone(self) -> None:
        device, address = MadeUpDevice(), "http://localhost/media/whep"
        text = device.proof("POST", address, content="v=0", grant="g", visit="v1")
        good: dict[str, Any] = {"method": "POST", "address": address, "grant": "g", "body": b"v=0"}
        shown = proven(text, **good)
        assert (shown.thumbprint, shown.proof.visit) == (device.thumbprint, "v1")
        for change in ({"method": "PATCH"}, {"address": address + "/"}, {"grant": "h"}, {"grant": ""}, {"body": b""}):
            with pytest.raises(Refusal) as refused:
                proven(text, **{**good, **change})
            assert refused.value.code == "device-proof-refused"

    @pytest.mark.parametrize(
        "header",
        [{"typ": "JWT"}, {"jwk": {}}, {"jwk": {**EXAMPLE, "d": "x"}}, {"jwk": dict(EXAMPLE)}, {"kid": "x"}],
        ids=["type", "no key", "private key", "another's key", "more than we know"],
    )
    def test_a_proof_with_another_head_is_refused(self, header: dict[str, Any]) -> None:
        address = "http://localhost/media/whep"
        text = MadeUpDevice().proof("POST", address, header=header)
        with pytest.raises(Refusal) as refused:
            proven(text, method="POST", address=address, grant="", body=b"")
        assert refused.value.code == "device-proof-refused"

    @pytest.mark.parametrize("text", ["", "a", "a.b.c", "..", "é", "e30.e30.", "x" * 5_000])
    def test_what_is_no_proof_is_refused(self, text: str) -> None:
        with pytest.raises(Refusal) as refused:
            proven(text, method="POST", address="x", grant="", body=b"")
        assert refused.value.code in {"device-proof-missing", "device-proof-refused"}


@pytest.mark.parametrize(
    ("offer", "sends"),
    [
        ("v=0\r\nm=video 9 x 96\r\na=recvonly\r\n", False),
        ("v=0\r\nm=video 9 x 96\r\na=recvonly\r\nm=audio 9 x 97\r\na=sendrecv\r\n", True),
        ("v=0\r\nm=video 9 x 96\r\na=recvonly\r\nm=audio 9 x 97\r\na=sendonly\r\n", True),
        ("v=0\r\nm=audio 9 x 97\r\n", True),
        ("v=0\r\na=recvonly\r\nm=audio 9 x 97\r\n", False),
        ("v=0\r\na=recvonly\r\nm=audio 9 x 97\r\na=sendrecv\r\n", True),
        ("v=0\r\nm=audio 9 x 97\r\na=inactive\r\n", False),
        ("v=0\r\n", False),
    ],
)
def test_whether_an_offer_sends_is_read_as_the_standard_has_it(offer: str, sends: bool) -> None:
    assert sends_anything(offer) is sends


def test_an_offer_of_a_channel_of_data_goes_to_no_media_server() -> None:
    picture = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n"
    assert is_of_media_alone(picture)
    assert "VP8" in shortened(picture)
    for data in ("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=inactive\r\n", "m=text 9 x 98\r\n", "m=\r\n"):
        assert not is_of_media_alone(picture + data)
        with pytest.raises(Refusal, match="offer-malformed"):
            shortened(picture + data)


class Desk:
    """Grants on a real database, with a media server that runs."""

    def __init__(self, database: Database, running: Running, grants: Grants, clock: MovableClock) -> None:
        self.database = database
        self.running = running
        self.grants = grants
        self.clock = clock
        self.device = MadeUpDevice()

    async def shown(self, visit: str = "v1", *, person: str = "p1") -> Shown:
        """A grant that was issued just now, and the proof beside it."""
        ticket = msgspec.structs.replace(
            TICKET, visit=visit, device=self.device.thumbprint, slot_until=self.clock() + 600 * SECOND
        )
        grant = await self.grants.issue(Caller(id=person, role="citizen"), ticket)
        text = self.device.proof("POST", "x", grant=grant.text, visit=visit)
        device = proven(text, method="POST", address="x", grant=grant.text, body=b"")
        return Shown(grant=grant.text, device=device)

    async def spend(self, shown: Shown) -> str:
        """How it ends: empty if it lets in."""
        try:
            await self.grants.spend(shown, Action.WHEP_VOICE, is_offered=False)
        except Refusal as refusal:
            return refusal.code
        return ""

    async def count(self, table: str) -> int:
        async with self.database.connection("owner") as owner:
            [row] = await owner.all(Query.composed("count", f"select count(*) from {table}"))  # noqa: S608 - a name of ours
        return int(row[0])


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    clock = MovableClock()
    auditor = await auditor_of(database)
    keyring = await open_keyring(database, made_up_keys(b"k" * 32))
    async with embedded() as running:
        trail = RoomTrail(auditor, clock)
        yield Desk(database, running, Grants(database, keyring.index_secret, running.port, trail, clock), clock)
    close_trails()


@pytest.mark.anyio
async def test_taking_back_takes_what_is_meant_and_nothing_else(desk: Desk) -> None:
    nurse = Caller(id="n1", role="nurse")
    mine, other_visit, another = await desk.shown(), await desk.shown("v2"), await desk.shown(person="p2")
    await desk.grants.revoke_person(nurse, "p1", "guardianship-disputed", visit="v1")
    assert [await desk.spend(each) for each in (mine, other_visit, another)] == ["grant-revoked", "", ""]
    mine, other_visit, another = await desk.shown(), await desk.shown("v2"), await desk.shown(person="p2")
    await desk.grants.revoke_person(nurse, "p1", "dismissed", visit=None)
    assert [await desk.spend(each) for each in (mine, other_visit, another)] == ["grant-revoked", "grant-revoked", ""]
    mine, other_visit, another = await desk.shown(), await desk.shown("v2"), await desk.shown(person="p2")
    await desk.grants.revoke_visit(nurse, "v1", "discharged")
    assert [await desk.spend(each) for each in (mine, other_visit, another)] == ["grant-revoked", "", "grant-revoked"]
    assert await desk.spend(await desk.shown()) == "", "what is issued afterwards is good"


@pytest.mark.anyio
async def test_rows_are_kept_for_a_week_so_that_a_late_second_use_is_known(desk: Desk) -> None:
    shown = await desk.shown()
    assert await desk.spend(shown) == ""
    desk.clock.forward(6 * DAY / SECOND)
    await desk.grants.forget_what_is_over()
    assert await desk.count("room_grant") == 1
    desk.clock.forward(2 * DAY / SECOND)
    await desk.grants.forget_what_is_over()
    assert await desk.count("room_grant") == 0
    assert await desk.count("room_connection where revoked_at is not null") == 1, "what stood for a week is taken back"
    await desk.grants.end_what_was_revoked()
    desk.clock.forward(8 * DAY / SECOND)
    await desk.grants.forget_what_is_over()
    assert await desk.count("room_connection") == 0


@pytest.mark.anyio
async def test_a_right_signature_without_a_row_opens_nothing(desk: Desk) -> None:
    shown = await desk.shown()
    async with desk.database.connection("owner") as owner:
        await owner.run(Query.composed("lose", "delete from room_grant"))
    assert await desk.spend(shown) == "grant-refused"


@pytest.mark.anyio
async def test_another_devices_proof_beside_a_grant_is_told_as_such(desk: Desk) -> None:
    shown = await desk.shown()
    other = changed(shown, device=msgspec.structs.replace(shown.device, thumbprint=MadeUpDevice().thumbprint))
    assert await desk.spend(other) == "grant-other-device"
    assert await desk.spend(shown) == ""
