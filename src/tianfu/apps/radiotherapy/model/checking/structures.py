"""Rules on structures: the body, targets, organs, their names and whether they can be as they are (PS3.3 C.8.8.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations, pairwise

import numpy as np
from scipy.ndimage import distance_transform_edt

from tianfu.apps.radiotherapy.model.checking.books import TG_263, TG_275, Book, dicom
from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError, Seen, Severity, Topic, seen
from tianfu.apps.radiotherapy.model.checking.subjects import ORGAN_KINDS, TARGET_KINDS, Checked
from tianfu.apps.radiotherapy.model.rings import moments_of
from tianfu.apps.radiotherapy.model.scanlines import Bools
from tianfu.standards.dicom.grids import Grid
from tianfu.standards.dicom.names import Exact, standard_name_of
from tianfu.standards.dicom.structures import Structure

BOOK = Book(Topic.STRUCTURES)

GAP_STEPS = 1.5
OUTSIDE_PERCENT_MOST, OUTSIDE_MM_MOST = 0.5, 4.0
"""Of a target that reaches the skin, voxels at the edge may fall on the other side. [ours]"""

IMAGE_END_MM = 10.0
"""Scatter needs some centimetres of patient beyond the target; this is the least. [ours]"""

OVERLAP_ML = 0.1
SPECK_MM2 = 4.0
PAIR_FACTOR = 3.0
MIDLINE_MM = 2.0
TARGET_ML = (0.05, 8000.0)
OUTLINES = frozenset({"Body", "External"})
SIDED = re.compile(r"^(?P<organ>.+?)_(?P<side>[LR])(?P<rest>_.*|\^.*|)$")
PRV = re.compile(r"^(?P<organ>.+)_PRV[0-9]*$")
CLINICAL = re.compile(r"^[I]?(?P<kind>GTV|CTV|PTV)(?P<rest>.*)$")

VOLUME_ML: Mapping[str, tuple[float, float]] = {
    "Bladder": (10.0, 1500.0),
    "Brain": (600.0, 2200.0),
    "Brainstem": (8.0, 80.0),
    "Eye": (3.0, 20.0),
    "Heart": (150.0, 2000.0),
    "Kidney": (30.0, 600.0),
    "Lens": (0.02, 1.5),
    "Liver": (300.0, 5000.0),
    "Lung": (200.0, 6000.0),
    "Parotid": (2.0, 120.0),
    "SpinalCord": (1.0, 200.0),
}
"""From small children's to large adults' and beyond: only what cannot be is told. [memory]"""


@BOOK.rule("body-missing", Severity.STOP, TG_275, "inferred")
def _body(checked: Checked) -> Iterator[Seen]:
    if not any(one.kind == "EXTERNAL" for one in checked.drawn):
        yield seen()


@BOOK.rule("bodies-several", Severity.WARNING, dicom("C.8.8.8"), "ours")
def _bodies(checked: Checked) -> Iterator[Seen]:
    names = [one.name for one in checked.drawn if one.kind == "EXTERNAL"]
    if len(names) > 1:
        yield seen(found=", ".join(names))


@BOOK.rule("body-short", Severity.WARNING, TG_275, "ours")
def _body_short(checked: Checked) -> Iterator[Seen]:
    """The body is drawn wherever the image has a patient: dose is computed inside it."""
    planes = len(checked.shape(checked.body).planes)
    slices = checked.images.volume.grid.shape[0]
    if planes < slices - 2:
        yield seen({"structure": checked.body.name}, found=planes, expected=slices)


@BOOK.rule("target-missing", Severity.STOP, TG_275, "inferred")
def _target(checked: Checked) -> Iterator[Seen]:
    if not any(one.kind in TARGET_KINDS for one in checked.drawn):
        yield seen()


@BOOK.rule("target-outside-body", Severity.STOP, TG_275, "inferred")
def _outside(checked: Checked) -> Iterator[Seen]:
    """Much of it, or a lobe, however thin, that reaches far."""
    body = checked.inside(checked.body)
    for target in _targets(checked):
        inside = checked.inside(target)
        beyond = inside & ~body
        percent, far = 100 * float(beyond.sum()) / max(1, int(inside.sum())), _reach_mm(beyond, body, checked.coarse)
        if percent > OUTSIDE_PERCENT_MOST:
            yield seen({"structure": target.name}, found=f"{percent:.1f} %", limit=f"{OUTSIDE_PERCENT_MOST:g} %")
        elif far > OUTSIDE_MM_MOST:
            yield seen({"structure": target.name}, found=f"{far:.1f} mm", limit=f"{OUTSIDE_MM_MOST:g} mm")


@BOOK.rule("target-near-image-end", Severity.WARNING, TG_275, "ours")
def _image_end(checked: Checked) -> Iterator[Seen]:
    grid = checked.images.volume.grid
    for target in _targets(checked):
        heights = grid.local(checked.points(target))[:, 2]
        left = min(float(heights.min()), float(grid.extent[2] - heights.max()))
        if left < IMAGE_END_MM:
            yield seen({"structure": target.name}, found=f"{left:.1f} mm", limit=f"{IMAGE_END_MM:g} mm")


@BOOK.rule("target-volume-unusual", Severity.WARNING, TG_275, "ours")
def _target_volume(checked: Checked) -> Iterator[Seen]:
    for target in _targets(checked):
        volume = checked.volume_ml(target)
        if not TARGET_ML[0] <= volume <= TARGET_ML[1]:
            limit = f"{TARGET_ML[0]:g}-{TARGET_ML[1]:g} cm³"
            yield seen({"structure": target.name}, found=f"{volume:.3g} cm³", limit=limit)


@BOOK.rule("clinical-target-beyond-planning-target", Severity.WARNING, TG_275, "inferred")
def _clinical(checked: Checked) -> Iterator[Seen]:
    """GTV in CTV in PTV, where the rest of their names is the same."""
    pairs = [
        (inner, outer)
        for inner in checked.targets
        for outer in checked.targets
        if (one := CLINICAL.match(inner.name)) and (other := CLINICAL.match(outer.name))
        if (one["kind"], other["kind"]) in {("GTV", "CTV"), ("CTV", "PTV"), ("GTV", "PTV")}
        if one["rest"] == other["rest"]
    ]
    yield from _beyond(checked, pairs)


@BOOK.rule("margin-volume-misses-organ", Severity.WARNING, TG_263, "inferred")
def _prv(checked: Checked) -> Iterator[Seen]:
    named = {one.name: one for one in checked.drawn}
    pairs = [
        (named[match["organ"]], one)
        for one in checked.drawn
        if (match := PRV.match(one.name)) and match["organ"] in named
    ]
    yield from _beyond(checked, pairs)


@BOOK.rule("target-organ-overlap", Severity.NOTICE, TG_275, "ours")
def _overlap(checked: Checked) -> Iterator[Seen]:
    target = checked.inside(checked.target)
    for organ in checked.organs:
        volume = float((target & checked.inside(organ)).sum()) * checked.coarse.voxel_mm3 / 1000
        if volume > OVERLAP_ML:
            yield seen({"structure": organ.name}, found=f"{volume:.1f} cm³", other=checked.target.name)


@BOOK.rule("structure-one-slice", Severity.WARNING, TG_275, "ours")
def _one_slice(checked: Checked) -> Iterator[Seen]:
    for one in checked.drawn:
        if len(checked.shape(one).planes) == 1:
            yield seen({"structure": one.name})


@BOOK.rule("structure-gap", Severity.WARNING, TG_275, "ours")
def _gaps(checked: Checked) -> Iterator[Seen]:
    step = float(checked.images.volume.grid.spacing[2])
    for one in checked.drawn:
        heights = [plane.z_mm for plane in checked.shape(one).planes]
        gap = max((after - before for before, after in pairwise(heights)), default=0.0)
        if gap > GAP_STEPS * step:
            yield seen({"structure": one.name}, found=f"{gap:.1f} mm", expected=f"{step:g} mm")


@BOOK.rule("structure-specks", Severity.NOTICE, TG_275, "ours")
def _specks(checked: Checked) -> Iterator[Seen]:
    """Crumbs beside other rings of their plane; a ring that is alone is small where a structure ends."""
    for one in checked.drawn:
        rings = [ring for plane in checked.shape(one).planes if len(plane.rings) > 1 for ring in plane.rings]
        count = sum(abs(float(moments_of(ring)[0])) < SPECK_MM2 for ring in rings)
        if count:
            yield seen({"structure": one.name}, found=count, limit=f"{SPECK_MM2:g} mm²")


@BOOK.rule("structure-outside-image", Severity.WARNING, TG_275, "inferred")
def _outside_image(checked: Checked) -> Iterator[Seen]:
    grid = checked.images.volume.grid
    for one in checked.drawn:
        places = grid.indices(checked.points(one))
        beyond = np.maximum(-places, places - (np.array(grid.shape[::-1]) - 1)).max()
        if beyond > 1:
            yield seen({"structure": one.name}, found=f"{beyond:.0f} voxels")


@BOOK.rule("side-differs-from-name", Severity.STOP, TG_275, "inferred")
def _side(checked: Checked) -> Iterator[Seen]:
    """In DICOM's patient coordinates x grows to the patient's left, however he lies (PS3.3 C.7.6.2.1.1)."""
    sided = _sided(checked)
    if not sided:
        raise NotJudgedError("nothing-to-check")
    body = checked.points(checked.body)
    middle = float(body[:, 0].min() + body[:, 0].max()) / 2
    for one, side in sided:
        points = checked.points(one)
        off = float(points[:, 0].min() + points[:, 0].max()) / 2 - middle
        if abs(off) > MIDLINE_MM and (off > 0) != (side == "L"):
            yield seen({"structure": one.name}, found=f"{abs(off):.0f} mm {'L' if off > 0 else 'R'}", expected=side)


@BOOK.rule("pair-unequal", Severity.NOTICE, TG_275, "ours")
def _pair(checked: Checked) -> Iterator[Seen]:
    volumes = {one.name: checked.volume_ml(one) for one, _ in _sided(checked)}
    pairs = [
        (name, name.replace("_L", "_R")) for name in volumes if "_L" in name and name.replace("_L", "_R") in volumes
    ]
    if not pairs:
        raise NotJudgedError("nothing-to-check")
    for left, right in pairs:
        small, large = sorted((volumes[left], volumes[right]))
        if large > PAIR_FACTOR * small:
            yield seen({"structure": left}, found=f"{volumes[left]:.1f} cm³", other=f"{volumes[right]:.1f} cm³")


@BOOK.rule("name-not-standard", Severity.NOTICE, TG_263, "inferred")
def _standard(checked: Checked) -> Iterator[Seen]:
    """A body's outline may have any of its known names: its kind says what it is already."""
    for one in checked.drawn:
        if one.kind == "EXTERNAL":
            is_standard = _standard_name(one.name) in OUTLINES
        elif one.kind in TARGET_KINDS | ORGAN_KINDS:
            is_standard = isinstance(standard_name_of(one.name), Exact)
        else:
            continue
        if one.name and not is_standard:
            yield seen({"structure": one.name})


@BOOK.rule("names-alike", Severity.WARNING, TG_263, "inferred")
def _alike(checked: Checked) -> Iterator[Seen]:
    for one, other in combinations(checked.structure_set.structures, 2):
        if one.name != other.name and _bare(one.name) == _bare(other.name):
            yield seen({"structure": one.name}, other=other.name)


@BOOK.rule("contours-same", Severity.WARNING, TG_275, "ours")
def _same(checked: Checked) -> Iterator[Seen]:
    for one, other in combinations(checked.drawn, 2):
        if one.kind == other.kind and len(one.rings) == len(other.rings):
            both = zip(one.rings, other.rings, strict=True)
            if all(np.array_equal(first.points, second.points) for first, second in both):
                yield seen({"structure": one.name}, other=other.name)


@BOOK.rule("organ-volume-unusual", Severity.NOTICE, TG_275, "memory")
def _volumes(checked: Checked) -> Iterator[Seen]:
    known = [(one, VOLUME_ML[name]) for one in checked.drawn if (name := _organ(one.name)) in VOLUME_ML]
    if not known:
        raise NotJudgedError("nothing-to-check")
    for one, (least, most) in known:
        volume = checked.volume_ml(one)
        if not least <= volume <= most:
            yield seen({"structure": one.name}, found=f"{volume:.3g} cm³", limit=f"{least:g}-{most:g} cm³")


@BOOK.rule("protocol-structure-missing", Severity.WARNING, TG_275, "inferred")
def _protocol(checked: Checked) -> Iterator[Seen]:
    there = {_standard_name(one.name) for one in checked.drawn}
    for name in sorted({goal.structure for goal in checked.protocol.goals} - there):
        yield seen({"structure": name})


@BOOK.rule("automatic-unreviewed", Severity.WARNING, TG_275, "inferred")
def _automatic(checked: Checked) -> Iterator[Seen]:
    made = [one.name for one in checked.drawn if one.generation == "AUTOMATIC"]
    if made and checked.structure_set.approval.status != "APPROVED":
        yield seen(found=", ".join(made))


@BOOK.rule("structure-kind-missing", Severity.NOTICE, dicom("C.8.8.8"), "ours")
def _kind(checked: Checked) -> Iterator[Seen]:
    for one in checked.drawn:
        if not one.kind:
            yield seen({"structure": one.name})


@BOOK.rule("structure-kind-differs-from-name", Severity.WARNING, TG_263, "inferred")
def _kind_of_name(checked: Checked) -> Iterator[Seen]:
    for one in checked.drawn:
        named = CLINICAL.match(one.name)
        if named and one.kind and one.kind not in TARGET_KINDS:
            yield seen({"structure": one.name}, found=one.kind, expected=named["kind"])


@BOOK.rule("density-overridden", Severity.NOTICE, TG_275, "inferred")
def _density(checked: Checked) -> Iterator[Seen]:
    names = {one.number: one.name for one in checked.structure_set.structures}
    for one in checked.structure_set.properties:
        yield seen({"structure": names.get(one.structure, str(one.structure))}, found=f"{one.name} {one.value:g}")


def _targets(checked: Checked) -> tuple[Structure, ...]:
    if not checked.targets:
        raise NotJudgedError("no-target")
    return checked.targets


def _reach_mm(beyond: Bools, body: Bools, grid: Grid) -> float:
    """How far what lies beyond the body is from it at most; zero if nothing does."""
    if not beyond.any():
        return 0.0
    return float(distance_transform_edt(~body, sampling=grid.spacing[::-1])[beyond].max())


def _beyond(checked: Checked, pairs: list[tuple[Structure, Structure]]) -> Iterator[Seen]:
    """A fault for each pair whose first is not inside its second, but for voxels at the edge."""
    if not pairs:
        raise NotJudgedError("nothing-to-check")
    for inner, outer in pairs:
        inside = checked.inside(inner)
        percent = 100 * float((inside & ~checked.inside(outer)).sum()) / max(1, int(inside.sum()))
        if percent > OUTSIDE_PERCENT_MOST:
            yield seen({"structure": inner.name}, found=f"{percent:.1f} %", other=outer.name)


def _sided(checked: Checked) -> list[tuple[Structure, str]]:
    return [(one, match["side"]) for one in checked.organs if (match := SIDED.match(one.name))]


def _bare(name: str) -> str:
    return re.sub(r"[\s_\-.]", "", name).casefold()


def _standard_name(name: str) -> str:
    found = standard_name_of(name)
    return getattr(found, "name", name)


def _organ(name: str) -> str:
    """The name without its side."""
    match = SIDED.match(name)
    return match["organ"] if match and not match["rest"] else name
