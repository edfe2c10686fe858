"""Faults of prescriptions, each found by its rule and by no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.apps.radiotherapy.model.checking.plants import (
    NO_RECORDS,
    PAROTID_L,
    TARGET,
    Plant,
    Planted,
    found,
    given,
    group,
    more_reference,
    no_machine,
    planted,
    reference,
    renamed,
    scaled,
    sound_checked,
    with_plan,
)
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.apps.radiotherapy.model.protocols import Protocol


def _protocol(checked: Checked) -> Checked:
    protocol = Protocol(version=1, name="x", title={}, notice={}, prescription_gy=60.0, goals=())
    return replace(checked, protocol_given=protocol)


def _without(kind: str) -> Plant:
    return with_plan(
        lambda one: replace(one, dose_references=tuple(each for each in one.dose_references if each.kind != kind))
    )


TWO_GROUPS = with_plan(
    lambda one: replace(one, fraction_groups=(*one.fraction_groups, replace(one.fraction_groups[0], number=2)))
)
NO_POINTS = given(lambda one: replace(one, dose_point_mm=None))

FAULTS = [
    planted("prescription-missing", _without("TARGET")),
    planted("fraction-dose-unusual", group(fractions=1), scaled(25), no_machine, NO_RECORDS),
    planted("fractions-many", group(fractions=50), scaled(0.5), no_machine, NO_RECORDS),
    planted("fraction-groups-several", TWO_GROUPS),
    planted("beam-doses-missing", given(lambda one: replace(one, dose_gy=None), 1)),
    planted("beam-doses-differ-from-prescription", NO_POINTS, given(lambda one: replace(one, dose_gy=one.dose_gy / 2))),
    planted("beam-dose-points-differ", given(lambda one: replace(one, dose_point_mm=(1.0, 1.0, 1.0)), 2)),
    planted("prescription-unlinked", group(dose_references=())),
    planted("prescription-without-structure", reference(lambda one: replace(one, structure=None))),
    planted("prescription-to-no-target", more_reference(structure=PAROTID_L, prescribed_gy=20.0)),
    planted("prescriptions-contradict", renamed(TARGET, "PTV"), more_reference(structure=TARGET, prescribed_gy=40.0)),
    planted("prescription-differs-from-name", renamed(TARGET, "PTV_6000")),
    planted("prescription-differs-from-protocol", _protocol),
    planted("target-limits-contradict", reference(lambda one: replace(one, target_least_gy=60.0))),
    planted("organ-limits-missing", _without("ORGAN_AT_RISK")),
    planted("delivery-maximum-below-prescription", reference(lambda one: replace(one, most_gy=40.0))),
    planted(
        "dose-reference-twice",
        reference(lambda one: replace(one, uid="2.25.1")),
        reference(lambda one: replace(one, uid="2.25.1"), 2),
    ),
    planted("mu-per-gray-unusual", scaled(10, doses=False), no_machine, NO_RECORDS, also=["beam-mu-unlike-dose"]),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.rule)
def test_a_fault_is_found_by_its_rule_alone(fault: Planted) -> None:
    assert found(fault.plant(sound_checked())) == {fault.rule} | fault.also
