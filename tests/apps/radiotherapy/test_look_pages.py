"""Planes over HTTP: each look is told to the trail, and no dose is measured by another plan's prescription."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import pytest
from demo.radiotherapy.objects import Kind

from tests.apps.radiotherapy.department import ROOT, Browser, Department
from tests.radiotherapy_house import small_objects
from tianfu.apps.radiotherapy import looking
from tianfu.db import Query
from tianfu.standards.dicom.doses import read_dose, write_dose
from tianfu.standards.dicom.encoding import decode
from tianfu.standards.dicom.plans import Plan, read_plan, write_plan

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # each founds accounts and a case in a fresh database


@cache
def first_plan() -> Plan:
    return read_plan(decode(small_objects().of(Kind.PLAN)[0], bytes_max=1 << 28)).value


def other_plan(**changes: object) -> bytes:
    return write_plan(replace(first_plan(), instance="2.25.701", doses=(), **changes))  # type: ignore[arg-type]


def other_dose() -> bytes:
    """A dose of the other plan."""
    dose = read_dose(decode(small_objects().of(Kind.DOSE)[0], bytes_max=1 << 28), voxels_max=1 << 24).value
    return write_dose(replace(dose, instance="2.25.702", plan="2.25.701"))


async def looks(department: Department) -> list[str]:
    """What the trail says was opened, look by look."""
    async with department.imaging.database.connection("owner") as session:
        rows = await session.all(Query.composed("told", "select interaction, query from audit order by at"))
    return [str(query) for interaction, query in rows if interaction == "open-imaging-case"]


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None
    return found[1]


async def test_every_picture_is_told_to_the_trail_not_only_the_page_around_it(
    department: Department, physicist: Browser
) -> None:
    case = await department.imaging.case_of(small_objects().contents())
    middle = field((await physicist.get(f"{ROOT}/cases/{case.id}/look")).text, "axial")
    before = len(await looks(department))
    picture = await physicist.get(f"{ROOT}/cases/{case.id}/planes/axial.png?at={middle}")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert len(await looks(department)) == before + 1
    refused = await physicist.post(f"{ROOT}/cases/{case.id}/judge")
    assert "DEMO-00011" in refused.text
    assert len(await looks(department)) == before + 2
    outside = await physicist.get(f"{ROOT}/cases/{case.id}/look?axial=1e308")
    assert "DEMO-00011" in outside.text
    assert len(await looks(department)) == before + 3


async def test_another_dose_is_shown_in_percent_of_its_own_plans_prescription(
    department: Department, physicist: Browser
) -> None:
    """The field still holds what the former dose's plan prescribes when another dose is chosen beside it."""
    reference = first_plan().dose_references[0]
    half = replace(reference, prescribed_gy=(reference.prescribed_gy or 0.0) / 2)
    case = await department.imaging.case_of(
        [*small_objects().contents(), other_plan(dose_references=(half,)), other_dose()]
    )
    look = f"{ROOT}/cases/{case.id}/look"
    first, second = (each.instance for each in case.about.doses)
    page = (await physicist.get(f"{look}?dose={first}")).text
    shown = {name: field(page, name) for name in ("shown_dose", "shown_reference", "reference")}
    assert float(shown["reference"]) == reference.prescribed_gy

    async def chosen(dose: str, said: str) -> str:
        hidden = f"shown_dose={shown['shown_dose']}&shown_reference={shown['shown_reference']}"
        return field((await physicist.get(f"{look}?{hidden}&dose={dose}&reference={said}")).text, "reference")

    assert float(await chosen(second, shown["reference"])) == half.prescribed_gy
    assert await chosen(second, "33") == "33"
    assert await chosen(first, "33") == "33"


async def test_a_plan_with_an_approval_that_no_standard_knows_is_shown(
    department: Department, physicist: Browser
) -> None:
    approval = replace(first_plan().approval, status="DRAFT")
    case = await department.imaging.case_of([*small_objects().contents(), other_plan(approval=approval)])
    page = await physicist.get(f"{ROOT}/cases/{case.id}")
    assert page.status_code == 200
    assert "DRAFT" in page.text


@pytest.mark.parametrize(
    "query", ["at=1e308", "reference=1e-300", "reference=1e308", "reference=-1", "axial=nan", "window=x", "plane=9e9"]
)
async def test_no_number_in_an_address_breaks_a_page(department: Department, physicist: Browser, query: str) -> None:
    case = await department.imaging.case_of(small_objects().contents())
    dose = case.about.doses[0].instance
    assert (await physicist.get(f"{ROOT}/cases/{case.id}/look?dose={dose}&{query}")).status_code == 200
    assert (await physicist.get(f"{ROOT}/cases/{case.id}/planes/axial.png?{query}")).status_code < 500


async def test_a_case_too_large_for_a_page_is_not_read_and_one_that_inflates_is_not_held(
    department: Department, physicist: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await department.imaging.case_of(small_objects().contents())
    monkeypatch.setattr(looking, "OPEN_BYTES_MAX", 1 << 10)
    there = looking.Looking(department.imaging.cases, department.imaging.documents)
    assert await there.opened(case) is not await there.opened(case)
    monkeypatch.setattr(looking, "SHOWN_BYTES_MAX", 1 << 10)
    page = await physicist.get(f"{ROOT}/cases/{case.id}/look")
    assert "planes are shown of cases up to 1024" in page.text
