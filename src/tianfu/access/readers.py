"""Who can read a record: every role and purpose that some relation, or none, lets in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from tianfu.access.caller import Caller
from tianfu.access.decision import NO_FACTS, Grant, granted
from tianfu.access.judgement import Head, judge
from tianfu.access.purpose import Purpose
from tianfu.access.relation import Relation
from tianfu.access.rules import Rule, rules
from tianfu.access.scopes import Act
from tianfu.kernel.instants import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who may read: somebody in `role`, for `purpose`, by `rule`, because of `because` (key of a sentence).

    `relation` is the tie that opens, or None for the person himself, the keeper, and roles that see everything.
    """

    role: str
    purpose: Purpose
    rule: str
    because: str
    relation: Relation | None


def who_can_read(
    head: Head, relations: Iterable[Relation], *, now: Instant, patient_born: Mapping[int, Instant]
) -> tuple[Reader, ...]:
    """Everybody who may read a record now, as far as its relations tell, in the order of the rules.

    Each is whoever one actor, and no other, stands for.  Which organisation a practitioner belongs to, and whose
    guardian a person is beside his own records, is not known here: a denial that names an organisation is weighed
    against that organisation only, and of a record about two people only those are told to whom one actor opens both.
    """
    known = tuple(relations)
    found = (
        Reader(role=rule.role, purpose=purpose, rule=rule.name, because=decision.because, relation=relation)
        for (_, purpose), rule in rules().items()
        for grant, relation in _possible(rule, purpose, head, known)
        if (
            decision := judge(
                grant, head, _weighed(known, relation), doing=Act.READ, now=now, patient_born=patient_born
            )
        ).allowed
    )
    return tuple(dict.fromkeys(found))


def _weighed(relations: tuple[Relation, ...], relation: Relation | None) -> list[Relation]:
    """The denials, the relation in question, and what ties its actor to the other patients of the record."""
    return [
        each
        for each in relations
        if each.denies
        or each == relation
        or (relation is not None and each.actor == relation.actor and each.patient != relation.patient)
    ]


def _possible(
    rule: Rule, purpose: Purpose, head: Head, relations: tuple[Relation, ...]
) -> Iterator[tuple[Grant, Relation | None]]:
    """The grants that somebody could have under a rule: by nothing, as the person, as the keeper, by one relation."""
    nobody = granted(rule, Caller(id="", role=rule.role), purpose, NO_FACTS)
    if rule.sees_everything:
        yield nobody, None
        return
    if not head.patients:
        yield nobody, None
    if rule.custodian and head.org is not None:
        yield replace(nobody, custodian=head.org), None
    if rule.own:
        for patient in head.patients:
            yield replace(nobody, own=(patient,)), None
    for relation in relations:
        if not relation.denies and relation.patient in head.patients:
            actor = (relation.actor,)
            yield replace(nobody, actors=actor, denial_actors=rule.denials.binding(actors=actor, named=actor)), relation
