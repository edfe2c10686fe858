"""Rules on the plan's dose: its grid, its place, and whether it is the dose that is prescribed (PS3.3 C.8.8.3)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from tianfu.apps.radiotherapy.model.checking.books import TG_275, Book, dicom
from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError, Seen, Severity, Topic, seen
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.apps.radiotherapy.model.optimisation.regions import ring_of
from tianfu.apps.radiotherapy.model.scanlines import Bools
from tianfu.standards.dicom.grids import Floats, Grid

BOOK = Book(Topic.DOSE)

GRID_MM_MOST = 3.0
TARGET_MARGIN_MM = 10.0
MOST_SHARE = 1.20
MEAN_SHARE = (0.95, 1.10)
COVERED_GY_SHARE, COVERED_LEAST = 0.95, 0.95
HOT_SHARE = 1.02
EDGE_SHARE = 0.5
POINT_WITHIN = 0.04
"""Below the 5 % from which a second computation of monitor units is looked into (AAPM TG-114). [memory]"""

SUM_WITHIN = 0.02
MIDDLE_SHARE, MIDDLE_NEAR_MM, MIDDLE_MM_MOST = 0.95, 15.0, 3.0
SAME_GY, HALF_VOXEL = 0.01, 0.5
ON_SIDE_MM = 0.01
"""A target so little beyond the outermost voxel centres ends at them: both were rounded in their files. [ours]"""


@BOOK.rule("dose-missing", Severity.STOP, TG_275, "inferred")
def _missing(checked: Checked) -> Iterator[Seen]:
    plan = checked.plan
    if not any(dose.plan == plan.instance and dose.summation == "PLAN" for dose in checked.case.doses):
        yield seen({"plan": plan.label})


@BOOK.rule("doses-several", Severity.WARNING, TG_275, "ours")
def _several(checked: Checked) -> Iterator[Seen]:
    plan = checked.dose.plan
    count = sum(dose.plan == plan and dose.summation == "PLAN" for dose in checked.case.doses)
    if count > 1:
        yield seen(found=count, limit=1)


@BOOK.rule("dose-not-of-plan", Severity.NOTICE, dicom("C.8.8.9"), "ours")
def _not_named(checked: Checked) -> Iterator[Seen]:
    if checked.plan.doses and checked.dose.instance not in checked.plan.doses:
        yield seen()


@BOOK.rule("dose-grid-coarse", Severity.WARNING, TG_275, "ours")
def _coarse(checked: Checked) -> Iterator[Seen]:
    step = float(checked.dose.volume.grid.spacing.max())
    if step > GRID_MM_MOST + SAME_GY:
        yield seen(found=f"{step:g} mm", limit=f"{GRID_MM_MOST:g} mm")


@BOOK.rule("dose-grid-cuts-target", Severity.STOP, TG_275, "inferred")
def _cuts_target(checked: Checked) -> Iterator[Seen]:
    left = _margin(checked)
    if left < -ON_SIDE_MM:
        yield seen({"structure": checked.target.name}, found=f"{-left:.1f} mm", limit="0 mm")


@BOOK.rule("dose-grid-near-target", Severity.WARNING, TG_275, "ours")
def _near_target(checked: Checked) -> Iterator[Seen]:
    left = _margin(checked)
    if -ON_SIDE_MM <= left < TARGET_MARGIN_MM:
        yield seen(
            {"structure": checked.target.name}, found=f"{max(left, 0.0):.1f} mm", limit=f"{TARGET_MARGIN_MM:g} mm"
        )


@BOOK.rule("dose-cut-by-grid", Severity.WARNING, TG_275, "ours")
def _cut(checked: Checked) -> Iterator[Seen]:
    """Much dose at a side of the grid inside the body goes on beyond it."""
    values, body = checked.dose.volume.values, checked.inside_dose(checked.body)
    sides = np.ones_like(body)
    sides[1:-1, 1:-1, 1:-1] = False
    most = float(values[sides & body].max(initial=0.0))
    if most > EDGE_SHARE * checked.prescribed_gy:
        yield seen(found=f"{most:.1f} Gy", limit=f"{EDGE_SHARE * checked.prescribed_gy:.1f} Gy")


@BOOK.rule("dose-grid-beyond-image", Severity.NOTICE, TG_275, "ours")
def _beyond_image(checked: Checked) -> Iterator[Seen]:
    grid, image = checked.dose.volume.grid, checked.images.volume.grid
    far = np.array(grid.shape[::-1]) - 1
    corners = grid.points(np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * far)
    places = image.local(corners)
    beyond = float(np.maximum(-places, places - image.extent).max())
    if beyond > float(grid.spacing.max()):
        yield seen(found=f"{beyond:.0f} mm", limit=f"{float(grid.spacing.max()):g} mm")


@BOOK.rule("heterogeneity-not-corrected", Severity.WARNING, TG_275, "inferred")
def _heterogeneity(checked: Checked) -> Iterator[Seen]:
    said = checked.dose.heterogeneity
    if not said:
        raise NotJudgedError("not-said")
    if "IMAGE" not in said:
        yield seen(found=", ".join(said), expected="IMAGE")


@BOOK.rule("dose-differs-from-prescription", Severity.STOP, TG_275, "ours")
def _mean(checked: Checked) -> Iterator[Seen]:
    mean, (least, most) = float(_in_target(checked).mean()), MEAN_SHARE
    if not least <= mean / checked.prescribed_gy <= most:
        yield seen({"structure": checked.target.name}, found=f"{mean:.2f} Gy", expected=f"{checked.prescribed_gy:g} Gy")


@BOOK.rule("target-underdosed", Severity.WARNING, TG_275, "ours")
def _cold(checked: Checked) -> Iterator[Seen]:
    limit = COVERED_GY_SHARE * checked.prescribed_gy
    share = float((_in_target(checked) >= limit).mean())
    if share < COVERED_LEAST:
        yield seen(
            {"structure": checked.target.name},
            found=f"{100 * share:.1f} %",
            limit=f"{100 * COVERED_LEAST:g} % ({limit:.2f} Gy)",
        )


@BOOK.rule("dose-middle-beside-target", Severity.WARNING, TG_275, "ours")
def _middle(checked: Checked) -> Iterator[Seen]:
    """The prescribed dose in the target and around it has its middle elsewhere than the target: it was shifted.

    What belongs to other targets is left out; a grid coarser than the limit knows no better than its voxels.
    """
    grid, target = checked.dose.volume.grid, checked.inside_dose(checked.target)
    if not target.any():
        raise NotJudgedError("target-outside-dose")
    near = target | ring_of(target, grid, inner_mm=0.0, outer_mm=MIDDLE_NEAR_MM)
    given = near & (checked.dose.volume.values >= MIDDLE_SHARE * checked.prescribed_gy)
    for other in checked.targets:
        given &= target | ~checked.inside_dose(other)
    if not given.any():
        raise NotJudgedError("nothing-to-check")
    away = float(np.linalg.norm(_middle_of(given, grid) - checked.middle(checked.target)))
    limit = max(MIDDLE_MM_MOST, float(grid.spacing.max()))
    if away > limit:
        yield seen({"structure": checked.target.name}, found=f"{away:.1f} mm", limit=f"{limit:.1f} mm")


@BOOK.rule("dose-maximum-high", Severity.WARNING, TG_275, "ours")
def _maximum(checked: Checked) -> Iterator[Seen]:
    most, limit = float(checked.dose.volume.values.max()), MOST_SHARE * checked.prescribed_gy
    if most > limit:
        yield seen(found=f"{most:.2f} Gy", limit=f"{limit:.2f} Gy")


@BOOK.rule("hot-spot-outside-target", Severity.WARNING, TG_275, "ours")
def _hot_spot(checked: Checked) -> Iterator[Seen]:
    """Inside the body, outside of all targets, hotter than they are and than is prescribed."""
    values, targets = checked.dose.volume.values, np.zeros(checked.dose.volume.grid.shape, dtype=np.bool_)
    for target in checked.targets:
        targets |= checked.inside_dose(target)
    hottest = float(values[targets].max(initial=0.0))
    limit = HOT_SHARE * max(hottest, checked.prescribed_gy)
    most = float(values[checked.inside_dose(checked.body) & ~targets].max(initial=0.0))
    if most > limit:
        yield seen(found=f"{most:.2f} Gy", limit=f"{limit:.2f} Gy")


@BOOK.rule("dose-in-air", Severity.WARNING, TG_275, "ours")
def _air(checked: Checked) -> Iterator[Seen]:
    outside = ~checked.inside_dose(checked.body)
    most = float(checked.dose.volume.values[outside].max(initial=0.0))
    if most > HOT_SHARE * checked.prescribed_gy:
        yield seen(found=f"{most:.2f} Gy", limit=f"{HOT_SHARE * checked.prescribed_gy:.2f} Gy")


@BOOK.rule("organ-limit-exceeded", Severity.WARNING, TG_275, "inferred")
def _organ_limits(checked: Checked) -> Iterator[Seen]:
    organs = {one.number: one for one in checked.drawn}
    limits = [one for one in checked.plan.dose_references if one.kind == "ORGAN_AT_RISK" and one.organ_most_gy]
    if not limits:
        raise NotJudgedError("nothing-to-check")
    for one in limits:
        organ, limit = organs.get(-1 if one.structure is None else one.structure), one.organ_most_gy or 0.0
        if organ is None:
            continue
        most = float(checked.dose.volume.values[checked.inside_dose(organ)].max(initial=0.0))
        if most > limit + SAME_GY:
            yield seen({"structure": organ.name}, found=f"{most:.2f} Gy", limit=f"{limit:g} Gy")


@BOOK.rule("point-dose-differs", Severity.WARNING, TG_275, "inferred")
def _point(checked: Checked) -> Iterator[Seen]:
    """The beams' doses at their common point, over all fractions, against the dose there."""
    points = {one.dose_point_mm for one in checked.given.values()}
    doses = [one.dose_gy for one in checked.given.values() if one.dose_gy is not None]
    point = next(iter(points))
    if len(points) != 1 or point is None or len(doses) != len(checked.given):
        raise NotJudgedError("not-said")
    expected, found = sum(doses) * checked.fractions, _at(checked, np.array(point))
    if abs(found / expected - 1) > POINT_WITHIN:
        yield seen(
            {"point": ", ".join(f"{c:g}" for c in point)}, found=f"{found:.2f} Gy", expected=f"{expected:.2f} Gy"
        )


@BOOK.rule("beam-doses-differ-from-sum", Severity.STOP, TG_275, "inferred")
def _sum(checked: Checked) -> Iterator[Seen]:
    plan, total = checked.dose, np.zeros(checked.dose.volume.grid.shape)
    parts = [dose for dose in checked.case.doses if dose.plan == plan.plan and dose.summation == "BEAM"]
    numbers = {number for dose in parts for number in dose.beams}
    if numbers != {beam.number for beam in checked.beams}:
        raise NotJudgedError("nothing-to-check" if not parts else "beam-doses-incomplete")
    for part in parts:
        if not part.volume.grid.is_same(plan.volume.grid, within_mm=SAME_GY):
            raise NotJudgedError("grids-differ")
        total += part.volume.values
    off = float(np.abs(total - plan.volume.values).max()) / max(float(plan.volume.values.max()), SAME_GY)
    if off > SUM_WITHIN:
        yield seen(found=f"{100 * off:.1f} %", limit=f"{100 * SUM_WITHIN:g} %")


def _in_target(checked: Checked) -> NDArray[np.float32]:
    values = checked.dose.volume.values[checked.inside_dose(checked.target)]
    if not values.size:
        raise NotJudgedError("target-outside-dose")
    return values


def _middle_of(inside: Bools, grid: Grid) -> Floats:
    return np.asarray(grid.points(np.argwhere(inside)[:, ::-1].mean(axis=0)))


def _margin(checked: Checked) -> float:
    """Millimetres from the target to the nearest side of the dose's grid; below zero if it reaches beyond."""
    grid = checked.dose.volume.grid
    places = grid.local(checked.points(checked.target))
    return float(np.minimum(places, grid.extent - places).min())


def _at(checked: Checked, point: Floats) -> float:
    """The dose at a point, between voxels; at the grid's border that of its outermost voxels."""
    volume = checked.dose.volume
    places, most = volume.grid.indices(point)[::-1], np.array(volume.grid.shape) - 1
    if (places < -HALF_VOXEL).any() or (places > most + HALF_VOXEL).any():
        raise NotJudgedError("point-outside-dose")
    return float(map_coordinates(volume.values, places[:, None], order=1, mode="nearest")[0])
