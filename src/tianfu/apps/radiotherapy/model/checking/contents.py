"""Rules that hold structures against what the image shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from tianfu.apps.radiotherapy.model.checking.books import TG_275, Book
from tianfu.apps.radiotherapy.model.checking.edges import (
    PROBE_MM,
    area_mm2,
    displaced_edges,
    edge_of,
    half_way_mm,
    outline_of,
    points_on,
    steps_over,
    values_at,
)
from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError, Seen, Severity, Topic, seen
from tianfu.apps.radiotherapy.model.checking.subjects import ORGAN_KINDS, TARGET_KINDS, Checked
from tianfu.apps.radiotherapy.model.rings import moments_of
from tianfu.apps.radiotherapy.model.scanlines import Bools
from tianfu.apps.radiotherapy.model.shapes import Plane
from tianfu.standards.dicom.grids import Floats
from tianfu.standards.dicom.structures import Structure

BOOK = Book(Topic.STRUCTURES)

AIR_HU, TISSUE_HU = -500.0, -300.0
RIM_MM = 5.0
AIR_SHARE_MOST, TISSUE_SHARE_MOST = 0.2, 0.35
"""A couch may touch a patient along a third of his outline; air within his skin has less excuse. [ours]"""

SEARCHED_MM, SEARCH_STEP_MM = 24.0, 2.0
DISPLACED_MM_LEAST = 3.0
EVEN_LEAST, EVEN_SHARE_MOST, STEP_HU_LEAST = 1.5, 0.6, 10.0
EVEN_ENOUGH = 2.5
"""Only an outline that fits evenly somewhere else, and badly where it is, is told. [ours]"""

END_MM2_LEAST, GOES_ON_SHARE = 20.0, 0.4
DEPTHS = (0.5, 1.0, 1.7)
"""Shares of half the way into a disc: near its edge, half way, and near its middle. [ours]"""

PIECE_SHARE_MOST, PIECE_ML_MOST = 0.02, 0.5
DENSITY_FACTOR_MOST = 3.0

HU_OF_NAMES: Mapping[str, tuple[float, float]] = {
    "Lung": (-970.0, -250.0),
    "Lungs": (-970.0, -250.0),
    "Trachea": (-1030.0, -400.0),
    "Bone": (80.0, 2000.0),
    "Femur": (80.0, 2000.0),
    "Mandible": (80.0, 2500.0),
}
"""The mean of what is called so, from deep breath to collapse, from porous to dense. [memory]"""

NAMED = re.compile(r"^(?P<organ>[A-Za-z]+?)(?:_(?:Head_)?[LR])?$")


@BOOK.rule("body-differs-from-image", Severity.WARNING, TG_275, "ours")
def _body(checked: Checked) -> Iterator[Seen]:
    """A rim inside the body's outline is not air, a rim outside is not tissue but for a couch."""
    body, values = checked.inside(checked.body), checked.coarse_values()
    inner, outer = body & ~_shrunk(checked, body), _grown(checked, body) & ~body
    for rim, is_wrong, most in (
        (inner, values < AIR_HU, AIR_SHARE_MOST),
        (outer, values > TISSUE_HU, TISSUE_SHARE_MOST),
    ):
        share = float(is_wrong[rim].mean()) if rim.any() else 0.0
        if share > most:
            yield seen({"structure": checked.body.name}, found=f"{100 * share:.0f} %", limit=f"{100 * most:g} %")


@BOOK.rule("outline-fits-elsewhere", Severity.WARNING, TG_275, "ours")
def _elsewhere(checked: Checked) -> Iterator[Seen]:
    """The same outline, displaced within its slices, lies on an even edge of the image; where it is drawn it does not.

    A margin has no edge of its own and is not told.
    """
    least_mm = max(DISPLACED_MM_LEAST, float(checked.images.volume.grid.spacing[:2].max()))
    along = np.arange(-SEARCHED_MM, SEARCHED_MM + 0.1, SEARCH_STEP_MM)
    ways = np.array(list(product(along, along)))
    for one in _with_edges(checked):
        outline = outline_of(checked, one)
        if not len(outline.slices):
            continue
        here = edge_of(steps_over(checked, outline))
        if here.evenness >= EVEN_ENOUGH:
            continue
        steps_hu, evenness = displaced_edges(checked, outline, ways)
        evenness[np.abs(steps_hu) < STEP_HU_LEAST] = 0.0
        best, away = float(evenness.max()), float(np.hypot(*ways[int(evenness.argmax())]))
        is_better = best >= EVEN_LEAST and here.evenness < EVEN_SHARE_MOST * best
        if is_better and away >= least_mm:
            yield seen({"structure": one.name}, found=f"{away:.0f} mm", limit=f"{least_mm:.1f} mm")


@BOOK.rule("structure-goes-on-in-image", Severity.NOTICE, TG_275, "ours")
def _goes_on(checked: Checked) -> Iterator[Seen]:
    """Beyond the last ring the image shows the same inside as in it, unlike what lies beside it."""
    slices, step = checked.images.volume.grid.shape[0], float(checked.images.volume.grid.spacing[2])
    for one in _with_edges(checked):
        if one.kind == "EXTERNAL":
            continue
        planes = checked.shape(one).planes
        for plane, way in ((planes[0], -1), (planes[-1], 1)):
            last = round(plane.z_mm / step)
            if area_mm2(plane) >= END_MM2_LEAST and 0 <= last < slices and 0 <= last + way < slices:
                around = _around(checked, plane, last, last + way)
                grain = float(np.hypot(around.here.std(), around.beside.std())) / np.sqrt(len(around.here))
                contrast = float(around.here.mean() - around.beside.mean())
                is_seen = abs(contrast) >= max(STEP_HU_LEAST, 4 * grain)
                if is_seen and around.goes_on(GOES_ON_SHARE * abs(contrast)):
                    yield seen({"structure": one.name, "slice": last + 1}, found=f"{contrast:+.0f} HU")


@BOOK.rule("structure-in-crumbs", Severity.WARNING, TG_275, "ours")
def _crumbs(checked: Checked) -> Iterator[Seen]:
    """Pieces that hang together with nothing else of their structure and are next to nothing of it."""
    step = float(checked.images.volume.grid.spacing[2])
    for one in checked.drawn:
        pieces = _pieces_ml(checked, one, step)
        count = sum(volume < min(PIECE_ML_MOST, PIECE_SHARE_MOST * sum(pieces)) for volume in pieces)
        if count:
            yield seen({"structure": one.name}, found=count, limit=f"{PIECE_ML_MOST:g} cm³")


@BOOK.rule("structure-unlike-its-name", Severity.WARNING, TG_275, "ours")
def _unlike_name(checked: Checked) -> Iterator[Seen]:
    known = [
        (one, HU_OF_NAMES[match["organ"]])
        for one in checked.drawn
        if (match := NAMED.match(one.name)) and match["organ"] in HU_OF_NAMES
    ]
    if not known:
        raise NotJudgedError("nothing-to-check")
    for one, (least, most) in known:
        values = checked.coarse_values()[checked.inside(one)]
        mean = float(values.mean()) if values.size else least
        if not least <= mean <= most:
            yield seen({"structure": one.name}, found=f"{mean:.0f} HU", limit=f"{least:g}-{most:g} HU")


@BOOK.rule("density-unlike-image", Severity.WARNING, TG_275, "ours")
def _density(checked: Checked) -> Iterator[Seen]:
    """An override is to differ from the image, but not by a digit."""
    named = {one.number: one for one in checked.drawn}
    told = [
        (named[one.structure], one)
        for one in checked.structure_set.properties
        if one.structure in named and one.name in {"REL_ELEC_DENSITY", "REL_MASS_DENSITY"}
    ]
    if not told:
        raise NotJudgedError("nothing-to-check")
    for structure, one in told:
        values = checked.coarse_values()[checked.inside(structure)]
        seen_there = max(0.05, 1 + float(values.mean()) / 1000) if values.size else 1.0
        if not 1 / DENSITY_FACTOR_MOST <= one.value / seen_there <= DENSITY_FACTOR_MOST:
            yield seen({"structure": structure.name}, found=f"{one.value:g}", other=f"{seen_there:.2f}")


def _with_edges(checked: Checked) -> tuple[Structure, ...]:
    return tuple(one for one in checked.drawn if one.kind in TARGET_KINDS | ORGAN_KINDS | {"EXTERNAL"})


@dataclass(frozen=True, kw_only=True)
class _Around:
    """Values half way into a plane's rings and beside them, and on another slice as deep as each of `DEPTHS`."""

    here: Floats
    beside: Floats
    beyond: tuple[Floats, ...]

    def goes_on(self, within_hu: float) -> bool:
        """Whether the other slice shows the same at any depth: a round end is narrower, a band may lie aside."""
        return any(abs(float(values.mean() - self.here.mean())) < within_hu for values in self.beyond)


def _around(checked: Checked, plane: Plane, here: int, beyond: int) -> _Around:
    points, outwards = points_on(plane)
    depth = half_way_mm(plane, len(points))
    on, other = (np.full(len(points), number, dtype=np.int64) for number in (here, beyond))
    return _Around(
        here=values_at(checked, points - depth * outwards, on),
        beside=values_at(checked, points + PROBE_MM * outwards, on),
        beyond=tuple(values_at(checked, points - share * depth * outwards, other) for share in DEPTHS),
    )


def _pieces_ml(checked: Checked, structure: Structure, step: float) -> list[float]:
    """Volumes of what hangs together: rings whose boxes overlap, on one plane or on neighbouring ones."""
    rings = [
        (number, ring.min(axis=0), ring.max(axis=0), float(moments_of(ring)[0]))
        for number, plane in enumerate(checked.shape(structure).planes)
        for ring in plane.rings
    ]
    piece = list(range(len(rings)))

    def root(place: int) -> int:
        while piece[place] != place:
            place = piece[place]
        return place

    start = 0
    for place, (number, low, high, _) in enumerate(rings):
        while rings[start][0] < number - 1:
            start += 1
        for other in range(start, place):
            if (rings[other][1] <= high).all() and (low <= rings[other][2]).all():
                piece[root(place)] = root(other)
    volumes: dict[int, float] = {}
    for place, (_, _, _, area) in enumerate(rings):
        volumes[root(place)] = volumes.get(root(place), 0.0) + area * step / 1000
    return list(volumes.values())


def _grown(checked: Checked, mask: Bools) -> Bools:
    """So many voxels more to each side within its slice as `RIM_MM` is wide."""
    across, along = (max(1, round(RIM_MM / float(size))) for size in checked.coarse.spacing[:2])
    grown = mask.copy()
    for _ in range(along):
        former = grown.copy()
        grown[:, 1:] |= former[:, :-1]
        grown[:, :-1] |= former[:, 1:]
    for _ in range(across):
        former = grown.copy()
        grown[:, :, 1:] |= former[:, :, :-1]
        grown[:, :, :-1] |= former[:, :, 1:]
    return grown


def _shrunk(checked: Checked, mask: Bools) -> Bools:
    return ~_grown(checked, ~mask)
