"""Two judged plans line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tianfu.apps.radiotherapy.results import EvaluationResult, LineResult
from tianfu.kernel.refusal import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedResult:
    """A goal in two plans; `gain` is by how much the second is better, below 0 if worse, None without two values."""

    first: LineResult
    second: LineResult
    gain: float | None


def compared(first: EvaluationResult, second: EvaluationResult) -> tuple[ComparedResult, ...]:
    """Scorecards of one protocol, line by line.  Raises Refusal `scorecards-of-different-goals` otherwise."""
    return lines_compared(first.lines, second.lines)


def lines_compared(first: Sequence[LineResult], second: Sequence[LineResult]) -> tuple[ComparedResult, ...]:
    """The same of scorecards without what else was judged."""
    if [_goal(line) for line in first] != [_goal(line) for line in second]:
        raise Refusal("scorecards-of-different-goals")
    return tuple(
        ComparedResult(first=one, second=other, gain=_gain(one, other))
        for one, other in zip(first, second, strict=True)
    )


def _goal(line: LineResult) -> tuple[str, str, int]:
    return line.structure, line.goal, line.priority


def _gain(first: LineResult, second: LineResult) -> float | None:
    if first.reached is None or second.reached is None:
        return None
    more = second.reached - first.reached
    return more if first.wants_more else -more
