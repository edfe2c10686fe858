"""What a remote consultation takes, and what stands of it in the record: tables of cases."""

from __future__ import annotations

from importlib.resources import files

import orjson
import pytest

from tianfu.apps.newborn.mapping.consultations import (
    Asked,
    agreed_by,
    agreement_of,
    appointment_of_consultation,
    asked_from,
    opinion_from,
    opinion_of,
    request_of,
)
from tianfu.apps.newborn.mapping.visits import Booked, at_bed_from, booked_from, consultation_from
from tianfu.apps.newborn.model.consultation import (
    OPINION_CHARACTERS_MAX,
    QUESTION_CHARACTERS_MAX,
    Ground,
    may_write_opinion,
    read_ask,
    read_declined,
    read_opinion,
    read_withdrawn,
    rule,
    text_in,
)
from tianfu.apps.newborn.model.reasons import DeclineReason
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.queries.consultations import TOLD
from tianfu.kernel.instants import Instant, range_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.talk import HEARS, SPEAKS

NOW = range_of("2026-11-27T10:00:00+08:00")[0]
MINUTE = 60_000_000
FORM = {
    "expert": "zhong",
    "question": " 呼吸机参数 要不要调整？ ",
    "reason": "示例",
    "day": "2026-11-27",
    "time": "10:05",
    "minutes": "20",
    "ground": "emergency",
}


def booked(ground: Ground = Ground.CONSENT, guardian: str = "mother-7") -> Booked:
    return Booked(
        id="c-1",
        version=3,
        state=State.APPROVED,
        baby="baby-7",
        guardian=guardian,
        ward="ward-n2",
        start=NOW,
        end=Instant(NOW + 20 * MINUTE),
        expert="zhong",
        ground=ground,
    )


def test_what_is_asked_is_kept_as_it_was_meant() -> None:
    ask = read_ask(FORM, now=NOW)
    assert (ask.expert, ask.question, ask.ground) == ("zhong", "呼吸机参数 要不要调整？", Ground.EMERGENCY)
    assert (ask.start, ask.end) == (NOW + 5 * MINUTE, NOW + 25 * MINUTE)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"expert": ""}, ("expert", "choose-one")),
        ({"question": " \n "}, ("question", "text-needed")),
        ({"question": "长" * (QUESTION_CHARACTERS_MAX + 1)}, ("question", "text-too-long")),
        ({"reason": ""}, ("reason", "text-needed")),
        ({"ground": ""}, ("ground", "choose-one")),
        ({"ground": "family"}, ("ground", "choose-one")),
        ({"minutes": "600"}, ("minutes", "choose-one")),
        ({"minutes": ""}, ("minutes", "choose-one")),
        ({"question": "\u200b"}, ("question", "text-needed")),
        ({"question": "\u200b \u2060\ufeff\u3164"}, ("question", "text-needed")),
        ({"reason": "\u00ad\u202e"}, ("reason", "text-needed")),
        ({"day": "tomorrow"}, ("day", "consultation-time")),
        ({"time": "25:00"}, ("day", "consultation-time")),
        ({"time": "10"}, ("day", "consultation-time")),
        ({"time": "-1:00"}, ("day", "consultation-time")),
        ({"time": "09:49"}, ("day", "consultation-time-bounds")),
        ({"day": "2026-12-04", "time": "10:01"}, ("day", "consultation-time-bounds")),
    ],
)
def test_what_is_missing_or_out_of_bounds_is_named(change: dict[str, str], fault: tuple[str, str]) -> None:
    with pytest.raises(Refusal) as refused:
        read_ask({**FORM, **change}, now=NOW)
    assert [(each.path, each.code) for each in refused.value.faults] == [fault]


@pytest.mark.parametrize(("day", "time"), [("2026-11-27", "09:50"), ("2026-12-04", "10:00")])
def test_the_bounds_themselves_are_allowed(day: str, time: str) -> None:
    assert read_ask({**FORM, "day": day, "time": time}, now=NOW)


def test_reasons_are_chosen_and_never_assumed() -> None:
    assert read_declined("no-time")
    assert read_withdrawn("transferred")
    for read in (read_declined, read_withdrawn):
        with pytest.raises(Refusal, match="reason-missing"):
            read("")


def test_an_opinion_keeps_its_lines_and_its_bounds() -> None:
    assert read_opinion("  暂不调整。 \n\n  复查 血气。") == "暂不调整。\n复查 血气。"
    for text in ("", " \n ", "长" * (OPINION_CHARACTERS_MAX + 1)):
        with pytest.raises(Refusal, match="opinion-unusable"):
            read_opinion(text)


def test_an_opinion_is_written_after_the_bed_and_for_some_hours() -> None:
    last = Instant(NOW + rule().opinion_hours * 3_600_000_000)
    assert may_write_opinion(NOW, was_at_bed=True, now=Instant(last - 1))
    assert not may_write_opinion(NOW, was_at_bed=True, now=last)
    assert not may_write_opinion(NOW, was_at_bed=False, now=NOW)


def test_a_consultation_is_read_as_it_was_written_and_is_no_familys_visit() -> None:
    for each in (booked(), booked(Ground.EMERGENCY, "")):
        appointment = appointment_of_consultation(each)
        assert consultation_from(appointment, version=3) == each
        assert at_bed_from(appointment, version=3) == each
        assert booked_from(appointment, version=3) is None
    assert booked(Ground.EMERGENCY, "").needs_consent is False
    assert booked().needs_consent is True


@pytest.mark.parametrize("lost", ["ground", "guardian", "expert", "baby"])
def test_a_consultation_that_lacks_something_is_none(lost: str) -> None:
    appointment = appointment_of_consultation(booked())
    kind = {"expert": "Practitioner", "baby": "Patient"}.get(lost)
    if kind is None:
        word = {"ground": "consultation-ground", "guardian": "agreed-by"}[lost]
        appointment["extension"] = [each for each in appointment["extension"] if word not in each["url"]]
    else:
        appointment["participant"] = [
            each for each in appointment["participant"] if not each["actor"]["reference"].startswith(kind)
        ]
    assert at_bed_from(appointment, version=1) is None


def test_what_is_asked_and_said_is_read_back_from_the_record() -> None:
    asked = Asked(by="shen", expert="zhong", question="问题", reason="原因", at=NOW)
    assert asked_from(request_of(booked(), asked)) == asked
    opinion = opinion_from(opinion_of(booked(), "意见", now=NOW))
    assert opinion is not None
    assert (opinion.by, opinion.text, opinion.at) == ("zhong", "意见", NOW)
    assert opinion_from({"resourceType": "DiagnosticReport", "id": "x", "issued": "2026-11-27T10:00:00+08:00"}) is None


def test_only_a_guardian_who_agrees_now_carries_a_consultation() -> None:
    agreement = agreement_of("mother-7", "baby-7", text_in("zh-CN"), now=NOW)
    assert agreed_by([agreement], ["mother-7", "father-7"]) == "mother-7"
    assert agreed_by([agreement], ["father-7"]) == ""
    assert agreed_by([{**agreement, "status": "inactive"}], ["mother-7"]) == ""
    to_visits = {**agreement, "category": [{"coding": [{"system": "urn:tianfu:newborn-consent", "code": "view"}]}]}
    assert agreed_by([to_visits], ["mother-7"]) == ""


def test_every_reason_that_is_told_has_words_of_its_own_in_both_languages() -> None:
    assert set(DeclineReason) <= TOLD
    for tag in ("en", "zh-CN"):
        words = orjson.loads(files("tianfu.apps.newborn").joinpath("languages", f"{tag}.json").read_bytes())
        assert [each for each in sorted(TOLD) if f"consultation.reason-{each}" not in words] == []


def test_an_expert_is_heard_at_the_cot_and_by_a_nurse_and_hears_no_family() -> None:
    assert Part.EXPERT in SPEAKS
    assert [part for part in Part if Part.EXPERT in HEARS.get(part, ())] == [Part.BEDSIDE, Part.NURSE]
    assert HEARS[Part.EXPERT] == {Part.NURSE}
