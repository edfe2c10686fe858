"""Sound cases drawn by lot: bodies, places, grids, doses, fractions and angles differ from case to case.

None of them may be used for treating anybody.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from demo.dice import Dice
from demo.radiotherapy.made import Drawn, MadeCase
from demo.radiotherapy.objects import Making
from demo.radiotherapy.phantoms import (
    CORD,
    LEFT,
    NODES,
    PTV,
    RIGHT,
    Lattice,
    Leaning,
    LinearDose,
    Part,
    Phantom,
    Region,
    Triple,
    made_phantom,
)
from demo.radiotherapy.plans import Course
from demo.radiotherapy.solids import Body, BoxWithHole, Cone, Cylinder, Sphere, Torus
from demo.radiotherapy.sound import sound_case
from tianfu.standards.dicom.cases import Case

WIDE_MM, DEEP_MM, HIGH_MM = 215.0, 215.0, 112.0
"""The least size of an image: what is drawn lies within, and scatter has room."""

FRACTION_GY = (1.8, 2.0, 2.2, 2.5, 3.0)
FRACTIONS_GIVEN = 3


def drawn_case(dice: Dice) -> Case:
    """A sound case with three sessions; the same dice draw the same case."""
    making = Making(seed=dice.randrange(1, 60_000), fractions_given=FRACTIONS_GIVEN)
    fractions, dose_gy = dice.randrange(11, 36), dice.pick(FRACTION_GY)
    made = made_phantom(_phantom(dice, prescribed_gy=round(fractions * dose_gy, 2)))
    return sound_case(made, making, course=_course(dice, made, fractions))


def _course(dice: Dice, made: MadeCase, fractions: int) -> Course:
    count, start = dice.randrange(5, 10), dice.randrange(0, 40)
    angles = tuple(
        float((start + round(360 * number / count) + dice.randrange(-4, 5)) % 360) for number in range(count)
    )
    return Course(
        gy=made.prescribed_gy or 0.0,
        fractions=fractions,
        gantry_degrees=angles,
        collimator_degrees=float(dice.pick((0, 2, 5, 10, 355))),
    )


def _phantom(dice: Dice, *, prescribed_gy: float) -> Phantom:
    image = _image(dice)
    at_mm = _beside_the_middle(dice, image)
    body, reach_mm = _target(dice)
    drawn = replace(PTV, name=f"PTV_{round(prescribed_gy * 100)}")
    return Phantom(
        name="drawn",
        regions=(_region(drawn, body, at_mm), *_beside(dice, at_mm, reach_mm)),
        image=image,
        dose_lattice=Lattice(shape=(8, 8, 8), spacing_mm=(5.0, 5.0, 5.0)),
        dose=LinearDose(middle_gy=prescribed_gy, gy_per_mm=(0.0, 0.0, 0.0)),
        prescribed_gy=prescribed_gy,
        body=_body(dice, image),
    )


def _beside_the_middle(dice: Dice, image: Lattice) -> Triple:
    """A place for the target some millimetres beside the image's middle: nobody is his own mirror image."""
    x, y, z = (middle + dice.pick((-1, 1)) * dice.uniform(4, 8) for middle in image.offset_mm)
    return x, y, z


def _body(dice: Dice, image: Lattice) -> Leaning:
    slices, rows, columns = image.shape
    across, along, step = image.spacing_mm
    lean = (dice.pick((-1, 1)) * dice.uniform(0.08, 0.12), dice.pick((-1, 1)) * dice.uniform(0.05, 0.1))
    return Leaning(
        half_x_mm=0.40 * columns * across,
        half_y_mm=0.36 * rows * along,
        height_mm=step * slices,
        lean=lean,
        widens=dice.pick((-1, 1)) * dice.uniform(5e-4, 1e-3),
    )


def _region(drawn: Drawn, body: Body, at_mm: Triple) -> Region:
    return Region(drawn=drawn, parts=(Part(body=body, at_mm=at_mm),))


def _target(dice: Dice) -> tuple[Body, float]:
    """A body, and how far it reaches to each side."""
    size = dice.uniform(14, 24)
    match dice.randrange(4):
        case 0:
            return Sphere(radius_mm=size), size
        case 1:
            return Cone(radius_mm=size, height_mm=dice.uniform(35, 55)), size
        case 2:
            return Torus(radius_mm=20.0, tube_mm=dice.uniform(9, 12)), 32.0
        case _:
            hole = dice.uniform(6, 9)
            return BoxWithHole(
                width_mm=2 * size, depth_mm=1.8 * size, height_mm=dice.uniform(28, 45), hole_mm=hole
            ), size


def _beside(dice: Dice, at_mm: Triple, reach_mm: float) -> tuple[Region, ...]:
    x, y, z = at_mm
    radius = dice.uniform(9, 13)
    away = reach_mm + radius + dice.uniform(7, 11)
    organs = (
        _region(LEFT, Sphere(radius_mm=radius), (x + away, y - 4.0, z + dice.uniform(-3, 3))),
        _region(RIGHT, Sphere(radius_mm=dice.uniform(9, radius)), (x - away, y - 4.0, z + dice.uniform(-3, 3))),
    )
    cord = Cylinder(radius_mm=dice.uniform(4, 7), height_mm=dice.uniform(60, 90))
    lower = (_region(CORD, cord, (x, y + reach_mm + dice.uniform(12, 15), 0.0)),)
    if dice.happens(0.5):
        return (*organs, *lower)
    nodes = Sphere(radius_mm=dice.uniform(7, 9))
    return (*organs, *lower, _region(NODES, nodes, (x + dice.uniform(-9, 9), y - reach_mm - 16.0, z)))


def _image(dice: Dice) -> Lattice:
    across, along = dice.uniform(1.8, 2.9), dice.uniform(1.8, 2.9)
    step = dice.pick((2.0, 2.5, 3.0))
    shape = tuple(
        int(np.ceil(size * dice.uniform(1.0, 1.15) / spacing))
        for size, spacing in ((HIGH_MM, step), (DEEP_MM, along), (WIDE_MM, across))
    )
    offset = (dice.uniform(-3, 3), dice.uniform(-3, 3), dice.uniform(-2, 2))
    return Lattice(shape=(shape[0], shape[1], shape[2]), spacing_mm=(across, along, step), offset_mm=offset)
