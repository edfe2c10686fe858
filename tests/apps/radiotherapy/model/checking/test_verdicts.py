"""All rules together: none without a fault and words of its own, no false alarm, nothing silently passed."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from demo.radiotherapy.objects import Making
from demo.radiotherapy.phantoms import PHANTOMS, made_phantom
from demo.radiotherapy.sound import sound

import tianfu.apps.radiotherapy as app
from tests.apps.radiotherapy.model.checking.plants import case, found, sound_checked
from tianfu.apps.radiotherapy.model.checking.rules import (
    DETAILS,
    PLACES,
    REASONS,
    NotJudgedError,
    Severity,
    Topic,
    Verdict,
    seen,
)
from tianfu.apps.radiotherapy.model.checking.subjects import checked_of
from tianfu.apps.radiotherapy.model.checking.verdicts import RULES, outcomes_of, worst
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.cases import Case

HERE = "tests.apps.radiotherapy.model.checking"
TESTS = (
    "prescription",
    "beams",
    "setups",
    "segments",
    "structures",
    "contents",
    "images",
    "doses",
    "fields",
    "recomputed",
    "chain",
    "records",
)
LANGUAGES = Path(str(app.__file__)).parent / "languages"


@cache
def catalogue(tag: str) -> dict[str, object]:
    said: dict[str, object] = json.loads((LANGUAGES / f"{tag}.json").read_text("utf-8"))
    return said


def test_there_are_at_least_eighty_rules_and_no_id_twice() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES) >= 80


def test_every_rule_has_a_planted_fault_of_its_own() -> None:
    faults = [fault.rule for name in TESTS for fault in import_module(f"{HERE}.test_{name}").FAULTS]
    assert sorted(faults) == sorted(rule.id for rule in RULES)


@pytest.mark.parametrize("name", PHANTOMS)
def test_no_rule_finds_anything_in_a_sound_case(name: str) -> None:
    assert found(sound(made_phantom(PHANTOMS[name]()), Making(seed=11, fractions_given=2))) == set()


def test_no_rule_finds_anything_in_the_case_that_faults_are_planted_in() -> None:
    assert found(sound_checked()) == set()


def test_without_a_machine_its_rules_are_not_judged() -> None:
    with_one = {one.rule.id for one in outcomes_of(sound_checked()) if one.verdict is Verdict.NOT_JUDGED}
    without = outcomes_of(replace(sound_checked(), limits_given=None))
    unjudged = {one.rule.id for one in without if one.reason == "no-machine"}
    assert "leaf-gap-small" in unjudged
    assert len(unjudged - with_one) == 17


def test_nothing_passes_in_a_case_without_objects() -> None:
    empty = checked_of(Case(), plan=None, machine=None, protocol=None)
    passed = {one.rule.id for one in outcomes_of(empty) if one.verdict is Verdict.PASSED}
    assert passed == set()


def test_a_plan_without_anything_around_it_is_judged_by_itself_alone() -> None:
    alone = case(images=(), structure_sets=(), doses=(), treatments=())(sound_checked())
    about = {one.rule.topic for one in outcomes_of(alone) if one.verdict is Verdict.PASSED}
    assert about == {Topic.PRESCRIPTION, Topic.BEAMS, Topic.SEGMENTS, Topic.CHAIN}
    assert found(alone) == {"dose-missing"}


def test_the_gravest_fault_decides() -> None:
    sound_outcomes = outcomes_of(sound_checked())
    assert worst(sound_outcomes) is None
    assert worst(outcomes_of(case(doses=())(sound_checked()))) is Severity.STOP


def test_a_plan_must_be_named_where_there_are_several() -> None:
    several = sound_checked().case
    several = replace(several, plans=(several.plans[0], replace(several.plans[0], instance="2.25.8")))
    with pytest.raises(Refusal, match="plan-unclear"):
        checked_of(several, plan=None, machine=None, protocol=None)
    assert checked_of(several, plan="2.25.8", machine=None, protocol=None).plan.instance == "2.25.8"


@pytest.mark.parametrize("tag", ["en", "zh-CN"])
def test_every_rule_has_its_sentences(tag: str) -> None:
    said = catalogue(tag)
    wanted = {f"rt.rule-{rule.id}{part}" for rule in RULES for part in ("", "-means", "-advice")}
    assert wanted - set(said) == set()
    known = {key for key in said if key.startswith("rt.rule-")}
    assert known - wanted == set()


@pytest.mark.parametrize("tag", ["en", "zh-CN"])
def test_every_reason_place_and_detail_has_its_words(tag: str) -> None:
    wanted = {f"rt.not-judged-{reason}" for reason in REASONS} | {f"rt.check-place-{place}" for place in PLACES}
    wanted |= {f"rt.check-detail-{name}" for name in DETAILS}
    wanted |= {f"rt.severity-{severity}" for severity in Severity} | {f"rt.topic-{topic}" for topic in Topic}
    assert wanted - set(catalogue(tag)) == set()


def test_a_detail_without_a_word_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="colour"):
        seen(colour="red")
    with pytest.raises(ValueError, match="moon"):
        seen({"moon": 1})
    with pytest.raises(ValueError, match="too-tired"):
        NotJudgedError("too-tired")
