"""A small case of made-up values: each object has all that its codec keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray

from tianfu.standards.dicom.beams import Beam, ControlPoint, LimitingDevice
from tianfu.standards.dicom.control_points import Opening, Stand
from tianfu.standards.dicom.doses import Dose
from tianfu.standards.dicom.encoding import Decoded, decode
from tianfu.standards.dicom.grids import Grid, Volume
from tianfu.standards.dicom.headers import Approval, Header, Patient, Series, Study
from tianfu.standards.dicom.images import ImageSeries
from tianfu.standards.dicom.plans import DoseReference, FractionBeam, FractionGroup, Plan, Setup, ToleranceTable
from tianfu.standards.dicom.structure_sets import PhysicalProperty, ReferencedImages, StructureSet
from tianfu.standards.dicom.structures import Ring, RingKind, Structure
from tianfu.standards.dicom.treatments import (
    Correction,
    DeliveredBeam,
    DeliveredPoint,
    Machine,
    Override,
    Treatment,
)

FRAME = "2.25.1"
STUDY = "2.25.2"
BYTES_MAX = 50_000_000
VOXELS_MAX = 5_000_000
PYDICOMS = Path(pydicom.__file__).parent / "data" / "test_files"


def decoded(content: bytes) -> Decoded:
    return decode(content, bytes_max=BYTES_MAX)


def header(series: str, description: str = "") -> Header:
    return Header(
        patient=Patient(name="王^小明", number="A17", birth_date="19600229", sex="M"),
        study=Study(uid=STUDY, date="20260301", time="101500", number="S1", accession="ACC9"),
        series=Series(uid=series, number=3, description=description),
        frame=FRAME,
    )


def axes(name: str) -> NDArray[np.float64]:
    """Axes of some orientations: rows and columns of the image, and their cross product."""
    oblique = np.array([[0.8, 0.6, 0.0], [-0.48, 0.64, 0.6]])
    first = {
        "transverse": np.array([[1.0, 0, 0], [0, 1, 0]]),
        "feet first": np.array([[-1.0, 0, 0], [0, 1, 0]]),
        "prone": np.array([[-1.0, 0, 0], [0, -1, 0]]),
        "sagittal": np.array([[0, 1.0, 0], [0, 0, -1]]),
        "coronal": np.array([[1.0, 0, 0], [0, 0, -1]]),
        "oblique": oblique,
    }[name]
    return np.vstack([first, np.cross(first[0], first[1])])


ORIENTATIONS = ("transverse", "feet first", "prone", "sagittal", "coronal", "oblique")


def grid(
    orientation: str = "transverse",
    *,
    shape: tuple[int, int, int] = (4, 5, 6),
    origin: tuple[float, float, float] = (-10.5, 20.25, -30.0),
    spacing: tuple[float, float, float] = (0.9, 1.1, 3.0),
) -> Grid:
    return Grid(origin=np.array(origin), axes=axes(orientation), spacing=np.array(spacing), shape=shape)


def images(orientation: str = "transverse") -> ImageSeries:
    where = grid(orientation)
    values = np.arange(int(np.prod(where.shape)), dtype=np.int16).reshape(where.shape) * 13 - 1000
    return ImageSeries(
        header=header("2.25.10", "planning"),
        instances=tuple(f"2.25.100{number}" for number in range(where.shape[0])),
        volume=Volume(grid=where, values=values.astype(np.int16)),
        position="HFS",
        thickness_mm=3.0,
    )


def square(z: float, half: float, *, centre: float = 0.0) -> NDArray[np.float64]:
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    return np.array([(centre + half * x, half * y, z) for x, y in corners])


def structures() -> tuple[Structure, ...]:
    hollow = tuple(
        Ring(points=square(z, half), image=f"2.25.100{number}")
        for number, z in enumerate((-30.0, -27.0))
        for half in (20.0, 10.0)
    )
    keyhole = np.array([(0, 0, -30), (9, 0, -30), (9, 9, -30), (5, 9, -30), (5, 5, -30), (5, 9, -30), (0, 9, -30)])
    return (
        Structure(number=1, name="PTV_5000", kind="PTV", colour=(255, 0, 0), generation="MANUAL", rings=hollow),
        Structure(
            number=2,
            name="肝脏",
            kind="ORGAN",
            colour=(0, 128, 64),
            generation="AUTOMATIC",
            rings=(Ring(points=keyhole.astype(float), kind=RingKind.CLOSED_XOR),),
        ),
        Structure(
            number=7,
            name="iso",
            kind="ISOCENTER",
            colour=None,
            generation="",
            rings=(Ring(points=np.array([[1.0, 2.0, 3.0]]), kind=RingKind.POINT),),
        ),
    )


def structure_set() -> StructureSet:
    return StructureSet(
        header=header("2.25.11"),
        instance="2.25.2000",
        label="FIRST",
        date="20260302",
        time="080000",
        images=(ReferencedImages(study=STUDY, series="2.25.10", instances=images().instances),),
        structures=structures(),
        properties=(PhysicalProperty(structure=2, name="REL_ELEC_DENSITY", value=1.05),),
        approval=Approval(status="APPROVED", reviewer="李^医生", date="20260303", time="120000"),
    )


def beam(number: int = 1, *, moving: bool = True) -> Beam:
    leaves = LimitingDevice(kind="MLCX", pairs=2, boundaries_mm=(-10.0, 0.0, 10.0), distance_mm=490.0)
    jaws = LimitingDevice(kind="ASYMY", pairs=1)
    positions = [(-5.0, -6.0, 5.0, 6.5), (-1.25, -2.0, 5.0, 6.5), (-1.25, -2.0, 2.0, 3.0)]
    weights = (0.0, 0.4, 1.0)
    points = tuple(
        ControlPoint(
            weight=weight,
            stand=Stand(
                gantry_degrees=180.5,
                gantry_direction="NONE",
                collimator_degrees=5.0,
                collimator_direction="NONE",
                couch_degrees=0.0,
                couch_direction="NONE",
                eccentric_degrees=0.0,
                eccentric_direction="NONE",
                energy_mv=6.0,
                openings=(
                    Opening(device="ASYMY", positions_mm=(-40.0, 40.0)),
                    Opening(device="MLCX", positions_mm=positions[place if moving else 0]),
                ),
            ),
            isocentre_mm=(1.5, -2.25, -28.123456789),
            dose_rate=600.0,
        )
        for place, weight in enumerate(weights)
    )
    return Beam(
        number=number,
        name=f"field {number}",
        kind="DYNAMIC" if moving else "STATIC",
        radiation="PHOTON",
        machine="LINAC1",
        delivery="TREATMENT",
        unit="MU",
        axis_mm=1000.0,
        final_weight=1.0,
        devices=(jaws, leaves),
        control_points=points,
        fluence="STANDARD",
        setup=1,
        tolerance=1,
    )


def plan() -> Plan:
    return Plan(
        header=header("2.25.12"),
        instance="2.25.3000",
        label="PLAN A",
        name="计划",
        date="20260304",
        time="090000",
        intent="CURATIVE",
        structure_set="2.25.2000",
        dose_references=(
            DoseReference(
                number=1, place="VOLUME", kind="TARGET", structure=1, prescribed_gy=50.0, target_least_gy=47.5
            ),
            DoseReference(
                number=2, place="COORDINATES", kind="ORGAN_AT_RISK", point_mm=(1.0, 2.0, 3.0), organ_most_gy=45.0
            ),
        ),
        tolerances=(ToleranceTable(number=1, label="usual", gantry_degrees=0.5, devices=(("MLCX", 2.0),)),),
        setups=(Setup(number=1, position="HFS", technique="ISOCENTRIC", vertical_mm=-12.5, lateral_mm=0.0),),
        fraction_groups=(
            FractionGroup(
                number=1,
                fractions=25,
                beams=(FractionBeam(beam=1, meterset=123.4, dose_gy=2.0, dose_point_mm=(0.0, 0.0, 1.0)),),
                dose_references=(1,),
            ),
        ),
        beams=(beam(),),
        approval=Approval(status="UNAPPROVED"),
    )


def dose(orientation: str = "transverse") -> Dose:
    where = grid(orientation, origin=(-9.7, 18.1, -31.3), spacing=(2.5, 2.5, 2.5))
    values = np.linspace(0, 52.3, int(np.prod(where.shape)), dtype=np.float32).reshape(where.shape)
    return Dose(
        header=header("2.25.13"),
        instance="2.25.4000",
        volume=Volume(grid=where, values=values),
        kind="PHYSICAL",
        summation="PLAN",
        heterogeneity=("IMAGE",),
        plan="2.25.3000",
        comment="of our engine",
    )


def treatment() -> Treatment:
    stand = beam().control_points[0].stand
    points = (
        DeliveredPoint(
            index=0,
            date="20260310",
            time="140000",
            specified=0.0,
            delivered=0.0,
            rate_set=600.0,
            rate_delivered=0.0,
            stand=stand,
            overrides=(Override(parameter="300A0128", reason="couch", operator="Zhang^San"),),
            corrections=(Correction(parameter="300A0128", value=-3.5),),
        ),
        DeliveredPoint(
            index=2,
            date="20260310",
            time="140042",
            specified=123.4,
            delivered=123.39,
            rate_set=600.0,
            rate_delivered=598.0,
            stand=stand,
        ),
    )
    return Treatment(
        header=header("2.25.14"),
        instance="2.25.5000",
        number=4,
        date="20260310",
        time="140000",
        plan="2.25.3000",
        fraction_group=1,
        fractions=25,
        unit="MU",
        machine=Machine(name="LINAC1", manufacturer="Maker", model="M1", serial="77", institution="County hospital"),
        beams=(
            DeliveredBeam(
                number=1,
                name="field 1",
                kind="DYNAMIC",
                radiation="PHOTON",
                delivery="TREATMENT",
                fraction=4,
                termination="NORMAL",
                verification="VERIFIED",
                specified=123.4,
                delivered=123.39,
                points=points,
                leaf_pairs=(("ASYMY", 1), ("MLCX", 2)),
                setup=1,
            ),
        ),
        operator="Zhang^San",
    )
