"""A plan that looks like one: fields of several segments set around the target, and a picture of their dose.

NOT a dose engine and NOT an optimiser: metersets are rules of thumb, and `pictured_dose` draws smooth fields that fall
off.  It is good for pages, codecs and grids, and for nothing that concerns a patient.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from demo.radiotherapy.apertures import AXIS_MM, BOUNDARIES_MM, Aperture, View, aperture_around, narrowed
from demo.radiotherapy.made import MadeCase
from tianfu.standards.dicom.beams import Beam, ControlPoint, LimitingDevice
from tianfu.standards.dicom.control_points import Stand
from tianfu.standards.dicom.grids import Floats, Grid, Volume
from tianfu.standards.dicom.plans import DoseReference, FractionBeam, FractionGroup, Setup, ToleranceTable
from tianfu.standards.dicom.structures import Structure

MACHINE = "示例加速器"
MU_PER_GY = 115.0
"""Monitor units for a gray at depth from an open field of middle size. [ours]"""

MODULATION = 2.2
"""How many times more monitor units segments need than one open field. [ours]"""

PENUMBRA_MM = 3.5
ATTENUATION_PER_MM = 0.0045
"""About what 6 MV photons lose in water. [memory]"""

MARGIN_MM = 5.0
MAP_MM = 2.0
MAP_HALF = 110

SHARES = ((0.0, 1.0), (0.0, 0.55), (0.45, 1.0), (0.25, 0.8))
"""Segments of a field, as shares of its width."""

WEIGHTS = (0.4, 0.22, 0.22, 0.16)


@dataclass(frozen=True, kw_only=True)
class Course:
    """What is given: over so many fractions, from these gantry angles."""

    gy: float
    fractions: int
    gantry_degrees: tuple[float, ...]
    energy_mv: float = 6.0
    collimator_degrees: float = 5.0


def course_of(case: MadeCase) -> Course:
    """Two gray a fraction from seven sides; raises ValueError for a case without prescription."""
    if case.prescribed_gy is None:
        raise ValueError(f"nothing is prescribed for {case.name}")
    return Course(
        gy=case.prescribed_gy,
        fractions=round(case.prescribed_gy / 2),
        gantry_degrees=(0.0, 51.0, 103.0, 154.0, 206.0, 257.0, 309.0),
    )


def target_of(case: MadeCase) -> Structure:
    """The target with the highest dose in its name; raises ValueError if there is none."""
    targets = [structure for structure in case.structures if structure.kind == "PTV" and structure.rings]
    if not targets:
        raise ValueError(f"{case.name} has no target")
    return max(targets, key=lambda target: target.name)


def isocentre_of(target: Structure) -> Floats:
    """The middle of the box around the target, to a tenth of a millimetre."""
    points = np.concatenate([ring.points for ring in target.rings])
    return np.asarray(np.round((points.min(axis=0) + points.max(axis=0)) / 2, 1))


def beams_of(case: MadeCase, course: Course) -> tuple[Beam, ...]:
    """One step-and-shoot field for each gantry angle."""
    return tuple(_beam(number, view, case, course) for number, view in enumerate(_views(case, course), start=1))


def fraction_group_of(course: Course, isocentre: Floats) -> FractionGroup:
    """Every beam gives an equal part of each fraction's dose to the isocentre."""
    count = len(course.gantry_degrees)
    share_gy = course.gy / course.fractions / count
    x, y, z = isocentre.tolist()
    beams = tuple(
        FractionBeam(
            beam=number,
            meterset=round(share_gy * MU_PER_GY * MODULATION * (1 + 0.03 * (number % 3)), 1),
            dose_gy=round(share_gy, 4),
            dose_point_mm=(x, y, z),
        )
        for number in range(1, count + 1)
    )
    return FractionGroup(number=1, fractions=course.fractions, beams=beams, dose_references=(1,))


def dose_references_of(case: MadeCase, course: Course) -> tuple[DoseReference, ...]:
    """The prescription to the target, and a limit for each organ."""
    target = target_of(case)
    prescription = DoseReference(
        number=1,
        place="VOLUME",
        kind="TARGET",
        structure=target.number,
        description="示例处方",
        prescribed_gy=course.gy,
        target_least_gy=round(0.95 * course.gy, 2),
        target_most_gy=round(1.07 * course.gy, 2),
    )
    organs = [one for one in case.structures if one.kind in {"ORGAN", "AVOIDANCE"} and one.rings]
    limits = tuple(
        DoseReference(
            number=number,
            place="VOLUME",
            kind="ORGAN_AT_RISK",
            structure=organ.number,
            organ_most_gy=round(0.9 * course.gy, 2),
        )
        for number, organ in enumerate(organs, start=2)
    )
    return (prescription, *limits)


SETUPS = (
    Setup(number=1, position="HFS", technique="ISOCENTRIC", vertical_mm=0.0, longitudinal_mm=0.0, lateral_mm=0.0),
)

TOLERANCES = (
    ToleranceTable(
        number=1,
        label="示例",
        gantry_degrees=0.5,
        collimator_degrees=0.5,
        couch_degrees=0.5,
        vertical_mm=5.0,
        longitudinal_mm=5.0,
        lateral_mm=5.0,
        devices=(("ASYMX", 2.0), ("ASYMY", 2.0), ("MLCX", 2.0)),
    ),
)


def pictured_dose(case: MadeCase, course: Course, grid: Grid) -> Volume[np.float32]:
    """A picture of a dose, not a dose: smooth fields that weaken with depth, as much as prescribed in the isocentre."""
    views = _views(case, course)
    maps = [_open_map(case, view) for view in views]
    scale = course.gy / sum(float(_field(view.isocentre, view, one)) for view, one in zip(views, maps, strict=True))
    values = np.zeros(grid.shape, np.float32)
    slices, rows, columns = grid.shape
    row, column = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    for number in range(slices):
        points = grid.points(np.stack([column, row, np.full_like(row, number)], axis=-1).astype(np.float64))
        values[number] = scale * sum(_field(points, view, one) for view, one in zip(views, maps, strict=True))
    return Volume(grid=grid, values=values)


def _views(case: MadeCase, course: Course) -> tuple[View, ...]:
    isocentre = isocentre_of(target_of(case))
    return tuple(
        View(isocentre=isocentre, gantry_degrees=gantry, collimator_degrees=course.collimator_degrees)
        for gantry in course.gantry_degrees
    )


def _segments_of(case: MadeCase, view: View) -> tuple[Aperture, ...]:
    whole = aperture_around(target_of(case), view, margin_mm=MARGIN_MM)
    return tuple(narrowed(whole, from_share=start, to_share=end) for start, end in SHARES)


def _beam(number: int, view: View, case: MadeCase, course: Course) -> Beam:
    return Beam(
        number=number,
        name=f"示例野 {number}",
        kind="DYNAMIC",
        radiation="PHOTON",
        machine=MACHINE,
        delivery="TREATMENT",
        unit="MU",
        axis_mm=AXIS_MM,
        final_weight=1.0,
        devices=(
            LimitingDevice(kind="ASYMX", pairs=1),
            LimitingDevice(kind="ASYMY", pairs=1),
            LimitingDevice(kind="MLCX", pairs=len(BOUNDARIES_MM) - 1, boundaries_mm=tuple(map(float, BOUNDARIES_MM))),
        ),
        control_points=_control_points(view, _segments_of(case, view), course.energy_mv),
        fluence="STANDARD",
        setup=1,
        tolerance=1,
    )


def _control_points(view: View, segments: tuple[Aperture, ...], energy_mv: float) -> tuple[ControlPoint, ...]:
    """Two for each segment: leaves move only while nothing is given."""
    x, y, z = view.isocentre.tolist()
    reached = [0.0, *np.round(np.cumsum(WEIGHTS), 6).tolist()]
    return tuple(
        ControlPoint(
            weight=weight,
            stand=_stand(view, segment, segments[0], energy_mv),
            isocentre_mm=(x, y, z),
            dose_rate=600.0,
            surface_mm=None,
        )
        for number, segment in enumerate(segments)
        for weight in (reached[number], reached[number + 1])
    )


def _stand(view: View, segment: Aperture, whole: Aperture, energy_mv: float) -> Stand:
    return Stand(
        gantry_degrees=view.gantry_degrees,
        gantry_direction="NONE",
        collimator_degrees=view.collimator_degrees,
        collimator_direction="NONE",
        couch_degrees=0.0,
        couch_direction="NONE",
        eccentric_degrees=0.0,
        eccentric_direction="NONE",
        energy_mv=energy_mv,
        openings=(*whole.jaws(), segment.leaves()),
    )


def _open_map(case: MadeCase, view: View) -> NDArray[np.float64]:
    """How open the field is on average at each point of the isocentre's plane, blurred by the penumbra."""
    place = (np.arange(2 * MAP_HALF + 1) - MAP_HALF) * MAP_MM
    pair = np.clip(np.searchsorted(BOUNDARIES_MM, place, side="right") - 1, 0, len(BOUNDARIES_MM) - 2)
    is_covered = (place >= BOUNDARIES_MM[0]) & (place < BOUNDARIES_MM[-1])
    opened = np.zeros((len(place), len(place)))
    for segment, weight in zip(_segments_of(case, view), WEIGHTS, strict=True):
        inside = (place[None, :] >= segment.first_mm[pair][:, None]) & (
            place[None, :] < segment.second_mm[pair][:, None]
        )
        opened += weight * (inside & is_covered[:, None])
    return np.asarray(gaussian_filter(opened, PENUMBRA_MM / MAP_MM))


def _field(points: Floats, view: View, opened: NDArray[np.float64]) -> Floats:
    seen = view.seen(points) / MAP_MM + MAP_HALF
    nearer = (points - view.isocentre) @ view.toward_source
    share = map_coordinates(opened, [seen[..., 1].reshape(-1), seen[..., 0].reshape(-1)], order=1)
    return np.asarray(share.reshape(nearer.shape) * np.exp(ATTENUATION_PER_MM * nearer))
