"""A case to plan on: its images as density, its contours as voxels, by the names that a template uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tianfu.apps.radiotherapy.model.contouring.reviews import refuse_unreviewed
from tianfu.apps.radiotherapy.model.masks import in_grid, mask_of, touched_by
from tianfu.apps.radiotherapy.model.planning.subjects import Patient, Subject, Target, dose_grid_over
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
from tianfu.apps.radiotherapy.model.scanlines import Bools
from tianfu.apps.radiotherapy.model.shapes import CLOSED, Shape, shape_of
from tianfu.apps.radiotherapy.model.transport.density import density_of, density_within
from tianfu.apps.radiotherapy.model.transport.density_reading import table_findings
from tianfu.apps.radiotherapy.model.transport.density_tables import DensityTable, refuse_other_table
from tianfu.apps.radiotherapy.queries.evaluation import (
    images_of,
    refuse_other_frames,
    refuse_other_patients,
    structures_for,
)
from tianfu.apps.radiotherapy.queries.plan_findings import density_findings, isocentre_findings
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.findings import Finding, found
from tianfu.standards.dicom.grids import Grid, Volume
from tianfu.standards.dicom.headers import refuse_unwritable
from tianfu.standards.dicom.images import ImageSeries
from tianfu.standards.dicom.names import Unknown, standard_name_of
from tianfu.standards.dicom.plans import Plan
from tianfu.standards.dicom.structure_sets import StructureSet
from tianfu.standards.dicom.structures import Structure

POSITION = "HFS"
"""Angles are turned into directions for patients on their back with the head first alone."""

EXTERNAL = "EXTERNAL"

TOUCHED_LEAST = 0.1
"""A voxel with a smaller part of a target in it is not asked for its dose: its middle is too far outside. [ours]"""


@dataclass(frozen=True, kw_only=True, eq=False)
class PlanBase:
    """What of a case a plan is made on; `structures` are those of the wish by its names, `told` what is odd."""

    images: ImageSeries
    structure_set: StructureSet
    structures: dict[str, Structure]
    subject: Subject
    told: tuple[Finding, ...]


def plan_base_of(case: Case, wish: PlanWish, table: DensityTable) -> PlanBase:
    """The case as a wish sees it, by the density table that it names.

    Raises Refusal `density-table-differs`, those of `images_of` and `structures_for`, `frames-differ`,
    `dicom-value-not-writable`, `case-mixed-patients`, `plan-position-not-supported`, `plan-structure-missing`,
    `plan-structure-unclear`, `structure-empty`, and `structures-unreviewed` for contours that a program drew and nobody
    accepted.
    """
    named = wish.computation.density_table
    refuse_other_table(table, name=named.name, version=named.version)
    images, structure_set, structures = ground_of(case, wish)
    patient = _patient(images, structures[wish.body], table, spacing_mm=wish.computation.spacing_mm)
    masks = {name: _inside(one, images, patient.grid) for name, one in structures.items()}
    target = structures[wish.prescription.structure]
    subject = Subject(
        density=patient.density,
        grid=patient.grid,
        body=patient.body,
        masks={**masks, wish.body: patient.body},
        target=Target(shape=shape_of(target, images.volume.grid), image=images.volume.grid),
        touched={name: _touched(structures[name], images, patient) for name in wish.targets},
    )
    return PlanBase(
        images=images,
        structure_set=structure_set,
        structures=structures,
        subject=subject,
        told=(
            *_overrides(structure_set),
            *isocentre_findings(wish, [structures[name] for name in wish.targets]),
            *table_findings(table),
            *density_findings(images, patient, table),
        ),
    )


def ground_of(case: Case, wish: PlanWish) -> tuple[ImageSeries, StructureSet, dict[str, Structure]]:
    """The image, the contours and the wish's structures by its names: what is known before any voxel is looked at.

    Raises Refusal as `plan_base_of` does, but for what a density table or a voxel says.
    """
    images, structure_set = _ground(case, None)
    structures = {name: _named(structure_set.structures, name) for name in wish.structures}
    refuse_unreviewed(tuple(structures.values()))
    return images, structure_set, structures


def chosen_of(case: Case, *, structure_set: str | None, images: str | None) -> Case:
    """The case with no other contours and images than those chosen, by SOP and by Series Instance UID; None for any.

    Raises Refusal `structures-not-there` or `images-not-there`.
    """
    sets = tuple(one for one in case.structure_sets if structure_set in {None, one.instance})
    series = tuple(one for one in case.images if images in {None, one.header.series.uid})
    if structure_set is not None and not sets:
        raise Refusal("structures-not-there", details={"instance": structure_set})
    if images is not None and not series:
        raise Refusal("images-not-there", details={"series": images})
    return replace(case, images=series, structure_sets=sets)


def patient_of(
    case: Case, plan: Plan, table: DensityTable, *, spacing_mm: float
) -> tuple[Patient, tuple[Finding, ...]]:
    """The body in which a plan's dose is computed, by the contours that the plan was made for, and what is odd in it.

    Raises Refusal as `plan_base_of` does, `plan-structure-missing` if no structure is the patient's outline,
    `plan-structure-unclear` if several are.
    """
    images, structure_set = _ground(case, plan)
    bodies = [one for one in structure_set.structures if one.kind == EXTERNAL and one.rings]
    if not bodies:
        raise _missing(EXTERNAL, structure_set.structures)
    if len(bodies) > 1:
        raise Refusal("plan-structure-unclear", details={"structure": EXTERNAL, "count": str(len(bodies))})
    patient = _patient(images, bodies[0], table, spacing_mm=spacing_mm)
    return patient, (*_overrides(structure_set), *density_findings(images, patient, table))


def _ground(case: Case, plan: Plan | None) -> tuple[ImageSeries, StructureSet]:
    images, structure_set = images_of(case), structures_for(case, plan)
    refuse_other_frames(images, structure_set.header)
    refuse_unwritable(structure_set.header)
    headers = {f"RTSTRUCT {structure_set.label}": structure_set.header}
    refuse_other_patients(images, headers if plan is None else {**headers, f"RTPLAN {plan.label}": plan.header})
    # Angles of a plan mean what they mean as the plan has the patient lie, whatever the image says.
    lain = () if plan is None else tuple(setup.position for setup in plan.setups if setup.position)
    for position in (images.position, *lain):
        if position != POSITION:
            raise Refusal("plan-position-not-supported", details={"position": position or "?", "known": POSITION})
    return images, structure_set


def _named(structures: Sequence[Structure], name: str) -> Structure:
    """The structure of this name, or else the one whose standard name it is."""
    there = [one for one in structures if one.name == name]
    if not there:
        there = [one for one in structures if _standard(one.name) == name]
    if not there:
        raise _missing(name, structures)
    if len(there) > 1:
        raise Refusal("plan-structure-unclear", details={"structure": name, "count": str(len(there))})
    if not any(ring.kind in CLOSED for ring in there[0].rings):
        raise Refusal("structure-empty", details={"structure": name})
    return there[0]


def _missing(name: str, structures: Sequence[Structure]) -> Refusal:
    known = ", ".join(one.name for one in structures)
    return Refusal("plan-structure-missing", details={"structure": name, "known": known})


def _standard(name: str) -> str | None:
    standard = standard_name_of(name)
    return None if isinstance(standard, Unknown) else standard.name


def _patient(images: ImageSeries, body: Structure, table: DensityTable, *, spacing_mm: float) -> Patient:
    whole = _inside(body, images, images.volume.grid)
    if not whole.any():
        raise Refusal("structure-without-voxels", details={"structure": body.name})
    grid = dose_grid_over(whole, images.volume.grid, spacing_mm=spacing_mm)
    hounsfield = Volume(grid=images.volume.grid, values=images.volume.values.astype(np.float32))
    return Patient(
        density=density_within(density_of(hounsfield, table), whole),
        grid=grid,
        body=_inside(body, images, grid),
    )


def _inside(structure: Structure, images: ImageSeries, grid: Grid) -> Bools:
    """The voxels of a structure; its planes stand for what lies between the image's slices."""
    shape, step_mm = _drawn_in(structure, images, grid)
    return np.ascontiguousarray(mask_of(shape, grid, step_mm=step_mm).full())


def _touched(structure: Structure, images: ImageSeries, patient: Patient) -> Bools:
    """The voxels of the body that a structure lies in."""
    shape, step_mm = _drawn_in(structure, images, patient.grid)
    return touched_by(shape, patient.grid, step_mm=step_mm, least=TOUCHED_LEAST) & patient.body


def _drawn_in(structure: Structure, images: ImageSeries, grid: Grid) -> tuple[Shape, float]:
    source = images.volume.grid
    return in_grid(shape_of(structure, source), source=source, target=grid), float(source.spacing[2])


def _overrides(structure_set: StructureSet) -> tuple[Finding, ...]:
    """Densities that contours state and that are not used: those of the image are."""
    count = len(structure_set.properties)
    return (found("plan-densities-not-used", count=count),) if count else ()
