"""The dose of segments by the engine that was named: none is taken silently."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, assert_never

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.optimisation.apertures import FieldSegments
from tianfu.apps.radiotherapy.model.optimisation.delivered import Collimated, delivered, field_fluence
from tianfu.apps.radiotherapy.model.planning.subjects import Patient
from tianfu.apps.radiotherapy.model.transport.cones.engine import Exposure, dose_by_cones
from tianfu.apps.radiotherapy.model.transport.cones.fluence import FluenceMap, fluence_of
from tianfu.apps.radiotherapy.model.transport.cones.kernels import PointKernels, fitted_kernels
from tianfu.apps.radiotherapy.model.transport.cones.settings import FINE_CONES, SIX_MEGAVOLT_FIT
from tianfu.apps.radiotherapy.model.transport.fields import Field
from tianfu.apps.radiotherapy.model.transport.pencil_beam import Settings
from tianfu.standards.dicom.grids import Volume

Engine = Literal["pencil-beam", "collapsed-cone"]

ENGINES: tuple[Engine, ...] = ("pencil-beam", "collapsed-cone")

Counted = Callable[[int, int], None]
"""Told how many of how many fields are done; whatever it raises ends the work."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Given:
    """Segments of fields on a machine; `settings` are the pencil beam's, of which cones take the units alone."""

    parts: tuple[FieldSegments, ...]
    fields: tuple[Field, ...]
    machine: Machine
    settings: Settings


def refuse_unless_engine(engine: Engine, machine: Machine) -> None:
    """Raise Refusal `cone-kernels-do-not-fit` for a machine whose water an engine cannot come near."""
    if engine == "collapsed-cone":
        fitted_kernels(machine.beam, SIX_MEGAVOLT_FIT)


def collimated_of(machine: Machine) -> Collimated:
    """What of a machine shapes its beam."""
    return Collimated(beam=machine.beam, jaws=machine.jaws, leaves=machine.leaves)


def fraction_dose(given: Given, patient: Patient, *, engine: Engine, counted: Counted) -> Volume[np.float32]:
    """Gray of one fraction in the body, nothing outside of it.

    Raises Refusal as `delivered` and `dose_by_cones` do.
    """
    total = np.zeros(len(patient.wanted.voxels), np.float32)
    match engine:
        case "pencil-beam":
            doses = _by_pencil_beam
        case "collapsed-cone":
            kernels = fitted_kernels(given.machine.beam, SIX_MEGAVOLT_FIT)

            def doses(part: FieldSegments, given: Given, patient: Patient) -> NDArray[np.float32]:
                return _by_cones(part, given, patient, kernels)

        case _:
            assert_never(engine)
    for number, part in enumerate(given.parts, start=1):
        total += doses(part, given, patient)
        counted(number, len(given.parts))
    return patient.whole(total)


def _by_pencil_beam(part: FieldSegments, given: Given, patient: Patient) -> NDArray[np.float32]:
    return delivered(
        (part,), given.fields, collimated_of(given.machine), patient.density, patient.wanted, given.settings
    )


def _by_cones(part: FieldSegments, given: Given, patient: Patient, kernels: PointKernels) -> NDArray[np.float32]:
    passed = field_fluence(part, collimated_of(given.machine))
    opening = FluenceMap(first_mm=(-passed.half_mm, -passed.half_mm), pixel_mm=passed.cell_mm, values=passed.values)
    exposure = Exposure(field=given.fields[part.field], fluence=fluence_of(opening, given.machine.beam))
    dose = dose_by_cones(
        patient.density, exposure, kernels, patient.grid, gy_per_mu=given.settings.gy_per_mu, settings=FINE_CONES
    )
    return np.asarray(dose.values.ravel()[patient.wanted.voxels])
