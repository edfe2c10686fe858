"""Signing in on the pages: each way in, what is refused, and what a stolen cookie, a planted one and a trick open."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.apps.entrance.conftest import Browser, Place, hidden
from tests.permission_table import PageRow, page_rows
from tests.services.accounts.conftest import CITY, HOSPITAL, NUMBER, PASSWORD, TELEPHONE, TREE, WARD
from tianfu.services.accounts.store import THE_OPERATOR, Post
from tianfu.services.accounts.totp import code_at

pytestmark = pytest.mark.anyio


def own_rows() -> list[PageRow]:
    """The pages of this app: those about programs stand below an account too, and are another door's."""
    rows = [row for row in page_rows() if row.path.startswith(("/sign-in", "/account"))]
    return [row for row in rows if not row.path.startswith("/account/programs")]


async def with_password(browser: Browser, number: str = NUMBER, password: str = PASSWORD, **more: str) -> Any:
    return await browser.post("/sign-in/staff", number=number, password=password, **more)


async def with_telephone(place: Place, browser: Browser, number: str = TELEPHONE, onward: str = "/who") -> Any:
    begun = await browser.post("/sign-in/telephone", number=number, next=onward)
    assert begun.status_code == 200, begun.text[-1500:]
    sent = {"step": hidden(begun, "step"), "next": hidden(begun, "next")}
    answer = await browser.post("/sign-in/code", code=place.house.telephone.code, **sent)
    if "/sign-in/whose/new" not in answer.text:
        return answer
    sent = {"step": hidden(answer, "step"), "next": hidden(answer, "next")}
    return await browser.post("/sign-in/whose/new", **sent)


async def who(browser: Browser) -> Any:
    answer = await browser.get("/who")
    return answer.json()["role"] if answer.status_code == 200 else answer.headers["location"]


async def test_a_resident_comes_in_by_telephone_and_code(place: Place) -> None:
    browser = place.browser()
    entered = await with_telephone(place, browser)
    assert (entered.status_code, entered.headers["location"]) == (303, "/who")
    assert await who(browser) == "citizen"
    assert all("HttpOnly" in each and "SameSite=lax" in each for each in entered.headers.get_list("set-cookie"))
    assert TELEPHONE not in str(entered.headers)


async def test_a_doctor_comes_in_by_password_and_authenticator(place: Place) -> None:
    account, _ = await place.house.doctor()
    secret = await place.house.authenticator(account)
    browser = place.browser()
    place.house.time.pass_(30)
    page = await with_password(browser, next="/who")
    assert page.status_code == 200
    assert browser.session == ""
    wrong = await browser.post("/sign-in/second", step=hidden(page, "step"), code="000000", next="/who")
    assert wrong.status_code == 401
    assert "autofocus" in wrong.text
    code = code_at(secret, place.house.time.now)
    entered = await browser.post("/sign-in/second", step=hidden(wrong, "step"), code=code, next=hidden(wrong, "next"))
    assert (entered.status_code, entered.headers["location"]) == (303, "/who")
    assert (await browser.get("/who")).json() == {"role": "doctor", "organisation": HOSPITAL, "patients": []}


async def test_whoever_works_at_two_places_chooses_one(place: Place) -> None:
    account, _ = await place.house.doctor()
    await place.house.accounts.people.appoint(THE_OPERATOR, account.id, Post(organisation=WARD, role="nurse"), TREE)
    secret = await place.house.authenticator(account)

    async def begun(browser: Browser) -> httpx.Response:
        place.house.time.pass_(30)
        page = await with_password(browser, next="/who")
        code = code_at(secret, place.house.time.now)
        step: httpx.Response = await browser.post("/sign-in/second", step=hidden(page, "step"), code=code, next="/who")
        return step

    browser = place.browser()
    page = await begun(browser)
    assert browser.session == ""
    choices = [part.partition('"')[0] for part in page.text.split('name="workplace" value="')[1:]]
    assert len(choices) == 2
    entered = await browser.post("/sign-in/workplace", step=hidden(page, "step"), workplace=choices[1], next="/who")
    assert entered.status_code == 303
    assert (await browser.get("/who")).json()["role"] == "nurse"
    before = browser.session
    assert (await browser.get("/account")).text.count('name="workplace"') == 1
    for wrong in ("", "x" * 36, choices[0][:-1]):
        assert (await browser.post("/account/workplace", workplace=wrong)).status_code == 404
    changed = await browser.post("/account/workplace", workplace=choices[0])
    assert (changed.status_code, changed.headers["location"]) == (303, "/")
    assert (await browser.get("/who")).json()["role"] == "doctor"
    assert await who(browser.holds(session=before, device=browser.device)) == "/sign-in?why=session-over&next=%2Fwho"
    other = place.browser()
    page = await begun(other)
    wrong = await other.post("/sign-in/workplace", step=hidden(page, "step"), workplace="x" * 36)
    assert (wrong.status_code, other.session) == (401, "")


@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_a_wrong_password_is_said_beside_the_form_and_never_whether_the_number_exists(
    place: Place, language: str
) -> None:
    await place.house.doctor()
    pages = []
    for number, password in ((NUMBER, "not my password"), ("H999999", PASSWORD)):
        answer = await with_password(place.browser(language=language), number, password, next="/who")
        assert answer.status_code == 401
        assert f'value="{number}"' in answer.text
        assert password not in answer.text
        pages.append(answer.text.replace(number, "…"))
    assert pages[0] == pages[1]


async def test_brute_force_closes_the_handle_for_right_passwords_too_and_is_traced(place: Place) -> None:
    await place.house.doctor()
    for _ in range(5):
        assert (await with_password(place.browser(), password="not my password")).status_code == 401
    closed = await with_password(place.browser())
    assert closed.status_code == 429
    assert "60" in closed.text
    outcomes = [outcome for interaction, outcome, *_ in await place.house.events() if interaction == "sign-in"]
    assert outcomes.count("sign-in-refused") >= 5
    assert "sign-in-closed" in outcomes


async def test_an_administrator_without_a_second_factor_reaches_only_the_page_to_set_one_up(place: Place) -> None:
    await place.house.doctor("S1", role="security", organisation=CITY)
    browser = place.browser()
    entered = await with_password(browser, "S1", next="/who")
    assert entered.status_code == 303
    for path in ("/who", "/account", "/account/password"):
        led = await browser.get(path)
        assert (led.status_code, led.headers["location"]) == (303, "/account/second-factor"), path
    page = await browser.get("/account/second-factor")
    assert page.status_code == 200
    assert "<svg" in page.text
    secret = shown_secret(page)
    before = browser.session
    code = code_at(secret, place.house.time.now)
    kept = await browser.post("/account/second-factor", step=hidden(page, "step"), code=code, label="my telephone")
    assert kept.status_code == 200
    assert kept.text.count('<li class="nw">') == 10
    assert browser.session not in {"", before}
    assert await who(browser) == "security"
    assert await who(browser.holds(session=before, device=browser.device)) == "/sign-in?why=session-over&next=%2Fwho"


def shown_secret(page: httpx.Response) -> bytes:
    from base64 import b32decode

    text = page.text.partition('<p class="secret nw">')[2].partition("</p>")[0].replace(" ", "")
    return b32decode(text + "=" * (-len(text) % 8))


async def test_a_stolen_session_cookie_without_its_device_opens_nothing(place: Place) -> None:
    browser, thief = place.browser(), place.browser(address="198.51.100.9")
    await with_telephone(place, browser)
    await thief.get("/sign-in")
    for device in ("", "x" * 43, thief.device):
        stolen = thief.holds(session=browser.session, **({"device": device} if device else {}))
        assert await who(stolen) == "/sign-in?why=session-over&next=%2Fwho", device
    assert await who(browser) == "citizen"


async def test_session_fixation_a_planted_secret_is_worth_nothing_after_signing_in(place: Place) -> None:
    planted, device = "p" * 43, "d" * 43
    browser = place.browser().holds(session=planted, device=device)
    await with_telephone(place, browser)
    assert browser.session != planted
    assert await who(browser) == "citizen"
    attacker = place.browser().holds(session=planted, device=browser.device)
    assert await who(attacker) == "/sign-in?why=session-over&next=%2Fwho"


@pytest.mark.parametrize(
    "onward",
    ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "javascript:alert(1)", "\t//x"],
)
async def test_open_redirect_the_way_on_never_leads_away(place: Place, onward: str) -> None:
    browser = place.browser()
    page = await browser.get(str(httpx.URL("/sign-in", params={"next": onward})))
    assert hidden(page, "next") == "/"
    entered = await with_telephone(place, browser, onward=onward)
    assert entered.headers["location"] == "/"


async def test_clickjacking_no_page_of_the_entrance_can_be_framed(place: Place) -> None:
    browser = place.browser()
    pages = [await browser.get("/sign-in"), await browser.post("/sign-in/telephone", number=TELEPHONE)]
    await with_telephone(place, place.browser(), number="13800004321")
    for page in pages:
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-store"


async def test_login_csrf_no_other_site_signs_anybody_in_or_out(place: Place) -> None:
    # Else a victim would write into the attacker's account, or be thrown out.
    browser = place.browser(site="cross-site")
    rows = [row for row in own_rows() if row.method == "POST"]
    assert len(rows) > 10
    for row in rows:
        answer = await browser.post(row.path.replace("{key:str}", "one"), number=TELEPHONE, step="x", code="1")
        assert answer.status_code == 403, row
        assert "set-cookie" not in answer.headers


async def test_whoever_did_not_sign_in_is_led_away_from_every_page_of_an_account(place: Place) -> None:
    browser = place.browser()
    rows = [row for row in own_rows() if row.path.startswith("/account")]
    assert len(rows) > 10
    for row in rows:
        path = row.path.replace("{key:str}", "one")
        answer = await (browser.get(path) if row.method == "GET" else browser.post(path))
        assert answer.status_code == 303, row
        assert answer.headers["location"].startswith("/sign-in?why=sign-in-needed"), row


async def test_a_session_of_somebody_else_cannot_be_ended(place: Place) -> None:
    hers, his = place.browser(), place.browser()
    await with_telephone(place, hers)
    await with_telephone(place, his, number="13800004321")
    account = await place.house.rows("select session from session order by session desc limit 1")
    answer = await hers.post("/account/sessions/end", session=str(account[0][0]))
    assert answer.status_code == 404
    assert await who(his) == "citizen"
    told = [event[1] for event in await place.house.events() if event[0] == "sign-out"]
    assert told == ["session-unknown"]


async def test_signing_out_everywhere_else_ends_the_other_sessions(place: Place) -> None:
    first, second = place.browser(), place.browser()
    await with_telephone(place, first)
    place.house.time.pass_(61)
    await with_telephone(place, second)
    assert (await second.get("/account")).text.count("Made-up Browser") >= 2
    assert (await second.post("/account/sessions/end-others")).status_code == 303
    place.house.time.pass_(2)
    assert await who(second) == "citizen"
    assert await who(first) == "/sign-in?why=session-over&next=%2Fwho"


async def test_leaving_ends_the_session_for_whoever_copied_its_cookies(place: Place) -> None:
    browser = place.browser()
    await with_telephone(place, browser)
    copied = browser.holds(session=browser.session, device=browser.device)
    assert (await browser.post("/leave")).headers["location"] == "/sign-in?why=left"
    assert await who(copied) == "/sign-in?why=session-over&next=%2Fwho"
    assert "signed out" in (await browser.get("/sign-in?why=left")).text


async def test_a_session_that_lies_idle_or_is_too_old_is_over(place: Place) -> None:
    browser = place.browser()
    await with_telephone(place, browser)
    place.house.time.pass_(31 * 60)
    assert await who(browser) == "/sign-in?why=session-over&next=%2Fwho"


async def test_a_change_of_credentials_asks_for_a_fresh_proof(place: Place) -> None:
    account, _ = await place.house.doctor()
    secret = await place.house.authenticator(account)

    def code() -> str:
        place.house.time.pass_(30)
        return code_at(secret, place.house.time.now)

    browser, new = place.browser(), "a new long password 9"
    page = await with_password(browser)
    await browser.post("/sign-in/second", step=hidden(page, "step"), code=code())
    assert await who(browser) == "doctor"
    place.house.time.pass_(6 * 60)
    assert (await browser.get("/account/second-factor")).headers["location"].startswith("/account/prove")
    for path in ("/account/recovery-codes", "/account/password"):
        led = await browser.post(path, password=new, again=new)
        assert led.headers["location"].startswith("/account/prove"), path
    wrong = await browser.post("/account/prove", secret=PASSWORD, next="/account/password")
    assert wrong.status_code == 401  # whoever has a second factor shows that
    proved = await browser.post("/account/prove", secret=code(), next="/account/password")
    assert (proved.status_code, proved.headers["location"]) == (303, "/account/password")
    assert (await browser.post("/account/password", password=new, again=new + "0")).status_code == 422
    assert (await browser.post("/account/password", password=new, again=new)).headers["location"] == (
        "/account?done=password"
    )
    assert (await with_password(place.browser())).status_code == 401
    assert (await with_password(place.browser(), password=new)).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"step": "x" * 5_000, "code": "1" * 5_000},
        {"step": "\x7f", "code": "١٢٣٤٥٦"},
        {"step": "../../etc/passwd", "code": "' or 1=1 --"},
    ],
    ids=["nothing", "huge", "not ASCII", "hostile"],
)
@pytest.mark.parametrize("path", ["/sign-in/code", "/sign-in/second", "/sign-in/workplace"])
async def test_a_step_that_is_none_leads_to_the_beginning(place: Place, path: str, fields: dict[str, str]) -> None:
    answer = await place.browser().post(path, **fields)
    assert answer.status_code == 401
    assert "Start again" in answer.text


async def test_a_step_of_another_browser_goes_no_further(place: Place) -> None:
    browser, attacker = place.browser(), place.browser()
    page = await browser.post("/sign-in/telephone", number=TELEPHONE)
    await attacker.get("/sign-in")
    answer = await attacker.post("/sign-in/code", step=hidden(page, "step"), code=place.house.telephone.code)
    assert answer.status_code == 401
    assert attacker.session == ""


async def test_a_code_counts_once(place: Place) -> None:
    browser = place.browser()
    page = await browser.post("/sign-in/telephone", number=TELEPHONE)
    sent = {"step": hidden(page, "step"), "code": place.house.telephone.code}
    assert 'action="/sign-in/whose/new"' in (await browser.post("/sign-in/code", **sent)).text
    assert (await browser.post("/sign-in/code", **sent)).status_code == 401


async def test_a_telephone_that_cannot_be_reached_is_told(place: Place) -> None:
    place.house.telephone.is_broken = True
    answer = await place.browser().post("/sign-in/telephone", number=TELEPHONE)
    assert answer.status_code in {200, 503}
    assert "500" not in str(answer.status_code)
