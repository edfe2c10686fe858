"""Regular expressions whose work is bounded.  http://hl7.org/fhirpath/N1/#matchesregex-string-boolean"""

from __future__ import annotations

import re
from functools import lru_cache, partial

from tianfu.standards.fhir.fhirpath.frames import Run
from tianfu.standards.fhir.fhirpath.limits import PATTERN_CHARACTERS_MAX, STRING_CHARACTERS_MAX
from tianfu.standards.fhir.fhirpath.refusals import FailedEvaluation


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    if len(pattern) > PATTERN_CHARACTERS_MAX:
        raise FailedEvaluation("pattern-too-long")
    try:
        return re.compile(pattern, re.DOTALL)
    except (re.error, OverflowError, RecursionError) as error:
        raise FailedEvaluation("pattern-invalid", said=pattern) from error


def found(run: Run, text: str, pattern: str) -> bool:
    """Whether some part of the text fits the pattern."""
    return _compiled(pattern).search(text) is not None


def fits(run: Run, text: str, pattern: str) -> bool:
    """Whether the whole text fits the pattern."""
    return _compiled(pattern).fullmatch(text) is not None


_GROUP = re.compile(r"\$(\d+)|\$\{(\w+)\}")


def replaced(run: Run, text: str, pattern: str, other: str) -> str:
    """The text with every part that fits replaced; `$1` and `${name}` in `other` stand for what a group took."""
    made: list[str] = []
    length = end = 0
    for match in _compiled(pattern).finditer(text):
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
