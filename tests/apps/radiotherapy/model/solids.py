"""Bodies with a closed form, as a planning system would write them: rings on planes a step apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tianfu.apps.radiotherapy.model.shapes import Shape, shape_from
from tianfu.standards.dicom.grids import Floats, Grid

CORNERS = 360


def circle(radius: float, *, x: float = 0.0, y: float = 0.0, corners: int = CORNERS) -> Floats:
    """A ring whose area is that of the circle: its corners lie a little outside."""
    angles = np.arange(corners) * 2 * np.pi / corners
    outward = radius * np.sqrt(2 * np.pi / corners / np.sin(2 * np.pi / corners))
    return np.column_stack([x + outward * np.cos(angles), y + outward * np.sin(angles)])


def rectangle(width: float, height: float, *, x: float = 0.0, y: float = 0.0) -> Floats:
    """A ring around a middle."""
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (width / 2, height / 2)
    return np.asarray(half + np.array([x, y]))


def stack(rings_at: Callable[[float], list[Floats]], low: float, high: float, *, step: float = 3.0) -> Shape:
    """Rings on all planes of a step's multiples strictly between two heights."""
    planes = np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step
    return shape_from((z, ring) for z in planes.tolist() if low < z < high for ring in rings_at(z))


def sphere(radius: float, *, x: float = 0.0, y: float = 0.0, z: float = 0.0, step: float = 3.0) -> Shape:
    """A ball."""

    def rings(height: float) -> list[Floats]:
        return [circle(float(np.sqrt(radius**2 - (height - z) ** 2)), x=x, y=y)]

    return stack(rings, z - radius, z + radius, step=step)


def cylinder(radius: float, planes: int, *, step: float = 3.0) -> Shape:
    """Upright, from z = 0 on: as high as its planes stand for is planes * step."""
    return stack(lambda _: [circle(radius)], -0.1, (planes - 0.9) * step, step=step)


def box(width: float, depth: float, planes: int, *, step: float = 3.0) -> Shape:
    """Around the z axis, from z = 0 on."""
    return stack(lambda _: [rectangle(width, depth)], -0.1, (planes - 0.9) * step, step=step)


def grid(
    shape: tuple[int, int, int],
    *,
    spacing: tuple[float, float, float] = (1.0, 1.0, 3.0),
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    axes: Floats | None = None,
) -> Grid:
    """A grid along the patient's axes, if not otherwise said."""
    return Grid(
        origin=np.array(origin), axes=np.eye(3) if axes is None else axes, spacing=np.array(spacing), shape=shape
    )


def turned(about: Floats, angle: float) -> Floats:
    """A rotation by Rodrigues' formula, as rows of axes."""
    unit = about / np.linalg.norm(about)
    across = np.array([[0, -unit[2], unit[1]], [unit[2], 0, -unit[0]], [-unit[1], unit[0], 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * across + (1 - np.cos(angle)) * across @ across)
