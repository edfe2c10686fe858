"""Faults of structures, each found by its rule and by no other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.apps.radiotherapy.model.checking.plants import (
    PAROTID_L,
    PAROTID_R,
    TARGET,
    Planted,
    ball,
    found,
    more,
    planted,
    renamed,
    sound_checked,
    structure,
    structure_set,
    with_structures,
)
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.apps.radiotherapy.model.protocols import Goal, Protocol
from tianfu.standards.dicom.headers import Approval
from tianfu.standards.dicom.structure_sets import PhysicalProperty
from tianfu.standards.dicom.structures import Ring, Structure

BODY = 1


def _protocol(checked: Checked) -> Checked:
    goal = Goal(structure="Brainstem", goal="Dmax < 54 Gy", priority=1, variation=None, mark="ours", source="test")
    protocol = Protocol(version=1, name="x", title={}, notice={}, prescription_gy=None, goals=(goal,))
    return replace(checked, protocol_given=protocol)


def _no_plan(checked: Checked) -> Checked:
    return replace(checked, chosen=None)


def _each_ring(one: Structure, edit: object) -> Structure:
    return replace(one, rings=tuple(edit(ring) for ring in one.rings))  # type: ignore[operator] - edits of a table


def _notched(ring: Ring) -> Ring:
    """The body cut off at y = -5 mm on the slices about the middle."""
    points = ring.points.copy()
    if abs(points[0, 2]) < 9:
        points[:, 1] = np.maximum(points[:, 1], -5.0)
    return replace(ring, points=points)


def _with_a_lobe(one: Structure, out_mm: float) -> Structure:
    """A finger of six millimetres on one slice through the skin, less than half a percent of the whole outside."""
    z = one.rings[len(one.rings) // 2].points[0, 2]
    body = sound_checked().drawn[0]
    skin = float(min(ring.points[:, 1].min() for ring in body.rings if ring.points[0, 2] == z)) - out_mm
    finger = np.array([(x, y, z) for x, y in ((-3.0, -10.0), (-3.0, skin), (3.0, skin), (3.0, -10.0))])
    return replace(one, rings=(*one.rings, Ring(points=finger)))


def _crumb(one: Structure) -> Structure:
    """A ring of a millimetre beside another one."""
    turns = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    tiny = np.column_stack([30 + 0.5 * np.cos(turns), 0.5 * np.sin(turns), np.full(8, one.rings[0].points[0, 2])])
    return replace(one, rings=(*one.rings, Ring(points=tiny)))


def _copied(all_: tuple[Structure, ...]) -> tuple[Structure, ...]:
    (left,) = [one for one in all_ if one.number == PAROTID_L]
    return (*all_, replace(left, number=9, name="Larynx"))


def _second_body(all_: tuple[Structure, ...]) -> tuple[Structure, ...]:
    moved = _each_ring(all_[0], lambda ring: replace(ring, points=ring.points * np.array([0.99, 0.99, 1.0])))
    return (*all_, replace(moved, number=9, name="External"))


UNAPPROVED = structure_set(approval=Approval(status="UNAPPROVED"))

FAULTS = [
    planted("body-missing", with_structures(lambda all_: all_[1:])),
    planted("bodies-several", with_structures(_second_body)),
    planted("body-short", structure(BODY, lambda one: replace(one, rings=one.rings[:-5]))),
    planted("target-missing", structure(TARGET, lambda one: replace(one, name="Zone", kind="CONTROL")), _no_plan),
    planted(
        "target-outside-body",
        structure(BODY, lambda one: _each_ring(one, _notched)),
        also=["beam-mu-unlike-dose"],
    ),
    planted("target-near-image-end", more(ball("GTV", "GTV", 6, (0, 0, 36)))),
    planted("target-volume-unusual", more(ball("GTV", "GTV", 1.9))),
    planted("clinical-target-beyond-planning-target", more(ball("CTV_5000", "CTV", 14, (10, 0, 0)))),
    planted("margin-volume-misses-organ", more(ball("Parotid_L_PRV03", "CONTROL", 8, (45, 0, 0)))),
    planted("target-organ-overlap", more(ball("Larynx", "ORGAN", 10, (0, 0, 0)))),
    planted("structure-one-slice", more(replace(ball("Extra", "CONTROL", 9), rings=ball("", "", 9).rings[:1]))),
    planted("structure-gap", more(replace(ball("Extra", "CONTROL", 9), rings=ball("", "", 9).rings[::2]))),
    planted("structure-specks", more(_crumb(ball("Extra", "CONTROL", 9))), also=["structure-in-crumbs"]),
    planted("structure-outside-image", more(ball("Extra", "CONTROL", 9, (70, 0, 0)))),
    planted("side-differs-from-name", renamed(PAROTID_L, "Parotid_R"), renamed(PAROTID_R, "Parotid_L")),
    planted(
        "pair-unequal",
        more(ball("Cochlea_L", "ORGAN", 8, (20, -28, 0)), ball("Cochlea_R", "ORGAN", 4, (-20, -28, 0))),
    ),
    planted("name-not-standard", renamed(PAROTID_L, "Ohrspeicheldrüse")),
    planted("names-alike", more(ball("Body_", "CONTROL", 9))),
    planted("contours-same", with_structures(_copied)),
    planted("organ-volume-unusual", more(ball("Heart", "ORGAN", 8, (0, -32, 0)))),
    planted("protocol-structure-missing", _protocol),
    planted("automatic-unreviewed", UNAPPROVED, also=["structures-not-approved"]),
    planted("structure-kind-missing", more(ball("Extra", "", 9))),
    planted("structure-kind-differs-from-name", more(ball("PTV_6000", "CONTROL", 9))),
    planted(
        "density-overridden",
        structure_set(properties=(PhysicalProperty(structure=BODY, name="REL_ELEC_DENSITY", value=1.0),)),
    ),
]

LESSER = [
    planted(
        "target-outside-body",
        structure(TARGET, lambda one: _with_a_lobe(one, 8.0)),
        also=["dose-grid-near-target", "fields-beside-target"],
    ),
    planted("name-not-standard", renamed(BODY, "New ROI 7")),
]
"""Faults that are found though there is less of them."""


@pytest.mark.parametrize("fault", [*FAULTS, *LESSER], ids=lambda fault: fault.rule)
def test_a_fault_is_found_by_its_rule_alone(fault: Planted) -> None:
    assert found(fault.plant(sound_checked())) == {fault.rule} | fault.also


def test_the_tip_of_a_structure_is_no_crumb() -> None:
    tip = replace(
        ball("Extra", "CONTROL", 9), rings=(*ball("", "", 9).rings[:-1], *ball("", "", 0.9, (0, 0, 7.5)).rings)
    )
    assert found(more(tip)(sound_checked())) == set()
