"""A made-up town of people and programs, on a real database, for tests of the authorisation server."""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey
from msgspec.json import encode

from tests.made_up_keys import made_up_keys
from tests.trails import auditor_of
from tianfu.access.caller import Caller
from tianfu.db import Database, Query
from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.keys import open_keyring
from tianfu.services.accounts.model.people import Account, Assurance, Kind, Method, SignedIn, Workplace
from tianfu.services.accounts.oauth.authentication import ASSERTION_TYPE
from tianfu.services.accounts.oauth.clients import Registered
from tianfu.services.accounts.oauth.model.clients import ClientKind, Registration
from tianfu.services.accounts.oauth.server import AuthorisationServer
from tianfu.vault.keyring import Keyring

ISSUER = "http://localhost"
BASE = "http://localhost/fhir"
NOON = Instant(1_795_406_400 * SECOND)
"""23 November 2026, 12:00 in China."""

REDIRECT = "https://app.example/back"
SCOPES = (
    "openid",
    "fhirUser",
    "launch",
    "launch/patient",
    "offline_access",
    "online_access",
    "patient/*.rs",
    "user/*.rs",
)
SECURITY = Caller(id="made-up-security", role="security")
VERIFIER = "made-up-verifier-of-forty-three-letters-or-more"


class MovableClock:
    """A clock that tests put forward."""

    def __init__(self, now: Instant = NOON) -> None:
        self.now = now

    def __call__(self) -> Instant:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now = Instant(self.now + int(seconds * SECOND))


@dataclass
class Elsewhere:
    """Others' servers: what lies at which address; the outermost edge, and the only thing made up here."""

    documents: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def get(self, address: str) -> bytes:
        self.asked.append(address)
        if address not in self.documents:
            raise Refusal("outside-unreachable", details={"reason": "status-404"})
        return self.documents[address]

    async def post(self, address: str, form: Mapping[str, str], *, authorization: str | None) -> bytes:
        raise AssertionError(address)


def challenge(verifier: str = VERIFIER) -> str:
    """What RFC 7636 makes of a verifier, reckoned here once more."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")


def asked(client: str, **changes: str | None) -> list[tuple[str, str]]:
    """A sound request for authorisation, but for the changes; None takes a parameter away."""
    fields: dict[str, str | None] = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": REDIRECT,
        "scope": "openid fhirUser user/*.rs",
        "state": "made-up-state-1",
        "code_challenge": challenge(),
        "code_challenge_method": "S256",
        "aud": BASE,
        "nonce": "made-up-nonce",
        **changes,
    }
    return [(name, value) for name, value in fields.items() if value is not None]


@dataclass
class Town:
    """The server with everything around it, and short ways to say what a test does."""

    database: Database
    server: AuthorisationServer
    keyring: Keyring
    clock: MovableClock
    elsewhere: Elsewhere
    doctor: SignedIn
    resident: SignedIn
    auditor: Auditor

    async def run(self, sql: str, **parameters: object) -> list[Any]:
        async with self.database.connection("owner") as owner:
            return await owner.all(Query.composed("made_up", sql), **parameters)

    async def register(self, kind: ClientKind = ClientKind.PUBLIC, **more: Any) -> Registered:
        said: dict[str, Any] = {"name": "Made-up app", "redirects": (REDIRECT,), "scopes": SCOPES, **more}
        return await self.server.clients.register(SECURITY, Registration(kind=kind, **said))

    async def register_backend(self, key: ECKey, **more: Any) -> str:
        said: dict[str, Any] = {
            "redirects": (),
            "scopes": ("system/*.rs",),
            "role": "hospital-system",
            "organisation": "made-up-hospital",
            "keys": key_set(key),
            **more,
        }
        return (await self.register(ClientKind.BACKEND, **said)).client

    async def code(
        self, client: str, who: SignedIn | None = None, patient: str | None = None, **changes: str | None
    ) -> str:
        """The code that a person's approval gives."""
        person = who or self.doctor
        proposal = await self.server.authorising.propose(person, asked(client, **changes))
        address = await self.server.authorising.approve(person, proposal, patient=patient)
        return value_in(address, "code")

    def exchange(self, client: str, code: str, **changes: str) -> list[tuple[str, str]]:
        fields = {
            "grant_type": "authorization_code",
            "client_id": client,
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
            **changes,
        }
        return list(fields.items())

    async def tokens(self, client: str, who: SignedIn | None = None, **changes: str | None) -> dict[str, Any]:
        """Everything that a program gets which does as it should."""
        code = await self.code(client, who, **changes)
        return dict(await self.server.exchanging.token(self.exchange(client, code), ""))

    async def refresh(self, client: str, refresh_token: str, **more: str) -> dict[str, Any]:
        form = {"grant_type": "refresh_token", "client_id": client, "refresh_token": refresh_token, **more}
        return dict(await self.server.exchanging.token(list(form.items()), ""))

    async def fault(self, access_token: str) -> str | None:
        """Why a worker that has not met a token refuses it, None if it takes it."""
        fresh = await fresh_server(self)
        try:
            await fresh.tokens.read(access_token.encode(), BASE, self.clock())
        except Refusal as refusal:
            return refusal.code
        return None

    async def trail(self) -> list[tuple[str, str, str]]:
        """What the trace holds, oldest first: the deed, its outcome, and what else is told."""
        rows = await self.run(
            "select interaction, outcome, coalesce(query, '') from audit where interaction like any"
            " (array['program-%', 'client-%']) order by at, seq"
        )
        return [(row[0], row[1], row[2]) for row in rows]

    async def last_told(self) -> tuple[str, str, str]:
        return (await self.trail())[-1]


async def fresh_server(town: Town, *, is_production: bool = True) -> AuthorisationServer:
    """The server as another worker has it: the same database, nothing remembered."""
    return await AuthorisationServer.open(
        town.database,
        town.keyring,
        town.auditor,
        town.elsewhere,
        issuer=ISSUER,
        base=BASE,
        clock=town.clock,
        is_production=is_production,
    )


def value_in(address: str, name: str) -> str:
    """A parameter of an address's query."""
    from urllib.parse import parse_qs, urlsplit

    return parse_qs(urlsplit(address).query)[name][0]


def key_set(*keys: ECKey) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


def made_up_key(kid: str = "k1", curve: str = "P-384") -> ECKey:
    return ECKey.generate_key(curve, {"kid": kid})  # type: ignore[arg-type]  # joserfc wants a literal


def assertion(
    client: str, key: ECKey | RSAKey, clock: Clock, *, header: Mapping[str, Any] | None = None, **changes: Any
) -> str:
    """A sound client assertion, but for the changes; None takes a claim away."""
    claims = {
        "iss": client,
        "sub": client,
        "aud": f"{ISSUER}/oauth/token",
        "exp": clock() // SECOND + 240,
        "jti": os.urandom(8).hex(),
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    head = {"alg": "ES384", "kid": key.kid, "typ": "JWT", **(header or {})}
    return jws.serialize_compact(head, encode(kept), key, algorithms=[head["alg"]])


def backend_form(text: str, scope: str = "system/*.rs") -> list[tuple[str, str]]:
    return [
        ("grant_type", "client_credentials"),
        ("scope", scope),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", text),
    ]


def doctor() -> SignedIn:
    account = Account(id="made-up-doctor", kind=Kind.STAFF, name="示例医生", number="D1", assurance=Assurance.SEEN)
    place = Workplace(
        id="wp-1",
        account=account.id,
        organisation="made-up-hospital",
        role="doctor",
        practitioner="made-up-practitioner",
    )
    return SignedIn(
        session="s-doctor",
        account=account,
        workplace=place,
        methods=frozenset({Method.PASSWORD, Method.TOTP}),
        proved_at=NOON,
        until=Instant(NOON + 8 * 3_600 * SECOND),
    )


def resident() -> SignedIn:
    account = Account(
        id="made-up-resident",
        kind=Kind.RESIDENT,
        name="示例居民",
        number="13900000000",
        assurance=Assurance.NAMED,
        patients=("made-up-patient",),
        related=(),
        telephone_at=NOON,
        named_at=NOON,
        name_stands=True,
    )
    return SignedIn(
        session="s-resident",
        account=account,
        workplace=None,
        methods=frozenset({Method.TELEPHONE}),
        proved_at=NOON,
        until=Instant(NOON + 8 * 3_600 * SECOND),
    )


_ADD_ACCOUNT = """insert into account (account, kind, handle, told, sealed_with, assurance, created_at,
telephone_at, named_at) values (%(account)s, %(kind)s, %(handle)s, ''::bytea, 0, %(assurance)s, %(now)s, %(now)s,
%(now)s)"""
_ADD_WORKPLACE = """insert into workplace (workplace, account, organisation, role, practitioner, since, by)
values (%(workplace)s, %(account)s, %(organisation)s, %(role)s, %(practitioner)s, %(now)s, 'made-up')"""
_ADD_RECORD = """insert into account_record (account, type, record, since, by)
values (%(account)s, %(type)s, %(record)s, %(now)s, 'made-up')"""
_ADD_SESSION = """insert into session (digest, session, account, workplace, device, agent, methods, proved_at, since,
seen_at, until) values (%(digest)s, %(session)s, %(account)s, %(workplace)s, ''::bytea, '', '{}', %(now)s, %(now)s,
%(now)s, %(until)s)"""


async def settle(town: Town, person: SignedIn) -> None:
    """Put a person into the tables."""
    account = person.account
    await town.run(
        _ADD_ACCOUNT,
        account=account.id,
        kind=account.kind.value,
        handle=account.id.encode(),
        assurance=int(account.assurance),
        now=NOON,
    )
    if (place := person.workplace) is not None:
        await town.run(
            _ADD_WORKPLACE,
            workplace=place.id,
            account=account.id,
            organisation=place.organisation,
            role=place.role,
            practitioner=place.practitioner,
            now=NOON,
        )
    for kind, records in (("Patient", account.patients), ("RelatedPerson", account.related)):
        for record in records:
            await town.run(_ADD_RECORD, account=account.id, type=kind, record=record, now=NOON)
    await begin_session(town, person)


async def begin_session(town: Town, person: SignedIn, session: str | None = None) -> SignedIn:
    """A session of a person who is settled."""
    name = session or person.session
    await town.run(
        _ADD_SESSION,
        digest=sha256(name.encode()).digest(),
        session=name,
        account=person.account.id,
        workplace=None if person.workplace is None else person.workplace.id,
        now=NOON,
        until=person.until,
    )
    return replace(person, session=name)


async def town_of(database: Database) -> Town:
    """A town whose people are signed in."""
    clock, elsewhere = MovableClock(), Elsewhere()
    keyring = await open_keyring(database, made_up_keys(b"k" * 32))
    auditor = await auditor_of(database)
    server = await AuthorisationServer.open(
        database, keyring, auditor, elsewhere, issuer=ISSUER, base=BASE, clock=clock, is_production=True
    )
    town = Town(database, server, keyring, clock, elsewhere, doctor(), resident(), auditor)
    await settle(town, town.doctor)
    await settle(town, town.resident)
    return town
