"""The pages of staff over HTTP.  No name and no staff number is ever in an address: what was searched is sealed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.administration.actions.appoint_staff import appoint_staff, move_staff
from tianfu.apps.administration.actions.end_staff import end_place, end_sessions, leave_staff, reset_sign_in
from tianfu.apps.administration.actions.join_staff import join_staff
from tianfu.apps.administration.model.posts import (
    PERSON_FIELDS,
    POST_FIELDS,
    ROLES,
    read_joining,
    read_post,
    years_of_practice,
)
from tianfu.apps.administration.pages import ROOT, WRONG, Faults, came, faults_of, known, page_of
from tianfu.apps.administration.ports import House
from tianfu.apps.administration.queries.staff import MemberPage, StaffWish, read_member, read_post_page, read_staff
from tianfu.apps.administration.queries.units import not_found
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn, Workplace
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.pages import Pages

STAFF = f"{ROOT}/staff"
MEMBER = STAFF + "/{account:str}"
PLACE = MEMBER + "/places/{workplace:str}"
SEALED_AS = "staff"
KEEPER = "security"
SEARCH_CHARACTERS_MAX = 100

DONE = frozenset({"appointed", "moved", "ended", "sessions-ended", "left"})
"""What an address may say was done; anything else says nothing."""


def staff_routes(pages: Pages, house: House) -> list[HTTPRouteHandler]:
    """All pages of the security administrator."""
    return [*_lists(pages, house), *_joining(pages, house), *_posts(pages, house), *_ends(pages, house)]


def _year(pages: Pages) -> int:
    return pages.today().year


def _done(request: HttpRequest) -> str:
    said = str(request.query_params.get("done", ""))
    return said if said in DONE else ""


def _lists(pages: Pages, house: House) -> list[HTTPRouteHandler]:
    async def shown(request: HttpRequest, wish: StaffWish) -> Response[str]:
        by = came(request, KEEPER)
        found = await read_staff(house, by, wish)
        page = page_of(pages, request, house, by)
        return page("staff.html", found=found, wish=wish, roles=ROLES, done=_done(request))

    @get(STAFF)
    async def show_staff(request: HttpRequest) -> Response[str]:
        asked = request.query_params
        wish = StaffWish(
            organisation=str(asked.get("organisation", "")),
            role=str(asked.get("role", "")),
            after=str(asked.get("after", ""))[:64],
        )
        return await shown(request, wish)

    @post(f"{STAFF}/find", status_code=303)
    async def find_staff(request: HttpRequest) -> Redirect:
        came(request, KEEPER)
        sent = await read_form(request, "organisation", "role", "words")
        fields = {**sent, "words": sent["words"].strip()[:SEARCH_CHARACTERS_MAX]}
        return Redirect(f"{STAFF}/found/{pages.sealer.seal(SEALED_AS, fields)}", status_code=303)

    @get(f"{STAFF}/found/{{letters:str}}")
    async def show_found(request: HttpRequest, letters: FromPath[str]) -> Response[str]:
        came(request, KEEPER)
        sent = pages.sealer.open(SEALED_AS, letters)
        wish = StaffWish(organisation=sent["organisation"], role=sent["role"], words=sent["words"])
        return await shown(request, wish)

    @get(MEMBER)
    async def show_member(request: HttpRequest, account: FromPath[str]) -> Response[str]:
        by = came(request, KEEPER)
        shown_member = await read_member(house, by, known(account))

        def years(workplace: Workplace) -> int | None:
            return years_of_practice(workplace, year=_year(pages))

        page = page_of(pages, request, house, by)
        return page("member.html", shown=shown_member, years=years, done=_done(request))

    return [show_staff, find_staff, show_found, show_member]


def _joining(pages: Pages, house: House) -> list[HTTPRouteHandler]:
    async def asked(
        request: HttpRequest, by: SignedIn, form: Mapping[str, str], faults: Faults, *, status: int = 200
    ) -> Response[str]:
        where = await read_post_page(house, by, form.get("organisation", ""))
        page = page_of(pages, request, house, by)
        return page("join.html", where=where, form=form, faults=faults, status=status, chosen_at=f"{STAFF}/new")

    @get(f"{STAFF}/new")
    async def ask_joining(request: HttpRequest) -> Response[str]:
        by = came(request, KEEPER)
        return await asked(request, by, {"organisation": str(request.query_params.get("organisation", ""))}, {})

    @post(f"{STAFF}/new", status_code=201)
    async def join(request: HttpRequest) -> Response[str]:
        by = came(request, KEEPER)
        form = await read_form(request, *PERSON_FIELDS, *POST_FIELDS)
        try:
            person, wish = read_joining(form, year=_year(pages))
            account, password = await join_staff(house, by, person, wish)
        except Refusal as refusal:
            return await asked(request, by, form, faults_of(refusal), status=WRONG)
        page = page_of(pages, request, house, by)
        return page("password.html", status=201, account=account, password=password, is_new=True)

    return [ask_joining, join]


def _posts(pages: Pages, house: House) -> list[HTTPRouteHandler]:
    async def asked(
        request: HttpRequest,
        by: SignedIn,
        account: str,
        workplace: str,
        form: Mapping[str, str],
        faults: Faults,
        *,
        status: int = 200,
    ) -> Response[str]:
        shown = await read_member(house, by, account)
        old = _place_of(shown, workplace) if workplace else None
        where = await read_post_page(house, by, form.get("organisation", ""))
        page = page_of(pages, request, house, by)
        chosen_at = f"{STAFF}/{account}/" + (f"places/{workplace}/move" if workplace else "appoint")
        return page(
            "post.html", shown=shown, old=old, where=where, form=form, faults=faults, status=status, chosen_at=chosen_at
        )

    @get(MEMBER + "/appoint")
    async def ask_appointing(request: HttpRequest, account: FromPath[str]) -> Response[str]:
        by = came(request, KEEPER)
        form = {"organisation": str(request.query_params.get("organisation", ""))}
        return await asked(request, by, known(account), "", form, {})

    @post(MEMBER + "/appoint", status_code=303)
    async def appoint(request: HttpRequest, account: FromPath[str]) -> Response[str] | Redirect:
        by = came(request, KEEPER)
        form = await read_form(request, *POST_FIELDS)
        await read_member(house, by, known(account))
        try:
            await appoint_staff(house, by, account, read_post(form, year=_year(pages)))
        except Refusal as refusal:
            return await asked(request, by, account, "", form, faults_of(refusal), status=WRONG)
        return _back(account, "appointed")

    @get(PLACE + "/move")
    async def ask_moving(request: HttpRequest, account: FromPath[str], workplace: FromPath[str]) -> Response[str]:
        by = came(request, KEEPER)
        old = _place_of(await read_member(house, by, known(account)), workplace)
        wanted = str(request.query_params.get("organisation", "")) or old.organisation
        form = {
            "organisation": wanted,
            "title": old.title or "",
            "licence": old.licence or "",
            "practising_since": "" if old.practising_since is None else str(old.practising_since),
            "practitioner": old.practitioner or "",
        }
        return await asked(request, by, account, workplace, form, {})

    @post(PLACE + "/move", status_code=303)
    async def move(request: HttpRequest, account: FromPath[str], workplace: FromPath[str]) -> Response[str] | Redirect:
        by = came(request, KEEPER)
        form = await read_form(request, *POST_FIELDS)
        _place_of(await read_member(house, by, known(account)), workplace)
        try:
            await move_staff(house, by, account, workplace, read_post(form, year=_year(pages)))
        except Refusal as refusal:
            return await asked(request, by, account, workplace, form, faults_of(refusal), status=WRONG)
        return _back(account, "moved")

    return [ask_appointing, appoint, ask_moving, move]


def _ends(pages: Pages, house: House) -> list[HTTPRouteHandler]:
    async def asked(
        request: HttpRequest,
        by: SignedIn,
        account: str,
        act: str,
        *,
        workplace: str = "",
        faults: Faults | None = None,
    ) -> Response[str]:
        """The page that asks whether to do it, again with what is wrong."""
        shown = await read_member(house, by, known(account))
        old = _place_of(shown, workplace) if workplace else None
        page = page_of(pages, request, house, by)
        status = WRONG if faults else 200
        return page("confirm.html", shown=shown, old=old, act=act, faults=faults or {}, status=status)

    async def done(
        request: HttpRequest, account: str, act: str, work: Callable[[SignedIn], Awaitable[object]], workplace: str = ""
    ) -> Response[str] | None:
        """Do it; nothing, or the page that says why not."""
        by = came(request, KEEPER)
        shown = await read_member(house, by, known(account))
        if workplace:
            _place_of(shown, workplace)
        try:
            await work(by)
        except Refusal as refusal:
            return await asked(request, by, account, act, workplace=workplace, faults=faults_of(refusal))
        return None

    @get(PLACE + "/end")
    async def ask_ending(request: HttpRequest, account: FromPath[str], workplace: FromPath[str]) -> Response[str]:
        return await asked(request, came(request, KEEPER), account, "end", workplace=workplace)

    @post(PLACE + "/end", status_code=303)
    async def end(request: HttpRequest, account: FromPath[str], workplace: FromPath[str]) -> Response[str] | Redirect:
        refused = await done(
            request, account, "end", lambda by: end_place(house, by, account, workplace), workplace=workplace
        )
        if refused is not None:
            return refused
        # Whoever works nowhere below any more has no page here.
        try:
            await read_member(house, came(request, KEEPER), account)
        except Refusal:
            return Redirect(f"{STAFF}?done=ended", status_code=303)
        return _back(account, "ended")

    @get(MEMBER + "/leave")
    async def ask_leaving(request: HttpRequest, account: FromPath[str]) -> Response[str]:
        return await asked(request, came(request, KEEPER), account, "leave")

    @post(MEMBER + "/leave", status_code=303)
    async def leave(request: HttpRequest, account: FromPath[str]) -> Response[str] | Redirect:
        refused = await done(request, account, "leave", lambda by: leave_staff(house, by, account))
        return refused or Redirect(f"{STAFF}?done=left", status_code=303)

    @get(MEMBER + "/reset")
    async def ask_resetting(request: HttpRequest, account: FromPath[str]) -> Response[str]:
        return await asked(request, came(request, KEEPER), account, "reset")

    @post(MEMBER + "/reset", status_code=200)
    async def reset(request: HttpRequest, account: FromPath[str]) -> Response[str]:
        by = came(request, KEEPER)
        shown = await read_member(house, by, known(account))
        try:
            password = await reset_sign_in(house, by, account)
        except Refusal as refusal:
            return await asked(request, by, account, "reset", faults=faults_of(refusal))
        page = page_of(pages, request, house, by)
        return page("password.html", account=shown.member.account, password=password, is_new=False)

    @get(MEMBER + "/sessions")
    async def ask_ending_sessions(request: HttpRequest, account: FromPath[str]) -> Response[str]:
        return await asked(request, came(request, KEEPER), account, "sessions")

    @post(MEMBER + "/sessions", status_code=303)
    async def end_all_sessions(request: HttpRequest, account: FromPath[str]) -> Response[str] | Redirect:
        refused = await done(request, account, "sessions", lambda by: end_sessions(house, by, account))
        return refused or _back(account, "sessions-ended")

    return [
        ask_ending,
        end,
        ask_leaving,
        leave,
        ask_resetting,
        reset,
        ask_ending_sessions,
        end_all_sessions,
    ]


def _back(account: str, done: str) -> Redirect:
    return Redirect(f"{STAFF}/{account}?done={done}#done", status_code=303)


def _place_of(shown: MemberPage, workplace: str) -> Workplace:
    """One of the places that are below whoever asks; raises Refusal `not-found`."""
    found = next((each for each in shown.member.workplaces if each.id == workplace), None)
    if found is None:
        raise not_found()
    return found
