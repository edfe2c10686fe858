"""Every fault of the library is noticed by the layer that must notice it, wherever and however large it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from demo.dice import Dice
from demo.radiotherapy.faults import FAULTS, FAULTS_COUNT, apply, faults_of
from demo.radiotherapy.faults.fault import Fault, Layer
from demo.radiotherapy.faults.noticing import Notices, noticed
from demo.radiotherapy.objects import Kind
from small_cases import COARSE, LIMITS, objects_named

from tianfu.standards.dicom import cases

DRAWS = 2
PUBLISHED = ("TG-119", "pt_43")
NOTICED_TODAY = [fault for layer in (Layer.CODEC, Layer.LINKS, Layer.GEOMETRY) for fault in faults_of(layer)]


def by_id(fault: Fault) -> str:
    return fault.id


READERS = ("decode", "read_images", "read_structure_set", "read_plan", "read_dose", "read_treatment")
SOUND: set[bytes] = set()
"""The files that were not spoilt."""


@pytest.fixture(scope="module", autouse=True)
def sound_files_are_read_once() -> Iterator[None]:
    """A fault spoils one file or some; each of the others is read in the first case alone."""
    with pytest.MonkeyPatch.context() as patch:
        for name in READERS:
            patch.setattr(cases, name, once_if_sound(getattr(cases, name)))
        yield


def once_if_sound(read: Callable[..., Any]) -> Callable[..., Any]:
    kept: dict[tuple[bytes, ...], Any] = {}

    def reading(given: Any, **limits: int) -> Any:
        key = contents_of(given)
        if not SOUND.issuperset(key):
            return read(given, **limits)
        if key not in kept:
            kept[key] = read(given, **limits)
        return kept[key]

    return reading


def contents_of(given: Any) -> tuple[bytes, ...]:
    """The bytes of what a reader is given: bytes, a decoded object, or several."""
    if isinstance(given, bytes):
        return (given,)
    return tuple(each.content for each in given) if isinstance(given, list) else (given.content,)


def seen_of(fault: Fault, name: str, draw: int) -> Notices:
    SOUND.update(objects_named(name).contents())
    spoiled = apply(fault, objects_named(name), Dice(name, fault.id, draw))
    return noticed(spoiled.objects, LIMITS, with_geometry=fault.layer in {Layer.GEOMETRY, Layer.PLAN_CHECK})


def test_there_are_more_than_sixty_and_each_layer_has_some() -> None:
    assert len(FAULTS) >= 160
    assert all(len(faults_of(layer)) >= 8 for layer in Layer)


def test_no_fault_hides_another_of_the_same_id() -> None:
    assert len({id(fault.spoil) for fault in FAULTS.values()}) == len(FAULTS) == FAULTS_COUNT


def test_every_fault_of_today_says_with_which_codes_it_is_told_and_no_later_one_does() -> None:
    assert all(bool(fault.codes) == (fault.layer is not Layer.PLAN_CHECK) for fault in FAULTS.values())


def test_no_two_faults_are_told_with_the_same_sentence_about_one_kind() -> None:
    assert len({(fault.kind, fault.sentence) for fault in FAULTS.values()}) >= len(FAULTS) - len(Kind)


@pytest.mark.slow  # each draw writes and reads a whole case
@pytest.mark.parametrize("name", COARSE)
@pytest.mark.parametrize("fault", NOTICED_TODAY, ids=by_id)
def test_the_right_layer_notices(fault: Fault, name: str) -> None:
    for draw in range(DRAWS):
        wanted = {(fault.layer, code) for code in fault.codes}
        assert wanted & seen_of(fault, name, draw), f"draw {draw}"


@pytest.mark.slow  # published cases have 128 slices
@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("fault", [*faults_of(Layer.GEOMETRY), *faults_of(Layer.LINKS)], ids=by_id)
def test_the_right_layer_notices_in_a_published_case(fault: Fault, name: str) -> None:
    assert {(fault.layer, code) for code in fault.codes} & seen_of(fault, name, 0)


@pytest.mark.slow  # each draw writes and reads a whole case
@pytest.mark.parametrize("fault", faults_of(Layer.PLAN_CHECK), ids=by_id)
def test_what_only_a_rule_of_the_trade_can_see_is_not_told_by_today_s_layers(fault: Fault) -> None:
    assert seen_of(fault, "coarse parts", 0) == frozenset()


@pytest.mark.parametrize("fault", FAULTS.values(), ids=by_id)
def test_a_fault_changes_something_and_repeats(fault: Fault) -> None:
    before = objects_named("coarse ring")
    one, two = (apply(fault, before, Dice("again", fault.id)) for _ in range(2))
    assert one == two
    assert one.objects.contents() != before.contents()
    assert all(one.record)
