"""Match a pattern in time that grows with text times pattern, whatever the pattern.

All states that the pattern may be in are kept at once (K. Thompson, Communications of the ACM 11(6), 1968).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tianfu.standards.fhir.fhirpath.pattern_tree import (
    Alternatives,
    Anchor,
    Character,
    Pattern,
    Repeat,
    Sequence,
    UnreadablePattern,
)

STATES_MAX = 5_000


class _State(NamedTuple):
    """Where a machine may be: after one of `next`, having read `character` or passed `anchor` if there is one."""

    character: re.Pattern[str] | None
    anchor: re.Pattern[str] | None
    next: tuple[int, ...]


class Machine:
    """A pattern ready to be matched."""

    __slots__ = ("_start", "_states")

    def __init__(self, tree: Pattern) -> None:
        self._states: list[_State] = [_State(None, None, ())]
        self._start = self._add(tree, 0)

    @property
    def size(self) -> int:
        return len(self._states)

    def _put(self, state: _State) -> int:
        if len(self._states) >= STATES_MAX:
            raise UnreadablePattern
        self._states.append(state)
        return len(self._states) - 1

    def _add(self, tree: Pattern, after: int) -> int:
        """Add the states of a part that leads to `after`; returns where it begins."""
        match tree:
            case Character(source=source):
                return self._put(_State(re.compile(source, re.DOTALL), None, (after,)))
            case Anchor(source=source):
                return self._put(_State(None, re.compile(source), (after,)))
            case Sequence(parts=parts):
                for part in reversed(parts):
                    after = self._add(part, after)
                return after
            case Alternatives(options=options):
                return self._put(_State(None, None, tuple(self._add(option, after) for option in options)))
            case Repeat(part=part, least=least, most=most):
                after = self._loop(part, after) if most is None else self._up_to(part, most - least, after)
                for _ in range(least):
                    after = self._add(part, after)
                return after

    def _loop(self, part: Pattern, after: int) -> int:
        fork = self._put(_State(None, None, (after,)))
        begin = self._add(part, fork)
        self._states[fork] = _State(None, None, (begin, after))
        return fork

    def _up_to(self, part: Pattern, times: int, after: int) -> int:
        begin = after
        for _ in range(times):
            begin = self._put(_State(None, None, (self._add(part, begin), after)))
        return begin

    def matches(self, text: str, *, whole: bool) -> bool:
        """Whether the `whole` text fits, or some part of it."""
        current = self._reached({self._start}, text, 0)
        for position, character in enumerate(text):
            if not whole and 0 in current:
                return True
            moved = self._read(current, character)
            if not whole:
                moved.add(self._start)
            if not moved:
                return False
            current = self._reached(moved, text, position + 1)
        return 0 in current

    def _read(self, states: set[int], character: str) -> set[int]:
        moved: set[int] = set()
        for number in states:
            state = self._states[number]
            if state.character is not None and state.character.match(character):
                moved.update(state.next)
        return moved

    def _reached(self, states: set[int], text: str, position: int) -> set[int]:
        """The states and all that lie behind them without reading on."""
        reached = set(states)
        waiting = list(states)
        while waiting:
            state = self._states[waiting.pop()]
            if state.character is not None or (state.anchor and not state.anchor.match(text, position)):
                continue
            for number in state.next:
                if number not in reached:
                    reached.add(number)
                    waiting.append(number)
        return reached
