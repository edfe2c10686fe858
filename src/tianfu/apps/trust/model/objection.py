"""What a person's objection to a look must say, and what became of it.  Ward rule: docs/rules/ledger.md"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from tianfu.apps.trust.model.ledger import Look
from tianfu.apps.trust.model.tasks import TEXT_CHARACTERS_MAX, TrustTask, text_faults, tidy
from tianfu.kernel.refusal import Refusal

OBJECTION_CHARACTERS_MIN = 5
EVENTS_MAX = 50
"""So many events of a look an objection names; whoever looked more often did so in one go."""


class ObjectionState(StrEnum):
    """Where an objection stands, as the person sees it."""

    SENT = "sent"
    UNDER_REVIEW = "under-review"
    ANSWERED = "answered"


def read_objection(text: str) -> str:
    """Why the person objects; raises Refusal `objection-unusable` with the fault."""
    reason = tidy(text)
    faults = text_faults("reason", reason, OBJECTION_CHARACTERS_MIN, TEXT_CHARACTERS_MAX)
    if faults:
        raise Refusal("objection-unusable", faults=tuple(faults))
    return reason


def state_of(objection: TrustTask) -> ObjectionState:
    """Sent until an officer opens it, answered once he has decided."""
    if objection.is_settled:
        return ObjectionState.ANSWERED
    return ObjectionState.UNDER_REVIEW if objection.findings else ObjectionState.SENT


def objection_to(look: Look, objections: Sequence[TrustTask]) -> TrustTask | None:
    """The objection that names one of the look's events, the newest first."""
    named = {event.id for event in look.events}
    fitting = [each for each in objections if named & set(each.events)]
    return max(fitting, key=lambda each: each.opened, default=None)
