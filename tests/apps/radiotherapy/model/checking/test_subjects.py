"""What is computed of a case's objects is computed once of the very same ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.apps.radiotherapy.model.checking.plants import TARGET, sound_checked
from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError
from tianfu.apps.radiotherapy.model.checking.subjects import Checked, Found, checked_of
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.structures import Structure


def case() -> Case:
    """A sound one."""
    return sound_checked().case


def checked(of: Case, found: Found | None = None) -> Checked:
    return checked_of(of, plan=None, machine=None, protocol=None, found=found)


def target_of(one: Checked) -> Structure:
    return next(each for each in one.structure_set.structures if each.number == TARGET)


def with_target(changed: Structure) -> Case:
    (drawn,) = case().structure_sets
    others = tuple(changed if each.number == TARGET else each for each in drawn.structures)
    return replace(case(), structure_sets=(replace(drawn, structures=others),))


@pytest.mark.parametrize("compute", [Checked.shape, Checked.inside, Checked.inside_dose, Checked.points])
def test_a_case_with_another_plan_has_what_was_computed_of_the_structures(
    compute: Callable[[Checked, Structure], object],
) -> None:
    first = checked(case())
    known = compute(first, target_of(first))
    (plan,) = case().plans
    second = checked(replace(case(), plans=(replace(plan, label="another"),)), first.found)
    assert compute(second, target_of(second)) is known
    assert compute(checked(case()), target_of(first)) is not known


def test_a_structure_that_was_drawn_anew_under_the_same_number_is_looked_at_anew() -> None:
    first = checked(case())
    target = target_of(first)
    whole = first.volume_ml(target), int(first.inside(target).sum()), int(first.inside_dose(target).sum())
    second = checked(with_target(replace(target, rings=target.rings[: len(target.rings) // 2])), first.found)
    half = target_of(second)
    less = second.volume_ml(half), int(second.inside(half).sum()), int(second.inside_dose(half).sum())
    assert all(0 < one < other for one, other in zip(less, whole, strict=True))
    assert second.middle(half)[2] != first.middle(target)[2]


def test_an_image_or_a_dose_on_another_grid_is_looked_at_anew() -> None:
    first = checked(case())
    (images,), (dose,) = case().images, case().doses
    moved = replace(dose.volume.grid, origin=dose.volume.grid.origin + 40.0)
    changed = replace(case(), doses=(replace(dose, volume=replace(dose.volume, grid=moved)),))
    known, target = first.inside_dose(target_of(first)), target_of(first)
    assert (checked(changed, first.found).inside_dose(target) != known).any()
    brighter = replace(images, volume=replace(images.volume, values=images.volume.values + 1))
    other = checked(replace(case(), images=(brighter,)), first.found)
    assert (other.coarse_values() == first.coarse_values() + 1).all()


def test_what_a_later_case_computes_is_not_added_to_what_was_found_before() -> None:
    found = Found()
    later = Found(found)
    key = object()
    assert later.once("a thing", (key,), lambda: 1) == later.once("a thing", (key,), lambda: 2) == 1
    assert found.once("a thing", (key,), lambda: 3) == 3
    assert later.once("another", (key,), lambda: 4) == 4


def test_what_cannot_be_computed_is_refused_every_time() -> None:
    first = checked(case())
    target = target_of(first)
    bent = replace(target.rings[0], points=target.rings[0].points[:2])
    broken = checked(with_target(replace(target, rings=(bent,))), first.found)
    for _ in range(2):
        with pytest.raises(NotJudgedError, match="contours-unusable"):
            broken.volume_ml(target_of(broken))
