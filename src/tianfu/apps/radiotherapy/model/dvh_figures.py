"""Figures read from a dose-volume histogram: dose at a volume, volume at a dose, equivalent doses, points of a plot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tianfu.apps.radiotherapy.model.dvh import Dvh
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats


def dose_at_percent(dvh: Dvh, percent: float) -> float:
    """D98% and the like: the dose (Gy) that at least so much of the volume gets."""
    if not 0 <= percent <= 100:
        raise Refusal("volume-beyond-structure", details={"volume": f"{percent:g} %"})
    return dose_at_cc(dvh, dvh.volume_cc * percent / 100)


def dose_at_cc(dvh: Dvh, volume_cc: float) -> float:
    """D0.03cc and the like: the dose (Gy) that at least so much volume gets.

    Raises Refusal `volume-beyond-structure` if the structure is smaller.
    """
    at_least = dvh.at_least_cc
    if not 0 <= volume_cc <= at_least[0] * (1 + 1e-9):
        raise Refusal("volume-beyond-structure", details={"volume": f"{volume_cc:g} cc"})
    if volume_cc == 0:
        return dvh.max_gy
    # Growing volume for np.interp; where the curve is level the highest dose that still has the volume counts.
    last = int(np.searchsorted(-at_least, -volume_cc, side="right")) - 1
    if last < 0:
        return dvh.min_gy
    here, after = at_least[last], at_least[last + 1]
    share = (here - volume_cc) / (here - after)
    return float(dvh.edges_gy[last] + share * (dvh.edges_gy[last + 1] - dvh.edges_gy[last]))


def volume_at_dose_cc(dvh: Dvh, dose_gy: float) -> float:
    """V20Gy and the like: the volume (cc) that gets at least a dose."""
    if dose_gy <= dvh.min_gy:
        return dvh.volume_cc
    if dose_gy > dvh.max_gy:
        return 0.0
    return float(np.interp(dose_gy, dvh.edges_gy, dvh.at_least_cc))


def volume_at_dose_percent(dvh: Dvh, dose_gy: float) -> float:
    """V20Gy and the like: the share (percent) of the volume that gets at least a dose."""
    return 100 * volume_at_dose_cc(dvh, dose_gy) / dvh.volume_cc


def generalised_eud_gy(dvh: Dvh, *, a: float) -> float:
    """Generalised equivalent uniform dose, (mean of D to the power a) to 1/a (Niemierko 1999 [memory]).

    A negative `a` is for targets, a large one for serial organs; raises Refusal `eud-without-exponent` at 0.
    """
    if a == 0 or not np.isfinite(a):
        raise Refusal("eud-without-exponent")
    doses = _middles_gy(dvh)
    top = float(doses.max())
    if top <= 0 or (a < 0 and np.any((doses <= 0) & (dvh.volumes_cc > 0))):
        return 0.0
    filled = dvh.volumes_cc > 0
    # Doses are divided by one of them, so that a power as 40 does not overflow.
    scale = float(doses[filled].max() if a > 0 else doses[filled].min())
    shares = dvh.volumes_cc[filled] / dvh.volume_cc
    return float(scale * np.sum(shares * (doses[filled] / scale) ** a) ** (1 / a))


def equivalent_in_2_gy(dvh: Dvh, *, alpha_beta_gy: float, fractions: int) -> Dvh:
    """The histogram of EQD2 = D (D / n + α/β) / (2 Gy + α/β), the linear-quadratic model's (Fowler 1989 [memory])."""
    if not alpha_beta_gy > 0 or fractions < 1:
        raise Refusal("fractionation-not-positive")
    edges = _equivalent(dvh.edges_gy, alpha_beta_gy, fractions)
    middles = _equivalent(_middles_gy(dvh), alpha_beta_gy, fractions)
    mean = float(np.sum(middles * dvh.volumes_cc) / dvh.volume_cc)
    return replace(dvh, edges_gy=edges, mean_gy=mean)


def _equivalent(doses: Floats, alpha_beta_gy: float, fractions: int) -> Floats:
    return np.asarray(doses * (doses / fractions + alpha_beta_gy) / (2 + alpha_beta_gy))


def _middles_gy(dvh: Dvh) -> Floats:
    return np.asarray((dvh.edges_gy[1:] + dvh.edges_gy[:-1]) / 2)


def differential_curve(dvh: Dvh, *, bin_gy: float) -> tuple[Floats, Floats]:
    """Edges (Gy), multiples of the bin, and the volume (cc) between them: it sums up to the volume."""
    if not bin_gy > 0:
        raise Refusal("bin-not-positive")
    first, last = np.floor(dvh.min_gy / bin_gy), np.floor(dvh.max_gy / bin_gy) + 1
    edges = np.arange(first, last + 1) * bin_gy
    at_least = np.array([volume_at_dose_cc(dvh, float(edge)) for edge in edges])
    return edges, -np.diff(at_least)


def curve_points(dvh: Dvh, *, at_most: int) -> Floats:
    """Points (n, 2) of the cumulative curve, dose (Gy) and share (percent), from 0 Gy to the highest dose.

    Chosen are those farthest from the line between their neighbours, so that corners stay; shares never grow.
    """
    if at_most < 4:
        raise Refusal("too-few-points")
    shares = 100 * dvh.at_least_cc / dvh.volume_cc
    doses = dvh.edges_gy
    if doses[0] > 0:
        doses, shares = np.concatenate([[0.0], doses]), np.concatenate([[100.0], shares])
    points = np.stack([doses, shares], axis=1)
    kept = _corners(points / np.array([max(float(doses[-1]), 1e-9), 100.0]), at_most)
    return points[kept]


def _corners(points: Floats, at_most: int) -> list[int]:
    """Numbers of points: the ends, then always the one that the drawn line misses by most."""
    kept = [0, len(points) - 1]
    missed = {0: _missed(points, 0, len(points) - 1)}
    while len(kept) < at_most:
        begin = max(missed, key=lambda each: missed[each][0])
        distance, at = missed[begin]
        if distance <= 1e-5:
            break
        end = kept[kept.index(begin) + 1]
        kept.insert(kept.index(end), at)
        missed[begin], missed[at] = _missed(points, begin, at), _missed(points, at, end)
    return kept


def _missed(points: Floats, begin: int, end: int) -> tuple[float, int]:
    if end - begin < 2:
        return 0.0, begin
    chord = points[end] - points[begin]
    away = points[begin + 1 : end] - points[begin]
    distance = np.abs(chord[0] * away[:, 1] - chord[1] * away[:, 0]) / (np.hypot(*chord) or 1.0)
    at = int(np.argmax(distance))
    return float(distance[at]), begin + 1 + at
