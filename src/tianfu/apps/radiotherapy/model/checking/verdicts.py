"""All rules, and what they say of a case."""

from __future__ import annotations

from collections.abc import Iterable

from tianfu.apps.radiotherapy.model.checking import (
    beams,
    chain,
    contents,
    doses,
    fields,
    images,
    prescription,
    recomputed,
    records,
    segments,
    setups,
    structures,
)
from tianfu.apps.radiotherapy.model.checking.books import Check
from tianfu.apps.radiotherapy.model.checking.rules import Outcome, Rule, Severity, Verdict
from tianfu.apps.radiotherapy.model.checking.subjects import Checked

CHECKS: tuple[Check, ...] = tuple(
    check
    for topic in (
        prescription,
        beams,
        setups,
        segments,
        structures,
        contents,
        images,
        doses,
        fields,
        recomputed,
        chain,
        records,
    )
    for check in topic.BOOK.checks
)

RULES: tuple[Rule, ...] = tuple(check.rule for check in CHECKS)


def outcomes_of(checked: Checked) -> tuple[Outcome, ...]:
    """What each rule finds, in the order of topics."""
    return tuple(check.outcome(checked) for check in CHECKS)


def worst(outcomes: Iterable[Outcome]) -> Severity | None:
    """The gravest severity of which there is a fault; None if there is none."""
    found = {outcome.rule.severity for outcome in outcomes if outcome.verdict is Verdict.FAULTS}
    return next((severity for severity in Severity if severity in found), None)
