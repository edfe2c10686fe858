"""The watermark over a live picture: whose it is, where it stands now, and how a page answers for it.

It moves every few seconds to a place that the server chooses.  A page answers with a digest over what it really shows;
whoever takes the watermark away gives another answer or none.  A second telephone can still film it: what it films
bears a name.  Rule: docs/rules/newborn-watching.md
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

from tianfu.kernel.instants import SECOND, Instant

STEP_SECONDS = 5
PLACES = 6
"""How many places a watermark may stand at: frontend/styles/newborn-watch.css has one rule for each."""

STEPS_BACK = 2
"""How many steps ago an answer may have been made: what is on its way is not a fault."""

FAULTS_MAX = 3
"""Whose watermark was missing so often sees no more of this visit."""

SILENT_SECONDS = 5
"""A page that was silent for longer is let go: nobody knows what it shows."""

SHOWN = "shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """What stands over a picture in one step."""

    step: int
    place: int
    text: str


def watermark_at(key: str, name: str, tail: str, clock_text: str, now: Instant) -> Watermark:
    """The watermark of a viewer at an instant; `tail` are the last four digits of his number."""
    step = now // (STEP_SECONDS * SECOND)
    place = sha256(f"{key} {step}".encode()).digest()[0] % PLACES
    return Watermark(step=step, place=place, text=" ".join(part for part in (name, tail, clock_text) if part))


def answer_for(key: str, watermark: Watermark, seen: str) -> str:
    """What a page answers that shows this watermark: SHA-256 in hexadecimal letters.

    `seen` is what it finds when it looks: `shown`, or a word for what is wrong.
    """
    said = "\n".join((key, str(watermark.step), str(watermark.place), watermark.text, seen))
    return sha256(said.encode()).hexdigest()


def is_shown(key: str, answer: str, watermarks: list[Watermark]) -> bool:
    """Whether an answer is that of a page which shows one of these."""
    return any(compare_digest(answer_for(key, each, SHOWN), answer) for each in watermarks)
