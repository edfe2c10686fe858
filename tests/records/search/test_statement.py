"""Compiled searches: the roads they take, and that every one of them is a statement PostgreSQL accepts."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.desk import DESK

from tianfu.access.decision import NO_FACTS, Grant, decide
from tianfu.access.purpose import Purpose
from tianfu.access.scopes import Act
from tianfu.db import Database
from tianfu.db.queries import Query
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.search import (
    Position,
    SearchPlan,
    compile_count,
    compile_included,
    compile_search,
    executed_modifiers,
    executed_parameters,
    parse_search,
    sight,
)
from tianfu.records.search.inclusions import INCLUSIONS_MAX
from tianfu.records.search.parameters import component_parameters, is_hidden
from tianfu.records.visibility import visibility_values, visible, wall
from tianfu.standards.fhir.definitions import SearchParameter, definitions

pytestmark = pytest.mark.anyio

KEY = b"k" * 32
NOW = 1_790_000_000_000_000
GRANT = decide(DESK, Purpose.TREATMENT, NO_FACTS)
DOCTOR = Grant(caller=DESK, purpose=Purpose.TREATMENT, rule="doctor", actors=(1, 2), kinds=2, level=4, public_level=2)
HIDDEN = Grant(caller=DESK, purpose=Purpose.TREATMENT, rule="nothing", sees_everything=False)


def every_parameter(resource_type: str) -> set[str]:
    """The codes by which a type can be searched once all is indexed."""
    return {parameter.code for parameter in executed_parameters(resource_type)}


def plan(
    resource_type: str, *parameters: tuple[str, str], strict: bool = True, after: Position | None = None
) -> SearchPlan:
    return parse_search(resource_type, parameters, strict=strict, searchable=every_parameter, now=NOW, after=after)


def sql(resource_type: str, *parameters: tuple[str, str], after: Position | None = None) -> str:
    return compile_search(plan(resource_type, *parameters, after=after), grant=GRANT, identifier_key=KEY)[0]


def refused(resource_type: str, *parameters: tuple[str, str]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        plan(resource_type, *parameters)
    return caught.value


def test_the_newest_of_a_patient_are_one_limited_scan_along_the_index() -> None:
    assert sql("Observation", ("subject", "Patient/x"), ("_sort", "-date"), ("_count", "20")) == (
        "select a.rid, a.type, a.fid, a.version, a.changed_at, a.body, a.prid, a.date_low as s0 "
        "from resource_observation a where a.prid = %(v1)s::bigint and not a.deleted and true "
        "order by a.date_low desc nulls last, a.rid desc limit %(v0)s::bigint"
    )


def test_the_next_page_starts_behind_the_last_row_without_an_offset() -> None:
    text = sql("Observation", ("patient", "x"), after=Position(values=(5,), record=7))
    assert "(a.date_low, a.rid) < (" in text
    assert "offset" not in text


def test_a_page_that_ended_among_undated_records_goes_on_there() -> None:
    text = sql("Observation", ("patient", "x"), after=Position(values=(None,), record=7))
    assert "a.date_low is null and a.rid < " in text
    assert "is not null" not in text


def test_a_code_is_scanned_along_its_own_index_once_for_each_code() -> None:
    text = sql("Observation", ("code", "http://loinc.org|8302-2,http://loinc.org|29463-7"))
    assert "a.code = driver.key" in text
    assert text.count("cross join lateral") == 2


def test_a_code_without_a_system_is_looked_up_among_all_codes_ever_seen() -> None:
    assert "select hash from token where param" in sql("Observation", ("code", "8302-2"))


def test_a_status_needs_no_look_up_because_its_system_is_implied() -> None:
    assert "from token" not in sql("Observation", ("status", "final"))


def test_a_union_parameter_is_any_of_its_members() -> None:
    text = sql("Observation", ("combo-code", "http://loinc.org|8480-6"))
    assert "a.code = any(" in text
    assert " or " in text


def test_types_that_share_a_partition_are_told_apart() -> None:
    assert "from resource_other a where a.type = " in sql("Basic")


def test_whoever_sees_nothing_finds_and_counts_nothing() -> None:
    for compiled in (compile_search, compile_count):
        text, _ = compiled(plan("Observation", ("code", "http://loinc.org|1")), grant=HIDDEN, identifier_key=KEY)
        assert text.count(visible("a", HIDDEN)) == text.count("not a.deleted")


@pytest.mark.parametrize(
    ("resource_type", "name", "value", "hops"),
    [
        ("Observation", "patient.name", "li", 2),
        ("Observation", "patient.gender", "male", 2),
        ("Observation", "subject:Patient.general-practitioner:Practitioner.identifier", "x", 3),
        ("Observation", "patient.organization.partof.name", "x", 4),
        ("Observation", "performer.identifier", "x", 7),
        ("Patient", "_has:Observation:patient:code", "http://loinc.org|1", 2),
        ("Patient", "_has:Encounter:patient:_has:Observation:encounter:status", "final", 3),
        ("Encounter", "patient._has:Condition:patient:code", "x", 3),
        ("Appointment", "patient.name", "li", 3),
    ],
)
def test_every_hop_to_other_records_is_under_the_condition_of_sight(
    resource_type: str, name: str, value: str, hops: int
) -> None:
    for more in ([], [("patient", "x")] if resource_type == "Observation" else []):
        found = plan(resource_type, (name, value), *more)
        for compiled in (compile_search, compile_count):
            text, _ = compiled(found, grant=HIDDEN, identifier_key=KEY)
            rows = re.findall(r"not (a[1-3]?)\.deleted", text)
            assert len(rows) == hops
            for row in set(rows):
                assert text.count(visible(row, HIDDEN)) == rows.count(row)


def test_what_a_page_brings_along_is_under_the_condition_of_sight() -> None:
    for kind, name, value in [
        ("Observation", "_include", "*"),
        ("Observation", "_include", "Observation:subject:Patient"),
        ("Patient", "_revinclude", "Observation:subject"),
        ("Patient", "_revinclude", "*"),
    ]:
        text, _ = compile_included(plan(kind, (name, value)), [1, 2], sees=sight(HIDDEN))
        assert f" where not b.deleted and {visible('b', HIDDEN)} and " in text


def test_no_value_ever_stands_in_the_text() -> None:
    hostile = "x' or 1=1; drop table resource --"
    for resource_type, name in [
        ("Patient", "name"),
        ("Patient", "identifier"),
        ("Observation", "code"),
        ("ValueSet", "url"),
    ]:
        assert "drop table" not in sql(resource_type, (name, hostile))


@pytest.mark.parametrize(
    ("resource_type", "name", "value", "code"),
    [
        ("Patient", "nmae", "li", "search-parameter-unknown"),
        ("Patient", "name:fuzzy", "li", "search-modifier-not-allowed"),
        ("Patient", "birthdate:exact", "1990", "search-modifier-not-allowed"),
        ("Patient", "birthdate", "199", "search-value-malformed"),
        ("Patient", "birthdate", "2023-02-30", "search-value-malformed"),
        ("Patient", "birthdate:missing", "perhaps", "search-value-malformed"),
        ("Patient", "active:missing", "", "search-value-malformed"),
        ("Patient", "general-practitioner:Patient", "x", "search-modifier-not-allowed"),
        ("Patient", "general-practitioner.nothing", "x", "search-parameter-unknown"),
        ("Patient", "general-practitioner:Practitioner.nothing", "x", "search-parameter-unknown"),
        ("Patient", "general-practitioner:Patient.name", "x", "search-modifier-not-allowed"),
        ("Patient", "name.given", "zz", "search-value-malformed"),
        ("Observation", "patient.birthdate", "soon", "search-value-malformed"),
        ("AuditEvent", "entity.name", "x", "search-not-supported"),
        ("Library", "depends-on:Library.name", "x", "search-not-supported"),
        ("Patient", "_has:Nothing:patient:code", "zz", "search-value-malformed"),
        ("Patient", "_has:Observation:nothing:code", "x", "search-parameter-unknown"),
        ("Patient", "_has:Observation:encounter:code", "zz", "search-value-malformed"),
        ("Patient", "_has:Observation:code:status", "zz", "search-value-malformed"),
        ("Patient", "_has:Observation:patient:nothing", "x", "search-parameter-unknown"),
        ("Patient", "link.link.link.link.name", "x", "search-too-large"),
        ("Encounter", "appointment.supporting-info.name", "x", "search-not-supported"),
        ("Patient", "gender:in", "http://x", "search-not-supported"),
        ("Patient", "identifier", "http://x|", "search-not-supported"),
        ("Observation", "value-quantity", "high", "search-value-malformed"),
        ("Observation", "value-quantity", "5|http://unitsofmeasure.org|", "search-value-malformed"),
        ("Observation", "value-quantity", "5|mg", "search-value-malformed"),
        ("Observation", "value-quantity", "1e999", "search-value-malformed"),
        ("Observation", "value-quantity", "NaN", "search-value-malformed"),
        ("Observation", "code-value-quantity", "8302-2", "search-value-malformed"),
        ("Observation", "subject", "not an id", "search-value-malformed"),
        ("Location", "near", "30.6|104.1|5|km", "search-not-supported"),
        ("Observation", "_sort", "code", "search-not-supported"),
        ("Observation", "_sort", "nothing", "search-parameter-unknown"),
        ("Observation", "_include", "Observation:nothing", "search-parameter-unknown"),
        ("Observation", "_include", "Observation:code", "search-not-supported"),
        ("Observation", "_include", "Patient:link", "search-value-malformed"),
        ("Observation", "_include", "Observation:encounter:Patient", "search-value-malformed"),
        ("Observation", "_include", "Observation:subject:Nothing", "search-value-malformed"),
        ("Observation", "_include:iterate", "Observation:subject", "search-not-supported"),
        ("Library", "_include", "Library:depends-on", "search-not-supported"),
        ("Patient", "_revinclude", "Nothing:subject", "search-value-malformed"),
        ("Patient", "_revinclude", "*:subject", "search-value-malformed"),
        ("Patient", "_revinclude", "Observation:encounter", "search-value-malformed"),
        ("Patient", "_revinclude", "Observation:subject:Group", "search-value-malformed"),
        ("Patient", "_revinclude", "ValueSet:*", "search-value-malformed"),
    ],
)
def test_what_would_not_be_done_as_asked_is_refused(resource_type: str, name: str, value: str, code: str) -> None:
    refusal = refused(resource_type, (name, value))
    assert refusal.code == code
    if code == "search-value-malformed" and value:
        assert value not in str(refusal)


def test_searches_that_would_look_at_too_much_are_refused() -> None:
    many = [("_include", "Observation:subject")] * (INCLUSIONS_MAX + 1)
    assert refused("Observation", *many).details["what"] == "inclusions"
    # Six types order it, and the records that each is based on are of several types again.
    assert (
        refused("Task", ("requester._has:ServiceRequest:requester:performer._id", "x")).details["what"] == "chain-ends"
    )


def test_an_unknown_parameter_is_answered_with_those_that_exist() -> None:
    assert "birthdate" in refused("Patient", ("nmae", "li")).details["known"]


def test_lenient_handling_leaves_out_what_it_does_not_know_and_says_so() -> None:
    found = plan("Patient", ("nmae", "li"), ("gender", "female"), ("_include:iterate", "Patient:link"), strict=False)
    assert found.ignored == ("nmae", "_include:iterate")
    assert [criterion.parameter.code for criterion in found.criteria] == ["gender"]


def test_lenient_handling_does_not_forgive_a_malformed_value() -> None:
    with pytest.raises(Refusal):
        plan("Patient", ("birthdate", "soon"), strict=False)


def test_parameters_whose_index_is_not_complete_are_refused_for_now() -> None:
    with pytest.raises(Refusal) as caught:
        parse_search("Patient", [("name", "li")], strict=True, searchable=lambda _: set(), now=NOW)
    assert caught.value.code == "search-parameter-not-indexed"
    assert caught.value.retryable


VALUES = {
    "token": ["a", "http://s|a", "|a", "a,http://s|b"],
    "string": ["li", "a,b"],
    "date": ["2020", "ge2020-01", "ne2020-01-01T10:00:00+08:00", "ap2020", "sa2020,eb2019"],
    "number": ["5", "gt5.4", "ap1e2"],
    "quantity": ["5.4", "lt5.4|http://unitsofmeasure.org|mg", "5.4||mg"],
    "reference": ["x", "Patient/x", "http://elsewhere.example/Group/x,y"],
    "uri": ["http://a", "http://a,http://b"],
}


def values_of(parameter: SearchParameter) -> list[str]:
    if parameter.type != "composite":
        return VALUES[parameter.type]
    kind = component_parameters(parameter)[1].type
    value = {"token": "http://s|b", "quantity": "lt5.4||mg"}.get(kind, VALUES[kind][0])
    return [f"http://s|a${value}"]


def searches_of(resource_type: str) -> Iterator[tuple[str, str]]:
    """Every parameter of a type with values of each form and every modifier that is executed."""
    for parameter in executed_parameters(resource_type):
        for value in values_of(parameter):
            yield parameter.code, value
        if parameter.code in {"_id", "_lastUpdated"}:
            continue
        for modifier in executed_modifiers(parameter.type):
            if modifier == "contains" and is_hidden(resource_type, parameter):
                continue
            value = {"missing": "true", "identifier": "s|v"}.get(modifier, values_of(parameter)[0])
            yield f"{parameter.code}:{modifier}", value


async def test_every_parameter_of_every_type_compiles_to_a_statement_that_runs(
    database_on_each_engine: Database,
) -> None:
    # One type of each kind in full; of the rest, every parameter that differs.
    seen: set[tuple[int, str, str]] = set()
    async with database_on_each_engine.connection("reader", before=wall(GRANT)) as connection:
        for resource_type in definitions().resource_types:
            numbers = {p.code: p.number for p in executed_parameters(resource_type)}
            for name, value in searches_of(resource_type):
                known = numbers[name.partition(":")[0]], name, value
                if known in seen:
                    continue
                seen.add(known)
                found = plan(resource_type, (name, value), ("_count", "3"))
                text, parameters = compile_search(found, grant=GRANT, identifier_key=KEY)
                assert await connection.all(Query.composed("search", text), **parameters) == [], name
    assert len(seen) > 3_000


@pytest.mark.parametrize(
    ("resource_type", "sort", "values"),
    [
        ("Observation", "date", (5,)),
        ("Observation", "-date", (None,)),
        ("Observation", "-value-quantity", (5.5,)),
        ("Observation", "_lastUpdated,-date", (5, None)),
        ("Condition", "-onset-date", (5,)),
        ("Patient", "family,-birthdate,_id", ("li", 5, b"x")),
        ("Patient", "_id", (b"x",)),
    ],
)
async def test_every_order_and_its_next_page_is_a_statement_that_runs(
    database: Database, resource_type: str, sort: str, values: tuple[object, ...]
) -> None:
    position = Position(values=values, record=3)  # type: ignore[arg-type]  # a table of mixed values
    bound = [] if resource_type == "Patient" else [("patient", "a,b")]
    async with database.connection("reader", before=wall(GRANT)) as connection:
        for more in ([], bound, [*bound, ("_lastUpdated", "ge2020")]):
            for after in (None, position):
                found = plan(resource_type, *more, ("_sort", sort), after=after)
                text, parameters = compile_search(found, grant=GRANT, identifier_key=KEY)
                assert await connection.all(Query.composed("search", text), **parameters) == []
                text, parameters = compile_count(found, grant=GRANT, identifier_key=KEY)
                assert await connection.all(Query.composed("count", text), **parameters) == [(0,)]


@pytest.mark.parametrize("grant", [GRANT, DOCTOR], ids=["everything", "doctor"])
@pytest.mark.parametrize(
    ("parameters", "index"),
    [
        ([("subject", "Patient/x"), ("_sort", "-date")], "resource_observation_person"),
        ([("patient", "x"), ("code", "http://loinc.org|8302-2")], "resource_observation_person"),
        ([("code", "http://loinc.org|8302-2")], "resource_observation_code"),
        ([("code", "8302-2"), ("_sort", "date")], "resource_observation_code"),
        ([("value-concept", "http://loinc.org|x")], "resource_observation_tokens"),
        ([("_id", "x")], "resource_observation_rid"),
        ([("_lastUpdated", "ge2026"), ("_sort", "_lastUpdated")], "resource_observation_changed"),
        ([("patient.identifier", "x")], "resource_observation_person"),
        ([("performer:Practitioner.identifier", "x")], "reference_target"),
        ([("patient.gender", "male"), ("code", "http://loinc.org|8302-2")], "resource_observation_code"),
    ],
)
async def test_searches_take_the_road_that_was_built_for_them(
    database: Database, parameters: list[tuple[str, str]], index: str, grant: Grant
) -> None:
    text, values = compile_search(plan("Observation", *parameters), grant=grant, identifier_key=KEY)
    async with database.transaction("reader", before=wall(grant)) as transaction:
        # The table is empty: without this, reading all of nothing is the cheapest road.
        await transaction.run(Query.composed("no_walk", "set local enable_seqscan = off"))
        explained = await transaction.all(
            Query.composed("explain", f"explain {text}"),
            **values,
            **visibility_values(grant, Instant(NOW), doing=Act.SEARCH),
        )
    assert index in "\n".join(row[0] for row in explained)
