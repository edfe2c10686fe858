"""Why a curtain is drawn or a visit declined, in one word each; there is no default.

Rules: docs/rules/newborn-visits.md
"""

from __future__ import annotations

from enum import StrEnum

from tianfu.apps.newborn.model.binding import ASK_THE_WARD
from tianfu.apps.newborn.model.visit import CAMERA_ADJUSTED, CARED_FOR, NOT_OPENED, RESTS
from tianfu.kernel.refusal import Fault, Refusal

NOT_SAID = "nurse"
"""A curtain that was drawn at a touch: the reason may follow."""


class ShieldReason(StrEnum):
    """What a family reads while the curtain is drawn by hand."""

    FEEDING = "feeding"
    PROCEDURE = "procedure"
    WASHING = "washing"
    NEIGHBOUR = "neighbour"


class MoveReason(StrEnum):
    """Why somebody moved a camera by hand."""

    BETTER_VIEW = "better-view"
    CARE = "in-the-way"
    FAMILY_ASKED = "family-asked"
    SLIPPED = "slipped"


class DeclineReason(StrEnum):
    """Why a visit does not take place."""

    BABY_NEEDS_CARE = "baby-needs-care"
    BABY_NEEDS_REST = "baby-needs-rest"
    WARD_IS_BUSY = "ward-is-busy"
    CAMERA_FAILS = "camera-fails"
    LIMIT_REACHED = "limit-reached"


def read_shield_reason(text: str) -> str:
    """The reason that was chosen, or that none was said yet: drawing a curtain is never refused for want of one."""
    return ShieldReason(text).value if text in set(ShieldReason) else NOT_SAID


def read_move_reason(text: str) -> str:
    """The reason that was chosen, or empty: a touch says at once that the camera was moved, why may follow."""
    return MoveReason(text).value if text in set(MoveReason) else ""


def read_decline_reason(text: str) -> DeclineReason:
    """The reason that was chosen; raises Refusal `decline-unusable`."""
    if text not in set(DeclineReason):
        raise Refusal("decline-unusable", faults=(Fault("reason", "choose-one"),))
    return DeclineReason(text)


OF_ITSELF = (
    "another-baby",
    "appointment-gone",
    ASK_THE_WARD,
    "bed-moved",
    CARED_FOR,
    CAMERA_ADJUSTED,
    "camera-away",
    "camera-moved",
    "cancelled",
    "consent-withdrawn",
    "discharged",
    RESTS,
    "guardianship-disputed",
    "keeper-changed",
    "lease-lost",
    "no-show",
    "not-approved",
    "not-bound",
    "not-known",
    NOT_OPENED,
    "nurse-gone",
    "slot-ended",
    "ward-held",
    "wristband-changed",
)
"""Why a curtain is drawn or a visit ends without anybody's touch."""

TOLD = frozenset({NOT_SAID, *ShieldReason, *DeclineReason, *OF_ITSELF})
OTHER = "other"


def told(reason: str) -> str:
    """The reason as there are words for it; empty if none was said, `other` for what only other pages know."""
    return reason if not reason or reason in TOLD else OTHER
