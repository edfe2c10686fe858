"""Rules that hold the plan's dose against one that was computed anew from its fields and monitor units.

By the engine that somebody chose; whether that one is independent of what made the dose, only who chose it knows.
Both doses are looked at where the plan's has its points, and each is sought in the other: what one has and the other
has not is a difference whichever it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tianfu.apps.radiotherapy.model.checking.books import TG_275, Book
from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError, Seen, Severity, Topic, seen
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.apps.radiotherapy.model.doses import Outside, resampled
from tianfu.apps.radiotherapy.model.gamma import GammaMap, gamma_index
from tianfu.apps.radiotherapy.model.gamma_criteria import Difference, GammaCriteria, Search
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Volume

BOOK = Book(Topic.DOSE)

MEAN_WITHIN = 0.10
"""Of what the dose says: other monitor units or another plan; less is looked at point by point. [ours]"""

REACHED_LEAST = 0.95
"""A target of which less was computed anew has no mean. [ours]"""

DIFFERENCE_PERCENT, DISTANCE_MM = 3.0, 2.0
PASS_PERCENT_LEAST = 95.0
"""The universal tolerance of AAPM TG-218, doi:10.1002/mp.12810, for measured doses. [memory]"""

HIGH_PERCENT = 50.0
"""Of what is prescribed: where the dose is low nearly everything agrees whatever is wrong. [ours]"""

FAR_PERCENT, FAR_MM, FAR_ML = 20.0, 3.0, 1.0
"""So much of what is prescribed, nowhere within so many millimetres, in more than so many millilitres. [ours]"""

ENOUGH_GAMMA = 1.1
"""By how much more a point fails is not told."""

PHYSICAL = "PHYSICAL"
NONE = np.float32(0)


@BOOK.rule("target-dose-unlike-recomputed", Severity.STOP, TG_275, "inferred")
def _target(checked: Checked) -> Iterator[Seen]:
    """What fields and monitor units give to the target is far from what the dose says."""
    target = checked.inside_dose(checked.target)
    again, values = _anew(checked).values, checked.dose.volume.values
    known = target & np.isfinite(again)
    if not known.any() or known.sum() < REACHED_LEAST * target.sum():
        raise NotJudgedError("target-outside-dose")
    said, expected = float(values[known].mean()), float(again[known].mean())
    if abs(said - expected) > MEAN_WITHIN * said:
        yield seen(
            {"structure": checked.target.name},
            found=f"{said:.2f} Gy",
            expected=f"{expected:.2f} Gy",
            limit=f"{100 * MEAN_WITHIN:g} %",
        )


@BOOK.rule("dose-unlike-recomputed", Severity.WARNING, TG_275, "inferred")
def _everywhere(checked: Checked) -> Iterator[Seen]:
    """Where either dose is high, too few points agree with what the other has there or beside."""
    again, dose = _anew(checked), checked.dose.volume
    compared = _each_in_the_other(
        dose,
        replace(again, values=np.nan_to_num(again.values)),
        checked,
        difference_percent=DIFFERENCE_PERCENT,
        distance_mm=DISTANCE_MM,
        threshold_percent=HIGH_PERCENT,
    )
    percents = [100.0 if one is None else one.pass_percent * one.reached_percent / 100 for one in compared]
    if min(percents) < PASS_PERCENT_LEAST:
        yield seen(found=f"{min(percents):.1f} %", limit=f"{PASS_PERCENT_LEAST:g} %")


@BOOK.rule("dose-far-from-recomputed", Severity.STOP, TG_275, "ours")
def _far(checked: Checked) -> Iterator[Seen]:
    """Somewhere in the body one dose has much that the other has not, however well they agree elsewhere."""
    again, dose, body = _anew(checked), checked.dose.volume, checked.inside_dose(checked.body)
    compared = _each_in_the_other(
        replace(dose, values=np.where(body, dose.values, NONE)),
        replace(again, values=np.where(body, np.nan_to_num(again.values), NONE)),
        checked,
        difference_percent=FAR_PERCENT,
        distance_mm=FAR_MM,
        threshold_percent=FAR_PERCENT,
    )
    voxel_ml = dose.grid.voxel_mm3 / 1000
    most_ml = max((one.judged - one.passed + one.outside) * voxel_ml for one in compared if one is not None)
    if most_ml > FAR_ML:
        yield seen(found=f"{most_ml:.1f} ml", limit=f"{FAR_ML:g} ml")


def _anew(checked: Checked) -> Volume[np.float32]:
    """The dose that was computed anew at the points of the plan's, NaN where it does not reach."""
    dose, recomputed = checked.dose, checked.recomputed
    if dose.kind != PHYSICAL:
        raise NotJudgedError("dose-not-physical")
    if dose.header.frame != checked.images.header.frame:
        raise NotJudgedError("dose-in-other-frame")
    try:
        again = resampled(recomputed, dose.volume.grid, outside=Outside.NAN)
    except Refusal as refusal:
        raise NotJudgedError("doses-not-comparable") from refusal
    return Volume(grid=again.grid, values=again.values.astype(np.float32))


def _each_in_the_other(
    dose: Volume[np.float32],
    again: Volume[np.float32],
    checked: Checked,
    *,
    difference_percent: float,
    distance_mm: float,
    threshold_percent: float,
) -> tuple[GammaMap | None, GammaMap | None]:
    """Both doses judged by the other, None for one that is nowhere above the threshold."""
    try:
        criteria = GammaCriteria(
            dose_difference_percent=difference_percent,
            distance_mm=distance_mm,
            difference=Difference.GLOBAL,
            normalisation_gy=checked.prescribed_gy,
            threshold_percent=threshold_percent,
            gamma_max=ENOUGH_GAMMA,
            search=Search.VOLUME,
        )
        compared = _judged(dose, again, criteria), _judged(again, dose, criteria)
    except Refusal as refusal:
        raise NotJudgedError("doses-not-comparable") from refusal
    if compared == (None, None):
        raise NotJudgedError("nothing-to-check")
    return compared


def _judged(reference: Volume[np.float32], evaluated: Volume[np.float32], criteria: GammaCriteria) -> GammaMap | None:
    try:
        return gamma_index(reference, evaluated, criteria=criteria)
    except Refusal as refusal:
        if refusal.code != "gamma-nothing-to-judge":
            raise
        return None
