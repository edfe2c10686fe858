"""Who may do what, asked of the database: the facts about a caller, and whether he may write what he wants to write.

What may be *read* is not decided here but by the condition in every statement (`tianfu.records.visibility`).
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence

from tianfu.access.caller import Caller
from tianfu.access.decision import Facts, Grant, decide
from tianfu.access.organisations import OrganisationTree, Unit, actors_of
from tianfu.access.purpose import Purpose
from tianfu.db import Database, Transaction, queries
from tianfu.db.wire import int2_array, int4_array, int8_array
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import SECOND, Clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.index.hashing import token_hash
from tianfu.records.visibility import asked, visibility_values
from tianfu.records.write import RECORD_SPACE, Change, lock_slots
from tianfu.standards.fhir.definitions import definitions

GRANTS_REMEMBERED = 4_096
GRANT_SECONDS_MAX = 0.5
"""How long the place of a caller in his organisation is remembered; relations and consents are asked every time."""

TREE_DEPTH_MAX = 8
UNITS_MAX = 2_000
ORGANISATION_KINDS = "http://terminology.hl7.org/CodeSystem/organization-type"
PART_KINDS = ("dept", "team")

_SQL = queries("tianfu.records.sql", "permission.sql", fill=asked)


class Permissions:
    """Grants for callers, and refusals for what they may not write."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._remembered: OrderedDict[tuple[Caller, Purpose], tuple[int, Grant]] = OrderedDict()

    async def grant(self, caller: Caller, purpose: Purpose) -> Grant:
        """What the caller may see and do now; raises Refusal `not-permitted` if that is nothing at all."""
        now = self._clock()
        kept = self._remembered.get((caller, purpose))
        if kept is not None and now < kept[0]:
            return kept[1]
        grant = decide(caller, purpose, await self._facts(caller))
        self._remembered[caller, purpose] = now + int(GRANT_SECONDS_MAX * SECOND), grant
        self._remembered.move_to_end((caller, purpose))
        while len(self._remembered) > GRANTS_REMEMBERED:
            self._remembered.popitem(last=False)
        return grant

    async def _facts(self, caller: Caller) -> Facts:
        if caller.organisation is None:
            return Facts(actors=actors_of(caller, OrganisationTree(())), custodian=None)
        organisation = record_number("Organization", caller.organisation)
        part_of = definitions().search_parameter("Organization", "partof")
        kind = definitions().search_parameter("Organization", "type")
        if part_of is None or kind is None:
            raise LookupError("Organization has no partof or no type")
        async with self._database.connection("app") as connection, connection.pipeline() as pipeline:
            units = pipeline.add(
                _SQL.organisations_near,
                organisation=organisation,
                part_of=part_of.number,
                type=definitions().type_number("Organization"),
                unit_kinds=[token_hash(kind.number, ORGANISATION_KINDS, each) for each in PART_KINDS],
                depth_max=TREE_DEPTH_MAX,
                limit=UNITS_MAX,
            )
            custodian = pipeline.add(_SQL.custodian_of, uri=custodian_uri(caller.organisation))
        tree = OrganisationTree(Unit(number=r[0], part_of=r[1], is_inside=bool(r[2])) for r in units.rows)
        return Facts(
            actors=actors_of(caller, tree),
            custodian=custodian.rows[0][0] if custodian.rows else None,
        )

    async def refusals(self, transaction: Transaction, wanted: Sequence[tuple[Grant, Change]]) -> Mapping[int, Refusal]:
        """Which of these changes their callers may not make, by place; asked inside the transaction that makes them."""
        found: dict[int, Refusal] = {}
        by_grant: dict[int, list[int]] = defaultdict(list)
        for place, (grant, change) in enumerate(wanted):
            if grant.sees_everything:
                continue
            if change.write.type not in grant.writes:
                found[place] = Refusal(
                    "not-permitted", next_step="ask-whoever-may", details={"type": change.write.type}
                )
            else:
                by_grant[id(grant)].append(place)
        if by_grant:
            old = [wanted[p][1].write.record for places in by_grant.values() for p in places if not wanted[p][1].is_new]
            await lock_slots(transaction, RECORD_SPACE, old)
        for places in by_grant.values():
            found |= await self._refusals_of(transaction, wanted, places)
        return found

    async def _refusals_of(
        self, transaction: Transaction, wanted: Sequence[tuple[Grant, Change]], places: Sequence[int]
    ) -> dict[int, Refusal]:
        grant = wanted[places[0]][0]
        given = visibility_values(grant, self._clock())
        by_type: dict[int, list[int]] = defaultdict(list)
        rows: list[tuple[int, int, int, int, int]] = []
        for place in places:
            write = wanted[place][1].write
            if not wanted[place][1].is_new:
                by_type[write.type_number].append(write.record)
            if write.values is not None and not grant.registers:
                subjects = [] if write.values.prid is None else [write.values.prid, *write.values.also_about]
                if not subjects and write.values.level > grant.public_level:
                    rows.append((place, 0, write.values.level, write.values.labels & ~1, write.type_number))
                rows += [
                    (place, each, write.values.level, write.values.labels & ~1, write.type_number) for each in subjects
                ]
        async with transaction.pipeline() as pipeline:
            standing = {
                number: pipeline.add(_SQL.standing_seen, type=number, rids=int8_array(records), **given)
                for number, records in by_type.items()
            }
            closed = pipeline.add(
                _SQL.closed_patients,
                places=int4_array([row[0] for row in rows]),
                prids=int8_array([row[1] for row in rows]),
                sensitivities=int2_array([row[2] for row in rows]),
                labels=int8_array([row[3] for row in rows]),
                types=int2_array([row[4] for row in rows]),
                **given,
            )
        seen = {(number, row[0]): row[1] for number, each in standing.items() for row in each.rows}
        found = {row[0]: _not_found() for row in closed.rows}
        for place in places:
            change = wanted[place][1]
            if not change.is_new and not seen.get((change.write.type_number, change.write.record), grant.chooses_ids):
                # What is hidden and what is not there are one: who may not choose ids cannot ask by writing.
                found[place] = _not_found()
        return found


def custodian_uri(organisation: str) -> str:
    """How an organisation is named as a source of records."""
    return f"Organization/{organisation}"


def _not_found() -> Refusal:
    return Refusal("not-found", next_step="check-the-address")
