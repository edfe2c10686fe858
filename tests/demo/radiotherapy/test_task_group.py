"""The Task Group's phantoms have the sizes and gaps that their recipes say."""

from __future__ import annotations

import numpy as np
import pytest
from demo.radiotherapy.task_group import (
    CORD_GAP_MM,
    PROSTATE_MARGIN_MM,
    SKIN_MM,
    SPACING_MM,
    TASK_GROUP_PHANTOMS,
    TaskGroupPhantom,
)
from scipy import ndimage

from tianfu.apps.radiotherapy.protocols import shipped_protocols
from tianfu.apps.radiotherapy.templates import shipped_templates

BY_NAME = {phantom.name: phantom for phantom in TASK_GROUP_PHANTOMS}
SAMPLING = SPACING_MM[::-1]
HALF_DIAGONAL_MM = float(np.hypot(*SPACING_MM[:2]))
"""Distances of voxels' middles stand for those of surfaces within this."""


def masks_of(name: str) -> dict[str, np.ndarray]:
    phantom = BY_NAME[name]
    return dict(phantom.structures(phantom.grid()))


def distances_from(inside: np.ndarray) -> np.ndarray:
    return np.asarray(ndimage.distance_transform_edt(~inside, sampling=SAMPLING))


def test_three_cylinders_touch_and_have_their_volume() -> None:
    masks = masks_of("tg119-multi-target")
    targets = [masks[name] for name in ("PTV_Inferior", "PTV_Center", "PTV_Superior")]
    for target in targets:
        # pi 20^2 40 mm3; voxels of 3 mm draw a circle of 40 mm within 3 %
        assert target.sum() * np.prod(SPACING_MM) == pytest.approx(np.pi * 20**2 * 40, rel=0.03)
    slices = [np.flatnonzero(target.any(axis=(1, 2))) for target in targets]
    assert np.concatenate(slices).tolist() == list(range(slices[0][0], slices[2][-1] + 1))
    assert np.max(np.sum(targets, axis=0)) == 1


def test_about_a_third_of_the_rectum_lies_in_the_target_where_that_is_widest() -> None:
    masks = masks_of("tg119-prostate")
    widest = int(masks["PTV"].sum(axis=(1, 2)).argmax())
    rectum = masks["Rectum"][widest]
    assert (rectum & masks["PTV"][widest]).sum() / rectum.sum() == pytest.approx(1 / 3, abs=0.1)
    x, y, z = (np.count_nonzero(masks["PTV"].any(axis=others)) for others in ((0, 1), (0, 2), (1, 2)))
    wanted = 2 * np.array([20.0, 13.0, 32.5]) + 2 * PROSTATE_MARGIN_MM
    # behind, the hollow takes its part of the depth
    assert (x * 3.0, z * 2.5) == pytest.approx((wanted[0], wanted[2]), abs=4.0)
    assert wanted[1] - 8.0 <= y * 3.0 <= wanted[1]


def test_the_neck_target_keeps_its_gaps_to_skin_cord_and_parotids() -> None:
    masks = masks_of("tg119-head-and-neck")
    target = masks["PTV"]
    assert distances_from(masks["SpinalCord"])[target].min() >= CORD_GAP_MM - HALF_DIAGONAL_MM
    assert distances_from(~masks["BODY"])[target].min() >= SKIN_MM - HALF_DIAGONAL_MM
    assert not (target & (masks["Parotid_L"] | masks["Parotid_R"])).any()
    top = int(np.flatnonzero(target.any(axis=(1, 2)))[-1])
    above = masks["Parotid_L"][top + 1 :].sum() / masks["Parotid_L"].sum()
    assert above == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("phantom", TASK_GROUP_PHANTOMS, ids=lambda each: each.name)
def test_a_phantom_has_a_protocol_and_a_template_that_speak_of_its_structures(phantom: TaskGroupPhantom) -> None:
    names = {structure.name for structure in phantom.made().structures}
    protocol, wish = shipped_protocols()[phantom.name], shipped_templates()[phantom.name]
    assert {goal.structure for goal in protocol.goals} <= names
    assert set(wish.structures) <= names
    assert protocol.prescription_gy == wish.prescription.dose_gy == phantom.prescribed_gy
