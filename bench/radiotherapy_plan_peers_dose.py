"""Our doses beside pyRadPlan's, from the same kernels.

Both get the same density on a grid of 2 mm, the same beamlets with the same weights and the same machine, whose file
pyRadPlan ships; gamma is our own, with pyRadPlan's dose as its reference.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bench.peers import asked
from bench.radiotherapy_tg119 import Phantom, points_of
from tianfu.apps.radiotherapy.model.gamma import gamma_index
from tianfu.apps.radiotherapy.model.gamma_criteria import Difference, GammaCriteria, Normalisation, Search
from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.transport.apertures import Fluence, dose_of_aperture
from tianfu.apps.radiotherapy.model.transport.beamlets import beamlets_over
from tianfu.apps.radiotherapy.model.transport.fields import Beamlets, Field
from tianfu.apps.radiotherapy.model.transport.geometry import view_of
from tianfu.apps.radiotherapy.model.transport.kernels import cell_mm, primary_at
from tianfu.apps.radiotherapy.model.transport.pencil_beam import DoseVoxels, Settings, influence
from tianfu.apps.radiotherapy.model.transport.products import dose_of
from tianfu.apps.radiotherapy.model.transport.tracing import Resolution
from tianfu.standards.dicom.grids import Floats, Grid, Volume

Result = dict[str, object]
Reals = NDArray[np.float32]

PEER = "pyradplan"
PROGRAM = Path(__file__).resolve().parent / "radiotherapy_plan_peer.py"
TARGET = "OuterTarget"
SPACING_MM = 2.0
BEYOND_MM = 70.0
"""How far the phantom goes beyond the target along its axis; no dose above the threshold is farther."""

BEAMLET_MM = 5.0
FIELD_MM = 100.0
SOURCE_MM = 1000.0
SLAB_MM = 40.0
AROUND_MM = 20.0
"""Beyond the beamlets' middles no dose of interest is farther."""

CUT_OFF_MM = 50.0
"""Of beamlets, sideways: pyRadPlan's own."""

FAR_MM = 150.0
"""No voxel is farther from a field's edge."""

SETTINGS = Settings(
    gy_per_mu=1.0,
    lateral_cut_off_mm=CUT_OFF_MM,
    surface_density=0.05,
    resolution=Resolution(ray_mm=1.0, step_mm=1.0),
)
CRITERIA = GammaCriteria(
    dose_difference_percent=1,
    distance_mm=1,
    difference=Difference.GLOBAL,
    normalisation_gy=Normalisation.REFERENCE_MAXIMUM,
    threshold_percent=10,
    gamma_max=2,
    search=Search.VOLUME,
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Beamlets with their weights in a phantom, and the voxels whose dose is compared."""

    density: Volume[np.float32]
    compared: NDArray[np.bool_]
    beamlets: Beamlets
    weights: Floats

    @property
    def wanted(self) -> DoseVoxels:
        """The compared voxels."""
        return DoseVoxels(grid=self.density.grid, voxels=np.flatnonzero(self.compared).astype(np.int32))


def dose_keys(phantom: Phantom, beam: PencilBeam) -> Result:
    """Points that pass: of an open field by beamlets and as one shape, and of three fields with uneven weights.

    Raises PeerMissingError.
    """
    opened, three = _open_field(phantom), _three_fields(phantom)
    found = {
        "open": _of_beamlets(opened, beam),
        "open as a shape": _of_shape(opened, beam),
        "three": _of_beamlets(three, beam),
    }
    return {"dose_vs_peer_gamma_1mm_1pct": min(each["percent"] for each in found.values()), "dose_vs_peer": found}


def _of_beamlets(case: Case, beam: PencilBeam) -> dict[str, float]:
    """pyRadPlan's beamlets have no share of the open field of their own: its weights carry ours."""
    weights = case.weights * primary_at(beam, case.beamlets.at_mm)
    theirs, seconds = _peer_dose(
        case, weights=weights, field=case.beamlets.field, at_mm=case.beamlets.at_mm, cut_off_mm=CUT_OFF_MM
    )
    ours = _whole(case, dose_of(influence(case.density, beam, case.beamlets, case.wanted, SETTINGS), case.weights))
    # A shift to one side has a meaning for one field only.
    apart = _apart(theirs, ours) if len(case.beamlets.fields) == 1 else {}
    return _figures(theirs, ours) | apart | {"peer_seconds": round(seconds, 1)}


def _of_shape(case: Case, beam: PencilBeam) -> dict[str, float]:
    """The same square field as one map of fluence, without a cut-off sideways."""
    cell = cell_mm(beam)
    half = int(FIELD_MM / 2 / cell)
    line = np.where(np.abs(np.arange(-half, half + 1)) < half, 1.0, 0.5)
    fluence = Fluence(cell_mm=cell, values=np.outer(line, line))
    theirs, seconds = _peer_dose(
        case, weights=np.ones(1), shape=fluence.values.astype(np.float32), cell_mm=cell, cut_off_mm=FAR_MM
    )
    doses = dose_of_aperture(case.density, beam, case.beamlets.fields[0], fluence, case.wanted, SETTINGS)
    ours = _whole(case, doses)
    return _figures(theirs, ours) | _apart(theirs, ours) | {"peer_seconds": round(seconds, 1)}


def _figures(theirs: Volume[np.float32], ours: Volume[np.float32]) -> dict[str, float]:
    judged = gamma_index(theirs, ours, criteria=CRITERIA)
    return {
        "percent": round(judged.pass_percent, 3),
        "points": judged.judged,
        "gamma_p95": round(judged.p95, 3),
        "gamma_highest": round(judged.highest, 3),
    }


def _apart(theirs: Volume[np.float32], ours: Volume[np.float32]) -> dict[str, float]:
    """By what factor and how far sideways their dose is ours, fitted to its slopes, and what is left, in percent of the
    highest.

    pyRadPlan's squares of 5 mm are ten samples 0.5 mm apart from -2.5 to 2.0 mm, so that they lie a quarter of a
    millimetre to one side; and it measures distances across each beamlet's own ray, not across the field's axis.
    """
    their, our = (each.values.astype(np.float64) for each in (theirs, ours))
    inside = ndimage.binary_erosion(their > their.max() * CRITERIA.threshold_percent / 100, iterations=2)
    slopes = [np.gradient(our, spacing, axis=axis)[inside] for axis, spacing in enumerate(ours.grid.spacing[::-1])]
    terms = np.column_stack([our[inside], *slopes])
    factors = np.linalg.lstsq(terms, their[inside], rcond=None)[0]
    left = their[inside] - terms @ factors
    return {
        "their_scale": round(float(factors[0]), 4),
        "their_shift_x_mm": round(float(-factors[3] / factors[0]), 3),
        "their_shift_z_mm": round(float(-factors[1] / factors[0]), 3),
        "left_percent": round(100 * float(np.sqrt(np.mean(left**2))) / float(their.max()), 3),
    }


def _peer_dose(case: Case, **given: Any) -> tuple[Volume[np.float32], float]:
    """pyRadPlan's dose, and how long it took."""
    grid = case.density.grid
    with tempfile.TemporaryDirectory() as scratch:
        file, answer = Path(scratch) / "given.npz", Path(scratch) / "dose.npy"
        np.savez(
            file,
            density=case.density.values,
            compared=case.compared,
            origin=grid.origin,
            spacing=grid.spacing,
            isocentre=case.beamlets.fields[0].isocentre,
            gantry_degrees=[field.gantry_degrees for field in case.beamlets.fields],
            size_mm=case.beamlets.size_mm,
            **given,
        )
        seconds = float(asked(PEER, PROGRAM, "dose", file, answer)["seconds"])
        return Volume(grid=grid, values=np.load(answer)), seconds


def _whole(case: Case, doses: Reals) -> Volume[np.float32]:
    values = np.zeros(case.density.grid.shape, np.float32)
    values[case.compared] = doses
    return Volume(grid=case.density.grid, values=values)


def _open_field(phantom: Phantom) -> Case:
    density, body = _finer(phantom)
    isocentre = phantom.points(TARGET).mean(axis=0)
    count = int(FIELD_MM / BEAMLET_MM)
    places = (np.arange(count) - (count - 1) / 2) * BEAMLET_MM
    at = np.stack(np.meshgrid(places, places, indexing="xy"), axis=-1).reshape(-1, 2)
    beamlets = Beamlets(
        fields=(_field(0, 0.0, isocentre),), size_mm=BEAMLET_MM, field=np.zeros(len(at), np.int16), at_mm=at
    )
    return _case(density, body, beamlets, np.ones(len(at)))


def _three_fields(phantom: Phantom) -> Case:
    """On the target's middle slices, with weights between a half and three halves."""
    density, body = _finer(phantom)
    target = phantom.points(TARGET)
    isocentre = target.mean(axis=0)
    target = target[np.abs(target[:, 2] - isocentre[2]) < SLAB_MM / 2]
    fields = tuple(_field(number, number * 120.0, isocentre) for number in range(3))
    margin = BEAMLET_MM + max(phantom.density.grid.spacing) / 2
    beamlets = beamlets_over(target, fields, size_mm=BEAMLET_MM, margin_mm=margin, axis_mm=SOURCE_MM)
    waves = np.sin(beamlets.at_mm[:, 0] / 12.0) * np.cos(beamlets.at_mm[:, 1] / 17.0)
    return _case(density, body, beamlets, 1.0 + 0.5 * waves)


def _case(density: Volume[np.float32], body: NDArray[np.bool_], beamlets: Beamlets, weights: Floats) -> Case:
    """Compared are voxels of the body that any field sees within its beamlets or `AROUND_MM` about them."""
    flat = np.flatnonzero(body).astype(np.int32)
    points = points_of(density.grid, flat)
    is_near = np.zeros(len(flat), bool)
    for number, field in enumerate(beamlets.fields):
        at = beamlets.at_mm[beamlets.field == number]
        seen = view_of(field, axis_mm=SOURCE_MM).seen(points)
        is_near |= ((seen > at.min(axis=0) - AROUND_MM) & (seen < at.max(axis=0) + AROUND_MM)).all(axis=1)
    compared = np.zeros(density.grid.shape, bool)
    compared.flat[flat[is_near]] = True
    return Case(density=density, compared=compared, beamlets=beamlets, weights=weights)


def _field(number: int, gantry_degrees: float, isocentre: Floats) -> Field:
    return Field(
        number=number + 1,
        isocentre=isocentre,
        gantry_degrees=gantry_degrees,
        collimator_degrees=0.0,
        couch_degrees=0.0,
    )


def _finer(phantom: Phantom) -> tuple[Volume[np.float32], NDArray[np.bool_]]:
    """Density and body on cubes of 2 mm, around the target; outside the body is nothing."""
    grid = phantom.density.grid
    body = np.zeros(grid.shape, np.float32)
    body.flat[phantom.structures["BODY"]] = 1
    points, target = phantom.points("BODY"), phantom.points(TARGET)
    low, high = points.min(axis=0) - 2 * SPACING_MM, points.max(axis=0) + 2 * SPACING_MM
    low[2], high[2] = target[:, 2].min() - BEYOND_MM, target[:, 2].max() + BEYOND_MM
    columns, rows, slices = (int(each) for each in np.ceil((high - low) / SPACING_MM) + 1)
    finer = Grid(origin=low, axes=np.eye(3), spacing=np.full(3, SPACING_MM), shape=(slices, rows, columns))
    at = np.meshgrid(
        *(
            (low[axis] + SPACING_MM * np.arange(count) - grid.origin[axis]) / grid.spacing[axis]
            for axis, count in ((2, slices), (1, rows), (0, columns))
        ),
        indexing="ij",
    )
    inside = ndimage.map_coordinates(body, at, order=1, output=np.float32) >= 0.5
    density = ndimage.map_coordinates(phantom.density.values, at, order=1, output=np.float32, mode="nearest")
    return Volume(grid=finer, values=np.where(inside, density, np.float32(0.0))), inside
