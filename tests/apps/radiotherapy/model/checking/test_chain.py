"""Faults of identity, dates and approval, each found by its rule and by no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.apps.radiotherapy.model.checking.plants import (
    NO_RECORDS,
    Plant,
    Planted,
    found,
    headers,
    plan,
    planted,
    sound_checked,
    structure_set,
    with_plan,
    with_structures,
)
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.apps.radiotherapy.model.checking.verdicts import outcomes_of
from tianfu.standards.dicom.headers import Approval

EVERY = ("images", "structure_sets", "plans", "doses", "treatments")


def _patient(*kinds: str, **changes: str) -> Plant:
    return headers(lambda one: replace(one, patient=replace(one.patient, **changes)), *kinds)


def _plan_approval(**changes: str) -> Plant:
    return with_plan(lambda one: replace(one, approval=replace(one.approval, **changes)))


def _structures_approval(**changes: str) -> Plant:
    return lambda checked: structure_set(approval=replace(checked.structure_set.approval, **changes))(checked)


def _another_plan(**changes: object) -> Plant:
    def plant(checked: Checked) -> Checked:
        other = replace(checked.plan, instance="2.25.8", **changes)  # type: ignore[arg-type] - a table names fields
        return replace(checked, case=replace(checked.case, plans=(checked.plan, other)))

    return plant


def _later_structures(checked: Checked) -> Checked:
    return structure_set(date=checked.plan.date, time="235900")(checked)


def _of_another_series(checked: Checked) -> Checked:
    (images,) = checked.structure_set.images
    return structure_set(images=(replace(images, series="2.25.77"),))(checked)


BY_HAND = with_structures(lambda all_: tuple(replace(one, generation="MANUAL") for one in all_))

FAULTS = [
    planted("patient-number-missing", _patient("doses", number="")),
    planted("patient-name-missing", _patient("doses", name="^")),
    planted("birth-date-missing", _patient(*EVERY, birth_date="")),
    planted("birth-dates-differ", _patient("doses", birth_date="19000101")),
    planted("sexes-differ", _patient("doses", sex="O")),
    planted("age-impossible", _patient(*EVERY, birth_date="18000101")),
    planted("plan-rejected", _plan_approval(status="REJECTED"), NO_RECORDS),
    planted("plan-not-approved", _plan_approval(status="UNAPPROVED"), NO_RECORDS),
    planted("structures-rejected", BY_HAND, _structures_approval(status="REJECTED")),
    planted("structures-not-approved", BY_HAND, _structures_approval(status="")),
    planted("approval-without-reviewer", _plan_approval(reviewer="")),
    planted("approval-before-plan", _plan_approval(date="20200102"), _structures_approval(date="20200101")),
    planted("structures-before-image", structure_set(date="20200101")),
    planted("plan-before-structures", _later_structures),
    planted("structures-approved-after-plan", _structures_approval(date="20991231")),
    planted("image-old", headers(lambda one: replace(one, study=replace(one.study, date="20200101")), "images")),
    planted("plan-not-for-treatment", plan(intent="VERIFICATION")),
    planted("plan-unnamed", plan(label="?")),
    planted("plans-same-name", _another_plan(approval=Approval(status="UNAPPROVED"))),
    planted("plans-approved-several", _another_plan(label="OTHER")),
    planted("structures-of-other-images", _of_another_series),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.rule)
def test_a_fault_is_found_by_its_rule_alone(fault: Planted) -> None:
    assert found(fault.plant(sound_checked())) == {fault.rule} | fault.also


def test_a_fault_of_identity_does_not_tell_the_identity() -> None:
    checked = planted("", _patient("doses", birth_date="19000101")).plant(sound_checked())
    told = repr([one.faults for one in outcomes_of(checked) if one.faults])
    assert "19000101" not in told
    assert checked.plan.header.patient.birth_date not in told
