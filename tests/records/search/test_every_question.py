"""That every question is asked: the generator of questions leaves out nothing that searches can do."""

from __future__ import annotations

import random

import pytest
from tests.records.search.every_question import Question, every_question, modifiers_of
from tests.records.search.linked_world import Draw

from tianfu.records.search import executed_parameters, parse_search
from tianfu.records.search.followed import is_followed, leads_to
from tianfu.records.search.parameters import ROW_PARAMETERS
from tianfu.records.search.plan import SORTABLE, Link, SearchPlan
from tianfu.standards.fhir.definitions import definitions

NOW = 1_790_000_000_000_000


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    return every_question(Draw(random.Random(20_261_004)).world())


@pytest.fixture(scope="module")
def plans(questions: list[Question]) -> list[SearchPlan]:
    """What each question means; a question that would be refused fails here."""
    return [
        parse_search(
            question.type,
            question.parameters,
            strict=True,
            searchable=lambda name: {p.code for p in executed_parameters(name)},
            now=NOW,
        )
        for question in questions
    ]


def types(questions: list[Question]) -> set[str]:
    return {question.type for question in questions}


def test_no_question_is_asked_twice(questions: list[Question]) -> None:
    assert len(questions) == len(set(questions)) > 1_500


def test_every_parameter_is_asked_with_a_value_and_with_every_modifier(
    questions: list[Question], plans: list[SearchPlan]
) -> None:
    asked = {(plan.type, each.parameter.code, each.modifier) for plan in plans for each in plan.criteria}
    for kind in types(questions):
        for parameter in executed_parameters(kind):
            for modifier in (None, *modifiers_of(kind, parameter)):
                assert (kind, parameter.code, modifier) in asked


def test_every_parameter_is_counted_both_ways(plans: list[SearchPlan]) -> None:
    for wanted in ("accurate", "none"):
        counted = {
            (plan.type, each.parameter.code)
            for plan in plans
            for each in plan.criteria
            if (plan.total == "accurate" if wanted == "accurate" else plan.summary == "count")
        }
        for kind in {plan.type for plan in plans}:
            assert {(kind, p.code) for p in executed_parameters(kind)} <= counted


def test_every_order_is_asked_both_ways(questions: list[Question], plans: list[SearchPlan]) -> None:
    asked = {(plan.type, key.parameter.code, key.descending) for plan in plans for key in plan.sort}
    for kind in types(questions):
        for parameter in executed_parameters(kind):
            if parameter.code in ROW_PARAMETERS or parameter.type in SORTABLE:
                assert {(kind, parameter.code, True), (kind, parameter.code, False)} <= asked


def test_every_reference_is_followed_in_every_way(questions: list[Question], plans: list[SearchPlan]) -> None:
    there = types(questions)
    brought = {
        (plan.type, each.reverse, each.type, parameter.code)
        for plan in plans
        for each in plan.inclusions
        for parameter in each.parameters
    }
    linked = {
        (plan.type, link.reverse, end.type, link.parameter.code)
        for plan in plans
        for link in plan.links
        for end in link.ends
    }
    for kind in there:
        for parameter in filter(is_followed, executed_parameters(kind)):
            assert (kind, False, kind, parameter.code) in brought
            for target in there:
                if leads_to(parameter, target):
                    assert (kind, False, target, parameter.code) in linked
                    assert (target, True, kind, parameter.code) in brought
                    assert (target, True, kind, parameter.code) in linked


def test_every_parameter_is_asked_at_the_far_end_of_a_reference(plans: list[SearchPlan]) -> None:
    for reverse in (False, True):
        asked = {
            (end.type, end.criterion.parameter.code)
            for plan in plans
            for link in plan.links
            for end in link.ends
            if link.reverse is reverse and not isinstance(end.criterion, Link)
        }
        for kind in {kind for kind, _ in asked}:
            assert {(kind, p.code) for p in executed_parameters(kind)} <= asked
        assert len({kind for kind, _ in asked}) >= 5


def test_references_are_followed_twice_forward_backward_and_mixed(plans: list[SearchPlan]) -> None:
    ways = {
        (link.reverse, end.criterion.reverse)
        for plan in plans
        for link in plan.links
        for end in link.ends
        if isinstance(end.criterion, Link)
    }
    assert ways == {(False, False), (True, True), (False, True)}


def test_values_come_from_the_records_themselves() -> None:
    world = [{"resourceType": "Patient", "id": "p", "identifier": [{"system": "urn:made-up", "value": "Z,9"}]}]
    asked = [value for _, parameters in every_question(world) for name, value in parameters if name == "identifier"]
    assert "urn:made-up|Z\\,9" in asked
    assert set(definitions().resource_types) > {question.type for question in every_question(world)} == {"Patient"}
