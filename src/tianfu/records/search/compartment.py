"""The compartment of one patient as SQL: what is about him, what he takes part in, and what those records name.

https://hl7.org/fhir/R4/compartmentdefinition-patient.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from tianfu.kernel.ids import packed_id, record_number
from tianfu.kernel.instants import Instant, range_of
from tianfu.records.index.layout import Layout
from tianfu.records.search.plan import Position
from tianfu.records.search.refusals import malformed, not_supported
from tianfu.records.search.values import StatementValues
from tianfu.standards.fhir.definitions import definitions

COUNT_DEFAULT = 100
COUNT_MAX = 1_000

SUPPORTING_TYPES = ("Practitioner", "PractitionerRole", "Organization", "Location", "Medication")
"""Records about nobody that belong to an answer because the person's records name them."""

PERSON, COMPARTMENT, SUPPORTING = range(3)
"""The sections of the answer, in their order."""

HEAD = -1
"""The section of the row that says that the patient is there and may be seen."""

_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}\Z")
_KNOWN = frozenset({"start", "end", "_since", "_type", "_count"})

Statement = tuple[str, dict[str, object]]
Sees = Callable[[str], str]
"""Yields the condition under which a row of a given name may be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EverythingPlan:
    """What is wanted: care between two instants, changes since one, records of some types; None is no bound."""

    patient: str
    start: Instant | None = None
    end: Instant | None = None
    since: Instant | None = None
    types: tuple[str, ...] | None = None
    count: int = COUNT_DEFAULT
    asked: tuple[tuple[str, str], ...]
    after: Position | None


def parse_everything(
    patient: str, parameters: Sequence[tuple[str, str]], *, strict: bool, after: Position | None
) -> EverythingPlan:
    """The plan of a question; raises Refusal for what would not be done as asked."""
    unknown = [name for name, _ in parameters if name not in _KNOWN]
    if unknown and strict:
        raise not_supported(unknown[0], "parameter-of-everything")
    asked = tuple((name, value) for name, value in parameters if name in _KNOWN)
    for name, _ in asked:
        if name != "_type" and [each for each, _ in asked].count(name) > 1:
            raise malformed(name, "one-value")
    given = dict(asked)
    return EverythingPlan(
        patient=patient,
        start=_bound(given, "start", 0),
        end=_bound(given, "end", 1),
        since=_bound(given, "_since", 0),
        types=_types([value for name, value in asked if name == "_type"]),
        count=_count(given.get("_count")),
        asked=asked,
        after=after,
    )


def _bound(given: dict[str, str], name: str, end: int) -> Instant | None:
    text = given.get(name)
    if text is None:
        return None
    try:
        # A plus sign that was not percent-encoded arrives as a space.
        return range_of(text.replace(" ", "+"))[end]
    except (ValueError, OverflowError) as error:
        raise malformed(name, "a-date") from error


def _types(values: Sequence[str]) -> tuple[str, ...] | None:
    names = [name for value in values for name in value.split(",")]
    if any(name not in definitions().type_numbers for name in names):
        raise malformed("_type", "resource types")
    return tuple(dict.fromkeys(names)) if names else None


def _count(text: str | None) -> int:
    if text is None:
        return COUNT_DEFAULT
    if not _WHOLE_NUMBER.match(text) or int(text) < 1:
        raise malformed("_count", "a-whole-number above 0")
    return min(int(text), COUNT_MAX)


def compile_compartment(plan: EverythingPlan, *, sees: Sees) -> Statement:
    """The statement of the person's own records.

    First a row of the section `HEAD` if the patient is there and may be seen, then at most one record more than
    `plan.count`: rid, type, fid, version, changed_at, body, prid, section.
    """
    compiler = _Compiler(plan, sees)
    return compiler.compartment(), compiler.values.by_name


def compile_supporting(plan: EverythingPlan, *, limit: int, sees: Sees) -> Statement:
    """The statement of the records that the person's own name, each once, in the form of the former."""
    compiler = _Compiler(plan, sees)
    return compiler.supporting(limit), compiler.values.by_name


class _Compiler:
    """Puts the statements together; `a` names the person's records, `b` what they name."""

    def __init__(self, plan: EverythingPlan, sees: Sees) -> None:
        self.plan = plan
        self.sees = sees
        self.values = StatementValues()
        self.patient = self.values.bigint(record_number("Patient", plan.patient))

    def compartment(self) -> str:
        """The person, and whatever lies in the compartment."""
        fid = self.values.bytea(packed_id(self.plan.patient))
        section = f"case when a.type = {self._number('Patient')} and a.rid = {self.patient} then {PERSON} else 1 end"
        conditions = ["exists (select from person)", *self._compartment(), *self._wanted("a"), *self._dated("a")]
        behind = self._behind("a", section)
        return (
            "with person as materialized (select p.rid, p.type from resource_patient p "
            f"where p.rid = {self.patient} and p.fid = {fid} and not p.deleted and {self.sees('p')}) "
            f"select rid, type, null::bytea, 0, 0::bigint, null::bytea, rid, {HEAD} from person union all ("
            f"select a.rid, a.type, a.fid, a.version, a.changed_at, a.body, a.prid, {section} from resource a "
            f"where {' and '.join([*conditions, *behind])} "
            f"order by {section}, a.type, a.rid limit {self.values.bigint(self.plan.count + 1)})"
        )

    def supporting(self, limit: int) -> str:
        """The records that the person's own name."""
        own = " and ".join([*self._compartment(), *self._dated("a")])
        named = (
            f"select n.target from reference n where n.source = any(array(select a.rid from resource a where {own}))"
        )
        types = self.values.smallints([definitions().type_number(each) for each in SUPPORTING_TYPES])
        conditions = [
            f"b.type = any({types})",
            f"b.rid = any(array({named}))",
            "not b.deleted",
            self.sees("b"),
            *self._wanted("b"),
            *self._behind("b", str(SUPPORTING)),
        ]
        return (
            f"select b.rid, b.type, b.fid, b.version, b.changed_at, b.body, b.prid, {SUPPORTING} from resource b "
            f"where {' and '.join(conditions)} order by b.type, b.rid limit {self.values.bigint(limit)}"
        )

    def _compartment(self) -> list[str]:
        """Records about the person, about him among others, or in which he takes part."""
        types, parameters = zip(*_participations(), strict=True)
        pairs = f"unnest({self.values.smallints(types)}, {self.values.smallints(parameters)})"
        taking_part = f"(n.source_type, n.param) in (select * from {pairs})"
        ways = (
            f"a.prid = {self.patient}",
            f"a.rid = any(array(select o.rid from also_about o where o.prid = {self.patient}))",
            f"a.rid = any(array(select n.source from reference n where n.target = {self.patient} and {taking_part}))",
        )
        return [f"({' or '.join(ways)})", "not a.deleted", self.sees("a")]

    def _wanted(self, row: str) -> list[str]:
        conditions = []
        if self.plan.types is not None:
            numbers = [definitions().type_number(each) for each in self.plan.types]
            conditions.append(f"{row}.type = any({self.values.smallints(numbers)})")
        if self.plan.since is not None:
            conditions.append(f"{row}.changed_at >= {self.values.bigint(self.plan.since)}")
        return conditions

    def _dated(self, row: str) -> list[str]:
        """Within the dates of care; what has no such date is always within, and a birthday is none."""
        conditions = []
        if self.plan.start is not None:
            conditions.append(f"{row}.date_high >= {self.values.bigint(self.plan.start)}")
        if self.plan.end is not None:
            conditions.append(f"{row}.date_low <= {self.values.bigint(self.plan.end)}")
        if not conditions:
            return []
        born = self.values.smallints([definitions().type_number(each) for each in _born_types()])
        return [f"({row}.date_low is null or {row}.type = any({born}) or ({' and '.join(conditions)}))"]

    def _behind(self, row: str, section: str) -> list[str]:
        after = self.plan.after
        if after is None:
            return []
        place = [self.values.bigint(_whole(value)) for value in (*after.values, after.record)]
        return [f"(({section})::bigint, {row}.type::bigint, {row}.rid) > ({', '.join(place)})"]

    def _number(self, resource_type: str) -> str:
        return self.values.smallint(definitions().type_number(resource_type))


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(type(value).__name__)
    return value


@cache
def _participations() -> tuple[tuple[int, int], ...]:
    """Type and parameter numbers by which a record lies in a patient's compartment."""
    return tuple(
        (definitions().type_number(kind), parameter.number)
        for kind, codes in sorted(definitions().compartment_patient.items())
        for parameter in definitions().search_parameters[kind]
        if parameter.code in codes
    )


@cache
def _born_types() -> tuple[str, ...]:
    """The types whose main date is a birthday."""
    return tuple(t for t in definitions().resource_types if Layout.for_type(t).main_date == "birthdate")
