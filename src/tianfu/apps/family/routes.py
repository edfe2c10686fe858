"""The pages of family over HTTP.  No name, number or telephone is ever in an address."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.access.naming import NAMED_MAX, refuse_unless_may_name
from tianfu.access.purpose import Purpose
from tianfu.apps.family.actions.answer_offer import accept_offer, decline_offer, lay_down, reconsider_offer
from tianfu.apps.family.actions.name_proxy import name_proxy
from tianfu.apps.family.actions.withdraw_proxy import withdraw_proxy
from tianfu.apps.family.model.naming import DAYS_MAX, What, read_wish
from tianfu.apps.family.ports import FamilyStore, Ties
from tianfu.apps.family.queries.family import read_family
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.namings import DECLINED_MAX
from tianfu.services.accounts.model.people import Kind, SignedIn
from tianfu.web.admission import SIGNED_IN, for_purpose, limited, prove_at
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.news import News
from tianfu.web.outcome import status_of
from tianfu.web.pages import Pages, Place
from tianfu.web.site import App

ROOT = "/family"
PLACE = "place.family"
DONE = frozenset({"named", "withdrawn", "accepted", "laid-down", "declined", "reconsidered"})
"""What an address may say that was done; anything else is passed over."""

CITIZEN = frozenset({"citizen"})
FIELDS = ("name", "telephone", "until", "what")


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """What the pages stand on."""

    store: FamilyStore
    ties: Ties
    clock: Clock


def family(house: Household) -> App:
    """The app as the site takes it."""
    return App(
        name="family",
        folder=Path(__file__).parent,
        places=(Place(key=PLACE, address=ROOT, icon="i-family", roles=CITIZEN),),
        news=partial(news_of_family, house.ties),
        routes=lambda pages: for_purpose(Purpose.PATIENT_REQUEST, [*_looking(pages, house), *_naming(pages, house)]),
    )


async def news_of_family(ties: Ties, signed_in: SignedIn) -> Sequence[News]:
    """That somebody asks the reader to look, and that his own asking was answered or is over."""
    waiting = await ties.news(signed_in.account)
    counted = {"family.news-offers": waiting.offers, "family.news-answers": waiting.answers}
    return [News(place=PLACE, address=ROOT, says=says, count=count) for says, count in counted.items() if count]


def _page(pages: Pages, request: HttpRequest) -> Callable[..., Response[str]]:
    asking = pages.asking(request)

    def page(template: str, *, status: int = 200, **values: object) -> Response[str]:
        return pages.page(f"family/{template}", asking, status=status, **{"faults": {}, "form": {}, **values})

    return page


def _resident(request: HttpRequest) -> SignedIn:
    """A resident who signed in; to everybody else these pages are not there."""
    signed_in = request.scope["state"].get(SIGNED_IN)
    if not isinstance(signed_in, SignedIn) or signed_in.account.kind is not Kind.RESIDENT:
        raise Refusal("not-found", next_step="start-again")
    return signed_in


def _done(what: str) -> Redirect:
    return Redirect(f"{ROOT}?{urlencode({'done': what})}", status_code=303)


def _looking(pages: Pages, house: Household) -> list[HTTPRouteHandler]:
    @get(ROOT)
    async def show_family(request: HttpRequest) -> Response[str]:
        signed_in = _resident(request)
        found = await read_family(house.store, house.ties, signed_in, now=house.clock())
        if found.answered:
            await house.ties.see_answers(signed_in)
        done = request.query_params.get("done", "")
        return _page(pages, request)(
            "family.html",
            found=found,
            is_known=bool(signed_in.caller.patients),
            may_name=_may_name(found.age, len(found.namings)),
            named_max=NAMED_MAX,
            declined_max=DECLINED_MAX,
            done=done if done in DONE else "",
        )

    @post(f"{ROOT}/offers/{{naming:str}}/accept", status_code=303, opt=dict(limited("identity-search")))
    async def accept(request: HttpRequest, naming: FromPath[str]) -> Redirect:
        await accept_offer(house.store, house.ties, _resident(request), naming, now=house.clock())
        return _done("accepted")

    @post(f"{ROOT}/offers/{{naming:str}}/decline", status_code=303, opt=dict(limited("identity-search")))
    async def decline(request: HttpRequest, naming: FromPath[str]) -> Redirect:
        await decline_offer(house.store, house.ties, _resident(request), naming, now=house.clock())
        return _done("declined")

    @post(f"{ROOT}/offers/{{naming:str}}/reconsider", status_code=303)
    async def reconsider(request: HttpRequest, naming: FromPath[str]) -> Redirect:
        await reconsider_offer(house.ties, _resident(request), naming)
        return _done("reconsidered")

    @post(f"{ROOT}/acting/{{naming:str}}/end", status_code=303)
    async def end_acting(request: HttpRequest, naming: FromPath[str]) -> Redirect:
        await lay_down(house.store, house.ties, _resident(request), naming)
        return _done("laid-down")

    @post(f"{ROOT}/proxies/{{naming:str}}/end", status_code=303)
    async def end_naming(request: HttpRequest, naming: FromPath[str]) -> Redirect:
        await withdraw_proxy(house.store, house.ties, _resident(request), naming, now=house.clock())
        return _done("withdrawn")

    return [show_family, accept, decline, reconsider, end_acting, end_naming]


def _may_name(age: int | None, standing: int) -> bool:
    try:
        refuse_unless_may_name(age, standing)
    except Refusal:
        return False
    return True


def _naming(pages: Pages, house: Household) -> list[HTTPRouteHandler]:
    def form_page(request: HttpRequest, *, status: int = 200, **values: object) -> Response[str]:
        today = pages.today()
        return _page(pages, request)(
            "name.html",
            status=status,
            kinds=tuple(What),
            earliest=today + timedelta(days=1),
            latest=today + timedelta(days=DAYS_MAX),
            **values,
        )

    @get(f"{ROOT}/name")
    async def show_naming(request: HttpRequest) -> Response[str]:
        signed_in = _resident(request)
        found = await read_family(house.store, house.ties, signed_in, now=house.clock())
        refuse_unless_may_name(found.age, len(found.namings))
        return form_page(request)

    @post(f"{ROOT}/name", status_code=200)
    async def take_naming(request: HttpRequest) -> Response[str] | Redirect:
        signed_in, form = _resident(request), await read_form(request, *FIELDS)
        language = pages.asking(request).language
        try:
            wish = read_wish(form, own_telephone=signed_in.account.number, today=pages.today())
            words = f"{language.say('family.naming-words')} {language.say(f'family.what-{wish.what}-hint')}"
            await name_proxy(
                house.store, house.ties, signed_in, wish, words=words, language=language.tag, now=house.clock()
            )
        except Refusal as refusal:
            if refusal.code == "proof-too-old":
                return Redirect(prove_at(f"{ROOT}/name"), status_code=303)
            if refusal.code != "proxy-unusable":
                raise
            return form_page(request, status=status_of(refusal), faults=_faults(refusal), form=form)
        return _done("named")

    return [show_naming, take_naming]


def _faults(refusal: Refusal) -> Mapping[str, str]:
    """What is wrong with each field, as keys of phrases."""
    return {fault.path: f"fault.{fault.code}" for fault in refusal.faults}
