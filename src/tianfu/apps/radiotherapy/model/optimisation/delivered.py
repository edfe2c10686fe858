"""The dose of segments as a machine will give it: by aperture, without beamlets and without a lateral cut-off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.machines.collimators import Jaws, Leaves
from tianfu.apps.radiotherapy.model.optimisation.apertures import FieldSegments, Span
from tianfu.apps.radiotherapy.model.transport.apertures import (
    Aperture,
    Fluence,
    JawPair,
    dose_of_aperture,
    summed_fluence,
)
from tianfu.apps.radiotherapy.model.transport.fields import Field
from tianfu.apps.radiotherapy.model.transport.kernels import cell_mm
from tianfu.apps.radiotherapy.model.transport.pencil_beam import DoseVoxels, Settings
from tianfu.standards.dicom.grids import Volume

BEYOND_MM = 10.0
"""So far beyond the jaws the map of a field's fluence goes: what passes them is in it. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Collimated:
    """What of a machine shapes its beam."""

    beam: PencilBeam
    jaws: tuple[Jaws, ...]
    leaves: Leaves


def delivered(
    parts: tuple[FieldSegments, ...],
    fields: tuple[Field, ...],
    machine: Collimated,
    density: Volume[np.float32],
    wanted: DoseVoxels,
    settings: Settings,
) -> NDArray[np.float32]:
    """Gray of one fraction in each voxel (V), of all segments with their monitor units.

    Raises Refusal as `transport.apertures.summed_fluence` and `dose_of_aperture` do.
    """
    total = np.zeros(len(wanted.voxels), np.float32)
    for part in parts:
        total += dose_of_aperture(
            density, machine.beam, fields[part.field], field_fluence(part, machine), wanted, settings
        )
    return total


def field_fluence(part: FieldSegments, machine: Collimated) -> Fluence:
    """The fluence of all segments of a field, each weighted with its monitor units."""
    cell = cell_mm(machine.beam)
    half = max(abs(place) for place in (*part.jaws_x_mm, *part.jaws_y_mm)) + BEYOND_MM
    x, y = _jaws(machine, "x", part.jaws_x_mm), _jaws(machine, "y", part.jaws_y_mm)
    apertures = [
        Aperture(jaws_x=x, jaws_y=y, leaves=machine.leaves, first_mm=segment.first_mm, second_mm=segment.second_mm)
        for segment in part.segments
    ]
    return summed_fluence(apertures, [segment.mu for segment in part.segments], cell_mm=cell, half_mm=half)


def _jaws(machine: Collimated, along: str, span: Span) -> JawPair | None:
    for jaws in machine.jaws:
        if jaws.moves_along == along:
            return JawPair(first_mm=span[0], second_mm=span[1], transmission=jaws.transmission)
    return None
