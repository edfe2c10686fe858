"""Regular expressions whose work is bounded.  http://hl7.org/fhirpath/N1/#matchesregex-string-boolean

Where backtracking cannot take long it is used; elsewhere a machine without backtracking, which matches but cannot say
where.  A dot stands for any character, line ends included.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import NamedTuple

from tianfu.standards.fhir.fhirpath.frames import Run
from tianfu.standards.fhir.fhirpath.limits import (
    BACKTRACKING_MAX,
    MACHINE_WORK_MAX,
    PATTERN_CHARACTERS_MAX,
    STRING_CHARACTERS_MAX,
)
from tianfu.standards.fhir.fhirpath.pattern_machine import Machine
from tianfu.standards.fhir.fhirpath.pattern_tree import Pattern, UnreadablePattern, backtracking_cost, read_pattern
from tianfu.standards.fhir.fhirpath.refusals import FailedEvaluation

_GROUP = re.compile(r"\$(\d+)|\$\{(\w+)\}")
_MACHINE_VISITS_A_STEP = 20


class _Compiled(NamedTuple):
    expression: re.Pattern[str]
    tree: Pattern


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> _Compiled:
    if len(pattern) > PATTERN_CHARACTERS_MAX:
        raise FailedEvaluation("pattern-too-long")
    try:
        tree = read_pattern(pattern)
        return _Compiled(re.compile(pattern, re.DOTALL), tree)
    except UnreadablePattern as error:
        raise FailedEvaluation("pattern-not-supported", said=pattern) from error
    except (re.error, OverflowError, RecursionError) as error:
        raise FailedEvaluation("pattern-invalid", said=pattern) from error


@lru_cache(maxsize=64)
def _machine(pattern: str) -> Machine:
    try:
        return Machine(_compiled(pattern).tree)
    except UnreadablePattern as error:
        raise FailedEvaluation("pattern-too-complex", said=pattern) from error


def found(run: Run, text: str, pattern: str) -> bool:
    """Whether some part of the text fits the pattern."""
    compiled = _compiled(pattern)
    if _is_cheap(compiled.tree, len(text)):
        return compiled.expression.search(text) is not None
    return _by_machine(run, text, pattern, whole=False)


def fits(run: Run, text: str, pattern: str) -> bool:
    """Whether the whole text fits the pattern."""
    compiled = _compiled(pattern)
    if _is_cheap(compiled.tree, len(text)):
        return compiled.expression.fullmatch(text) is not None
    return _by_machine(run, text, pattern, whole=True)


def _is_cheap(tree: Pattern, length: int) -> bool:
    """Whether backtracking from every character is affordable."""
    return backtracking_cost(tree, length) * (length + 1) <= BACKTRACKING_MAX


def _by_machine(run: Run, text: str, pattern: str, *, whole: bool) -> bool:
    machine = _machine(pattern)
    work = machine.size * len(text)
    if work > MACHINE_WORK_MAX:
        raise FailedEvaluation("pattern-too-complex", said=pattern)
    run.spend(work // _MACHINE_VISITS_A_STEP + 1)
    return machine.matches(text, whole=whole)


def replaced(run: Run, text: str, pattern: str, other: str) -> str:
    """The text with every part that fits replaced; `$1` and `${name}` in `other` stand for what a group took."""
    compiled = _compiled(pattern)
    if not _is_cheap(compiled.tree, len(text)):
        raise FailedEvaluation("pattern-too-complex", said=pattern)
    made: list[str] = []
    length = end = 0
    for match in compiled.expression.finditer(text):
        made += (text[end : match.start()], _GROUP.sub(partial(_taken, match), other))
        end = match.end()
        length += len(made[-1]) + len(made[-2])
        run.spend(1)
        if length > STRING_CHARACTERS_MAX:
            raise FailedEvaluation("string-too-long")
    return "".join([*made, text[end:]])


def _taken(match: re.Match[str], group: re.Match[str]) -> str:
    name = group.group(2)
    try:
        return match.group(name if name is not None else int(group.group(1))) or ""
    except IndexError as error:
        raise FailedEvaluation("pattern-group-missing", said=group.group()) from error
