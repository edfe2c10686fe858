"""Where an offer stands, and what a new word ends: the tables of docs/rules/consent.md."""

from __future__ import annotations

from datetime import date

import pytest

from tianfu.apps.trust.model.consent import (
    ConsentState,
    Decision,
    Offer,
    Signed,
    Text,
    Wording,
    ended_by,
    institution_of,
    offer_called,
    offers,
    read_decision,
    standing_of,
)
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal

SHARING, RESEARCH = offers()["treatment-sharing"], offers()["research"]
YES, NO = Decision.PERMIT, Decision.DENY


def word(patient: str, decision: Decision, *, stands: bool = True, house: str = "", at: int = 1) -> Signed:
    return Signed(
        id=f"{patient}-{house}-{at}",
        version=1,
        patient=patient,
        institution=house,
        offer="",
        text_version="1",
        decision=decision,
        is_active=stands,
        at=Instant(at),
        by=f"Patient/{patient}",
        is_confirmed=True,
    )


BOTH = ("a", "b")

CASES = {
    "nothing said": (SHARING, [], ConsentState.UNDECIDED),
    "yes everywhere": (SHARING, [word("a", YES), word("b", YES)], ConsentState.GIVEN),
    "no everywhere": (SHARING, [word("a", NO), word("b", NO)], ConsentState.REFUSED),
    "yes in one library, nothing in the other": (SHARING, [word("a", YES)], ConsentState.MIXED),
    "no in one library, nothing in the other": (SHARING, [word("a", NO)], ConsentState.MIXED),
    "yes here, no there": (SHARING, [word("a", YES), word("b", NO)], ConsentState.MIXED),
    "taken back everywhere": (
        SHARING,
        [word("a", YES, stands=False), word("b", YES, stands=False)],
        ConsentState.WITHDRAWN,
    ),
    "taken back in one library": (SHARING, [word("a", YES, stands=False), word("b", YES)], ConsentState.MIXED),
    "two houses, both whole": (
        RESEARCH,
        [word(each, YES, house=house) for each in BOTH for house in ("h", "k")],
        ConsentState.GIVEN,
    ),
    "two houses, one of them half": (
        RESEARCH,
        [word("a", YES, house="h"), word("b", YES, house="h"), word("a", YES, house="k")],
        ConsentState.MIXED,
    ),
    "one house taken back, the other stands": (
        RESEARCH,
        [word(each, YES, house=house, stands=house == "h") for each in BOTH for house in ("h", "k")],
        ConsentState.GIVEN,
    ),
    "no to all beside a yes to one": (
        RESEARCH,
        [word("a", NO), word("b", NO), word("a", YES, house="h"), word("b", YES, house="h")],
        ConsentState.MIXED,
    ),
}


@pytest.mark.parametrize(("offer", "signed", "state"), CASES.values(), ids=CASES.keys())
def test_where_an_offer_stands(offer: Offer, signed: list[Signed], state: ConsentState) -> None:
    assert standing_of(offer, signed, BOTH).state == state


def test_a_no_ends_every_yes_and_a_yes_every_no() -> None:
    yes = [word("a", YES, house="h"), word("a", YES, house="k")]
    assert ended_by(NO, [*yes, word("a", YES, house="m", stands=False)], "") == tuple(yes)
    assert ended_by(YES, [*yes, word("a", NO)], "h") == (word("a", NO),)


def test_a_word_is_not_ended_by_what_is_written_over_it() -> None:
    assert ended_by(NO, [word("a", YES)], "") == ()


@pytest.mark.parametrize(
    ("offer", "decision", "named", "institution"),
    [
        (SHARING, YES, "h", ""),
        (SHARING, NO, "h", ""),
        (RESEARCH, YES, "h", "h"),
        (RESEARCH, NO, "h", ""),
        (RESEARCH, NO, "", ""),
    ],
)
def test_for_which_institution_a_word_is(offer: Offer, decision: Decision, named: str, institution: str) -> None:
    assert institution_of(offer, decision, named) == institution


@pytest.mark.parametrize("named", ["", " ", "../x", "a" * 65])
def test_a_yes_must_name_an_institution_where_the_text_says_so(named: str) -> None:
    with pytest.raises(Refusal):
        institution_of(RESEARCH, YES, named)


@pytest.mark.parametrize("text", ["", "yes", "PERMIT", "permit "])
def test_a_decision_has_no_default(text: str) -> None:
    with pytest.raises(Refusal):
        read_decision(text)


def test_an_offer_that_is_none_is_not_found() -> None:
    with pytest.raises(Refusal):
        offer_called("everything")


def test_the_text_of_a_day_is_the_newest_that_had_begun() -> None:
    wording = Wording(title="t", what="w", who="w", how_long="h", take_back="b")
    texts = tuple(
        Text(version=version, since=date.fromisoformat(since), wordings={"zh-CN": wording})
        for version, since in (("1", "2026-01-01"), ("2", "2026-06-01"), ("3", "2027-01-01"))
    )
    offer = Offer(
        key="k",
        purposes=(),
        scope="",
        labels=(),
        confidentiality="",
        names_institution=False,
        without="open",
        texts=texts,
    )
    found = [offer.text_on(date.fromisoformat(day)).version for day in ("2026-05-31", "2026-06-01", "2026-12-31")]
    assert found == ["1", "2", "2"]
    assert texts[0].in_language("bo") == wording


def test_every_text_is_whole_in_both_languages_and_its_versions_grow() -> None:
    for offer in offers().values():
        assert [text.since for text in offer.texts] == sorted({text.since for text in offer.texts})
        assert len({text.version for text in offer.texts}) == len(offer.texts)
        for text in offer.texts:
            assert set(text.wordings) >= {"zh-CN", "en"}
            for wording in text.wordings.values():
                assert all(part.strip() for part in wording.whole.split("\n"))
