"""Passwords for the relay, as coturn reckons them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.turn import Relay, open_relay

SLOT_UNTIL = Instant(1_795_406_400 * SECOND)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "turn-secret"
    file.write_text("made-up-secret-of-the-relay\n")
    file.chmod(0o600)
    return file


def test_a_password_is_good_until_five_minutes_after_the_slot_and_for_one_visit(secret: Path) -> None:
    relay = open_relay("turn:relay.example:3478?transport=udp turns:[2001:db8::1]:443?transport=tcp", secret)
    [server] = relay.for_room("visit-1", SLOT_UNTIL)
    assert server.urls == ("turn:relay.example:3478?transport=udp", "turns:[2001:db8::1]:443?transport=tcp")
    assert server.username == "1795406700:visit-1"
    # printf %s 1795406700:visit-1 | openssl dgst -sha1 -hmac made-up-secret-of-the-relay -binary | base64
    assert server.credential == "qmvRvClSULYBRugsyr1BsjPDtKs="
    [other] = relay.for_room("visit-2", SLOT_UNTIL)
    assert other.credential != server.credential


def test_without_a_relay_there_is_nothing(tmp_path: Path) -> None:
    assert open_relay("", tmp_path / "none").for_room("visit-1", SLOT_UNTIL) == ()
    assert Relay((), b"").for_room("visit-1", SLOT_UNTIL) == ()


@pytest.mark.parametrize(
    "addresses", ["relay.example", "http://relay.example", "turn:", "turn:a b", "turn:a?transport=x"]
)
def test_what_is_no_address_of_a_relay_is_refused(secret: Path, addresses: str) -> None:
    with pytest.raises(Refusal) as refused:
        open_relay(addresses, secret)
    assert refused.value.code == "setting-invalid"


def test_a_secret_that_is_missing_short_or_open_to_others_is_refused(secret: Path) -> None:
    codes = []
    for prepare in (lambda: secret.chmod(0o640), lambda: secret.write_text("short", encoding="utf-8"), secret.unlink):
        prepare()
        with pytest.raises(Refusal) as refused:
            open_relay("turn:relay.example", secret)
        codes.append(refused.value.code)
        if secret.exists():
            secret.chmod(0o600)
    assert codes == ["secret-open-to-others", "secret-missing", "secret-missing"]
