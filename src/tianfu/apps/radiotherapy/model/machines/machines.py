"""A treatment machine as a versioned value.

Nothing here chooses a machine: whoever plans names one, by name and version.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.machines.collimators import Jaws, Leaves, Limits
from tianfu.kernel.instants import Instant

Mark = Literal["found", "measured", "memory", "inferred", "ours"]
"""How a figure is known: read in its source, measured on the machine, recalled and to be verified, concluded, ours."""

Use = Literal["demonstration", "clinical"]
"""What for.  Even a machine fit for clinical use does not clear the program for it."""

Modelling = Literal["computed", "said"]
"""Where a modelled value comes from: computed here from the machine itself, or said by whoever commissioned it."""

Kind = Literal["output", "output-factor", "depth-dose", "profile", "leaf-transmission", "leaf-gap"]
"""What must have been measured before a machine is commissioned.  [memory: after AAPM MPPG 5.b and TG-106]"""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """How one figure of a machine is known; `element` is its path, such as `leaves.transmission`."""

    element: str
    mark: Mark
    source: str


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What a monitor unit is worth.

    A square field with the side `field_mm` at the isocentre gives `output_gy_per_mu` on its axis, at `depth_mm` of
    water whose surface is `surface_mm` from the source.  `gy_per_mu` turns any dose that the kernels give for a unit
    of fluence into gray per monitor unit, so that this comes out.
    """

    field_mm: float
    depth_mm: float
    surface_mm: float
    output_gy_per_mu: float
    gy_per_mu: float


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One comparison of the model with the machine; modelled, measured and tolerance in `unit`, `set_up` in mm."""

    kind: Kind
    what: str
    set_up: dict[str, float]
    unit: str
    modelled: float
    modelled_by: Modelling
    measured: float
    tolerance: float
    mark: Mark

    @property
    def is_within(self) -> bool:
        """Whether model and machine agree."""
        return abs(self.modelled - self.measured) <= self.tolerance


@dataclass(frozen=True, kw_only=True)
class Commissioning:
    """Who compared the model with the machine, when, and what he measured."""

    by: str
    at: Instant
    measurements: tuple[Measurement, ...]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine under a name, in a version that never changes; `model` says in words what it models.

    `notice` is told wherever its dose is shown, by language.  `figures` say how each figure is known.
    """

    name: str
    version: int
    model: str
    purpose: Use
    notice: dict[str, str]
    beam: PencilBeam
    jaws: tuple[Jaws, ...]
    leaves: Leaves
    limits: Limits
    calibration: Calibration
    figures: tuple[Figure, ...]
    commissioning: Commissioning | None

    @property
    def named(self) -> dict[str, str]:
        """Its name and version, as refusals tell them."""
        return {"machine": self.name, "version": str(self.version)}
