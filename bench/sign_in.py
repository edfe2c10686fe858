"""The speeds of signing in: whole sign-ins with password and authenticator, and tokens looked at and decided on.

Both run in one process on the embedded PostgreSQL of every installation, with each event in the trail.  Beside them
stand what argon2 alone does on all processors, at our cost and at RFC 9106's second one.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from argon2 import Parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from bench.doctors_app import token_of
from bench.machine import machine
from bench.places import keys
from bench.saying import say
from tianfu.access.caller import Caller
from tianfu.access.organisations import OrganisationTree
from tianfu.access.purpose import Purpose
from tianfu.db import Addresses, EmbeddedPostgres, migrate
from tianfu.installation import schema_steps
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.permission import Permissions
from tianfu.services.accounts.argon2id import Argon2id
from tianfu.services.accounts.hashing import RECOMMENDED
from tianfu.services.accounts.model.people import Method, SignedIn
from tianfu.services.accounts.oauth.model.clients import ClientKind, Registration
from tianfu.services.accounts.oauth.server import AuthorisationServer
from tianfu.services.accounts.opening import Accounts, OpenAccounts, opened_accounts
from tianfu.services.accounts.passkey_answers import RelyingParty
from tianfu.services.accounts.signing_in import Arrival, Entered, Next
from tianfu.services.accounts.store import THE_OPERATOR, Post
from tianfu.services.accounts.totp import code_at, new_secret

Result = dict[str, object]

RUNS = 3
LOGINS_PER_RUN = 120
AT_ONCE = 8
"""So many people sign in at one moment: enough that no processor waits for one of them."""

SESSIONS = 40
TOKENS_SHOWN = 400
"""Tokens of programs that ask again and again, as the known ones."""

CHECKS_PER_RUN = 20_000
NEW_PER_RUN = 2_000
NEW_SHARE = 0.02
"""Of a mix, so many are shown for the first time: a program that asks every ten seconds shows a token sixty times."""

CHECKS_AT_ONCE = 32
HASHING_SECONDS = 3.0
PASSWORD = "lotus pond at dusk 7"  # noqa: S105 - of made-up people
ISSUER, BASE = "https://bench.example", "https://bench.example/fhir"
REDIRECT = "https://app.example/back"
SCOPES = ("openid", "fhirUser", "user/*.rs")
ORGANISATION = "bench-hospital"
NO_TREE = OrganisationTree(())


def sign_in() -> Result:
    """Measure everything once, in a fresh database."""
    started = time.monotonic()
    result: Result = {"machine": machine()}
    result |= hashes()
    with tempfile.TemporaryDirectory(prefix="tianfu-bench-sign-in-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # the embedded server may run as another account
        with EmbeddedPostgres(home).running() as addresses:
            migrate(addresses, schema_steps())
            result |= asyncio.run(_measured(addresses, home))
    result["seconds"] = round(time.monotonic() - started, 1)
    return result


def hashes() -> Result:
    """Passwords compared in a second by argon2 alone, a thread on each processor."""
    ours = [_hashes_per_second(RECOMMENDED) for _ in range(RUNS)]
    dear = [_hashes_per_second(RFC_9106_LOW_MEMORY) for _ in range(RUNS)]
    return {
        **_median("password_hashes_per_second", ours, 1),
        **_median("password_hashes_rfc_9106_per_second", dear, 1),
    }


def _hashes_per_second(cost: Parameters) -> float:
    hashers = [Argon2id(cost) for _ in os.sched_getaffinity(0)]
    digest = hashers[0].digest(PASSWORD.encode())
    done = [0] * len(hashers)
    for each in hashers:
        each.is_right(digest, PASSWORD.encode())  # its memory is there
    started = time.perf_counter()

    def work(number: int) -> None:
        while time.perf_counter() < started + HASHING_SECONDS:
            if not hashers[number].is_right(digest, PASSWORD.encode()):
                raise SystemExit("argon2 does not know its own digest")
            done[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(hashers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - started)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    number: str
    secret: bytes


async def _measured(addresses: Addresses, home: Path) -> Result:
    async with _opened(addresses, home) as house:
        # One digest for all: it costs no less to compare because others have the same.
        digest = await house.accounts.credentials.digest(PASSWORD)
        people = [await _join(house, number, digest) for number in range((RUNS + 1) * LOGINS_PER_RUN)]
        await _together(AT_ONCE, people[:LOGINS_PER_RUN], house)  # warms
        logins = []
        for run in range(1, RUNS + 1):
            some = people[run * LOGINS_PER_RUN : (run + 1) * LOGINS_PER_RUN]
            started = time.perf_counter()
            entered = await _together(AT_ONCE, some, house)
            logins.append(len(entered) / (time.perf_counter() - started))
        said = _median("logins_per_second", logins, 1)
        return said | await _tokens(house, [each.signed_in for each in entered[:SESSIONS]])


def _opened(addresses: Addresses, home: Path) -> AbstractAsyncContextManager[OpenAccounts]:
    party = RelyingParty.at(ISSUER, "Tianfu bench")
    return opened_accounts(addresses, home, keys(home), issuer="Tianfu bench", party=party, clock=system_clock)


async def _join(house: OpenAccounts, number: int, digest: bytes) -> _Person:
    """A doctor with a password and an authenticator."""
    person = _Person(number=f"BENCH{number:05}", secret=new_secret())
    post = Post(organisation=ORGANISATION, role="doctor", practitioner=f"bench-{number}")
    people, credentials = house.accounts.people, house.accounts.credentials
    account, _ = await people.join_staff(THE_OPERATOR, name="Bench Demo", number=person.number, post=post, tree=NO_TREE)
    async with house.database.transaction("app") as transaction:
        await credentials.set_password(transaction, account.id, digest)
        await credentials.add_totp(transaction, account.id, person.secret, step=0, label="bench")
    return person


async def _together(at_once: int, people: Sequence[_Person], house: OpenAccounts) -> list[Entered]:
    """Let them sign in, so many at one moment."""
    waiting, entered = list(people), []

    async def one() -> None:
        while waiting:
            entered.append(await _login(house.accounts, waiting.pop()))

    await asyncio.gather(*(one() for _ in range(at_once)))
    return entered


async def _login(accounts: Accounts, person: _Person) -> Entered:
    """Password, then authenticator, as the page does it; and the session opens."""
    first = Arrival(address=f"203.0.113.{random.randrange(256)}", device="", agent="bench")
    step = await accounts.signing_in.with_password(person.number, PASSWORD, first)
    if not isinstance(step, Next):
        raise SystemExit("the benchmark signed in without an authenticator")
    second = Arrival(address=first.address, device=step.device, agent=first.agent)
    code = code_at(person.secret, system_clock())
    entered = await accounts.signing_in.with_second(step.step, Method.TOTP, code, second)
    if not isinstance(entered, Entered):
        raise SystemExit("the benchmark did not get in")
    await accounts.sessions.look_up(entered.secret, entered.device)
    return entered


async def _tokens(house: OpenAccounts, signed_in: Sequence[SignedIn]) -> Result:
    """Tokens looked at in a second: known ones, new ones and a mix; each with its decision."""
    server = await _server(house)
    permissions = Permissions(house.database, system_clock)
    written = await _written(server, signed_in, TOKENS_SHOWN + 2 * RUNS * NEW_PER_RUN)
    fresh = iter(written[TOKENS_SHOWN:])
    shown = written[:TOKENS_SHOWN]

    async def check(text: bytes) -> None:
        bearer = await server.bearer(text)
        grant = await permissions.grant(bearer.caller, Purpose.TREATMENT)
        if grant.narrowing is None or not grant.kinds:
            raise SystemExit("the benchmark's token opens nothing, or is not narrowed")

    dice = random.Random(4)
    known = [dice.choice(shown) for _ in range(CHECKS_PER_RUN)]
    await _checked(check, known)  # warms
    known_runs = [await _checked(check, known) for _ in range(RUNS)]
    new_runs = [await _checked(check, [next(fresh) for _ in range(NEW_PER_RUN)]) for _ in range(RUNS)]
    mixes = [
        [next(fresh) if dice.random() < NEW_SHARE else dice.choice(shown) for _ in range(CHECKS_PER_RUN)]
        for _ in range(RUNS)
    ]
    mixed_runs = [await _checked(check, mix) for mix in mixes]
    await _refuses_what_is_no_token(server, shown[0])
    return {
        **_median("token_checks_per_second", mixed_runs, 0),
        **_median("known_token_checks_per_second", known_runs, 0),
        **_median("new_token_checks_per_second", new_runs, 0),
    }


async def _checked(check: Callable[[bytes], Awaitable[None]], texts: Sequence[bytes]) -> float:
    """How many are looked at in a second, so many at once."""
    waiting = list(texts)

    async def one() -> None:
        while waiting:
            await check(waiting.pop())

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(CHECKS_AT_ONCE)))
    return len(texts) / (time.perf_counter() - started)


async def _server(house: OpenAccounts) -> AuthorisationServer:
    return await AuthorisationServer.open(
        house.database,
        house.keyring,
        house.auditor,
        _Nowhere(),
        issuer=ISSUER,
        base=BASE,
        clock=system_clock,
        is_production=True,
    )


class _Nowhere:
    """No other server is asked by what is measured."""

    async def get(self, address: str) -> bytes:
        raise Refusal("outside-unreachable", details={"reason": "bench"})

    async def post(self, address: str, form: object, *, authorization: str | None) -> bytes:
        raise Refusal("outside-unreachable", details={"reason": "bench"})


async def _written(server: AuthorisationServer, signed_in: Sequence[SignedIn], wanted: int) -> list[bytes]:
    """So many access tokens, each another text, of programs that people let in."""
    by = Caller(id="bench-security", role="security")
    registered = await server.clients.register(
        by, Registration(kind=ClientKind.PUBLIC, name="Bench app", redirects=(REDIRECT,), scopes=SCOPES)
    )
    families = [await _family(server, registered.client, each) for each in signed_in]
    tokens: list[bytes] = []
    for number in count():
        if len(tokens) >= wanted:
            return tokens
        living = await server.families.living(families[number % len(families)])
        if living is None:
            raise SystemExit("an authorisation of the benchmark is over")
        text, _ = await server.tokens.write(living, BASE, living.scopes, user=None)
        tokens.append(text.encode())
    raise AssertionError("a count has no end")


async def _family(server: AuthorisationServer, client: str, person: SignedIn) -> str:
    """What one person's approval gives: the name of the family of its tokens."""
    token = await token_of(server, client, person, redirect=REDIRECT, scopes=SCOPES)
    return (await server.bearer(token.encode())).family


async def _refuses_what_is_no_token(server: AuthorisationServer, true: bytes) -> None:
    """A fast check that took everything would be worth nothing."""
    head, _, signature = true.rpartition(b".")
    wrong = b".".join((head, signature[::-1]))
    try:
        await server.bearer(wrong)
    except Refusal:
        return
    raise SystemExit("the benchmark's server takes a token that nobody signed")


def _median(name: str, runs: Sequence[float], digits: int) -> Result:
    say(f"{name}: {', '.join(f'{each:,.{digits}f}' for each in runs)}")
    places = digits or None  # None makes whole numbers
    return {name: round(statistics.median(runs), places), f"{name}_runs": [round(each, places) for each in runs]}
