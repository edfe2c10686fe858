"""A resident says his name and identity number, and his records become his own to open.

Rule: docs/rules/sign-in.md
"""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.entrance.model.real_name import may_have_own_records, own_records
from tianfu.apps.entrance.ports import Directory
from tianfu.kernel.instants import Instant, china_date
from tianfu.kernel.refusal import Refusal
from tianfu.records.searching import SearchRequest
from tianfu.services.accounts.model.people import Assurance, Kind, SignedIn
from tianfu.services.accounts.opening import Accounts
from tianfu.services.accounts.store import RecordType
from tianfu.standards.china.identifier_systems import IDENTITY_NUMBER
from tianfu.standards.china.identity_number import IdentityNumber, parse_identity_number, shortened

RECORDS_MAX = 50
"""A person has one record in each library, and one for each child; more under one number are not told apart here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What somebody says of himself; never shown in a log."""

    name: str = field(repr=False)
    identity_number: str = field(repr=False)


async def show_real_name(
    accounts: Accounts, directory: Directory, signed_in: SignedIn, told: Told, *, address: str, now: Instant
) -> None:
    """Tie a resident's records to his account, once name, number and telephone agree with a record.

    Tries count as failed sign-ins do, by telephone and by address.  Raises Refusal `real-name-known`,
    `identity-number-form`, `identity-number-date`, `identity-number-check`, `real-name-missing`, `sign-in-closed`, and
    `real-name-not-found`: one answer for every reason.
    """
    account = signed_in.account
    if account.kind is not Kind.RESIDENT:
        raise Refusal("not-found", next_step="start-again")
    if account.assurance >= Assurance.NAMED:
        raise Refusal("real-name-known")
    number = parse_identity_number(told.identity_number)
    if not told.name.strip():
        raise Refusal("real-name-missing")
    real_names = accounts.real_names
    await real_names.begin(signed_in, address)
    searcher = Caller(id=account.id, role="system", session=signed_in.session)
    patients, related = [
        own_records(await _carrying(directory, searcher, kind, number), name=told.name, telephone=account.number)
        for kind in ("Patient", "RelatedPerson")
    ]
    if not may_have_own_records(number.born, china_date(now)):
        patients = []
    ties: list[tuple[RecordType, str]] = [("Patient", each["id"]) for each in patients]
    ties += [("RelatedPerson", each["id"]) for each in related]
    if not patients or not await real_names.tie(signed_in, told.name, ties):
        raise await real_names.failed(signed_in, address)


async def _carrying(
    directory: Directory, searcher: Caller, kind: RecordType, number: IdentityNumber
) -> list[dict[str, object]]:
    """The records of a type that carry an identity number, as it is written now or was before 1999."""
    forms = [number.text]
    if number.text[6:8] == "19":
        forms.append(shortened(number.text))
    wanted = ",".join(f"{IDENTITY_NUMBER}|{form}" for form in forms)
    found = await directory.search(
        searcher,
        Purpose.OPERATIONS,
        SearchRequest(type=kind, parameters=(("identifier", wanted), ("_count", str(RECORDS_MAX)))),
    )
    return [orjson.loads(record.text) for record in found.records]
