"""Hostile expressions end soon with a refusal, and threads may share what is compiled."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tianfu.standards.fhir.fhirpath import FailedEvaluation, compile_expression

SECONDS_MAX = 10
"""Generous: the machine may be busy."""


@pytest.mark.parametrize(
    "text",
    [
        "(1|2|3).repeatAll($this)",
        "(1|2).aggregate($total.combine($total).combine(1), 1).repeatAll($this.combine($this))",
        "'aaaaaaaaaa'.toChars().aggregate($total & $total & $total & $total & $total & $total, 'abcdefghij')",
        "('a').replace('', %long).replace('', %long)",
        "%many.where(%many.where(%many.exists($this = 1).not()).exists())",
        "%many.combine(%many).union(%many.select($this & 'x')).select(%many)",
        "%many.select(%many).count()",
    ],
)
def test_runaway_work_is_cut_off(text: str) -> None:
    environment = {"long": "x" * 900_000, "many": [str(number) for number in range(2_000)]}
    started = time.perf_counter()

    with pytest.raises(FailedEvaluation) as refused:
        compile_expression(text).evaluate({}, environment=environment, steps_max=100_000)

    assert refused.value.reason in ("too-many-steps", "string-too-long")
    assert time.perf_counter() - started < SECONDS_MAX


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("^(a+)+$", "a" * 3_000 + "!", False),
        ("^(a|a)*$", "a" * 3_000, True),
        ("(a?){30}a{30}", "a" * 30, True),
        (".*.*.*.*y", "x" * 10_000, False),
        (r"^(\w+\s?)*$", "word " * 500 + "!", False),
        (r"^([a-z]+\.)+[a-z]{2,6}$", "a." * 1_000, False),
    ],
)
def test_patterns_that_make_backtracking_explode_are_matched_all_the_same(pattern: str, text: str, fits: bool) -> None:
    started = time.perf_counter()

    assert _matches(pattern, text) == [fits]
    assert time.perf_counter() - started < SECONDS_MAX


@pytest.mark.parametrize("pattern", [r"(a)\1", "(?=a)b", "(?i)a", "a" * 2_000, "(((a{1,999}){1,999}){1,999}){1,999}"])
def test_patterns_beyond_what_is_understood_are_refused(pattern: str) -> None:
    with pytest.raises(FailedEvaluation):
        _matches(pattern, "a" * 100)


def _matches(pattern: str, text: str) -> list[Any]:
    return compile_expression("%text.matches(%pattern)").evaluate({}, environment={"text": text, "pattern": pattern})


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        (r"(ab|cd)+x?", "abcdab", True),
        (r"(ab|cd)+x?", "abcdabx", True),
        (r"(ab|cd)+x?", "abcdaby", False),
        (r"([a-c]{2,3}-)+z", "ab-abc-z", True),
        (r"([a-c]{2,3}-)+z", "a-abc-z", False),
        (r"([^\]]+,?)*", "a,b", True),
        (r"(\d+\.?)+\b", "1.2.3", True),
        (r"(?:x|(y+))*", "", True),
    ],
)
def test_the_machine_without_backtracking_agrees_with_the_language(pattern: str, text: str, fits: bool) -> None:
    expression = compile_expression("%text.matchesFull(%pattern)")

    assert expression.evaluate({}, environment={"text": text, "pattern": pattern}) == [fits]


def test_json_deeper_than_the_stack_is_refused() -> None:
    extension: dict[str, Any] = {"url": "u"}
    for _ in range(30_000):
        extension = {"url": "u", "extension": [extension]}

    with pytest.raises(FailedEvaluation):
        compile_expression("extension ~ extension.where(true)").evaluate(
            {"resourceType": "Patient", "extension": [extension]}
        )


def test_threads_share_one_compiled_expression() -> None:
    expression = compile_expression("name.where(use = %use).given.select($this & '!').join(',')", base_type="Patient")
    patient = {"name": [{"use": str(number), "given": [str(number)]} for number in range(20)]}

    def ask(number: int) -> list[Any]:
        return expression.evaluate(patient, environment={"use": str(number % 20)})

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(400)))

    assert answers == [[f"{number % 20}!"] for number in range(400)]


def test_one_text_is_compiled_once() -> None:
    first, second = (compile_expression("name.given", base_type="Patient") for _ in range(2))

    assert first is second


def test_now_is_the_same_all_through_an_evaluation() -> None:
    assert compile_expression("now() = now() and today() = now().toDate()").evaluate({}) == [True]
