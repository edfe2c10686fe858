"""Sending the files of a case by a real browser: they are checked before anything leaves it, and what arrived stays."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from demo.radiotherapy.objects import Kind, write_case
from playwright.async_api import ConsoleMessage, Page, Route, expect
from pydicom.uid import DeflatedExplicitVRLittleEndian

from tests.apps.radiotherapy.department import Doors, looked_at
from tests.radiotherapy_house import small_objects
from tianfu.services.jobs.works import State

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # each starts a site and a browser

OBJECTS = len(small_objects().contents())
SLICES = len(small_objects().of(Kind.CT))
HOSTILE = "<img src=x onerror=document.title='stolen'>"


@dataclass
class Sending:
    """A page of a delivery before which somebody sits."""

    page: Page
    doors: Doors
    delivery: str
    said: list[str] = field(default_factory=list)

    async def choose(self, folder: Path) -> None:
        await self.page.locator("[data-sending=folder]").set_input_files(folder)
        await expect(self.page.locator(".rtsurvey, [data-sending=survey] .note").first).to_be_visible()

    async def send(self) -> None:
        await self.page.locator("[data-sending=send]").click()

    async def arrived(self) -> int:
        delivery = self.doors.department.desk.deliveries
        found = await delivery.one(self.delivery.rpartition("/")[2], "county-hospital")
        return len(await delivery.arrivals(found))

    @property
    def button(self) -> Any:
        return self.page.locator("[data-sending=send]")

    @property
    def survey(self) -> Any:
        return self.page.locator("[data-sending=survey]")

    @property
    def outcome(self) -> Any:
        return self.page.locator("[data-sending=outcome]")

    async def look(self, name: str) -> None:
        """As `looked_at`."""
        await looked_at(self.page, name)


@asynccontextmanager
async def sitting(doors: Doors, *, width: int = 1440, language: str = "en") -> AsyncIterator[Sending]:
    """A physicist at a new delivery; the page says nothing into the console."""
    physicist = await doors.department.staff(language=language)
    delivery = await physicist.began()
    context = await doors.window(physicist, width=width)
    page = await context.new_page()
    sending = Sending(page=page, doors=doors, delivery=delivery)
    page.on("console", lambda message: _heard(sending, message))
    page.on("pageerror", lambda error: sending.said.append(str(error)))
    await page.goto(doors.address + delivery)
    await expect(page.locator("[data-sending=door]")).to_be_visible()
    yield sending
    assert sending.said == []
    await context.close()


def _heard(sending: Sending, message: ConsoleMessage) -> None:
    if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
        sending.said.append(message.text)


def changed(content: bytes, **values: Any) -> bytes:
    """The same object with other values."""
    dataset = pydicom.dcmread(BytesIO(content))
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    kept = BytesIO()
    dataset.save_as(kept)
    return kept.getvalue()


def changed_syntax(content: bytes, syntax: str) -> bytes:
    """The same object in another transfer syntax."""
    dataset = pydicom.dcmread(BytesIO(content))
    dataset.file_meta.TransferSyntaxUID = syntax
    kept = BytesIO()
    dataset.save_as(kept)
    return kept.getvalue()


def laid(folder: Path, contents: Sequence[bytes], name: Callable[[int], str] = "{:04}.dcm".format) -> Path:
    """A folder of these files."""
    folder.mkdir(parents=True)
    for number, content in enumerate(contents):
        (folder / name(number)).write_bytes(content)
    return folder


async def test_a_whole_case_is_checked_sent_and_taken_in(doors: Doors, tmp_path: Path) -> None:
    write_case(small_objects(), tmp_path / "case")
    (tmp_path / "case" / "readme.txt").write_text("exported")
    async with sitting(doors) as sending:
        await sending.choose(tmp_path / "case")
        await expect(sending.survey).to_contain_text("示例 演示11")
        await expect(sending.survey).to_contain_text("complete, every 4.50 mm")
        await expect(sending.survey).to_contain_text("1 file is no DICOM object and stays here: case/readme.txt")
        await expect(sending.button).to_contain_text(f"Send {OBJECTS} objects")
        await sending.look("sending-checked-1440")
        assert await sending.arrived() == 0
        await sending.send()
        await expect(sending.outcome).to_contain_text(f"{OBJECTS} objects arrived.")
        assert await sending.arrived() == OBJECTS
        take_in = sending.page.locator("[data-part=take-in]")
        await expect(take_in).to_be_focused()
        await sending.look("sending-done-1440")
        async with doors.department.working():
            await sending.page.keyboard.press("Enter")
            await sending.page.wait_for_url("**/radiotherapy/works/**")
            work = await doors.department.ended(sending.page.url)
        assert work.state is State.DONE
        await sending.page.goto(sending.page.url)
        await expect(sending.page.locator("main")).to_contain_text("DEMO-00011")


async def test_a_missing_slice_is_said_before_sending_and_the_server_says_the_same(
    doors: Doors, tmp_path: Path
) -> None:
    contents = small_objects().contents()
    folder = laid(tmp_path / "case", [*contents[:5], *contents[6:]])
    async with sitting(doors) as sending:
        await sending.choose(folder)
        said = sending.survey.locator(".note.critical")
        await expect(said).to_have_count(1)
        sentence = await said.inner_text()
        assert sentence.startswith("Between slices 5, 7")
        await expect(sending.button).to_have_text("Send anyway: it will be refused")
        await sending.look("sending-gap-1440")
        await sending.send()
        await expect(sending.outcome).to_contain_text(f"{OBJECTS - 1} objects arrived.")
        async with doors.department.working():
            await sending.page.locator("[data-part=take-in]").click()
            await sending.page.wait_for_url("**/radiotherapy/works/**")
            assert (await doors.department.ended(sending.page.url)).refusal == "images-missing-slice"
        await sending.page.goto(doors.address + sending.delivery)
        await expect(sending.page.locator("[data-part=refused]")).to_contain_text(sentence.strip())


async def test_a_broken_network_goes_on_where_it_ended(doors: Doors, tmp_path: Path) -> None:
    write_case(small_objects(), tmp_path / "case")
    sent: list[str] = []
    is_broken = False

    async def carry(route: Route) -> None:
        if route.request.method != "POST":
            await route.continue_()
        elif is_broken or len(sent) >= OBJECTS // 2:
            await route.abort("connectionreset")
        else:
            sent.append("once")
            await route.continue_()

    async with sitting(doors) as sending:
        await sending.page.clock.install()
        await sending.page.route("**/objects", carry)
        await sending.choose(tmp_path / "case")
        await sending.send()
        told = sending.page.locator("[data-sending=told]")
        await expect(told).to_contain_text("It is tried again by itself")
        await sending.look("sending-waiting-1440")
        rest = sending.page.locator("[data-sending=rest]")
        while not await rest.is_visible():
            await sending.page.clock.fast_forward(17_000)
        assert await sending.arrived() == OBJECTS // 2
        await expect(sending.outcome).to_contain_text(f"{OBJECTS // 2} of {OBJECTS} objects arrived and stay there")
        await expect(rest).to_be_focused()
        await sending.page.unroute("**/objects", carry)
        posted: list[str] = []
        sending.page.on("request", lambda request: posted.append(request.method))
        await rest.click()
        await expect(sending.outcome).to_contain_text("objects arrived.")
        assert posted.count("POST") == OBJECTS - OBJECTS // 2
        assert await sending.arrived() == OBJECTS
        await sending.page.reload()
        await sending.choose(tmp_path / "case")
        await sending.send()
        await expect(sending.outcome).to_contain_text("All of this has arrived already.")


async def test_nothing_is_begun_while_it_is_paused_and_what_arrived_before_a_stop_stays(
    doors: Doors, tmp_path: Path
) -> None:
    write_case(small_objects(), tmp_path / "case")
    held: list[Route] = []

    async def hold(route: Route) -> None:
        if route.request.method == "POST":
            held.append(route)
        else:
            await route.continue_()

    async with sitting(doors) as sending:
        await sending.page.route("**/objects", hold)
        await sending.choose(tmp_path / "case")
        await sending.send()
        pause = sending.page.locator("[data-sending=pause]")
        await expect(pause).to_be_focused()
        while len(held) < 3:
            await sending.page.wait_for_timeout(20)
        await sending.look("sending-course-1440")
        await pause.click()
        await expect(pause).to_contain_text("Go on")
        for route in held:
            await route.continue_()
        await expect(sending.page.locator("[data-sending=numbers]")).to_contain_text(f"3 of {OBJECTS} objects")
        assert len(held) == 3
        await sending.page.locator("[data-sending=stop]").click()
        await expect(sending.outcome).to_contain_text(f"Stopped. 3 of {OBJECTS} objects arrived")
        assert await sending.arrived() == 3


async def test_a_file_that_the_server_refuses_is_named_with_its_sentence_and_the_others_arrive(
    doors: Doors, tmp_path: Path
) -> None:
    contents = list(small_objects().contents())
    folder = laid(tmp_path / "case", [*contents[:-2], contents[-2][:-100]])
    async with sitting(doors) as sending:
        await sending.choose(folder)
        await sending.send()
        await expect(sending.outcome).to_contain_text("the others were refused")
        await expect(sending.outcome).to_be_focused()
        refused = sending.page.locator("[data-sending=refused] li")
        await expect(refused).to_have_count(1)
        await expect(refused).to_contain_text(f"case/{len(contents) - 2:04}.dcm The file ends early")
        assert await sending.arrived() == len(contents) - 2
        await sending.look("sending-refused-1440")


async def test_files_of_two_patients_are_never_sent(doors: Doors, tmp_path: Path) -> None:
    other = small_objects(12)
    folder = laid(tmp_path / "case", [*small_objects().of(Kind.CT), *other.of(Kind.PLAN)])
    async with sitting(doors) as sending:
        await sending.choose(folder)
        await expect(sending.survey.locator(".note.critical")).to_contain_text(
            "示例 演示11 DEMO-00011, 示例 演示12 DEMO-00012"
        )
        await expect(sending.button).to_have_attribute("aria-disabled", "true")
        await expect(sending.button).to_have_text("Cannot be sent: different patients")
        await sending.look("sending-mixed-1440")
        await sending.button.click(force=True)
        await sending.page.wait_for_timeout(200)
        await expect(sending.survey).to_be_visible()
        assert await sending.arrived() == 0


async def test_names_are_text_whatever_they_hold(doors: Doors, tmp_path: Path) -> None:
    named = [
        changed(each, PatientName="<img src^stolen>", SeriesDescription=HOSTILE) for each in small_objects().of(Kind.CT)
    ]
    folder = laid(tmp_path / "case", [*named, b"no object"], lambda number: f"{number} {HOSTILE}.dcm")
    async with sitting(doors) as sending:
        await sending.choose(folder)
        await expect(sending.survey).to_contain_text(HOSTILE)
        await expect(sending.survey).to_contain_text("<img src stolen>")
        await expect(sending.survey).to_contain_text(f"{SLICES} {HOSTILE}.dcm")
        await sending.send()
        await expect(sending.outcome).to_contain_text(f"{SLICES} objects arrived.")
        assert await sending.page.locator("main img").count() == 0
        assert "stolen" not in await sending.page.title()


async def test_names_in_three_character_sets_are_one_patient(doors: Doors, tmp_path: Path) -> None:
    """Scanners and planning systems write in different ones (PS3.3 C.12.1.1.2; PS3.5 annex K for GB 2312)."""
    ct = [changed(each, SpecificCharacterSet="GB18030") for each in small_objects().of(Kind.CT)]
    plan = changed(small_objects().of(Kind.PLAN)[0], SpecificCharacterSet="ISO_IR 192")
    dose = changed(small_objects().of(Kind.DOSE)[0], SpecificCharacterSet=["", "ISO 2022 IR 58"])
    async with sitting(doors) as sending:
        await sending.choose(laid(tmp_path / "case", [*ct, plan, dose]))
        await expect(sending.survey.get_by_text("示例 演示11", exact=True)).to_have_count(3)
        await expect(sending.survey.locator(".note.critical")).to_have_count(0)


async def test_unusual_heads_are_read_or_said_to_be_compressed(doors: Doors, tmp_path: Path) -> None:
    """Without a preamble, with a head of 300 kB before the patient's position, deflated (PS3.5 A.5), cut off early."""
    ct = list(small_objects().of(Kind.CT))
    bare = BytesIO()
    dataset = pydicom.dcmread(BytesIO(ct[0]))
    pydicom.dcmwrite(bare, pydicom.Dataset(dataset), implicit_vr=True, little_endian=True, enforce_file_format=False)
    long = pydicom.dcmread(BytesIO(ct[1]))
    long.private_block(0x0011, "MADE UP", create=True).add_new(0x01, "OB", b"\0" * 300_000)
    kept = BytesIO()
    long.save_as(kept)
    deflated = changed_syntax(small_objects().of(Kind.PLAN)[0], DeflatedExplicitVRLittleEndian)
    folder = laid(tmp_path / "case", [bare.getvalue(), kept.getvalue(), *ct[2:], deflated, ct[0][:600]])
    async with sitting(doors) as sending:
        await sending.choose(folder)
        await expect(sending.survey).to_contain_text("complete, every 4.50 mm")
        await expect(sending.survey).to_contain_text("The head of 1 object is compressed")
        cut = f"1 file ends within its head and is not sent. Export it again: case/{SLICES + 1:04}.dcm"
        await expect(sending.survey.locator(".note.critical")).to_have_text(cut)
        await sending.send()
        await expect(sending.outcome).to_contain_text(f"{SLICES + 1} objects arrived.")


async def test_copies_are_sent_once_and_different_files_with_one_uid_are_a_fault(doors: Doors, tmp_path: Path) -> None:
    plan, dose = small_objects().of(Kind.PLAN)[0], small_objects().of(Kind.DOSE)[0]
    folder = laid(tmp_path / "case", [plan, plan, dose, changed(dose, DoseComment="another")])
    async with sitting(doors) as sending:
        await sending.choose(folder)
        await expect(sending.survey).to_contain_text("1 file is an exact copy of another and is sent once.")
        await expect(sending.survey.locator(".note.critical")).to_contain_text("Two different files (RTDOSE)")
        await expect(sending.button).to_have_text("Send anyway: it will be refused")
        await sending.send()
        await expect(sending.outcome).to_contain_text("3 objects arrived.")


async def test_a_telephone_shows_all_of_it_in_chinese(doors: Doors, tmp_path: Path) -> None:
    contents = small_objects().contents()
    async with sitting(doors, width=320, language="zh-CN") as sending:
        await sending.look("sending-empty-320")
        await sending.choose(laid(tmp_path / "case", [*contents[:5], *contents[6:]]))
        await sending.look("sending-gap-320")
        await sending.send()
        await expect(sending.outcome).to_contain_text("对象已到达")
        await sending.look("sending-done-320")


async def test_files_that_are_dropped_are_checked_as_chosen_ones_are(doors: Doors) -> None:
    content = small_objects().of(Kind.PLAN)[0]
    async with sitting(doors) as sending:
        await sending.page.evaluate(
            """bytes => {
              const data = new DataTransfer();
              data.items.add(new File([new Uint8Array(bytes)], 'plan.dcm'));
              const drop = new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true});
              document.querySelector('[data-sending=door]').dispatchEvent(drop);
            }""",
            list(content),
        )
        await expect(sending.survey).to_contain_text("There is no CT among these files.")
        await expect(sending.button).to_contain_text("Send 1 object")


SIGNS_OUT = """() => {
  const real = window.fetch;
  window.fetch = async (...asked) => {
    const answer = await real(...asked);
    if (String(asked[0]).endsWith('/objects') && window.fetch !== real) {
      window.fetch = real;
      await signOut();
    }
    return answer;
  };
}"""
"""Lets the question what has arrived be answered, and signs out before the page reads the answer.

No request is held up: a browser whose requests a test holds up sees a redirect otherwise than one whose are not.
"""


async def test_whoever_is_signed_out_meanwhile_is_told_so(doors: Doors, tmp_path: Path) -> None:
    write_case(small_objects(), tmp_path / "case")
    async with sitting(doors) as sending:
        await sending.choose(tmp_path / "case")
        await sending.page.expose_function("signOut", sending.page.context.clear_cookies)
        await sending.page.evaluate(SIGNS_OUT)
        await sending.send()
        await expect(sending.outcome).to_contain_text("You are signed out.")
        assert not await sending.page.context.cookies()
        assert await sending.arrived() == 0


async def test_a_page_that_sends_asks_before_it_is_left(doors: Doors, tmp_path: Path) -> None:
    write_case(small_objects(), tmp_path / "case")
    asked: list[str] = []
    async with sitting(doors) as sending:
        page = sending.page
        await page.route("**/objects", lambda route: route.continue_() if route.request.method == "GET" else None)
        page.on("dialog", lambda dialog: asked.append(dialog.type) or dialog.accept())
        await sending.choose(tmp_path / "case")
        await sending.send()
        await expect(page.locator("[data-sending=course]")).to_be_visible()
        await page.goto(f"{doors.address}/radiotherapy")
        assert asked == ["beforeunload"]
