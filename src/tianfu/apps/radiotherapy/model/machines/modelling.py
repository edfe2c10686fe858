"""What a machine's model gives for what is measured on it, where it can be computed here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from tianfu.apps.radiotherapy.model.machines.machines import Kind, Machine, Measurement
from tianfu.apps.radiotherapy.model.machines.reading import FIELD_MM_MOST
from tianfu.apps.radiotherapy.model.machines.water import depth_dose
from tianfu.kernel.refusal import Refusal

SAME_WITHIN = 1e-6
"""A part: how far the same sum may come out on another processor. [ours]"""

SET_UP_MOST: Final = {
    "field_mm": FIELD_MM_MOST,
    "reference_field_mm": FIELD_MM_MOST,
    "depth_mm": 500.0,
    "reference_depth_mm": 500.0,
    "surface_mm": 20_000.0,
}
"""Of a set-up in water; each is above nothing.  As wide as the machine's own figures may be. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Means:
    """How a kind is modelled: its unit, what the set-up must say, and the number for a machine in that set-up."""

    unit: str
    needed: tuple[str, ...]
    number: Callable[[Machine, Mapping[str, float]], float]


def refuse_unless_modelled_so(machine: Machine) -> None:
    """Do nothing for a machine whose modelled values are what is computed here, where that can be.

    So nobody signs a modelled value that somebody wrote into the file.  Raises Refusal, with what,
    `measurement-modelled-otherwise`, `measurement-modelled-unsaid` or `measurement-set-up-not-fit`.
    """
    for each in () if machine.commissioning is None else machine.commissioning.measurements:
        means = MEANS.get(each.kind)
        if means is None:
            _refuse_computed(each)
            continue
        refuse_unless_set_up(each.what, each.set_up, means.needed)
        number = means.number(machine, each.set_up)
        is_same = math.isclose(each.modelled, number, rel_tol=SAME_WITHIN)
        if each.modelled_by != "computed" or each.unit != means.unit or not is_same:
            details = {"what": each.what, "modelled": f"{each.modelled:g}", "computed": f"{number:g}"}
            raise Refusal("measurement-modelled-otherwise", details={**details, "unit": means.unit})


def _refuse_computed(measurement: Measurement) -> None:
    """Raise Refusal `measurement-modelled-unsaid` for a value that calls itself computed and could not be."""
    if measurement.modelled_by != "said":
        raise Refusal("measurement-modelled-unsaid", details={"what": measurement.what})


def refuse_unless_set_up(what: str, set_up: Mapping[str, float], needed: tuple[str, ...]) -> None:
    """Do nothing for a set-up that says what is needed and no more; raises Refusal `measurement-set-up-not-fit`."""
    if set(set_up) != set(needed) or not all(0 < set_up[name] <= SET_UP_MOST[name] for name in needed):
        raise Refusal("measurement-set-up-not-fit", details={"what": what, "needed": ", ".join(needed) or "–"})


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
