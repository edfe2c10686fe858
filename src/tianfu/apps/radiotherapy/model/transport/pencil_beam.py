"""Dose of beamlets by singular value decomposition of a pencil beam's kernel (Bortfeld, Schlegel and Rhein, Med Phys
20(2) 1993, 311): engine A.

Tissue counts by its radiological depth alone; sideways all is water, so that dose in and behind lung is not that of
engine B.  Each field's kernels are those for the skin's distance where its beamlet nearest to the axis enters.  Not
cleared for clinical use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.transport.density import cropped
from tianfu.apps.radiotherapy.model.transport.fields import Beamlets
from tianfu.apps.radiotherapy.model.transport.filling import count, fill
from tianfu.apps.radiotherapy.model.transport.geometry import View, view_of
from tianfu.apps.radiotherapy.model.transport.influence import Influence
from tianfu.apps.radiotherapy.model.transport.kernels import cell_mm, phases, primary_at, square_spread
from tianfu.apps.radiotherapy.model.transport.rows import rows_of
from tianfu.apps.radiotherapy.model.transport.tracing import (
    Resolution,
    beam_of_index,
    depths_of,
    fan_of,
    surfaces_mm,
    window_over,
)
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Grid, Volume

VALUES_MAX = 2**31 - 1
"""Places of values are kept in 32 bits; so many would be 4 GB."""

BLOCK_VOXELS = 1 << 17
"""So many voxels are computed between two calls of whoever counts: a fraction of a second with nine fields. [ours]"""

Counted = Callable[[int, int], None]
"""Told how many of how many parts are done; whatever it raises ends the work."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to compute; nothing here has a value of its own.

    `gy_per_mu` is the dose of one monitor unit where the kernels say 1.  Beamlets farther than `lateral_cut_off_mm`
    from a voxel, in the plane of the isocentre, give it nothing: with the generic machine in water 50 mm lose 0.7 % of
    an open field of 100 mm on its axis at a depth of 10 mm, 1.6 % at 100 mm and 2.3 % at 180 mm [measured], which the
    dose of apertures does not lose.  The skin is where density reaches `surface_density`.
    """

    gy_per_mu: float
    lateral_cut_off_mm: float
    surface_density: float
    resolution: Resolution


@dataclass(frozen=True, kw_only=True)
class DoseVoxels:
    """Where dose is wanted: `voxels` (V) are flat places in the grid, ascending."""

    grid: Grid
    voxels: NDArray[np.int32]


def uncounted(_done: int, _total: int) -> None:
    """Nobody counts."""


def influence(
    density: Volume[np.float32],
    beam: PencilBeam,
    beamlets: Beamlets,
    wanted: DoseVoxels,
    settings: Settings,
    *,
    counted: Counted = uncounted,
) -> Influence:
    """What each beamlet gives to each voxel for one monitor unit.

    `density` is relative to water and nothing outside the patient; `counted` hears of each field that is traced and of
    each block of voxels.  Raises Refusal `field-misses-patient` if no ray of a field meets him,
    `surface-beyond-kernels` if his skin is nearer or farther than the machine's kernels, `influence-too-large` above
    2,147,483,647 doses.
    """
    dense = cropped(density)
    views = [view_of(field, axis_mm=beam.axis_mm) for field in beamlets.fields]
    rows = rows_of(beamlets)
    blocks = [slice(at, at + BLOCK_VOXELS) for at in range(0, len(wanted.voxels), BLOCK_VOXELS)]
    parts = len(views) + len(blocks)
    depths = np.empty((len(views), len(wanted.voxels)), np.float32)
    for number, view in enumerate(views):
        depths[number] = _depths(dense, view, beamlets.at_mm[beamlets.field == number], wanted, settings)
        counted(number + 1, parts)
    beams = np.array([beam_of_index(wanted.grid, view) for view in views])
    lattice = (
        rows.first_mm,
        rows.field_rows,
        rows.row_stretches,
        rows.stretches,
        np.array([beamlets.size_mm, settings.lateral_cut_off_mm]),
    )
    where = (beams, beam.axis_mm, wanted.grid.shape)
    voxel_runs, voxel_values = _sums(count(*(*where, wanted.voxels, *lattice)))
    if voxel_values[-1] > VALUES_MAX:
        raise Refusal("influence-too-large", details={"values": str(voxel_values[-1]), "most": str(VALUES_MAX)})
    run_beamlets = np.empty(voxel_runs[-1], np.uint16)
    run_values = np.empty(voxel_runs[-1] + 1, np.int32)
    run_values[-1] = voxel_values[-1]
    values = np.empty(voxel_values[-1], np.uint16)
    scale = np.empty(len(wanted.voxels), np.float32)
    terms = np.array([*beam.beta_per_mm, beam.attenuation_per_mm])
    spreads = _spreads(dense, beam, beamlets, views, settings)
    strength = _strength(beam, beamlets, settings)
    for number, block in enumerate(blocks, start=len(views) + 1):
        fill(
            *(*where, wanted.voxels[block], *lattice),
            np.ascontiguousarray(depths[:, block]),
            terms,
            spreads,
            strength,
            voxel_runs[block],
            voxel_values[block],
            run_beamlets,
            run_values,
            values,
            scale[block],
        )
        counted(number, parts)
    return Influence(
        grid=wanted.grid,
        beamlets=beamlets,
        voxels=wanted.voxels,
        voxel_runs=voxel_runs,
        run_beamlets=run_beamlets,
        run_values=run_values,
        values=values,
        scale=scale,
    )


def surface_of(density: Volume[np.float32], view: View, at_mm: Floats, *, field: int, surface_density: float) -> float:
    """Distance from source to skin for the place (n, 2) nearest to the axis whose ray meets the patient.

    Raises Refusal `field-misses-patient` if none does.
    """
    nearest_first = at_mm[np.argsort(np.hypot(at_mm[:, 0], at_mm[:, 1]), kind="stable")]
    found = surfaces_mm(density, view, nearest_first, density_least=surface_density)
    met = found[np.isfinite(found)]
    if not len(met):
        raise Refusal("field-misses-patient", details={"field": str(field)})
    return float(met[0])


def _depths(
    density: Volume[np.float32], view: View, at_mm: Floats, wanted: DoseVoxels, settings: Settings
) -> NDArray[np.float32]:
    """Radiological depths (V) in one field, from a fan as wide as its beamlets reach."""
    if not len(at_mm):
        return np.zeros(len(wanted.voxels), np.float32)
    reach = settings.lateral_cut_off_mm
    within = np.array([at_mm.min(axis=0) - reach, at_mm.max(axis=0) + reach])
    window = window_over(wanted.grid, view, within, margin_mm=settings.resolution.ray_mm)
    fan = fan_of(density, view, window, settings.resolution)
    return depths_of(fan, wanted.grid, view, wanted.voxels)


def _sums(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the runs and the values of each voxel begin, and where the last ends."""
    begins = np.zeros((2, len(counts) + 1), np.int64)
    np.cumsum(counts.T, axis=1, out=begins[:, 1:])
    return begins[0], begins[1]


def _spreads(
    density: Volume[np.float32], beam: PencilBeam, beamlets: Beamlets, views: list[View], settings: Settings
) -> NDArray[np.float32]:
    """For each field its beamlets' spread by where a voxel lies between them."""
    middle = int(np.ceil(settings.lateral_cut_off_mm / beamlets.size_mm)) + 1
    cell = cell_mm(beam)
    tables = []
    for number, view in enumerate(views):
        at = beamlets.at_mm[beamlets.field == number]
        if not len(at):
            at = np.zeros((1, 2))
        surface = surface_of(
            density, view, at, field=beamlets.fields[number].number, surface_density=settings.surface_density
        )
        spread = square_spread(
            beam, surface, size_mm=beamlets.size_mm, reach_mm=settings.lateral_cut_off_mm + 2 * beamlets.size_mm
        )
        tables.append(phases(spread, cell_mm=cell, size_mm=beamlets.size_mm, middle=middle))
    return np.array(tables)


def _strength(beam: PencilBeam, beamlets: Beamlets, settings: Settings) -> NDArray[np.float32]:
    """Gray for one monitor unit by each beamlet's own place in the open field."""
    return np.asarray(settings.gy_per_mu * primary_at(beam, beamlets.at_mm), np.float32)
