"""Shapes and doses whose histograms have closed forms."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from tianfu.apps.radiotherapy.model.shapes import Shape, shape_from
from tianfu.standards.dicom.grids import Floats, Grid, Volume

FRAME = Grid(origin=np.zeros(3), axes=np.eye(3), spacing=np.ones(3), shape=(1, 1, 1))


def circle(radius: float, *, x: float = 0.0, y: float = 0.0, points: int = 360) -> Floats:
    turn = np.arange(points) * 2 * np.pi / points
    return np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], axis=1)


def sphere(radius: float, *, step: float, first: float = 0.4) -> Shape:
    """Planes from `first` steps above the lower pole."""
    heights = np.arange(-radius + first * step, radius, step)
    return shape_from([(float(z), circle(float(np.sqrt(radius**2 - z**2)))) for z in heights])


def cylinder(radius: float, height: float, *, step: float) -> Shape:
    """From z = 0; planes in the middles of its slices."""
    return shape_from([(float(z), circle(radius)) for z in np.arange(step / 2, height, step)])


def cone(radius: float, height: float, *, step: float) -> Shape:
    """Its base at z = 0, its apex at the height."""
    heights = np.arange(step / 2, height - 1e-6, step)
    return shape_from([(float(z), circle(radius * (1 - float(z) / height))) for z in heights])


def box_ring(width: float, depth: float) -> Floats:
    return np.array([[-width, -depth], [width, -depth], [width, depth], [-width, depth]]) / 2


def grid_about(reach: float, spacing: float, *, offset: Iterable[float] = (0.37, 0.61, 0.83)) -> Grid:
    count = int(np.ceil(2 * reach / spacing)) + 3
    origin = -reach - spacing * np.array(list(offset))
    return Grid(origin=origin, axes=np.eye(3), spacing=np.full(3, spacing), shape=(count, count, count))


def dose_on(grid: Grid, rule: Callable[[Floats], Floats]) -> Volume[np.float64]:
    slices, rows, columns = np.indices(grid.shape)
    points = grid.points(np.stack([columns, rows, slices], axis=-1).astype(np.float64))
    return Volume(grid=grid, values=np.ascontiguousarray(rule(points)))


def linear(direction: Floats, *, gy_mm: float = 0.2, at_origin_gy: float = 40.0) -> Callable[[Floats], Floats]:
    unit = direction / np.linalg.norm(direction)
    return lambda points: np.asarray(at_origin_gy + gy_mm * (points @ unit))


def turned(angles: tuple[float, float, float]) -> Floats:
    """Rows are the axes of a frame, turned about x, y and z."""
    axes = np.eye(3)
    for axis, angle in enumerate(angles):
        c, s = np.cos(angle), np.sin(angle)
        one, other = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[one, one] = turn[other, other] = c
        turn[one, other], turn[other, one] = -s, s
        axes = axes @ turn
    return axes
