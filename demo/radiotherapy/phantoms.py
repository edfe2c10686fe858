"""Cases from closed forms: bodies in water, drawn ring by ring on every slice, under a dose that is a formula.

Nothing in them was traced from voxels, so what is computed from them can be held against the formula itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from demo.radiotherapy.made import AIR_HU, Drawn, MadeCase
from demo.radiotherapy.solids import Body, BoxWithHole, Cone, Cylinder, Sphere, Torus, ellipse
from tianfu.standards.dicom.grids import Floats, Grid, Volume
from tianfu.standards.dicom.structures import Ring, Structure

Triple = tuple[float, float, float]

TARGET_HU, ORGAN_HU = 40, 25
NOISE_HU = 6
"""Water is drawn with some grain, so that no two slices are alike and a swapped one can be seen."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A body whose middle lies so many millimetres from the phantom's."""

    body: Body
    at_mm: Triple = (0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Region:
    """A structure of one or several parts that do not touch."""

    drawn: Drawn
    parts: tuple[Part, ...]

    @property
    def volume_ml(self) -> float:
        """In closed form."""
        return sum(part.body.volume_mm3 for part in self.parts) / 1000


@dataclass(frozen=True, kw_only=True)
class Lattice:
    """An image's or a dose's grid about the phantom's middle, which lies `offset_mm` beside the grid's."""

    shape: tuple[int, int, int]
    spacing_mm: Triple
    offset_mm: Triple = (0.0, 0.0, 0.0)

    def grid(self, axes: Floats | None = None) -> Grid:
        """The grid, along the patient's axes if no others are given."""
        rows = np.eye(3) if axes is None else axes
        spacing = np.array(self.spacing_mm)
        middle = spacing * (np.array(self.shape[::-1]) - 1) / 2
        return Grid(origin=np.array(self.offset_mm) - middle @ rows, axes=rows, spacing=spacing, shape=self.shape)


@dataclass(frozen=True, kw_only=True)
class LinearDose:
    """A gradient in one direction: `middle_gy` in the middle of the phantom."""

    middle_gy: float
    gy_per_mm: Triple

    def gy(self, points: Floats) -> Floats:
        """The dose at points (..., 3); raises ValueError where it would be negative."""
        dose = self.middle_gy + points @ np.array(self.gy_per_mm)
        if dose.min() < 0:
            raise ValueError("the gradient is too steep for this grid")
        return np.asarray(dose)


@dataclass(frozen=True, kw_only=True)
class RadialDose:
    """`peak_gy` exp(-r^2 / 2 s^2) about the middle of the phantom."""

    peak_gy: float
    spread_mm: float

    def gy(self, points: Floats) -> Floats:
        """The dose at points (..., 3)."""
        return np.asarray(self.peak_gy * np.exp(-(points**2).sum(axis=-1) / (2 * self.spread_mm**2)))


@dataclass(frozen=True, kw_only=True)
class Phantom:
    """A recipe; `dose_axes` are those of the dose's grid, where it does not lie along the image's.

    The patient is `body`, about the image's middle; if none is given, an ellipse that fills most of the field.
    """

    name: str
    regions: tuple[Region, ...]
    image: Lattice
    dose_lattice: Lattice
    dose: LinearDose | RadialDose
    dose_axes: Floats | None = None
    prescribed_gy: float = 50.0
    body: Body | None = None


def made_phantom(phantom: Phantom) -> MadeCase:
    """The case, its middle at the patient's origin, its body of water on every slice."""
    grid, regions = phantom.image.grid(), (_body_of(phantom), *phantom.regions)
    structures = tuple(_structure(number, region, grid) for number, region in enumerate(regions, start=1))
    return MadeCase(
        name=phantom.name,
        ct=Volume(grid=grid, values=_hounsfield(phantom, grid)),
        structures=structures,
        dose=closed_dose(phantom.dose, phantom.dose_lattice.grid(phantom.dose_axes)),
        prescribed_gy=phantom.prescribed_gy,
    )


def closed_dose(dose: LinearDose | RadialDose, grid: Grid) -> Volume[np.float32]:
    """A formula at the centres of a grid's voxels, plane by plane."""
    slices, rows, columns = grid.shape
    row, column = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    values = np.empty(grid.shape, np.float32)
    for number in range(slices):
        indices = np.stack([column, row, np.full_like(row, number)], axis=-1).astype(np.float64)
        values[number] = dose.gy(grid.points(indices))
    return Volume(grid=grid, values=values)


BODY = Drawn(name="BODY", kind="EXTERNAL", colour=(90, 160, 90))
PTV = Drawn(name="PTV_5000", kind="PTV", colour=(200, 40, 40))
LEFT = Drawn(name="Parotid_L", kind="ORGAN", colour=(60, 110, 220))
RIGHT = Drawn(name="Parotid_R", kind="ORGAN", colour=(40, 150, 160))
CORD = Drawn(name="SpinalCord", kind="ORGAN", colour=(240, 190, 40))
NODES = Drawn(name="CTVn_5000", kind="CTV", colour=(230, 130, 60))


@dataclass(frozen=True, kw_only=True)
class Elliptic:
    """The body of water: as high as the image, an ellipse of these half axes."""

    half_x_mm: float
    half_y_mm: float
    height_mm: float

    @property
    def half_height_mm(self) -> float:
        """A quarter of a slice beyond the last plane's middle."""
        return self.height_mm / 2

    @property
    def volume_mm3(self) -> float:
        """Of the elliptic cylinder."""
        return float(np.pi * self.half_x_mm * self.half_y_mm * self.height_mm)

    def rings(self, z_mm: float) -> tuple[Floats, ...]:
        """One ellipse."""
        return (ellipse(self.half_x_mm, self.half_y_mm),)

    def holds(self, x: Floats, y: Floats, z_mm: float) -> NDArray[np.bool_]:
        """By the ellipse's equation."""
        return np.asarray((x / self.half_x_mm) ** 2 + (y / self.half_y_mm) ** 2 <= 1)


def _body_of(phantom: Phantom) -> Region:
    """The recipe's body, or an ellipse that fills most of the field, about the image's middle."""
    image = phantom.image
    if phantom.body is not None:
        return Region(drawn=BODY, parts=(Part(body=phantom.body, at_mm=image.offset_mm),))
    slices, rows, columns = image.shape
    across, along, step = image.spacing_mm
    body = Elliptic(half_x_mm=0.45 * columns * across, half_y_mm=0.38 * rows * along, height_mm=step * slices)
    return Region(drawn=BODY, parts=(Part(body=body, at_mm=image.offset_mm),))


@dataclass(frozen=True, kw_only=True)
class Leaning:
    """A body of water that leans and widens from foot to head, as patients do: no two of its slices are alike.

    An ellipse whose middle moves by `lean` millimetres for each one along the axis, and whose half axes grow by
    `widens` of themselves for each millimetre.
    """

    half_x_mm: float
    half_y_mm: float
    height_mm: float
    lean: tuple[float, float]
    widens: float

    @property
    def half_height_mm(self) -> float:
        """Beyond the last plane's middle."""
        return self.height_mm / 2

    @property
    def volume_mm3(self) -> float:
        """The integral of the ellipses: a square of a line has a third of its end's square more."""
        ends = (self.widens * self.half_height_mm) ** 2
        return float(np.pi * self.half_x_mm * self.half_y_mm * self.height_mm * (1 + ends / 3))

    def rings(self, z_mm: float) -> tuple[Floats, ...]:
        """One ellipse."""
        grown = 1 + self.widens * z_mm
        middle = np.array(self.lean) * z_mm
        return (ellipse(self.half_x_mm * grown, self.half_y_mm * grown) + middle,)

    def holds(self, x: Floats, y: Floats, z_mm: float) -> NDArray[np.bool_]:
        """By the ellipse's equation."""
        grown = 1 + self.widens * z_mm
        from_x, from_y = x - self.lean[0] * z_mm, y - self.lean[1] * z_mm
        return np.asarray((from_x / (self.half_x_mm * grown)) ** 2 + (from_y / (self.half_y_mm * grown)) ** 2 <= 1)


def _structure(number: int, region: Region, grid: Grid) -> Structure:
    """Its rings on the image's slices, from the formula."""
    rings = tuple(ring for part in region.parts for ring in _rings(part, grid))
    drawn = region.drawn
    return Structure(
        number=number, name=drawn.name, kind=drawn.kind, colour=drawn.colour, generation="AUTOMATIC", rings=rings
    )


def _rings(part: Part, grid: Grid) -> list[Ring]:
    """A section that is nearly a point is no ring: contours are written to a ten-thousandth of a millimetre."""
    x, y, middle_mm = part.at_mm
    rings = []
    for z_mm in grid.origin[2] + grid.spacing[2] * np.arange(grid.shape[0]):
        if abs(z_mm - middle_mm) < part.body.half_height_mm - 1e-6:
            for ring in part.body.rings(float(z_mm - middle_mm)):
                if np.ptp(ring[:, 0]) > 0.5:
                    points = np.column_stack([ring + np.array([x, y]), np.full(len(ring), z_mm)])
                    rings.append(Ring(points=points))
    return rings


def _hounsfield(phantom: Phantom, grid: Grid) -> NDArray[np.int16]:
    slices, rows, columns = grid.shape
    x = grid.origin[0] + grid.spacing[0] * np.arange(columns)[None, :]
    y = grid.origin[1] + grid.spacing[1] * np.arange(rows)[:, None]
    grain = np.random.default_rng(rows * columns).integers(-NOISE_HU, NOISE_HU + 1, (rows, columns), dtype=np.int16)
    body = _body_of(phantom).parts[0]
    values = np.empty(grid.shape, np.int16)
    for number in range(slices):
        height = float(grid.origin[2] + grid.spacing[2] * number) - body.at_mm[2]
        water = body.body.holds(x - body.at_mm[0], y - body.at_mm[1], height)
        values[number] = np.where(water, np.roll(grain, number * 7 + number // 3, axis=1), AIR_HU)
        _add_parts(values[number], phantom.regions, (x, y, float(grid.origin[2] + grid.spacing[2] * number)))
    return values


def _add_parts(plane: NDArray[np.int16], regions: Sequence[Region], at: tuple[Floats, Floats, float]) -> None:
    x, y, z_mm = at
    for region in regions:
        shade = np.int16(TARGET_HU if region.drawn.kind == "PTV" else ORGAN_HU)
        for part in region.parts:
            height = z_mm - part.at_mm[2]
            if abs(height) < part.body.half_height_mm:
                plane += shade * part.body.holds(x - part.at_mm[0], y - part.at_mm[1], height).astype(np.int16)


def _one(drawn: Drawn, body: Body, at_mm: Triple = (0.0, 0.0, 0.0)) -> Region:
    return Region(drawn=drawn, parts=(Part(body=body, at_mm=at_mm),))


def _organs(reach_mm: float) -> tuple[Region, ...]:
    """Two organs left and right of the target, and a cord behind it."""
    organ, cord = Sphere(radius_mm=11.0), Cylinder(radius_mm=5.0, height_mm=90.0)
    return (
        _one(LEFT, organ, (reach_mm, -4.0, 3.0)),
        _one(RIGHT, organ, (-reach_mm, -4.0, 3.0)),
        _one(CORD, cord, (0.0, 45.0, 0.0)),
    )


def sphere_phantom(*, step_mm: float = 3.0, offset_mm: Triple = (0.0, 0.0, 0.0)) -> Phantom:
    """A ball between two organs under a gradient, on slices of any step, its middle anywhere between voxels."""
    return Phantom(
        name="sphere",
        regions=(_one(PTV, Sphere(radius_mm=22.0)), *_organs(45.0)),
        image=Lattice(shape=(ceil(108 / step_mm), 60, 72), spacing_mm=(2.5, 2.5, step_mm), offset_mm=offset_mm),
        dose_lattice=Lattice(shape=(36, 40, 48), spacing_mm=(3.0, 3.5, 3.0), offset_mm=(1.3, -0.7, 0.4)),
        dose=LinearDose(middle_gy=50.0, gy_per_mm=(0.10, -0.15, 0.2)),
    )


def cone_phantom(*, step_mm: float = 2.5) -> Phantom:
    """A cone with its apex to the head, under a radial dose on a grid that is turned against the image."""
    turn = np.radians(20)
    axes = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1.0]])
    return Phantom(
        name="cone",
        regions=(_one(PTV, Cone(radius_mm=25.0, height_mm=60.0)), *_organs(48.0)),
        image=Lattice(shape=(ceil(105 / step_mm), 64, 64), spacing_mm=(3.0, 3.0, step_mm), offset_mm=(0.7, 1.1, 0.3)),
        dose_lattice=Lattice(shape=(42, 44, 50), spacing_mm=(3.0, 3.0, 2.5), offset_mm=(0.0, 0.0, 0.2)),
        dose=RadialDose(peak_gy=54.0, spread_mm=60.0),
        dose_axes=axes,
    )


def ring_phantom(*, step_mm: float = 2.0) -> Phantom:
    """A target with a hole in every slice around a cord that runs through it."""
    return Phantom(
        name="ring",
        regions=(
            _one(PTV, Torus(radius_mm=28.0, tube_mm=12.0)),
            _one(CORD, Cylinder(radius_mm=6.0, height_mm=70.0)),
            _one(LEFT, Sphere(radius_mm=11.0), (58.0, 0.0, 0.0)),
            _one(RIGHT, Sphere(radius_mm=11.0), (-58.0, 0.0, 0.0)),
        ),
        image=Lattice(shape=(ceil(84 / step_mm), 64, 72), spacing_mm=(2.6, 2.4, step_mm), offset_mm=(-0.4, 0.2, 0.7)),
        dose_lattice=Lattice(shape=(30, 40, 48), spacing_mm=(3.5, 3.5, 3.0), offset_mm=(0.6, -0.4, 0.9)),
        dose=RadialDose(peak_gy=52.0, spread_mm=80.0),
    )


def parts_phantom(*, step_mm: float = 3.0) -> Phantom:
    """A box with a hole, and nodes in three parts at the same height."""
    nodes = tuple(
        Part(body=Sphere(radius_mm=9.0), at_mm=at) for at in ((-40.0, 30.0, 0.0), (40.0, 30.0, 6.0), (0.0, -48.0, -6.0))
    )
    return Phantom(
        name="parts",
        regions=(
            _one(PTV, BoxWithHole(width_mm=44.0, depth_mm=36.0, height_mm=42.0, hole_mm=9.0)),
            Region(drawn=NODES, parts=nodes),
            _one(LEFT, Sphere(radius_mm=11.0), (52.0, -8.0, 3.0)),
            _one(RIGHT, Sphere(radius_mm=11.0), (-52.0, -8.0, 3.0)),
        ),
        image=Lattice(shape=(ceil(90 / step_mm), 56, 64), spacing_mm=(3.0, 3.0, step_mm), offset_mm=(2.0, -1.0, 1.2)),
        dose_lattice=Lattice(shape=(34, 40, 46), spacing_mm=(3.2, 3.2, 2.8), offset_mm=(0.5, 0.5, -0.5)),
        dose=LinearDose(middle_gy=50.0, gy_per_mm=(-0.1, 0.1, 0.15)),
    )


def large_phantom(*, slices: int = 150, side: int = 512) -> Phantom:
    """A planning CT's size, for measuring speed."""
    return Phantom(
        name="large",
        regions=(_one(PTV, Sphere(radius_mm=35.0)), *_organs(70.0)),
        image=Lattice(shape=(slices, side, side), spacing_mm=(500 / side, 500 / side, 2.0), offset_mm=(0.3, 0.1, 0.2)),
        dose_lattice=Lattice(shape=(96, 100, 130), spacing_mm=(2.5, 2.5, 2.5)),
        dose=RadialDose(peak_gy=54.0, spread_mm=90.0),
    )


PHANTOMS: Mapping[str, Callable[[], Phantom]] = {
    "sphere": sphere_phantom,
    "cone": cone_phantom,
    "ring": ring_phantom,
    "parts": parts_phantom,
}
"""The small ones, each made anew when it is asked for."""
