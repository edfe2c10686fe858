"""What an officer has before him: emergency accesses to review and objections to answer.

Ward rule: docs/rules/emergency-access.md
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tianfu.access.caller import Caller
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Fault, Refusal

REVIEW_WITHIN = 24 * 3_600 * SECOND
"""What nobody has reviewed after this long, in microseconds, raises an alert."""

COMMENT_CHARACTERS_MIN = 5
ANSWER_CHARACTERS_MIN = 5
TEXT_CHARACTERS_MAX = 1_000


class Verdict(StrEnum):
    """What the officer found."""

    JUSTIFIED = "justified"
    NOT_JUSTIFIED = "not-justified"
    INQUIRY = "inquiry"
    """It needs to be looked into; the task stays open, and stays in the queue."""


class TaskSort(StrEnum):
    """The two kinds of tasks of the officer; the values are the codes of their Tasks."""

    EMERGENCY = "emergency-access"
    OBJECTION = "objection-to-access"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one officer said about a task, and when; `answer` is what the person was told."""

    verdict: Verdict
    comment: str
    answer: str
    officer: str
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustTask:
    """One emergency access, or one objection, at one version.

    `who` is the Practitioner whose look is in question, `person` the Patient; both are logical ids, `who` empty where
    the trail knows no practitioner.  `reason` is what the doctor or the person wrote.
    """

    id: str
    version: int
    sort: TaskSort
    person: str
    who: str
    organisation: str
    reason_kind: str
    reason: str
    opened: Instant
    since: Instant
    until: Instant
    is_open: bool
    events: tuple[str, ...]
    findings: tuple[Finding, ...]
    """Newest first."""
    group: str = ""
    rule: str = ""
    further: tuple[str, ...] = ()
    """Further Patient records of the same person that the task is about."""

    @property
    def finding(self) -> Finding | None:
        """What counts today."""
        return self.findings[0] if self.findings else None

    @property
    def is_settled(self) -> bool:
        """Whether an officer has decided; an inquiry decides nothing."""
        return self.finding is not None and self.finding.verdict != Verdict.INQUIRY

    def runs_at(self, now: Instant) -> bool:
        """Whether an emergency access still opens anything."""
        return self.sort == TaskSort.EMERGENCY and self.is_open and now < self.until

    def is_overdue(self, now: Instant) -> bool:
        """Whether nobody has looked at it for longer than allowed."""
        return not self.findings and now - self.opened > REVIEW_WITHIN

    def seconds_left(self, now: Instant) -> int:
        """How long an emergency access still runs."""
        return max(0, (self.until - now) // SECOND) if self.runs_at(now) else 0


def in_order(tasks: Iterable[TrustTask]) -> tuple[TrustTask, ...]:
    """Nobody's first, the oldest of them on top; then what is being looked into; then the settled, newest on top."""
    return tuple(sorted(tasks, key=_place))


def _place(task: TrustTask) -> tuple[int, int]:
    if not task.findings:
        return 0, task.opened
    if not task.is_settled:
        return 1, task.opened
    return 2, -task.findings[0].at


def one_of_each(tasks: Iterable[TrustTask]) -> tuple[TrustTask, ...]:
    """One task for what was opened in one go for a person's records of several libraries; in the order given."""
    first: dict[str, TrustTask] = {}
    for task in tasks:
        first.setdefault(task.group or task.id, task)
    return tuple(first.values())


def overdue(tasks: Sequence[TrustTask], now: Instant) -> int:
    """How many raise an alert."""
    return sum(task.is_overdue(now) for task in tasks)


def read_finding(verdict: str, comment: str, answer: str, *, task: TrustTask, officer: Caller, now: Instant) -> Finding:
    """What an officer decided; raises Refusal.

    Codes: review-of-own-access (nobody reviews what he opened himself), review-is-settled (what was decided stays),
    review-unusable with the faults of the form, one of which is that what still runs can only be closed.
    """
    refuse_own_review(task, officer)
    if task.is_settled:
        raise Refusal("review-is-settled", next_step="reload-and-look")
    comment, answer = tidy(comment), tidy(answer)
    faults = []
    if verdict not in set(Verdict):
        faults.append(Fault("verdict", "verdict-needed"))
    faults += text_faults("comment", comment, COMMENT_CHARACTERS_MIN, TEXT_CHARACTERS_MAX)
    if verdict != Verdict.INQUIRY:
        faults += text_faults("answer", answer, ANSWER_CHARACTERS_MIN, TEXT_CHARACTERS_MAX)
    if not faults and task.runs_at(now) and verdict != Verdict.NOT_JUSTIFIED:
        # Nobody can say of what was looked at that it was right while looking goes on.
        faults.append(Fault("verdict", "review-while-running"))
    if faults:
        raise Refusal("review-unusable", faults=tuple(faults))
    return Finding(
        verdict=Verdict(verdict),
        comment=comment,
        answer=answer,
        officer=officer.practitioner or officer.id,
        at=now,
    )


def refuse_own_review(task: TrustTask, officer: Caller) -> None:
    """Nobody reviews his own access: whoever is the same practitioner is refused."""
    if task.who and task.who == officer.practitioner:
        raise Refusal("review-of-own-access", next_step="ask-another-officer")


def tidy(text: str) -> str:
    """Text as it is kept: without blanks at its ends or in rows."""
    return " ".join(text.split())


def text_faults(field: str, text: str, characters_min: int, characters_max: int) -> list[Fault]:
    """What is wrong with a text that must say something."""
    if len(text) < characters_min:
        return [Fault(field, f"{field}-needed", {"count": str(characters_min)})]
    if len(text) > characters_max:
        return [Fault(field, "text-too-long", {"count": str(characters_max)})]
    return []
