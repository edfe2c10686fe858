"""What the benchmark of plan checks counts, by one seed that never changes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from bench.radiotherapy_checks import BYTES_MAX, NO_FAULT, VOXELS_MAX, looked_over, read_again, said_of, seeded_tried
from bench.radiotherapy_named import RIGHTLY
from demo.dice import Dice
from demo.radiotherapy.blind_faults import BLIND_FAULTS
from demo.radiotherapy.blind_faults.changing import heights, of_kind
from demo.radiotherapy.drawn import drawn_case
from demo.radiotherapy.faults import FAULTS, apply, faults_of
from demo.radiotherapy.faults.fault import Layer
from demo.radiotherapy.objects import written

from tianfu.apps.radiotherapy.model.checking.verdicts import RULES
from tianfu.standards.dicom.cases import Case, read_case
from tianfu.standards.dicom.structures import Ring

SEED = 20261128
ONCE_MISSED = (
    "ct-pixels-exchanged",
    "ct-mirrored",
    "structures-shifted",
    "structures-end-not-drawn",
    "plan-isocentre-moved",
    "plan-jaw-closed",
    "plan-wrong-distance",
)
"""Of these nothing was found before rules held structures against the image and fields against the target."""


@cache
def case_of(number: int) -> Case:
    return drawn_case(Dice("tests", SEED, number))


@cache
def said_of_case(number: int) -> frozenset[tuple[str, str]]:
    return said_of(case_of(number))


def slices_of_target(case: Case) -> list[float]:
    return heights(of_kind(case, "PTV")[0])


@pytest.mark.parametrize("number", range(4))
def test_no_rule_finds_anything_in_a_sound_case_that_was_drawn(number: int) -> None:
    assert said_of_case(number) == frozenset()


def test_there_are_at_least_thirty_blind_faults_and_each_says_why_it_matters() -> None:
    assert len(BLIND_FAULTS) >= 30
    assert all(fault.wrong and fault.harm and fault.counts for fault in BLIND_FAULTS.values())


@pytest.mark.parametrize("name", BLIND_FAULTS)
def test_a_blind_fault_is_named_rightly(name: str) -> None:
    number = list(BLIND_FAULTS).index(name) % 2
    after = said_of(BLIND_FAULTS[name].plant(case_of(number), Dice("tests", SEED, name)))
    assert {rule for rule, _ in after - said_of_case(number)} & RIGHTLY[name]


@pytest.mark.parametrize("name", ["structures-beside-the-anatomy", "dose-is-shifted", "scan-ends-at-the-target"])
def test_rules_find_the_same_in_a_case_of_which_something_is_known(name: str) -> None:
    before = looked_over(case_of(0))
    after = BLIND_FAULTS[name].plant(case_of(0), Dice("tests", SEED, name))
    assert before.said == said_of_case(0)
    assert said_of(after, before.found) == said_of(after) != before.said


def test_a_field_moved_by_little_more_than_its_margin_over_a_wide_target_is_named() -> None:
    """It still covers seven tenths of it, and reaches less than forty millimetres beyond."""
    fault, case = BLIND_FAULTS["field-beside-the-target"], drawn_case(Dice("checks", 480013, 3))
    after = said_of(fault.plant(case, Dice("blind", 480013, fault.id)))
    assert {rule for rule, _ in after - said_of(case)} & RIGHTLY[fault.id]


def test_a_target_of_six_slices_lacks_its_middle_ones() -> None:
    fault = BLIND_FAULTS["target-lacks-slices"]
    short = next(case for case in map(case_of, range(60)) if len(slices_of_target(case)) == 6)
    whole, left = slices_of_target(short), slices_of_target(fault.plant(short, Dice("tests", SEED, fault.id)))
    assert left == [*whole[:2], *whole[-2:]]
    assert {rule for rule, _ in said_of(fault.plant(short, Dice("tests", SEED))) - said_of(short)} & RIGHTLY[fault.id]


@pytest.mark.parametrize("apart", [1, 2, 3, 6])
@pytest.mark.parametrize("number", range(3))
def test_near_slices_that_changed_places_are_named(number: int, apart: int) -> None:
    case = case_of(number)
    (images,) = case.images
    values: Any = images.volume.values.copy()
    one = len(values) // 2 - 2
    values[[one, one + apart]] = values[[one + apart, one]]
    exchanged = replace(case, images=(replace(images, volume=replace(images.volume, values=values)),))
    found = {words for rule, words in said_of(exchanged) - said_of_case(number) if rule == "slice-out-of-place"}
    assert {f"slice {place + 1}" for place in (one, one + apart)} <= {words.partition(":")[0] for words in found}


def test_rules_are_named_for_every_fault_and_all_of_them_exist() -> None:
    faults = set(BLIND_FAULTS) | {fault.id for fault in faults_of(Layer.PLAN_CHECK)}
    assert set(RIGHTLY) == faults
    assert set(NO_FAULT) <= faults
    known = {rule.id for rule in RULES}
    assert {rule for rules in RIGHTLY.values() for rule in rules} <= known


@pytest.mark.slow  # writes and reads back cases of fifty slices
def test_what_only_the_image_or_the_fields_can_tell_is_named_rightly() -> None:
    faults = [FAULTS[name] for name in ONCE_MISSED]
    assert [one.fault for one in seeded_tried(SEED, [case_of(0)], faults) if not one.rightly] == []


@pytest.mark.slow  # writes a case of fifty slices and reads it back three times
@pytest.mark.parametrize("name", ["plan-wrong-fractions", "record-beam-left-out"])
def test_what_is_read_again_is_what_all_of_it_would_be_read_as(name: str) -> None:
    files = written(case_of(0))
    spoilt = apply(FAULTS[name], files, Dice("tests", SEED, name)).objects
    before, whole = (
        read_case(objects.contents(), bytes_max=BYTES_MAX, voxels_max=VOXELS_MAX).value for objects in (files, spoilt)
    )
    again = read_again(before, files, spoilt)
    assert (again.plans, again.treatments) == (whole.plans, whole.treatments)
    assert said_of(again) == said_of(whole) != said_of(before)


def test_a_tip_of_fewer_than_four_pixels_is_no_end_that_was_not_drawn_and_a_larger_one_is() -> None:
    case = case_of(0)
    (structures,) = case.structure_sets
    target = of_kind(case, "PTV")[0]
    size = case.images[0].volume.grid.spacing[:2]

    def with_tip(pixels: float) -> Case:
        side = np.sqrt(pixels) * size
        corners = np.array([(0, 0), (side[0], 0), (side[0], side[1]), (0, side[1])])
        height = heights(target)[-1] + 2.0
        tip = Ring(points=np.column_stack([corners, np.full(4, height)]))
        others = tuple(one for one in structures.structures if one is not target)
        ends = replace(target, rings=(*target.rings, tip))
        return replace(case, structure_sets=(replace(structures, structures=(*others, ends)),))

    is_none = NO_FAULT["structures-end-not-drawn"]
    assert is_none(with_tip(3.5), case)
    assert not is_none(with_tip(4.5), case)
