"""An access token becomes a caller with one purpose, and the role of development opens nothing in production."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from tests.web.letting_in import MemoryBuckets, Told
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Account, Assurance, Kind, Method, SignedIn, Workplace
from tianfu.services.accounts.oauth.tokens import Bearer
from tianfu.services.accounts.sessions import Sessions
from tianfu.services.limits.limiter import Limiter
from tianfu.services.limits.limits import load_limits
from tianfu.web.bearers import TokenCallers
from tianfu.web.callers import Admitted, Carried, PeopleCallers, SessionEnding, admitted_by_session

pytestmark = pytest.mark.anyio

NOW = Instant(1_795_406_400 * SECOND)
SHOWN = b"Bearer made.up.token"


def bearer(role: str, *, for_whom: str = "dr-made-up", client: str = "app-1") -> Bearer:
    return Bearer(
        caller=Caller(id=for_whom, role=role),
        client=client,
        family="family-1",
        scopes=("user/*.rs",),
        patient=None,
        proved_at=NOW,
        since=NOW,
        until=Instant(NOW + 600 * SECOND),
    )


@dataclass
class Known:
    """The outermost edge: who stands behind which token, or why nobody does."""

    answers: Bearer | Refusal
    asked: list[bytes] = field(default_factory=list)
    believes: bool = False

    def believed(self, text: bytes) -> Bearer | None:
        return self.answers if self.believes and self.asked and isinstance(self.answers, Bearer) else None

    async def bearer(self, text: bytes) -> Bearer:
        self.asked.append(text)
        if isinstance(self.answers, Refusal):
            raise self.answers
        return self.answers


def callers(
    known: Known, *, is_production: bool = True, buckets: MemoryBuckets | None = None, told: Told | None = None
) -> TokenCallers:
    limiter = Limiter(buckets or MemoryBuckets(), load_limits(None), monotonic=time.monotonic)
    return TokenCallers(known, limiter, told or Told(), is_production=is_production)


async def admitted(answers: Bearer, purpose: bytes = b"", *, is_production: bool = True) -> Admitted:
    return await callers(Known(answers), is_production=is_production).machine(SHOWN, purpose, client="203.0.113.7")


async def refused(answers: Bearer | Refusal, purpose: bytes = b"", shown: bytes = SHOWN) -> str:
    with pytest.raises(Refusal) as found:
        await callers(Known(answers)).machine(shown, purpose, client="203.0.113.7")
    return found.value.code


@pytest.mark.parametrize(
    ("role", "named", "purpose"),
    [
        ("doctor", b"", Purpose.TREATMENT),
        ("doctor", b"ETREAT", Purpose.EMERGENCY),
        ("citizen", b"", Purpose.PATIENT_REQUEST),
        ("citizen", b"PATRQT", Purpose.PATIENT_REQUEST),
    ],
)
async def test_a_persons_token_is_for_the_first_purpose_of_the_role_or_the_one_that_is_named(
    role: str, named: bytes, purpose: Purpose
) -> None:
    assert (await admitted(bearer(role), named)).purpose == purpose


async def test_a_program_for_itself_says_what_for_if_its_role_has_several() -> None:
    house = bearer("hospital-system", for_whom="app-1")
    assert await refused(house) == "purpose-missing"
    assert (await admitted(house, b"HOPERAT")).purpose == Purpose.OPERATIONS
    assert (await admitted(bearer("researcher", for_whom="app-1"))).purpose == Purpose.RESEARCH


@pytest.mark.parametrize(
    ("role", "named", "code"),
    [
        ("doctor", b"HRESCH", "purpose-not-allowed"),
        ("citizen", b"TREAT", "purpose-not-allowed"),
        ("doctor", b"treat", "purpose-unknown"),
        ("nobody", b"", "purpose-not-allowed"),
        ("nobody", b"TREAT", "purpose-not-allowed"),
    ],
)
async def test_no_purpose_is_open_that_the_role_has_no_rule_for(role: str, named: bytes, code: str) -> None:
    assert await refused(bearer(role), named) == code


@pytest.mark.parametrize("shown", [b"", b"Bearer", b"Bearer ", b"Basic bWFkZTp1cA==", b"made.up.token"])
async def test_who_shows_no_token_is_told_that_one_is_missing(shown: bytes) -> None:
    assert await refused(bearer("doctor"), shown=shown) == "token-missing"


async def test_a_bad_token_counts_against_its_address_and_the_reason_stays_here() -> None:
    buckets = MemoryBuckets()
    refusal = Refusal("token-refused", details={"reason": "key"})
    refusal.is_traced = True
    with pytest.raises(Refusal) as found:
        await callers(Known(refusal), buckets=buckets).machine(SHOWN, b"", client="203.0.113.7")
    assert (found.value.code, found.value.details, found.value.is_traced) == ("token-refused", {}, True)
    assert ("address:203.0.113.7", "bad-credential") in buckets.left


async def test_whoever_goes_on_guessing_is_slowed_down() -> None:
    guessing = callers(Known(Refusal("token-refused")))
    codes = []
    for _ in range(200):
        with pytest.raises(Refusal) as found:
            await guessing.machine(SHOWN, b"", client="203.0.113.7")
        codes.append(found.value.code)
    assert codes[0] == "token-refused"
    assert codes[-1] == "too-many-requests"


async def test_it_is_asked_each_time_so_that_nothing_is_believed_for_longer_than_there() -> None:
    known = Known(bearer("doctor"))
    doors = callers(known)
    first = await doors.machine(SHOWN, b"", client="")
    assert await doors.machine(SHOWN, b"", client="") is first
    known.answers = replace(bearer("doctor"), scopes=())
    assert await doors.machine(SHOWN, b"", client="") is not first
    known.answers = Refusal("token-ended")
    with pytest.raises(Refusal, match="token-ended"):
        await doors.machine(SHOWN, b"", client="")
    assert known.asked == [b"made.up.token"] * 4


async def test_a_token_that_is_believed_is_not_looked_at_again() -> None:
    known = Known(bearer("doctor"), believes=True)
    doors = callers(known)
    first = await doors.machine(SHOWN, b"", client="")
    assert await doors.machine(SHOWN, b"", client="") is first
    assert (await doors.machine(SHOWN, b"ETREAT", client="")).purpose is Purpose.EMERGENCY
    assert known.asked == [b"made.up.token"]
    known.believes = False
    known.answers = Refusal("token-ended")
    with pytest.raises(Refusal, match="token-ended"):
        await doors.machine(SHOWN, b"", client="")


async def test_what_a_program_asks_for_somebody_does_not_use_up_what_he_may_ask_himself() -> None:
    assert (await admitted(bearer("doctor"))).bucket == "dr-made-up:app-1"
    assert (await admitted(bearer("researcher", for_whom="app-1"))).bucket == "app-1"


# The role of development


async def test_a_token_of_a_role_of_development_opens_nothing_in_production() -> None:
    desk = bearer("desk", for_whom="app-1")
    told, buckets = Told(), MemoryBuckets()
    with pytest.raises(Refusal, match="role-of-development"):
        await callers(Known(desk), told=told, buckets=buckets).machine(SHOWN, b"TREAT", client="203.0.113.7")
    assert told.deeds == [("app-1", "program-read", "role-of-development")]
    assert ("address:203.0.113.7", "bad-credential") in buckets.left
    assert (await admitted(desk, b"TREAT", is_production=False)).caller.role == "desk"


def session(role: str) -> SignedIn:
    account = Account(id="account-1", kind=Kind.STAFF, name="示例", number="D1", assurance=Assurance.SEEN)
    place = Workplace(id="wp-1", account=account.id, organisation="house", role=role, practitioner=None)
    methods = frozenset({Method.PASSWORD, Method.TOTP})
    return SignedIn(session="s-1", account=account, workplace=place, methods=methods, proved_at=NOW, until=NOW)


def test_a_session_of_a_role_of_development_opens_nothing_in_production() -> None:
    with pytest.raises(Refusal, match="role-of-development"):
        admitted_by_session(session("desk"), is_production=True)
    assert admitted_by_session(session("desk"), is_production=False).caller.role == "desk"
    assert admitted_by_session(session("doctor"), is_production=True).caller.role == "doctor"


class OneSession:
    """The outermost edge: whose session every cookie is."""

    async def look_up(self, secret: str, device: str) -> SignedIn:
        return session("desk")


async def test_whoever_shows_a_session_of_a_role_of_development_is_in_the_trace_and_counts() -> None:
    told, buckets = Told(), MemoryBuckets()
    limiter = Limiter(buckets, load_limits(None), monotonic=time.monotonic)
    people = PeopleCallers(
        cast("Sessions", OneSession()), cast("SessionEnding", None), limiter, told, is_production=True
    )
    with pytest.raises(Refusal, match="role-of-development"):
        await people.visitor(Carried(session="made-up", device="made-up", client="203.0.113.7"))
    assert told.deeds == [("account-1", "session-shown", "role-of-development")]
    assert ("address:203.0.113.7", "bad-credential") in buckets.left
