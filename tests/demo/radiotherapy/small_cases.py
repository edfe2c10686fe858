"""The cases that tests of the generator share: small phantoms, and published cases that lie beside the checkout."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from demo.radiotherapy.faults.noticing import Limits
from demo.radiotherapy.made import MadeCase, turned
from demo.radiotherapy.objects import Making, Objects, objects_of
from demo.radiotherapy.phantoms import PHANTOMS, made_phantom, parts_phantom, ring_phantom, sphere_phantom
from demo.radiotherapy.published import TG119_FILE, openkbp, tg119
from numpy.typing import NDArray

PUBLISHED = Path(os.environ.get("TIANFU_SHARED", Path(__file__).parents[4] / "shared")) / "data" / "radiotherapy"

LIMITS = Limits(bytes_max=50_000_000, voxels_max=20_000_000)
MAKING = Making(seed=11, fractions_given=1)

COARSE = {
    "coarse sphere": lambda: sphere_phantom(step_mm=4.5, offset_mm=(0.4, -0.9, 1.3)),
    "coarse ring": lambda: ring_phantom(step_mm=3.0),
    "coarse parts": lambda: parts_phantom(step_mm=4.5),
}
"""On few slices, so that many faults can be drawn."""

PATIENTS = ("pt_11", "pt_43", "pt_173")
PUBLISHED_CASES = ("TG-119", *PATIENTS)


@cache
def case_of(name: str) -> MadeCase:
    """A case by its name; skips the test if it is a published one that is not there."""
    if name in COARSE or name in PHANTOMS:
        return made_phantom({**PHANTOMS, **COARSE}[name]())
    there = PUBLISHED / TG119_FILE if name == "TG-119" else PUBLISHED / "openkbp" / name
    if not there.exists():
        pytest.skip(f"{name} does not lie beside the checkout")
    return tg119(PUBLISHED) if name == "TG-119" else openkbp(there)


@cache
def objects_named(name: str) -> Objects:
    """The case's files."""
    return objects_of(case_of(name), MAKING)


def rotation(x_degrees: float, y_degrees: float, z_degrees: float) -> NDArray[np.float64]:
    """A turn about x, then y, then z."""
    turns = []
    for axis, degrees in enumerate((x_degrees, y_degrees, z_degrees)):
        one, other = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[one, one] = turn[other, other] = np.cos(np.radians(degrees))
        turn[other, one] = np.sin(np.radians(degrees))
        turn[one, other] = -turn[other, one]
        turns.append(turn)
    return np.asarray(turns[2] @ turns[1] @ turns[0])


ROTATIONS = {
    "oblique": rotation(12.0, -7.0, 31.0),
    "prone": rotation(0.0, 0.0, 180.0),
    "sagittal": rotation(90.0, 0.0, 90.0),
    "feet first": rotation(0.0, 180.0, 0.0),
}


def turned_case(name: str, orientation: str) -> MadeCase:
    """The case, turned about a point beside its middle."""
    return turned(case_of(name), ROTATIONS[orientation], about=np.array([10.0, -20.0, 5.0]))
