"""A resident says his name and identity number, and his records become his own to open.

Rules: docs/rules/sign-in.md, docs/rules/growing-old.md
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from tianfu.access.caller import NOBODY, Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.entrance.model.real_name import (
    Resource,
    is_anothers_too,
    is_grown,
    may_have_own_records,
    named_records,
    own_records,
)
from tianfu.apps.entrance.ports import Directory
from tianfu.kernel.instants import Instant, china_date
from tianfu.kernel.refusal import Refusal
from tianfu.records.searching import SearchRequest
from tianfu.services.accounts.model.people import Kind, SignedIn
from tianfu.services.accounts.opening import Accounts
from tianfu.services.accounts.signing_in import Arrival, Entered
from tianfu.services.accounts.store import RecordType
from tianfu.standards.china.identifier_systems import IDENTITY_NUMBER
from tianfu.standards.china.identity_number import IdentityNumber, parse_identity_number, shortened

RECORDS_MAX = 50
"""A person has one record in each library, and one for each child; more under one number are not told apart here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What somebody says of himself, and the code of a desk's paper if he has one; never shown in a log."""

    name: str = field(repr=False)
    identity_number: str = field(repr=False)
    paper: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Own:
    """The records that carry a name and number, and whether the telephone in them says enough."""

    patients: Sequence[Resource]
    related: Sequence[Resource]
    is_shared: bool

    @property
    def ties(self) -> list[tuple[RecordType, str]]:
        ties: list[tuple[RecordType, str]] = [("Patient", each["id"]) for each in self.patients]
        return ties + [("RelatedPerson", each["id"]) for each in self.related]


async def show_real_name(
    accounts: Accounts, directory: Directory, signed_in: SignedIn, told: Told, *, address: str, now: Instant
) -> None:
    """Tie a resident's records to his account, once name, number and telephone agree with a record.

    With a desk's paper name and number are enough.  Tries count as failed sign-ins do, by account and by address.
    Raises Refusal `real-name-known`, `identity-number-form`, `identity-number-date`, `identity-number-check`,
    `real-name-missing`, `sign-in-closed`, and `real-name-not-found`: one answer for every reason.
    """
    account = signed_in.account
    if account.kind is not Kind.RESIDENT:
        raise Refusal("not-found", next_step="start-again")
    if account.name_stands:
        raise Refusal("real-name-known")
    number = _number(told)
    real_names, asker = (
        accounts.real_names,
        _Asker(directory, Caller(id=account.id, role="system", session=signed_in.session), now),
    )
    await real_names.begin(signed_in, address)
    if told.paper.strip():
        own = await asker.own_by_document(number, told.name, account.number)
        is_done = bool(own.patients) and await real_names.tie_by_paper(
            signed_in, told.name, own.ties, number=number.text, paper=told.paper, is_shared=own.is_shared
        )
    else:
        own = await asker.own_by_telephone(number, told.name, account.number)
        is_done = bool(own.patients) and await real_names.tie(signed_in, told.name, own.ties)
    if not is_done:
        raise await real_names.failed(signed_in, address)


async def say_whose(
    accounts: Accounts, directory: Directory, step: str, told: Told, *, arrival: Arrival, now: Instant
) -> Entered:
    """Let somebody into his account whose telephone alone says too little, once name, number and telephone agree.

    Raises Refusal `step-over`, and as `show_real_name` does.
    """
    telephone = await accounts.whose.number_of(step, arrival)
    number = _number(told)
    real_names, asker = accounts.real_names, _Asker(directory, Caller(id=NOBODY.id, role="system"), now)
    await real_names.begin_of_nobody(telephone, arrival.address)
    own = await asker.own_by_telephone(number, told.name, telephone)
    entered = await accounts.whose.by_name(step, told.name, own.ties, arrival) if own.patients else None
    if entered is None:
        raise await real_names.failed(None, arrival.address)
    await real_names.passed_of_nobody(telephone)
    return entered


def _number(told: Told) -> IdentityNumber:
    number = parse_identity_number(told.identity_number)
    if not told.name.strip():
        raise Refusal("real-name-missing")
    return number


class _Asker:
    """Asks the store in the system's name: nothing is open to somebody before he is known."""

    def __init__(self, directory: Directory, searcher: Caller, now: Instant) -> None:
        self._directory = directory
        self._searcher = searcher
        self._today = china_date(now)

    async def own_by_telephone(self, number: IdentityNumber, name: str, telephone: str) -> _Own:
        """Whose telephone it is shows which records are his; nobody's if it may be another's, or if he is not grown."""
        patients, related = [
            own_records(await self._carrying(kind, number), name=name, telephone=telephone) if telephone else []
            for kind in ("Patient", "RelatedPerson")
        ]
        is_shared = await self._is_shared(telephone, patients)
        is_his = is_grown(number.born, self._today) and not is_shared
        return _Own(patients=patients if is_his else [], related=related, is_shared=is_shared)

    async def own_by_document(self, number: IdentityNumber, name: str, telephone: str) -> _Own:
        """A desk saw who he is: name and number show which records are his."""
        patients, related = [
            named_records(await self._carrying(kind, number), name=name) for kind in ("Patient", "RelatedPerson")
        ]
        if not may_have_own_records(number.born, self._today):
            patients = []
        is_shared = bool(telephone) and await self._is_shared(telephone, patients)
        return _Own(patients=patients, related=related, is_shared=is_shared)

    async def _is_shared(self, telephone: str, own: Sequence[Resource]) -> bool:
        if not own:
            return False
        bearers = await self._found("Patient", ("phone", telephone))
        whose = ",".join(f"Patient/{each['id']}" for each in own)
        related = await self._found("RelatedPerson", ("patient", whose), ("phone", telephone))
        is_cut_off = max(len(bearers), len(related)) >= RECORDS_MAX
        return is_cut_off or is_anothers_too(telephone, own, bearers, related, self._today)

    async def _carrying(self, kind: RecordType, number: IdentityNumber) -> list[Resource]:
        """The records of a type that carry an identity number, as it is written now or was before 1999."""
        forms = [number.text]
        if number.text[6:8] == "19":
            forms.append(shortened(number.text))
        return await self._found(kind, ("identifier", ",".join(f"{IDENTITY_NUMBER}|{form}" for form in forms)))

    async def _found(self, kind: RecordType, *fields: tuple[str, str]) -> list[Resource]:
        wanted = SearchRequest(type=kind, parameters=(*fields, ("_count", str(RECORDS_MAX))))
        found = await self._directory.search(self._searcher, Purpose.OPERATIONS, wanted)
        return [orjson.loads(record.text) for record in found.records]
