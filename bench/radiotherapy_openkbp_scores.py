"""The two scores of the OpenKBP challenge (Babier et al., Med Phys 48(9) 2021, 5549, doi 10.1002/mp.14845).

The dose score is the mean absolute error of the voxels' doses over those that can get any.  The DVH score is the mean
absolute error of points of histograms: D99, D95 and D1 of each target, the mean and the dose to the hottest 0.1 cc of
each organ.  A dose at a volume is a percentile of the voxels with linear interpolation, and 0.1 cc is a whole number
of voxels, at least one, as in the challenge's own program (github.com/ababier/open-kbp).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from tianfu.standards.dicom.grids import Floats

Mask = NDArray[np.bool_]
Points = dict[tuple[str, str], float]

TARGETS = ("PTV56", "PTV63", "PTV70")
ORGANS = ("Brainstem", "SpinalCord", "RightParotid", "LeftParotid", "Esophagus", "Larynx", "Mandible")
TARGET_PERCENTILES = {"D99": 1.0, "D95": 5.0, "D1": 99.0}
HOTTEST_MM3 = 100.0


def dose_score_gy(reference: Floats, planned: Floats, possible: Mask) -> float:
    """Of one patient; neither dose may be outside the voxels that can get any."""
    return float(np.abs(reference - planned)[possible].mean())


def histogram_points(dose: Floats, structures: Mapping[str, Mask], *, voxel_mm3: float) -> Points:
    """In gray, by structure and figure, of each structure of the challenge that has voxels."""
    hottest = max(1, round(HOTTEST_MM3 / voxel_mm3))
    found: Points = {}
    for name in (*TARGETS, *ORGANS):
        mask = structures.get(name)
        if mask is None or not mask.any():
            continue
        doses = dose[mask]
        if name in TARGETS:
            found |= {(name, point): float(np.percentile(doses, at)) for point, at in TARGET_PERCENTILES.items()}
        else:
            found[name, "D0.1cc"] = float(np.percentile(doses, 100 - 100 * hottest / len(doses)))
            found[name, "mean"] = float(doses.mean())
    return found


def dvh_score_gy(pairs: Iterable[tuple[Points, Points]]) -> float:
    """Over all points of all patients alike, each of which is a pair of the reference's points and the plan's."""
    return float(np.mean([abs(points[at] - planned[at]) for points, planned in pairs for at in points]))
