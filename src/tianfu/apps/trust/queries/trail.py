"""Screens: the audit trail searched by an officer, one event of it, and what was found to be taken away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass

from tianfu.access.caller import IMPORTER, NOBODY, Caller
from tianfu.access.decision import NOT_PERMITTED
from tianfu.access.purpose import Purpose
from tianfu.access.rules import rules
from tianfu.apps.trust.model.roles import OFFICER_ROLES
from tianfu.apps.trust.model.tasks import TaskSort
from tianfu.apps.trust.model.trail import NAMES_MAX, TrailWish, ids_in, looks_like_number, names_in
from tianfu.apps.trust.queries.names import Names, names_of
from tianfu.apps.trust.queries.tasks import find_tasks
from tianfu.apps.trust.store import Reference, TrustStore
from tianfu.kernel.ids import FHIR_ID
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.records.search.escapes import escaped
from tianfu.records.store import SearchRequest
from tianfu.records.trail.reading import TrailEvent, TrailPage, TrailQuestion
from tianfu.standards.china.identifier_systems import IDENTITY_NUMBER
from tianfu.standards.china.identity_number import parse_identity_number, shortened

WHY = Purpose.OPERATIONS
EVENTS_PER_PAGE = 50

EXPORTED_MAX = 10_000
"""So many events one download holds at most."""

TASKS_MAX = 100

PROGRAM_ROLE = "program"
"""As what the trail names a program before it is known for whom it asks."""


def roles_known() -> tuple[str, ...]:
    """Every role that the trail can name: those of the rules, of the machine itself, of programs and of nobody."""
    return tuple(sorted({role for role, _ in rules()} | {IMPORTER.role, NOBODY.role, PROGRAM_ROLE}))


def refuse_unless_officer(caller: Caller) -> None:
    """The search of the trail does not exist for anybody else."""
    if caller.role not in OFFICER_ROLES:
        raise Refusal("not-found", next_step="start-again")


async def meant(store: TrustStore, caller: Caller, given: Mapping[str, str]) -> dict[str, str]:
    """The same search with ids in place of an identity number and of the names of staff and institutions.

    Raises Refusal `trail-unusable` if nobody is meant by one of them.
    """
    refuse_unless_officer(caller)
    found = {name: text.strip() for name, text in given.items()}
    faults: list[Fault] = []
    try:
        if looks_like_number(found["person"]):
            found["person"] = ",".join(await _with_number(store, caller, "".join(found["person"].split())))
    except Refusal as refusal:
        faults += refusal.faults or _faults_of_number(refusal)
    for field, kind in (("who", "Practitioner"), ("where", "Organization")):
        is_named = (names_in if field == "who" else ids_in)(found[field]) is not None
        if not found[field] or is_named:
            continue
        ids = await _called(store, caller, kind, found[field])
        if not ids:
            faults.append(Fault(field, f"{field}-not-found"))
        elif len(ids) > NAMES_MAX:
            faults.append(Fault(field, "too-many-names", {"count": str(NAMES_MAX)}))
        found[field] = ",".join(ids)
    if faults:
        raise Refusal("trail-unusable", faults=tuple(faults))
    return found


async def _with_number(store: TrustStore, caller: Caller, text: str) -> list[str]:
    """The Patient records that carry an identity number, in the form of today or in that used until 1999."""
    number = parse_identity_number(text).text
    forms = (number, shortened(number)) if number[6:8] == "19" else (number,)
    found = [each for form in forms for each in await store.locate(caller, WHY, IDENTITY_NUMBER, form)]
    if not found:
        raise Refusal("trail-unusable", faults=(Fault("person", "person-not-found"),))
    return list(dict.fromkeys(found))


def _faults_of_number(refusal: Refusal) -> list[Fault]:
    """What a number that is none says about its field; raises what is not about the number."""
    if refusal.code == NOT_PERMITTED:
        return [Fault("person", "number-not-yours")]
    if refusal.code == "too-many-found":
        return [Fault("person", "too-many-names", {"count": str(NAMES_MAX)})]
    if not refusal.code.startswith("identity-number-"):
        raise refusal
    return [Fault("person", "identity-number-wrong")]


async def _called(store: TrustStore, caller: Caller, kind: str, name: str) -> list[str]:
    """The ids of staff or institutions whose name begins so; one more than may be asked for if there are many."""
    fields = (("name", escaped(name)), ("_count", str(NAMES_MAX + 1)))
    page = await store.search(caller, WHY, SearchRequest(type=kind, parameters=fields))
    return [record.id for record in page.records]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A page of events, newest first; `looked_until` is there if the look stopped before it found a page full."""

    events: tuple[TrailEvent, ...]
    names: Names
    next_cursor: str | None
    looked_until: Instant | None


async def read_trail(store: TrustStore, caller: Caller, wish: TrailWish, *, cursor: str | None) -> Found:
    """A page of what the trail has of a wish."""
    refuse_unless_officer(caller)
    page = await store.audit_events(caller, WHY, question_of(wish), limit=EVENTS_PER_PAGE, cursor=cursor)
    # Who is known as a caller is no Practitioner: asking for one would only leave a refusal.
    callers = {event.caller for event in page.events if event.practitioner != event.caller}
    asked: list[Reference] = [("Practitioner", each) for each in wish.actors if FHIR_ID.match(each)]
    asked = [reference for reference in asked if reference[1] not in callers]
    asked += [("Organization", each) for each in wish.institutions]
    return Found(
        events=page.events,
        names=await names_of(store, caller, WHY, [*_mentioned(page.events), *asked]),
        next_cursor=page.next_cursor,
        looked_until=page.looked_until,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OneEvent:
    """One event; `cases` are the ids of those of its Tasks that the officer can open for review."""

    event: TrailEvent
    names: Names
    cases: frozenset[str]


async def read_event(store: TrustStore, caller: Caller, event_id: str) -> OneEvent:
    """Everything of one event; raises Refusal `not-found`."""
    refuse_unless_officer(caller)
    event = await store.audit_event(caller, WHY, event_id)
    if event is None:
        raise Refusal("not-found", next_step="start-again")
    tasks = [name.partition("/")[2] for name in event.records if name.startswith("Task/")]
    return OneEvent(
        event=event,
        names=await names_of(store, caller, WHY, _mentioned([event])),
        cases=await _cases(store, caller, tasks),
    )


async def _cases(store: TrustStore, caller: Caller, tasks: list[str]) -> frozenset[str]:
    if not tasks:
        return frozenset()
    wanted = ("_id", ",".join(tasks[:TASKS_MAX]))
    found = await find_tasks(store, caller, WHY, wanted, sorts=tuple(TaskSort), limit=TASKS_MAX)
    return frozenset(task.id for task in found.tasks)


async def take_away(
    store: TrustStore, caller: Caller, wish: TrailWish, *, now: Instant
) -> AsyncIterator[tuple[TrailPage, Names]]:
    """At most `EXPORTED_MAX` of the newest events until now, page by page with the names in them."""
    refuse_unless_officer(caller)
    question = question_of(wish, before=wish.until if wish.until is not None and wish.until < now else now)
    pages = await store.audit_export(caller, WHY, question, limit=EXPORTED_MAX)
    return _with_names(store, caller, pages)


async def _with_names(
    store: TrustStore, caller: Caller, pages: AsyncIterator[TrailPage]
) -> AsyncIterator[tuple[TrailPage, Names]]:
    """Each page with the names it needs; a name is looked up once."""
    known: dict[Reference, str] = {}
    async for page in pages:
        new = {reference for reference in _mentioned(page.events) if reference[1] and reference not in known}
        known |= dict.fromkeys(new, "") | dict(await names_of(store, caller, WHY, new))
        yield page, known


def question_of(wish: TrailWish, *, before: Instant | None = None) -> TrailQuestion:
    """A wish in the words of the store."""
    is_kind = wish.outcome in {"", "done", "refused"}
    return TrailQuestion(
        after=wish.since,
        before=wish.until if before is None else before,
        patients=wish.people or None,
        actors=wish.actors or None,
        organisations=wish.institutions or None,
        sessions=(wish.session,) if wish.session else None,
        entities=None if wish.record is None else (wish.record,),
        roles=(wish.role,) if wish.role else None,
        interactions=wish.interactions,
        succeeded=wish.outcome == "done" if wish.outcome and is_kind else None,
        outcomes=None if is_kind else (wish.outcome,),
    )


def _mentioned(events: Iterable[TrailEvent]) -> list[Reference]:
    return [
        reference
        for event in events
        for reference in (("Practitioner", event.practitioner or ""), ("Organization", event.organisation or ""))
    ]
