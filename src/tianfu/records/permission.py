"""Who may do what, asked of the database: the facts about a caller, and whether he may write what he wants to write.

What may be *read* is not decided here but by the condition in every statement (`tianfu.records.visibility`).
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from tianfu.access.authorship import refuse_foreign_author
from tianfu.access.caller import Caller
from tianfu.access.decision import NOT_PERMITTED, Facts, Grant, decide
from tianfu.access.emergency import is_emergency_task, refuse_foreign_emergency, refuse_unsound_emergency
from tianfu.access.labels import SEVERAL_SUBJECTS, label_mask
from tianfu.access.narrowing import Narrowing, out_of_scope
from tianfu.access.organisations import INSIDE_TYPES, NO_ORGANISATIONS, OrganisationTree, Unit, actors_of
from tianfu.access.purpose import Purpose
from tianfu.access.relation import Kind
from tianfu.access.scopes import Act
from tianfu.db import Database, Transaction, queries
from tianfu.db.wire import int2_array, int4_array, int8_array
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.index.hashing import token_hash
from tianfu.records.namings import refused_namings
from tianfu.records.prepare import Prepared
from tianfu.records.scoping import holds_values, scope_values
from tianfu.records.underway import Underway
from tianfu.records.visibility import Guarded, asked, visibility_values
from tianfu.records.write import RECORD_SPACE, Change, lock_slots
from tianfu.standards.fhir.definitions import definitions

AUTHORED_TYPES = frozenset(
    {
        "Appointment",
        "Communication",
        "Consent",
        "DiagnosticReport",
        "Flag",
        "PractitionerRole",
        "RelatedPerson",
        "ServiceRequest",
        "Task",
    }
)
"""What opens records, or what others trust as his whom it names: some of these must be their writer's own."""

GLASS_TYPES = frozenset({"Task", "Communication"})
"""What may be written about a patient in the transaction that opens his records in an emergency."""

NOTICES = 2
"""So many notices come with an emergency access: to the person, and to the officers."""

GRANTS_REMEMBERED = 4_096
GRANT_SECONDS_MAX = 0.5
"""How long the place of a caller in his organisation is remembered; relations and consents are asked every time."""

TREE_DEPTH_MAX = 8
UNITS_MAX = 2_000
KEEPER = "organisation"
"""The library of a source that is an organisation writing through a door."""

Wanted = Sequence[tuple[Grant, Change]]

_SQL = queries("tianfu.records.sql", "permission.sql", fill=asked)
_SCOPED = Guarded("permission.sql")
_STATE = queries("tianfu.records.sql", "state.sql")


class Permissions:
    """Grants for callers, and refusals for what they may not write."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._remembered: OrderedDict[tuple[Caller, Purpose], tuple[int, Grant]] = OrderedDict()
        self._underway: Underway[tuple[Caller, Purpose], Grant] = Underway()

    async def grant(self, caller: Caller, purpose: Purpose) -> Grant:
        """What the caller may see and do now; raises Refusal `role-cannot-do-this` if that is nothing at all."""
        now = self._clock()
        kept = self._remembered.get((caller, purpose))
        if kept is not None and now < kept[0]:
            return kept[1]
        return await self._underway.ask((caller, purpose), lambda: self._fresh(caller, purpose))

    async def _fresh(self, caller: Caller, purpose: Purpose) -> Grant:
        until = self._clock() + int(GRANT_SECONDS_MAX * SECOND)
        grant = await self._decided(caller, purpose)
        self._remembered[caller, purpose] = until, grant
        self._remembered.move_to_end((caller, purpose))
        while len(self._remembered) > GRANTS_REMEMBERED:
            self._remembered.popitem(last=False)
        return grant

    async def _decided(self, caller: Caller, purpose: Purpose) -> Grant:
        facts = await self._facts(caller)
        grant = decide(caller, purpose, facts)
        is_keeper = decide(caller, purpose, replace(facts, custodian=0)).custodian is not None
        if not is_keeper or caller.organisation is None or facts.custodian is not None:
            return grant
        # Whoever keeps the records of his organisation is known as their source before he writes the first.
        uri = custodian_uri(caller.organisation)
        async with self._database.connection("app") as connection:
            await connection.run(_STATE.add_source, uri=uri, library=KEEPER, name_zh="", name_en="")
            row = await connection.one(_SQL.custodian_of, uri=uri)
        return decide(caller, purpose, replace(facts, custodian=row[0] if row else None))

    async def _facts(self, caller: Caller) -> Facts:
        if caller.organisation is None:
            return Facts(actors=actors_of(caller, NO_ORGANISATIONS), custodian=None)
        part_of = definitions().search_parameter("Organization", "partof")
        kind = definitions().search_parameter("Organization", "type")
        if part_of is None or kind is None:
            raise LookupError("Organization has no partof or no type")
        async with self._database.connection("app") as connection, connection.pipeline() as pipeline:
            units = pipeline.add(
                _SQL.organisations_near,
                organisation=record_number("Organization", caller.organisation),
                part_of=part_of.number,
                type=definitions().type_number("Organization"),
                unit_kinds=[token_hash(kind.number, *coding) for coding in sorted(INSIDE_TYPES)],
                depth_max=TREE_DEPTH_MAX,
                limit=UNITS_MAX,
            )
            custodian = pipeline.add(_SQL.custodian_of, uri=custodian_uri(caller.organisation))
        tree = OrganisationTree(Unit(number=r[0], part_of=r[1], is_inside=bool(r[2])) for r in units.rows)
        return Facts(actors=actors_of(caller, tree), custodian=custodian.rows[0][0] if custodian.rows else None)

    async def refusals(self, transaction: Transaction, wanted: Wanted) -> Mapping[int, Refusal]:
        """Which of these changes their callers may not make, by place; asked in the transaction that makes them.

        Both must allow a change: the rules of its caller, and the scopes of his token if he comes by one.
        """
        namings = await refused_namings(transaction, wanted, now=Instant(self._clock()))
        beyond = await _out_of_scope(transaction, wanted)
        return namings | await self._forbidden(transaction, wanted) | beyond

    async def _forbidden(self, transaction: Transaction, wanted: Wanted) -> dict[int, Refusal]:
        """Those that the rules of their callers forbid, whatever a token says."""
        found: dict[int, Refusal] = {}
        by_grant: dict[int, list[int]] = defaultdict(list)
        opened: dict[int, set[int]] = defaultdict(set)
        wanted = _deciding_themselves(wanted)
        for place, (grant, change) in enumerate(wanted):
            if grant.sees_everything:
                continue
            try:
                opened[id(grant)] |= self._opened(grant, change)
            except Refusal as refusal:
                found[place] = refusal
            else:
                by_grant[id(grant)].append(place)
        for grant_id, places in by_grant.items():
            found |= _untold(wanted, places, opened[grant_id])
        if by_grant:
            old = [wanted[p][1].write.record for places in by_grant.values() for p in places if not wanted[p][1].is_new]
            await lock_slots(transaction, RECORD_SPACE, old)
        for grant_id, places in by_grant.items():
            found |= await self._refusals_of(transaction, wanted, places, opened[grant_id])
        return found

    def _opened(self, grant: Grant, change: Change) -> set[int]:
        """The patients whom a change opens to its writer by an emergency access; raises Refusal if he may not make it.

        An emergency access is a Task of its own doctor, from now on, and sound.
        """
        write = change.write
        if write.type not in grant.writes:
            said = {"purpose": grant.purpose.value, "type": write.type}
            raise Refusal(NOT_PERMITTED, next_step="ask-your-office", details=said)
        if write.type == "RelatedPerson" and not grant.registers and not change.is_new:
            # Who is a parent or guardian stands there too: a person adds who may look for him, and changes nobody.
            said = {"purpose": grant.purpose.value, "type": write.type}
            raise Refusal(NOT_PERMITTED, next_step="ask-your-office", details=said)
        if write.type not in AUTHORED_TYPES or write.stored is None or write.values is None:
            return set()
        members = write.stored.partition(b"\n")[2]
        task: dict[str, Any] = orjson.loads(b'{"resourceType":"%s",%s}' % (write.type.encode(), members))
        refuse_foreign_author(task, grant)
        if not is_emergency_task(task):
            return set()
        if not grant.reads_trail:
            refuse_foreign_emergency(task, grant.caller)
        if task.get("status") != "in-progress":
            return set()
        refuse_unsound_emergency(task, grant.caller, now=Instant(self._clock()))
        if not change.is_new:
            raise Refusal("emergency-not-now")  # going on is another access, with a reason and a review of its own
        patient = write.values.prid
        return {patient} if patient is not None and grant.kinds & Kind.EMERGENCY.bit else set()

    async def _refusals_of(
        self, transaction: Transaction, wanted: Wanted, places: Sequence[int], opened: set[int]
    ) -> dict[int, Refusal]:
        """Those of one grant; `opened` are patients whom an emergency access written beside opens to its notices."""
        grant = wanted[places[0]][0]
        whole = replace(grant, narrowing=None)
        given, watched = visibility_values(whole, self._clock(), doing=Act.UPDATE), _watched(grant)
        old: dict[int, list[int]] = defaultdict(list)
        new: list[tuple[int, int | None, int, int, int]] = []
        for place in places:
            write = wanted[place][1].write
            if not wanted[place][1].is_new:
                old[write.type_number].append(write.record)
            if write.values is None or grant.registers:
                continue
            secrecy = write.values.level, write.values.labels & ~SEVERAL_SUBJECTS, write.type_number
            subjects = [] if write.values.prid is None else [write.values.prid, *write.values.also_about]
            if write.type not in GLASS_TYPES or not subjects or not opened.issuperset(subjects):
                new += [(place, each, *secrecy) for each in subjects] or [(place, None, *secrecy)]
        async with transaction.pipeline() as pipeline:
            standing = {
                number: pipeline.add(_SQL.standing_seen, type=number, rids=int8_array(records), **watched, **given)
                for number, records in old.items()
            }
            closed = pipeline.add(_SQL.closed_patients, **_rows(new), **given)
            patient = definitions().type_number("Patient")
            real = pipeline.add(_SQL.standing_seen, type=patient, rids=int8_array(sorted(opened)), **watched, **given)
        seen = {(number, row[0]): bool(row[1]) for number, each in standing.items() for row in each.rows}
        evidence = {
            (number, row[0]): _Evidence(row[3], row[5], row[6])
            for number, each in standing.items()
            for row in each.rows
            if row[2]
        }
        kept = {(number, row[0]) for number, each in standing.items() for row in each.rows if row[4]}
        unreal = opened.difference(row[0] for row in real.rows)
        found = {row[0]: _not_found() for row in closed.rows}
        for place in places:
            write = wanted[place][1].write
            is_told_of_nobody = write.type in GLASS_TYPES and write.values is not None and write.values.prid in unreal
            # What is hidden and what is not there are one: who may not choose ids cannot ask by writing.
            may_be_made = grant.chooses_ids and write.values is not None
            is_seen = wanted[place][1].is_new or seen.get((write.type_number, write.record), may_be_made)
            if is_told_of_nobody or not is_seen:
                found[place] = _not_found()
                continue
            name = write.type_number, write.record
            is_anothers = grant.registers and name in kept
            if not wanted[place][1].is_new and (is_anothers or _hides(evidence.get(name), write, grant)):
                said = {"purpose": grant.purpose.value, "type": write.type}
                found[place] = Refusal(NOT_PERMITTED, next_step="ask-your-office", details=said)
        return found


async def _out_of_scope(transaction: Transaction, wanted: Wanted) -> dict[int, Refusal]:
    """Those that the scopes of their callers' tokens do not allow.

    What would be written is measured by itself, so `scope-insufficient` tells nothing; a record that stands and is
    out of scope is as if it were absent, and neither changed nor written over.
    """
    found: dict[int, Refusal] = {}
    standing: dict[tuple[Grant, Act, int], list[int]] = defaultdict(list)
    for place, (grant, change) in enumerate(wanted):
        if grant.narrowing is None:
            continue
        act, write = _act(change), change.write
        is_within = grant.narrowing.opens(act, write.type_number) and (
            write.values is None or holds_values(grant.narrowing, act, write.type_number, write.values)
        )
        if not is_within:
            found[place] = out_of_scope(act, write.type)
        elif not change.is_new:
            standing[grant, act, write.type_number].append(place)
    if not standing:
        return found
    await lock_slots(transaction, RECORD_SPACE, [each.write.record for _, each in wanted if not each.is_new])
    async with transaction.pipeline() as pipeline:
        asked_of = [
            (
                places,
                pipeline.add(
                    _SCOPED.under(grant).within_scope,
                    type=number,
                    rids=int8_array([wanted[place][1].write.record for place in places]),
                    **scope_values(_narrowing(grant), act),
                ),
            )
            for (grant, act, number), places in standing.items()
        ]
    for places, answer in asked_of:
        beyond = {row[0] for row in answer.rows if not row[1]}
        found |= {place: _not_found() for place in places if wanted[place][1].write.record in beyond}
    return found


def _narrowing(grant: Grant) -> Narrowing:
    if grant.narrowing is None:
        raise ValueError("not narrowed")
    return grant.narrowing


def _act(change: Change) -> Act:
    """What a change is to a scope; who names the id of a new record updates (FHIR R4, RESTful API, 3.1.0.4.1)."""
    if change.write.values is None:
        return Act.DELETE
    return Act.CREATE if change.is_new else Act.UPDATE


def custodian_uri(organisation: str) -> str:
    """How an organisation is named as a source of records."""
    return f"Organization/{organisation}"


def _untold(wanted: Wanted, places: Sequence[int], opened: set[int]) -> dict[int, Refusal]:
    """Emergency accesses without their notices beside them: one to the person, one to the officers."""
    told = Counter(
        values.prid
        for place in places
        if wanted[place][1].write.type == "Communication"
        and (values := wanted[place][1].write.values) is not None
        and values.labels & label_mask(["review"])
    )
    return {
        place: Refusal("emergency-without-notice", next_step="send-with-notices")
        for place in places
        if wanted[place][1].write.type == "Task"
        and (values := wanted[place][1].write.values) is not None
        and values.prid in opened
        and told[values.prid] < NOTICES
    }


def _deciding_themselves(wanted: Wanted) -> list[tuple[Grant, Change]]:
    """The changes with their grants; a Consent is written by the person or a guardian, for a proxy only looks."""
    looking: dict[int, Grant] = {}
    made: list[tuple[Grant, Change]] = []
    for grant, change in wanted:
        if change.write.type == "Consent" and grant.kinds & Kind.PROXY.bit:
            grant = looking.setdefault(id(grant), replace(grant, kinds=grant.kinds & ~Kind.PROXY.bit))
        made.append((grant, change))
    return made


class _Evidence(NamedTuple):
    """A record of oversight as it stands: an emergency access, an objection, a notice."""

    patient: int | None
    code: int | None
    is_callers: bool


def _watched(grant: Grant) -> dict[str, object]:
    owner = definitions().search_parameter("Task", "owner")
    practitioner = grant.caller.practitioner
    return {
        "review": label_mask(["review"]),
        "owner": 0 if owner is None else owner.number,
        "practitioner": None if practitioner is None else record_number("Practitioner", practitioner),
    }


def _hides(stands: _Evidence | None, write: Prepared, grant: Grant) -> bool:
    """Whether a write would take a record of oversight out of the officers' sight, or is another's to make."""
    if stands is None:
        return False
    if write.values is None or not (grant.reads_trail or grant.own or stands.is_callers):
        return True
    kept = write.values.labels & label_mask(["review"])
    return not kept or (write.values.prid, write.values.code) != (stands.patient, stands.code)


def _rows(new: Sequence[tuple[int, int | None, int, int, int]]) -> dict[str, object]:
    return {
        "places": int4_array([row[0] for row in new]),
        "prids": int8_array([row[1] for row in new]),  # type: ignore[misc]  # None becomes null
        "sensitivities": int2_array([row[2] for row in new]),
        "labels": int8_array([row[3] for row in new]),
        "types": int2_array([row[4] for row in new]),
    }


def _not_found() -> Refusal:
    return Refusal("not-found", next_step="check-the-address")
