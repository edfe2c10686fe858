"""Whom ties open to somebody now: the patients of his unit and those with his own name, newest tie first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tianfu.access.decision import Grant
from tianfu.access.elements import choices
from tianfu.access.relation import Kind
from tianfu.access.scopes import Act
from tianfu.db import Database
from tianfu.db.prepared import Row
from tianfu.db.wire import int8_array
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import Clock, Instant
from tianfu.records.index.hashing import token_hash
from tianfu.records.outcomes import Record
from tianfu.records.reading import Reader
from tianfu.records.visibility import Guarded, visibility_values, wall
from tianfu.standards.fhir.definitions import definitions

TIED_MAX = 100
"""So many patients on a page at most."""

NO_SYSTEM = ""
"""An element of type `code` is indexed without the system that it implies."""

LISTED = (Kind.ENCOUNTER, Kind.TEAM, Kind.FAMILY_DOCTOR, Kind.REFERRAL)
"""What makes somebody's patients: visits, teams, contracts, referrals; a consent or an emergency does not."""

_SQL = Guarded("tied.sql")
_OVER = frozenset({"finished", "planned"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TiedPatient:
    """A patient, why and since when he is open to the caller, and whether the caller himself is named."""

    record: Record
    kinds: tuple[Kind, ...]
    since: Instant
    is_named: bool


@dataclass(frozen=True, slots=True)
class Behind:
    """The place of the last patient of a page."""

    since: int
    patient: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TiedPage:
    """Newest tie first; `next` is where the page after begins, None on the last."""

    patients: tuple[TiedPatient, ...]
    next: Behind | None


class TiedPatients:
    """Answers who somebody's patients are, by one statement that begins at his ties and never at the patients."""

    def __init__(self, database: Database, reader: Reader, clock: Clock) -> None:
        self._database = database
        self._reader = reader
        self._clock = clock

    async def page(self, grant: Grant, *, after: Behind | None, limit: int) -> TiedPage:
        """At most `limit` patients whom the caller may see; nobody for a caller without unit and name."""
        limit = min(limit, TIED_MAX)
        caller = grant.caller
        named = None if caller.practitioner is None else record_number("Practitioner", caller.practitioner)
        unit = None if caller.organisation is None else record_number("Organization", caller.organisation)
        near = [each for each in (named, unit) if each is not None and each in grant.actors]
        if not near:
            return TiedPage(patients=(), next=None)
        async with self._database.connection("reader", before=wall(grant, plans="force_custom_plan")) as connection:
            rows = await connection.all(
                _SQL.under(grant).tied,
                **visibility_values(grant, self._clock(), doing=Act.SEARCH),
                near=int8_array(near),
                practitioner=named,
                kinds=grant.kinds & sum(each.bit for each in LISTED),
                visit=int(Kind.ENCOUNTER),
                open=int8_array(_open_visits()),
                after_since=None if after is None else after.since,
                after_patient=None if after is None else after.patient,
                limit=limit + 1,
            )
        shown = rows[:limit]
        return TiedPage(
            patients=tuple(self._patient(row) for row in shown),
            next=Behind(shown[-1][5], shown[-1][0]) if len(rows) > limit else None,
        )

    def _patient(self, row: Row) -> TiedPatient:
        return TiedPatient(
            record=self._reader.record("Patient", *row[:5]),
            kinds=tuple(each for each in LISTED if row[6] & each.bit),
            since=Instant(row[5]),
            is_named=bool(row[7]),
        )


def _open_visits() -> Sequence[int]:
    """The statuses of visits that open records and are not over or to come."""
    parameter = definitions().search_parameter("Encounter", "status")
    if parameter is None:
        raise LookupError("Encounter has no status")
    wanted = set(choices()["encounter"]["statuses"]) - _OVER
    return [token_hash(parameter.number, NO_SYSTEM, each) for each in sorted(wanted)]
