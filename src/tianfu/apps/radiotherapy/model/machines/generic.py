"""A generic linac of 6 MV for demonstrations: `data/machines/generic-6mv.json`, which a physicist may edit.

Every figure there has its mark and its source; most are recalled.  It is nobody's machine and cleared for nothing.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.machines.calibration import calibrated
from tianfu.apps.radiotherapy.model.machines.collimators import Jaws, Leaves, Limits
from tianfu.apps.radiotherapy.model.machines.machines import Figure, Machine, Mark, Use
from tianfu.apps.radiotherapy.model.machines.reading import refuse_unless_machine

BEAM_FIGURE = Figure(
    element="beam", mark="found", source="kernels as they were given; whether any machine has them was not measured"
)
FACTOR_FIGURE = Figure(
    element="calibration.gy_per_mu",
    mark="inferred",
    source="computed from the kernels in water, so that the output is so",
)


class _Known(msgspec.Struct, forbid_unknown_fields=True):
    element: str
    value: Any
    mark: Mark
    source: str


class _Template(msgspec.Struct, forbid_unknown_fields=True):
    """A machine without its beam."""

    name: str
    version: int
    model: str
    purpose: Use
    notice: dict[str, str]
    figures: tuple[_Known, ...]

    def part(self, name: str) -> dict[str, Any]:
        """The values of all elements of a part by their names in it."""
        return {
            each.element.removeprefix(f"{name}."): each.value
            for each in self.figures
            if each.element.startswith(f"{name}.")
        }


def generic_linac(beam: PencilBeam) -> Machine:
    """The generic machine with this beam; only for demonstrations, since it is not commissioned.

    Raises Refusal, those of `refuse_unless_machine`, or `surface-beyond-kernels` if the kernels do not reach the set-up
    for which its output is known.
    """
    template = _template()
    machine = Machine(
        name=template.name,
        version=template.version,
        model=template.model,
        purpose=template.purpose,
        notice=template.notice,
        beam=beam,
        jaws=tuple(msgspec.convert(value, Jaws) for value in template.part("jaws").values()),
        leaves=msgspec.convert(template.part("leaves"), Leaves),
        limits=msgspec.convert(template.part("limits"), Limits),
        calibration=calibrated(beam, **template.part("calibration")),
        figures=(BEAM_FIGURE, *_figures(template), FACTOR_FIGURE),
        commissioning=None,
    )
    refuse_unless_machine(machine)
    return machine


@cache
def _template() -> _Template:
    file = files("tianfu.apps.radiotherapy").joinpath("data/machines/generic-6mv.json")
    return msgspec.json.decode(file.read_bytes(), type=_Template)


def _figures(template: _Template) -> tuple[Figure, ...]:
    return tuple(Figure(element=each.element, mark=each.mark, source=each.source) for each in template.figures)
