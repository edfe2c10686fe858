"""Bodies whose rings, volumes and insides have closed forms; each stands about its own middle, its axis along z."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tianfu.standards.dicom.grids import Floats

CIRCLE_POINTS = 256
"""Corners of a ring that stands for a circle: the area of the 256-gon is 0.01 % smaller, its sagitta 75e-6 radii."""


class Body(Protocol):
    """What a phantom is made of; lengths in millimetres."""

    @property
    def half_height_mm(self) -> float:
        """How far it reaches up and down from its middle."""

    @property
    def volume_mm3(self) -> float:
        """Its volume, in closed form."""

    def rings(self, z_mm: float) -> tuple[Floats, ...]:
        """The rings (n, 2) of its section at a height within it; inside is inside an odd number of them."""

    def holds(self, x: Floats, y: Floats, z_mm: float) -> NDArray[np.bool_]:
        """Which points at a height lie in it."""


def circle(radius_mm: float, *, x: float = 0.0, y: float = 0.0) -> Floats:
    """A ring of points on a circle."""
    return np.asarray(ellipse(radius_mm, radius_mm) + np.array([x, y]))


def ellipse(half_x_mm: float, half_y_mm: float) -> Floats:
    """A ring of points on an ellipse about the middle."""
    turn = np.linspace(0, 2 * pi, CIRCLE_POINTS, endpoint=False)
    return np.column_stack([half_x_mm * np.cos(turn), half_y_mm * np.sin(turn)])


def rectangle(half_x_mm: float, half_y_mm: float) -> Floats:
    """A ring of four corners about the middle."""
    return np.asarray(np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * np.array([half_x_mm, half_y_mm]))


@dataclass(frozen=True, kw_only=True)
class Sphere:
    """Volume 4/3 pi r^3."""

    radius_mm: float

    @property
    def half_height_mm(self) -> float:
        """The radius."""
        return self.radius_mm

    @property
    def volume_mm3(self) -> float:
        """Of the ball."""
        return 4 / 3 * pi * self.radius_mm**3

    def rings(self, z_mm: float) -> tuple[Floats, ...]:
        """One circle."""
        return (circle(sqrt(self.radius_mm**2 - z_mm**2)),)

    def holds(self, x: Floats, y: Floats, z_mm: float) -> NDArray[np.bool_]:
        """By the distance from the middle."""
        return np.asarray(x**2 + y**2 <= self.radius_mm**2 - z_mm**2)


@dataclass(frozen=True, kw_only=True)
class Cone:
    """Its base below, its apex above, the middle half way; volume pi r^2 h / 3."""

    radius_mm: float
    height_mm: float

    @property
    def half_height_mm(self) -> float:
        """Half of the height."""
        return self.height_mm / 2

    @property
    def volume_mm3(self) -> float:
        """Of the cone."""
        return pi * self.radius_mm**2 * self.height_mm / 3

    def radius_at_mm(self, z_mm: float) -> float:
        """The radius of the section, which falls to nothing at the apex."""
        return max(0.0, self.radius_mm * (0.5 - z_mm / self.height_mm))

    def rings(self, z_mm: float) -> tuple[Floats, ...]:
        """One circle."""
        return (circle(self.radius_at_mm(z_mm)),)

    def holds(self, x: Floats, y: Floats, z_mm: float) -> NDArray[np.bool_]:
        """By the distance from the axis."""
        return np.asarray(x**2 + y**2 <= self.radius_at_mm(z_mm) ** 2)


@dataclass(frozen=True, kw_only=True)
class Cylinder:
    """Volume pi r^2 h."""

    radius_mm: float
    height_mm: float

    @property
    def half_height_mm(self) -> float:
        """Half of the height."""
        return self.height_mm / 2

    @property
    def volume_mm3(self) -> float:
        """Of the cylinder."""
        return pi * self.radius_mm**2 * self.height_mm

    def rings(self, z_mm: float) -> tuple[Floats, ...]:
        """One circle."""
        return (circle(self.radius_mm),)

    def holds(self, x: Floats, y: Floats, z_mm: float) -> NDArray[np.bool_]:
        """By the distance from the axis."""
        return np.asarray(x**2 + y**2 <= self.radius_mm**2)


@dataclass(frozen=True, kw_only=True)
class BoxWithHole:
    """A box with a round hole along its axis; volume (a b - pi r^2) h."""

    width_mm: float
    depth_mm: float
    height_mm: float
    hole_mm: float

    @property
    def half_height_mm(self) -> float:
        """Half of the height."""
        return self.height_mm / 2

    @property
    def volume_mm3(self) -> float:
        """Of the box without its hole, whose radius is `hole_mm`."""
        return (self.width_mm * self.depth_mm - pi * self.hole_mm**2) * self.height_mm

    def rings(self, z_mm: float) -> tuple[Floats, ...]:
        """A rectangle and the circle in it."""
        return rectangle(self.width_mm / 2, self.depth_mm / 2), circle(self.hole_mm)

    def holds(self, x: Floats, y: Floats, z_mm: float) -> NDArray[np.bool_]:
        """Within the box and outside the hole."""
        within = (abs(x) <= self.width_mm / 2) & (abs(y) <= self.depth_mm / 2)
        return np.asarray(within & (x**2 + y**2 >= self.hole_mm**2))


@dataclass(frozen=True, kw_only=True)
class Torus:
    """A ring with a hole in every section; volume 2 pi^2 R r^2."""

    radius_mm: float
    tube_mm: float

    @property
    def half_height_mm(self) -> float:
        """The tube's radius."""
        return self.tube_mm

    @property
    def volume_mm3(self) -> float:
        """By Pappus: the tube's area times the way of its middle."""
        return 2 * pi**2 * self.radius_mm * self.tube_mm**2

    def rings(self, z_mm: float) -> tuple[Floats, ...]:
        """Two circles in each other."""
        half = sqrt(self.tube_mm**2 - z_mm**2)
        return circle(self.radius_mm + half), circle(self.radius_mm - half)

    def holds(self, x: Floats, y: Floats, z_mm: float) -> NDArray[np.bool_]:
        """By the distance from the tube's middle."""
        return np.asarray((np.hypot(x, y) - self.radius_mm) ** 2 + z_mm**2 <= self.tube_mm**2)
