"""What goes wrong with the objects of a case, each fault with who must notice it."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from demo.dice import Dice
from demo.radiotherapy.faults import (
    beams,
    belonging,
    contours,
    doses,
    files,
    images,
    planning,
    records,
    structures,
)
from demo.radiotherapy.faults.fault import Fault, Layer, Spoiled
from demo.radiotherapy.objects import Objects

_MODULES = (files, images, structures, contours, belonging, beams, doses, records, planning)


def _of(module: ModuleType) -> tuple[Fault, ...]:
    return tuple(value for value in vars(module).values() if isinstance(value, Fault))


FAULTS: Mapping[str, Fault] = {fault.id: fault for module in _MODULES for fault in _of(module)}
"""All faults by their id."""

FAULTS_COUNT = sum(len(_of(module)) for module in _MODULES)
"""How many were written, so that two of one id are seen."""


def faults_of(layer: Layer) -> tuple[Fault, ...]:
    """Those that this layer must notice."""
    return tuple(fault for fault in FAULTS.values() if fault.layer is layer)


def apply(fault: Fault, objects: Objects, dice: Dice) -> Spoiled:
    """The case with the fault in it, and what was changed; the dice decide where and how much.

    Raises ValueError if the case has nothing that the fault could spoil.
    """
    return fault.spoil(objects, dice)
