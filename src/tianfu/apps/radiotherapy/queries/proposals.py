"""What a provider drew as a structure set on its images, unapproved and nobody's yet; and a case as an atlas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from tianfu.apps.radiotherapy.model.contouring.atlases import Atlas
from tianfu.apps.radiotherapy.model.contouring.outlines import outlined
from tianfu.apps.radiotherapy.model.contouring.providers import Contouring, Drawn
from tianfu.apps.radiotherapy.model.contouring.reviews import AUTOMATIC, UNAPPROVED, unreviewed_of
from tianfu.apps.radiotherapy.model.masks import Mask, mask_of
from tianfu.apps.radiotherapy.model.shapes import shape_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.grids import Grid
from tianfu.standards.dicom.headers import OURS, Series
from tianfu.standards.dicom.images import ImageSeries
from tianfu.standards.dicom.names import Exact, standard_name_of
from tianfu.standards.dicom.structure_sets import ReferencedImages, StructureSet
from tianfu.standards.dicom.structures import Ring, Structure

LABEL = "UNREVIEWED"
"""Structure Set Label (3006,0002): what a list of another system shows first; a Short String has 16 characters."""

DESCRIPTION = "Automatic contours, unreviewed, not for clinical use"
"""Series Description (0008,103E)."""

LONG_STRING = 64
"""Most characters of a Long String (PS3.5 6.2)."""

COLOURS: Mapping[str, tuple[int, int, int]] = {
    "Body": (90, 160, 90),
    "Lung_L": (60, 110, 220),
    "Lung_R": (40, 150, 160),
    "Lungs": (110, 180, 230),
    "Bone": (200, 190, 160),
}
OTHER_COLOURS = ((240, 190, 40), (180, 80, 180), (230, 130, 60), (120, 80, 180), (150, 110, 70), (220, 90, 90))


@dataclass(frozen=True, kw_only=True)
class Fineness:
    """How rings are drawn from masks; see `outlines`."""

    softness_voxels: float
    tolerance_mm: float


@dataclass(frozen=True, kw_only=True)
class Making:
    """Names and time of a new structure set."""

    series: str
    instance: str
    at: datetime


def structure_set_of(
    contouring: Contouring, images: ImageSeries, *, fineness: Fineness, making: Making
) -> StructureSet:
    """A structure set of everything that was drawn; raises Refusal `contouring-nothing-drawn` if that is nothing."""
    structures = tuple(
        _structure(number, drawn, contouring, images, fineness)
        for number, drawn in enumerate(contouring.drawn, start=1)
    )
    structures = tuple(each for each in structures if each.rings)
    if not structures:
        raise Refusal("contouring-nothing-drawn", details={"provider": contouring.provider})
    series = Series(uid=making.series, description=DESCRIPTION)
    header = replace(images.header, series=series, manufacturer=OURS)
    study, scanned = images.header.study.uid, images.header.series.uid
    return StructureSet(
        header=header,
        instance=making.instance,
        label=LABEL,
        date=f"{making.at:%Y%m%d}",
        time=f"{making.at:%H%M%S}",
        images=(ReferencedImages(study=study, series=scanned, instances=images.instances),),
        structures=structures,
        approval=UNAPPROVED,
    )


def method_of(drawn: Drawn, contouring: Contouring) -> str:
    """How a structure was made, for its ROI Generation Description."""
    sure = "" if drawn.confidence is None else f", confidence {drawn.confidence:.2f}"
    # What must not be cut off comes first.
    return f"UNREVIEWED{sure}; {contouring.provider} {contouring.version}"[:LONG_STRING]


def _structure(number: int, drawn: Drawn, contouring: Contouring, images: ImageSeries, fineness: Fineness) -> Structure:
    grid = images.volume.grid
    shape = outlined(drawn.mask, grid, softness_voxels=fineness.softness_voxels, tolerance_mm=fineness.tolerance_mm)
    rings = tuple(
        Ring(
            points=grid.patient(np.column_stack([ring, np.full(len(ring), plane.z_mm)])),
            image=images.instances[round(plane.z_mm / float(grid.spacing[2]))],
        )
        for plane in shape.planes
        for ring in plane.rings
    )
    return Structure(
        number=number,
        name=drawn.name,
        kind=drawn.kind,
        colour=COLOURS.get(drawn.name, OTHER_COLOURS[number % len(OTHER_COLOURS)]),
        generation=AUTOMATIC,
        rings=rings,
        method=method_of(drawn, contouring),
    )


def atlas_from(case: Case, *, name: str, origin: str, consent: str) -> Atlas:
    """A case with one CT and one structure set as an atlas: its structures that have a name of TG-263.

    Raises Refusal `atlas-not-a-case`, `frames-differ`, `atlas-unreviewed` and `atlas-has-no-name`.
    """
    if len(case.images) != 1 or len(case.structure_sets) != 1:
        images, sets = str(len(case.images)), str(len(case.structure_sets))
        raise Refusal("atlas-not-a-case", details={"atlas": name, "images": images, "sets": sets})
    images_there, structure_set = case.images[0], case.structure_sets[0]
    if images_there.header.frame != structure_set.header.frame:
        raise Refusal("frames-differ")
    grid = images_there.volume.grid
    named = {
        standard.name: structure
        for structure in structure_set.structures
        if isinstance(standard := standard_name_of(structure.name), Exact) and structure.rings
    }
    if unreviewed := unreviewed_of(tuple(named.values())):
        names = ", ".join(each.name for each in unreviewed)
        raise Refusal("atlas-unreviewed", details={"atlas": name, "structures": names})
    labels = {standard: _label(structure, grid) for standard, structure in named.items()}
    if not labels:
        raise Refusal("atlas-has-no-name", details={"atlas": name})
    return Atlas(id=name, ct=images_there.volume, labels=labels, origin=origin, consent=consent)


def _label(structure: Structure, grid: Grid) -> Mask:
    shape = shape_of(structure, grid)
    return mask_of(shape, grid, step_mm=shape.step_mm or float(grid.spacing[2]))
