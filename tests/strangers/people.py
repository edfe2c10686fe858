"""Who walks: people who really signed in, and everything that they and thieves may carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from tests.gateways.fhir.walked_world import FLU, PATIENT, RECORD, days
from tests.records.made import put
from tests.services.accounts.oauth.made_up import assertion, backend_form, key_set, made_up_key
from tests.strangers.installation import (
    ADDRESS,
    BASE,
    CITY,
    ELSEWHERE,
    EVERYTHING,
    HOSPITAL,
    OTHER_CITY,
    OTHER_HOSPITAL,
    OTHER_WARD,
    WARD,
    Browser,
    Installation,
    client_of,
    found_province,
)
from tests.trails import auditor_of
from tianfu.access.caller import OPERATOR
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.mapping.notes import note_resource
from tianfu.apps.newborn.mapping.visits import Booked, appointment_of
from tianfu.apps.newborn.model.visit import State
from tianfu.kernel.instants import DAY, Instant, system_clock
from tianfu.records.seals import Seals
from tianfu.services.accounts.oauth.model.clients import ClientKind, Registration
from tianfu.services.realtime.cameras.registry import Cameras
from tianfu.services.realtime.cameras.registry import Kind as CameraKind

Kind = Literal[
    "no login",
    "wrong role",
    "wrong organisation",
    "wrong patient",
    "expired token",
    "revoked token",
    "wrong scope",
    "wrong audience",
    "stolen cookie",
]
"""The kinds of stranger of docs/reference/permissions.md."""

NAME, BIRTH, DIAGNOSIS = "藏名甲", "1985-03-07", "藏而不露的诊断"
"""What is hidden: only the name is ever asked for."""

VISIT, BEDS, NOTE, CART = "visit-at-the-bed", "beds-of-the-ward", "note-of-a-nurse", "cart-at-the-bed"
"""A newborn's visit, the ward in which it is to take place, what a nurse wrote of the baby, and a cart there."""

BABY, BED, GUARDIAN = "hid-baby-1", "bed-of-the-cart", "mother-of-the-baby"
"""A newborn of the ward, who is hidden as the patient is, its bed, and its mother."""

HERS, NEIGHBOURS, MOTHERS = "13800001111", "13800002222", "13800004444"
OFFICIAL = "openid fhirUser user/*.cruds"
_TERMS = "http://terminology.hl7.org/CodeSystem"

STAFF = {
    "lin": ("doctor", WARD, "lin"),
    "tang": ("doctor", OTHER_WARD, "tang"),
    "zhou": ("doctor", OTHER_HOSPITAL, "zhou"),
    "regulator": ("regulator", CITY, None),
    "officer": ("officer", CITY, None),
    "keeper": ("security", CITY, None),
    "other-keeper": ("security", OTHER_CITY, None),
    "clerk": ("registrar", HOSPITAL, None),
    "mei": ("nurse", OTHER_WARD, "mei"),
    "su": ("nurse", WARD, "su"),
    "he": ("nurse", WARD, "he"),
    "head": ("administrator", CITY, None),
    "other-head": ("administrator", OTHER_CITY, None),
}
"""Everybody's role, place and Practitioner, by number."""

TITLES = {"he": "护士长"}
"""Who is more than a role says: the head nurse."""

STRANGERS: dict[str, Kind] = {
    "regulator": "wrong role",
    "zhou": "wrong organisation",
    "other-keeper": "wrong organisation",
    "other-head": "wrong organisation",
    "tang": "wrong patient",
    "mei": "wrong patient",
    "neighbour": "wrong patient",
}
"""Who signed in and is a stranger all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to be a stranger, or none: what a request carries."""

    kind: Kind
    name: str
    headers: Mapping[str, str] = field(default_factory=dict)
    session: str = ""
    device: str = ""
    who: str = ""

    @property
    def cookies(self) -> dict[str, str]:
        """What is carried as the FHIR door and the door for programs would see it."""
        held = {"__Host-session": self.session, "__Host-device": self.device}
        shown = "; ".join(f"{name}={value}" for name, value in held.items() if value)
        return {**self.headers, **({"cookie": shown} if shown else {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """Everybody at his browser, and all that was stolen or is over.

    `good` is the doctor's own token, and `whole` his session as he has it, which is good for pages alone.
    """

    browsers: Mapping[str, Browser]
    good: str
    by_token: tuple[Way, ...]
    by_cookie: tuple[Way, ...]
    whole: Way


async def settle(here: Installation) -> None:
    """A province with a patient of the ward's, and everybody who will come."""
    await found_province(here)
    for patient, ward, practitioner in ((PATIENT, WARD, "lin"), ("cai", WARD, "lin"), ("bea", OTHER_WARD, "tang")):
        hidden = {"birthDate": BIRTH, "name": [{"text": NAME}]} if patient == PATIENT else {"birthDate": "1990-01-01"}
        await put(here.store, "Patient", patient, **hidden)
        await take_in(here, patient, ward, practitioner)
    code = {**FLU, "text": DIAGNOSIS}
    await put(here.store, "Condition", RECORD, subject={"reference": f"Patient/{PATIENT}"}, code=code)
    await put(
        here.store,
        "Location",
        BEDS,
        name="内科床位",
        physicalType={"coding": [{"system": f"{_TERMS}/location-physical-type", "code": "wa"}]},
        managingOrganization={"reference": f"Organization/{WARD}"},
    )
    await put(here.store, "Patient", BABY, birthDate=days(-10)[:10], name=[{"text": f"{NAME}之子"}])
    await take_in(
        here, BABY, WARD, "lin", location=[{"location": {"reference": f"Location/{BED}"}, "status": "active"}]
    )
    await put(here.store, "Location", BED, partOf={"reference": f"Location/{BEDS}"})
    await put(
        here.store,
        "RelatedPerson",
        GUARDIAN,
        active=True,
        patient={"reference": f"Patient/{BABY}"},
        relationship=[{"coding": [{"system": f"{_TERMS}/v3-RoleCode", "code": "MTH"}]}],
        period={"start": days(-2)},
    )
    await put(here.store, "Device", CART, status="active", location={"reference": f"Location/{BED}"})
    await Cameras(
        here.house.database,
        Seals(here.house.keyring),
        auditor=await auditor_of(here.house.database),
        clock=system_clock,
    ).add(CART, CameraKind.CART, None)
    now = system_clock()
    visit = Booked(
        id=VISIT,
        version=0,
        state=State.WAITING,
        baby=BABY,
        guardian=GUARDIAN,
        ward=BEDS,
        start=now,
        end=Instant(now + DAY),
    )
    await put(here.store, "Appointment", VISIT, **unnamed(appointment_of(visit)))
    note = note_resource(DIAGNOSIS, baby=BABY, author="lin", now=now)
    await put(here.store, "Communication", NOTE, **unnamed(note))
    for number, post in STAFF.items():
        await here.appoint(number, *post, title=TITLES.get(number))
    await here.join(HERS, PATIENT)
    await here.join(NEIGHBOURS, "bea")
    await here.join(MOTHERS, GUARDIAN, kind="RelatedPerson")


async def take_in(here: Installation, patient: str, ward: str, practitioner: str, **more: Any) -> None:
    """Somebody comes to a ward and is there now."""
    await put(
        here.store,
        "Encounter",
        f"visit-of-{patient}",
        status="in-progress",
        **{"class": {"system": f"{_TERMS}/v3-ActCode", "code": "IMP"}},
        subject={"reference": f"Patient/{patient}"},
        period={"start": days(-2)},
        serviceProvider={"reference": f"Organization/{ward}"},
        participant=[{"individual": {"reference": f"Practitioner/{practitioner}"}}],
        **more,
    )


def unnamed(resource: Mapping[str, Any]) -> dict[str, Any]:
    """What of a resource is not its name."""
    return {name: value for name, value in resource.items() if name not in {"resourceType", "id"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitled:
    """Those whose things will be wanted, and what was over before the strangers came."""

    browsers: Mapping[str, Browser]
    old: Browser
    expired: str


async def entitled_of(here: Installation) -> Entitled:
    """The entitled sign in; a session and a token come to their end by time alone."""
    old = await here.staff("lin")
    here.clock.forward(13 * 3_600)
    lin = await here.staff("lin")
    expired = (await here.tokens(lin, OFFICIAL))["access_token"]
    here.clock.forward(601)
    browsers = {"lin": lin}
    for number in ("officer", "keeper", "head", "clerk", "su", "he"):
        browsers[number] = await here.staff(number)
    browsers["herself"] = await here.resident(HERS)
    browsers["mother"] = await here.resident(MOTHERS)
    return Entitled(browsers=browsers, old=old, expired=expired)


async def company_of(here: Installation, entitled: Entitled) -> Company:
    """The strangers sign in, and programs are let in by everybody."""
    lin, old = entitled.browsers["lin"], entitled.old
    left = await here.staff("lin")
    left_token = (await here.tokens(left, OFFICIAL))["access_token"]
    left_session, left_device = left.session, left.device
    assert (await left.post("/leave")).status_code == 303
    strangers = {each: await (here.staff(each) if each in STAFF else here.resident(NEIGHBOURS)) for each in STRANGERS}
    revoked = (await here.tokens(lin, OFFICIAL))["access_token"]
    assert (await here.post("/oauth/revoke", {"client_id": here.program, "token": revoked})).status_code == 200
    given = await here.tokens(lin, OFFICIAL)
    narrow = (await here.tokens(lin, "user/Observation.rs"))["access_token"]
    launched = await here.tokens(lin, "openid launch patient/*.cruds", launch=await here.launched(lin, "cai"))
    assert launched["patient"] == "cai"
    abroad = await token_for_elsewhere(here, lin)
    good, identity = given["access_token"], given["id_token"]
    tokens = [
        Way(kind="expired token", name="past its time", headers=bearer(entitled.expired)),
        Way(kind="revoked token", name="revoked by its program", headers=bearer(revoked)),
        Way(kind="revoked token", name="of a session that was left", headers=bearer(left_token)),
        Way(kind="wrong scope", name="for observations alone", headers=bearer(narrow)),
        Way(kind="wrong audience", name="for another door", headers=bearer(abroad)),
        Way(kind="wrong audience", name="for the program", headers=bearer(identity)),
        Way(kind="wrong patient", name="started for another", headers=bearer(launched["access_token"]), who="lin"),
    ]
    system = await token_of_a_system(here)
    tokens.append(Way(kind="wrong organisation", name="its system", headers=system, who="system"))
    for each, kind in STRANGERS.items():
        scope = OFFICIAL if each in STAFF else EVERYTHING
        token = (await here.tokens(strangers[each], scope))["access_token"]
        tokens.append(Way(kind=kind, name=each, headers=bearer(token), who=each))
    other = strangers["zhou"]
    cookies = [
        Way(kind="no login", name="nothing at all"),
        Way(kind="no login", name="a browser's own secret", device=lin.device),
        Way(kind="no login", name="another scheme", headers={"authorization": f"Basic {good}"}),
        Way(kind="expired token", name="a session past its time", session=old.session, device=old.device),
        Way(kind="revoked token", name="a session that was left", session=left_session, device=left_device),
        Way(kind="stolen cookie", name="without its device", session=lin.session),
        Way(kind="stolen cookie", name="with another's device", session=lin.session, device=other.device),
        Way(kind="stolen cookie", name="with a made-up device", session=lin.session, device="x" * 43),
        Way(kind="stolen cookie", name="with its own secret twice", session=lin.session, device=lin.session),
    ]
    whole = Way(kind="no login", name="a whole session", session=lin.session, device=lin.device)
    return Company(
        browsers={**entitled.browsers, **strangers},
        good=good,
        by_token=tuple(tokens),
        by_cookie=tuple(cookies),
        whole=whole,
    )


def bearer(token: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"authorization": f"Bearer {token}"}


async def token_for_elsewhere(here: Installation, browser: Browser) -> str:
    """A token that our authorisation server gives for another FHIR door."""
    signed_in = await here.house.accounts.sessions.look_up(browser.session, browser.device)
    asked = here.request(OFFICIAL, aud=ELSEWHERE)
    proposal = await here.elsewhere.authorising.propose(signed_in, list(asked.items()))
    address = await here.elsewhere.authorising.approve(signed_in, proposal, patient=None)
    form = here.exchange(parse_qs(urlsplit(address).query)["code"][0])
    given: Mapping[str, Any] = await here.elsewhere.exchanging.token(list(form.items()), "")
    return str(given["access_token"])


async def token_of_a_system(here: Installation) -> dict[str, str]:
    """What the system of another institution shows, which signed in by its own key and reads to treat."""
    key = made_up_key()
    said = Registration(
        kind=ClientKind.BACKEND,
        name="Made-up system",
        scopes=("system/*.rs",),
        role="hospital-system",
        organisation=OTHER_HOSPITAL,
        keys=key_set(key),
    )
    client = (await here.server.clients.register(OPERATOR, said)).client
    shown = assertion(client, key, here.clock, aud=f"{ADDRESS}/oauth/token")
    answer = await here.post("/oauth/token", dict(backend_form(shown)))
    assert answer.status_code == 200, answer.text
    headers = {**bearer(answer.json()["access_token"]), "purpose-of-use": Purpose.TREATMENT.value}
    async with client_of(here.application) as asking:
        # The first question of an institution's system gives the institution its number as a source, once for all.
        assert (await asking.get(f"{BASE}/Patient?_id=nobody", headers=headers)).status_code == 200
    return headers
