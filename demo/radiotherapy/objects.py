"""A made case as the DICOM objects that a planning system would send: all of one made-up patient, in one chain of UIDs.

The same case and the same seed give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from uuid import UUID

import numpy as np

from demo.dice import Dice
from demo.radiotherapy.made import MadeCase
from demo.radiotherapy.phantoms import large_phantom, made_phantom
from demo.radiotherapy.plans import (
    SETUPS,
    TOLERANCES,
    Course,
    beams_of,
    course_of,
    dose_references_of,
    fraction_group_of,
    isocentre_of,
    pictured_dose,
    target_of,
)
from demo.radiotherapy.sessions import treatments_of
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.doses import Dose, write_dose
from tianfu.standards.dicom.grids import Floats, Grid
from tianfu.standards.dicom.headers import Approval, Header, Patient, Series, Study
from tianfu.standards.dicom.images import ImageSeries, write_images
from tianfu.standards.dicom.plans import Plan, write_plan
from tianfu.standards.dicom.structure_sets import ReferencedImages, StructureSet, write_structure_set
from tianfu.standards.dicom.structures import Structure
from tianfu.standards.dicom.treatments import write_treatment

DOSE_SPACING_MM = 4.0
ON_A_SLICE_WITHIN_MM = 0.05


class Kind(StrEnum):
    """The kinds of objects of a case, as files are named."""

    CT = "CT"
    STRUCTURES = "RS"
    PLAN = "RP"
    DOSE = "RD"
    RECORD = "RT"


@dataclass(frozen=True, kw_only=True)
class Objects:
    """The files of one case, of each kind in order."""

    files: Mapping[Kind, tuple[bytes, ...]]

    def of(self, kind: Kind) -> tuple[bytes, ...]:
        """All of one kind."""
        return self.files.get(kind, ())

    def contents(self) -> tuple[bytes, ...]:
        """All objects."""
        return tuple(content for kind in Kind for content in self.of(kind))

    def with_files(self, kind: Kind, files: tuple[bytes, ...]) -> Objects:
        """The same case with other files of one kind."""
        return Objects(files={**self.files, kind: files})


@dataclass(frozen=True, kw_only=True)
class Making:
    """How a case becomes objects: `seed` decides on UIDs, patient and dates; so many fractions have been given."""

    seed: int
    fractions_given: int = 0


def uid(making: Making, *words: object) -> str:
    """A UID derived from a UUID (PS3.5 B.2), the same for the same seed and words."""
    digest = blake2b("/".join(map(str, ("tianfu-demo-radiotherapy", making.seed, *words))).encode(), digest_size=16)
    return f"2.25.{UUID(bytes=digest.digest(), version=5).int}"


def patient_of(making: Making) -> Patient:
    """Somebody who cannot be mistaken for a living person."""
    dice = Dice("radiotherapy", making.seed)
    return Patient(
        name=f"示例^演示{making.seed}",
        number=f"DEMO-{making.seed:05}",
        birth_date=f"{dice.randrange(1935, 1995)}0101",
        sex=dice.pick("MF"),
    )


def values_of(case: MadeCase, making: Making, *, course: Course | None = None) -> Case:
    """All objects of the case as values: what their readers are to give back; the usual course if none is given."""
    course = course or course_of(case)
    images = _images(case, making)
    structure_set = _structure_set(case, making, images)
    plan = _plan(case, making, course)
    dose = _dose(case, making, course)
    treatments = treatments_of(
        plan,
        _header(making, "records"),
        instances=[uid(making, "record", number) for number in range(1, making.fractions_given + 1)],
        first=_day(making, 7),
    )
    return Case(images=(images,), structure_sets=(structure_set,), plans=(plan,), doses=(dose,), treatments=treatments)


def contoured_values_of(case: MadeCase, making: Making) -> Case:
    """Images and contours alone, for who plans on them."""
    images = _images(case, making)
    return Case(images=(images,), structure_sets=(_structure_set(case, making, images),))


def objects_of(case: MadeCase, making: Making) -> Objects:
    """The case as files of PS3.10."""
    return written(values_of(case, making))


def written(case: Case) -> Objects:
    """Values as files."""
    return Objects(
        files={
            Kind.CT: tuple(content for series in case.images for content in write_images(series)),
            Kind.STRUCTURES: tuple(map(write_structure_set, case.structure_sets)),
            Kind.PLAN: tuple(map(write_plan, case.plans)),
            Kind.DOSE: tuple(map(write_dose, case.doses)),
            Kind.RECORD: tuple(map(write_treatment, case.treatments)),
        }
    )


def write_case(objects: Objects, folder: Path) -> tuple[Path, ...]:
    """Write each object to a file named by its kind and number; the folder is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(_files(objects, folder))


def _files(objects: Objects, folder: Path) -> Iterator[Path]:
    for kind in Kind:
        for number, content in enumerate(objects.of(kind), start=1):
            file = folder / f"{kind}{number:04}.dcm"
            file.write_bytes(content)
            yield file


def _day(making: Making, later: int = 0) -> str:
    return (date(2026, 3, 2) + timedelta(days=making.seed % 200 + later)).strftime("%Y%m%d")


def _header(making: Making, series: str) -> Header:
    return Header(
        patient=patient_of(making),
        study=Study(uid=uid(making, "study"), date=_day(making), time="090000", number=f"D{making.seed}"),
        series=Series(uid=uid(making, "series", series), number=1, description=f"演示 {series}"),
        frame=uid(making, "frame"),
    )


def _images(case: MadeCase, making: Making) -> ImageSeries:
    grid = case.ct.grid
    return ImageSeries(
        header=_header(making, "CT"),
        instances=tuple(uid(making, "slice", number) for number in range(grid.shape[0])),
        volume=case.ct,
        position="HFS",
        thickness_mm=float(grid.spacing[2]),
    )


def _structure_set(case: MadeCase, making: Making, images: ImageSeries) -> StructureSet:
    header = _header(making, "structures")
    return StructureSet(
        header=header,
        instance=uid(making, "structures"),
        label="DEMO",
        date=_day(making, 1),
        time="100000",
        images=(ReferencedImages(study=header.study.uid, series=images.header.series.uid, instances=images.instances),),
        structures=tuple(_on_slices(structure, images) for structure in case.structures if structure.rings),
        approval=Approval(status="UNAPPROVED"),
    )


def _on_slices(structure: Structure, images: ImageSeries) -> Structure:
    """The structure whose rings say on which slice they were drawn, where they lie on one."""
    grid = images.volume.grid

    def image(points: Floats) -> str | None:
        height = float(grid.local(points[:1])[0, 2])
        number = round(height / grid.spacing[2])
        is_there = abs(height - number * grid.spacing[2]) <= ON_A_SLICE_WITHIN_MM and 0 <= number < grid.shape[0]
        return images.instances[number] if is_there else None

    return replace(structure, rings=tuple(replace(ring, image=image(ring.points)) for ring in structure.rings))


def _plan(case: MadeCase, making: Making, course: Course) -> Plan:
    return Plan(
        header=_header(making, "plan"),
        instance=uid(making, "plan"),
        label="DEMO",
        name=f"演示 {case.name}",
        description="示例 不得用于患者",
        date=_day(making, 2),
        time="110000",
        intent="RESEARCH",
        structure_set=uid(making, "structures"),
        doses=(uid(making, "dose"),),
        dose_references=dose_references_of(case, course),
        tolerances=TOLERANCES,
        setups=SETUPS,
        fraction_groups=(fraction_group_of(course, isocentre_of(target_of(case))),),
        beams=beams_of(case, course),
        approval=Approval(status="UNAPPROVED"),
    )


def _dose(case: MadeCase, making: Making, course: Course) -> Dose:
    drawn = case.dose or pictured_dose(case, course, dose_grid_over(case.ct.grid))
    return Dose(
        header=_header(making, "dose"),
        instance=uid(making, "dose"),
        volume=drawn,
        kind="PHYSICAL",
        summation="PLAN",
        heterogeneity=("WATER",),
        plan=uid(making, "plan"),
        comment="a formula or a picture, not a dose of a patient",
    )


def dose_grid_over(image: Grid, *, spacing_mm: float = DOSE_SPACING_MM) -> Grid:
    """A coarser grid within an image's, not on its voxels."""
    counts = np.maximum(2, np.floor(image.extent / spacing_mm).astype(int))
    left = image.extent - (counts - 1) * spacing_mm
    columns, rows, slices = (int(count) for count in counts)
    return replace(image, origin=image.patient(left / 2), spacing=np.full(3, spacing_mm), shape=(slices, rows, columns))


def speed_case(*, seed: int) -> Objects:
    """150 slices of 512 x 512 with structures, plan and dose, as bytes: 85 MB, in about two seconds."""
    return objects_of(made_phantom(large_phantom()), Making(seed=seed))
