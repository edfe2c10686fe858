"""How far a plan's apertures are from plain fields.

MCS, LSV and AAV: McNiven, Sharpe and Purdie, Med Phys 37(2) 2010, 505.  SAS: Crowe et al., Australas Phys Eng Sci Med
37 2014.  PI and PM: Du et al., Med Phys 41(2) 2014, 021716.  All are recalled, not copied [memory].  Leaf pairs behind
jaws do not count, and jaws count where they stand in each segment, for they may move.  A segment in which leaves move
is judged half way [ours].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from tianfu.apps.radiotherapy.model.checking.apertures import Aperture, Shot, shots_of
from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.standards.dicom.beams import Beam
from tianfu.standards.dicom.grids import Floats

SMALL_MM = (2.0, 5.0, 10.0, 20.0)
"""Openings narrower than these are counted by the small aperture score, as its authors did. [memory]"""


@dataclass(frozen=True, kw_only=True)
class Complexity:
    """Of a beam or a plan, weighted by monitor units.

    `lsv`, `aav` and `mcs` are 1 for an open rectangle and fall with modulation; `sas` is the part of open pairs that
    are narrower than each of `SMALL_MM`; `irregularity` (PI) is 1 for a circle and grows with the edge; `modulation`
    (PM) is 0 if every segment is as large as all together.
    """

    mu: float
    lsv: float
    aav: float
    mcs: float
    sas: tuple[float, ...]
    irregularity: float
    modulation: float
    area_mm2: float


@dataclass(frozen=True, kw_only=True)
class PlanComplexity:
    """Of a plan, and of each of its beams by number; `mu_per_gy` is None if the plan does not say its dose."""

    plan: Complexity
    beams: dict[int, Complexity]
    mu_per_gy: float | None


def complexity_of(checked: Checked) -> PlanComplexity:
    """Figures of the plan's beams; raises NotJudgedError if a beam has no meterset, weights, leaves or opening."""
    beams = {}
    for beam in checked.beams:
        one = checked.given.get(beam.number)
        if one is None or not one.meterset:
            raise NotJudgedError("not-said")
        beams[beam.number] = beam_complexity(beam, mu=one.meterset)
    return PlanComplexity(plan=_together(list(beams.values())), beams=beams, mu_per_gy=_mu_per_gy(checked))


def beam_complexity(beam: Beam, *, mu: float) -> Complexity:
    """Figures of one beam that gets so many monitor units; raises NotJudgedError if nothing of it is open."""
    shots = [shot for shot in shots_of(beam, mu=mu) if shot.middle.is_open.any()]
    if not shots:
        raise NotJudgedError("no-leaves")
    largest = _largest_widths(shots)
    singles = [_of_aperture(shot, largest) for shot in shots]
    joined = _together(singles)
    return replace(joined, modulation=1 - joined.area_mm2 / _union_mm2([shot.middle for shot in shots]))


def leaf_sequence_variability(aperture: Aperture) -> float:
    """Both banks' steps from leaf to leaf against the range of their positions; 1 for straight banks."""
    rows = np.flatnonzero(aperture.is_open)
    product = 1.0
    for bank in (aperture.left_mm[rows], aperture.right_mm[rows]):
        span = float(np.ptp(bank)) if len(bank) else 0.0
        if span > 0:
            product *= float((span - np.abs(np.diff(bank))).sum() / ((len(bank) - 1) * span))
    return product


def small_aperture_score(aperture: Aperture, *, below_mm: float) -> float:
    """The part of open pairs that are narrower than this."""
    widths = aperture.widths_mm[aperture.is_open]
    return float((widths < below_mm).mean()) if len(widths) else 0.0


def irregularity(aperture: Aperture) -> float:
    """The square of the edge's length by 4 pi times the area: 1 for a circle, 4 / pi for a square."""
    return aperture.perimeter_mm**2 / (4 * np.pi * aperture.area_mm2)


def _of_aperture(shot: Shot, largest_mm: Floats) -> Complexity:
    aperture = shot.middle
    lsv = leaf_sequence_variability(aperture)
    aav = float(aperture.widths_mm.sum() / largest_mm.sum())
    return Complexity(
        mu=shot.mu,
        lsv=lsv,
        aav=aav,
        mcs=lsv * aav,
        sas=tuple(small_aperture_score(aperture, below_mm=limit) for limit in SMALL_MM),
        irregularity=irregularity(aperture),
        modulation=0.0,
        area_mm2=aperture.area_mm2,
    )


def _together(parts: Sequence[Complexity]) -> Complexity:
    """The means of all figures by monitor units."""
    mu = np.array([part.mu for part in parts])

    def mean(values: Sequence[float]) -> float:
        return float(np.dot(mu, np.array(values)) / mu.sum())

    return Complexity(
        mu=float(mu.sum()),
        lsv=mean([part.lsv for part in parts]),
        aav=mean([part.aav for part in parts]),
        mcs=mean([part.mcs for part in parts]),
        sas=tuple(mean([part.sas[place] for part in parts]) for place in range(len(SMALL_MM))),
        irregularity=mean([part.irregularity for part in parts]),
        modulation=mean([part.modulation for part in parts]),
        area_mm2=mean([part.area_mm2 for part in parts]),
    )


def _largest_widths(shots: Sequence[Shot]) -> Floats:
    """How wide each pair is between the outermost positions of its two leaves in all segments of a beam."""
    opened = [shot.middle for shot in shots]
    left = np.min([np.where(each.is_open, each.left_mm, np.inf) for each in opened], axis=0)
    right = np.max([np.where(each.is_open, each.right_mm, -np.inf) for each in opened], axis=0)
    return np.asarray(np.where(right > left, right - left, 0.0))


def _union_mm2(apertures: Sequence[Aperture]) -> float:
    """The area that any of the apertures opens, row by row; jaws across may cut rows at different heights."""
    edges = np.unique(
        np.concatenate([*(each.boundaries_mm for each in apertures), *(each.across_mm for each in apertures)])
    )
    return sum(
        float(high - low)
        * _covered_mm([opening for each in apertures if (opening := _open_at(each, (low + high) / 2))])
        for low, high in pairwise(edges)
    )


def _open_at(aperture: Aperture, height_mm: float) -> tuple[float, float] | None:
    row = int(np.searchsorted(aperture.boundaries_mm, height_mm, side="right")) - 1
    is_between = aperture.across_mm[0] < height_mm < aperture.across_mm[1]
    if not is_between or not 0 <= row < len(aperture.first_mm) or not aperture.is_open[row]:
        return None
    return float(aperture.left_mm[row]), float(aperture.right_mm[row])


def _covered_mm(openings: Sequence[tuple[float, float]]) -> float:
    """The length of all intervals together, what they share counted once."""
    total, reached = 0.0, -np.inf
    for left, right in sorted(openings):
        total += max(0.0, right - max(left, reached))
        reached = max(reached, right)
    return float(total)


def _mu_per_gy(checked: Checked) -> float | None:
    try:
        per_fraction = checked.prescribed_gy / checked.fractions
    except NotJudgedError:
        return None
    return sum(one.meterset or 0.0 for one in checked.given.values()) / per_fraction
