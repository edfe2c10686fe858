"""Making a plan, as a work does it: a kept case in, a kept result out.  Not cleared for clinical use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianfu.services.jobs.doing import Doing

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.jobs import Bench


async def plan_made(bench: Bench, doing: Doing) -> str:
    """The name of the kept plan that a work asked for."""
    raise NotImplementedError
