"""How near the two dose engines are to each other and to what the machine's kernels say of water.

In water both must agree: they come from the same commissioning and differ in transport alone.  In lung they must not:
the first scales along the ray and knows nothing of what scatters sideways, so that its doses there are too high.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import fft

from tianfu.apps.radiotherapy.model.gamma import gamma_index
from tianfu.apps.radiotherapy.model.gamma_criteria import Difference, GammaCriteria, Normalisation, Search
from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.machines.collimators import Leaves
from tianfu.apps.radiotherapy.model.transport.apertures import Aperture, JawPair, dose_of_aperture, fluence_of
from tianfu.apps.radiotherapy.model.transport.cones.engine import Exposure, dose_by_cones
from tianfu.apps.radiotherapy.model.transport.cones.fluence import rectangle_fluence
from tianfu.apps.radiotherapy.model.transport.cones.kernels import PointKernels
from tianfu.apps.radiotherapy.model.transport.cones.settings import FINE_CONES
from tianfu.apps.radiotherapy.model.transport.fields import Field
from tianfu.apps.radiotherapy.model.transport.kernels import cell_mm
from tianfu.apps.radiotherapy.model.transport.pencil_beam import DoseVoxels, Settings
from tianfu.apps.radiotherapy.model.transport.tracing import Resolution
from tianfu.standards.dicom.grids import Floats, Grid, Volume

Result = dict[str, object]

CRITERIA = GammaCriteria(
    dose_difference_percent=3,
    distance_mm=2,
    difference=Difference.GLOBAL,
    normalisation_gy=Normalisation.REFERENCE_MAXIMUM,
    threshold_percent=10,
    gamma_max=2,
    search=Search.VOLUME,
)

STEP_MM = 3.0
SURFACE_MM, DEEP_MM, BESIDE_MM, AIR_ROWS = 900.0, 240.0, 60.0, 4
SIDES_MM = (50.0, 100.0, 200.0)
PROFILE_DEPTHS_MM = (15.0, 50.0, 100.0, 200.0)
JUDGED_FROM_MM = 5.0
"""Shallower, electrons of the machine's head count, of which neither engine knows."""

AWAY_MM = 1.0
"""In penumbrae, where dose is steep, a profile may be this far aside; beyond it a difference counts."""

RASTER_MM = 0.5
"""For which the machine's kernels are tables of means."""

LUNG_SIDE_MM, LUNG_MM, LUNG_DENSITY = 50.0, (60.0, 140.0), 0.25
LUNG_TOLD_MM = (30.0, 57.0, 63.0, 81.0, 99.0, 117.0, 135.0, 141.0, 150.0, 180.0)
DIFFERENT_PERCENT = 2.0
"""From here on doses are told to be different."""


@dataclass(frozen=True, kw_only=True)
class Engines:
    """What both engines need."""

    beam: PencilBeam
    kernels: PointKernels


def agreement_keys(first: Volume[np.float32], second: Volume[np.float32]) -> Result:
    """Gamma of the first engine's dose of a plan against the second's, the reference; criteria stand beside it."""
    found = gamma_index(second, first, criteria=CRITERIA)
    return {
        "engine_a_vs_b_gamma_3pct_2mm": round(found.pass_percent, 2),
        "engine_a_vs_b_gamma_criteria": {
            "difference": "3 % of the reference's maximum",
            "distance_mm": CRITERIA.distance_mm,
            "threshold_percent_of_maximum": CRITERIA.threshold_percent,
            "reference": "collapsed-cone",
            "case": "TG-119's C-shape, nine fields, 3 mm, the phantom's own CT, whose body is like water",
        },
        "engine_a_vs_b_gamma_points": found.judged,
        "engine_a_vs_b_gamma_mean": round(found.mean, 3),
    }


def water_keys(engines: Engines) -> Result:
    """How far each engine is from the sum of the machine's pencils in water, in percent of each field's maximum."""
    depth: dict[str, dict[str, float]] = {}
    profiles: dict[str, dict[str, float]] = {}
    for side_mm in SIDES_MM:
        expected = _pencils(engines.beam, side_mm)
        for name, found in _planes(engines, water(side_mm), side_mm):
            off_depth, off_profile = _off(found / expected.max(), expected / expected.max())
            depth.setdefault(name, {})[f"{side_mm:g}"] = round(off_depth, 2)
            profiles.setdefault(name, {})[f"{side_mm:g}"] = round(off_profile, 2)
    return {
        "water_depth_dose_percent_max": max(max(each.values()) for each in depth.values()),
        "water_profiles_percent_max": max(max(each.values()) for each in profiles.values()),
        "water_depth_dose_percent": depth,
        "water_profiles_percent": profiles,
    }


def lung_keys(engines: Engines) -> Result:
    """Depth dose of both engines through a slab of lung, in percent of the first one's maximum, side by side."""
    slab = water(LUNG_SIDE_MM)
    depths = _depths()
    in_lung = np.concatenate([np.zeros(AIR_ROWS), (depths > LUNG_MM[0]) & (depths < LUNG_MM[1])]).astype(bool)
    slab.values[:, : len(in_lung)][:, in_lung] = LUNG_DENSITY
    first, second = (found[:, found.shape[1] // 2] for _, found in _planes(engines, slab, LUNG_SIDE_MM))
    first, second = 100 * first / first.max(), 100 * second / first.max()
    off = (first - second)[in_lung[AIR_ROWS:]]
    rows = [round((told - STEP_MM / 2) / STEP_MM) for told in LUNG_TOLD_MM]
    return {
        "lung_a_vs_b": [
            {
                "depth_mm": float(depths[row]),
                "is_lung": bool(in_lung[AIR_ROWS + row]),
                "pencil_beam_percent": round(float(first[row]), 1),
                "collapsed_cone_percent": round(float(second[row]), 1),
            }
            for row in rows
        ],
        "lung_a_above_b_percent_max": round(float(off.max()), 1),
        "lung_engines_differ": bool(np.abs(off).max() > DIFFERENT_PERCENT),
    }


def water(side_mm: float) -> Volume[np.float32]:
    """A tank from y = 0 on, the axis in the middle of voxels, `BESIDE_MM` wider than the field at its bottom."""
    across = round((side_mm / 2 * 1.2 + BESIDE_MM) / STEP_MM)
    rows = round(DEEP_MM / STEP_MM) + 20 + AIR_ROWS
    grid = Grid(
        origin=np.array([-across * STEP_MM, (0.5 - AIR_ROWS) * STEP_MM, -across * STEP_MM]),
        axes=np.eye(3),
        spacing=np.full(3, STEP_MM),
        shape=(2 * across + 1, rows, 2 * across + 1),
    )
    values = np.ones(grid.shape, np.float32)
    values[:, :AIR_ROWS] = 0
    return Volume(grid=grid, values=values)


def _depths() -> Floats:
    return np.asarray((np.arange(round(DEEP_MM / STEP_MM)) + 0.5) * STEP_MM, np.float64)


def _planes(engines: Engines, density: Volume[np.float32], side_mm: float) -> Iterator[tuple[str, Floats]]:
    """The dose (depths, places across) of a square field in the middle plane, by each engine."""
    field = Field(
        number=1,
        isocentre=np.array([0.0, 1000.0 - SURFACE_MM, 0.0]),
        gantry_degrees=0.0,
        collimator_degrees=0.0,
        couch_degrees=0.0,
    )
    yield "pencil-beam", _plane_of_pencils(engines.beam, field, density, side_mm)
    half = side_mm / 2
    fluence = rectangle_fluence(engines.beam, x_mm=(-half, half), y_mm=(-half, half), pixel_mm=1.0)
    exposure = Exposure(field=field, fluence=fluence)
    dose = dose_by_cones(density, exposure, engines.kernels, density.grid, gy_per_mu=1.0, settings=FINE_CONES)
    middle = density.grid.shape[0] // 2
    yield "collapsed-cone", dose.values[middle, AIR_ROWS : AIR_ROWS + len(_depths())].astype(np.float64)


def _plane_of_pencils(beam: PencilBeam, field: Field, density: Volume[np.float32], side_mm: float) -> Floats:
    grid = density.grid
    _, rows, columns = grid.shape
    first = ((grid.shape[0] // 2) * rows + AIR_ROWS) * columns
    voxels = np.arange(first, first + len(_depths()) * columns, dtype=np.int32)
    settings = Settings(
        gy_per_mu=1.0,
        lateral_cut_off_mm=float(beam.radius_mm[-1]),
        surface_density=0.05,
        resolution=Resolution(ray_mm=2.0, step_mm=2.5),
    )
    fluence = fluence_of(_square(side_mm), cell_mm=cell_mm(beam), half_mm=side_mm / 2 + 10.0)
    dose = dose_of_aperture(density, beam, field, fluence, DoseVoxels(grid=grid, voxels=voxels), settings)
    return dose.reshape(len(_depths()), columns).astype(np.float64)


def _square(side_mm: float) -> Aperture:
    """Two jaws that let nothing through, and one wide pair of leaves that is out of the way."""
    half = side_mm / 2
    jaws = JawPair(first_mm=-half, second_mm=half, transmission=0.0)
    leaves = Leaves(
        boundaries_mm=(-200.0, 200.0),
        least_mm=-200.0,
        most_mm=200.0,
        gap_mm=0.0,
        reach_mm=400.0,
        interdigitates=True,
        step_mm=0.1,
        speed_mm_per_s=25.0,
        rounded_end_mm=0.0,
        transmission=0.0,
    )
    return Aperture(jaws_x=jaws, jaws_y=jaws, leaves=leaves, first_mm=np.array([-200.0]), second_mm=np.array([200.0]))


def _pencils(beam: PencilBeam, side_mm: float) -> Floats:
    """The same plane as the sum of the machine's pencils in water, without voxels, rays or apertures.

    Depth is that of Bortfeld, Schlegel and Rhein (1993); sideways it is the kernels' table, summed on its own raster.
    """
    half = side_mm / 2
    fluence = rectangle_fluence(beam, x_mm=(-half, half), y_mm=(-half, half), pixel_mm=RASTER_MM)
    last = round(float(beam.radius_mm[-1]) / RASTER_MM)
    reach = np.arange(-last, last + 1) * RASTER_MM
    kernels = beam.kernels[int(np.abs(beam.surfaces_mm - SURFACE_MM).argmin())]
    depths, total = _depths()[:, None], 0.0
    across = round((half * 1.2 + BESIDE_MM) / STEP_MM)
    seen = np.arange(-across, across + 1) * STEP_MM * beam.axis_mm / (SURFACE_MM + depths)
    for beta, kernel in zip(beam.beta_per_mm, kernels, strict=True):
        places, profile = _profile(fluence.values, np.interp(np.hypot(reach, reach[:, None]), beam.radius_mm, kernel))
        shape = np.exp(-beam.attenuation_per_mm * depths) - np.exp(-beta * depths)
        total = total + beta / (beta - beam.attenuation_per_mm) * shape * np.interp(seen, places, profile)
    return np.asarray(total * (beam.axis_mm / (SURFACE_MM + depths)) ** 2)


def _profile(fluence: Floats, kernel: Floats) -> tuple[Floats, Floats]:
    """Places along x and the sum of a kernel over a fluence there, on the axis across it."""
    shape = [fft.next_fast_len(sum(sizes) - 1, real=True) for sizes in zip(fluence.shape, kernel.shape, strict=True)]
    rows, columns = np.add(fluence.shape, kernel.shape) - 1
    both = fft.rfft2(fluence, shape) * fft.rfft2(kernel * RASTER_MM**2, shape)
    spread = fft.irfft2(both, shape)[:rows, :columns]
    middle = len(spread) // 2
    places = (np.arange(spread.shape[1]) - (spread.shape[1] - 1) / 2) * RASTER_MM
    # A fluence of an even count has its axis between two rows.
    return places, (spread[middle - 1] + spread[middle]) / 2


def _off(found: Floats, expected: Floats) -> tuple[float, float]:
    """Percent of the maximum by which a depth dose on the axis, and profiles beyond `AWAY_MM`, differ at most."""
    middle, judged = expected.shape[1] // 2, _depths() >= JUDGED_FROM_MM
    off_depth = float(np.abs(found - expected)[judged, middle].max())
    rows = [int(depth / STEP_MM) for depth in PROFILE_DEPTHS_MM]
    return 100 * off_depth, 100 * max(beyond(found[row], expected[row]) for row in rows)


def beyond(found: Floats, expected: Floats) -> float:
    """How far a profile leaves the band of another one that is moved by up to `AWAY_MM` to either side."""
    places = np.arange(len(expected), dtype=np.float64)
    shifts = np.linspace(-AWAY_MM, AWAY_MM, 21) / STEP_MM
    moved = np.array([np.interp(places + shift, places, expected) for shift in shifts])
    return float(max((found - moved.max(axis=0)).max(), (moved.min(axis=0) - found).max(), 0.0))
