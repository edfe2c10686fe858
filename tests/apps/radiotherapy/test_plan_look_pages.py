"""The dose of a plan that was made here on the images: it lies where it is, and nobody else's plan is shown."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest
from demo.radiotherapy.objects import Kind
from demo.radiotherapy.phantoms import RadialDose, closed_dose

from tests.apps.radiotherapy.department import ROOT, Browser, Department, Doors, looked_at
from tests.apps.radiotherapy.pictures.sights import of_class, points_of, read_svg
from tests.apps.radiotherapy.test_look_pages import field, looks
from tests.radiotherapy_house import HOSPITAL, second_dose, small_objects
from tests.radiotherapy_plan import template
from tests.radiotherapy_plan_result import small_result
from tianfu.apps.radiotherapy.looking import OpenCase
from tianfu.apps.radiotherapy.pictures.frames import PlaneKind, plane_frame
from tianfu.apps.radiotherapy.plan_results import PlanResult
from tianfu.apps.radiotherapy.wishes import PLAN, documents_of
from tianfu.db import Query
from tianfu.kernel.refusal import Refusal
from tianfu.services.imaging.cases import KeptCase
from tianfu.services.jobs.works import Wish
from tianfu.standards.dicom.cases import Case, read_case
from tianfu.standards.dicom.doses import read_dose, write_dose
from tianfu.standards.dicom.encoding import decode
from tianfu.standards.dicom.grids import Floats

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # each founds accounts and a case in a fresh database

SPREAD_MM = 20.0
PRESCRIBED_GY = 50.0
"""What `small_result` prescribes."""

NOT_CLINICAL = "computed here, not for clinical use"


@cache
def read_small() -> Case:
    return read_case(small_objects().contents(), bytes_max=1 << 28, voxels_max=1 << 24).value


def bell(peak_gy: float) -> bytes:
    """A dose that falls about the phantom's middle by a formula, on the grid of the case's dose."""
    dose = read_dose(decode(small_objects().of(Kind.DOSE)[0], bytes_max=1 << 28), voxels_max=1 << 24).value
    volume = closed_dose(RadialDose(peak_gy=peak_gy, spread_mm=SPREAD_MM), dose.volume.grid)
    return write_dose(replace(dose, instance="2.25.801", plan="2.25.800", volume=volume))


def radius_mm(peak_gy: float, level_gy: float) -> float:
    """Where the bell has this dose: the formula turned about."""
    return float(SPREAD_MM * np.sqrt(2 * np.log(peak_gy / level_gy)))


def result_of(documents: dict[str, str], *, name: str = "Small", **changes: Any) -> PlanResult:
    """A plan that was made on the small case."""
    on = {
        "structure_set": read_small().structure_sets[0].instance,
        "images": read_small().images[0].header.series.uid,
    }
    return msgspec.structs.replace(small_result(name, documents), **{**on, **changes})


async def made(department: Department, case: KeptCase, *, name: str = "Small", **changes: Any) -> str:
    """A plan of a case that is done; `first_gy` and `second_gy` are the peaks of its doses."""
    desk = department.desk
    peaks = {"dose": changes.pop("first_gy", 60.0), "second-dose": changes.pop("second_gy", None)}
    documents = {kind: await desk.documents.keep(bell(gy)) for kind, gy in peaks.items() if gy is not None}
    result = await desk.documents.keep(msgspec.json.encode(result_of(documents, name=name, **changes)))
    work = await waiting(department, case, name=name)
    end = "update work set state = 'done', result = %(result)s where work = %(work)s::uuid"
    async with department.imaging.database.connection("owner") as session:
        await session.run(Query.composed("end", end), work=work, result=result)
    return work


async def waiting(department: Department, case: KeptCase, *, name: str) -> str:
    """A plan of a case that nobody has begun."""
    inputs = documents_of(await department.desk.cases.objects(case))
    arguments = {"organisation": HOSPITAL, "inputs": list(inputs), "wish": template().decode(), "name": name}
    wish = Wish(
        kind=PLAN,
        queue="heavy",
        about=case.id,
        organisation=HOSPITAL,
        arguments=arguments,
        inputs=inputs,
        version="1",
    )
    return await department.desk.works.ask(wish, by="physicist-1")


@pytest.fixture
async def case(department: Department) -> KeptCase:
    return await department.imaging.case_of(small_objects().contents())


async def page(browser: Browser, address: str) -> str:
    answer = await browser.get(address)
    assert answer.status_code == 200, (address, answer.status_code, answer.text[-1500:])
    return answer.text


def at(case: KeptCase) -> str:
    return f"{ROOT}/cases/{case.id}"


def line_of(shown: str, kind: PlaneKind, percent: int, *, side: int = 1) -> Floats:
    """The points of an isodose line in the patient, as a picture on a page has it."""
    [drawing] = re.findall(rf'<svg[^>]*aria-labelledby="plane-{kind.value}-{side}-title".*?</svg>', shown, re.DOTALL)
    lines = [each for each in of_class(read_svg(drawing), "rt-isodose") if f"rt-i{percent}" in each.get("class", "")]
    frame = plane_frame(read_small().images[0].volume.grid, kind, float(field(shown, kind.value)))
    return frame.patient(np.concatenate([points_of(each) for each in lines]))


@pytest.mark.parametrize("kind", PlaneKind)
async def test_the_lines_of_a_plans_dose_lie_where_the_dose_is(
    department: Department, physicist: Browser, case: KeptCase, kind: PlaneKind
) -> None:
    """60 Gy exp(-r^2 / 2 s^2) is 25 Gy, half of what is prescribed, at r = s sqrt(2 ln 2.4) about the middle.

    Trilinear at 3.5 mm and the drawing's own 0.15 pixels lose a quarter of a millimetre together.
    """
    shown = await page(physicist, f"{at(case)}/plans/{await made(department, case)}/look")
    assert float(field(shown, "reference")) == PRESCRIBED_GY
    assert f"Plan: Small – {NOT_CLINICAL}" in shown
    distances = np.linalg.norm(line_of(shown, kind, 50), axis=1)
    assert len(distances) > 20
    np.testing.assert_allclose(distances, radius_mm(60.0, 25.0), atol=0.35)


async def test_the_second_engines_dose_and_the_cases_own_are_chosen_beside_it(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    work = await made(department, case, first_gy=60.0, second_gy=70.0)
    look = f"{at(case)}/plans/{work}/look"
    second = await page(physicist, f"{look}?dose=second-dose")
    assert f"Plan: Small, second engine – {NOT_CLINICAL}" in second
    distances = np.linalg.norm(line_of(second, PlaneKind.AXIAL, 50), axis=1)
    np.testing.assert_allclose(distances, radius_mm(70.0, 25.0), atol=0.35)
    own = case.about.doses[0].instance
    shown = await page(physicist, f"{look}?dose={own}")
    prescribed = read_small().plans[0].dose_references[0].prescribed_gy
    assert float(field(shown, "reference")) == prescribed
    ours = re.findall(r"rt-isodose[^>]*d=\"([^\"]*)\"", shown)
    theirs = re.findall(r"rt-isodose[^>]*d=\"([^\"]*)\"", await page(physicist, f"{at(case)}/look?dose={own}"))
    assert ours == theirs != []


async def test_without_a_dose_there_are_contours_and_no_lines(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    look = f"{at(case)}/plans/{await made(department, case)}/look"
    for dose in ("", "plan", "second-dose", "2.25.1"):
        shown = await page(physicist, f"{look}?dose={dose}")
        assert "rt-isodose" not in shown
        assert "rt-contour" in shown


async def test_the_place_and_the_window_stay_and_the_picture_is_that_of_the_plans_images(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    look = f"{at(case)}/plans/{await made(department, case)}/look"
    shown = await page(physicist, f"{look}?axial=9&window=bone")
    [after] = re.findall(r'data-turn="after" href="([^"]+)"', shown)[:1]
    turned = await page(physicist, after.replace("&amp;", "&"))
    assert float(field(turned, "axial")) > float(field(shown, "axial"))
    assert '<option value="bone" selected>' in turned
    [picture] = re.findall(r'href="([^"]*/planes/axial\.png[^"]*)"', shown)
    assert read_small().images[0].header.series.uid in picture
    answer = await physicist.get(picture.replace("&amp;", "&"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    other = re.sub("images=[0-9.]+", "images=2.25.9", picture.replace("&amp;", "&"))
    assert (await physicist.get(other)).status_code == 422


async def test_two_plans_stand_beside_each_other_at_one_place_in_percent_of_one_dose(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    first = await made(department, case)
    second = await made(department, case, name="Hotter", first_gy=75.0, prescribed_gy=55.0)
    both = f"first={first}&second={second}"
    look = f"{at(case)}/plans-compared/look?{both}"
    assert look.replace("&", "&amp;") in await page(physicist, f"{at(case)}/plans-compared?{both}")
    shown = await page(physicist, look)
    assert shown.count('class="rt-overlay"') == 6
    assert "The first plan prescribes 50 Gy and the second 55 Gy." in shown
    for side, peak in ((1, 60.0), (2, 75.0)):
        distances = np.linalg.norm(line_of(shown, PlaneKind.CORONAL, 50, side=side), axis=1)
        np.testing.assert_allclose(distances, radius_mm(peak, 25.0), atol=0.35)
    titles = re.findall(r'<title id="plane-axial-\d-title">([^<]*)</title>', shown)
    assert [each.split(":")[0] for each in titles] == ["1 · Small", "2 · Hotter"]
    [after] = re.findall(r'data-turn="after" href="([^"]+)"', shown)[:1]
    turned = await page(physicist, after.replace("&amp;", "&"))
    assert [field(turned, name) for name in ("first", "second")] == [first, second]
    ids = re.findall(r'\bid="([^"]+)"', shown)
    assert len(ids) == len(set(ids))


async def test_two_plans_of_other_images_have_no_same_place(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    first, second = await made(department, case), await made(department, case, name="Elsewhere", images="2.25.9")
    both = f"first={first}&second={second}"
    assert "plans-compared/look" not in await page(physicist, f"{at(case)}/plans-compared?{both}")
    shown = await page(physicist, f"{at(case)}/plans-compared/look?{both}")
    assert "These plans were made on different images" in shown
    assert f'href="{at(case)}/plans/{second}/look"' in shown
    gone = await page(physicist, f"{at(case)}/plans/{second}/look")
    assert "The case has no image series 2.25.9." in gone
    for same in (f"first={first}&second={first}", f"first={first}", ""):
        answer = await physicist.get(f"{at(case)}/plans-compared/look?{same}")
        assert answer.status_code == 303


async def test_a_dose_whose_file_is_lost_is_told_with_what_is_kept(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    work = await made(department, case, second_gy=70.0)
    document = await department.desk.documents.keep(bell(60.0))
    [file] = department.imaging.folder.rglob(f"{document}.*")
    file.unlink()
    look = f"{at(case)}/plans/{work}/look"
    shown = await page(physicist, look)
    assert "it cannot be found where it should lie" in shown
    assert "What was found out about a plan is kept on its page" in shown
    assert "rt-overlay" not in shown
    for address in re.findall(rf'href="({at(case)}/plans/{work}[^"]*)"', shown):
        await page(physicist, address)
    assert f'href="{look}?dose="' in shown
    assert "rt-contour" in await page(physicist, f"{look}?dose=")
    assert "rt-isodose" in await page(physicist, f"{look}?dose=second-dose")


async def test_a_plan_is_not_found_by_others_in_another_case_nor_before_it_is_done(
    department: Department, physicist: Browser, physicist_elsewhere: Browser, nurse: Browser, case: KeptCase
) -> None:
    done, begun = await made(department, case), await waiting(department, case, name="Waiting")
    other = await department.imaging.case_of(small_objects(12).contents())
    elsewhere = await made(department, other)
    one = (f"/plans/{done}/look", f"/plans-compared/look?first={done}&second={elsewhere}")
    for stranger in (physicist_elsewhere, nurse, department.nobody()):
        answers = [await stranger.get(f"{at(case)}{address}") for address in one]
        assert not {200} & {each.status_code for each in answers}
        assert "Small" not in "".join(each.text for each in answers)
    for work in (begun, elsewhere, "x", "00000000-0000-4000-8000-000000000000"):
        assert (await physicist.get(f"{at(case)}/plans/{work}/look")).status_code == 404
        both = f"{at(case)}/plans-compared/look?first={done}&second={work}"
        assert (await physicist.get(both)).status_code == 404


async def test_each_look_is_in_the_trail_with_the_plan_that_was_looked_at(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    first, second = await made(department, case), await made(department, case, name="Other")
    before = len(await looks(department))
    await page(physicist, f"{at(case)}/plans/{first}/look")
    await page(physicist, f"{at(case)}/plans-compared/look?first={first}&second={second}")
    told = (await looks(department))[before:]
    assert len(told) == 2
    assert all("planes" in each and first in each for each in told)
    assert second in told[1]


async def test_a_case_that_got_other_objects_since_is_told(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    look = f"{at(case)}/plans/{await made(department, case)}/look"
    assert "got other objects since this plan" not in await page(physicist, look)
    await department.imaging.taken(await department.imaging.sent([second_dose()], into=case.id))
    assert "got other objects since this plan" in await page(physicist, look)


async def test_what_the_machine_says_of_itself_stands_above_its_dose(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    work = await made(department, case)
    assert "It stands nowhere." in await page(physicist, f"{at(case)}/plans/{work}/look")
    assert f'href="{at(case)}/plans/{work}/look"' in await page(physicist, f"{at(case)}/plans/{work}")


@pytest.mark.parametrize("query", ["axial=nan", "axial=1e308", "reference=-1", "reference=x", "window=x", "dose=<b>"])
async def test_an_odd_address_is_a_page_all_the_same(
    department: Department, physicist: Browser, case: KeptCase, query: str
) -> None:
    work = await made(department, case)
    assert "<b>" not in await page(physicist, f"{at(case)}/plans/{work}/look?{query}")


async def test_a_place_beyond_the_images_and_a_dose_below_zero_are_told_in_a_sentence(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    look = f"{at(case)}/plans/{await made(department, case)}/look"
    assert "There is no plane at 9999.0 mm: the images reach from" in await page(physicist, f"{look}?axial=9999")
    assert "-1 Gy cannot count as 100 %." in await page(physicist, f"{look}?reference=-1")


async def test_of_several_images_and_contours_those_are_shown_on_which_the_plan_was_made() -> None:
    read = read_small()
    images, contours = read.images[0], read.structure_sets[0]
    series = replace(images.header.series, uid="2.25.9")
    second = replace(images, header=replace(images.header, series=series))
    drawn = replace(contours, instance="2.25.8", structures=contours.structures[:1])
    opened = OpenCase(case=replace(read, images=(images, second), structure_sets=(contours, drawn)))
    made_on = result_of({}, images="2.25.9", structure_set="2.25.8")
    ground = opened.ground_of_plan(made_on, None, whose="Small")
    assert ground.images.header.series.uid == "2.25.9"
    assert [each.structure.name for each in ground.structures] == [contours.structures[0].name]
    assert len(opened.ground_of_plan(result_of({}), None, whose="Small").structures) == len(contours.structures)
    with pytest.raises(Refusal, match="images-unclear"):
        opened.ground("", images=None)
    with pytest.raises(Refusal, match="structures-not-there"):
        opened.ground_of_plan(result_of({}, structure_set="2.25.7"), None, whose="Small")


@pytest.mark.parametrize(("width", "language"), [(1440, "en"), (1440, "zh-CN"), (320, "en"), (320, "zh-CN")])
async def test_the_pages_fit_and_everybody_can_read_them(doors: Doors, width: int, language: str) -> None:
    case = await doors.department.imaging.case_of(small_objects().contents())
    first = await made(doors.department, case, name="Nine fields, evenly spaced", second_gy=66.0)
    second = await made(doors.department, case, name="Seven fields", first_gy=70.0, prescribed_gy=55.0)
    both = f"first={first}&second={second}"
    pages = {
        "plan-look": f"/plans/{first}/look",
        "plans-look": f"/plans-compared/look?{both}",
        "plan-look-outside": f"/plans/{first}/look?axial=9999",
    }
    window = await doors.window(await doors.department.staff(language=language), width=width)
    tab = await window.new_page()
    for name, address in pages.items():
        answer = await tab.goto(f"{doors.address}{at(case)}{address}", wait_until="networkidle")
        assert answer is not None
        assert answer.status == 200
        await looked_at(tab, f"radiotherapy-{name}-{width}-{language}")
    assert await tab.locator("nav.crumbs a").first.get_attribute("href") == f"{at(case)}/plans/{first}"
