"""A ticket that is not wholly good is no ticket: the attacks of docs/rules/letting-in.md, performed."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256, sha512
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.db import Database
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.tickets.ended import KeptEnds
from tianfu.services.tickets.ticket import TICKET_BYTES_MAX, Audience, Ticket, TicketOffice

KEY = b"made up for tests, 32 bytes long"
OFFICE = TicketOffice(KEY)
NOW = Instant(1_795_406_400 * SECOND)
"""23 November 2026, 12:00 in China."""

HERS = Caller(
    id="dr-an",
    role="doctor",
    organisation="county-hospital",
    practitioner="dr-an",
    patients=("an-herself",),
    related=("an-mother",),
    session="s-1",
)
TICKET = Ticket(
    id="s-1",
    audience=Audience.MACHINES,
    caller=HERS,
    purposes=(Purpose.TREATMENT, Purpose.PATIENT_REQUEST),
    since=NOW,
    until=Instant(NOW + 900 * SECOND),
)


def read(text: bytes | str, *, audience: Audience = Audience.MACHINES, seconds: float = 1) -> Ticket:
    sent = text if isinstance(text, bytes) else text.encode()
    return OFFICE.read(sent, audience, now=Instant(NOW + int(seconds * SECOND)))


def refusal_of(text: bytes | str, *, audience: Audience = Audience.MACHINES, seconds: float = 1) -> Refusal:
    with pytest.raises(Refusal) as refused:
        read(text, audience=audience, seconds=seconds)
    return refused.value


def part(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def plain(text: str) -> dict[str, Any]:
    claims = text.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    return decoded


def signed(claims: object, *, header: object = None, key: bytes = KEY, digest: Callable[..., Any] = sha256) -> str:
    """A ticket made by hand: what somebody could send who knows the form, or even the key."""
    head = {"alg": "HS256", "typ": "tianfu-ticket+jwt"} if header is None else header
    body = f"{part(head)}.{part(claims)}"
    return f"{body}.{part(hmac.digest(key, body.encode(), digest().name))}"


CLAIMS = plain(OFFICE.write(TICKET))


def test_what_was_written_is_read() -> None:
    assert read(OFFICE.write(TICKET)) == TICKET


def test_a_ticket_made_by_hand_with_the_key_is_read() -> None:
    # The attacks below differ from this one in a single point each, so it is that point which is refused.
    assert read(signed(CLAIMS)) == TICKET


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "typ": "tianfu-ticket+jwt"},
        {"alg": "None", "typ": "tianfu-ticket+jwt"},
        {"alg": "HS512", "typ": "tianfu-ticket+jwt"},
        {"alg": "RS256", "typ": "tianfu-ticket+jwt"},
        {"alg": "hs256", "typ": "tianfu-ticket+jwt"},
        {"typ": "tianfu-ticket+jwt"},
        {"alg": "HS256"},
        {"alg": "HS256", "typ": "JWT"},
        {"alg": "HS256", "typ": "tianfu-ticket+jwt", "kid": "../../dev/null"},
        {"alg": "HS256", "typ": "tianfu-ticket+jwt", "jku": "https://elsewhere.example/keys"},
        {"alg": "HS256", "typ": "tianfu-ticket+jwt", "jwk": {"kty": "oct", "k": "AAAA"}},
        {"alg": "HS256", "typ": "tianfu-ticket+jwt", "crit": ["b64"], "b64": False},
        {"alg": "HS256", "typ": "tianfu-ticket+jwt", "zip": "DEF"},
        ["HS256"],
    ],
    ids=str,
)
def test_a_header_that_is_not_ours_is_refused(header: object) -> None:
    assert refusal_of(signed(CLAIMS, header=header)).code == "ticket-refused"


def test_no_signature_is_no_ticket() -> None:
    head, body, _ = OFFICE.write(TICKET).split(".")
    assert refusal_of(f"{head}.{body}.").code == "ticket-refused"
    assert refusal_of(f"{part({'alg': 'none', 'typ': 'tianfu-ticket+jwt'})}.{body}.").code == "ticket-refused"
    assert refusal_of(f"{head}.{body}").code == "ticket-refused"


def test_another_algorithm_is_refused_even_with_the_right_key() -> None:
    header = {"alg": "HS512", "typ": "tianfu-ticket+jwt"}
    assert refusal_of(signed(CLAIMS, header=header, digest=sha512)).code == "ticket-refused"


def test_a_signature_by_a_pair_of_keys_is_refused() -> None:
    body = f"{part({'alg': 'EdDSA', 'typ': 'tianfu-ticket+jwt'})}.{part(CLAIMS)}"
    signature = Ed25519PrivateKey.generate().sign(body.encode())
    assert refusal_of(f"{body}.{part(signature)}").code == "ticket-refused"


def test_another_installations_ticket_is_refused() -> None:
    assert refusal_of(TicketOffice(b"x" * 32).write(TICKET)).code == "ticket-refused"


def test_a_key_that_could_be_guessed_is_not_taken() -> None:
    with pytest.raises(ValueError, match="too short"):
        TicketOffice(b"short")


@given(st.data())
def test_a_ticket_of_which_a_letter_was_changed_is_refused(data: st.DataObject) -> None:
    text = OFFICE.write(TICKET)
    place = data.draw(st.integers(0, len(text) - 2))  # the last letter holds two bits that mean nothing
    letter = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda each: each != text[place]))
    assert refusal_of(text[:place] + letter + text[place + 1 :]).code == "ticket-refused"


@pytest.mark.parametrize(
    "wider",
    [
        {"role": "hospital-system"},
        {"purposes": ["TREAT", "PATRQT", "HRESCH"]},
        {"patients": ["an-herself", "somebody-else"]},
        {"organisation": "another-hospital"},
        {"exp": CLAIMS["exp"] + 1},
        {"sub": "dr-bo"},
    ],
    ids=str,
)
def test_widened_claims_under_the_old_signature_are_refused(wider: dict[str, Any]) -> None:
    head, _, signature = OFFICE.write(TICKET).split(".")
    assert refusal_of(f"{head}.{part({**CLAIMS, **wider})}.{signature}").code == "ticket-refused"


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "urn:tianfu:other"},
        {"aud": "urn:tianfu:pages"},
        {"aud": ["urn:tianfu:fhir", "urn:tianfu:pages"]},
        {"aud": "urn:elsewhere"},
        {"exp": CLAIMS["nbf"] + 901},
        {"exp": CLAIMS["nbf"]},
        {"exp": str(CLAIMS["exp"])},
        {"exp": CLAIMS["exp"] + 0.5},
        {"exp": None},
        {"iat": CLAIMS["iat"] - 10},
        {"nbf": CLAIMS["nbf"] - 3_600},
        {"sub": "a/b"},
        {"sub": ""},
        {"jti": "loopback\n"},
        {"jti": None},
        {"role": ""},
        {"role": "Doctor"},
        {"role": "desk"},
        {"role": "system"},
        {"role": "made-up"},
        {"role": ["doctor", "system"]},
        {"purposes": []},
        {"purposes": ["TREAT", "TREAT"]},
        {"purposes": ["ANYTHING"]},
        {"purposes": "TREAT"},
        {"patients": ["Patient/1"]},
        {"patients": ["p"] * 33},
        {"practitioner": "x" * 65},
        {"admin": True},
    ],
    ids=str,
)
def test_claims_that_no_ticket_has_are_refused_even_well_signed(wrong: dict[str, Any]) -> None:
    assert refusal_of(signed({**CLAIMS, **wrong})).code == "ticket-refused"


@pytest.mark.parametrize("missing", ["iss", "aud", "sub", "iat", "nbf", "exp", "jti", "role", "purposes"])
def test_no_claim_may_be_missing(missing: str) -> None:
    kept = {name: value for name, value in CLAIMS.items() if name != missing}
    assert refusal_of(signed(kept)).code == "ticket-refused"


def test_a_ticket_for_pages_opens_no_other_door() -> None:
    pages = OFFICE.write(replace(TICKET, audience=Audience.PAGES))
    assert read(pages, audience=Audience.PAGES).caller == HERS
    assert refusal_of(pages).code == "ticket-refused"
    assert refusal_of(OFFICE.write(TICKET), audience=Audience.PAGES).code == "ticket-refused"


def test_a_ticket_is_good_from_its_first_second_until_before_its_last() -> None:
    text = OFFICE.write(TICKET)
    assert refusal_of(text, seconds=-1).code == "ticket-refused"
    assert read(text, seconds=0) == TICKET
    assert read(text, seconds=899.999) == TICKET
    assert refusal_of(text, seconds=900).code == "ticket-expired"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b".",
        b"..",
        b"a.b.c",
        b"....",
        b"\xff\xfe.\x00.\xff",
        b"e30.e30.e30\n",
        b"e30=.e30=.e30=",
        b"A" * (TICKET_BYTES_MAX + 1),
        (b"A" * 1_000 + b".") * 3,
        b'{"payload":"","signatures":[]}',
    ],
)
def test_what_has_not_the_form_of_a_ticket_is_refused(text: bytes) -> None:
    assert refusal_of(text).code == "ticket-refused"


def test_a_true_ticket_that_is_too_long_is_refused() -> None:
    long = {**CLAIMS, "patients": ["p" * 64] * 32, "related": ["r" * 64] * 32}
    assert len(signed(long)) > TICKET_BYTES_MAX
    assert refusal_of(signed(long)).code == "ticket-refused"


@pytest.mark.parametrize(
    "unusable",
    [
        {"until": Instant(NOW + 901 * SECOND)},
        {"until": NOW},
        {"purposes": ()},
        {"caller": replace(HERS, role="")},
        {"caller": replace(HERS, patients=tuple(f"{n}" * 64 for n in range(10)) * 4)},
    ],
    ids=lambda each: next(iter(each)),
)
def test_no_ticket_is_made_that_would_not_be_taken(unusable: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="ticket-unusable"):
        OFFICE.write(replace(TICKET, **unusable))


@pytest.mark.anyio
async def test_a_session_that_was_ended_stays_ended_until_its_ticket_is_over(database: Database) -> None:
    ends = KeptEnds(database)
    assert not await ends.is_ended("s-1")
    await ends.end("s-1", until=Instant(NOW + SECOND))
    await ends.end("s-1", until=Instant(NOW + SECOND))
    assert await ends.is_ended("s-1")
    assert not await ends.is_ended("s-2")
    await ends.forget(now=NOW)
    assert await ends.is_ended("s-1")
    await ends.forget(now=Instant(NOW + 2 * SECOND))
    assert not await ends.is_ended("s-1")
