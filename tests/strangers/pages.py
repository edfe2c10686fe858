"""What a walk sends to each page of the table: real names, numbers and forms of somebody else's things."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

import httpx

from tests.gateways.fhir.walked_world import PATIENT, RECORD
from tests.permission_table import PageRow
from tests.strangers.installation import HOSPITAL, OTHER_HOSPITAL, OTHER_WARD, Browser, Installation
from tests.strangers.people import BABY, BEDS, CART, GUARDIAN, HERS, NAME, NOTE, VISIT, Entitled
from tianfu.db import Query

THIRD = "13800003333"
"""The telephone of somebody whom she names."""

MADE_UP = "00000000-0000-4000-8000-000000000000"
"""What nobody of the walked world has; tests of the apps try real things of others."""

Form = Mapping[str, str]

_numbers = itertools.count(1)
"""Staff numbers: whoever failed at one is told to wait there, which is another test's matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Things:
    """What is somebody's own, by the names that paths and forms have for it."""

    account: str
    workplace: str
    session: str
    credential: str
    permission: str
    task: str
    naming: str
    letters: Mapping[str, str]
    event: str
    looked: Form
    approval: str


async def things_of(here: Installation, entitled: Entitled) -> Things:
    """Everything that a stranger could name, after those whose it is have made it."""
    doctor, her, officer, keeper = (entitled.browsers[each] for each in ("lin", "herself", "officer", "keeper"))
    account = here.accounts["lin"][0].id
    wish = {"patient": PATIENT, "kind": "unconscious", "reason": "made-up accident on the road", "understood": "yes"}
    opened = await doctor.post("/trust/emergency", **wish)
    assert opened.status_code == 303, opened.text[-1500:]
    named = await her.post("/family/name", name="示例女儿", telephone=THIRD, until=here.in_days(90), what="ordinary")
    assert named.headers.get("location") == "/family?done=named", named.text[-1500:]
    assert (await doctor.get(f"/lifelong/people/{PATIENT}")).status_code == 200
    found = {
        "/lifelong": await doctor.post("/lifelong/find", who=NAME),
        "/administration": await keeper.post("/administration/staff/find", words="lin"),
    }
    trail = await officer.get("/trust/trail")
    decided = await her.post(f"/trust/people/{PATIENT}/consents/research", decision="deny", text="1")
    assert decided.status_code == 303, decided.text[-1500:]
    looked = re.findall(r'/objection\?([^"]+)"', (await her.get(f"/trust/people/{PATIENT}/ledger")).text)
    assert looked, "the doctor's look at her record stands in her ledger"
    workplace, session, credential, permission = await own_of(here, account)
    return Things(
        account=account,
        workplace=workplace,
        session=session,
        credential=credential,
        permission=permission,
        task=opened.headers["location"].rpartition("/")[2],
        naming=re.findall(r"/family/proxies/([0-9a-f-]{36})/end", (await her.get("/family")).text)[0],
        letters={app: answer.headers["location"].rpartition("/")[2] for app, answer in found.items()},
        event=re.findall(r"/trust/trail/([0-9a-f-]+)", trail.text)[0],
        looked=dict(parse_qsl(html.unescape(looked[0]))),
        approval=await sealed_approval(here, doctor),
    )


async def sealed_approval(here: Installation, browser: Browser) -> str:
    """What the page on which somebody lets a program in holds, sealed for his session."""
    page = await here.asked_to_approve(browser, "openid user/*.rs")
    found = re.search(r'name="request" value="([^"]+)"', page.text)
    assert found, page.text[-1500:]
    return found[1]


_OWN = """select (select workplace from workplace where account = %(account)s),
  (select max(session) from session where account = %(account)s and ended_at is null),
  (select credential from credential where account = %(account)s and kind = 'totp'),
  (select max(family) from oauth_family where account = %(account)s and ended_at is null)"""


async def own_of(here: Installation, account: str) -> tuple[str, str, str, str]:
    """Place of work, session, authenticator and permission of somebody."""
    async with here.house.database.connection("owner") as owner:
        [row] = await owner.all(Query.composed("own_of", _OWN), account=account)
    assert all(row), row
    return row[0], row[1], row[2], row[3]


def path_of(row: PageRow, things: Things) -> str:
    """The address of a row, about somebody else's things."""
    app = "/" + row.path.split("/")[1]
    values = {
        "{person:str}": PATIENT,
        "{patient:str}": PATIENT,
        "{record:str}": RECORD,
        "{kind:str}": "Condition",
        "{version:int}": "1",
        "{task:str}": things.task,
        "{event:str}": things.event,
        "{offer:str}": "research",
        "{name:path}": "site-1234.css",
        "{letters:str}": things.letters.get(app, ""),
        "{naming:str}": things.naming,
        "{account:str}": things.account,
        "{workplace:str}": things.workplace,
        "{organisation:str}": HOSPITAL,
        "{key:str}": "made-up",
        "{baby:str}": BABY,
        "{claim:str}": MADE_UP,
        "{wish:str}": MADE_UP,
        "{invitation:str}": MADE_UP,
        "{interpreter:str}": MADE_UP,
        "{related:str}": GUARDIAN,
        "{visit:str}": VISIT,
        "{camera:str}": CART,
        "{day:str}": "2026-11-26",
        "{photo:str}": MADE_UP,
        "{ward:str}": BEDS,
        "{note:str}": NOTE,
        "{alert:str}": MADE_UP,
        "{tongue:str}": "bo",
        "{phrase:str}": "newborn.reminder-day",
        "{version:str}": MADE_UP,
        "{delivery:str}": MADE_UP,
        "{case:str}": MADE_UP,
        "{work:str}": MADE_UP,
        "{name:str}": "axial.png",
    }
    path = row.path
    for name, value in values.items():
        path = path.replace(name, value)
    assert "{" not in path, path
    return f"{path}?{urlencode(things.looked)}" if row.path.endswith("/objection") and row.method == "GET" else path


def form_of(row: PageRow, things: Things) -> Form:
    """What is typed into a form of the table."""
    post = {
        "organisation": HOSPITAL,
        "role": "doctor",
        "title": "attending",
        "licence": "110510000000001",
        "practising_since": "2016",
        "practitioner": "",
    }
    forms: dict[str, Form] = {
        "/sign-in/telephone": {"number": HERS},
        "/sign-in/code": {"step": "x" * 43, "code": "123456"},
        "/sign-in/staff": {"number": f"N{next(_numbers)}", "password": "not his password"},
        "/sign-in/second": {"step": "x" * 43, "code": "123456"},
        "/sign-in/passkey": {"step": "x" * 43, "answer": "{}"},
        "/sign-in/workplace": {"step": "x" * 43, "workplace": things.workplace},
        "/sign-in/outside": {"provider": "made-up"},
        "/oauth/authorize/answer": {"request": things.approval, "decision": "permit"},
        "/account/workplace": {"workplace": things.workplace},
        "/account/sessions/end": {"session": things.session},
        "/account/credentials/end": {"credential": things.credential},
        "/account/second-factor": {"step": "x" * 43, "code": "123456", "label": "mine"},
        "/account/password": {"password": "a stranger's long password 9", "again": "a stranger's other password 9"},
        "/account/real-name": {"name": NAME, "number": "510104199106099283"},
        "/account/passkeys/new": {"step": "x" * 43, "answer": "{}", "label": "mine"},
        "/account/programs/end": {"permission": things.permission},
        "/account/prove": {"method": "password", "secret": "not the password"},
        "/account/prove/passkey": {"step": "x" * 43, "answer": "{}"},
        "/account/outside/link": {"provider": "made-up"},
        "/account/outside/unlink": {"issuer": "made-up"},
        "/programs/{patient:str}": {"program": "made-up"},
        "/family/name": {"name": "", "telephone": "", "until": "", "what": ""},
        "/newborn/enrol": {"relation": "", "inpatient": "", "tail": "", "code": "", "certificate": ""},
        "/newborn/consent/{baby:str}": {"version": "1", "view": "yes", "talk": "yes", "diary": "yes", "photo": "yes"},
        "/newborn/book/{baby:str}": {"start": "1", "deed": "book"},
        "/newborn/visits/{visit:str}/cancel": {"reason": "other"},
        "/newborn/invited/{baby:str}": {"name": "示例女儿", "telephone": THIRD},
        "/newborn/watch/{visit:str}/join": {"key": "{}"},
        "/newborn/watch/{visit:str}/beat": {"answer": "0" * 64, "shows": "full"},
        "/newborn/watch/{visit:str}/talk": {"pressed": "yes"},
        "/newborn/watch/{visit:str}/leave": {},
        "/newborn/consent/{baby:str}/experts": {"version": "2026-11-1"},
        "/newborn/experts/{baby:str}": {
            "expert": "zhou",
            "question": "a stranger's question",
            "reason": "a stranger's reason",
            "day": "2026-11-26",
            "time": "09:00",
            "minutes": "20",
            "ground": "emergency",
        },
        "/newborn/consultations/{visit:str}/withdraw": {"reason": "not-needed"},
        "/newborn/consultations/{visit:str}/decline": {"reason": "no-time"},
        "/newborn/consultations/{visit:str}/join": {"key": "{}"},
        "/newborn/consultations/{visit:str}/beat": {"answer": "0" * 64, "shows": "full"},
        "/newborn/consultations/{visit:str}/talk": {"pressed": "yes"},
        "/newborn/consultations/{visit:str}/opinion": {"opinion": "a stranger's word"},
        "/newborn/watch/{visit:str}/interpreter": {"account": things.account},
        "/newborn/interpreters/{visit:str}": {"account": things.account},
        "/newborn/watch/{visit:str}/feedback": {"picture": "good", "care": "good"},
        "/newborn/language": {"lang": "no language of ours"},
        "/newborn/desk/wordings/{tongue:str}/phrases/{phrase:str}": {
            "source": "0" * 16,
            "text": "ཀ ཁ ག",
            "translator": "a stranger",
            "capacity": "none",
        },
        "/newborn/desk/wordings/{tongue:str}/phrases/{phrase:str}/{version:str}/answer": {
            "answer": "approve",
            "reads": "yes",
        },
        "/newborn/desk/wordings/{tongue:str}/phrases/{phrase:str}/{version:str}/withdraw": {"reason": "mine"},
        "/newborn/desk/claims/{claim:str}/approve": {"evidence": "birth-certificate", "seen": "1"},
        "/newborn/desk/visits/{visit:str}/cancel": {"reason": "other"},
        "/lifelong/find": {"who": NAME},
        "/trust/people/{person:str}/objection": {**things.looked, "reason": "那天我没有去过医院"},
        "/trust/people/{person:str}/consents/{offer:str}": {"decision": "deny", "text": "1"},
        "/trust/people/{person:str}/consents/{offer:str}/withdrawal": {"institution": ""},
        "/trust/emergency": {"patient": PATIENT, "kind": "", "reason": "", "understood": "yes"},
        "/trust/trail": {"person": PATIENT},
        "/trust/reviews/{task:str}": {"verdict": "justified", "comment": "看过了", "answer": "", "version": "1"},
        "/administration/staff/find": {"words": "lin"},
        "/administration/staff/new": {"name": "Demo New", "number": "N1", **post},
        "/administration/staff/{account:str}/appoint": post,
        "/administration/staff/{account:str}/places/{workplace:str}/move": {**post, "organisation": OTHER_WARD},
        "/administration/organisations/{organisation:str}/units": {"name": "新科", "kind": "department"},
        "/administration/organisations/{organisation:str}/name": {"name": "新名", "version": "1"},
        "/administration/organisations/{organisation:str}/move": {"to": OTHER_HOSPITAL, "version": "1"},
        "/administration/organisations/{organisation:str}/close": {"version": "1"},
        "/preferences": {"lang": "en"},
        "/newborn/cart/{camera:str}/grant": {"x": "a stranger's", "y": "key"},
        "/newborn/cart/{camera:str}/sound": {"connection": "a stranger's"},
        "/newborn/cart/{camera:str}/lens": {"connection": "a stranger's"},
        "/newborn/care/{baby:str}/diary/{day:str}": {"grams": "1480", "note": "a stranger's word", "version": "0"},
        "/newborn/care/{baby:str}/diary/{day:str}/release": {"version": "1"},
        "/newborn/care/{baby:str}/diary/{day:str}/take-back": {"reason": "a stranger's word"},
        "/newborn/care/{baby:str}/gestation": {"weeks": "30", "days": "0"},
        "/newborn/care/{baby:str}/milk": {
            "wristband": "W1",
            "bottle_number": "1",
            "bottle_band": "W1",
            "kind": "fresh",
        },
        "/newborn/care/{baby:str}/teaching": {"plan": "2026-11-1", "version": "0", "feeding-often": "own-words"},
        "/newborn/door-codes/{visit:str}": {"paper": "identity-card", "seen": "yes"},
        "/newborn/quality/alerts/{alert:str}/note": {"note": "a stranger's word"},
        "/newborn/door/enter": {"code": "AAAA-AAAA"},
        "/newborn/door/watch/{visit:str}/join": {"key": "{}"},
        "/newborn/door/watch/{visit:str}/beat": {"answer": "0" * 64, "shows": "full"},
        "/newborn/door/watch/{visit:str}/talk": {"pressed": "yes"},
        "/newborn/visits/{visit:str}/shield": {"reason": "feeding"},
        "/newborn/visits/{visit:str}/sound": {"sound": "ward-on"},
        "/newborn/visits/{visit:str}/decline": {"reason": "ward-is-busy"},
        "/newborn/visits/{visit:str}/scan": {"wristband": "W1", "bed": "B1", "camera": "C1"},
        "/newborn/visits/{visit:str}/confirm-here": {"number": "lin", "password": "not hers", "code": "123456"},
        "/newborn/visits/{visit:str}/notes": {"text": "a stranger's word"},
        "/newborn/visits/{visit:str}/notes/{note:str}/approve": {"version": "1"},
    }
    return forms.get(row.path, {})


async def opens(browser: Browser, row: PageRow, things: Things) -> httpx.Response:
    """Send a row of the table from a browser."""
    data = form_of(row, things) if row.method == "POST" else None
    return await browser.send(row.method, path_of(row, things), data)
