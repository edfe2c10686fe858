"""What a browser says of a passkey, read and checked without a database: what is wrong, and what would do harm."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key

from tests.services.accounts.conftest import PARTY
from tests.services.accounts.software_key import PRESENT, SoftwareKey, cose_key, text
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Account, Assurance, Kind
from tianfu.services.accounts.passkey_answers import (
    ANSWER_CHARACTERS_MAX,
    AnswerRefusedError,
    RelyingParty,
    made,
    options_to_make,
)


def nested(depth: int) -> str:
    return '{"id":' + "[" * depth + "]" * depth + "}"


GARBAGE: dict[str, Callable[[str], str]] = {
    "nothing": lambda _: "",
    "no JSON": lambda _: "<html>",
    "cut in the middle": lambda right: right[: len(right) // 2],
    "huge": lambda _: "x" * (ANSWER_CHARACTERS_MAX + 1),
    "right and huge": lambda right: right + " " * ANSWER_CHARACTERS_MAX,
    "a list": lambda right: f"[{right}]",
    "a number": lambda _: "7",
    "null": lambda _: "null",
    "an empty object": lambda _: "{}",
    "a number for the id": lambda right: json.dumps({**json.loads(right), "id": 7}),
    "a list for the response": lambda right: json.dumps({**json.loads(right), "response": []}),
    "another type": lambda right: json.dumps({**json.loads(right), "type": "password"}),
    "no base64": lambda right: json.dumps({**json.loads(right), "id": "ä!", "rawId": "ä!"}),
    "base64 with padding": lambda right: json.dumps({**json.loads(right), "id": "YQ==", "rawId": "YQ=="}),
    "half a byte": lambda right: json.dumps({**json.loads(right), "id": "a", "rawId": "a"}),
    "deep": lambda _: nested(5_000),
    "half a character": lambda _: '{"id":"\ud800"}',
    "a zero byte": lambda _: "\0",
    "client data that is a list": lambda right: with_client_data(right, b"[]"),
    "client data that is deep": lambda right: with_client_data(right, nested(4_000).encode()),
    "client data that is no text": lambda right: with_client_data(right, b"\xff\xfe"),
    "a number for the origin": lambda right: with_client_data(right, b'{"type":"x","challenge":"","origin":9}'),
}


def with_client_data(right: str, client_data: bytes) -> str:
    told = json.loads(right)
    return json.dumps({**told, "response": {**told["response"], "clientDataJSON": text(client_data)}})


P384 = generate_private_key(SECP384R1()).public_key().public_numbers()

UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "another site's page": ({"origin": "https://evil.example"}, "wrong-origin"),
    "a frame in another site": ({"crossOrigin": True}, "framed"),
    "another relying party": ({"host": "evil.example"}, "wrong-party"),
    "nobody looked whose finger it is": ({"flags": PRESENT}, "not-verified"),
    "a challenge of its own": ({"challenge": text(b"x" * 32)}, "wrong-challenge"),
    "an answer to another act": ({"type": "webauthn.get"}, "wrong-ceremony"),
    "a certificate we did not ask for": ({"attestation": {"fmt": "tpm"}}, "attested"),
    "a packed certificate": ({"attestation": {"fmt": "packed", "attStmt": {"x5c": [b"x"]}}}, "attested"),
    "a statement without a signature": ({"attestation": {"fmt": "packed", "attStmt": {"alg": -7}}}, "not-genuine"),
    "a statement where there is none": ({"attestation": {"attStmt": {"sig": b"x"}}}, "not-genuine"),
    "a format that is a list": ({"attestation": {"fmt": ["none"]}}, "attested"),
    "authenticator data that is text": ({"attestation": {"authData": "x"}}, "malformed"),
    "no authenticator data": ({"attestation": {"authData": b""}}, "malformed"),
    "a statement that is a number": ({"attestation": {"attStmt": 7}}, "malformed"),
    "a number that reads like a bare point": ({"public_key": cbor2.dumps(4)}, "key-unfit"),
    "a key that is no key": ({"public_key": cbor2.dumps([1])}, "not-genuine"),
    "a key of zeroes": ({"public_key": cose_key(0, 0)}, "key-unfit"),
    "a point beside the curve": ({"public_key": cose_key(5, 5)}, "key-unfit"),
    "another curve": (
        {"public_key": cbor2.dumps({1: 2, 3: -7, -1: 2, -2: P384.x.to_bytes(48), -3: P384.y.to_bytes(48)})},
        "key-unfit",
    ),
    "a short RSA key": ({"public_key": cbor2.dumps({1: 3, 3: -257, -1: b"\xc1" * 128, -2: b"\1\0\1"})}, "key-unfit"),
    "a long RSA key": ({"public_key": cbor2.dumps({1: 3, 3: -257, -1: b"\xc1" * 1_024, -2: b"\1\0\1"})}, "key-unfit"),
    "an algorithm we do not take": (
        {"public_key": cbor2.dumps({1: 2, 3: -35, -1: 2, -2: P384.x.to_bytes(48), -3: P384.y.to_bytes(48)})},
        "not-genuine",
    ),
    "a number too short to be drawn": ({"key_id": b"short"}, "malformed"),
    "a number too long": ({"key_id": b"l" * 1_024}, "malformed"),
}


BOMBS = {
    "a list that says it is endless": b"\x9b" + b"\xff" * 8,
    "bytes that say they are endless": b"\x5b" + b"\x7f" + b"\xff" * 7,
    "lists in lists": b"\x81" * 6_000 + b"\x00",
    "maps in maps": b"\xa1\x00" * 3_000 + b"\x00",
    "a number without end": b"\xc2\x59\x10\x00" + b"\xff" * 4_096,
    "a shared value that holds itself": b"\xd8\x1c\x81\xd8\x1d\x00",
}


ACCOUNT = Account(
    id="01a2179b-561d-7922-8d34-cdba9624483e",
    kind=Kind.STAFF,
    name="An Demo",
    number="H510001",
    assurance=Assurance.NOTHING,
)
CHALLENGE = b"c" * 32
OPTIONS = options_to_make(PARTY, ACCOUNT, CHALLENGE, [])


def why_not(answer: str) -> str:
    with pytest.raises(AnswerRefusedError) as caught:
        made(answer, challenge=CHALLENGE, party=PARTY)
    return caught.value.reason


def test_a_fit_passkey_is_taken_with_its_own_number_and_key() -> None:
    key = SoftwareKey(count=3)
    taken = made(key.make(OPTIONS), challenge=CHALLENGE, party=PARTY)
    assert (taken.key_id, taken.public_key, taken.count) == (key.key_id, key.public_key, 3)


@pytest.mark.parametrize("kind", GARBAGE)
def test_what_is_no_answer_is_refused(kind: str) -> None:
    assert why_not(GARBAGE[kind](SoftwareKey().make(OPTIONS))) in {"malformed", "too-long"}


@pytest.mark.parametrize("lie", UNFIT)
def test_a_passkey_that_is_unfit_is_refused(lie: str) -> None:
    lies, why = UNFIT[lie]
    assert why_not(SoftwareKey().make(OPTIONS, **lies)) == why


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_statement_that_would_fill_memory_or_stack_is_refused(bomb: str) -> None:
    told = json.loads(SoftwareKey().make(OPTIONS))
    told["response"]["attestationObject"] = text(BOMBS[bomb])
    assert why_not(json.dumps(told)) == "malformed"


# The relying party


@pytest.mark.parametrize("address", ["http://tianfu.example", "http://10.0.0.1:8000", "tianfu.example", "https://", ""])
def test_passkeys_are_bound_to_an_address_behind_tls(address: str) -> None:
    with pytest.raises(Refusal) as caught:
        RelyingParty.at(address, "Tianfu Demo")
    assert caught.value.code == "setting-invalid"


@pytest.mark.parametrize(
    ("address", "host", "origin"),
    [
        ("http://localhost:8123", "localhost", "http://localhost:8123"),
        ("http://127.0.0.1", "127.0.0.1", "http://127.0.0.1"),
        ("http://[::1]:8123", "::1", "http://[::1]:8123"),
        ("https://tianfu.example", "tianfu.example", "https://tianfu.example"),
        ("https://tianfu.example:443", "tianfu.example", "https://tianfu.example"),
        ("https://Tianfu.example:8443", "tianfu.example", "https://tianfu.example:8443"),
    ],
)
def test_the_origin_is_written_as_browsers_write_it(address: str, host: str, origin: str) -> None:
    party = RelyingParty.at(address, "Tianfu Demo")
    assert (party.host, party.origins) == (host, (origin,))
