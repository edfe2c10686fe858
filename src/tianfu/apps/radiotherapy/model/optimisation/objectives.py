"""What is asked of the dose in a structure, as a penalty and its slope voxel by voxel.

Each penalty is the weight times a mean over the structure, so that neither its size nor the grid's spacing changes what
weighs more.  Penalties of doses are quadratic beyond a limit; those of a dose and a volume count the voxels between the
limit and the dose that the volume has (Wu and Mohan, Med Phys 27(4) 2000, 701); the generalised equivalent uniform dose
is that of Niemierko (Med Phys 24(1) 1997, 103), its objectives are those of Wu et al. (IJROBP 52(1) 2002, 224)
[all three: memory].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tianfu.apps.radiotherapy.model.optimisation.regions import Region
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

DOSE_GY_MIN = 1e-3
"""A lower dose counts as this in an equivalent uniform dose, which a single cold voxel would else make zero. [ours]"""

EXPONENT_MAX = 100.0
"""More is a maximum dose, and a power that no number holds. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A wish for a structure; `weight` is that of the mean penalty in gray squared.

    Raises Refusal `objective-not-sound` for what can be no wish.
    """

    structure: str
    weight: float
    dose_gy: float

    def __post_init__(self) -> None:
        """Refuse a weight that is not positive or a dose that is none."""
        self._refuse_unless(0 < self.weight < np.inf and 0 <= self.dose_gy < np.inf)

    def _refuse_unless(self, is_sound: bool) -> None:
        if not is_sound:
            raise Refusal("objective-not-sound", details={"structure": self.structure})


@dataclass(frozen=True, kw_only=True)
class MinimumDose(Objective):
    """No voxel gets less."""


@dataclass(frozen=True, kw_only=True)
class MaximumDose(Objective):
    """No voxel gets more."""


@dataclass(frozen=True, kw_only=True)
class _DoseAtVolume(Objective):
    volume_percent: float

    def __post_init__(self) -> None:
        """Refuse also what is no share of a volume."""
        super().__post_init__()
        self._refuse_unless(0 <= self.volume_percent <= 100)


@dataclass(frozen=True, kw_only=True)
class AtMostVolume(_DoseAtVolume):
    """At most so much of the volume gets more than the dose."""


@dataclass(frozen=True, kw_only=True)
class AtLeastVolume(_DoseAtVolume):
    """At least so much of the volume gets the dose."""


@dataclass(frozen=True, kw_only=True)
class _EquivalentDose(Objective):
    exponent: float

    def __post_init__(self) -> None:
        """Refuse also an exponent that makes no mean."""
        super().__post_init__()
        self._refuse_unless(0 < abs(self.exponent) <= EXPONENT_MAX)


@dataclass(frozen=True, kw_only=True)
class EquivalentAtMost(_EquivalentDose):
    """The generalised equivalent uniform dose is at most this; of exponent 1 it is the mean."""


@dataclass(frozen=True, kw_only=True)
class EquivalentAtLeast(_EquivalentDose):
    """The generalised equivalent uniform dose is at least this."""


def mean_at_most(structure: str, *, weight: float, dose_gy: float) -> EquivalentAtMost:
    """The mean dose is at most this."""
    return EquivalentAtMost(structure=structure, weight=weight, dose_gy=dose_gy, exponent=1.0)


def is_separable(objective: Objective) -> bool:
    """Whether a voxel's penalty depends on no other voxel."""
    return isinstance(objective, MinimumDose | MaximumDose)


def penalty(objective: Objective, doses: Floats) -> tuple[float, Floats]:
    """The objective's value for the doses of its voxels, and its slope for each of them."""
    match objective:
        case MinimumDose():
            return _square(objective, np.minimum(doses - objective.dose_gy, 0.0))
        case MaximumDose():
            return _square(objective, np.maximum(doses - objective.dose_gy, 0.0))
        case AtMostVolume():
            return _square(objective, _hotter(doses, objective))
        case AtLeastVolume():
            return _square(objective, _colder(doses, objective))
        case EquivalentAtMost() | EquivalentAtLeast():
            return _equivalent(objective, doses)
        case _:
            raise TypeError(type(objective).__name__)


def equivalent_dose_gy(doses: Floats, *, exponent: float) -> float:
    """The generalised equivalent uniform dose of voxels of one size."""
    raised = np.maximum(doses, DOSE_GY_MIN)
    # Divided by one of them, so that no power overflows.
    scale = float(raised.max() if exponent > 0 else raised.min())
    return float(scale * np.mean((raised / scale) ** exponent) ** (1 / exponent))


def refuse_missing(objectives: tuple[Objective, ...], regions: Mapping[str, Region]) -> None:
    """Raise Refusal `objective-structure-missing` for a wish whose structure has no region, `nothing-to-optimise`
    where nothing is wished."""
    if not objectives:
        raise Refusal("nothing-to-optimise")
    for objective in objectives:
        if objective.structure not in regions:
            raise Refusal("objective-structure-missing", details={"structure": objective.structure})


def _square(objective: Objective, beyond: Floats) -> tuple[float, Floats]:
    share = objective.weight / len(beyond)
    return float(share * np.dot(beyond, beyond)), np.asarray(2 * share * beyond)


def _hotter(doses: Floats, objective: AtMostVolume) -> Floats:
    """How much each voxel gets beyond the dose, but for the hottest that may."""
    beyond = np.maximum(doses - objective.dose_gy, 0.0)
    return _without_largest(beyond, int(objective.volume_percent / 100 * len(doses) + 1e-9))


def _colder(doses: Floats, objective: AtLeastVolume) -> Floats:
    """How much each voxel lacks, below zero, but for the coldest that need not get the dose."""
    lacking = np.maximum(objective.dose_gy - doses, 0.0)
    return -_without_largest(lacking, int((100 - objective.volume_percent) / 100 * len(doses) + 1e-9))


def _without_largest(values: Floats, count: int) -> Floats:
    if count == 0:
        return values
    if count < len(values):
        values = values.copy()
        values[np.argpartition(values, len(values) - count)[len(values) - count :]] = 0.0
        return values
    return np.zeros_like(values)


def _equivalent(objective: EquivalentAtMost | EquivalentAtLeast, doses: Floats) -> tuple[float, Floats]:
    reached = equivalent_dose_gy(doses, exponent=objective.exponent)
    beyond = reached - objective.dose_gy
    is_kept = beyond <= 0 if isinstance(objective, EquivalentAtMost) else beyond >= 0
    if is_kept:
        return 0.0, np.zeros_like(doses)
    shares = (np.maximum(doses, DOSE_GY_MIN) / reached) ** (objective.exponent - 1) / len(doses)
    return objective.weight * beyond**2, np.asarray(2 * objective.weight * beyond * shares)
