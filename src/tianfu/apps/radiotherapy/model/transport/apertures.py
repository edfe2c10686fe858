"""Dose of what a collimator leaves open, for plans that come from elsewhere or are to be delivered.

Fluence is the mean over cells of the isocentre's plane, exact for edges anywhere in them; the kernels are convolved
with all of it, so that nothing is cut off sideways but at the kernels' last radius.  Not cleared for clinical use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.compiled import compiled_in_parallel
from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.machines.collimators import Leaves
from tianfu.apps.radiotherapy.model.transport.density import cropped
from tianfu.apps.radiotherapy.model.transport.fields import Field
from tianfu.apps.radiotherapy.model.transport.filling import inverse_square, seen
from tianfu.apps.radiotherapy.model.transport.geometry import view_of
from tianfu.apps.radiotherapy.model.transport.kernels import (
    FWHM_PER_SIGMA,
    blurred_edge,
    cell_mm,
    kernels_to_skin,
    primary_at,
    spread,
)
from tianfu.apps.radiotherapy.model.transport.pencil_beam import DoseVoxels, Settings, surface_of
from tianfu.apps.radiotherapy.model.transport.tracing import OUTSIDE, beam_of_index, depths_of, fan_of, window_over
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Volume

Reals = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class JawPair:
    """Where both jaws of a pair stand and what passes through them; a machine without that pair has none."""

    first_mm: float
    second_mm: float
    transmission: float


@dataclass(frozen=True, kw_only=True)
class Aperture:
    """Jaws and leaves of a segment, in millimetres at the isocentre; `first_mm` and `second_mm` (pairs) are the banks
    as DICOM numbers them, from the lowest y.
    """

    jaws_x: JawPair | None
    jaws_y: JawPair | None
    leaves: Leaves
    first_mm: Floats
    second_mm: Floats


@dataclass(frozen=True, kw_only=True)
class Fluence:
    """Relative fluence in square cells, the mean of each: `values` (n, n), y by x, n odd, the middle on the axis."""

    cell_mm: float
    values: Floats

    @property
    def half_mm(self) -> float:
        """From the axis to the middle of the outermost cells."""
        return self.cell_mm * (len(self.values) // 2)


def fluence_of(aperture: Aperture, *, cell_mm: float, half_mm: float) -> Fluence:
    """What passes jaws and leaves.

    A leaf's rounded end lets radiation through as if it stood farther out by its offset.  Beyond the stack of
    leaves all is as closed.  Raises Refusal `aperture-not-for-leaves` if there is not one place for each leaf,
    `aperture-leaves-overlap` if a leaf stands beyond its opposite.
    """
    return summed_fluence((aperture,), (1.0,), cell_mm=cell_mm, half_mm=half_mm)


def summed_fluence(
    apertures: Sequence[Aperture], weights: Sequence[float], *, cell_mm: float, half_mm: float
) -> Fluence:
    """The fluence of all segments of one field, each with its weight, such as monitor units.

    Their jaws stand still and their leaves are the same: those of the first.  Raises Refusal as `fluence_of` does.
    """
    for aperture in apertures:
        _refuse_unless_fit(aperture)
    leaves = apertures[0].leaves
    cells = int(np.ceil(half_mm / cell_mm))
    edges = np.asarray(cell_mm * (np.arange(-cells, cells + 2) - 0.5), np.float64)
    bounds = np.array(leaves.boundaries_mm)
    behind_x, behind_y = _passed(apertures[0].jaws_x), _passed(apertures[0].jaws_y)
    all_x, all_y = np.diff(behind_x(edges)), np.diff(behind_y(edges))
    low, high = bounds[:-1, None], bounds[1:, None]
    rows = np.diff(behind_y(np.clip(edges[None, :], low, high)), axis=1)
    openings = np.zeros((leaves.pairs, len(edges) - 1))
    for aperture, weight in zip(apertures, weights, strict=True):
        # Leaves that touch let through what their rounded ends do.
        left = (aperture.first_mm - leaves.rounded_end_mm)[:, None]
        right = (aperture.second_mm + leaves.rounded_end_mm)[:, None]
        openings += weight * np.diff(behind_x(np.clip(edges[None, :], left, right)), axis=1)
    closed = sum(weights) * leaves.transmission * np.outer(all_y, all_x)
    return Fluence(cell_mm=cell_mm, values=(closed + (1 - leaves.transmission) * rows.T @ openings) / cell_mm**2)


def _refuse_unless_fit(aperture: Aperture) -> None:
    pairs = aperture.leaves.pairs
    if aperture.first_mm.shape != (pairs,) or aperture.second_mm.shape != (pairs,):
        raise Refusal("aperture-not-for-leaves", details={"pairs": str(pairs)})
    if (aperture.first_mm > aperture.second_mm).any():
        pair = int(np.argmax(aperture.first_mm > aperture.second_mm)) + 1
        raise Refusal("aperture-leaves-overlap", details={"pair": str(pair)})


def dose_of_aperture(
    density: Volume[np.float32],
    beam: PencilBeam,
    field: Field,
    fluence: Fluence,
    wanted: DoseVoxels,
    settings: Settings,
) -> Reals:
    """Gray in each voxel (V) for one monitor unit through this fluence; settings' lateral cut-off is not used.

    Raises Refusal `fluence-other-cells` if the fluence is not on the kernels' cells, and what the pencil beam's surface
    does.
    """
    if abs(fluence.cell_mm - cell_mm(beam)) > 1e-9:
        raise Refusal("fluence-other-cells", details={"cell": f"{fluence.cell_mm:g}", "wanted": f"{cell_mm(beam):g}"})
    view = view_of(field, axis_mm=beam.axis_mm)
    dense = cropped(density)
    surface = surface_of(
        dense, view, _open_places(fluence), field=field.number, surface_density=settings.surface_density
    )
    planes = spread_fluence(beam, fluence, surface)
    edge = cell_mm(beam) * (planes.shape[1] // 2)
    within = np.array([[-edge] * 2, [edge] * 2])
    window = window_over(wanted.grid, view, within, margin_mm=settings.resolution.ray_mm)
    fan = fan_of(dense, view, window, settings.resolution)
    return _evaluate(
        beam_of_index(wanted.grid, view),
        np.array([beam.axis_mm, cell_mm(beam), settings.gy_per_mu]),
        wanted.grid.shape,
        wanted.voxels,
        depths_of(fan, wanted.grid, view, wanted.voxels),
        np.array([*beam.beta_per_mm, beam.attenuation_per_mm]),
        planes.astype(np.float32),
    )


def spread_fluence(beam: PencilBeam, fluence: Fluence, surface_mm: float) -> Floats:
    """The open field's share, the source's blur and each component's kernel (C, n, n), out to the kernels' last radius
    beyond the fluence.
    """
    cell = cell_mm(beam)
    half = len(fluence.values) // 2
    places = cell * np.arange(-half, half + 1)
    across = np.stack(np.meshgrid(places, places, indexing="xy"), axis=-1)
    passed = fluence.values * primary_at(beam, across)
    sigma = beam.penumbra_fwhm_mm / FWHM_PER_SIGMA
    reach = int(np.ceil(6 * sigma / cell)) + 1
    edges = np.asarray(cell * (np.arange(-reach, reach + 2) - 0.5), np.float64)
    blur = np.diff(blurred_edge(edges, cell_mm=cell, sigma_mm=sigma))
    blurred = np.apply_along_axis(np.convolve, 0, np.apply_along_axis(np.convolve, 1, passed, blur), blur)
    return spread(blurred, kernels_to_skin(beam, surface_mm), beam, cells=half + int(beam.radius_mm[-1] / cell))


def _passed(jaws: JawPair | None) -> Callable[[Floats], Floats]:
    """What passes a pair of jaws from anywhere to a place: differences of it are exact for any stretch."""
    if jaws is None:
        return lambda places: places
    first, second, share = jaws.first_mm, jaws.second_mm, jaws.transmission
    return lambda places: np.asarray(share * places + (1 - share) * np.clip(places, first, second))


def _open_places(fluence: Fluence) -> Floats:
    """Where at least half of the most passes (n, 2): rays that show where the field enters."""
    half = len(fluence.values) // 2
    places = np.argwhere(fluence.values >= fluence.values.max() / 2)
    nearest = np.argsort(np.hypot(places[:, 0] - half, places[:, 1] - half), kind="stable")
    return np.asarray((places[nearest][:, ::-1] - half) * fluence.cell_mm)


@compiled_in_parallel
def _evaluate(
    beam: Floats,
    scales: Floats,
    shape: tuple[int, int, int],
    voxels: NDArray[np.int32],
    depths: Reals,
    depth_terms: Floats,
    planes: Reals,
) -> Reals:
    """Inverse square times each component's depth and plane; `scales` are axis, cell and gray for a monitor unit."""
    axis_mm, cell, gy = scales[0], scales[1], scales[2]
    components, size = planes.shape[0], planes.shape[1]
    attenuation = depth_terms[components]
    doses = np.zeros(len(voxels), np.float32)
    for place in numba.prange(len(voxels)):
        x, y, below = seen(beam, voxels[place], shape, axis_mm)
        column, row = x / cell + size // 2, y / cell + size // 2
        if depths[place] == OUTSIDE or not (0.0 <= column <= size - 1 and 0.0 <= row <= size - 1):
            continue
        i, j = min(int(column), size - 2), min(int(row), size - 2)
        fx, fy = column - i, row - j
        depth = np.float64(depths[place])
        fading = np.exp(-attenuation * depth)
        total = 0.0
        for component in range(components):
            beta = depth_terms[component]
            plane = planes[component]
            low = plane[j, i] * (1 - fx) + plane[j, i + 1] * fx
            high = plane[j + 1, i] * (1 - fx) + plane[j + 1, i + 1] * fx
            share = beta / (beta - attenuation) * (fading - np.exp(-beta * depth))
            total += share * (low * (1 - fy) + high * fy)
        doses[place] = max(gy * inverse_square(x, y, below, axis_mm) * total, 0.0)
    return doses
