"""What today's layers notice of a case: its readers, its links, and the geometry of its structures and dose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from demo.radiotherapy.faults.fault import Layer
from demo.radiotherapy.objects import Objects
from tianfu.apps.radiotherapy.model.dvh import dose_volume_histogram
from tianfu.apps.radiotherapy.model.polygons import area_of
from tianfu.apps.radiotherapy.model.repairs import repaired
from tianfu.apps.radiotherapy.model.shapes import Shape, shape_of
from tianfu.apps.radiotherapy.model.volumes import gaps_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.cases import Case, broken_links, read_case
from tianfu.standards.dicom.grids import Grid
from tianfu.standards.dicom.structures import Structure

FORGOTTEN_MAX = 4
"""So many missing planes in a row may have been forgotten; more are two parts of one structure. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a reader may be given at most."""

    bytes_max: int
    voxels_max: int


Notices = frozenset[tuple[Layer, str]]
"""Codes, each with the layer that gave it."""


def noticed(objects: Objects, limits: Limits, *, with_geometry: bool = True) -> Notices:
    """All that the layers say; a refusal is the readers' and ends it, since half a case is none."""
    try:
        reading = read_case(objects.contents(), bytes_max=limits.bytes_max, voxels_max=limits.voxels_max)
    except Refusal as refusal:
        return frozenset({(Layer.CODEC, refusal.code)})
    linked = {finding.code for finding in broken_links(reading.value)}
    said = {
        *((Layer.CODEC, code) for code in reading.codes() - linked),
        *((Layer.LINKS, code) for code in linked),
    }
    if with_geometry:
        said.update((Layer.GEOMETRY, code) for code in geometry_codes(reading.value))
    return frozenset(said)


def geometry_codes(case: Case) -> Iterator[str]:
    """Flaws of rings, forgotten slices, and targets that the dose does not cover."""
    for structure_set in case.structure_sets:
        for structure in structure_set.structures:
            yield from _codes_of(structure, case)


def _codes_of(structure: Structure, case: Case) -> Iterator[str]:
    grid = case.images[0].volume.grid
    try:
        drawn = shape_of(structure, grid)
    except Refusal as refusal:
        yield refusal.code
        return
    shape, findings = repaired(drawn)
    yield from (finding.flaw.value for finding in findings)
    if forgets_a_slice(shape, step_mm=float(grid.spacing[2])):
        yield "structure-slice-missing"
    if structure.kind == "PTV" and _is_beyond_dose(shape, grid, case):
        yield "target-outside-dose"


def forgets_a_slice(shape: Shape, *, step_mm: float) -> bool:
    """Whether between two planes that overlap a few are missing."""
    missing = {gap.below_mm for gap in gaps_of(shape, step_mm=step_mm) if gap.missing <= FORGOTTEN_MAX}
    return any(
        below.z_mm in missing and area_of(below.rings).intersects(area_of(above.rings))
        for below, above in pairwise(shape.planes)
    )


def _is_beyond_dose(shape: Shape, grid: Grid, case: Case) -> bool:
    try:
        return any(
            dose_volume_histogram(shape, grid, dose.volume, slice_thickness_mm=float(grid.spacing[2])).is_partial
            for dose in case.doses
        )
    except Refusal:
        return True
