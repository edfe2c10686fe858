"""Who hears whom: one voice at a time, while its key is held down."""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.parts import Part

HEARS: Mapping[Part, frozenset[Part]] = {
    Part.FAMILY: frozenset({Part.FAMILY, Part.NURSE, Part.INTERPRETER}),
    Part.GUEST: frozenset({Part.NURSE, Part.INTERPRETER}),
    Part.BEDSIDE: frozenset({Part.FAMILY, Part.INTERPRETER, Part.EXPERT}),
    Part.NURSE: frozenset({Part.FAMILY, Part.INTERPRETER, Part.EXPERT}),
    Part.INTERPRETER: frozenset({Part.FAMILY, Part.NURSE}),
    Part.EXPERT: frozenset({Part.NURSE}),
}
"""Whose voices each hears.

What sounds at the cot is the family's voice, and that of whom a nurse let interpret: she stands there and hears both;
in a consultation, in which no family is, it is the voice of the expert who was asked.
"""

SPEAKS = frozenset({Part.FAMILY, Part.NURSE, Part.INTERPRETER, Part.EXPERT})
"""Guests look and listen; a loudspeaker says nothing."""


class Floor:
    """Who speaks in a room.  The nurse takes the floor from anybody; nobody else does."""

    def __init__(self) -> None:
        self._speaker: tuple[str, Part] | None = None
        self._silenced: set[str] = set()

    @property
    def speaker(self) -> str | None:
        """Whose voice is heard."""
        return None if self._speaker is None else self._speaker[0]

    def press(self, participant: str, part: Part) -> None:
        """Begin to speak; raises Refusal `view-only`, `silenced` or `somebody-speaks`."""
        if part not in SPEAKS:
            raise Refusal("view-only", next_step="none")
        if participant in self._silenced:
            raise Refusal("silenced", next_step="wait", retryable=True)
        if self._speaker is not None and self._speaker[0] != participant and part is not Part.NURSE:
            raise Refusal("somebody-speaks", next_step="wait", retryable=True)
        self._speaker = participant, part

    def release(self, participant: str) -> None:
        """Stop to speak; nothing happens if somebody else does."""
        if self._speaker is not None and self._speaker[0] == participant:
            self._speaker = None

    def silence(self, participant: str, *, is_silenced: bool) -> None:
        """Take a participant's voice, or give it back."""
        if is_silenced:
            self._silenced.add(participant)
            self.release(participant)
        else:
            self._silenced.discard(participant)

    def clear(self) -> None:
        """Nobody speaks."""
        self._speaker = None

    def hears(self, listener: Part, speaker: str) -> bool:
        """Whether somebody of this part hears a participant's packets now."""
        return self._speaker is not None and self._speaker[0] == speaker and self._speaker[1] in HEARS[listener]
