"""Planning templates as files: read strictly, and written so that they are read as the same."""

from __future__ import annotations

import msgspec

from tianfu.apps.radiotherapy.model.planning.soundness import refuse_unless_sound
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
from tianfu.kernel.refusal import Refusal

BYTES_MOST = 1_000_000
"""Of a template's file. [ours]"""


def plan_wish_from(text: bytes) -> PlanWish:
    """The wish of a template.

    Raises Refusal `plan-wish-not-understood` with the problem, or those of `refuse_unless_sound`.
    """
    if len(text) > BYTES_MOST:
        raise Refusal("plan-wish-not-understood", details={"problem": f"{len(text)} bytes"})
    try:
        wish = msgspec.json.decode(text, type=PlanWish)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal("plan-wish-not-understood", details={"problem": str(error)}) from error
    refuse_unless_sound(wish)
    return wish


def write_plan_wish(wish: PlanWish) -> bytes:
    """A template that says the same."""
    return msgspec.json.format(msgspec.json.encode(wish), indent=2) + b"\n"
