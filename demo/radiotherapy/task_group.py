"""Phantoms like three of AAPM's Task Group 119, by equations on an image's grid: multi-target, prostate, head and neck.

Ezzell et al., Med Phys 36(11) 2009, 5359, doi 10.1118/1.3238104.  The report's images were not at hand: sizes and
places are recalled from its descriptions [memory], what those leave open is chosen [ours].  A plan on them says how a
planner does on targets and organs of this kind, not what it would reach on the report's own phantoms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from demo.radiotherapy.made import AIR_HU, Drawn, MadeCase, structure_of_mask
from tianfu.standards.dicom.grids import Floats, Grid, Volume

Bools = NDArray[np.bool_]
Triple = tuple[float, float, float]

SPACING_MM = (3.0, 3.0, 2.5)
"""Of the images of the Task Group's C-shape as matRad's data have them: no boundary of a target lies on a slice."""

GRAIN_HU = 6
SKIN_MM, CORD_GAP_MM = 6.0, 15.0
PROSTATE_MARGIN_MM = 6.0
ORGAN_GAP_MM = 3.0

COLOURS = {"EXTERNAL": (90, 160, 90), "PTV": (200, 40, 40), "ORGAN": (60, 110, 220)}


@dataclass(frozen=True, kw_only=True)
class TaskGroupPhantom:
    """What is drawn: the body first, then structures by the names of the shipped protocol `name`.

    `half_mm` is the image about the origin.  Its height is chosen so that a dose grid of the template's spacing, which
    begins at the body's end, has voxels' middles in the planes where targets end [ours].
    """

    name: str
    prescribed_gy: float
    half_mm: Triple
    structures: Callable[[Grid], Mapping[str, Bools]]

    def grid(self) -> Grid:
        """About the origin, an even count of slices, so that half of them lie on either side of it."""
        counts = 2 * np.ceil(np.array(self.half_mm) / SPACING_MM).astype(int)
        columns, rows, slices = (int(count) for count in counts)
        spacing = np.array(SPACING_MM)
        return Grid(origin=-spacing * (counts - 1) / 2, axes=np.eye(3), spacing=spacing, shape=(slices, rows, columns))

    def made(self) -> MadeCase:
        """Water with some grain and the structures' contours; no dose."""
        grid = self.grid()
        masks = self.structures(grid)
        grain = np.random.default_rng(len(self.name)).integers(-GRAIN_HU, GRAIN_HU + 1, grid.shape)
        return MadeCase(
            name=self.name,
            ct=Volume(grid=grid, values=np.where(masks["BODY"], grain, AIR_HU).astype(np.int16)),
            structures=tuple(
                structure_of_mask(number, _drawn(name), mask, grid)
                for number, (name, mask) in enumerate(masks.items(), start=1)
            ),
            dose=None,
            prescribed_gy=self.prescribed_gy,
        )


def multi_target(grid: Grid) -> Mapping[str, Bools]:
    """Three cylinders on one axis that touch, each 40 mm wide and long [memory]."""
    x, y, z = _places(grid)
    within = x**2 + y**2 <= 20.0**2
    return {
        "BODY": _oval(x, y, z, half_mm=(150.0, 100.0, np.inf)),
        "PTV_Center": within & (np.abs(z) <= 20),
        "PTV_Superior": within & (z > 20) & (z <= 60),
        "PTV_Inferior": within & (z < -20) & (z >= -60),
    }


def prostate(grid: Grid) -> Mapping[str, Bools]:
    """A prostate of 40 x 26 x 65 mm with a margin of 6 mm, hollow behind where the rectum is [memory].

    The rectum is a cylinder of 15 mm that touches the prostate, a third of it within the target where that is widest
    [memory]; the bladder, 50 x 40 x 50 mm [memory], lies on top and in front of it [ours].
    """
    x, y, z = _places(grid)
    gut = np.hypot(x, y - 19.5) <= 7.5
    gland = _oval(x, y, z, half_mm=(20.0, 13.0, 32.5)) & ~gut
    target = _grown(gland, grid, PROSTATE_MARGIN_MM)
    bladder = _oval(x, y + 8, z - 46, half_mm=(25.0, 20.0, 25.0)) & ~gland
    return {
        "BODY": _oval(x, y, z, half_mm=(150.0, 100.0, np.inf)),
        "PTV": target,
        "Rectum": gut & (np.abs(z) <= 48),
        "Bladder": bladder,
    }


def head_and_neck(grid: Grid) -> Mapping[str, Bools]:
    """All of a neck in front of its cord and nodes at both sides of it, 6 mm under the skin, 15 mm from the cord
    [memory]; parotids half above the target's upper end, half beside it [memory], with a gap of 3 mm [ours].
    """
    x, y, z = _places(grid)
    behind_mm = 34.0
    cord = np.broadcast_to(np.hypot(x, y - behind_mm) <= 5.0, grid.shape)
    left, right = (_oval(x - at, y - 4, z - 40, half_mm=(9.0, 17.0, 22.0)) for at in (42.0, -42.0))
    under_skin = _oval(x, y, z, half_mm=(58.0 - SKIN_MM, 64.0 - SKIN_MM, np.inf))
    near_cord = np.hypot(x, y - behind_mm) <= 5.0 + CORD_GAP_MM
    whole = under_skin & (y <= behind_mm + 5) & ~near_cord & (np.abs(z) <= 40)
    return {
        "BODY": _oval(x, y, z, half_mm=(58.0, 64.0, np.inf)),
        "PTV": whole & ~_grown(left | right, grid, ORGAN_GAP_MM),
        "SpinalCord": cord & (np.abs(z) <= 70),
        "Parotid_L": left,
        "Parotid_R": right,
    }


TASK_GROUP_PHANTOMS = (
    TaskGroupPhantom(
        name="tg119-multi-target", prescribed_gy=50.0, half_mm=(156.0, 105.0, 95.0), structures=multi_target
    ),
    TaskGroupPhantom(name="tg119-prostate", prescribed_gy=75.6, half_mm=(156.0, 105.0, 100.0), structures=prostate),
    TaskGroupPhantom(
        name="tg119-head-and-neck", prescribed_gy=50.0, half_mm=(66.0, 72.0, 90.0), structures=head_and_neck
    ),
)


def _places(grid: Grid) -> tuple[Floats, Floats, Floats]:
    """The patient's x, y and z along an upright grid's axes, to be broadcast."""
    slices, rows, columns = np.indices(grid.shape, sparse=True)
    x, y, z = (grid.origin[axis] + along * grid.spacing[axis] for axis, along in enumerate((columns, rows, slices)))
    return x, y, z


def _oval(x: Floats, y: Floats, z: Floats, *, half_mm: Triple) -> Bools:
    """An ellipsoid; an endless elliptic cylinder if its half height is infinite."""
    return np.asarray((x / half_mm[0]) ** 2 + (y / half_mm[1]) ** 2 + (z / half_mm[2]) ** 2 <= 1)


def _grown(inside: Bools, grid: Grid, by_mm: float) -> Bools:
    return np.asarray(ndimage.distance_transform_edt(~inside, sampling=grid.spacing[::-1]) <= by_mm)


def _drawn(name: str) -> Drawn:
    kind = "EXTERNAL" if name == "BODY" else "PTV" if name.startswith("PTV") else "ORGAN"
    return Drawn(name=name, kind=kind, colour=COLOURS[kind])
