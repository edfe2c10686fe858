"""Faults of planning images, each found by its rule and by no other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from demo.radiotherapy.made import turned
from demo.radiotherapy.objects import Making
from demo.radiotherapy.phantoms import Phantom, made_phantom
from demo.radiotherapy.sound import sound

from tests.apps.radiotherapy.model.checking.plants import (
    Plant,
    Planted,
    found,
    phantom,
    planted,
    sound_checked,
    structure,
    voxels,
    with_images,
    with_plan,
)
from tianfu.apps.radiotherapy.model.checking.subjects import Checked

MAKING = Making(seed=5, fractions_given=3)


def _other(made: Phantom) -> Plant:
    return lambda _: sound(made_phantom(made), MAKING)


def _oblique(_: Checked) -> Checked:
    turn = np.radians(10)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    return sound(turned(made_phantom(phantom()), rotation, about=np.zeros(3)), MAKING)


def _warm_air(values: Any, _: Checked) -> None:
    values[values < -900] += 300


def _dense_body(values: Any, _: Checked) -> None:
    values[values > -900] += 600


def _metal(values: Any, _: Checked) -> None:
    values[14:17, 20:24, 20:24] = 3000


def _grey(values: Any, _: Checked) -> None:
    values[:] = 0


def _copied(values: Any, _: Checked) -> None:
    values[4] = values[3]


def _of_another_place(values: Any, _: Checked) -> None:
    """One slice shows the patient twelve millimetres beside."""
    values[6] = np.roll(values[6], 4, axis=1)


def _second_series(checked: Checked) -> Checked:
    (first,) = checked.case.images
    header = replace(first.header, series=replace(first.header.series, uid="2.25.77"))
    return replace(checked, case=replace(checked.case, images=(first, replace(first, header=header))))


def _position(position: str) -> Plant:
    return with_plan(lambda one: replace(one, setups=(replace(one.setups[0], position=position),)))


WIDE_BODY = structure(
    1,
    lambda one: replace(
        one, rings=tuple(replace(ring, points=ring.points * np.array([1.115, 1.0, 1.0])) for ring in one.rings)
    ),
)

FAULTS = [
    planted("slices-thick", _other(phantom(slices=16, step_mm=6.0))),
    planted("pixels-coarse", _other(phantom(pixel_mm=4.0))),
    planted("slices-few", _other(phantom(slices=9, step_mm=5.0, radius_mm=8.0))),
    planted("air-unlike-air", voxels(_warm_air)),
    planted("body-unlike-tissue", voxels(_dense_body)),
    planted("image-without-contrast", voxels(_grey), also=["air-unlike-air", "body-differs-from-image"]),
    planted("metal-in-image", voxels(_metal)),
    planted("position-unusual", with_images(lambda one: replace(one, position="HFP")), _position("HFP")),
    planted("position-differs-from-plan", _position("FFS")),
    planted("image-oblique", _oblique),
    planted("image-cuts-body", WIDE_BODY, also=["body-differs-from-image"]),
    planted("image-series-several", _second_series),
    planted("slices-repeat", voxels(_copied)),
    planted("slice-out-of-place", voxels(_of_another_place)),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.rule)
def test_a_fault_is_found_by_its_rule_alone(fault: Planted) -> None:
    assert found(fault.plant(sound_checked())) == {fault.rule} | fault.also
