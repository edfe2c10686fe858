"""The dose of a plan that is looked over, computed anew by a chosen engine: rules hold the plan's own against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.planning.engines import Counted, Engine
from tianfu.apps.radiotherapy.model.transport.density_tables import DensityTable, fingerprint_of_table
from tianfu.apps.radiotherapy.queries.plan_doses import computing, dose_of_plan
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.findings import Finding, found
from tianfu.standards.dicom.grids import Volume

FINEST_MM, COARSEST_MM = 2.0, 3.0
"""Between these as fine as the plan's dose: a finer one is met between points, a coarser one has no blur. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Recomputing:
    """By what a dose is computed anew: nothing here has a value of its own."""

    machine: Machine
    engine: Engine
    table: DensityTable


@dataclass(frozen=True, kw_only=True, eq=False)
class Recomputed:
    """Gray of all fractions, None if it was refused; `told` is what is odd, a refusal with why.

    `spacing_mm` is of its grid, `by` what made it.
    """

    by: Recomputing
    spacing_mm: float
    volume: Volume[np.float32] | None
    told: tuple[Finding, ...]

    def facts(self) -> Mapping[str, Any]:
        """What a report has to say of it."""
        return {
            "engine": self.by.engine,
            "machine": f"{self.by.machine.name} {self.by.machine.version}",
            "density_table": f"{self.by.table.name} {self.by.table.version}",
            "density_table_fingerprint": fingerprint_of_table(self.by.table),
            "spacing_mm": self.spacing_mm,
            "is_done": self.volume is not None,
        }


def recomputed(checked: Checked, by: Recomputing, *, counted: Counted) -> Recomputed | None:
    """Compute the dose of the plan at hand anew, in its own images and contours; None if there is none to compare.

    What the engine refuses is told, with `plan-not-recomputed`: rules that need no dose go on without it.
    """
    try:
        plan, spacing = checked.plan, checked.dose.volume.grid.spacing
        alone = replace(checked.case, images=(checked.images,), structure_sets=(checked.structure_set,))
    except NotJudgedError:
        return None
    spacing_mm = min(max(float(spacing.min()), FINEST_MM), COARSEST_MM)
    how = computing(by.machine, by.table, spacing_mm=spacing_mm)
    try:
        made = dose_of_plan(alone, plan, by.machine, how=how, engine=by.engine, counted=counted)
    except Refusal as refusal:
        why = Finding(code=refusal.code, details=refusal.details)
        return Recomputed(by=by, spacing_mm=spacing_mm, volume=None, told=(found("plan-not-recomputed"), why))
    return Recomputed(by=by, spacing_mm=spacing_mm, volume=made.volume, told=made.told)
