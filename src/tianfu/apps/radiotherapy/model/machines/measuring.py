"""What a physicist measured on a machine, read strictly, and what the machine's model gives for the same.

What can be computed here is computed and never taken from whoever measured; the rest has to be said, and is marked so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np

from tianfu.apps.radiotherapy.model.machines.machines import (
    Commissioning,
    Kind,
    Machine,
    Mark,
    Measurement,
    Modelling,
    Use,
)
from tianfu.apps.radiotherapy.model.machines.reading import FIELD_MM_MOST, refuse_unless_machine
from tianfu.apps.radiotherapy.model.machines.typed import read_typed
from tianfu.apps.radiotherapy.model.machines.water import depth_dose
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal

SCHEMA = 1
BYTES_MOST = 1_000_000
MEASUREMENTS_MOST = 500
NOT_UNDERSTOOD = "measurements-not-understood"

SET_UP_MOST: Final = {
    "field_mm": FIELD_MM_MOST,
    "reference_field_mm": FIELD_MM_MOST,
    "depth_mm": 500.0,
    "reference_depth_mm": 500.0,
    "surface_mm": 20_000.0,
}
"""Of a set-up in water; each is above nothing.  As wide as the machine's own figures may be. [ours]"""


class Taken(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A measurement as it is typed: `set_up` in millimetres, `modelled` only where nothing here computes it."""

    kind: Kind
    what: str
    unit: str
    measured: float
    tolerance: float
    mark: Mark
    set_up: dict[str, float]
    modelled: float | msgspec.UnsetType = msgspec.UNSET


class _Written(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    schema: int
    measurements: tuple[Taken, ...]


@dataclass(frozen=True, kw_only=True)
class Means:
    """How a kind is modelled: its unit, what the set-up must say, and the number for a machine in that set-up."""

    unit: str
    needed: tuple[str, ...]
    number: Callable[[Machine, Mapping[str, float]], float]


def read_measurements(data: bytes) -> tuple[Taken, ...]:
    """What was measured; raises Refusal `measurements-not-understood` with the problem."""
    written = read_typed(data, _Written, bytes_most=BYTES_MOST, code=NOT_UNDERSTOOD)
    if written.schema != SCHEMA:
        raise Refusal(NOT_UNDERSTOOD, details={"problem": f"schema {written.schema}"})
    if not 0 < len(written.measurements) <= MEASUREMENTS_MOST:
        raise Refusal(NOT_UNDERSTOOD, details={"problem": f"{len(written.measurements)} measurements"})
    for each in written.measurements:
        is_shown = each.what.isprintable() and each.unit.isprintable() and each.what.strip() and each.unit.strip()
        if not is_shown or not each.tolerance > 0:
            raise Refusal(NOT_UNDERSTOOD, details={"problem": f"{each.kind}: what, unit or tolerance"})
    return written.measurements


def commissioned(
    machine: Machine, taken: tuple[Taken, ...], *, version: int, purpose: Use, by: str, at: Instant
) -> Machine:
    """The next version of a machine with what was measured on it; it is not said that model and machine agree.

    Raises Refusal `machine-version-not-newer`, those of `measurement_of`, or those of `refuse_unless_machine`.
    """
    if version <= machine.version:
        raise Refusal("machine-version-not-newer", details=machine.named)
    measurements = tuple(measurement_of(machine, each) for each in taken)
    commissioning = Commissioning(by=by, at=at, measurements=measurements)
    new = replace(machine, version=version, purpose=purpose, commissioning=commissioning)
    refuse_unless_machine(new)
    return new


def measurement_of(machine: Machine, taken: Taken) -> Measurement:
    """A measurement beside what the model gives.

    Raises Refusal, with what: `measurement-modelled-said` for what is computed here, `measurement-modelled-unsaid` for
    what is not, `measurement-of-another-unit`, `measurement-set-up-not-fit` or `surface-beyond-kernels`.
    """
    means = MEANS.get(taken.kind)
    is_said = not isinstance(taken.modelled, msgspec.UnsetType)
    if means is not None and is_said:
        raise Refusal("measurement-modelled-said", details={"what": taken.what})
    if means is None:
        if isinstance(taken.modelled, msgspec.UnsetType):
            raise Refusal("measurement-modelled-unsaid", details={"what": taken.what})
        _refuse_unless_set_up(taken, ())
        return _measurement(taken, taken.modelled, "said")
    if taken.unit != means.unit:
        raise Refusal("measurement-of-another-unit", details={"what": taken.what, "unit": means.unit})
    _refuse_unless_set_up(taken, means.needed)
    return _measurement(taken, means.number(machine, taken.set_up), "computed")


def _measurement(taken: Taken, modelled: float, modelled_by: Modelling) -> Measurement:
    set_up = ", ".join(f"{name} {value:g}" for name, value in sorted(taken.set_up.items()))
    return Measurement(
        kind=taken.kind,
        what=f"{taken.what} ({set_up})" if set_up else taken.what,
        unit=taken.unit,
        modelled=modelled,
        modelled_by=modelled_by,
        measured=taken.measured,
        tolerance=taken.tolerance,
        mark=taken.mark,
    )


def _refuse_unless_set_up(taken: Taken, needed: tuple[str, ...]) -> None:
    is_whole = set(taken.set_up) == set(needed)
    if not is_whole or not all(0 < taken.set_up[name] <= SET_UP_MOST[name] for name in needed):
        details = {"what": taken.what, "needed": ", ".join(needed) or "–"}
        raise Refusal("measurement-set-up-not-fit", details=details)


def _dose(machine: Machine, set_up: Mapping[str, float], *, field: str, depth: str) -> float:
    """Gray per monitor unit in water on the axis of a square field."""
    depths = np.array([set_up[depth]])
    (dose,) = depth_dose(machine.beam, field_mm=set_up[field], depths_mm=depths, surface_mm=set_up["surface_mm"])
    return float(dose) * machine.calibration.gy_per_mu


def _output(machine: Machine, set_up: Mapping[str, float]) -> float:
    return _dose(machine, set_up, field="field_mm", depth="depth_mm")


def _output_factor(machine: Machine, set_up: Mapping[str, float]) -> float:
    reference = _dose(machine, set_up, field="reference_field_mm", depth="depth_mm")
    return _output(machine, set_up) / reference


def _depth_dose(machine: Machine, set_up: Mapping[str, float]) -> float:
    return 100 * _output(machine, set_up) / _dose(machine, set_up, field="field_mm", depth="reference_depth_mm")


def _leaf_transmission(machine: Machine, _set_up: Mapping[str, float]) -> float:
    return 100 * machine.leaves.transmission


def _leaf_gap(machine: Machine, _set_up: Mapping[str, float]) -> float:
    """The dosimetric leaf gap, as `Leaves` defines it."""
    return 2 * machine.leaves.rounded_end_mm


MEANS: Final[Mapping[Kind, Means]] = {
    "output": Means(unit="Gy/MU", needed=("field_mm", "depth_mm", "surface_mm"), number=_output),
    "output-factor": Means(
        unit="1", needed=("field_mm", "reference_field_mm", "depth_mm", "surface_mm"), number=_output_factor
    ),
    "depth-dose": Means(
        unit="%", needed=("field_mm", "depth_mm", "reference_depth_mm", "surface_mm"), number=_depth_dose
    ),
    "leaf-transmission": Means(unit="%", needed=(), number=_leaf_transmission),
    "leaf-gap": Means(unit="mm", needed=(), number=_leaf_gap),
}
"""Profiles are not among them: `water` knows dose on the axis alone."""
