"""What a square of beam, or any fluence, spreads across a plane: sums of a pencil beam's kernels (Bortfeld, Schlegel
and Rhein, Med Phys 20(2) 1993, 311).

All is in the plane of the isocentre, on cells as wide as the kernels' radii are apart.  A kernel's value at radius 0 is
the mean of that one cell, which holds what went straight on: whoever samples kernels on other cells than their own
loses or doubles it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, special

from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.machines.kernels import kernels_at
from tianfu.standards.dicom.grids import Floats

FWHM_PER_SIGMA = float(np.sqrt(8 * np.log(2)))

ON_CELL_WITHIN = 1e-9
"""In cells: such places need no interpolation."""

SKIN_WITHIN_MM = 2.0
"""An image shows an outline no finer; over so little, kernels of the generic machine change by 0.3 %. [ours]"""


WORKERS = -1
"""All cores: transforms are dealt out line by line, so that their numbers do not depend on how many there are."""


def cell_mm(beam: PencilBeam) -> float:
    """The width of a cell: the distance of the kernels' first two radii."""
    return float(beam.radius_mm[1] - beam.radius_mm[0])


def kernels_to_skin(beam: PencilBeam, surface_mm: float) -> Floats:
    """Kernels (C, R) at a distance from source to skin that was found in an image, which may be `SKIN_WITHIN_MM` off.

    Raises Refusal `surface-beyond-kernels` if it is farther beyond those that are given.
    """
    near = float(np.clip(surface_mm, beam.surfaces_mm[0], beam.surfaces_mm[-1]))
    return kernels_at(beam, surface_mm=near if abs(near - surface_mm) <= SKIN_WITHIN_MM else surface_mm)


def primary_at(beam: PencilBeam, at_mm: Floats) -> Floats:
    """The open field's relative fluence at places (..., 2) of the isocentre's plane."""
    return np.interp(np.hypot(at_mm[..., 0], at_mm[..., 1]), beam.primary[:, 0], beam.primary[:, 1])


def blurred_edge(places_mm: Floats, *, cell_mm: float, sigma_mm: float) -> Floats:
    """How much of a cell about each place lies beyond 0 when the edge there is blurred by a Gaussian."""
    return np.asarray((_ramp(places_mm + cell_mm / 2, sigma_mm) - _ramp(places_mm - cell_mm / 2, sigma_mm)) / cell_mm)


def square_spread(beam: PencilBeam, surface_mm: float, *, size_mm: float, reach_mm: float) -> Floats:
    """What a square of beam of one unit of fluence gives in each component (C, n, n), at cells up to `reach_mm` from
    its middle; dose is that times depth's share and the inverse square.
    """
    cell = cell_mm(beam)
    sigma = beam.penumbra_fwhm_mm / FWHM_PER_SIGMA
    square_cells = int(np.ceil((size_mm / 2 + 6 * sigma) / cell)) + 1
    places = np.asarray(cell * np.arange(-square_cells, square_cells + 1), np.float64)
    profile = blurred_edge(places + size_mm / 2, cell_mm=cell, sigma_mm=sigma) - blurred_edge(
        places - size_mm / 2, cell_mm=cell, sigma_mm=sigma
    )
    cells = int(np.ceil(reach_mm / cell))
    return spread(np.outer(profile, profile), kernels_to_skin(beam, surface_mm), beam, cells=cells)


def spread(fluence: Floats, kernels: Floats, beam: PencilBeam, *, cells: int) -> Floats:
    """Fluence (an odd number of cells each way) convolved with each kernel (C, 2 cells + 1, 2 cells + 1), nothing
    where it is farther away than kernels reach.
    """
    widest = max(fluence.shape)
    half = min(cells + widest // 2, int(beam.radius_mm[-1] / cell_mm(beam)) + 1)
    beyond = max(0, cells - half - widest // 2)
    if beyond:
        return np.pad(spread(fluence, kernels, beam, cells=cells - beyond), ((0, 0), (beyond,) * 2, (beyond,) * 2))
    # An even length has a place opposite to the middle, so that a quarter of a kernel is all of it.
    length = 2 * fft.next_fast_len(half + (widest + 1) // 2, real=True)
    placed, middle = np.zeros((length, length)), half + widest // 2
    first, after = (middle - size // 2 for size in fluence.shape)
    placed[first : first + fluence.shape[0], after : after + fluence.shape[1]] = fluence
    seen = fft.rfft2(placed, workers=WORKERS)
    kept = (slice(middle - cells, middle + cells + 1),) * 2
    planes = (seen * _transformed(kernel, beam, half=half, length=length) for kernel in kernels)
    return np.array([fft.irfft2(plane, (length, length), workers=WORKERS)[kept] for plane in planes])


def _transformed(kernel: Floats, beam: PencilBeam, *, half: int, length: int) -> Floats:
    """A kernel's real Fourier transform (n, n // 2 + 1) about its middle, out to `half` cells each way.

    It is alike in all quarters, so that the cosine transform of one is all of it (type I: its ends are not doubled).
    """
    offsets = cell_mm(beam) * np.arange(half + 1)
    quarter = np.zeros((length // 2 + 1,) * 2)
    radii = np.hypot(offsets[:, None], offsets[None, :])
    quarter[: half + 1, : half + 1] = np.interp(radii, beam.radius_mm, kernel, right=0.0) * cell_mm(beam) ** 2
    found = fft.dctn(quarter, type=1, workers=WORKERS)
    return np.concatenate([found, found[-2:0:-1]])


def phases(spreads: Floats, *, cell_mm: float, size_mm: float, middle: int) -> NDArray[np.float32]:
    """The same by where a voxel lies between the lattice's places: [phase y, phase x, component, y, x], where the last
    two go from one beamlet to the next.

    A place `middle` in the last two and phase 0 is no offset; phases are about a cell apart, and the last is the first
    of the next beamlet, so that each has a neighbour to interpolate with.
    """
    count = int(np.ceil(size_mm / cell_mm - 1e-9))
    places = 2 * middle + 1
    offsets = (np.arange(places)[None, :] - middle + np.arange(count + 1)[:, None] / count) * size_mm / cell_mm
    at = offsets.ravel() + spreads.shape[1] // 2
    if np.abs(at - np.rint(at)).max() < ON_CELL_WITHIN:
        there = np.clip(np.rint(at).astype(np.int64), 0, spreads.shape[1] - 1)
        found = spreads[:, there[:, None], there[None, :]]
    else:
        grid = np.meshgrid(at, at, indexing="ij")
        found = np.array([ndimage.map_coordinates(each, grid, order=3, mode="nearest") for each in spreads])
    shaped = found.reshape(len(spreads), count + 1, places, count + 1, places)
    return np.ascontiguousarray(shaped.transpose(1, 3, 0, 2, 4), np.float32)


def _ramp(places_mm: Floats, sigma_mm: float) -> Floats:
    """The integral of a blurred edge at 0, from far before it."""
    if sigma_mm <= 0:
        return np.maximum(places_mm, 0.0)
    relative = places_mm / sigma_mm
    density = np.exp(-(relative**2) / 2) / np.sqrt(2 * np.pi)
    return np.asarray(places_mm * special.ndtr(relative) + sigma_mm * density)
