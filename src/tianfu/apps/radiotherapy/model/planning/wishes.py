"""What a plan is to be, as a value that a physicist writes: a planning template, which is strict JSON.

Nothing has a value unless the template says it: neither machine nor dose nor what a stop rule is.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from tianfu.apps.radiotherapy.model.optimisation.goals import Holding
from tianfu.apps.radiotherapy.model.optimisation.objectives import (
    AtLeastVolume,
    AtMostVolume,
    EquivalentAtLeast,
    EquivalentAtMost,
    MaximumDose,
    MinimumDose,
    Objective,
)
from tianfu.apps.radiotherapy.model.protocols import Goal, Mark

FORM = 1

TARGET_MIDDLE: Literal["target-middle"] = "target-middle"

SecondEngine = Literal["collapsed-cone"]


class _Part(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A part of a template; every name of it has to be said."""


class Known(_Part, frozen=True, kw_only=True):
    """How an element of the template is known, and from where."""

    element: str
    mark: Mark
    source: str


class Version(_Part, frozen=True, kw_only=True):
    """A machine or a density table, by name and version."""

    name: str
    version: int


class FieldWish(_Part, frozen=True, kw_only=True):
    """Angles in degrees of IEC 61217."""

    gantry_degrees: float
    collimator_degrees: float
    couch_degrees: float


class Prescription(_Part, frozen=True, kw_only=True):
    """So much of a structure's volume gets at least the dose, over all fractions."""

    structure: str
    dose_gy: float
    fractions: int
    volume_percent: float


class RegionWish(_Part, frozen=True, kw_only=True):
    """Voxels of the body about structures, farther than `from_mm` and no farther than `to_mm`, or all if that is null.

    Those of `without` are not in it.  `share` of its voxels stand for it, drawn by lot.
    """

    name: str
    around: tuple[str, ...]
    from_mm: float
    to_mm: float | None
    without: tuple[str, ...]
    share: float


class ObjectiveWish(_Part, frozen=True, kw_only=True, tag_field="kind", tag="objective"):
    """What is wished of the dose in a structure or a region; see `optimisation.objectives`."""

    makes: ClassVar[type[Objective]] = Objective

    structure: str
    weight: float
    dose_gy: float

    @property
    def objective(self) -> Objective:
        """The objective; raises Refusal `objective-not-sound`."""
        return self.makes(**{name: getattr(self, name) for name in self.__struct_fields__})


class _AtVolume(ObjectiveWish, frozen=True, kw_only=True, tag="at-volume"):
    volume_percent: float


class _Equivalent(ObjectiveWish, frozen=True, kw_only=True, tag="equivalent"):
    exponent: float


class MinimumDoseWish(ObjectiveWish, frozen=True, kw_only=True, tag="minimum-dose"):
    """No voxel gets less."""

    makes = MinimumDose


class MaximumDoseWish(ObjectiveWish, frozen=True, kw_only=True, tag="maximum-dose"):
    """No voxel gets more."""

    makes = MaximumDose


class AtMostVolumeWish(_AtVolume, frozen=True, kw_only=True, tag="at-most-volume"):
    """At most so much of the volume gets more."""

    makes = AtMostVolume


class AtLeastVolumeWish(_AtVolume, frozen=True, kw_only=True, tag="at-least-volume"):
    """At least so much of the volume gets the dose."""

    makes = AtLeastVolume


class EquivalentAtMostWish(_Equivalent, frozen=True, kw_only=True, tag="equivalent-at-most"):
    """The generalised equivalent uniform dose is at most this; of exponent 1 it is the mean."""

    makes = EquivalentAtMost


class EquivalentAtLeastWish(_Equivalent, frozen=True, kw_only=True, tag="equivalent-at-least"):
    """The generalised equivalent uniform dose is at least this."""

    makes = EquivalentAtLeast


AnyObjective = (
    MinimumDoseWish
    | MaximumDoseWish
    | AtMostVolumeWish
    | AtLeastVolumeWish
    | EquivalentAtMostWish
    | EquivalentAtLeastWish
)


class HoldingWish(_Part, frozen=True, kw_only=True):
    """How strictly levels go before each other; see `optimisation.goals.Holding`."""

    weight: float
    held_weight: float
    slack_gy: float
    slack_percent: float
    aim_gy: float

    @property
    def holding(self) -> Holding:
        """The holding; raises Refusal `holding-not-sound`."""
        return Holding(**{name: getattr(self, name) for name in self.__struct_fields__})


class InOrder(_Part, frozen=True, kw_only=True):
    """Goals that are served in the order of their priority, as a protocol has them, and how they are held.

    Percentages of a dose are of the template's prescription.
    """

    goals: tuple[Goal, ...]
    holding: HoldingWish


class StopWish(_Part, frozen=True, kw_only=True):
    """See `optimisation.fluence.Settings`."""

    iterations_most: int
    change_least: float


class Optimisation(_Part, frozen=True, kw_only=True):
    """How fluence is sought, cut into segments of so many levels, and how their leaves may then move."""

    fluence: StopWish
    smoothing: float
    levels: int
    apertures: StopWish
    rounds: int
    farthest_mm: float
    seed: int


class Computation(_Part, frozen=True, kw_only=True):
    """How dose is computed; see `transport.pencil_beam.Settings`.  `second` is the engine of a second dose, or null."""

    spacing_mm: float
    density_table: Version
    lateral_cut_off_mm: float
    surface_density: float
    ray_mm: float
    step_mm: float
    second: SecondEngine | None


class Tolerance(_Part, frozen=True, kw_only=True):
    """How far the machine may be from the plan when it is given."""

    gantry_degrees: float
    collimator_degrees: float
    couch_degrees: float
    vertical_mm: float
    longitudinal_mm: float
    lateral_mm: float


Isocentre = Literal["target-middle"] | tuple[float, float, float]
"""The middle of all targets together, or a point of the patient in millimetres."""


class PlanWish(_Part, frozen=True, kw_only=True):
    """Everything that a plan follows from, but for the patient and the machine themselves.

    `isocentre` is the middle of all `targets` together, through which beamlets go, or a point of the patient in
    millimetres; `body` is the structure that is the patient.
    Structures are meant by their own name, or by their name of TG-263.
    With goals `in_order`, the `objectives` are what each level has besides its goals; without, they are all there is.
    """

    form: int
    name: str
    title: dict[str, str]
    notice: dict[str, str]
    known: tuple[Known, ...]
    machine: Version
    body: str
    targets: tuple[str, ...]
    prescription: Prescription
    fields: tuple[FieldWish, ...]
    isocentre: Isocentre
    beamlet_mm: float
    margin_mm: float
    regions: tuple[RegionWish, ...]
    objectives: tuple[AnyObjective, ...]
    in_order: InOrder | None
    optimisation: Optimisation
    computation: Computation
    dose_rate_mu_per_min: float
    tolerance: Tolerance

    @property
    def goals(self) -> tuple[Goal, ...]:
        """The goals that are served in their order, if it has any."""
        return () if self.in_order is None else self.in_order.goals

    @property
    def structures(self) -> tuple[str, ...]:
        """Every structure that the case must have, each once, the body first."""
        made = {region.name for region in self.regions}
        named = [self.body, *self.targets, self.prescription.structure]
        named += [each.structure for each in (*self.objectives, *self.goals)]
        named += [name for region in self.regions for name in (*region.around, *region.without)]
        return tuple(dict.fromkeys(name for name in named if name not in made))
