"""The records to which a token's scopes narrow what its person may do, whichever those are.

Rules: docs/rules/scopes.md .  The same as SQL: `tianfu.records.scoping`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from tianfu.access.scopes import ANY, Act, Condition, ResourceScope, Scopes
from tianfu.kernel.refusal import Refusal
from tianfu.standards.fhir.definitions import definitions

OUT_OF_SCOPE = "scope-insufficient"
"""Code of the refusal for what no scope of the token allows with any record; it tells nothing about any record."""

TRAIL = "AuditEvent"


class Held(NamedTuple):
    """A coding that a record has under a search parameter; the system is empty where none is stored."""

    parameter: str
    system: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """Records that one scope opens: of `type` (None: all), about `patient` and nobody else (None: about anybody).

    `ways` are the sets of codings of which a record must have one wholly; none means that any record will do.
    """

    acts: tuple[Act, ...]
    type: int | None
    patient: int | None
    ways: tuple[frozenset[Held], ...]

    def opens(self, act: Act, kind: int) -> bool:
        """Whether it allows this with some record of a type."""
        return act in self.acts and (self.type is None or self.type == kind)

    def holds(self, kind: int, patients: Collection[int], codings: Collection[Held]) -> bool:
        """Whether a record of a type, about these patients, with these codings, is among its records."""
        return (
            (self.type is None or self.type == kind)
            and (self.patient is None or set(patients) == {self.patient})
            and (not self.ways or any(way <= set(codings) for way in self.ways))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """All clauses of a token; a record is in scope for an act if one of them says so."""

    clauses: tuple[Clause, ...]

    @property
    def patient(self) -> int | None:
        """The one patient beyond whose records nothing is in scope, whatever is done; None if there is no such."""
        found = {each.patient for each in self.clauses}
        return found.pop() if len(found) == 1 else None

    def opens(self, act: Act, kind: int) -> bool:
        """Whether some record of a type is in scope for an act."""
        for each in self.clauses:  # noqa: SIM110 - `any` would cost each read several times as much
            if each.opens(act, kind):
                return True
        return False

    def opens_wholly(self, act: Act, kind: int) -> bool:
        """Whether every record of a type is in scope for an act, whoever it is about and whatever its codes are."""
        return any(each.opens(act, kind) and each.patient is None and not each.ways for each in self.clauses)

    def opens_anything(self, act: Act) -> bool:
        """Whether some record of some type is in scope for an act."""
        return any(act in each.acts for each in self.clauses)

    def opens_trail(self, act: Act) -> bool:
        """Whether the audit trail is in scope: never by `patient/`, for it is nobody's record."""
        return self.opens_wholly(act, definitions().type_number(TRAIL))

    def holds(self, act: Act, kind: int, patients: Collection[int], codings: Collection[Held]) -> bool:
        """Whether a record is in scope for an act."""
        return any(act in each.acts and each.holds(kind, patients, codings) for each in self.clauses)


def narrowing_of(scopes: Scopes, patient: int | None) -> Narrowing:
    """What scopes mean when the patient of the launch is this one; without one, `patient/` scopes open nothing."""
    found = [_clause(each, patient) for each in scopes.resources if each.whose != "patient" or patient is not None]
    return Narrowing(clauses=tuple(found))


def _clause(scope: ResourceScope, patient: int | None) -> Clause:
    return Clause(
        acts=scope.acts,
        type=None if scope.type is None else definitions().type_number(scope.type),
        patient=patient if scope.whose == "patient" else None,
        ways=tuple(map(frozenset, product(*map(_held, scope.conditions)))) if scope.conditions else (),
    )


def _held(condition: Condition) -> list[Held]:
    return [Held(condition.parameter, *each) for each in condition.any_of]


def refuse_out_of_scope(narrowing: Narrowing | None, act: Act, resource_type: str | None) -> None:
    """Raise Refusal `scope-insufficient` if no record of a type (None: of any type) is in scope for an act.

    An empty answer would look like an empty record.
    """
    if narrowing is None:
        return
    if resource_type is None:
        is_open = narrowing.opens_anything(act)
    else:
        is_open = narrowing.opens(act, definitions().type_number(resource_type))
    if not is_open:
        raise out_of_scope(act, resource_type or ANY)


def refuse_trail_out_of_scope(narrowing: Narrowing | None, act: Act) -> None:
    """Raise Refusal `scope-insufficient` if the audit trail is not in scope."""
    if narrowing is not None and not narrowing.opens_trail(act):
        raise out_of_scope(act, TRAIL)


def out_of_scope(act: Act, resource_type: str) -> Refusal:
    """The refusal; it names the scope that would be needed (RFC 6750, section 3.1: insufficient_scope)."""
    needed = f"{resource_type}.{act.value}"
    return Refusal(OUT_OF_SCOPE, next_step="ask-for-a-wider-scope", details={"scope": needed})
