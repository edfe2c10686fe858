"""From a record to the relations it makes: which Encounter, contract, referral, guardian or Consent opens what to whom.

Days, levels and codings are data (relations.json); in words: docs/rules/permission.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from tianfu.access.consent import read_consent
from tianfu.access.elements import (
    ALWAYS,
    Element,
    Span,
    Target,
    choices,
    coded,
    coding,
    element,
    elements,
    instant_of,
    items,
    local,
    period_of,
    purposes_of,
)
from tianfu.access.emergency import emergency_relations
from tianfu.access.labels import label_mask
from tianfu.access.relation import OFFICERS, Age, Kind, Relation
from tianfu.access.rules import EVERY, type_numbers
from tianfu.kernel.instants import DAY


def relations_of(resource: dict[str, Any], record: int) -> tuple[Relation, ...]:
    """The relations that follow from a resource with this record number, and from nothing else.

    Depends on the resource alone: no clock, so that deriving again gives the same.  Never raises, whatever the
    resource holds: what is not understood opens nothing, and a denial that is not understood closes.
    Only references of the form `Type/id` count.
    """
    derive = _DERIVATIONS.get(str(resource.get("resourceType")))
    return () if derive is None else tuple(dict.fromkeys(derive(resource, record)))


def _of_encounter(encounter: Element, record: int) -> Iterator[Relation]:
    """The visit opens to the organisation that serves and, special labels included, to each practitioner named."""
    row, patient = choices()["encounter"], _patient(encounter, "subject")
    span = _visit_span(encounter, row)
    if patient is None or span is None:
        return
    provider = _one_of(encounter.get("serviceProvider"), "Organization")
    if provider is not None:
        yield _relation(patient, provider, Kind.ENCOUNTER, row | row["organisation"], span)
    for participant in elements(encounter.get("participant")):
        practitioner = _one_of(participant.get("individual"), "Practitioner")
        taking_part = period_of(participant)
        if practitioner is not None and taking_part is not None:
            own = span.within(taking_part.and_days(row["grace_days"]))
            if not own.is_empty:
                yield _relation(patient, practitioner, Kind.ENCOUNTER, row | row["practitioner"], own)


def _visit_span(encounter: Element, row: Element) -> Span | None:
    """How long a visit opens; None if it opens nothing, as one does that does not say when it began."""
    status, span = encounter.get("status"), period_of(encounter)
    if span is None or span.since is None:
        return None
    if status == row["planned_status"]:
        span = Span(span.since - row["planned_days_before"] * DAY, span.until)
    elif status not in row["statuses"] or (status == "finished" and span.until is None):
        return None
    sort = coding(element(encounter.get("class")))
    days = row["days_max"].get(sort[1] if sort and sort[0] == row["class_system"] else "", row["days_max_otherwise"])
    return span.at_most_days(days).and_days(row["grace_days"])


def _of_episode(episode: Element, record: int) -> Iterator[Relation]:
    """A family doctor's contract opens to the centre and to the doctor who is named for it."""
    row, patient = choices()["family_doctor"], _patient(episode, "patient")
    kinds = [pair for each in elements(episode.get("type")) for pair in coded(each)]
    span = _bounded(episode, row)
    if (
        patient is None
        or span is None
        or episode.get("status") not in row["episode_statuses"]
        or (episode.get("status") == "finished" and "end" not in element(episode.get("period")))
        or not _among(kinds, row["episode_types"])
    ):
        return
    for value, kind in (
        (episode.get("managingOrganization"), "Organization"),
        (episode.get("careManager"), "Practitioner"),
    ):
        actor = _one_of(value, kind)
        if actor is not None:
            yield _relation(patient, actor, Kind.FAMILY_DOCTOR, row, span)


def _of_care_team(team: Element, record: int) -> Iterator[Relation]:
    """A team opens to its members and the organisations that manage it; a family doctor's as his contract does."""
    categories = [pair for each in elements(team.get("category")) for pair in coded(each)]
    signed = _among(categories, choices()["family_doctor"]["team_categories"])
    row = choices()["family_doctor" if signed else "team"]
    kind = Kind.FAMILY_DOCTOR if signed else Kind.TEAM
    patient, span = _patient(team, "subject"), _bounded(team, row)
    if patient is None or span is None or team.get("status") not in row["team_statuses" if signed else "statuses"]:
        return
    for value in items(team.get("managingOrganization")):
        actor = _one_of(value, "Organization")
        if actor is not None:
            yield _relation(patient, actor, kind, row, span)
    for participant in elements(team.get("participant")):
        member = local(participant.get("member"))
        taking_part = period_of(participant)
        if member is None or member.type not in {"Organization", "Practitioner"} or taking_part is None:
            continue
        own = span.within(taking_part)
        if not own.is_empty:
            yield _relation(patient, member.number, kind, row, own)


def _of_service_request(request: Element, record: int) -> Iterator[Relation]:
    """A referral opens to whoever is asked to take over, and not to the one who refers."""
    row, patient = choices()["referral"], _patient(request, "subject")
    said = [pair for each in [*items(request.get("category")), request.get("code")] for pair in coded(each)]
    since, requester = instant_of(request.get("authoredOn")), local(request.get("requester"))
    if (
        patient is None
        or requester is None
        or since is None
        or request.get("status") not in row["statuses"]
        or request.get("intent") not in row["intents"]
        or request.get("doNotPerform", False) is not False
        or not _among(said, row["codings"])
    ):
        return
    for value in items(request.get("performer")):
        performer = local(value)
        if performer and performer.type in {"Organization", "Practitioner"} and performer != requester:
            span = Span(since, since + row["days"] * DAY)
            yield _relation(patient, performer.number, Kind.REFERRAL, row, span)


def _of_related_person(person: Element, record: int) -> Iterator[Relation]:
    """A guardian sees a child's records, and less of them when the child is fourteen."""
    row, patient = choices()["guardian"], _patient(person, "patient")
    said = [pair for each in elements(person.get("relationship")) for pair in coded(each)]
    span = period_of(person)
    is_guardian = any(code in row["codings"].get(system, ()) for system, code in said)
    if patient is None or span is None or not is_guardian or person.get("active", True) is not True:
        return
    yield _relation(patient, record, Kind.GUARDIAN, row | row["under_fourteen"], span, Age.UNDER_FOURTEEN)
    if row["from_fourteen"]["opens"]:
        yield _relation(patient, record, Kind.GUARDIAN, row | row["from_fourteen"], span, Age.FOURTEEN_TO_SEVENTEEN)


def _of_patient(patient: Element, record: int) -> Iterator[Relation]:
    """The organisation that answers for the record manages the resident."""
    organisation = _one_of(patient.get("managingOrganization"), "Organization")
    if organisation is not None:
        yield _relation(record, organisation, Kind.MANAGED, choices()["managed"], ALWAYS)


def _of_consent(consent: Element, record: int) -> Iterator[Relation]:
    yield from read_consent(consent).relations


def _of_task(task: Element, record: int) -> Iterator[Relation]:
    """An emergency access opens to its doctor while it lasts, and, like an objection, to the officers who review it."""
    yield from emergency_relations(task)
    row, patient = choices()["oversight"], _patient(task, "for")
    if patient is not None and _among(coded(task.get("code")), row["codings"]):
        yield _relation(patient, OFFICERS, Kind.OVERSIGHT, row, ALWAYS)


class _Derivation(Protocol):
    def __call__(self, resource: Element, record: int, /) -> Iterable[Relation]: ...


_DERIVATIONS: Mapping[str, _Derivation] = {
    "CareTeam": _of_care_team,
    "Consent": _of_consent,
    "Encounter": _of_encounter,
    "EpisodeOfCare": _of_episode,
    "Patient": _of_patient,
    "RelatedPerson": _of_related_person,
    "ServiceRequest": _of_service_request,
    "Task": _of_task,
}

RELATION_TYPES = frozenset(_DERIVATIONS)
"""The types of records that can make a relation; every other type makes none."""


def _relation(patient: int, actor: int, kind: Kind, row: Element, span: Span, age: Age = Age.ANY) -> Relation:
    """A relation as the data say it."""
    types = row.get("types", [EVERY])
    return Relation(
        patient=patient,
        actor=actor,
        kind=kind,
        purposes=purposes_of(row["purposes"]),
        level=row["level"],
        labels=label_mask(row["labels"]),
        types=None if types == [EVERY] else type_numbers(types),
        since=span.first,
        until=span.end,
        age=age,
    )


def _bounded(resource: Element, row: Element) -> Span | None:
    """The period of a contract or team, cut to the longest that counts; None if it does not say when it began."""
    span = period_of(resource)
    return None if span is None or span.since is None else span.at_most_days(row["days_max"])


def _patient(resource: Element, member: str) -> int | None:
    return _one_of(resource.get(member), "Patient")


def _one_of(value: object, resource_type: str) -> int | None:
    """The number of the record of this type that a reference names, or None."""
    target: Target | None = local(value)
    return target.number if target is not None and target.type == resource_type else None


def _among(said: Iterable[tuple[str, str]], known: list[list[str]]) -> bool:
    return any([system, code] in known for system, code in said)
