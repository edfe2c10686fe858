"""Rules on set-up: the distance to the skin, pictures before treatment, positions, tolerances and the table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from tianfu.apps.radiotherapy.model.checking.beams import SAME_DEGREES, SAME_MM, places_of, said_of, signed
from tianfu.apps.radiotherapy.model.checking.books import MPPG_11A, TG_275, Book, dicom
from tianfu.apps.radiotherapy.model.checking.projections import toward_source
from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError, Seen, Severity, Topic, seen
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.standards.dicom.beams import SETUP, Beam
from tianfu.standards.dicom.grids import Floats

BOOK = Book(Topic.BEAMS)

SURFACE_MM = (600.0, 1200.0)
TOLERANCE_DEGREES_MOST, TOLERANCE_MM_MOST = 5.0, 30.0

PICTURE_MU_MOST = 10.0
"""A picture by the treatment beam takes a few monitor units; each fraction gives them besides its dose. [ours]"""

TABLE_WITHIN_MM = 1.0
SKIN_WITHIN_MM = 10.0
"""Outlines and pixels of the image leave some millimetres open. [ours]"""

RAY_STEP_MM = 1.0
POSITION = "HFS"
"""The position for which angles are turned into directions."""


@BOOK.rule("surface-distance-unusual", Severity.WARNING, TG_275, "ours")
def _surface(checked: Checked) -> Iterator[Seen]:
    told = [(beam, point.surface_mm) for beam in checked.beams for point in beam.control_points[:1]]
    if all(surface is None for _, surface in told):
        raise NotJudgedError("not-said")
    for beam, surface in told:
        if surface is not None and not SURFACE_MM[0] <= surface <= SURFACE_MM[1]:
            limit = f"{SURFACE_MM[0]:g}-{SURFACE_MM[1]:g} mm"
            yield seen({"beam": beam.number}, found=f"{surface:g} mm", limit=limit)


@BOOK.rule("setup-beams-missing", Severity.NOTICE, MPPG_11A, "ours")
def _setup_beams(checked: Checked) -> Iterator[Seen]:
    if not _pictures(checked):
        yield seen()


@BOOK.rule("setup-beams-not-at-right-angles", Severity.NOTICE, MPPG_11A, "ours")
def _right_angles(checked: Checked) -> Iterator[Seen]:
    gantries = [
        gantry for beam in _pictures(checked) if (gantry := beam.control_points[0].stand.gantry_degrees) is not None
    ]
    if len(gantries) < 2:
        raise NotJudgedError("nothing-to-check")
    if not any(abs(abs(signed(a - b)) - 90) <= SAME_DEGREES for a, b in combinations(gantries, 2)):
        yield seen(found=", ".join(f"{gantry:g}°" for gantry in gantries), expected="90°")


@BOOK.rule("setup-beam-isocentre-differs", Severity.STOP, TG_275, "inferred")
def _picture_isocentre(checked: Checked) -> Iterator[Seen]:
    pictures = _pictures(checked)
    if not pictures:
        raise NotJudgedError("nothing-to-check")
    places = places_of(checked)
    for beam in pictures:
        place = beam.control_points[0].isocentre_mm
        if place is not None and min(float(np.abs(np.array(place) - one).max()) for one in places) > SAME_MM:
            yield seen({"beam": beam.number}, found=said_of(place))


@BOOK.rule("beam-setup-missing", Severity.WARNING, dicom("C.8.8.14"), "ours")
def _setup(checked: Checked) -> Iterator[Seen]:
    """A beam names no setup, or one that the plan has not."""
    known = {setup.number for setup in checked.plan.setups}
    for beam in checked.beams:
        if beam.setup not in known:
            yield seen({"beam": beam.number})


@BOOK.rule("setup-positions-differ", Severity.STOP, TG_275, "inferred")
def _positions(checked: Checked) -> Iterator[Seen]:
    positions = sorted({setup.position for setup in checked.plan.setups if setup.position})
    if len(positions) > 1:
        yield seen(found=", ".join(positions))


@BOOK.rule("tolerance-table-missing", Severity.WARNING, TG_275, "inferred")
def _tolerance(checked: Checked) -> Iterator[Seen]:
    known = {table.number for table in checked.plan.tolerances}
    for beam in checked.beams:
        if beam.tolerance not in known:
            yield seen({"beam": beam.number})


@BOOK.rule("tolerance-table-wide", Severity.WARNING, TG_275, "ours")
def _wide(checked: Checked) -> Iterator[Seen]:
    if not checked.plan.tolerances:
        raise NotJudgedError("nothing-to-check")
    for table in checked.plan.tolerances:
        turned = max((a for a in (table.gantry_degrees, table.collimator_degrees, table.couch_degrees) if a), default=0)
        moved = max((a for a in (table.vertical_mm, table.longitudinal_mm, table.lateral_mm) if a), default=0)
        if turned > TOLERANCE_DEGREES_MOST:
            yield seen({"tolerance": table.number}, found=f"{turned:g}°", limit=f"{TOLERANCE_DEGREES_MOST:g}°")
        if moved > TOLERANCE_MM_MOST:
            yield seen({"tolerance": table.number}, found=f"{moved:g} mm", limit=f"{TOLERANCE_MM_MOST:g} mm")


@BOOK.rule("setup-beam-units-many", Severity.WARNING, TG_275, "ours")
def _picture_units(checked: Checked) -> Iterator[Seen]:
    """A picture that gives dose: it is meant to treat, or dose is given that no plan counts."""
    pictures = {beam.number for beam in _pictures(checked)}
    for group in checked.plan.fraction_groups:
        for one in group.beams:
            if one.beam in pictures and (one.meterset or 0.0) > PICTURE_MU_MOST:
                yield seen({"beam": one.beam}, found=f"{one.meterset:g} MU", limit=f"{PICTURE_MU_MOST:g} MU")


@BOOK.rule("table-positions-differ", Severity.WARNING, dicom("C.8.8.14"), "ours")
def _tables(checked: Checked) -> Iterator[Seen]:
    """Beams of one isocentre and one angle of the couch have one place of the table."""
    first: dict[object, tuple[Beam, Floats]] = {}
    for beam in checked.beams:
        point = beam.control_points[0]
        stand = point.stand
        said = (stand.table_vertical_mm, stand.table_longitudinal_mm, stand.table_lateral_mm)
        if None in said:
            continue
        place = np.array(said, np.float64)
        other, expected = first.setdefault((point.isocentre_mm, stand.couch_degrees), (beam, place))
        away = float(np.abs(place - expected).max())
        if away > TABLE_WITHIN_MM:
            yield seen({"beam": beam.number}, found=f"{away:.0f} mm", other=other.number)
    if not first:
        raise NotJudgedError("not-said")


@BOOK.rule("table-turned-eccentrically", Severity.WARNING, dicom("C.8.8.14"), "ours")
def _eccentric(checked: Checked) -> Iterator[Seen]:
    """The table's top turns about an axis of its own, and the patient leaves the isocentre."""
    for beam in checked.beams:
        turned = max(abs(point.stand.eccentric_degrees or 0.0) for point in beam.control_points)
        if turned > 0:
            yield seen({"beam": beam.number}, found=f"{turned:g}°", expected="0°")


@BOOK.rule("surface-distance-differs-from-image", Severity.WARNING, TG_275, "ours")
def _skin(checked: Checked) -> Iterator[Seen]:
    """The distance to the skin by which the set-up is looked over at the machine, by the outline on the axis."""
    told = [beam for beam in checked.beams if beam.control_points[0].surface_mm is not None]
    if not told:
        raise NotJudgedError("not-said")
    for beam in told:
        found, expected = beam.control_points[0].surface_mm, _skin_mm(checked, beam)
        if found is not None and expected is not None and abs(found - expected) > SKIN_WITHIN_MM:
            yield seen({"beam": beam.number}, found=f"{found:.0f} mm", expected=f"{expected:.0f} mm")


def _skin_mm(checked: Checked, beam: Beam) -> float | None:
    """From the source along the axis to the outline of the body; None where the axis misses it."""
    point = beam.control_points[0]
    if point.isocentre_mm is None or beam.axis_mm is None:
        raise NotJudgedError("not-said")
    stand = point.stand
    if checked.images.position != POSITION or stand.pitch_degrees or stand.roll_degrees or stand.eccentric_degrees:
        raise NotJudgedError("position-not-projected")
    away_mm = np.arange(0.0, beam.axis_mm, RAY_STEP_MM)
    body, grid = checked.inside(checked.body), checked.coarse
    source = np.array(point.isocentre_mm) + beam.axis_mm * toward_source(point)
    points = source - away_mm[:, None] * toward_source(point)
    places = np.rint(grid.indices(points)).astype(np.int64)[:, ::-1]
    is_there = ((places >= 0) & (places < np.array(grid.shape))).all(axis=1)
    is_body = np.zeros(len(points), dtype=np.bool_)
    is_body[is_there] = body[tuple(places[is_there].T)]
    return float(away_mm[is_body.argmax()]) if is_body.any() else None


def _pictures(checked: Checked) -> list[Beam]:
    return [beam for beam in checked.plan.beams if beam.delivery == SETUP]
