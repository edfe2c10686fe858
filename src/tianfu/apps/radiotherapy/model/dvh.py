"""Dose-volume histograms: how much of a structure gets at least which dose.

The structure is a solid between and beyond its planes (`solids`), the dose is trilinear between voxel centres, the
histogram is a quadrature of one over the other (`quadrature`).  Lowest and highest dose are looked for on the closed
region: at voxel centres within it, on its walls and on its flat ends, since a trilinear dose has no others.
How such histograms are tested against closed forms: Nelms et al. 2015, doi 10.1118/1.4923175.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tianfu.apps.radiotherapy.model.quadrature import (
    Doses,
    Histogram,
    Place,
    Slices,
    Tails,
    gather,
    widen_by_faces,
    widen_by_nodes,
    widen_by_walls,
)
from tianfu.apps.radiotherapy.model.shapes import Shape
from tianfu.apps.radiotherapy.model.solids import Integers, Solid, area_at, solid_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Grid, Volume

Value = TypeVar("Value", bound=np.generic)

SAMPLES_MIN, SAMPLES_MAX = 60_000, 200_000
"""So many samples describe even a small structure; more would not change what is read from its curve. [ours]"""

SAMPLES_A_VOXEL = 8
"""Half a voxel along each axis: in it a trilinear dose is nearly linear. [ours]"""

SUB_SLICES_MIN = 24

BIN_GY_MAX = 0.005
BINS_MIN, BINS_MAX = 1_000, 40_000
"""Fine enough that reading between two edges costs less than the samples do. [ours]"""

NEAR_DRAWN = 0.6
"""The walls of a large structure so near to a drawn ring, in half voxels of the dose, are hardly beyond it. [ours]"""

WHOLE = Tails(low=-np.inf, high=np.inf, parts=1)
"""All samples are taken as they are."""

TAIL_SHARE, TAIL_PARTS = 0.003, 4
"""Of a large structure the coldest and hottest samples are split, for the dose to its last cubic millimetres. [ours]"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Dvh:
    """A dose-volume histogram: `volumes_cc[i]` gets between `edges_gy[i]` and `edges_gy[i + 1]`.

    The first edge is the lowest dose, the last one the highest; their volumes sum up to `volume_cc`.
    `outside_cc` is what lies beyond the dose grid and is counted nowhere else.
    """

    edges_gy: Floats
    volumes_cc: Floats
    mean_gy: float
    outside_cc: float

    @property
    def volume_cc(self) -> float:
        """The volume that has a dose."""
        return float(self.volumes_cc.sum())

    @property
    def min_gy(self) -> float:
        """The lowest dose of the closed region."""
        return float(self.edges_gy[0])

    @property
    def max_gy(self) -> float:
        """The highest dose of the closed region."""
        return float(self.edges_gy[-1])

    @property
    def outside_share(self) -> float:
        """Which share of the structure lies beyond the dose grid."""
        return self.outside_cc / (self.outside_cc + self.volume_cc)

    @property
    def is_partial(self) -> bool:
        """Whether a part of the structure has no dose, so that every figure is one of the rest."""
        return self.outside_cc > 0

    @property
    def at_least_cc(self) -> Floats:
        """The volume that gets at least the dose of each edge: falls from the whole to nothing."""
        above = np.cumsum(self.volumes_cc[::-1])[::-1]
        return np.append(above, 0.0)


def dose_volume_histogram(shape: Shape, frame: Grid, dose: Volume[Value], *, slice_thickness_mm: float | None) -> Dvh:
    """The histogram of a shape, which is in the frame's local millimetres, in a dose in Gy on any grid.

    `slice_thickness_mm` is the thickness of a shape of one plane; None if it is not known.
    Raises Refusal `structure-without-area`, `structure-of-one-plane`, `structure-outside-dose` if no part of it has a
    dose, and `dose-not-finite`.
    """
    if min(dose.grid.shape) < 2:
        raise Refusal("dose-of-one-plane")
    solid = solid_of(shape, slice_thickness_mm=slice_thickness_mm)
    values, place = _numbers(dose), _place(frame, dose.grid)
    volume = _volume_mm3(solid)
    samples = float(np.clip(volume * SAMPLES_A_VOXEL / dose.grid.voxel_mm3, SAMPLES_MIN, SAMPLES_MAX))
    slices = _slices(solid, (volume / samples) ** (1 / 3))
    # Where planes lie closer than samples would, these keep a larger distance in the plane.
    spacing = float(np.sqrt(volume / samples / slices.thickness_mm.mean()))
    ends = _ends(values, place, solid, slices, is_large=samples == SAMPLES_MAX)
    histogram = _histogram(ends)
    reach = np.empty((len(slices.z_mm), 2))
    gather(values, place, solid, slices, spacing, histogram, reach, WHOLE)
    if not histogram.sums[0] > 0:
        raise Refusal("structure-outside-dose")
    if samples == SAMPLES_MAX:
        gather(values, place, solid, slices, spacing, histogram, reach, _tails(histogram))
    return _dvh(histogram, ends)


def _numbers(dose: Volume[Value]) -> Doses:
    return np.ascontiguousarray(dose.values, dtype=np.float64)


def _place(frame: Grid, grid: Grid) -> Place:
    start = grid.indices(frame.patient(np.zeros(3)))
    return Place(matrix=np.ascontiguousarray((grid.indices(frame.patient(np.eye(3))) - start).T), start=start)


def _box(spans: Floats, place: Place, shape: tuple[int, ...]) -> Integers:
    """The first column, row and slice of the dose within spans of x, y and z, and those after the last (3, 2)."""
    corners = np.array([[x, y, z] for x in spans[0] for y in spans[1] for z in spans[2]])
    indices = corners @ place.matrix.T + place.start
    limits = np.array(shape[::-1])
    first = np.clip(np.floor(indices.min(axis=0)), 0, limits)
    after = np.clip(np.ceil(indices.max(axis=0)) + 1, first, limits)
    return np.stack([first, after], axis=1).astype(np.int64)


def _volume_mm3(solid: Solid) -> float:
    """About the volume, with holes counted as if they were full."""
    areas = [area_at(course, 0.0) for course in solid.piece_course]
    return float(np.sum(areas * np.diff(solid.piece_span, axis=1)[:, 0])) or float(np.ptp(solid.piece_span))


def _slices(solid: Solid, spacing: float) -> Slices:
    """Sub-slices that no piece begins or ends within."""
    bounds = np.unique(np.round(solid.piece_span, 6))
    span = bounds[-1] - bounds[0]
    counts = np.ceil(np.diff(bounds) / min(spacing, span / SUB_SLICES_MIN)).astype(np.int64)
    thickness = np.repeat(np.diff(bounds) / counts, counts)
    within = np.concatenate([np.arange(count) for count in counts])
    z = np.repeat(bounds[:-1], counts) + (within + 0.5) * thickness
    is_active = (solid.piece_span[:, 0] < z[:, None]) & (z[:, None] < solid.piece_span[:, 1])
    is_used = is_active.any(axis=1)
    _, pieces = np.nonzero(is_active[is_used])
    starts = np.concatenate([[0], np.cumsum(is_active[is_used].sum(axis=1))])
    return Slices(z_mm=z[is_used], thickness_mm=thickness[is_used], starts=starts, pieces=pieces)


def _ends(values: Doses, place: Place, solid: Solid, slices: Slices, *, is_large: bool) -> Floats:
    """Lowest and highest dose of the closed region; infinite if there is none."""
    ends = np.array([np.inf, -np.inf])
    step = 0.5 / np.abs(place.matrix).max()
    spans = np.array([[np.inf, -np.inf], [np.inf, -np.inf], [solid.piece_span.min(), solid.piece_span.max()]])
    widen_by_walls(values, place, solid, slices, step, NEAR_DRAWN * step if is_large else -1.0, ends, spans)
    widen_by_faces(values, place, solid, step, ends)
    back = np.asarray(np.linalg.inv(place.matrix), dtype=np.float64)
    widen_by_nodes(values, place, back, solid, _box(spans, place, values.shape), ends)
    if np.isnan(ends).any() or ends[0] == -np.inf or ends[1] == np.inf:
        raise Refusal("dose-not-finite")
    return ends


def _histogram(ends: Floats) -> Histogram:
    """Nothing yet, in bins between the ends; one bin for a uniform dose."""
    span = float(ends[1] - ends[0]) if ends[1] > ends[0] else 0.0
    bins = int(np.clip(np.ceil(span / BIN_GY_MAX), BINS_MIN, BINS_MAX)) if span > 0 else 1
    low = float(ends[0]) if np.isfinite(ends[0]) else 0.0
    return Histogram(low=low, bins_a_gy=bins / span if span > 0 else 0.0, volumes=np.zeros(bins), sums=np.zeros(3))


def _tails(histogram: Histogram) -> Tails:
    if histogram.bins_a_gy == 0:
        return Tails(low=-np.inf, high=np.inf, parts=TAIL_PARTS)
    below = np.cumsum(histogram.volumes) / histogram.sums[0]
    first, last = np.searchsorted(below, [TAIL_SHARE, 1 - TAIL_SHARE])
    return Tails(
        low=histogram.low + float(first) / histogram.bins_a_gy,
        high=histogram.low + float(last + 1) / histogram.bins_a_gy,
        parts=TAIL_PARTS,
    )


def _dvh(histogram: Histogram, ends: Floats) -> Dvh:
    volumes = np.maximum(histogram.volumes, 0.0) / 1000
    mean = float(np.clip(histogram.sums[1] / histogram.sums[0], ends[0], ends[1]))
    edges = np.linspace(ends[0], ends[1], len(volumes) + 1)
    return Dvh(edges_gy=edges, volumes_cc=volumes, mean_gy=mean, outside_cc=float(histogram.sums[2]) / 1000)
