"""What is odd about a case and a wish for it, and is to be known by whoever looks at the plan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tianfu.apps.radiotherapy.model.planning.subjects import Patient
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
from tianfu.apps.radiotherapy.model.shapes import CLOSED
from tianfu.apps.radiotherapy.model.transport.density_tables import DensityTable
from tianfu.standards.dicom.findings import Finding, found
from tianfu.standards.dicom.images import ImageSeries
from tianfu.standards.dicom.structures import Structure


def isocentre_findings(wish: PlanWish, targets: Sequence[Structure]) -> tuple[Finding, ...]:
    """`plan-isocentre-outside-targets` if the wished point is in no target's box along the patient's axes.

    `away_mm` is how far it is from the nearest box.  The middle of the targets is never told, for between two targets
    it may well be in neither.
    """
    if isinstance(wish.isocentre, str):
        return ()
    away_mm = min(_away_mm(wish.isocentre, target) for target in targets)
    if away_mm == 0:
        return ()
    x, y, z = (f"{place:g}" for place in wish.isocentre)
    return (found("plan-isocentre-outside-targets", x=x, y=y, z=z, away_mm=f"{away_mm:.1f}"),)


def density_findings(images: ImageSeries, patient: Patient, table: DensityTable) -> tuple[Finding, ...]:
    """`plan-beyond-density-table` if voxels of the body are denser than the table tells apart, such as metal."""
    most = table.hounsfield_most
    beyond = images.volume.values[(images.volume.values > most) & (patient.density.values > 0)]
    if not beyond.size:
        return ()
    told = {"table": table.name, "most": f"{most:g}", "highest": f"{float(beyond.max()):g}"}
    return (found("plan-beyond-density-table", count=beyond.size, **told),)


def _away_mm(place: Sequence[float], target: Structure) -> float:
    """How far a point is from the box around a structure; 0 within it."""
    points = np.concatenate([ring.points for ring in target.rings if ring.kind in CLOSED])
    beyond = np.maximum(points.min(axis=0) - place, np.asarray(place) - points.max(axis=0))
    return float(np.linalg.norm(np.maximum(beyond, 0.0)))
