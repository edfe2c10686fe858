"""What the routes of the entrance share: what they stand on, who asks, and how they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from litestar import Response
from litestar.datastructures import Cookie
from litestar.response import Redirect

from tianfu.apps.entrance.ports import Demonstration, Directory
from tianfu.apps.entrance.queries.names import names_of_places
from tianfu.apps.entrance.speech import Speech
from tianfu.kernel.instants import SECOND, Clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.demonstration import DemoLogin
from tianfu.services.accounts.model.people import Kind, Method, SignedIn
from tianfu.services.accounts.opening import Accounts
from tianfu.services.accounts.signing_in import WORKPLACE, Arrival, Entered, Next
from tianfu.web.admission import CHOOSING_PASSWORD, REAL_NAME_PATH, SETTING_UP, SIGNED_IN, SessionCookies, prove_at
from tianfu.web.asking import HttpRequest
from tianfu.web.outcome import status_of
from tianfu.web.pages import Pages

ACCOUNT = "/account"
"""Where one's own account is."""

NEW_PASSKEY = f"{ACCOUNT}/passkeys/new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What the pages stand on."""

    accounts: Accounts
    cookies: SessionCookies
    directory: Directory
    demonstration: Demonstration
    clock: Clock

    def logins(self) -> Sequence[DemoLogin]:
        """Those of a demonstration with the codes of this moment, for pages that ask for one."""
        return self.demonstration.logins(self.clock())


FRESH: Mapping[str, object] = {SETTING_UP: True}
"""The options of a page that is open also before a second factor is set up."""

CHOOSING: Mapping[str, object] = {CHOOSING_PASSWORD: True}
"""The options of a page that is open also to a password that was handed over, but to nobody who must set up more."""

EARLIEST: Mapping[str, object] = {**FRESH, **CHOOSING}
"""The options of a page that is open before both."""


AGAIN = frozenset(
    {
        "number-malformed",
        "sign-in-refused",
        "sign-in-closed",
        "sign-in-busy",
        "codes-used-up",
        "code-not-sent",
        "code-wrong",
        "workplace-unknown",
        "password-too-short",
        "password-too-long",
        "password-of-yourself",
        "password-common",
        "password-unchanged",
        "passwords-differ",
        "method-not-yours",
        "too-many-credentials",
        "identity-number-form",
        "identity-number-date",
        "identity-number-check",
        "real-name-missing",
        "real-name-not-found",
        "document-not-seen",
        "passkey-refused",
        "passkey-not-set-up",
        "passkey-known",
    }
)
"""Refusals that are said beside the form, which is shown again."""


def page_of(pages: Pages, request: HttpRequest) -> Callable[..., Response[str]]:
    """A page of this app, with its way of speaking."""
    asking = pages.asking(request)

    def page(template: str, *, status: int = 200, **values: object) -> Response[str]:
        always = {"speech": Speech(asking.language), "fault": "", "details": {}}
        return pages.page(f"entrance/{template}", asking, status=status, **{**always, **values})

    return page


def said_again(refusal: Refusal) -> Mapping[str, object]:
    """What a form says that is shown again; raises what is not about a form."""
    if refusal.code not in AGAIN:
        raise refusal
    return {"fault": refusal.code, "details": refusal.details, "status": status_of(refusal)}


def signed_in_of(request: HttpRequest) -> SignedIn:
    """Who signed in; raises Refusal `not-found` where nobody did."""
    signed_in = request.scope["state"].get(SIGNED_IN)
    if not isinstance(signed_in, SignedIn):
        raise Refusal("not-found", next_step="start-again")
    return signed_in


async def further(
    pages: Pages, house: Entrance, request: HttpRequest, answer: Next | Entered, onward: str
) -> Response[str] | Redirect:
    """The next step of a sign-in, or the page that somebody wanted, with the cookies of his session."""
    if isinstance(answer, Entered):
        return _entered_page(answer, house, onward)
    names = await names_of_places(house.directory, answer.workplaces) if answer.stage == WORKPLACE else {}
    page = page_of(pages, request)("step.html", step=answer, onward=onward, names=names, logins=house.logins())
    page.set_cookie(house.cookies.device_cookie(answer.device))
    return page


def to_prove(onward: str) -> Redirect:
    """Leads to the page where one proves again who one is, and from there to a page of ours."""
    return Redirect(prove_at(onward), status_code=303)


def arrival_of(request: HttpRequest, cookies: SessionCookies) -> Arrival:
    """From where a request comes: its address, and its browser."""
    carried = cookies.carried(request)
    return Arrival(address=carried.client, device=carried.device, agent=request.headers.get("user-agent", ""))


def _entered_page(entered: Entered, house: Entrance, onward: str) -> Redirect:
    return Redirect(landing(entered.signed_in, onward), status_code=303, cookies=cookies_of(entered, house))


def landing(signed_in: SignedIn, onward: str) -> str:
    """Where somebody who signed in comes first: to what happened to his account meanwhile, else where he wanted to."""
    account = signed_in.account
    if account.telephone_lost_at is not None:
        return ACCOUNT
    if account.kind is Kind.RESIDENT and not account.number and Method.PASSKEY not in signed_in.methods:
        return NEW_PASSKEY  # nothing else opens this account again, and later there is no fresh proof for it
    return REAL_NAME_PATH if account.name_is_over and account.kind is Kind.RESIDENT else onward


def cookies_of(entered: Entered, house: Entrance) -> list[Cookie]:
    """The cookies of a session that has just begun or changed: its own, for as long as it lasts, and the browser's."""
    seconds = max(1, (entered.signed_in.until - house.clock()) // SECOND)
    return [house.cookies.cookie(entered.secret, seconds=seconds), house.cookies.device_cookie(entered.device)]
