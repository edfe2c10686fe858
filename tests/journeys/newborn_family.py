"""Families who are new to the ward, and what a mother does at her pages: from her real name to her voice at the bed.

Each is in the hospital's records only: she has no account, and no record says yet whose mother she is.
"""

from __future__ import annotations

import re
import wave
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from struct import iter_unpack, pack

import orjson
from playwright.sync_api import Locator, Page, expect

from tests.journeys.conftest import NOBODY, Desk
from tests.journeys.entering import Login, press
from tests.journeys.looking import wrong_with
from tests.journeys.newborn_ward import WAIT_MILLISECONDS, Ward, one
from tests.services.realtime.cameras.sounds import TONE_HERTZ, wave_of_tone
from tianfu.access.caller import OPERATOR
from tianfu.access.purpose import Purpose
from tianfu.kernel.instants import SECOND, Instant, system_clock, to_fhir_instant
from tianfu.records.store import Store
from tianfu.standards.china.identifier_systems import IDENTITY_NUMBER, INPATIENT_NUMBER
from tianfu.standards.china.identity_number import compose_identity_number
from tianfu.standards.fhir.parsing import parse_resource

WRISTBAND = "urn:tianfu:wristband"
MICROPHONE_HERTZ = 48_000
BEEPS_A_SECOND = 4
"""Nobody's microphone takes a beep for the noise of a room, which it leaves out."""

QUIET = 0.001
LOOKS_UNTIL_SILENT = 3
"""Below it nothing is heard; the tone is far above."""

DENSE = "light.clinician.off"
"""The dense display has another row of places."""

HEARS = """async where => {
  const context = new AudioContext(), ear = context.createAnalyser();
  ear.fftSize = 4096;
  ear.smoothingTimeConstant = 0;
  for (const track of document.querySelector(where).srcObject.getAudioTracks())
    context.createMediaStreamSource(new MediaStream([track])).connect(ear);
  const samples = new Float32Array(ear.fftSize), heights = new Float32Array(ear.frequencyBinCount);
  let most = 0, hertz = 0;
  for (let count = 0; count < 75; count++) {
    await new Promise(resolve => setTimeout(resolve, 20));
    ear.getFloatTimeDomainData(samples);
    const loud = samples.reduce((before, each) => Math.max(before, Math.abs(each)), 0);
    if (loud <= most) continue;
    most = loud;
    ear.getFloatFrequencyData(heights);
    hertz = heights.indexOf(Math.max(...heights)) * context.sampleRate / ear.fftSize;
  }
  await context.close();
  return [most, hertz];
}"""
"""The loudest sample of a second and a half of what a page is sent, and how high the tone was there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baby:
    """One who was born a week ago, and what the ward prints for it."""

    bed: int
    order: int = 0

    @property
    def id(self) -> str:
        return f"walked-baby-{self.bed}"

    @property
    def code(self) -> str:
        return f"NICU-{self.bed:02}"

    @property
    def inpatient(self) -> str:
        return f"ZW90{self.bed:02}"

    @property
    def wristband(self) -> str:
        return f"WB-WALK-{self.bed:02}"

    @property
    def tail(self) -> str:
        """The last four letters of the wristband, as she reads them."""
        return f"LK{self.bed:02}"

    @property
    def printed(self) -> dict[str, str]:
        """What a nurse scans."""
        return {"wristband": self.wristband, "bed": self.code, "camera": f"CAM-{self.bed:02}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A mother, how she looks at pages, and her babies, the one whom she visits first."""

    role: str
    name: str
    telephone: str
    number: str
    width: int
    language: str
    babies: Sequence[Baby]
    by_keyboard: bool

    @property
    def baby(self) -> Baby:
        return self.babies[0]

    @property
    def login(self) -> Login:
        """Nobody has made it: the telephone is all that it is."""
        return Login(role=self.role, name=self.name, number=self.telephone, password="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Walker:
    """A mother, her page, and her page at another screen where everything is looked at once more."""

    family: Family
    page: Page
    others: Mapping[str, Page]

    @property
    def screen(self) -> str:
        return f"{self.family.width}-{self.family.language}"

    @property
    def baby(self) -> str:
        return self.family.baby.id

    def look(self, name: str) -> None:
        look(self.page, f"{name}-{self.screen}")

    def look_everywhere(self, name: str, path: str) -> None:
        """At her own screen, and at others."""
        for screen, page in {self.screen: self.page, **self.others}.items():
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 200, path
            look(page, f"{name}-{screen}")


FAMILIES = (
    Family(
        role="mother-of-twins",
        name="桐示例",
        telephone="13900008805",
        number=compose_identity_number(area="510104", born=date(1994, 3, 8), sequence=884),
        width=320,
        language="zh-CN",
        babies=(Baby(bed=5, order=1), Baby(bed=6, order=2)),
        by_keyboard=False,
    ),
    Family(
        role="mother-of-one",
        name="杉示例",
        telephone="13900008807",
        number=compose_identity_number(area="510104", born=date(1996, 7, 5), sequence=886),
        width=1440,
        language="en",
        babies=(Baby(bed=7),),
        by_keyboard=True,
    ),
)


async def admit(store: Store) -> None:
    """The hospital writes down mothers, and babies in beds from which others went home; nobody says who is whose."""
    for family in FAMILIES:
        await _admit(store, family)


async def _admit(store: Store, family: Family) -> None:
    async def write(value: Mapping[str, object]) -> None:
        kept = {name: each for name, each in value.items() if name != "meta"}
        await store.update(OPERATOR, Purpose.OPERATIONS, parse_resource(orjson.dumps(kept)), str(kept["id"]))

    now = system_clock()
    born = to_fhir_instant(Instant(now - 7 * 24 * 3_600 * SECOND))
    mother = {
        "resourceType": "Patient",
        "id": f"walked-{family.role}",
        "identifier": [{"use": "official", "system": IDENTITY_NUMBER, "value": family.number}],
        "name": [{"use": "official", "text": family.name}],
        "telecom": [{"system": "phone", "value": family.telephone, "use": "mobile"}],
        "gender": "female",
        "birthDate": f"{family.number[6:10]}-{family.number[10:12]}-{family.number[12:14]}",
    }
    await write(mother)
    for baby in family.babies:
        place = await one(store, "Location", identifier=baby.code)
        stay = await one(store, "Encounter", location=f"Location/{place['id']}", status="in-progress")
        await write({**stay, "status": "finished", "period": {**stay["period"], "end": to_fhir_instant(now)}})
        patient = {
            "resourceType": "Patient",
            "id": baby.id,
            "identifier": [{"use": "usual", "system": WRISTBAND, "value": baby.wristband}],
            "name": [{"use": "temp", "text": f"{family.name}之子{'甲乙'[baby.order - 1] if baby.order else ''}"}],
            "gender": "male",
            "birthDate": born[:10],
        }
        await write({**patient, **({"multipleBirthInteger": baby.order} if baby.order else {})})
        new = {
            "id": f"walked-stay-{baby.bed}",
            "identifier": [{"system": INPATIENT_NUMBER, "value": baby.inpatient}],
            "subject": {"reference": f"Patient/{baby.id}"},
            "period": {"start": born},
        }
        await write({**stay, **new})


def look(page: Page, name: str) -> None:
    """Nothing is wrong with the page at the size that it has."""
    assert wrong_with(page, f"whole-{name}") == []


@contextmanager
def walkers_of(ward: Ward) -> Iterator[list[Walker]]:
    with ExitStack() as open_pages:
        walkers = []
        for family in FAMILIES:
            _come_first(ward.desk, family)
            role, language = family.role, family.language
            opened = ward.desk.page(role=role, width=family.width, look="", language=language, is_refused=True)
            page, others = open_pages.enter_context(opened), {}
            if language == "en":
                opened = ward.desk.page(role=role, width=320, look=DENSE, language=language, is_refused=True)
                others = {"320-dense-en": open_pages.enter_context(opened)}
            walkers.append(Walker(family=family, page=page, others=others))
        yield walkers


def _come_first(desk: Desk, family: Family) -> None:
    """Nobody with this telephone was ever here: it makes an account, which opens nothing yet."""
    with desk.page(role=NOBODY, width=family.width, look="", language=family.language) as page:
        page.goto("/sign-in")
        desk.entrance.give_telephone(page, family.role)
        desk.entrance.give_code(page, family.role)
        look(page, f"first-time-{family.width}-{family.language}")
        press(page.locator("form[action='/sign-in/whose/new'] button"))
        expect(page).not_to_have_url(re.compile("/sign-in"))
        desk.keep(family.role, page.context.storage_state())


def say_her_name(page: Page, family: Family) -> None:
    """Her telephone let her in; her name and number, as the hospital has them, say who she is."""
    press(page.locator("main a.main[href='/account/real-name']"))
    page.locator("#name").fill(family.name)
    page.locator("#number").fill(family.number)
    press(page.locator("form[action='/account/real-name'] button.main"))
    expect(page).not_to_have_url(re.compile("real-name"))


def enrol(page: Page, baby: Baby) -> None:
    """She asks the ward to be known as a baby's mother."""
    page.goto("/newborn/enrol")
    page.locator("input[name=relation][value=MTH]").check()
    page.locator("#inpatient").fill(baby.inpatient)
    page.locator("#tail").fill(baby.tail)
    press(page.locator("main form button.main"))
    expect(page).to_have_url(re.compile("done=asked"))


def approve_all(head: Page, count: int) -> None:
    """The head nurse looks at the papers of everybody who asked, and says what she saw."""
    head.goto("/newborn/desk")
    expect(head.locator("[data-part=claims] summary")).to_have_count(count)
    for number in range(count):
        claim = head.locator("[data-part=claims] li").first
        claim.locator("summary").first.click()
        claim.locator("input[value=birth-certificate]").check()
        claim.locator("input[name=seen]").fill(f"P11000000{number}")
        press(claim.locator("form button.main"))
        expect(head).to_have_url(re.compile("done=approved"))
    expect(head.locator("[data-part=claims] summary")).to_have_count(0)


def check_device(page: Page) -> None:
    """Before the slot: her browser, the network, its sound and its microphone."""
    for name in ("sound", "microphone"):
        page.locator(f"[data-check={name}] button").click()
    for name in ("browser", "network", "sound", "microphone"):
        answer = page.locator(f"[data-check={name}] [data-answer]")
        expect(answer).to_have_attribute("data-is", "good", timeout=WAIT_MILLISECONDS)


def prove_again(page: Page, desk: Desk, family: Family, onward: str) -> None:
    """What a mother showed an hour ago lets nobody see: a code to her telephone, and back to the visit."""
    before = desk.entrance.sent_code(family.role)
    secret = page.locator("#secret")
    for _ in range(WAIT_MILLISECONDS // 2_000):  # a telephone gets a code a minute
        page.goto(f"/account/prove?next={onward}")
        page.locator("form[action='/account/prove/code'] button").click()
        expect(secret.or_(page.locator("#error-summary, .nhsuk-error-summary")).first).to_be_visible()
        if secret.is_visible() and desk.entrance.sent_code(family.role) != before:
            break
        page.wait_for_timeout(2_000)
    desk.entrance.used[family.role] = desk.entrance.sent_code(family.role)
    secret.fill(desk.entrance.used[family.role])
    press(page.locator("form[action='/account/prove'] button"))
    expect(page).to_have_url(re.compile(re.escape(onward)))


def hold(key: Locator, *, by_keyboard: bool) -> None:
    """Somebody begins to speak: by a finger, or by the keyboard."""
    key.scroll_into_view_if_needed()
    if by_keyboard:
        key.focus()
        key.page.keyboard.down("Space")
    else:
        key.hover()
        key.page.mouse.down()
    expect(key).to_have_attribute("aria-pressed", "true", timeout=WAIT_MILLISECONDS)


def let_go(key: Locator, *, by_keyboard: bool) -> None:
    """And is silent again."""
    if by_keyboard:
        key.page.keyboard.up("Space")
    else:
        key.page.mouse.up()
    expect(key).to_have_attribute("aria-pressed", "false")
    key.page.wait_for_timeout(500)  # what was sent before has arrived


def is_silent(page: Page, where: str) -> bool:
    """Whether for a while nothing at all is heard of what a page plays there.

    A browser whose sound stood still plays what came before then; a voice that goes on coming is in every look.
    """
    return any(page.evaluate(HEARS, where)[0] < QUIET for _ in range(LOOKS_UNTIL_SILENT))


def hears_tone(page: Page, where: str) -> bool:
    """Whether the tone of the made-up microphone is heard there, and not any sound."""
    loud, hertz = page.evaluate(HEARS, where)
    return bool(loud > 10 * QUIET and abs(hertz - TONE_HERTZ) < 30)


def write_tone(file: Path) -> None:
    """What the made-up microphone hears: a tone that comes and goes."""
    samples = [each for (each,) in iter_unpack("<h", wave_of_tone(MICROPHONE_HERTZ))]
    part = MICROPHONE_HERTZ // BEEPS_A_SECOND // 2
    beeps = [each if at // part % 2 == 0 else 0 for at, each in enumerate(samples)]
    with wave.open(str(file), "wb") as sound:
        sound.setparams((1, 2, MICROPHONE_HERTZ, 0, "NONE", ""))
        sound.writeframes(pack(f"<{len(beeps)}h", *beeps))
