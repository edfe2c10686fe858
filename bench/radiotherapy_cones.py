"""How long the second dose takes: one field of TG-119's size by collapsed cones, at 3 mm."""

from __future__ import annotations

import statistics
import time

import numpy as np

from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.transport.cones.engine import Exposure, dose_by_cones
from tianfu.apps.radiotherapy.model.transport.cones.fluence import rectangle_fluence
from tianfu.apps.radiotherapy.model.transport.cones.kernels import PointKernels, fitted_kernels
from tianfu.apps.radiotherapy.model.transport.cones.settings import FINE_CONES, SIX_MEGAVOLT_FIT
from tianfu.apps.radiotherapy.model.transport.fields import Field
from tianfu.standards.dicom.grids import Grid, Volume

Result = dict[str, object]

RUNS = 3
SHAPE, STEP_MM = (108, 167, 167), 3.0
"""The extent of TG-119's phantom."""

BODY_MM = (165.0, 110.0)
"""Half-axes of the body, an ellipse in every slice."""

FIELD = Field(number=1, isocentre=np.zeros(3), gantry_degrees=40.0, collimator_degrees=0.0, couch_degrees=0.0)
HALF_MM = (50.0, 45.0)
"""Half the sides of a rectangle about TG-119's C-shape."""


def fitted(beam: PencilBeam) -> tuple[PointKernels, float]:
    """The kernels, and the seconds that their fit took."""
    fitted_kernels.cache_clear()
    began = time.perf_counter()
    kernels = fitted_kernels(beam, SIX_MEGAVOLT_FIT)
    return kernels, time.perf_counter() - began


def fit_keys(kernels: PointKernels) -> Result:
    """How near the kernels are to the first engine's in water."""
    return {
        "cones_fit_percent_max": round(kernels.fit.percent_max, 2),
        "cones_fit_percent_rms": round(kernels.fit.percent_rms, 2),
        "cones_energy_ratio": round(kernels.fit.energy_ratio, 3),
    }


def field_keys(beam: PencilBeam, kernels: PointKernels) -> Result:
    """Seconds for one field at 3 mm in a body of water, the median of three: whoever calls has compiled before."""
    grid = _grid()
    density = _body(grid)
    (half_x, half_y) = HALF_MM
    fluence = rectangle_fluence(beam, x_mm=(-half_x, half_x), y_mm=(-half_y, half_y), pixel_mm=1.0)
    exposure = Exposure(field=FIELD, fluence=fluence)
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        dose_by_cones(density, exposure, kernels, grid, gy_per_mu=1.0, settings=FINE_CONES)
        seconds.append(time.perf_counter() - began)
    return {"cones_field_3mm_seconds": round(statistics.median(seconds), 2)}


def _grid() -> Grid:
    middle = (np.array(SHAPE[::-1]) - 1) / 2
    return Grid(origin=-middle * STEP_MM, axes=np.eye(3), spacing=np.full(3, STEP_MM), shape=SHAPE)


def _body(grid: Grid) -> Volume[np.float32]:
    columns, rows = grid.shape[2], grid.shape[1]
    x = grid.origin[0] + np.arange(columns) * STEP_MM
    y = grid.origin[1] + np.arange(rows) * STEP_MM
    inside = (x / BODY_MM[0]) ** 2 + (y[:, None] / BODY_MM[1]) ** 2 < 1
    values = np.broadcast_to(inside, grid.shape).astype(np.float32)
    return Volume(grid=grid, values=values)
