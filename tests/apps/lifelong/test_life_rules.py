"""Phases of a life, entries that fold together, kinds, and what must be known before anything else."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.apps.lifelong.made_up import HOSPITAL, allergy, concept, measured, pressure, visit
from tests.web.test_languages import FOLDERS
from tianfu.apps.lifelong.mapping.background import background_of
from tianfu.apps.lifelong.mapping.patients import patient_of
from tianfu.apps.lifelong.mapping.timeline import entry_of
from tianfu.apps.lifelong.model.background import agreed, current_weeks, with_due_date
from tianfu.apps.lifelong.model.before_birth import of_the_pregnancy, told_of_the_mother
from tianfu.apps.lifelong.model.entries import Entry, Flag, Tone, fold
from tianfu.apps.lifelong.model.filters import read_filter
from tianfu.apps.lifelong.model.kinds import Kind, kind_of
from tianfu.apps.lifelong.model.people import Person
from tianfu.apps.lifelong.model.phases import Pregnancy, age_on, birthday, phase_on, phases_of
from tianfu.apps.lifelong.speech import Speech
from tianfu.web.languages import load_languages

CHINESE = Speech(load_languages(FOLDERS)["zh-CN"])
TODAY = date(2026, 11, 23)
BORN = date(1992, 4, 18)


def phases(*pregnancies: Pregnancy, born: date = BORN, until: date | None = None) -> list[tuple[str, int, int]]:
    found = phases_of(born, until=until, pregnancies=pregnancies, today=TODAY)
    return [(phase.id, phase.age_from, phase.age_to) for phase in found]


def test_a_life_runs_from_before_birth_to_old_age() -> None:
    assert [name for name, _, _ in phases()] == ["before-birth", "infancy", "school", "young", "middle", "older"]


def test_a_pregnancy_stands_out_of_the_age_it_lies_in() -> None:
    now = Pregnancy(since=date(2026, 7, 31), until=None)
    assert phases(now)[3:6] == [("young", 18, 34), ("pregnancy", 34, 34), ("young-2", 34, 44)]


@pytest.mark.parametrize(
    ("first_day", "ends"),
    [
        (None, date(2026, 11, 24)),
        (date(2026, 5, 8), date(2027, 2, 13)),
        (date(2026, 1, 1), date(2026, 11, 24)),
        (date(2024, 5, 8), date(2026, 11, 24)),
    ],
)
def test_a_pregnancy_that_lasts_runs_to_its_due_date(first_day: date | None, ends: date) -> None:
    told = with_due_date(Pregnancy(since=date(2026, 7, 31), until=None), [first_day] if first_day else [])
    found = phases_of(BORN, until=None, pregnancies=[told], today=TODAY)
    assert [phase.ends for phase in found if phase.id == "pregnancy"] == [ends]


def test_a_pregnancy_ends_with_the_life() -> None:
    told = Pregnancy(since=date(2026, 7, 31), until=None, due=date(2027, 2, 12))
    found = phases_of(BORN, until=date(2026, 9, 1), pregnancies=[told], today=TODAY)
    assert found[-1].ends == date(2026, 9, 2)


def test_only_the_latest_pregnancies_stand_out() -> None:
    many = [Pregnancy(since=date(2012 + 2 * n, 1, 1), until=date(2012 + 2 * n, 10, 1)) for n in range(6)]
    assert sum(name.startswith("pregnancy") for name, _, _ in phases(*many)) == 4


def test_a_life_that_ended_has_no_phases_ahead() -> None:
    assert [name for name, _, _ in phases(until=date(2009, 1, 1))] == ["before-birth", "infancy", "school"]


@given(
    st.dates(date(1920, 1, 1), TODAY),
    st.lists(st.tuples(st.dates(date(1935, 1, 1), TODAY), st.integers(1, 330)), max_size=5),
)
def test_phases_touch_without_gap_or_overlap(born: date, told: list[tuple[date, int]]) -> None:
    pregnancies = [Pregnancy(since=since, until=since + timedelta(days=days)) for since, days in told]
    found = phases_of(born, until=None, pregnancies=pregnancies, today=TODAY)
    assert all(one.ends == following.starts for one, following in itertools.pairwise(found))
    assert len({phase.id for phase in found}) == len(found)
    assert phase_on(found, TODAY) is not None


def test_a_leap_day_child_has_birthdays_every_year() -> None:
    assert birthday(date(2000, 2, 29), 18) == date(2018, 3, 1)
    assert age_on(date(2000, 2, 29), date(2018, 2, 28)) == 17


@pytest.mark.parametrize(
    ("resource_type", "category", "kind"),
    [
        ("Observation", "laboratory", Kind.RESULT),
        ("Observation", "vital-signs", Kind.CHECK),
        ("Observation", "", Kind.CHECK),
        ("Observation", "imaging", Kind.EXAMINATION),
        ("DiagnosticReport", "LAB", Kind.RESULT),
        ("DiagnosticReport", "", Kind.RESULT),
        ("DiagnosticReport", "RAD", Kind.EXAMINATION),
        ("Immunization", "", Kind.IMMUNISATION),
        ("Composition", "", Kind.DOCUMENT),
        ("Claim", "", Kind.OTHER),
        ("Provenance", "", Kind.OTHER),
    ],
)
def test_every_type_has_a_kind(resource_type: str, category: str, kind: Kind) -> None:
    assert kind_of(resource_type, category) is kind


def entries(*resources: dict[str, Any]) -> list[Entry]:
    return [entry_of(resource, patient=HOSPITAL) for resource in resources]


def in_visit(name: str) -> dict[str, Any]:
    return {"encounter": {"reference": f"Encounter/{name}"}}


def test_measurements_fold_into_their_visit() -> None:
    found = fold(
        entries(
            visit("check", "2026-11-06", "产前检查"),
            pressure("p", "2026-11-06", 128, 80, **in_visit("check")),
            measured("w", "2026-11-06", "29463-7", "体重", 64.2, "kg", **in_visit("check")),
        )
    )
    assert [(entry.id, entry.folded) for entry in found] == [("check", 2)]
    assert [finding.id for finding in found[0].findings] == ["p", "w"]


def test_the_values_of_every_visit_stand_in_the_same_order() -> None:
    def visited(day: str, order: list[int]) -> list[str]:
        inside = in_visit(f"v{day}")
        made = [
            pressure(f"z{day}", day, 128, 80, **inside),
            measured(f"y{day}", day, "8867-4", "心率", 70, "/min", **inside),
            measured(f"x{day}", day, "29463-7", "体重", 64.2, "kg", **inside),
            measured(f"w{day}", day, "own-b", "乙", 1, "g", **inside),
            measured(f"v{day}", day, "own-a", "甲", 1, "g", **inside),
        ]
        [entry] = fold(entries(visit(f"v{day}", day, "门诊"), *(made[place] for place in order)))
        return [finding.name.text for finding in entry.findings]

    expected = ["血压", "心率", "体重", "甲", "乙"]
    assert visited("2026-11-06", [0, 1, 2, 3, 4]) == expected
    assert visited("2026-11-07", [4, 2, 3, 1, 0]) == expected


def test_results_fold_into_their_report_in_its_order_and_it_says_how_many_are_abnormal() -> None:
    report = {
        "resourceType": "DiagnosticReport",
        "id": "report",
        "status": "final",
        "code": concept("血脂"),
        "subject": {"reference": f"Patient/{HOSPITAL}"},
        "effectiveDateTime": "2026-11-06",
        "result": [{"reference": "Observation/second"}, {"reference": "Observation/first"}],
    }
    lab = {"category": "laboratory", **in_visit("check")}
    [entry, _] = fold(
        entries(
            measured("first", "2026-11-06", "1", "甲", 9, "mmol/L", referenceRange=[{"high": {"value": 5}}], **lab),
            measured("second", "2026-11-06", "2", "乙", 1, "mmol/L", **lab),
            report,
            visit("check", "2026-11-05", "门诊"),
        )
    )
    assert [finding.id for finding in entry.findings] == ["second", "first"]
    assert [finding.id for finding in entry.line] == ["first", "second"]
    assert [(mark.key, mark.count) for mark in entry.marks] == [("mark.abnormal", 1)]
    assert entry.tone is Tone.WARNING


def test_loose_measurements_of_a_day_are_gathered_by_library_and_kind() -> None:
    found = fold(
        [
            *entries(pressure("a", "2026-11-06", 1, 2), pressure("b", "2026-11-06", 1, 2)),
            entry_of(pressure("c", "2026-11-06", 1, 2), patient="elsewhere"),
            *entries(measured("d", "2026-11-06", "1", "甲", 1, "g", category="laboratory")),
        ]
    )
    assert sorted((len(entry.findings), entry.folded) for entry in found) == [(1, 0), (1, 0), (2, 1)]


@given(st.lists(st.sampled_from(["visit", "pressure", "lab", "dose"]), max_size=12), st.randoms())
def test_no_record_is_lost_in_folding(sorts: list[str], chance: Any) -> None:
    made = []
    for number, sort in enumerate(sorts):
        day = f"2026-11-{chance.randint(1, 3):02}"
        inside = in_visit(f"r{chance.randint(0, 11)}") if chance.random() < 0.5 else {}
        match sort:
            case "visit":
                made.append(visit(f"r{number}", day, "门诊"))
            case "pressure":
                made.append(pressure(f"r{number}", day, 120, 80, **inside))
            case "lab":
                made.append(measured(f"r{number}", day, "1", "甲", 1, "g", category="laboratory", **inside))
            case _:
                made.append({"resourceType": "Immunization", "id": f"r{number}", "occurrenceDateTime": day})
    found = fold(entries(*made))
    shown = {entry.id for entry in found} | {finding.id for entry in found for finding in entry.findings}
    assert shown >= {resource["id"] for resource in made}
    assert sum(1 + entry.folded for entry in found) == len(made)


def test_a_record_taken_back_says_so_first() -> None:
    taken_back = {**visit("v", "2026-11-06", "门诊"), "status": "entered-in-error"}
    assert entry_of(taken_back, patient=HOSPITAL).marks[0].key == "mark.entered-in-error"


def test_the_laboratorys_own_word_stands_above_the_range() -> None:
    told = {"interpretation": [concept("正常", "N", "urn:x")], "referenceRange": [{"high": {"value": 5}}]}
    [entry] = entries(measured("m", "2026-11-06", "1", "甲", 9, "g", **told))
    assert entry.findings[0].flag is None


@pytest.mark.parametrize(
    ("codes", "flag"),
    [
        (["HH"], Flag.CRITICAL_HIGH),
        (["LL"], Flag.CRITICAL_LOW),
        (["AA"], Flag.CRITICAL),
        (["H"], Flag.HIGH),
        (["H", "HH"], Flag.CRITICAL_HIGH),
        (["N"], None),
        ([""], Flag.HIGH),
    ],
)
def test_a_critical_result_is_told_from_a_high_one(codes: list[str], flag: Flag | None) -> None:
    told = {
        "interpretation": [concept("判断", code, "urn:x") for code in codes],
        "referenceRange": [{"high": {"value": 5}}],
    }
    [entry] = entries(measured("m", "2026-11-06", "1", "甲", 9, "g", **told))
    assert entry.findings[0].flag is flag


def critical(identity: str, **more: Any) -> dict[str, Any]:
    told = {"interpretation": [concept("", "HH", "urn:x")], **more}
    return measured(identity, "2026-11-06", "2823-3", "血钾", 7.2, "mmol/L", category="laboratory", **told)


def test_a_critical_result_makes_its_entry_and_whatever_it_folds_into_critical() -> None:
    [alone] = fold(entries(critical("c")))
    assert (alone.tone, alone.icon, [mark.key for mark in alone.marks]) == (
        Tone.CRITICAL,
        "i-stop",
        ["flag.critical-high"],
    )
    high = measured(
        "h", "2026-11-06", "1", "甲", 9, "g", referenceRange=[{"high": {"value": 5}}], category="laboratory"
    )
    [together] = fold(entries(high, critical("c")))
    assert together.tone is Tone.CRITICAL
    assert [(mark.status, mark.key, mark.count) for mark in together.marks] == [
        ("critical", "mark.critical", 1),
        ("warning", "mark.abnormal", 1),
    ]
    assert together.line[0].id == "c"


def test_a_value_taken_back_alarms_nobody_where_it_is_folded_and_says_so() -> None:
    [visited] = fold(
        entries(
            visit("v", "2026-11-06", "门诊"),
            {**pressure("p", "2026-11-06", 250, 80, **in_visit("v")), "status": "entered-in-error"},
        )
    )
    assert visited.findings[0].is_mistaken
    assert (visited.tone, visited.marks) == (Tone.PLAIN, ())


def test_among_several_ranges_none_is_guessed() -> None:
    ranges = {"referenceRange": [{"high": {"value": 5}}, {"high": {"value": 7}}]}
    [entry] = entries(measured("m", "2026-11-06", "1", "甲", 9, "g", **ranges))
    assert entry.findings[0].range is None
    assert entry.findings[0].flag is None


# Filters


def test_bills_are_hidden_until_they_are_asked_for() -> None:
    first = read_filter([], ["a"], [])
    assert Kind.OTHER not in first.kinds
    assert Kind.OTHER in read_filter([("kind", "other")], ["a"], []).kinds


def test_unticking_everything_shows_nothing() -> None:
    nothing = read_filter([("chosen", "1")], ["a"], [])
    assert nothing.kinds == frozenset()
    assert nothing.patients == frozenset()


def test_codes_of_old_links_are_passed_over() -> None:
    chosen = read_filter([("kind", "no-kind"), ("source", "stranger"), ("phase", "youth")], ["a"], ["young"])
    assert chosen.patients == {"a"}
    assert chosen.phase == ""


# Ages


def told_of(**dates: Any) -> Person:
    return Person(patients=(patient_of({"resourceType": "Patient", "id": "a", **dates}),))


@pytest.mark.parametrize(
    ("dates", "age", "doubts"),
    [
        ({"birthDate": "1992-04-18"}, "34岁", ()),
        ({"birthDate": "1980"}, "约46岁", ()),
        ({"birthDate": "1992-04"}, "34岁", ()),
        ({"birthDate": "1992-11"}, "约34岁", ()),
        ({"birthDate": "1930-05-01", "deceasedDateTime": "2010-06-01"}, "80岁", ()),
        ({"birthDate": "1930-05-01", "deceasedDateTime": "2010"}, "约79岁", ()),
        ({"birthDate": "1930-05-01", "deceasedBoolean": True}, None, ()),
        ({"birthDate": "1930-05-01", "deceasedBoolean": False}, "96岁", ()),
        ({"birthDate": "1930-05-01", "deceasedDateTime": "1929-06-01"}, None, ("died-before-birth",)),
        ({"birthDate": "1930-05-01", "deceasedDateTime": "2027-06-01"}, None, ("died-ahead",)),
        ({"birthDate": "2027-01-01"}, None, ("born-ahead",)),
        ({}, None, ()),
    ],
)
def test_an_age_is_told_only_as_far_as_the_dates_allow(
    dates: dict[str, Any], age: str | None, doubts: tuple[str, ...]
) -> None:
    person = told_of(**dates)
    found = person.age(TODAY)
    assert (CHINESE.age(found) if found else None) == age
    assert person.date_doubts(TODAY) == doubts


@pytest.mark.parametrize(
    ("dates", "until"),
    [
        ({"birthDate": "1992-04-18"}, None),
        ({"deceasedDateTime": "2010-06-01"}, date(2010, 6, 1)),
        ({"deceasedBoolean": True}, TODAY),
        ({"birthDate": "1992-04-18", "deceasedDateTime": "1929-06-01"}, TODAY),
    ],
)
def test_nothing_lies_ahead_of_a_life_that_ended(dates: dict[str, Any], until: date | None) -> None:
    assert told_of(**dates).lived_until(TODAY) == until


# Background


def background(*alerts: dict[str, Any]) -> list[tuple[str, bool]]:
    found = background_of([("a", one) for one in alerts], [], [], is_cut_off=False).alerts
    return [(alert.name.text, alert.is_grave) for alert in found]


def test_an_allergy_that_two_libraries_know_is_said_once_and_at_its_gravest() -> None:
    assert background(allergy("a", criticality="low"), allergy("b")) == [("青霉素", True)]


@pytest.mark.parametrize("status", ["refuted", "entered-in-error"])
def test_an_allergy_that_was_ruled_out_or_taken_back_warns_nobody(status: str) -> None:
    assert background(allergy("a", verificationStatus={"coding": [{"code": status}]})) == []


def test_an_allergy_without_any_state_still_warns() -> None:
    bare = allergy("a")
    del bare["clinicalStatus"], bare["criticality"]
    assert background(bare) == [("青霉素", False)]


def condition(verification: str, **more: Any) -> dict[str, Any]:
    system = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
    return {
        "resourceType": "Condition",
        "id": "c",
        "clinicalStatus": {"coding": [{"code": "active"}]},
        **({"verificationStatus": {"coding": [{"system": system, "code": verification}]}} if verification else {}),
        "code": concept("肺癌"),
        "subject": {"reference": f"Patient/{HOSPITAL}"},
        **more,
    }


@pytest.mark.parametrize(
    ("verification", "mark", "current"),
    [
        ("", [], ""),
        ("confirmed", [], ""),
        ("provisional", ["mark.provisional"], "provisional"),
        ("differential", ["mark.differential"], "differential"),
        ("unconfirmed", ["mark.unconfirmed"], "unconfirmed"),
        ("refuted", ["mark.refuted"], None),
        ("entered-in-error", ["mark.entered-in-error"], None),
    ],
)
def test_a_diagnosis_looks_no_more_certain_than_it_is(verification: str, mark: list[str], current: str | None) -> None:
    [entry] = entries(condition(verification))
    assert [one.key for one in entry.marks] == mark
    problems = background_of([], [("a", condition(verification))], [], is_cut_off=False).problems
    assert [one.doubt for one in problems] == ([] if current is None else [current])


@pytest.mark.parametrize("ended", ["abatementDateTime", "abatementString", "abatementAge"])
def test_a_problem_that_ended_is_not_current_however_its_end_is_told(ended: str) -> None:
    ill = condition("confirmed", **{ended: {} if ended == "abatementAge" else "2020"})
    assert background_of([], [("a", ill)], [], is_cut_off=False).problems == ()


@pytest.mark.parametrize("status", ["refuted", "entered-in-error"])
def test_what_was_ruled_out_or_taken_back_carries_no_alarm(status: str) -> None:
    [entry] = entries(allergy("a", verificationStatus={"coding": [{"code": status}]}))
    assert [mark.key for mark in entry.marks] == [f"mark.{status}"]
    assert (entry.tone, entry.icon) == (Tone.QUIET, "i-heart")


def prescription(identity: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": identity,
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": concept("阿司匹林肠溶片"),
        "subject": {"reference": f"Patient/{HOSPITAL}"},
        **more,
    }


@pytest.mark.parametrize(("forbidden", "current"), [(None, 1), (False, 1), (True, 0)])
def test_an_order_not_to_give_is_no_current_medicine(forbidden: bool | None, current: int) -> None:
    order = prescription("m", **({} if forbidden is None else {"doNotPerform": forbidden}))
    assert len(background_of([], [("a", order)], [], is_cut_off=False).medicines) == current


def test_an_order_not_to_give_says_so_first_and_gravely() -> None:
    [entry] = entries(prescription("m", doNotPerform=True))
    assert (entry.marks[0].key, entry.marks[0].status, entry.tone) == (
        "mark.do-not-give",
        "critical",
        Tone.CRITICAL,
    )


def test_weeks_count_from_the_last_period_and_never_from_a_visit() -> None:
    lasting = (Pregnancy(since=date(2026, 7, 31), until=None),)
    assert current_weeks(lasting, (date(2026, 5, 8),), TODAY) == (28, 3)
    assert current_weeks(lasting, (), TODAY) is None
    assert current_weeks(lasting, (date(2024, 5, 8),), TODAY) is None
    assert current_weeks((), (date(2026, 5, 8),), TODAY) is None


def test_a_blood_group_is_told_only_if_all_records_agree() -> None:
    assert agreed(("B", "B")) == "B"
    assert agreed(("B", "AB")) == ""


def test_of_a_mothers_record_only_the_pregnancy_is_shown() -> None:
    found = of_the_pregnancy(
        entries(
            visit("antenatal", "1991-12-02", "产前检查", kind="antenatal-visit"),
            pressure("inside", "1991-12-02", 110, 70, **in_visit("antenatal")),
            visit("own", "1992-01-15", "门诊：胃痛"),
            pressure("outside", "1992-01-15", 110, 70, **in_visit("own")),
        )
    )
    assert [entry.id for entry in found] == ["antenatal", "inside"]


def test_everything_of_the_mother_says_so_first_and_keeps_its_warning() -> None:
    high = pressure("high", "1991-12-02", 150, 70)
    found = told_of_the_mother(fold(entries(visit("v", "1991-12-01", "产前检查"), high, critical("c"))))
    assert {entry.marks[0].key for entry in found} == {"mark.mother"}
    assert {entry.id: entry.tone for entry in found} == {
        "v": Tone.PEOPLE,
        "high": Tone.WARNING,
        "c": Tone.CRITICAL,
    }
