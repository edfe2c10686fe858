"""What the files of routes share: what they stand on, a page, a form, who is here, and how a sign-in goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from litestar import Response
from litestar.datastructures import Cookie, UploadFile
from litestar.response import Redirect

from tianfu.apps.entrance.ports import Demonstration, Directory
from tianfu.apps.entrance.queries.names import names_of_places
from tianfu.apps.entrance.speech import Speech
from tianfu.kernel.instants import SECOND, Clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.opening import Accounts
from tianfu.services.accounts.signing_in import WORKPLACE, Arrival, Entered, Next
from tianfu.web.admission import SIGNED_IN, SessionCookies
from tianfu.web.asking import HttpRequest
from tianfu.web.pages import Pages

ACCOUNT = "/account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What the pages stand on."""

    accounts: Accounts
    cookies: SessionCookies
    directory: Directory
    demonstration: Demonstration
    clock: Clock


def page_of(pages: Pages, request: HttpRequest) -> Callable[..., Response[str]]:
    """What makes a page of this app for this reader, from a template and its values."""
    asking = pages.asking(request)

    def page(template: str, *, status: int = 200, **values: object) -> Response[str]:
        always = {"speech": Speech(asking.language), "fault": "", "details": {}}
        return pages.page(f"entrance/{template}", asking, status=status, **{**always, **values})

    return page


async def form_of(request: HttpRequest, *names: str) -> dict[str, str]:
    """The fields of a form as text; what was not sent is empty."""
    sent = await request.form()
    values = {name: sent.get(name) for name in names}
    return {
        name: "" if value is None or isinstance(value, UploadFile) else str(value) for name, value in values.items()
    }


def here_of(request: HttpRequest) -> SignedIn:
    """Who signed in."""
    signed_in = request.scope["state"].get(SIGNED_IN)
    if not isinstance(signed_in, SignedIn):
        raise Refusal("not-found", next_step="start-again")
    return signed_in


def to_prove(onward: str) -> Redirect:
    """Lead to the page where one proves again who one is, and from there onward."""
    return Redirect(f"{ACCOUNT}/prove?{urlencode({'next': onward})}", status_code=303)


def arrival_of(request: HttpRequest, cookies: SessionCookies) -> Arrival:
    """From where somebody comes."""
    carried = cookies.carried(request)
    return Arrival(address=carried.client, device=carried.device, agent=request.headers.get("user-agent", ""))


def entered_page(entered: Entered, house: Entrance, onward: str) -> Redirect:
    """Lead somebody who signed in to the page that he wanted, with both cookies."""
    return Redirect(onward, status_code=303, cookies=cookies_of(entered, house))


def cookies_of(entered: Entered, house: Entrance) -> list[Cookie]:
    """The cookies of a session that has begun: its own, and its browser's."""
    seconds = max(1, (entered.signed_in.until - house.clock()) // SECOND)
    return [house.cookies.cookie(entered.secret, seconds=seconds), house.cookies.device_cookie(entered.device)]


async def go_on(
    pages: Pages, house: Entrance, request: HttpRequest, answer: Next | Entered, onward: str
) -> Response[str] | Redirect:
    """The next step of a sign-in, or the page that somebody wanted."""
    if isinstance(answer, Entered):
        return entered_page(answer, house, onward)
    names = await names_of_places(house.directory, answer.workplaces) if answer.stage == WORKPLACE else {}
    page = page_of(pages, request)("step.html", step=answer, onward=onward, names=names)
    page.set_cookie(house.cookies.device_cookie(answer.device))
    return page
