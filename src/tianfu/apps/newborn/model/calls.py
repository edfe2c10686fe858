"""A family calls the nurse in a live visit, and she answers: one call at a time, and not without end.

Rule: docs/rules/newborn-watching.md
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Fault, Refusal

CALLS_MAX = 5
"""Calls of one visit: each interrupts a nurse, and what is more belongs into a talk with her."""

WORDS_MAX = 200

_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What no record may hold (https://hl7.org/fhir/R4/datatypes.html#string), or nobody could read."""


class Question(StrEnum):
    """What a family may call for; there are no wishes in words about where the camera looks."""

    CANNOT_SEE = "cannot-see"
    WHEN_BACK = "when-back"
    TALK = "talk"
    OTHER = "other"


class Answer(StrEnum):
    """What a nurse answers at a touch, in words of her own, or by her voice."""

    COMING = "coming"
    MOVING = "moving"
    LATER = "later"
    AFTERWARDS = "afterwards"
    VOICE = "voice"
    WRITTEN = "written"


TOUCHES = (Answer.COMING, Answer.MOVING, Answer.LATER, Answer.AFTERWARDS)
"""The answers that need neither words nor a voice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, and its answer once there is one; `words` and `said` are what was written, or empty."""

    question: Question
    words: str
    at: Instant
    answer: Answer | None = None
    said: str = ""
    by: str = ""
    answered_at: Instant | None = None

    @property
    def name(self) -> str:
        """What tells it from the other calls of its visit: its moment."""
        return str(self.at)

    @property
    def is_waiting(self) -> bool:
        """Whether nobody has answered it."""
        return self.answer is None


def read_call(question: str, words: str, *, before: Call | None, calls: int, now: Instant) -> Call:
    """A call after the one before; raises Refusal `call-unusable`, `call-waits` or `calls-too-many`."""
    tidy = _tidy(words)
    if question not in set(Question):
        raise Refusal("call-unusable", faults=(Fault("question", "choose-one"),))
    if len(tidy) > WORDS_MAX:
        raise Refusal("call-unusable", faults=(Fault("words", "too-long"),))
    if before is not None and before.is_waiting:
        raise Refusal("call-waits", next_step="wait")
    if calls >= CALLS_MAX:
        raise Refusal("calls-too-many", next_step="talk-to-the-nurse")
    return Call(question=Question(question), words=tidy, at=now)


def read_answer(answer: str, said: str) -> tuple[Answer, str]:
    """What a nurse answers, with her words if it is written; raises Refusal `answer-unusable`."""
    tidy = _tidy(said)
    if answer not in set(Answer):
        raise Refusal("answer-unusable", faults=(Fault("answer", "choose-one"),))
    if answer != Answer.WRITTEN:
        return Answer(answer), ""
    if not tidy or len(tidy) > WORDS_MAX:
        raise Refusal("answer-unusable", faults=(Fault("said", "text-needed" if not tidy else "too-long"),))
    return Answer.WRITTEN, tidy


def _tidy(words: str) -> str:
    return " ".join(_UNWRITABLE.sub(" ", words).split())


def answered(call: Call | None, answer: Answer, said: str, *, seen: str, by: str, now: Instant) -> Call:
    """The call with a nurse's answer; raises Refusal `call-answered` where none waits, or another than she has seen.

    `seen` is the name of the call on her page, which may be old.
    """
    if call is None or not call.is_waiting or call.name != seen:
        raise Refusal("call-answered", next_step="reload")
    return replace(call, answer=answer, said=said, by=by, answered_at=now)
