"""What a caller may see and do.  The rules are data: rules.json; in words: docs/rules/permission.md."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tianfu.access.caller import Caller
from tianfu.access.narrowing import Narrowing, narrowing_of
from tianfu.access.purpose import Purpose
from tianfu.access.rules import Rule, rules
from tianfu.access.scopes import Act, Scopes
from tianfu.kernel.ids import record_number
from tianfu.kernel.refusal import Refusal
from tianfu.standards.fhir.definitions import definitions

NOT_PERMITTED = "role-cannot-do-this"
"""Code of the refusal for a role that may do nothing for the purpose it names; it tells nothing about any record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a caller beyond his sign-in.

    `actors` are the record numbers that stand for him in relations: what `actors_of` gives.  `custodian` is the
    number of the source (`org`) whose records his organisation keeps, and only if nobody else keeps records there:
    a library that many organisations share is nobody's own.
    """

    actors: tuple[int, ...]
    custodian: int | None


NO_FACTS = Facts(actors=(), custodian=None)
"""Of a caller whom no relation can concern: this machine's desk, the importer, the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What was decided, and by which rule; the store's SQL asks nothing but what stands here.

    A record about a patient may be seen if the caller is the patient (`own`), or a relation of one of `kinds` ties
    one of `actors` to the patient now and for this purpose, or (`custodian`) the caller's organisation is its source;
    and its level is at most `level`, its special labels are within `labels` (and within the relation's: both must
    hold), its type is among `types` (None: all), and no denial that names one of `denial_actors` stands against it.
    A record about nobody may be seen up to `public_level`, or if the caller's organisation is its source.
    `tianfu.access.judgement.judge` says all this for one record, and is what the SQL is held against.

    A record about a patient must besides carry all labels of `requires`.

    `denial_actors` is empty where denials do not bind.  `writes` names the types it may write; `registers` whether
    it may write about patients whom it may not see; `chooses_ids` whether it may give a new record its id;
    `reads_trail` whether it may read the audit trail of others.

    `narrowing` is what a token's scopes leave of all this: both must hold, for a grant that sees everything too.
    None means that no token narrows it.
    """

    caller: Caller
    purpose: Purpose
    rule: str
    sees_everything: bool = False
    actors: tuple[int, ...] = ()
    denial_actors: tuple[int, ...] = ()
    own: tuple[int, ...] = ()
    custodian: int | None = None
    kinds: int = 0
    level: int = 0
    labels: int = 0
    types: tuple[int, ...] | None = None
    public_level: int = 0
    writes: frozenset[str] = frozenset()
    registers: bool = False
    chooses_ids: bool = False
    reads_trail: bool = False
    requires: int = 0
    narrowing: Narrowing | None = None


def decide(caller: Caller, purpose: Purpose, facts: Facts) -> Grant:
    """What the caller may do for this purpose.

    Raises Refusal `role-cannot-do-this` if no rule is for his role and this purpose: an empty answer would look like
    an empty record.  `nothing` makes the grant under which such a refusal is traced.
    """
    rule = rules().get((caller.role, purpose))
    if rule is None:
        raise Refusal(NOT_PERMITTED, next_step="ask-your-office", details={"purpose": purpose.value})
    return granted(rule, caller, purpose, facts)


def nothing(caller: Caller, purpose: Purpose) -> Grant:
    """The grant of somebody for whom there is no rule: it sees and writes nothing, and says so in the trace."""
    return Grant(caller=caller, purpose=purpose, rule="no-rule", types=())


def granted(rule: Rule, caller: Caller, purpose: Purpose, facts: Facts) -> Grant:
    """A rule filled with who the caller is, narrowed by the scopes of his token if he comes by one."""
    named = () if caller.practitioner is None else (record_number("Practitioner", caller.practitioner),)
    whole = Grant(
        caller=caller,
        purpose=purpose,
        rule=rule.name,
        sees_everything=rule.sees_everything,
        actors=facts.actors,
        denial_actors=rule.denials.binding(actors=facts.actors, named=named),
        own=tuple(record_number("Patient", patient) for patient in caller.patients) if rule.own else (),
        custodian=facts.custodian if rule.custodian else None,
        kinds=rule.kinds,
        level=rule.level,
        labels=rule.labels,
        types=rule.types,
        public_level=rule.public_level,
        writes=rule.writes,
        registers=rule.registers,
        chooses_ids=rule.chooses_ids,
        reads_trail=rule.reads_trail,
        requires=rule.requires,
    )
    if caller.scopes is None:
        return whole
    launched_for = None if caller.launch_patient is None else record_number("Patient", caller.launch_patient)
    return narrowed(whole, caller.scopes, launched_for)


def narrowed(grant: Grant, scopes: Scopes, patient: int | None) -> Grant:
    """The grant as far as a token's scopes allow it: what the person may do and what the scopes say, both.

    `patient` is the record number of the launch's patient; without one, `patient/` scopes open nothing.  A grant that
    is narrowed already cannot be narrowed again (ValueError): a token has one set of scopes.
    """
    if grant.narrowing is not None:
        raise ValueError("a grant is narrowed once")
    narrowing = narrowing_of(scopes, patient)
    return replace(
        grant,
        narrowing=narrowing,
        writes=frozenset(each for each in grant.writes if _may_write(narrowing, each)),
        reads_trail=grant.reads_trail and narrowing.opens_trail(Act.SEARCH),
    )


def _may_write(narrowing: Narrowing, resource_type: str) -> bool:
    kind = definitions().type_number(resource_type)
    return any(narrowing.opens(act, kind) for act in (Act.CREATE, Act.UPDATE, Act.DELETE))
