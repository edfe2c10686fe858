"""How long a curtain usually stays drawn, so that a family knows what to wait for.

Rule: docs/rules/newborn-watching.md
"""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.apps.newborn.model.reasons import ShieldReason
from tianfu.apps.newborn.model.visit import CAMERA_ADJUSTED

USUAL_MINUTES: Mapping[str, int] = {
    ShieldReason.FEEDING: 10,
    ShieldReason.PROCEDURE: 15,
    ShieldReason.WASHING: 10,
    ShieldReason.NEIGHBOUR: 10,
    CAMERA_ADJUSTED: 5,
}
"""[inferred] from the ward's day; what comes of itself (a fault, a hold) has no usual time and promises none."""
