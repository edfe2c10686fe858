"""Rules on beams: energy, isocentre, angles, monitor units, machine (PS3.3 C.8.8.14, angles of IEC 61217)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations, pairwise

import numpy as np

from tianfu.apps.radiotherapy.model.checking.books import IEC_61217, MPPG_11A, TG_275, Book, dicom
from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError, Seen, Severity, Topic, seen
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.apps.radiotherapy.model.machines.collimators import turns_to
from tianfu.apps.radiotherapy.model.rings import is_inside
from tianfu.standards.dicom.beams import Beam
from tianfu.standards.dicom.control_points import Stand
from tianfu.standards.dicom.grids import Floats

BOOK = Book(Topic.BEAMS)

AXIS_MM = (800.0, 1100.0)
SAME_MM, SAME_DEGREES = 0.01, 0.5
TARGET_WITHIN_MM = 50.0
ROUND_MM = 0.1
"""Finer shifts cannot be set at a couch. [ours]"""

MU_LEAST = 5.0
COLLISIONS = ((20.0, 120.0, 240.0), (45.0, 95.0, 265.0))
"""With the couch turned by more than the first, a gantry between the others comes near it or the patient. [ours]"""

NAMED_GANTRY = re.compile(r"(?<![A-Za-z])(?:Gantry|gantry|G|g)[ _]?([0-9]{1,3})(?![0-9])")
MU_WITHIN = 1e-3


@BOOK.rule("beam-energy-missing", Severity.STOP, TG_275, "inferred")
def _energy(checked: Checked) -> Iterator[Seen]:
    for beam in checked.beams:
        if any(point.stand.energy_mv is None for point in beam.control_points):
            yield seen({"beam": beam.number})


@BOOK.rule("beam-energy-changes", Severity.STOP, TG_275, "inferred")
def _energy_changes(checked: Checked) -> Iterator[Seen]:
    for beam in checked.beams:
        if len(energies := _energies(beam)) > 1:
            yield seen({"beam": beam.number}, found=_listed(energies, "MV"))


@BOOK.rule("beam-energies-differ", Severity.NOTICE, TG_275, "ours")
def _energies_differ(checked: Checked) -> Iterator[Seen]:
    energies = {energy for beam in checked.beams for energy in _energies(beam)}
    if len(energies) > 1:
        yield seen(found=_listed(energies, "MV"))


@BOOK.rule("beam-not-photons", Severity.WARNING, dicom("C.8.8.14"), "ours")
def _photons(checked: Checked) -> Iterator[Seen]:
    for beam in checked.beams:
        if beam.radiation != "PHOTON":
            yield seen({"beam": beam.number}, found=beam.radiation or "?", expected="PHOTON")


@BOOK.rule("isocentres-differ", Severity.WARNING, TG_275, "inferred")
def _isocentres(checked: Checked) -> Iterator[Seen]:
    first = _isocentre(checked.beams[0])
    for beam in checked.beams[1:]:
        away = float(np.linalg.norm(_isocentre(beam) - first))
        if away > SAME_MM:
            yield seen({"beam": beam.number}, found=f"{away:.1f} mm", other=checked.beams[0].number)


@BOOK.rule("isocentre-moves", Severity.STOP, TG_275, "inferred")
def _isocentre_moves(checked: Checked) -> Iterator[Seen]:
    for beam in checked.beams:
        places = {point.isocentre_mm for point in beam.control_points if point.isocentre_mm is not None}
        if len(places) > 1:
            yield seen({"beam": beam.number}, found=len(places), limit=1)


@BOOK.rule("isocentre-outside-body", Severity.STOP, TG_275, "inferred")
def _in_body(checked: Checked) -> Iterator[Seen]:
    grid, shape = checked.images.volume.grid, checked.shape(checked.body)
    for place in places_of(checked):
        local = grid.local(np.array(place))
        plane = min(shape.planes, key=lambda plane: abs(plane.z_mm - local[2]))
        is_near = abs(plane.z_mm - local[2]) <= float(grid.spacing[2])
        if not (is_near and sum(is_inside(float(local[0]), float(local[1]), ring) for ring in plane.rings) % 2):
            yield seen({"isocentre": said_of(place)})


@BOOK.rule("isocentre-far-from-target", Severity.WARNING, TG_275, "ours")
def _near_target(checked: Checked) -> Iterator[Seen]:
    points = checked.points(checked.target)
    for place in places_of(checked):
        beyond = np.maximum(0, np.maximum(points.min(axis=0) - place, place - points.max(axis=0)))
        away = float(np.linalg.norm(beyond))
        if away > TARGET_WITHIN_MM:
            yield seen({"isocentre": said_of(place)}, found=f"{away:.0f} mm", limit=f"{TARGET_WITHIN_MM:g} mm")


@BOOK.rule("isocentre-not-round", Severity.NOTICE, MPPG_11A, "ours")
def _round(checked: Checked) -> Iterator[Seen]:
    for place in places_of(checked):
        if np.abs(np.array(place) / ROUND_MM - np.rint(np.array(place) / ROUND_MM)).max() > 0.05:
            yield seen({"isocentre": said_of(place)}, limit=f"{ROUND_MM:g} mm")


@BOOK.rule("angles-missing", Severity.STOP, dicom("C.8.8.14"), "memory")
def _angles(checked: Checked) -> Iterator[Seen]:
    for beam in checked.beams:
        lacking = sorted({name for point in beam.control_points for name, at in _angles_of(point.stand) if at is None})
        if lacking:
            yield seen({"beam": beam.number}, found=", ".join(lacking))


@BOOK.rule("angles-illegal", Severity.STOP, IEC_61217, "memory")
def _legal(checked: Checked) -> Iterator[Seen]:
    for beam in checked.beams:
        for name, angle in {pair for point in beam.control_points for pair in _angles_of(point.stand)}:
            if angle is not None and not 0 <= angle <= 360:
                yield seen({"beam": beam.number}, found=f"{name} {angle:g}°", limit="0-360°")


@BOOK.rule("collimator-beyond-machine", Severity.STOP, TG_275, "inferred")
def _collimator(checked: Checked) -> Iterator[Seen]:
    yield from _beyond(checked, "collimator_degrees", checked.machine.limits.collimator_degrees)


@BOOK.rule("couch-beyond-machine", Severity.STOP, TG_275, "inferred")
def _couch(checked: Checked) -> Iterator[Seen]:
    yield from _beyond(checked, "couch_degrees", checked.machine.limits.couch_degrees)


@BOOK.rule("collision-likely", Severity.WARNING, TG_275, "ours")
def _collision(checked: Checked) -> Iterator[Seen]:
    for beam in checked.beams:
        for point in beam.control_points:
            gantry, couch = point.stand.gantry_degrees, point.stand.couch_degrees
            if gantry is None or couch is None:
                continue
            if any(least <= gantry % 360 <= most and abs(signed(couch)) > turned for turned, least, most in COLLISIONS):
                yield seen({"beam": beam.number}, found=f"{gantry:g}°, {couch:g}°")
                break


@BOOK.rule("couch-tilted", Severity.WARNING, TG_275, "ours")
def _tilted(checked: Checked) -> Iterator[Seen]:
    for beam in checked.beams:
        stands = [point.stand for point in beam.control_points]
        tilt = max(abs(signed(angle or 0.0)) for stand in stands for angle in (stand.pitch_degrees, stand.roll_degrees))
        if tilt > 0:
            yield seen({"beam": beam.number}, found=f"{tilt:g}°", expected="0°")


@BOOK.rule("arc-direction-missing", Severity.STOP, dicom("C.8.8.14"), "memory")
def _direction(checked: Checked) -> Iterator[Seen]:
    for beam in checked.beams:
        turns = len({point.stand.gantry_degrees for point in beam.control_points}) > 1
        if turns and not any(point.stand.gantry_direction in {"CW", "CC"} for point in beam.control_points):
            yield seen({"beam": beam.number})


@BOOK.rule("gantry-jumps", Severity.WARNING, TG_275, "ours")
def _jumps(checked: Checked) -> Iterator[Seen]:
    """The gantry turns where no dose is given and stands where some is: segments of several fields in one."""
    for beam in checked.beams:
        turned = given = 0.0
        for one, other in pairwise(beam.control_points):
            if None in (one.stand.gantry_degrees, other.stand.gantry_degrees, one.weight, other.weight):
                raise NotJudgedError("not-said")
            by = abs(signed((other.stand.gantry_degrees or 0.0) - (one.stand.gantry_degrees or 0.0)))
            if (other.weight or 0.0) > (one.weight or 0.0):
                given = max(given, by)
            else:
                turned = max(turned, by)
        if turned > SAME_DEGREES and given <= SAME_DEGREES:
            yield seen({"beam": beam.number}, found=f"{turned:.1f}°", limit=f"{SAME_DEGREES:g}°")


@BOOK.rule("bolus-not-on-all-beams", Severity.WARNING, TG_275, "inferred")
def _bolus(checked: Checked) -> Iterator[Seen]:
    with_bolus = [beam.number for beam in checked.beams if "boli" in beam.not_read]
    if with_bolus and len(with_bolus) < len(checked.beams):
        for number in with_bolus:
            yield seen({"beam": number}, found=len(with_bolus), expected=len(checked.beams))


@BOOK.rule("beam-name-missing", Severity.NOTICE, MPPG_11A, "ours")
def _named(checked: Checked) -> Iterator[Seen]:
    for beam in checked.plan.beams:
        if not beam.name.strip():
            yield seen({"beam": beam.number})


@BOOK.rule("beam-names-same", Severity.WARNING, TG_275, "inferred")
def _same_names(checked: Checked) -> Iterator[Seen]:
    for name, count in Counter(beam.name for beam in checked.plan.beams if beam.name.strip()).items():
        if count > 1:
            yield seen(found=f"{name} ({count})")


@BOOK.rule("beam-name-differs-from-gantry", Severity.WARNING, TG_275, "inferred")
def _name_of_gantry(checked: Checked) -> Iterator[Seen]:
    for beam in checked.plan.beams:
        named, gantry = NAMED_GANTRY.search(beam.name), beam.control_points[0].stand.gantry_degrees
        if named and gantry is not None and abs(signed(gantry - int(named[1]))) > 1:
            yield seen({"beam": beam.number}, found=f"{gantry:g}°", expected=f"{int(named[1])}°")


@BOOK.rule("beams-identical", Severity.WARNING, TG_275, "ours")
def _identical(checked: Checked) -> Iterator[Seen]:
    for first, second in combinations(checked.beams, 2):
        if [(p.stand, p.isocentre_mm) for p in first.control_points] == [
            (p.stand, p.isocentre_mm) for p in second.control_points
        ]:
            yield seen({"beam": second.number}, other=first.number)


@BOOK.rule("beam-unit-not-mu", Severity.STOP, dicom("C.8.8.14"), "memory")
def _unit(checked: Checked) -> Iterator[Seen]:
    for beam in checked.beams:
        if beam.unit != "MU":
            yield seen({"beam": beam.number}, found=beam.unit or "?", expected="MU")


@BOOK.rule("beam-mu-small", Severity.WARNING, TG_275, "ours")
def _small(checked: Checked) -> Iterator[Seen]:
    for number, meterset in _metersets(checked).items():
        if 0 < meterset < MU_LEAST:
            yield seen({"beam": number}, found=f"{meterset:g} MU", limit=f"{MU_LEAST:g} MU")


@BOOK.rule("beam-mu-beyond-machine", Severity.STOP, TG_275, "inferred")
def _most(checked: Checked) -> Iterator[Seen]:
    most = checked.machine.limits.beam_mu_most
    for number, meterset in _metersets(checked).items():
        if meterset > most:
            yield seen({"beam": number}, found=f"{meterset:g} MU", limit=f"{most:g} MU")


@BOOK.rule("beam-mu-finer-than-machine", Severity.NOTICE, MPPG_11A, "ours")
def _finer(checked: Checked) -> Iterator[Seen]:
    step = checked.machine.limits.mu_step
    for number, meterset in _metersets(checked).items():
        if abs(meterset / step - round(meterset / step)) > MU_WITHIN:
            yield seen({"beam": number}, found=f"{meterset:g} MU", limit=f"{step:g} MU")


@BOOK.rule("dose-rate-missing", Severity.NOTICE, dicom("C.8.8.14"), "ours")
def _rate_missing(checked: Checked) -> Iterator[Seen]:
    for beam in checked.beams:
        if not any(point.dose_rate for point in beam.control_points):
            yield seen({"beam": beam.number})


@BOOK.rule("dose-rate-beyond-machine", Severity.STOP, TG_275, "inferred")
def _rate(checked: Checked) -> Iterator[Seen]:
    rates = checked.machine.limits.dose_rates
    for beam in checked.beams:
        others = {point.dose_rate for point in beam.control_points if point.dose_rate} - set(rates)
        if others:
            yield seen({"beam": beam.number}, found=_listed(others, "MU/min"), limit=_listed(rates, "MU/min"))


@BOOK.rule("fluence-mode-unnamed", Severity.WARNING, dicom("C.8.8.14"), "memory")
def _fluence(checked: Checked) -> Iterator[Seen]:
    for beam in checked.beams:
        if beam.fluence == "NON_STANDARD" and not beam.fluence_id:
            yield seen({"beam": beam.number})


@BOOK.rule("fluence-modes-differ", Severity.NOTICE, TG_275, "ours")
def _fluences_differ(checked: Checked) -> Iterator[Seen]:
    """Some beams are flattened and others are not: as two energies, a machine has a calibration for each."""
    told = {(beam.fluence or "STANDARD", beam.fluence_id) for beam in checked.beams}
    if len(told) > 1:
        yield seen(found=", ".join(sorted(" ".join(each).strip() for each in told)))


@BOOK.rule("machine-missing", Severity.STOP, TG_275, "inferred")
def _machine_missing(checked: Checked) -> Iterator[Seen]:
    for beam in checked.plan.beams:
        if not beam.machine:
            yield seen({"beam": beam.number})


@BOOK.rule("machines-differ", Severity.STOP, TG_275, "inferred")
def _machines(checked: Checked) -> Iterator[Seen]:
    machines = sorted({beam.machine for beam in checked.plan.beams if beam.machine})
    if len(machines) > 1:
        yield seen(found=", ".join(machines))


@BOOK.rule("machine-not-the-chosen", Severity.STOP, TG_275, "inferred")
def _chosen(checked: Checked) -> Iterator[Seen]:
    name = checked.machine.name
    if not name:
        raise NotJudgedError("machine-unnamed")
    for machine in sorted({beam.machine for beam in checked.plan.beams if beam.machine} - {name}):
        yield seen(found=machine, expected=name)


@BOOK.rule("beam-axis-unusual", Severity.WARNING, dicom("C.8.8.14"), "ours")
def _axis(checked: Checked) -> Iterator[Seen]:
    for beam in checked.beams:
        if beam.axis_mm is None or not AXIS_MM[0] <= beam.axis_mm <= AXIS_MM[1]:
            found = "?" if beam.axis_mm is None else f"{beam.axis_mm:g} mm"
            yield seen({"beam": beam.number}, found=found, limit=f"{AXIS_MM[0]:g}-{AXIS_MM[1]:g} mm")


@BOOK.rule("beam-axes-differ", Severity.STOP, TG_275, "inferred")
def _axes(checked: Checked) -> Iterator[Seen]:
    """One machine has one distance from its source to its axis."""
    axes = {beam.axis_mm for beam in checked.plan.beams if beam.axis_mm is not None}
    if len(axes) > 1:
        yield seen(found=_listed(axes, "mm"))


def _energies(beam: Beam) -> set[float]:
    return {point.stand.energy_mv for point in beam.control_points if point.stand.energy_mv is not None}


def _listed(numbers: set[float] | tuple[float, ...], unit: str) -> str:
    return ", ".join(f"{number:g}" for number in sorted(numbers)) + f" {unit}"


def _isocentre(beam: Beam) -> Floats:
    place = beam.control_points[0].isocentre_mm
    if place is None:
        raise NotJudgedError("not-said")
    return np.array(place)


def places_of(checked: Checked) -> list[tuple[float, float, float]]:
    """Each isocentre once."""
    places = {beam.control_points[0].isocentre_mm for beam in checked.beams}
    told = sorted(place for place in places if place is not None)
    if not told:
        raise NotJudgedError("not-said")
    return told


def said_of(place: tuple[float, float, float]) -> str:
    """A place in words."""
    return ", ".join(f"{value:.2f}" for value in place) + " mm"


def _angles_of(stand: Stand) -> list[tuple[str, float | None]]:
    return [
        ("gantry", stand.gantry_degrees),
        ("collimator", stand.collimator_degrees),
        ("couch", stand.couch_degrees),
    ]


def signed(degrees: float) -> float:
    """The same angle from -180 to below 180."""
    return (degrees + 180) % 360 - 180


def _beyond(checked: Checked, name: str, limits: tuple[float, float]) -> Iterator[Seen]:
    for beam in checked.beams:
        angles = {angle for point in beam.control_points if (angle := getattr(point.stand, name)) is not None}
        beyond = sorted(angle for angle in angles if not turns_to(limits, angle))
        if beyond:
            yield seen({"beam": beam.number}, found=f"{beyond[0]:g}°", limit=f"{limits[0]:g}-{limits[1]:g}°")


def _metersets(checked: Checked) -> Mapping[int, float]:
    metersets = {number: one.meterset for number, one in checked.given.items() if one.meterset is not None}
    if not metersets:
        raise NotJudgedError("not-said")
    return metersets
