"""Rules that hold the dose against what the fields could give, by geometry and by a calculation as by hand.

Neither is an independent dose calculation, and neither stands for one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tianfu.apps.radiotherapy.model.checking.apertures import is_through, shots_of
from tianfu.apps.radiotherapy.model.checking.books import TG_275, Book
from tianfu.apps.radiotherapy.model.checking.projections import seen_from, toward_source, views_of
from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError, Seen, Severity, Topic, seen
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.standards.dicom.beams import Beam
from tianfu.standards.dicom.grids import Floats
from tianfu.standards.dicom.plans import FractionBeam

BOOK = Book(Topic.DOSE)

HIGH_SHARE, SEEN_BY_LEAST = 0.8, 0.25
PENUMBRA_MM = 8.0
UNSEEN_PERCENT_MOST = 2.0
POINTS_MOST = 2000

GY_PER_MU, BUILD_UP_MM, ATTENUATION_PER_MM = 0.01, 15.0, 0.005
"""Of 6 MV photons in a field of middle size; other energies are within the factors below. [memory]"""

OPEN_SHARE_LEAST = 0.3
HAND_FACTORS = (0.4, 2.0)
"""Wide enough for small fields, lungs and other energies; what is told is a digit, not a per cent. [ours]"""

RAY_MM, RAY_STEP_MM = 600.0, 2.0


@BOOK.rule("dose-beside-fields", Severity.STOP, TG_275, "ours")
def _beside(checked: Checked) -> Iterator[Seen]:
    """High dose lies where few fields see it: it is another plan's, or it was shifted or turned over."""
    volume = checked.dose.volume
    places = np.argwhere(volume.values >= HIGH_SHARE * checked.prescribed_gy)
    if not len(places):
        raise NotJudgedError("nothing-to-check")
    places = places[:: max(1, len(places) // POINTS_MOST)]
    points = volume.grid.points(places[:, ::-1].astype(np.float64))
    seen_by = np.zeros(len(points))
    for beam in checked.beams:
        here = np.zeros(len(points), dtype=np.bool_)
        for aperture, flat in views_of(beam, points, checked.images.position):
            here |= is_through(aperture, flat, beside_mm=PENUMBRA_MM)
        seen_by += here
    percent = 100 * float((seen_by < SEEN_BY_LEAST * len(checked.beams)).mean())
    if percent > UNSEEN_PERCENT_MOST:
        yield seen(found=f"{percent:.0f} %", limit=f"{UNSEEN_PERCENT_MOST:g} %")


@BOOK.rule("beam-mu-unlike-dose", Severity.STOP, TG_275, "ours")
def _unlike_dose(checked: Checked) -> Iterator[Seen]:
    """A beam's dose at its point by its monitor units, the depth of water there and how long the point is open."""
    is_judged = False
    for beam in checked.beams:
        one = checked.given.get(beam.number)
        if one is None or not one.meterset or not one.dose_gy or one.dose_point_mm is None:
            continue
        expected = _by_hand(checked, beam, one)
        if expected is None:
            continue
        is_judged = True
        if not HAND_FACTORS[0] <= one.dose_gy / expected <= HAND_FACTORS[1]:
            yield seen({"beam": beam.number}, found=f"{one.dose_gy:.2f} Gy", expected=f"{expected:.2f} Gy")
    if not is_judged:
        raise NotJudgedError("nothing-to-check")


def _by_hand(checked: Checked, beam: Beam, one: FractionBeam) -> float | None:
    """Gray of one fraction at the beam's point; None where the point is mostly covered, for then it is scatter."""
    point, first = np.array(one.dose_point_mm), beam.control_points[0]
    flat = seen_from(beam, first, point[None], checked.images.position)
    shots = shots_of(beam, mu=one.meterset or 0.0)
    opened = sum(shot.mu for shot in shots if is_through(shot.middle, flat)[0])
    if not opened or opened < OPEN_SHARE_LEAST * (one.meterset or 0.0):
        return None
    way = toward_source(first)
    nearer = float((point - np.array(first.isocentre_mm)) @ way)
    axis = beam.axis_mm or 0.0
    beyond = max(0.0, _water_mm(checked, point, way) - BUILD_UP_MM)
    return GY_PER_MU * opened * float(np.exp(-ATTENUATION_PER_MM * beyond)) * (axis / (axis - nearer)) ** 2


def _water_mm(checked: Checked, point: Floats, way: Floats) -> float:
    """How much of the body lies between a point and the source, all of it counted as water."""
    body, grid = checked.inside(checked.body), checked.coarse
    points = point + np.arange(0.0, RAY_MM, RAY_STEP_MM)[:, None] * way
    places = np.rint(grid.indices(points)).astype(np.int64)[:, ::-1]
    is_there = ((places >= 0) & (places < np.array(grid.shape))).all(axis=1)
    return RAY_STEP_MM * float(body[tuple(places[is_there].T)].sum())
