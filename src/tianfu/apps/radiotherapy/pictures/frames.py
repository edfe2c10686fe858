"""Where a picture of a plane lies in the patient: every picture, contour and line is placed by this one mapping.

A picture is upright as a physician looks at it: axial planes from the feet, the patient's front above and his right on
the left; sagittal planes with his front on the left; coronal planes from the front, his right on the left.
Places in a picture are those of SVG: the first pixel covers 0 to 1, its centre is at 0.5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Grid

PARALLEL_WITHIN = 5e-4
"""The sine up to which a grid lies along the patient's axes: a quarter of a millimetre over half a metre. [ours]"""

SIDE_PX_MAX = 2048
"""More pixels than a picture of this kind is ever shown with. [ours]"""

ON_EDGE = 1e-6


class PlaneKind(StrEnum):
    """The three planes; `rt.picture-plane-` and this is the key of its word."""

    AXIAL = "axial"
    SAGITTAL = "sagittal"
    CORONAL = "coronal"


class Side(StrEnum):
    """A side of the patient; `rt.picture-side-` and this is the key of its word."""

    RIGHT = "right"
    LEFT = "left"
    FRONT = "front"
    BACK = "back"
    HEAD = "head"
    FEET = "feet"


@dataclass(frozen=True, kw_only=True)
class Upright:
    """How a plane is looked at: the patient's axes (0 x, 1 y, 2 z) and which way they grow in the picture."""

    normal: int
    right: int
    down: int
    down_sign: int
    sides: tuple[Side, Side, Side, Side]
    """Left, right, above, below."""


UPRIGHT: Final[Mapping[PlaneKind, Upright]] = {
    PlaneKind.AXIAL: Upright(
        normal=2, right=0, down=1, down_sign=1, sides=(Side.RIGHT, Side.LEFT, Side.FRONT, Side.BACK)
    ),
    PlaneKind.SAGITTAL: Upright(
        normal=0, right=1, down=2, down_sign=-1, sides=(Side.FRONT, Side.BACK, Side.HEAD, Side.FEET)
    ),
    PlaneKind.CORONAL: Upright(
        normal=1, right=0, down=2, down_sign=-1, sides=(Side.RIGHT, Side.LEFT, Side.HEAD, Side.FEET)
    ),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class PlaneFrame:
    """A picture's place: `corner` is the patient's point (LPS, mm) at the upper left corner of its first pixel.

    `position_mm` is where the plane cuts the patient's axis along its normal: z for axial, x for sagittal, y for
    coronal planes.  Pixels are square.
    """

    kind: PlaneKind
    position_mm: float
    width_px: int
    height_px: int
    mm_per_px: float
    corner: Floats

    @property
    def right(self) -> Floats:
        """The patient's direction (unit vector) towards the picture's right."""
        return np.asarray(np.eye(3)[UPRIGHT[self.kind].right])

    @property
    def down(self) -> Floats:
        """The patient's direction (unit vector) towards the picture's lower edge."""
        upright = UPRIGHT[self.kind]
        return np.asarray(np.eye(3)[upright.down] * upright.down_sign)

    @property
    def normal(self) -> Floats:
        """The patient's axis along which the plane's position is counted."""
        return np.asarray(np.eye(3)[UPRIGHT[self.kind].normal])

    def pixels(self, points: Floats) -> Floats:
        """Points of the patient (..., 3) as places in the picture (..., 2), wherever along the normal they are."""
        return np.asarray((points - self.corner) @ np.stack([self.right, self.down], axis=1) / self.mm_per_px)

    def patient(self, pixels: Floats) -> Floats:
        """Places in the picture (..., 2) as points of the patient (..., 3) in the plane."""
        return np.asarray(self.corner + pixels @ np.stack([self.right, self.down]) * self.mm_per_px)

    def lattice(self) -> Grid:
        """The centres of the picture's pixels as a grid of one slice."""
        axes = np.stack([self.right, self.down, np.cross(self.right, self.down)])
        return Grid(
            origin=self.patient(np.array([0.5, 0.5])),
            axes=axes,
            spacing=np.array([self.mm_per_px, self.mm_per_px, 1.0]),
            shape=(1, self.height_px, self.width_px),
        )


@dataclass(frozen=True, kw_only=True)
class Along:
    """Which of a grid's axes (0 column, 1 row, 2 slice) lies along each of the patient's, and which way it grows."""

    axes: tuple[int, int, int]
    signs: tuple[int, int, int]


def along_patient(grid: Grid) -> Along:
    """How a grid lies along the patient's axes; raises Refusal `picture-plane-oblique` if it does not."""
    axes = np.abs(grid.axes).argmax(axis=0)
    signs = np.sign(grid.axes[axes, range(3)]).astype(int)
    straight = np.zeros((3, 3))
    straight[axes, range(3)] = signs
    if len(set(axes.tolist())) < 3 or np.abs(grid.axes - straight).max() > PARALLEL_WITHIN:
        raise Refusal("picture-plane-oblique")
    first, second, third = axes.tolist()
    return Along(axes=(first, second, third), signs=(int(signs[0]), int(signs[1]), int(signs[2])))


def plane_frame(grid: Grid, kind: PlaneKind, position_mm: float, *, mm_per_px: float | None = None) -> PlaneFrame:
    """The frame of the plane of voxels nearest to a position, around all of the grid.

    The frame's position is that of the plane of voxels, since that is what is shown.  Without `mm_per_px` a pixel is
    as large as the finer of the two spacings, larger only where `SIDE_PX_MAX` asks for it.
    Raises Refusal `picture-plane-oblique`, `picture-plane-outside` and `picture-too-large`.
    """
    along, upright = along_patient(grid), UPRIGHT[kind]
    lows, highs = _edges(grid)
    position_mm = _on_voxels(grid, along, upright.normal, position_mm)
    size_mm = np.array([(highs - lows)[axis] for axis in (upright.right, upright.down)])
    if mm_per_px is None:
        finest = min(float(grid.spacing[along.axes[axis]]) for axis in (upright.right, upright.down))
        mm_per_px = max(finest, float(size_mm.max()) / SIDE_PX_MAX)
    width_px, height_px = _size_px(size_mm, mm_per_px)
    corner = lows.copy()
    corner[upright.normal] = position_mm
    if upright.down_sign < 0:
        corner[upright.down] = highs[upright.down]
    return PlaneFrame(
        kind=kind,
        position_mm=position_mm,
        width_px=width_px,
        height_px=height_px,
        mm_per_px=mm_per_px,
        corner=corner,
    )


def frame_around(frame: PlaneFrame, points: Floats, *, margin_mm: float) -> PlaneFrame:
    """The part of a frame, in whole pixels of the same places, around points of the patient (n, 3).

    It is the whole frame if there are no points, or none within it.
    """
    if not len(points):
        return frame
    places, margin = frame.pixels(points), margin_mm / frame.mm_per_px
    size = np.array([frame.width_px, frame.height_px])
    low = np.clip(np.floor(places.min(axis=0) - margin), 0, size).astype(int)
    high = np.clip(np.ceil(places.max(axis=0) + margin), 0, size).astype(int)
    width, height = (high - low).tolist()
    if width < 1 or height < 1:
        return frame
    return replace(frame, width_px=width, height_px=height, corner=frame.patient(low.astype(np.float64)))


def positions_mm(grid: Grid, kind: PlaneKind) -> Floats:
    """The positions of a grid's planes of voxels along a plane's normal, growing; raises `picture-plane-oblique`."""
    along, normal = along_patient(grid), UPRIGHT[kind].normal
    axis, sign = along.axes[normal], along.signs[normal]
    steps = np.arange(grid.shape[2 - axis]) * float(grid.spacing[axis]) * sign
    return np.asarray(np.sort(grid.origin[normal] + steps))


def _edges(grid: Grid) -> tuple[Floats, Floats]:
    """The lowest and highest places of the patient that the outermost voxels reach."""
    ends = np.array([[-0.5, -0.5, -0.5], np.array(grid.shape[::-1]) - 0.5])
    corners = grid.points(
        np.array([[ends[i, 0], ends[j, 1], ends[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    )
    return corners.min(axis=0), corners.max(axis=0)


def _on_voxels(grid: Grid, along: Along, normal: int, position_mm: float) -> float:
    axis, sign = along.axes[normal], along.signs[normal]
    spacing, count = float(grid.spacing[axis]), grid.shape[2 - axis]
    first_mm = float(grid.origin[normal])
    number = (position_mm - first_mm) * sign / spacing
    if not -0.5 - ON_EDGE <= number <= count - 0.5 + ON_EDGE:
        ends = sorted((first_mm, first_mm + sign * spacing * (count - 1)))
        details = {"position": f"{position_mm:.1f}", "from": f"{ends[0]:.1f}", "to": f"{ends[1]:.1f}"}
        raise Refusal("picture-plane-outside", details=details)
    return first_mm + sign * spacing * min(max(math.floor(number + 0.5), 0), count - 1)


def _size_px(size_mm: Floats, mm_per_px: float) -> tuple[int, int]:
    if not (math.isfinite(mm_per_px) and mm_per_px > 0 and size_mm.max() / mm_per_px <= SIDE_PX_MAX * (1 + ON_EDGE)):
        raise Refusal("picture-too-large", details={"mm": f"{mm_per_px:g}", "most": str(SIDE_PX_MAX)})
    width, height = np.maximum(1, np.ceil(size_mm / mm_per_px - 1e-3)).astype(int).tolist()
    return width, height
