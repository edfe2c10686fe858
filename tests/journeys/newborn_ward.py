"""The made-up ward behind `tianfu serve`, with a guardian's way to a slot that is now, and eyes that read pictures."""

from __future__ import annotations

import asyncio
import gzip
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson
from demo.ward.film import _SHAPES, PICTURES_PER_SECOND
from playwright.sync_api import Browser, Page, expect

from tests.journeys.conftest import Desk
from tests.journeys.entering import Login, press
from tests.journeys.filled_ward import filled_ward
from tianfu.access.caller import OPERATOR
from tianfu.access.purpose import Purpose
from tianfu.db import Database
from tianfu.installation import installation_keys, media_socket, running_database
from tianfu.kernel.instants import system_clock
from tianfu.records.audit import GroupAuditor
from tianfu.records.outcomes import Found
from tianfu.records.store import SearchRequest, Store
from tianfu.records.trail.epochs import open_trail
from tianfu.services.realtime.embedded.remote import EmbeddedMedia
from tianfu.settings import settings_from
from tianfu.standards.fhir.parsing import parse_resource

CHINA = timezone(timedelta(hours=8))
SLOT_MINUTES = 20
WAIT_MILLISECONDS = 60_000
BED = "NICU-05"
OTHER_BED = "NICU-06"
CAMERA = "CAM-05"
LOOP_PICTURES = 150

SHAPES = {name: [int(row) for row in rows] for name, rows in _SHAPES.items()}

EYES = """(shapes) => {
  const video = document.querySelector('#watch video'), drawn = window.drawn = [];
  const small = document.createElement('canvas'); small.width = 1280; small.height = 720;
  const pen = small.getContext('2d', {willReadFrequently: true});
  const bright = (x, y) => pen.getImageData(x, y, 1, 1).data;
  const isLit = (x, y) => { const [r, g, b] = bright(x, y); return 0.299 * r + 0.587 * g + 0.114 * b > 138; };
  const sign = (place) => {
    let rows = [];
    for (let row = 0; row < 5; row++) {
      let bits = 0;
      for (let column = 0; column < 3; column++)
        bits = bits << 1 | isLit(40 + (4 * place + column) * 40 + 20, 60 + row * 40 + 20);
      rows.push(bits);
    }
    const found = Object.entries(shapes).find(([, shape]) => shape.join() === rows.join());
    return found ? found[0] : '?';
  };
  const look = () => {
    if (video.srcObject && !video.hidden && video.videoWidth > 0) {
      pen.drawImage(video, 0, 0, 1280, 720);
      let code = '', number = 0;
      for (let place = 0; place < 7; place++) code += sign(place);
      for (let bit = 0; bit < 9; bit++) if (isLit(500 + 40 * bit + 16, 656)) number |= 1 << bit;
      drawn.push([performance.timeOrigin + performance.now(), code, number]);
    }
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}"""
"""Writes down each picture that the page draws: when, which bed's code it bears, which picture of the film it is."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One picture as a page drew it: when, in milliseconds since 1970, and when its camera showed it."""

    at: float
    code: str
    shown: float


def drawn_on(page: Page) -> list[Drawn]:
    """Every picture that a page drew since it was given eyes."""
    loop = 1_000 * LOOP_PICTURES / PICTURES_PER_SECOND
    return [
        Drawn(at, code, at - (at - 1_000 * number / PICTURES_PER_SECOND) % loop)
        for at, code, number in page.evaluate("drawn")
    ]


def give_eyes(page: Page) -> None:
    """Have a live page write down what it draws."""
    page.evaluate(EYES, SHAPES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ward:
    """The installation: its pages, where it lies, who it is to commands."""

    desk: Desk
    folder: Path
    environment: dict[str, str]

    def in_store(self, work: Callable[[Store], Awaitable[Any]]) -> Any:
        """Do something with the record, in the operator's name, beside what is served."""
        return in_thread(lambda: _with_store(self.environment, work))

    def with_media(self, work: Callable[[EmbeddedMedia], Awaitable[Any]]) -> Any:
        """Ask the media server something."""

        async def asked() -> Any:
            port = EmbeddedMedia(media_socket(settings_from(self.environment)))
            try:
                return await work(port)
            finally:
                port.hang_up()

        return in_thread(asked)

    def move(self, stay_of: str, bed: str) -> None:
        """The record says that a baby lies in another bed."""

        async def moved(store: Store) -> None:
            place = await one(store, "Location", identifier=bed)
            stay = await one(store, "Encounter", patient=f"Patient/{stay_of}", **{"class": "IMP"})
            value = {**stay, "location": [{"location": {"reference": f"Location/{place['id']}"}, "status": "active"}]}
            value.pop("meta", None)
            await store.update(OPERATOR, Purpose.OPERATIONS, parse_resource(orjson.dumps(value)), stay["id"])

        self.in_store(moved)

    def read(self, kind: str, logical_id: str) -> dict[str, Any]:
        """A record as it stands."""

        async def found(store: Store) -> dict[str, Any]:
            answer = await store.read(OPERATOR, Purpose.OPERATIONS, kind, logical_id)
            assert isinstance(answer, Found)
            return dict(answer.record.value)

        value: dict[str, Any] = self.in_store(found)
        return value

    def wristband(self, bed: str) -> str:
        """What the wristband of the baby in a bed says."""
        for file in sorted((self.folder / "province").glob("*/Patient.ndjson.gz")):
            for line in gzip.decompress(file.read_bytes()).splitlines():
                for each in orjson.loads(line).get("identifier", ()):
                    if each["system"] == "urn:tianfu:wristband" and each["value"].endswith(bed[-3:]):
                        return str(each["value"])
        raise AssertionError("nobody lies there")


async def _with_store(environment: dict[str, str], work: Callable[[Store], Awaitable[Any]]) -> Any:
    settings = settings_from(environment)
    with running_database(settings) as addresses:
        async with await Database.open(addresses, links_max=2) as database:
            trail = await open_trail(database, settings.home, system_clock)
            try:
                auditor = GroupAuditor(database, trail.lanes)
                keys = installation_keys(settings)
                return await work(await Store.open(database, auditor=auditor, clock=system_clock, keys=keys))
            finally:
                trail.close()


def in_thread(work: Callable[[], Awaitable[Any]]) -> Any:
    """Run something asynchronous: the browser's driver keeps a loop of its own in this thread."""
    said: list[Any] = []
    failed: list[BaseException] = []

    def run() -> None:
        async def whole() -> None:
            said.append(await work())

        try:
            asyncio.run(whole())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return said[0]


async def one(store: Store, kind: str, **wanted: str) -> dict[str, Any]:
    """The one record that is found."""
    page = await store.search(OPERATOR, Purpose.OPERATIONS, SearchRequest(type=kind, parameters=tuple(wanted.items())))
    [record] = page.records
    return dict(record.value)


@contextmanager
def served_ward(
    browser: Browser, *, before: Callable[[Store], Awaitable[None]], more: Mapping[str, Login]
) -> Iterator[Ward]:
    """The made-up ward, served; all its temporary files lie in its folder.

    Something is done with the record before; there are more who may sign in.
    """
    with filled_ward() as filled:
        in_thread(lambda: _with_store(filled.environment, before))
        told = replace(filled, logins={**filled.logins, **more})
        with told.served(browser) as desk:
            yield Ward(desk=desk, folder=filled.folder, environment=filled.environment)


def slot_of_now() -> tuple[date, str, int]:
    """A window whose first slot begins within two minutes: its day, its line, how long the slot lasts.

    Late in the evening the slot is shorter, and in the last minutes before midnight it is tomorrow's first.
    """
    begins = datetime.now(CHINA).replace(second=0, microsecond=0) + timedelta(minutes=2)
    minutes = 24 * 60 - begins.hour * 60 - begins.minute
    if minutes < 8:
        begins = (begins + timedelta(days=1)).replace(hour=0, minute=0)
        minutes = SLOT_MINUTES
    return begins.date(), f"1-7 {begins:%H:%M}-24:00", min(SLOT_MINUTES, minutes)


def set_policy(desk: Desk, day: date, windows: str, **numbers: int) -> None:
    """The head nurse lets families see from a day on, in these windows; `numbers` are the form's other fields."""
    with desk.page(role="head-nurse", look="", language="en") as page:
        page.goto("/newborn/desk/windows")
        page.locator("#from_day").fill(day.isoformat())
        page.locator("#windows").fill(windows)
        for name, value in numbers.items():
            page.locator(f"#{name}").fill(str(value))
        press(page.locator("main form button.main"))
        expect(page).to_have_url(re.compile("done=set"))


def set_window(ward: Ward) -> None:
    """The head nurse lets families see from the next minute on."""
    day, line, minutes = slot_of_now()
    set_policy(
        ward.desk,
        day,
        line,
        slot_minutes=minutes,
        gap_minutes=0,
        at_once=2,
        days_ahead=2,
        per_baby_a_day=6,
        cancel_minutes=0,
        invited_max=3,
    )


def sign(page: Page, baby: str, *also: str) -> None:
    """The mother agrees to seeing and talking, and to nothing else but what is named."""
    page.goto(f"/newborn/consent/{baby}")
    assert page.locator("input[type=radio]:checked").count() == 0
    for name in ("view", "talk", "diary", "photo"):
        said = "yes" if name in {"view", "talk", *also} else "no"
        page.locator(f"input[name={name}][value={said}]").check()
    press(page.locator("main form button.main"))
    expect(page).to_have_url(re.compile("done=signed"))


def book(page: Page, baby: str, *, is_twin: bool, days_ahead: int = 0) -> None:
    """The first slot that is free."""
    page.goto(f"/newborn/book/{baby}")
    if days_ahead:
        press(page.locator("nav.days a.open").nth(days_ahead))
    page.locator("input[name=start]:not([disabled])").first.check(force=True)
    if is_twin:
        page.locator("input[name=row][value=no]").check()
    press(page.locator("main form button.main"))
    expect(page).to_have_url(re.compile("done=booked"))


def baby_in(page: Page, bed: str) -> str:
    """Which of her babies lies in a bed, as her home says it."""
    page.goto("/newborn")
    card = page.locator("[data-part=baby]", has_text=f"{int(bed[-2:])}床")
    address = card.locator("a[href^='/newborn/consent/']").first.get_attribute("href")
    assert address is not None
    return address.rpartition("/")[2]


def scan(page: Page, visit: str, codes: dict[str, str]) -> None:
    """A nurse scans codes one by one."""
    page.goto(f"/newborn/visits/{visit}")
    for name, text in codes.items():
        page.locator(f"#scan-{name}").fill(text)
        press(page.locator(f"form[action='/newborn/visits/{visit}/scan'] button.main"))
        expect(page).to_have_url(re.compile("done=scanned"))


def open_picture(nurse: Page, visit: str) -> float:
    """The nurse opens; the moment (ms) just before."""
    nurse.goto(f"/newborn/visits/{visit}")
    at = time.time() * 1_000
    press(nurse.locator(f"form[action='/newborn/visits/{visit}/open'] button"))
    expect(nurse).to_have_url(re.compile("done=opened"))
    return at


def sees(page: Page, more: int = 10) -> None:
    """Wait until the page has drawn some more pictures."""
    page.wait_for_function("count => drawn.length > count", arg=len(drawn_on(page)) + more, timeout=WAIT_MILLISECONDS)
