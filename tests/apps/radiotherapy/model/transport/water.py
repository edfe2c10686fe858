"""Simple beams and bodies with closed forms: one kernel that goes straight on and one that spreads, boxes of water."""

from __future__ import annotations

import numpy as np

from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.transport.fields import Beamlets, Field
from tianfu.apps.radiotherapy.model.transport.influence import Influence
from tianfu.apps.radiotherapy.model.transport.pencil_beam import DoseVoxels, Settings, influence
from tianfu.apps.radiotherapy.model.transport.tracing import Resolution
from tianfu.standards.dicom.grids import Floats, Grid, Volume

AXIS_MM = 1000.0
CELL_MM = 0.5
SPREAD_PER_MM = 0.04
SETTINGS = Settings(
    gy_per_mu=0.01,
    lateral_cut_off_mm=40.0,
    surface_density=0.05,
    resolution=Resolution(ray_mm=2.0, step_mm=2.0),
)


def a_beam(*, penumbra_fwhm_mm: float = 5.0) -> PencilBeam:
    """Two components: 0.8 of the dose where the pencil goes, and an exponential about it that holds 0.3; attenuation
    and betas near those of 6 MV.
    """
    radius = np.arange(0, 180, CELL_MM)
    straight = np.where(radius == 0, 0.8 / CELL_MM**2, 0.0)
    around = 0.3 * SPREAD_PER_MM**2 / (2 * np.pi) * np.exp(-SPREAD_PER_MM * radius)
    return PencilBeam(
        energy_mv=6.0,
        axis_mm=AXIS_MM,
        collimator_mm=500.0,
        surfaces_mm=np.array([500.0, 1000.0]),
        radius_mm=radius,
        kernels=np.array([[straight, around], [straight, around]]),
        beta_per_mm=np.array([0.3252, 0.016]),
        attenuation_per_mm=0.005066,
        primary=np.array([[0.0, 1.0], [300.0, 1.0]]),
        penumbra_fwhm_mm=penumbra_fwhm_mm,
    )


def a_field(*, gantry: float = 0.0, collimator: float = 0.0, couch: float = 0.0, number: int = 1) -> Field:
    """About the patient's origin."""
    return Field(
        number=number,
        isocentre=np.zeros(3),
        gantry_degrees=gantry,
        collimator_degrees=collimator,
        couch_degrees=couch,
    )


def grid_about_origin(half_mm: tuple[float, float, float], spacing_mm: float) -> Grid:
    """Voxel centres at odd halves of the spacing, so that faces at whole ones lie between them."""
    counts = [round(2 * each / spacing_mm) for each in half_mm]
    return Grid(
        origin=-(np.array(counts) - 1) / 2 * spacing_mm,
        axes=np.eye(3),
        spacing=np.full(3, spacing_mm),
        shape=(counts[2], counts[1], counts[0]),
    )


def points_of(grid: Grid) -> Floats:
    """The middle of all voxels (n, 3)."""
    flat = np.unravel_index(np.arange(np.prod(grid.shape)), grid.shape)
    return grid.points(np.column_stack(flat)[:, ::-1].astype(np.float64))


def box(grid: Grid, half_mm: tuple[float, float, float], *, density: float = 1.0) -> Volume[np.float32]:
    """A box about the origin in nothing."""
    inside = (np.abs(points_of(grid)) < np.array(half_mm)).all(axis=1)
    return Volume(grid=grid, values=(density * inside).astype(np.float32).reshape(grid.shape))


WATER = box(grid_about_origin((110.0, 110.0, 110.0), 5.0), (100.0, 100.0, 100.0))
"""A cube of 200 mm; a field from in front of it enters 900 mm from the source."""


def along(points: Floats) -> DoseVoxels:
    """Voxels of a grid in single file: places at equal steps (n, 3) on a line."""
    step = points[1] - points[0]
    length = float(np.linalg.norm(step))
    first = step / length
    second = np.cross(first, [0.3, 0.5, 0.7])
    second /= np.linalg.norm(second)
    grid = Grid(
        origin=points[0],
        axes=np.array([first, second, np.cross(first, second)]),
        spacing=np.array([length, 1.0, 1.0]),
        shape=(1, 1, len(points)),
    )
    return DoseVoxels(grid=grid, voxels=np.arange(len(points), dtype=np.int32))


def open_field(field: Field, half_mm: float, *, size_mm: float = 5.0) -> Beamlets:
    """A square field as beamlets: whole multiples of their size to each side of the axis."""
    edge = half_mm - size_mm / 2
    at = np.arange(-edge, edge + 1e-6, size_mm)
    x, y = np.meshgrid(at, at)
    count = x.size
    return Beamlets(
        fields=(field,),
        size_mm=size_mm,
        field=np.zeros(count, np.int16),
        at_mm=np.column_stack([x.ravel(), y.ravel()]),
    )


def influence_on(wanted: DoseVoxels, beamlets: Beamlets, *, settings: Settings = SETTINGS) -> Influence:
    """In the cube of water."""
    return influence(WATER, a_beam(), beamlets, wanted, settings)
