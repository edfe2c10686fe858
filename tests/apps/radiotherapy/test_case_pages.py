"""The pages of cases: nothing is chosen beforehand, results stand with their notice, pictures are where they belong."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import httpx
import pytest
from demo.radiotherapy.objects import Kind
from PIL import Image

from tests.apps.radiotherapy.department import Browser, Department
from tests.radiotherapy_house import HOSPITAL, second_dose, small_objects
from tianfu.db import Query
from tianfu.services.imaging.cases import KeptCase
from tianfu.standards.dicom.encoding import decode
from tianfu.standards.dicom.structure_sets import read_structure_set, write_structure_set

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # results are computed by kernels that are loaded first

NOTICE = "Not for clinical use until commissioned and registered."
CRITERIA = {
    "dose_difference_percent": "2",
    "distance_mm": "2",
    "difference": "global",
    "normalisation_gy": "reference-maximum",
    "threshold_percent": "10",
    "gamma_max": "2",
    "search": "3d",
}
HOSTILE = "<script>alert('PTV')</script>"


@pytest.fixture
async def case(department: Department) -> KeptCase:
    return await department.imaging.case_of([*small_objects().contents(), second_dose()])


async def page(browser: Browser, address: str) -> str:
    answer = await browser.get(address)
    assert answer.status_code == 200, (address, answer.status_code, answer.text[-1000:])
    assert NOTICE in answer.text, address
    return answer.text


async def judged(department: Department, browser: Browser, case: KeptCase, dose: int, protocol: str) -> str:
    """The address of a dose's result, computed by a worker."""
    asked = {"dose": case.about.doses[dose].instance, "protocol": protocol}
    work = await browser.led(f"/radiotherapy/cases/{case.id}/judge", **asked)
    await department.ended(work)
    answer = await browser.get(work)
    assert answer.status_code == 303, answer.text[-1500:]
    return str(answer.headers["location"])


async def test_list_case_and_planes_say_the_notice_and_whose_they_are(physicist: Browser, case: KeptCase) -> None:
    assert "示例 演示11" in await page(physicist, "/radiotherapy")
    at = f"/radiotherapy/cases/{case.id}"
    shown = await page(physicist, at)
    assert "DEMO-00011" in shown
    planes = await page(physicist, f"{at}/look?dose={case.about.doses[0].instance}")
    assert planes.count('class="rt-overlay"') == 3
    assert re.findall(r'data-plane="(\w+)"', planes) == ["axial", "sagittal", "coronal"]


async def test_nothing_that_changes_a_verdict_is_chosen_beforehand(physicist: Browser, case: KeptCase) -> None:
    shown = await page(physicist, f"/radiotherapy/cases/{case.id}")
    forms = [
        form
        for form in re.findall(r"<form.*?</form>", shown, re.DOTALL)
        if 'name="dose"' in form or CRITERIA.keys() & set(re.findall(r'name="(\w+)"', form))
    ]
    assert len(forms) == 2
    for form in forms:
        assert re.findall(r"<(?:option|input)[^>]* (?:selected|checked)", form) == []
        assert set(re.findall(r'<input class="nhsuk-input"[^>]*value="([^"]*)"', form)) <= {""}


@pytest.mark.parametrize("missing", ["dose", "protocol"])
async def test_a_judgement_without_a_choice_is_refused_in_words(
    department: Department, physicist: Browser, case: KeptCase, missing: str
) -> None:
    asked = {"dose": case.about.doses[0].instance, "protocol": "none"} | {missing: ""}
    answer = await physicist.post(f"/radiotherapy/cases/{case.id}/judge", **asked)
    assert answer.status_code == 422
    assert "Choose" in answer.text
    assert await department.desk.works.about(case.id) == ()


@pytest.mark.parametrize("missing", [*CRITERIA, "reference", "evaluated"])
async def test_a_comparison_without_a_criterion_is_refused_and_what_was_typed_stays(
    department: Department, physicist: Browser, case: KeptCase, missing: str
) -> None:
    first, second = (each.instance for each in case.about.doses)
    asked = {"reference": first, "evaluated": second, **CRITERIA} | {missing: ""}
    answer = await physicist.post(f"/radiotherapy/cases/{case.id}/gamma", **asked)
    assert answer.status_code == 422
    if missing != "threshold_percent":
        assert 'name="threshold_percent" value="10"' in answer.text
    assert await department.desk.works.about(case.id) == ()


async def test_a_dose_is_judged_drawn_and_compared(department: Department, physicist: Browser, case: KeptCase) -> None:
    async with department.working("heavy"):
        results = [await judged(department, physicist, case, number, "quantec-like-conventional") for number in (0, 1)]
    for result in results:
        shown = await page(physicist, result)
        assert 'data-part="scorecard"' in shown
        assert "rt-curve" in shown
        assert "State of the program" in shown
    first, second = (each.rpartition("/")[2] for each in results)
    both = await page(physicist, f"/radiotherapy/cases/{case.id}/compared?first={first}&second={second}")
    gains = [float(each) for each in re.findall(r"<td>([+-]\d+\.\d\d)</td>", both)]
    assert gains
    assert min(gains) < 0, "a hotter dose keeps the cord's goal worse"


async def test_two_doses_are_compared_in_a_map(department: Department, physicist: Browser, case: KeptCase) -> None:
    first, second = (each.instance for each in case.about.doses)
    async with department.working("heavy"):
        work = await physicist.led(
            f"/radiotherapy/cases/{case.id}/gamma", reference=first, evaluated=second, **CRITERIA
        )
        await department.ended(work)
    result = str((await physicist.get(work)).headers["location"])
    shown = await page(physicist, result)
    picture = re.search(r'src="([^"]+plane\.png[^"]*)"', shown)
    assert picture is not None
    answer = await physicist.get(picture[1].replace("&amp;", "&"))
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).size[0] > 50
    assert "global" in shown


async def test_a_plane_is_a_picture_and_its_neighbours_are_links(physicist: Browser, case: KeptCase) -> None:
    at = f"/radiotherapy/cases/{case.id}"
    shown = await page(physicist, f"{at}/look")
    [axial] = re.findall(r'href="([^"]*/planes/axial\.png[^"]*)"', shown)
    answer = await physicist.get(axial.replace("&amp;", "&"))
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "no-store"
    assert Image.open(io.BytesIO(answer.content)).mode == "L"
    [after] = re.findall(r'data-turn="after" href="([^"]+)"', shown)[:1]
    await page(physicist, after.replace("&amp;", "&"))


@pytest.mark.parametrize(
    "query",
    [
        "axial=1e308",
        "axial=nan",
        "axial=99999",
        "window=none",
        "reference=-1&dose=x",
        "reference=1e-300",
        "dose=' or 1=1",
    ],
)
async def test_an_odd_address_is_a_page_all_the_same(physicist: Browser, case: KeptCase, query: str) -> None:
    answer = await physicist.get(f"/radiotherapy/cases/{case.id}/look?{query}")
    assert answer.status_code == 200
    assert NOTICE in answer.text


@pytest.mark.parametrize("name", ["axial.png", "axial.png?at=1e400", "x.png?at=1", "axial.png?at=", "axial.png?at=1e9"])
async def test_a_picture_that_is_none_is_not_there(physicist: Browser, case: KeptCase, name: str) -> None:
    answer = await physicist.get(f"/radiotherapy/cases/{case.id}/planes/{name}")
    assert answer.status_code in {404, 422}


async def test_a_hostile_name_is_text_on_every_page(department: Department, physicist: Browser) -> None:
    objects = small_objects()
    read = read_structure_set(decode(objects.of(Kind.STRUCTURES)[0], bytes_max=1 << 28)).value
    named = tuple(replace(each, name=f"{HOSTILE}{each.number}") for each in read.structures)
    spoiled = objects.with_files(Kind.STRUCTURES, (write_structure_set(replace(read, structures=named)),))
    case = await department.imaging.case_of(spoiled.contents())
    at = f"/radiotherapy/cases/{case.id}"
    async with department.working("heavy"):
        result = await judged(department, physicist, case, 0, "none")
    for address in (at, f"{at}/look?dose={case.about.doses[0].instance}", result):
        shown = await page(physicist, address)
        assert "<script>alert" not in shown, address
        assert "&lt;script&gt;alert" in shown, address


async def test_a_work_that_is_given_up_leads_back_and_changes_nothing(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    asked = {"dose": case.about.doses[0].instance, "protocol": "none"}
    work = await physicist.led(f"/radiotherapy/cases/{case.id}/judge", **asked)
    assert "Waiting" in await page(physicist, work)
    assert await physicist.led(f"{work}/give-up") == f"/radiotherapy/cases/{case.id}"
    assert "given up" in await page(physicist, work)


async def test_another_hospitals_physicist_finds_nothing_of_a_case(
    department: Department, physicist: Browser, physicist_elsewhere: Browser, case: KeptCase
) -> None:
    async with department.working("heavy"):
        result = await judged(department, physicist, case, 0, "none")
    work = result.rpartition("/")[2]
    at = f"/radiotherapy/cases/{case.id}"
    refused: list[httpx.Response] = [
        await physicist_elsewhere.get(address)
        for address in (
            at,
            f"{at}/look",
            result,
            f"{at}/compared?first={work}&second={work}",
            f"{at}/planes/axial.png?at=0",
            f"{at}/gamma/{work}/plane.png?at=0",
            f"/radiotherapy/works/{work}",
        )
    ]
    refused += [
        await physicist_elsewhere.post(f"{at}/judge", dose=case.about.doses[0].instance, protocol="none"),
        await physicist_elsewhere.post(f"/radiotherapy/works/{work}/give-up"),
    ]
    assert {each.status_code for each in refused} == {404}
    assert all("示例 演示" not in each.text for each in refused)


async def test_each_look_is_in_the_trail(department: Department, physicist: Browser, case: KeptCase) -> None:
    at = f"/radiotherapy/cases/{case.id}"
    for address in (at, f"{at}/look"):
        await page(physicist, address)
    async with department.imaging.database.connection("owner") as session:
        told = await session.all(
            Query.composed("looks", "select query from audit where interaction = 'open-imaging-case' order by at")
        )
    assert [case.id in row[0] and HOSPITAL in row[0] for row in told] == [True, True]
