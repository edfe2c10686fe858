"""Rules on segments: whether a machine can set them, and whether they are worth setting (PS3.3 C.8.8.14)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby, pairwise

import numpy as np

from tianfu.apps.radiotherapy.model.checking.apertures import (
    WIDE_MM,
    Aperture,
    Shot,
    aperture_of,
    is_through,
    jaws_of,
    leaves_of,
    shots_of,
)
from tianfu.apps.radiotherapy.model.checking.books import MPPG_11A, TG_275, Book, dicom
from tianfu.apps.radiotherapy.model.checking.edges import evenly
from tianfu.apps.radiotherapy.model.checking.projections import views_of
from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError, Seen, Severity, Topic, seen
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.standards.dicom.beams import WEIGHT_WITHIN, Beam, Technique, technique_of
from tianfu.standards.dicom.control_points import LEAVES, X_JAWS, Y_JAWS

BOOK = Book(Topic.SEGMENTS)

WITHIN_MM = 0.005
"""Positions are written with two or three decimals. [ours]"""

WITHIN_MU = 0.005
"""Monitor units of a segment are a difference of two weights that were rounded in their file. [ours]"""

AREA_MM2_LEAST = 100.0
JAWS_BESIDE_MM_MOST = 20.0
COVERED_LEAST = 0.7
MODULATED_SHAPES_LEAST, MODULATED_COVERED_LEAST = 5, 0.25
"""A beam of so many shapes is modulated and may spare an organ before the target: it has to see less of it. [ours]"""
COVERED_PERCENT_MOST = 15.0
BESIDE_TARGET_MM_MOST, MOVED_MM_MOST, LEFT_OUT_MM = 40.0, 20.0, 10.0
ANGLE_MOVED_DEGREES = 1e-3
OFF_MIDDLE_MM_MOST, SEEN_TOGETHER_LEAST = 8.0, 0.97


@BOOK.rule("leaf-beyond-machine", Severity.STOP, TG_275, "inferred")
def _leaf_beyond(checked: Checked) -> Iterator[Seen]:
    leaves = checked.machine.leaves
    for beam, number, aperture in _apertures(checked):
        both = np.concatenate([aperture.first_mm, aperture.second_mm])
        for worst, limit in ((both.min(), leaves.least_mm), (both.max(), leaves.most_mm)):
            if not leaves.least_mm - WITHIN_MM <= worst <= leaves.most_mm + WITHIN_MM:
                yield seen(_at(beam, number), found=f"{worst:.1f} mm", limit=f"{limit:g} mm")


@BOOK.rule("leaf-positions-missing", Severity.STOP, TG_275, "inferred")
def _positions(checked: Checked) -> Iterator[Seen]:
    """A beam has leaves and does not say where they stand: it would be given open."""
    for beam in checked.beams:
        devices = [device for device in beam.devices if device.kind in LEAVES]
        for number, point in enumerate(beam.control_points):
            stated = {one.device: len(one.positions_mm) for one in point.stand.openings}
            if any(stated.get(device.kind) != 2 * device.pairs for device in devices):
                yield seen(_at(beam, number))
                break


@BOOK.rule("final-weight-differs", Severity.STOP, dicom("C.8.8.14"), "memory")
def _final_weight(checked: Checked) -> Iterator[Seen]:
    """The last control point's weight is the final one, or part of the monitor units belongs to no segment."""
    for beam in checked.beams:
        last = beam.control_points[-1].weight if beam.control_points else None
        if last is None or beam.final_weight is None:
            raise NotJudgedError("no-weights")
        if abs(last - beam.final_weight) > WEIGHT_WITHIN * abs(beam.final_weight):
            yield seen({"beam": beam.number}, found=f"{last:g}", expected=f"{beam.final_weight:g}")


@BOOK.rule("leaf-pairs-differ-from-machine", Severity.STOP, TG_275, "inferred")
def _pairs(checked: Checked) -> Iterator[Seen]:
    wanted = np.array(checked.machine.leaves.boundaries_mm)
    for beam in checked.beams:
        found = np.array(leaves_of(beam).boundaries_mm)
        if found.shape != wanted.shape or np.abs(found - wanted).max() > WITHIN_MM:
            yield seen({"beam": beam.number}, found=len(found) - 1, expected=len(wanted) - 1)


@BOOK.rule("leaf-gap-small", Severity.STOP, TG_275, "inferred")
def _gap(checked: Checked) -> Iterator[Seen]:
    """Pairs that are closed all through a beam may touch, as `Leaves.gap_mm` says."""
    least = checked.machine.leaves.gap_mm
    for beam in checked.beams:
        apertures = _of_beam(beam)
        gaps = np.array([each.second_mm - each.first_mm for each in apertures])
        opens = (gaps > WITHIN_MM).any(axis=0)
        smallest = np.where(opens, gaps.min(axis=0), np.inf)
        if smallest.min() < least - WITHIN_MM:
            where = {"beam": beam.number, "pair": int(smallest.argmin()) + 1}
            yield seen(where, found=f"{smallest.min():.2f} mm", limit=f"{least:g} mm")


@BOOK.rule("leaves-interdigitate", Severity.STOP, TG_275, "inferred")
def _interdigitate(checked: Checked) -> Iterator[Seen]:
    if checked.machine.leaves.interdigitates:
        return
    for beam, number, aperture in _apertures(checked):
        over = np.maximum(
            aperture.first_mm[1:] - aperture.second_mm[:-1], aperture.first_mm[:-1] - aperture.second_mm[1:]
        )
        if over.max() > WITHIN_MM:
            yield seen({**_at(beam, number), "pair": int(over.argmax()) + 1}, found=f"{over.max():.1f} mm")


@BOOK.rule("leaf-reach-exceeded", Severity.STOP, TG_275, "inferred")
def _reach(checked: Checked) -> Iterator[Seen]:
    most = checked.machine.leaves.reach_mm
    for beam, number, aperture in _apertures(checked):
        reach = max(float(np.ptp(aperture.first_mm)), float(np.ptp(aperture.second_mm)))
        if reach > most + WITHIN_MM:
            yield seen(_at(beam, number), found=f"{reach:.1f} mm", limit=f"{most:g} mm")


@BOOK.rule("leaf-step-fine", Severity.NOTICE, MPPG_11A, "ours")
def _step(checked: Checked) -> Iterator[Seen]:
    step = checked.machine.leaves.step_mm
    for beam in checked.beams:
        positions = np.concatenate([np.concatenate([one.first_mm, one.second_mm]) for one in _of_beam(beam)])
        off = np.abs(positions / step - np.rint(positions / step)) * step
        if off.max() > WITHIN_MM:
            yield seen({"beam": beam.number}, found=f"{positions[off.argmax()]:.3f} mm", limit=f"{step:g} mm")


@BOOK.rule("jaw-beyond-machine", Severity.STOP, TG_275, "inferred")
def _jaw(checked: Checked) -> Iterator[Seen]:
    for beam, number, along, positions in _jaw_positions(checked):
        for limit in (jaws for jaws in checked.machine.jaws if jaws.moves_along == along):
            if min(positions) < limit.least_mm - WITHIN_MM or max(positions) > limit.most_mm + WITHIN_MM:
                told = f"{limit.least_mm:g}-{limit.most_mm:g} mm"
                yield seen(_at(beam, number), found=_pair(positions), limit=told)


@BOOK.rule("jaw-gap-small", Severity.STOP, TG_275, "inferred")
def _jaw_gap(checked: Checked) -> Iterator[Seen]:
    for beam, number, along, (first, second) in _jaw_positions(checked):
        for limit in (jaws for jaws in checked.machine.jaws if jaws.moves_along == along):
            if second - first < limit.gap_mm - WITHIN_MM:
                yield seen(_at(beam, number), found=f"{second - first:.1f} mm", limit=f"{limit.gap_mm:g} mm")


@BOOK.rule("jaws-missing", Severity.WARNING, dicom("C.8.8.14"), "ours")
def _jaws_missing(checked: Checked) -> Iterator[Seen]:
    for beam in checked.beams:
        if not any(device.kind in X_JAWS | Y_JAWS for device in beam.devices):
            yield seen({"beam": beam.number})


@BOOK.rule("jaws-beyond-leaves", Severity.STOP, TG_275, "inferred")
def _uncovered(checked: Checked) -> Iterator[Seen]:
    """Where jaws are open above the last leaf or below the first one, nothing shapes the beam."""
    for beam, number, aperture in _apertures(checked):
        low, high = aperture.across_mm
        if (
            -WIDE_MM < low < aperture.boundaries_mm[0] - WITHIN_MM
            or WIDE_MM > high > aperture.boundaries_mm[-1] + WITHIN_MM
        ):
            yield seen(_at(beam, number), found=_pair((low, high)))


@BOOK.rule("jaws-far-from-leaves", Severity.WARNING, MPPG_11A, "ours")
def _far_jaws(checked: Checked) -> Iterator[Seen]:
    """More passes through leaves than through jaws: jaws should stand near the largest opening of a beam."""
    for beam in checked.beams:
        apertures = [each for each in _of_beam(beam) if each.is_open.any()]
        for along in (True, False):
            jaws = [each.along_mm if along else each.across_mm for each in apertures]
            edges = [_edges(each, along=along) for each in apertures]
            if not jaws or max(abs(jaw) for pair in jaws for jaw in pair) >= WIDE_MM:
                continue
            beside = max(
                min(e[0] for e in edges) - min(j[0] for j in jaws), max(j[1] for j in jaws) - max(e[1] for e in edges)
            )
            if beside > JAWS_BESIDE_MM_MOST:
                yield seen({"beam": beam.number}, found=f"{beside:.0f} mm", limit=f"{JAWS_BESIDE_MM_MOST:g} mm")


@BOOK.rule("jaws-cover-opening", Severity.WARNING, TG_275, "ours")
def _covered(checked: Checked) -> Iterator[Seen]:
    """How much of what the leaves of a beam leave open, all segments together, lies behind its jaws."""
    for beam in checked.beams:
        apertures = _of_beam(beam)
        opened = sum(float(((e.second_mm - e.first_mm) * np.diff(e.boundaries_mm)).sum()) for e in apertures)
        if opened <= 0:
            continue
        percent = 100 * (1 - sum(each.area_mm2 for each in apertures) / opened)
        if percent > COVERED_PERCENT_MOST:
            yield seen({"beam": beam.number}, found=f"{percent:.0f} %", limit=f"{COVERED_PERCENT_MOST:g} %")


@BOOK.rule("segment-without-opening", Severity.STOP, TG_275, "inferred")
def _closed(checked: Checked) -> Iterator[Seen]:
    for beam, shot in _shots(checked):
        if not shot.start.is_open.any() and not shot.stop.is_open.any():
            yield seen(_segment(beam, shot), found=f"{shot.mu:.1f} MU")


@BOOK.rule("segment-without-units", Severity.NOTICE, dicom("C.8.8.14"), "ours")
def _without_units(checked: Checked) -> Iterator[Seen]:
    """Leaves form an opening while nothing is given and leave it again: its monitor units went to another."""
    for beam in checked.beams:
        weights = [point.weight for point in beam.control_points if point.weight is not None]
        if len(weights) < len(beam.control_points):
            raise NotJudgedError("no-weights")
        if technique_of(beam) is not Technique.STEP_AND_SHOOT:
            continue
        stood = groupby(enumerate(beam.control_points), key=lambda one: one[1].stand.openings)
        for numbers in ([number for number, _ in each] for _, each in stood):
            if weights[numbers[-1]] <= weights[numbers[0]]:
                yield seen(_at(beam, numbers[0]))


@BOOK.rule("segment-small", Severity.WARNING, TG_275, "ours")
def _small(checked: Checked) -> Iterator[Seen]:
    for beam, shot in _shots(checked):
        if 0 < shot.middle.area_mm2 < AREA_MM2_LEAST:
            yield seen(
                _segment(beam, shot),
                found=f"{shot.middle.area_mm2 / 100:.2f} cm²",
                limit=f"{AREA_MM2_LEAST / 100:g} cm²",
            )


@BOOK.rule("segment-mu-small", Severity.STOP, TG_275, "inferred")
def _mu_least(checked: Checked) -> Iterator[Seen]:
    """Where leaves stand while dose is given; where they move, control points are no segments of their own."""
    least = checked.machine.limits.segment_mu_least
    for beam, shot in _shots(checked):
        stands = np.array_equal(shot.start.first_mm, shot.stop.first_mm)
        if stands and np.array_equal(shot.start.second_mm, shot.stop.second_mm) and shot.mu < least - WITHIN_MU:
            yield seen(_segment(beam, shot), found=f"{shot.mu:.2f} MU", limit=f"{least:g} MU")


@BOOK.rule("segments-many", Severity.STOP, TG_275, "inferred")
def _many(checked: Checked) -> Iterator[Seen]:
    most = checked.machine.limits.segments_most
    for beam in checked.beams:
        count = sum(1 for _ in shots_of(beam, mu=1.0))
        if count > most:
            yield seen({"beam": beam.number}, found=count, limit=most)


@BOOK.rule("beam-kind-differs", Severity.WARNING, dicom("C.8.8.14"), "memory")
def _kind(checked: Checked) -> Iterator[Seen]:
    for beam in checked.beams:
        moves = len({point.stand.openings for point in beam.control_points}) > 1
        turns = len({point.stand.gantry_degrees for point in beam.control_points}) > 1
        if beam.kind == "STATIC" and (moves or turns):
            yield seen({"beam": beam.number}, found="STATIC", expected="DYNAMIC")


@BOOK.rule("leaf-too-fast", Severity.STOP, TG_275, "inferred")
def _leaf_speed(checked: Checked) -> Iterator[Seen]:
    most = checked.machine.leaves.speed_mm_per_s
    for beam, shot in _shots(checked):
        moved = max(
            float(np.abs(shot.stop.first_mm - shot.start.first_mm).max()),
            float(np.abs(shot.stop.second_mm - shot.start.second_mm).max()),
        )
        # The least dose rate gives the leaves most time: a machine slows its beam before it stops.
        speed = moved / _seconds(checked, shot.mu)
        if speed > most:
            yield seen(_segment(beam, shot), found=f"{speed:.1f} mm/s", limit=f"{most:g} mm/s")


@BOOK.rule("gantry-too-fast", Severity.STOP, TG_275, "inferred")
def _gantry_speed(checked: Checked) -> Iterator[Seen]:
    most, metersets = checked.machine.limits.gantry_degrees_per_s, _metersets(checked)
    for beam in checked.beams:
        final = beam.final_weight or 1.0
        for number, (one, other) in enumerate(pairwise(beam.control_points), start=1):
            turned = _turned(one.stand.gantry_degrees, other.stand.gantry_degrees)
            mu = metersets.get(beam.number, 0.0) * ((other.weight or 0.0) - (one.weight or 0.0)) / final
            if turned > ANGLE_MOVED_DEGREES and mu > 0 and turned / _seconds(checked, mu) > most:
                speed = turned / _seconds(checked, mu)
                yield seen(_at(beam, number), found=f"{speed:.1f}°/s", limit=f"{most:g}°/s")


@BOOK.rule("aperture-misses-target", Severity.STOP, TG_275, "ours")
def _misses(checked: Checked) -> Iterator[Seen]:
    """How much of the target's points all apertures of a beam see together, where leaves stand still in the room."""
    points = evenly(checked, checked.target)
    for beam in checked.beams:
        covered = np.zeros(len(points), dtype=np.bool_)
        for aperture, flat in views_of(beam, points, checked.images.position):
            covered |= is_through(aperture, flat)
        share, least = float(covered.mean()), COVERED_LEAST
        if len({point.stand.openings for point in beam.control_points}) >= MODULATED_SHAPES_LEAST:
            least = MODULATED_COVERED_LEAST
        if share < least:
            yield seen({"beam": beam.number}, found=f"{100 * share:.0f} %", limit=f"{100 * least:.0f} %")


@BOOK.rule("aperture-beside-target", Severity.WARNING, TG_275, "ours")
def _beside(checked: Checked) -> Iterator[Seen]:
    """Far beyond it, or less far where the other side of it is left out: then the whole opening was moved."""
    points = np.concatenate([checked.points(each) for each in checked.targets or (checked.target,)])
    for beam in checked.beams:
        beyond = moved = 0.0
        for aperture, flat in views_of(beam, points, checked.images.position):
            if aperture.is_open.any():
                for along in (True, False):
                    edges, target = _edges(aperture, along=along), flat[:, 0 if along else 1]
                    less, more = sorted((float(target.min()) - edges[0], edges[1] - float(target.max())))
                    beyond, moved = max(beyond, more), max(moved, more if less < -LEFT_OUT_MM else 0.0)
        if beyond > BESIDE_TARGET_MM_MOST:
            yield seen({"beam": beam.number}, found=f"{beyond:.0f} mm", limit=f"{BESIDE_TARGET_MM_MOST:g} mm")
        elif moved > MOVED_MM_MOST:
            yield seen({"beam": beam.number}, found=f"{moved:.0f} mm", limit=f"{MOVED_MM_MOST:g} mm")


@BOOK.rule("fields-beside-target", Severity.STOP, TG_275, "ours")
def _all_beside(checked: Checked) -> Iterator[Seen]:
    """Most fields open beside the target's middle and leave part of it out: the isocentre was moved.

    A field that flashes beyond the skin is off the middle too, and leaves nothing out.
    """
    points = evenly(checked, checked.target)
    away, shares = [], []
    for beam in checked.beams:
        covered = np.zeros(len(points), dtype=np.bool_)
        low, high = np.full(2, np.inf), np.full(2, -np.inf)
        flat = np.zeros((1, 2))
        for aperture, flat in views_of(beam, points, checked.images.position):
            covered |= is_through(aperture, flat)
            if aperture.is_open.any():
                edges = np.array([_edges(aperture, along=True), _edges(aperture, along=False)])
                low, high = np.minimum(low, edges[:, 0]), np.maximum(high, edges[:, 1])
        if np.isfinite(low).all():
            away.append(float(np.linalg.norm((low + high - flat.min(axis=0) - flat.max(axis=0)) / 2)))
            shares.append(float(covered.mean()))
    if not away:
        raise NotJudgedError("no-leaves")
    if np.median(away) > OFF_MIDDLE_MM_MOST and np.mean(shares) < SEEN_TOGETHER_LEAST:
        yield seen(
            {"structure": checked.target.name}, found=f"{np.median(away):.0f} mm", limit=f"{OFF_MIDDLE_MM_MOST:g} mm"
        )


def _at(beam: Beam, number: int) -> dict[str, object]:
    return {"beam": beam.number, "control-point": number}


def _segment(beam: Beam, shot: Shot) -> dict[str, object]:
    return {"beam": beam.number, "segment": shot.number}


def _of_beam(beam: Beam) -> list[Aperture]:
    return [aperture_of(beam, point.stand) for point in beam.control_points]


def _apertures(checked: Checked) -> Iterator[tuple[Beam, int, Aperture]]:
    for beam in checked.beams:
        for number, aperture in enumerate(_of_beam(beam)):
            yield beam, number, aperture


def _metersets(checked: Checked) -> Mapping[int, float]:
    return {number: one.meterset for number, one in checked.given.items() if one.meterset is not None}


def _shots(checked: Checked) -> Iterator[tuple[Beam, Shot]]:
    metersets = _metersets(checked)
    for beam in checked.beams:
        if beam.number not in metersets:
            raise NotJudgedError("not-said")
        for shot in shots_of(beam, mu=metersets[beam.number]):
            yield beam, shot


def _jaw_positions(checked: Checked) -> Iterator[tuple[Beam, int, str, tuple[float, float]]]:
    """Of all beams: pictures before treatment need their jaws too."""
    for beam in checked.plan.beams:
        for number, point in enumerate(beam.control_points):
            for along, devices in (("x", X_JAWS), ("y", Y_JAWS)):
                positions = jaws_of(point.stand, devices)
                if positions != (-WIDE_MM, WIDE_MM):
                    yield beam, number, along, positions


def _edges(aperture: Aperture, *, along: bool) -> tuple[float, float]:
    """How far the opening reaches, along or across the leaves' travel."""
    if along:
        return float(aperture.left_mm[aperture.is_open].min()), float(aperture.right_mm[aperture.is_open].max())
    rows = np.flatnonzero(aperture.is_open)
    low, high = float(aperture.boundaries_mm[rows[0]]), float(aperture.boundaries_mm[rows[-1] + 1])
    return max(low, aperture.across_mm[0]), min(high, aperture.across_mm[1])


def _seconds(checked: Checked, mu: float) -> float:
    return 60 * mu / min(checked.machine.limits.dose_rates)


def _turned(one: float | None, other: float | None) -> float:
    if one is None or other is None:
        raise NotJudgedError("not-said")
    return abs((other - one + 180) % 360 - 180)


def _pair(positions: tuple[float, float]) -> str:
    return f"{positions[0]:.1f} / {positions[1]:.1f} mm"
