"""A physicist's day in a browser: a case is sent, taken in, looked at, judged and compared; every page is looked at.

Everything is real: the served installation, its two job workers, its sealed files.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from demo.radiotherapy.objects import Kind, Making, objects_of, write_case
from demo.radiotherapy.phantoms import made_phantom, ring_phantom
from playwright.sync_api import Page, expect

from tests.journeys.conftest import DOCUMENTS, PICTURES, Desk
from tests.journeys.entering import press
from tests.journeys.test_for_everybody import findings, overflow
from tests.pictures import take_picture
from tianfu.standards.dicom.doses import read_dose, write_dose
from tianfu.standards.dicom.encoding import decode

pytestmark = pytest.mark.slow  # a browser and a whole installation

WAIT_MS = 120_000
NOTICE = {"en": "Not for clinical use until commissioned and registered.", "zh-CN": "未经验收和注册，不得用于临床。"}
CRITERIA = {
    "dose_difference_percent": "2",
    "distance_mm": "2",
    "threshold_percent": "10",
    "gamma_max": "2",
    "normalisation_gy": "reference-maximum",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case with two doses, as a planning system exports it."""
    made = tmp_path_factory.mktemp("case")
    objects = objects_of(made_phantom(ring_phantom(step_mm=4.0)), Making(seed=31, fractions_given=1))
    write_case(objects, made)
    dose = read_dose(decode(objects.of(Kind.DOSE)[0], bytes_max=1 << 28), voxels_max=1 << 24).value
    hotter = replace(dose.volume, values=(dose.volume.values * 1.03).astype("float32"))
    (made / "second.dcm").write_bytes(write_dose(replace(dose, instance=f"{dose.instance[:50]}.3", volume=hotter)))
    return made


@pytest.mark.parametrize(("width", "language"), [(1440, "zh-CN"), (320, "en")])
def test_a_case_is_sent_looked_at_judged_and_compared(desk: Desk, folder: Path, width: int, language: str) -> None:
    wrong: dict[str, object] = {}

    def look(page: Page, name: str) -> None:
        expect(page.locator("[data-part=not-cleared]")).to_have_text(NOTICE[language])
        for place in (PICTURES, DOCUMENTS):
            place.mkdir(parents=True, exist_ok=True)
            take_picture(page, place / f"radiotherapy-{name}-{width}-{language}.png", full_page=True)
        found, wide = findings(page), overflow(page)
        if found or wide:
            wrong[name] = found, wide

    with desk.page(role="physicist", width=width, look="", language=language, is_refused=True) as page:
        page.goto("/radiotherapy")
        look(page, "cases")
        press(page.locator("form[action='/radiotherapy/deliveries'] button"))
        page.locator("[data-sending=folder]").set_input_files(folder)
        expect(page.locator("[data-sending=survey]")).to_contain_text("示例 演示31")
        look(page, "checked")
        page.locator("[data-sending=send]").click()
        take_in = page.locator("form[action$='/take-in'] button")
        take_in.wait_for(timeout=WAIT_MS)
        look(page, "arrived")
        take_in.click()
        page.wait_for_url(re.compile("/radiotherapy/cases/"), timeout=WAIT_MS)
        case = page.url
        look(page, "case")
        press(page.locator("a[href*='/look?dose=']").first)
        expect(page.locator(".rt-overlay")).to_have_count(3)
        look(page, "planes")
        results = []
        for dose in (1, 2):
            page.goto(case)
            page.select_option("#dose", index=dose)
            page.select_option("#protocol", value="quantec-like-conventional")
            page.locator("[data-part=judge] button").click()
            page.wait_for_url(re.compile("/judged/"), timeout=WAIT_MS)
            results.append(page.url.rpartition("/")[2])
        look(page, "judged")
        page.goto(f"{case}/compared?first={results[0]}&second={results[1]}")
        look(page, "compared")
        page.goto(case)
        page.select_option("#reference", index=1)
        page.select_option("#evaluated", index=2)
        for name, value in CRITERIA.items():
            page.fill(f"#{name}", value)
        page.check("[name=difference][value=global]")
        page.check("[name=search][value='3d']")
        page.locator("[data-part=compare-doses] button").click()
        page.wait_for_url(re.compile("/gamma/"), timeout=WAIT_MS)
        look(page, "gamma")
    assert wrong == {}
