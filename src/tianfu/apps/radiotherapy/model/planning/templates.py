"""Planning templates as files: read strictly, and written so that they are read as the same."""

from __future__ import annotations

import msgspec

from tianfu.apps.radiotherapy.model.machines.typed import read_typed
from tianfu.apps.radiotherapy.model.planning.soundness import refuse_unless_sound
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish

BYTES_MOST = 1_000_000
"""Of a template's file. [ours]"""


def plan_wish_from(text: bytes) -> PlanWish:
    """The wish of a template.

    Raises Refusal `plan-wish-not-understood` with the problem, also for a name that is said twice, or those of
    `refuse_unless_sound`.
    """
    wish = read_typed(text, PlanWish, bytes_most=BYTES_MOST, code="plan-wish-not-understood")
    refuse_unless_sound(wish)
    return wish


def write_plan_wish(wish: PlanWish) -> bytes:
    """A template that says the same."""
    return msgspec.json.format(msgspec.json.encode(wish), indent=2) + b"\n"
