"""Rules that hold the plan's dose against one that was computed anew from its fields and monitor units.

By the engine that somebody chose; whether that one is independent of what made the dose, only who chose it knows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tianfu.apps.radiotherapy.model.checking.books import TG_275, Book
from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError, Seen, Severity, Topic, seen
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.apps.radiotherapy.model.doses import Outside, resampled
from tianfu.apps.radiotherapy.model.gamma import gamma_index
from tianfu.apps.radiotherapy.model.gamma_criteria import Difference, GammaCriteria, Search
from tianfu.kernel.refusal import Refusal

BOOK = Book(Topic.DOSE)

MEAN_WITHIN = 0.10
"""Other monitor units or another plan; what differs by less is looked at point by point. [ours]"""

DIFFERENCE_PERCENT, DISTANCE_MM = 3.0, 2.0
PASS_PERCENT_LEAST = 95.0
"""The universal tolerance of AAPM TG-218, doi:10.1002/mp.12810, for measured doses. [memory]"""

HIGH_PERCENT = 50.0
"""Of what is prescribed: where the dose is low nearly everything agrees whatever is wrong. [ours]"""

ENOUGH_GAMMA = 1.1
"""By how much more a point fails is not told."""


@BOOK.rule("target-dose-unlike-recomputed", Severity.STOP, TG_275, "inferred")
def _target(checked: Checked) -> Iterator[Seen]:
    """What fields and monitor units give to the target is far from what the dose says."""
    dose, target = checked.dose.volume, checked.inside_dose(checked.target)
    try:
        again = resampled(checked.recomputed, dose.grid, outside=Outside.NAN).values
    except Refusal as refusal:
        raise NotJudgedError("grids-differ") from refusal
    known = target & np.isfinite(again)
    if not known.any():
        raise NotJudgedError("target-outside-dose")
    said, expected = float(dose.values[known].mean()), float(again[known].mean())
    if abs(said - expected) > MEAN_WITHIN * max(said, expected):
        yield seen(
            {"structure": checked.target.name},
            found=f"{said:.2f} Gy",
            expected=f"{expected:.2f} Gy",
            limit=f"{100 * MEAN_WITHIN:g} %",
        )


@BOOK.rule("dose-unlike-recomputed", Severity.WARNING, TG_275, "inferred")
def _everywhere(checked: Checked) -> Iterator[Seen]:
    """Where the dose is high, too few points agree with what fields and monitor units give there or beside."""
    try:
        criteria = GammaCriteria(
            dose_difference_percent=DIFFERENCE_PERCENT,
            distance_mm=DISTANCE_MM,
            difference=Difference.GLOBAL,
            normalisation_gy=checked.prescribed_gy,
            threshold_percent=HIGH_PERCENT,
            gamma_max=ENOUGH_GAMMA,
            search=Search.VOLUME,
        )
        gammas = gamma_index(checked.dose.volume, checked.recomputed, criteria=criteria)
    except Refusal as refusal:
        raise NotJudgedError("grids-differ") from refusal
    if not gammas.judged:
        raise NotJudgedError("grids-differ")
    if gammas.pass_percent < PASS_PERCENT_LEAST:
        yield seen(found=f"{gammas.pass_percent:.1f} %", limit=f"{PASS_PERCENT_LEAST:g} %")
