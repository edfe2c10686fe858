"""What a family may call for in a visit, how often, and what is an answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tianfu.apps.newborn.model.calls import CALLS_MAX, WORDS_MAX, Answer, Question, answered, read_answer, read_call
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal

NOW = Instant(1_000 * SECOND)


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value.code


def test_one_call_waits_at_a_time_and_its_answer_makes_way_for_the_next() -> None:
    first = read_call("cannot-see", "  only the  blanket ", before=None, calls=0, now=NOW)
    assert (first.question, first.words, first.is_waiting) == (Question.CANNOT_SEE, "only the blanket", True)
    assert code_of(lambda: read_call("talk", "", before=first, calls=1, now=NOW)) == "call-waits"
    done = answered(first, Answer.COMING, "", seen=first.name, by="qin", now=NOW)
    assert not done.is_waiting
    assert code_of(lambda: answered(done, Answer.LATER, "", seen=first.name, by="qin", now=NOW)) == "call-answered"
    assert code_of(lambda: answered(None, Answer.LATER, "", seen=first.name, by="qin", now=NOW)) == "call-answered"
    second = read_call("talk", "", before=done, calls=1, now=Instant(NOW + 1))
    assert second.is_waiting
    for seen in (first.name, ""):
        with pytest.raises(Refusal, match="call-answered"):
            answered(second, Answer.COMING, "", seen=seen, by="qin", now=NOW)
    assert not answered(second, Answer.COMING, "", seen=second.name, by="qin", now=NOW).is_waiting


def test_a_nurse_is_not_called_without_end() -> None:
    assert read_call("talk", "", before=None, calls=CALLS_MAX - 1, now=NOW).is_waiting
    assert code_of(lambda: read_call("talk", "", before=None, calls=CALLS_MAX, now=NOW)) == "calls-too-many"


@pytest.mark.parametrize(("question", "words"), [("", ""), ("move-left", ""), ("talk", "x" * (WORDS_MAX + 1))])
def test_what_is_no_call(question: str, words: str) -> None:
    assert code_of(lambda: read_call(question, words, before=None, calls=0, now=NOW)) == "call-unusable"


@pytest.mark.parametrize(("answer", "said"), [("", ""), ("yes", "x"), ("written", " "), ("written", "x" * 201)])
def test_what_is_no_answer(answer: str, said: str) -> None:
    assert code_of(lambda: read_answer(answer, said)) == "answer-unusable"


@pytest.mark.parametrize("unwritable", ["\x00", "\x01", "\x08", "\x0e", "\x1b", "\x7f", "\x9f", "\ud800"])
def test_what_no_record_may_hold_is_no_word_so_that_a_call_can_be_written(unwritable: str) -> None:
    assert read_call("talk", f"{unwritable}a{unwritable}{unwritable}b", before=None, calls=0, now=NOW).words == "a b"
    assert read_answer("written", f"是{unwritable}") == (Answer.WRITTEN, "是")
    assert code_of(lambda: read_answer("written", unwritable)) == "answer-unusable"


def test_words_count_only_where_they_are_the_answer() -> None:
    assert read_answer("coming", "left over") == (Answer.COMING, "")
    assert read_answer("written", " I  come ") == (Answer.WRITTEN, "I come")
