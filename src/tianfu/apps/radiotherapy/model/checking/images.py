"""Rules on the planning image: how fine, how far, whether a scanner gives such numbers (PS3.3 C.7.6, C.8.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
from scipy.ndimage import uniform_filter

from tianfu.apps.radiotherapy.model.checking.books import TG_275, Book, dicom
from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError, Seen, Severity, Topic, seen
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.standards.dicom.grids import Floats

BOOK = Book(Topic.IMAGES)

SLICE_MM_MOST = 5.0
PIXEL_MM_MOST = 3.0
SLICES_LEAST = 10
AIR_HU = (-1050.0, -920.0)
BODY_HU = (-400.0, 300.0)
METAL_HU, METAL_ML = 2500, 0.5
ALONG_WITHIN = 1e-3
CUT_SHARE = 0.02
AT_SIDE_VOXELS = 0.75
AIR_VOXELS_LEAST = 100
OUT_OF_PLACE_FACTOR, EXCHANGED_FACTOR, END_FACTOR = 1.6, 1.25, 3.0
EXCHANGED_APART_MOST = 3
"""Slices; farther apart what changed places is like no neighbour, and whoever is symmetric fits both ways. [ours]"""

SMOOTH_MM = 6.0


@BOOK.rule("slices-thick", Severity.WARNING, TG_275, "ours")
def _slices(checked: Checked) -> Iterator[Seen]:
    step = float(checked.images.volume.grid.spacing[2])
    if step > SLICE_MM_MOST:
        yield seen(found=f"{step:g} mm", limit=f"{SLICE_MM_MOST:g} mm")


@BOOK.rule("pixels-coarse", Severity.WARNING, TG_275, "ours")
def _pixels(checked: Checked) -> Iterator[Seen]:
    size = float(checked.images.volume.grid.spacing[:2].max())
    if size > PIXEL_MM_MOST:
        yield seen(found=f"{size:g} mm", limit=f"{PIXEL_MM_MOST:g} mm")


@BOOK.rule("slices-few", Severity.WARNING, TG_275, "ours")
def _few(checked: Checked) -> Iterator[Seen]:
    count = checked.images.volume.grid.shape[0]
    if count < SLICES_LEAST:
        yield seen(found=count, limit=SLICES_LEAST)


@BOOK.rule("air-unlike-air", Severity.WARNING, TG_275, "ours")
def _air(checked: Checked) -> Iterator[Seen]:
    """The median of what is far from the body, two coarse pixels at least, and of what is next to that.

    Only near the body is air never padding, so only there it can be too low.
    """
    body, values = checked.inside(checked.body), checked.coarse_values()
    for _ in range(2):
        body = _grown(body)
    near = _grown(_grown(body)) & ~body
    if np.count_nonzero(~body) < AIR_VOXELS_LEAST or np.count_nonzero(near) < AIR_VOXELS_LEAST:
        raise NotJudgedError("nothing-to-check")
    median, beside = float(np.median(values[~body])), float(np.median(values[near]))
    if median > AIR_HU[1]:
        yield seen(found=f"{median:.0f} HU", limit=f"{AIR_HU[1]:g} HU")
    elif beside < AIR_HU[0]:
        yield seen(found=f"{beside:.0f} HU", limit=f"{AIR_HU[0]:g} HU")


@BOOK.rule("body-unlike-tissue", Severity.STOP, TG_275, "ours")
def _tissue(checked: Checked) -> Iterator[Seen]:
    inside = checked.coarse_values()[checked.inside(checked.body)]
    if not inside.size:
        raise NotJudgedError("no-body")
    median = float(np.median(inside))
    if not BODY_HU[0] <= median <= BODY_HU[1]:
        yield seen(found=f"{median:.0f} HU", limit=f"{BODY_HU[0]:g}-{BODY_HU[1]:g} HU")


@BOOK.rule("image-without-contrast", Severity.STOP, TG_275, "ours")
def _contrast(checked: Checked) -> Iterator[Seen]:
    if np.ptp(checked.images.volume.values) == 0:
        yield seen()


@BOOK.rule("metal-in-image", Severity.NOTICE, TG_275, "ours")
def _metal(checked: Checked) -> Iterator[Seen]:
    image = checked.images.volume
    volume = float(np.count_nonzero(image.values > METAL_HU)) * image.grid.voxel_mm3 / 1000
    if volume > METAL_ML:
        yield seen(found=f"{volume:.1f} cm³", limit=f"{METAL_ML:g} cm³")


@BOOK.rule("position-unusual", Severity.NOTICE, TG_275, "ours")
def _unusual(checked: Checked) -> Iterator[Seen]:
    if not checked.images.position:
        raise NotJudgedError("not-said")
    if checked.images.position != "HFS":
        yield seen(found=checked.images.position, expected="HFS")


@BOOK.rule("position-differs-from-plan", Severity.STOP, TG_275, "inferred")
def _position(checked: Checked) -> Iterator[Seen]:
    position, planned = checked.images.position, {setup.position for setup in checked.plan.setups if setup.position}
    if not position or not planned:
        raise NotJudgedError("not-said")
    for other in sorted(planned - {position}):
        yield seen(found=position, other=other)


@BOOK.rule("image-oblique", Severity.WARNING, dicom("C.7.6.2"), "ours")
def _oblique(checked: Checked) -> Iterator[Seen]:
    axes = np.abs(checked.images.volume.grid.axes)
    if float(np.minimum(axes, np.abs(1 - axes)).max()) > ALONG_WITHIN:
        turned = np.degrees(np.arccos(np.clip(axes.max(axis=1).min(), 0, 1)))
        yield seen(found=f"{turned:.1f}°", expected="0°")


@BOOK.rule("image-cuts-body", Severity.WARNING, TG_275, "inferred")
def _cuts(checked: Checked) -> Iterator[Seen]:
    """Slices on which the body reaches the side of the image: what lies beyond is lost to the dose."""
    grid = checked.images.volume.grid
    lowest, highest = grid.spacing[:2] * AT_SIDE_VOXELS, grid.extent[:2] - grid.spacing[:2] * AT_SIDE_VOXELS
    planes = checked.shape(checked.body).planes
    count = sum(
        any((ring.min(axis=0) < lowest).any() or (ring.max(axis=0) > highest).any() for ring in plane.rings)
        for plane in planes
    )
    if count > CUT_SHARE * grid.shape[0]:
        yield seen(found=count, limit=0)


@BOOK.rule("image-series-several", Severity.NOTICE, TG_275, "ours")
def _several(checked: Checked) -> Iterator[Seen]:
    if not checked.case.images:
        raise NotJudgedError("no-images")
    if len(checked.case.images) > 1:
        yield seen(found=len(checked.case.images), limit=1)


@BOOK.rule("slices-repeat", Severity.WARNING, TG_275, "ours")
def _repeat(checked: Checked) -> Iterator[Seen]:
    """A scanner's noise makes each slice its own: two alike are one that was copied."""
    values = checked.images.volume.values
    for number, (one, other) in enumerate(pairwise(values), start=1):
        if np.ptp(one) > 0 and np.array_equal(one, other):
            yield seen({"slice": number + 1}, other=number)


@BOOK.rule("slice-out-of-place", Severity.WARNING, TG_275, "ours")
def _out_of_place(checked: Checked) -> Iterator[Seen]:
    """A slice that is less like either neighbour than these are like each other; at an end, less than others are.

    Of two near slices that changed places each is much like its neighbours: they are found since both fit better the
    other way.
    """
    count = checked.images.volume.grid.shape[0]
    if count < 5:
        raise NotJudgedError("nothing-to-check")
    unlike = _unlike(_smoothed(checked))
    beside, beyond = unlike[1], unlike[2]
    usual = float(np.median(beside))
    for number in range(1, count - 1):
        nearer, others = min(beside[number - 1], beside[number]), beyond[number - 1]
        if nearer > OUT_OF_PLACE_FACTOR * max(usual, others):
            yield seen({"slice": number + 1}, found=f"{nearer:.1f} HU", other=f"{others:.1f} HU")
    for one, other, apart, exchanged in _exchanged(unlike, usual):
        for number in (one, other):
            yield seen({"slice": number + 1}, found=f"{apart:.1f} HU", other=f"{exchanged:.1f} HU")
    for end, away, others in ((0, beside[0], beside[1]), (count - 1, beside[-1], beside[-2])):
        if away > END_FACTOR * max(usual, others):
            yield seen({"slice": end + 1}, found=f"{away:.1f} HU", other=f"{others:.1f} HU")


def _exchanged(unlike: Mapping[int, Floats], usual: float) -> Iterator[tuple[int, int, float, float]]:
    """Pairs of slices that fit better the other way, the clearest first and each slice once.

    With how unlike they are to those beside them, and how much they would be in each other's place.
    """
    count = len(unlike[1]) + 1

    def between(one: int, other: int) -> float:
        return float(unlike[abs(one - other)][min(one, other)])

    found = []
    for by in range(1, len(unlike)):
        for one in range(1, count - 1 - by):
            other = one + by
            now = [between(one - 1, one), between(other, other + 1)]
            then = [between(one - 1, other), between(one, other + 1)]
            if by > 1:
                now += [between(one, one + 1), between(other - 1, other)]
                then += [between(other, one + 1), between(other - 1, one)]
            apart, exchanged = sum(now) / len(now), sum(then) / len(then)
            if apart > EXCHANGED_FACTOR * max(usual, exchanged):
                found.append((apart - exchanged, one, other, apart, exchanged))
    told = set[int]()
    for _, one, other, apart, exchanged in sorted(found, reverse=True):
        if not {one, other} & told:
            told |= {one, other}
            yield one, other, apart, exchanged


def _smoothed(checked: Checked) -> Floats:
    """The image at coarse voxels, clipped and averaged over some millimetres within its slices."""
    size = np.maximum(1, np.rint(SMOOTH_MM / checked.coarse.spacing)).astype(int)
    clipped = np.clip(checked.coarse_values(), -300.0, 300.0)
    return np.asarray(uniform_filter(clipped, size=(1, int(size[1]), int(size[0])), mode="nearest"))


def _unlike(smooth: Floats) -> Mapping[int, Floats]:
    """How unlike each slice is to the one that is so many slices after it."""
    farthest = min(EXCHANGED_APART_MOST, len(smooth) - 3) + 1
    return {by: np.abs(smooth[by:] - smooth[:-by]).mean(axis=(1, 2)) for by in range(1, farthest + 1)}


def _grown(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """One pixel more to each side within its slice."""
    grown = mask.copy()
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    grown[:, :, 1:] |= mask[:, :, :-1]
    grown[:, :, :-1] |= mask[:, :, 1:]
    return grown
