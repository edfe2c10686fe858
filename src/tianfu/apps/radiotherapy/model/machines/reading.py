"""Read a machine that `writing` wrote, and refuse whatever is no sound machine."""

from __future__ import annotations

import binascii
import math
from base64 import b64decode
from dataclasses import fields, is_dataclass
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from tianfu.apps.radiotherapy.model.machines.collimators import Jaws, Leaves, Limits
from tianfu.apps.radiotherapy.model.machines.machines import Commissioning, Machine
from tianfu.apps.radiotherapy.model.machines.soundness import refuse_unless, refuse_unless_beam
from tianfu.apps.radiotherapy.model.machines.water import depth_dose
from tianfu.apps.radiotherapy.model.machines.writing import SCHEMA, write_machine
from tianfu.kernel.instants import EARLIEST, LATEST
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

BYTES_MOST = 64_000_000
"""Of a machine's file; that of matRad's generic machine has 6 million."""

OUTPUT_WITHIN = 0.001
"""A part: how far factor and kernels may miss the output; finer steps and rounding stay below it. [ours]"""

NAME_MOST = 16
"""Characters of a Short String (PS3.5 6.2), as which a plan says its machine: Treatment Machine Name (300A,00B2)."""

CHECK_STEP_MM = 0.1
FIELD_MM_MOST = 500.0
"""Larger than any linear accelerator's field at the isocentre. [ours]"""


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    float64: str
    shape: tuple[int, ...]


class _Written(msgspec.Struct):
    schema: int
    machine: msgspec.Raw


def read_machine(data: bytes) -> Machine:
    """The machine of these bytes; `write_machine` gives them back, bit by bit.

    Raises Refusal `machine-not-understood` with the problem, `machine-of-another-schema`, `machine-of-another-form` if
    the same machine would be written differently, or those of `refuse_unless_machine`.
    """
    if len(data) > BYTES_MOST:
        raise _not_understood(f"{len(data)} bytes")
    machine = _decoded(data)
    refuse_unless_machine(machine)
    if write_machine(machine) != data:
        raise Refusal("machine-of-another-form")
    return machine


def refuse_unless_machine(machine: Machine) -> None:
    """Do nothing for a machine whose figures can all be true together.

    Raises Refusal: those of `refuse_unless_beam`, `machine-out-of-range` with the element, `machine-name-not-for-dicom`
    for one that no plan can say, `calibration-of-another-beam` if the output does not follow from beam and factor, or
    `surface-beyond-kernels`.
    """
    refuse_unless_beam(machine.beam)
    _refuse_unless_finite(machine, "machine")
    _fits(bool(machine.name.strip()) and machine.name.isprintable(), "name")
    _refuse_unless_dicom_holds(machine.name)
    _fits(machine.version >= 1, "version")
    _fits({jaws.moves_along for jaws in machine.jaws} <= {"x", "y"}, "jaws.moves_along")
    _fits(len({jaws.moves_along for jaws in machine.jaws}) == len(machine.jaws), "jaws")
    for jaws in machine.jaws:
        _refuse_unless_jaws(jaws)
    _refuse_unless_leaves(machine.leaves)
    _refuse_unless_limits(machine.limits)
    _refuse_unless_calibration(machine)
    if machine.commissioning is not None:
        _refuse_unless_commissioning(machine.commissioning)


def _decoded(data: bytes) -> Machine:
    try:
        written = msgspec.json.decode(data, type=_Written)
        if written.schema != SCHEMA:
            raise Refusal("machine-of-another-schema", details={"schema": str(written.schema)})
        return msgspec.json.decode(written.machine, type=Machine, dec_hook=_numbers)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _not_understood(str(error)) from error


def _numbers(_kind: type, value: Any) -> Floats:
    """A table; ValueError and TypeError become msgspec's own error with the path."""
    table = msgspec.convert(value, _Table)
    try:
        numbers = np.frombuffer(b64decode(table.float64, validate=True), "<f8").astype(np.float64)
    except (binascii.Error, ValueError) as error:
        raise ValueError("no table of numbers") from error
    if not table.shape or min(table.shape) < 0 or math.prod(table.shape) != numbers.size:
        raise ValueError("a table of another shape")
    numbers.flags.writeable = False
    return numbers.reshape(table.shape)


def _refuse_unless_finite(value: Any, path: str) -> None:
    """Every number of a machine but its tables, which were looked at as such."""
    if isinstance(value, float):
        _fits(math.isfinite(value), path)
    elif isinstance(value, tuple):
        for each in value:
            _refuse_unless_finite(each, path)
    elif isinstance(value, dict):
        for each in value.values():
            _refuse_unless_finite(each, path)
    elif is_dataclass(value):
        for each in fields(value):
            _refuse_unless_finite(getattr(value, each.name), f"{path}.{each.name}")


def _refuse_unless_dicom_holds(name: str) -> None:
    """A plan is written after hours: a name that it cannot hold is refused before."""
    if len(name) > NAME_MOST or "\\" in name:
        raise Refusal("machine-name-not-for-dicom", details={"machine": name, "most": str(NAME_MOST)})


def _refuse_unless_jaws(jaws: Jaws) -> None:
    _fits(jaws.least_mm < jaws.most_mm, "jaws.least_mm")
    _fits(0 <= jaws.gap_mm <= jaws.most_mm - jaws.least_mm, "jaws.gap_mm")
    _fits(0 <= jaws.transmission < 1, "jaws.transmission")


def _refuse_unless_leaves(leaves: Leaves) -> None:
    edges = leaves.boundaries_mm
    _fits(len(edges) >= 2 and all(low < high for low, high in pairwise(edges)), "leaves.boundaries_mm")
    _fits(leaves.least_mm < leaves.most_mm, "leaves.least_mm")
    _fits(0 <= leaves.gap_mm <= leaves.most_mm - leaves.least_mm, "leaves.gap_mm")
    _fits(leaves.reach_mm > 0, "leaves.reach_mm")
    _fits(leaves.step_mm > 0, "leaves.step_mm")
    _fits(leaves.speed_mm_per_s > 0, "leaves.speed_mm_per_s")
    _fits(leaves.rounded_end_mm >= 0, "leaves.rounded_end_mm")
    _fits(0 <= leaves.transmission < 1, "leaves.transmission")


def _refuse_unless_limits(limits: Limits) -> None:
    _fits(limits.beam_mu_most > 0, "limits.beam_mu_most")
    _fits(0 <= limits.segment_mu_least <= limits.beam_mu_most, "limits.segment_mu_least")
    _fits(0 < limits.mu_step <= limits.beam_mu_most, "limits.mu_step")
    _fits(limits.segments_most >= 1, "limits.segments_most")
    _fits(bool(limits.dose_rates) and min(limits.dose_rates) > 0, "limits.dose_rates")
    _fits(limits.gantry_degrees_per_s > 0, "limits.gantry_degrees_per_s")
    for name in ("collimator_degrees", "couch_degrees"):
        first, second = getattr(limits, name)
        _fits(first < second, f"limits.{name}")


def _refuse_unless_calibration(machine: Machine) -> None:
    calibration = machine.calibration
    for name, value in vars(calibration).items():
        _fits(value > 0, f"calibration.{name}")
    depth, field, surface = np.array([calibration.depth_mm]), calibration.field_mm, calibration.surface_mm
    _fits(field <= FIELD_MM_MOST, "calibration.field_mm")
    (kernels,) = depth_dose(machine.beam, field_mm=field, depths_mm=depth, surface_mm=surface, step_mm=CHECK_STEP_MM)
    wrong = abs(float(kernels) * calibration.gy_per_mu / calibration.output_gy_per_mu - 1)
    refuse_unless(wrong <= OUTPUT_WITHIN, "calibration-of-another-beam", "calibration.gy_per_mu")


def _refuse_unless_commissioning(commissioning: Commissioning) -> None:
    """What people read before they sign can be shown as it is."""
    _fits(EARLIEST <= commissioning.at <= LATEST, "commissioning.at")
    _fits(commissioning.by.isprintable(), "commissioning.by")
    for each in commissioning.measurements:
        shown = (each.what, each.unit, *each.set_up)
        _fits(all(text.isprintable() for text in shown), "commissioning.measurements")
        _fits(each.tolerance >= 0, "commissioning.measurements.tolerance")


def _fits(is_fit: bool, element: str) -> None:
    refuse_unless(is_fit, "machine-out-of-range", element)


def _not_understood(problem: str) -> Refusal:
    return Refusal("machine-not-understood", details={"problem": problem})
