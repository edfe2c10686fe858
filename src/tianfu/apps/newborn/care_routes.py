"""A nurse's pages of one baby over HTTP: diary, milk, teaching.  No name or number of a baby is ever in an address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.newborn.actions.check_milk import check_milk
from tianfu.apps.newborn.actions.release_day import release_day, take_back_day
from tianfu.apps.newborn.actions.teach_family import teach_family
from tianfu.apps.newborn.actions.write_day import keep_gestation, keep_photo, remove_photo, write_day
from tianfu.apps.newborn.diary_routes import PHOTO_HEADERS
from tianfu.apps.newborn.growth_chart import growth_chart, score_now
from tianfu.apps.newborn.model.diary import DAYS_BACK_MAX, Feed
from tianfu.apps.newborn.model.growth import standard
from tianfu.apps.newborn.model.milk import Kind, Verdict, rules
from tianfu.apps.newborn.model.photo import MEDIA_TYPE, PHOTO_BYTES_MAX
from tianfu.apps.newborn.model.teaching import Answer, Topic, plan
from tianfu.apps.newborn.pages import ROOT, faults_of, led, nurse, page_of
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.desk import ward_babies
from tianfu.apps.newborn.queries.diary import read_care_diary, read_care_photo
from tianfu.apps.newborn.queries.milk import read_milk
from tianfu.apps.newborn.queries.records import ward_of_unit
from tianfu.apps.newborn.queries.teaching import read_teaching
from tianfu.kernel.instants import days_later
from tianfu.kernel.refusal import Refusal
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import TAKES_FILE, read_file, read_form
from tianfu.web.outcome import status_of
from tianfu.web.pages import Pages

CARE = f"{ROOT}/care"

FORM_BYTES_BESIDES = 64 * 1_024
"""What a form around a file takes up."""

DIARY_FIELDS = ("grams", "millilitres", "feed", "stool", "note", "version")
MILK_FIELDS = ("wristband", "bottle_number", "bottle_band", "kind", "since")
DONE = frozenset({"written", "released", "taken-back", "photo", "no-photo", "gestation"})
CHANGED = "written-meanwhile"
SHOWN_AGAIN = frozenset(
    {
        "diary-unusable",
        "diary-day",
        "diary-released",
        "diary-not-released",
        "diary-taken-back",
        "diary-empty",
        "diary-not-agreed",
        "photo-not-agreed",
        "photo-missing",
        "photo-too-large",
        "photo-type",
        "photo-unreadable",
        "reason-needed",
        "gestation-unusable",
        "written-meanwhile",
        "version-conflict",
    }
)
"""What is said on the same page, with everything that was typed."""


def care_routes(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    """The babies of the ward; diary, milk and teaching of one."""
    return [*_babies(pages, nursery), *_diary(pages, nursery), *_milk(pages, nursery), *_teaching(pages, nursery)]


def _babies(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    @get(CARE)
    async def show_care(request: HttpRequest) -> Response[str]:
        caller = nurse(request).caller
        ward = await ward_of_unit(nursery.store, caller)
        babies = await ward_babies(nursery, caller)
        return page_of(pages, request)("care/babies.html", babies=tuple(babies.values()), ward=ward.value)

    return [show_care]


def _diary(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    async def diary_page(request: HttpRequest, baby: str, day: str = "", **said: object) -> Response[str]:
        found = await read_care_diary(nursery, nurse(request).caller, baby)
        writable = [days_later(found.today, -back) for back in range(DAYS_BACK_MAX + 1)]
        if found.diary.born is not None:
            writable = [each for each in writable if each >= found.diary.born.day] or writable[:1]
        asked = day or request.query_params.get("day", "")
        chosen = next((each for each in writable if each.isoformat() == asked), writable[0])
        done = request.query_params.get("done", "")
        return page_of(pages, request)(
            "care/diary.html",
            found=found,
            entry=found.on(chosen),
            day=chosen,
            days=writable,
            feeds=tuple(Feed),
            drawn=growth_chart(found.diary.weighed, found.diary.born, pages.asking(request).language),
            score=score_now(found.diary.weighed, found.diary.born),
            standard=standard(),
            done=done if done in DONE else "",
            **said,
        )

    async def doing(
        request: HttpRequest, baby: str, day: str, deed: Callable[[], Awaitable[None]], *, done: str, **form: str
    ) -> Response[str] | Redirect:
        try:
            await deed()
        except Refusal as refusal:
            if refusal.code not in SHOWN_AGAIN:
                raise
            faults = faults_of(refusal)
            code = _said(refusal)
            shown = {} if code == CHANGED else form
            refused = "" if code == "diary-unusable" else code
            return await diary_page(
                request, baby, day, status=status_of(refusal), refused=refused, faults=faults, form=shown
            )
        return led(f"{CARE}/{baby}/diary", day=day, done=done) if day else led(f"{CARE}/{baby}/diary", done=done)

    @get(f"{CARE}/{{baby:str}}/diary")
    async def show_diary(request: HttpRequest, baby: FromPath[str]) -> Response[str]:
        return await diary_page(request, baby)

    @post(f"{CARE}/{{baby:str}}/diary/{{day:str}}", status_code=200)
    async def write(request: HttpRequest, baby: FromPath[str], day: FromPath[str]) -> Response[str] | Redirect:
        caller, form = nurse(request).caller, await read_form(request, *DIARY_FIELDS)
        return await doing(
            request, baby, day, lambda: write_day(nursery, caller, baby, day, form), done="written", **form
        )

    @post(f"{CARE}/{{baby:str}}/diary/{{day:str}}/release", status_code=200)
    async def release(request: HttpRequest, baby: FromPath[str], day: FromPath[str]) -> Response[str] | Redirect:
        caller, form = nurse(request).caller, await read_form(request, "version")
        return await doing(
            request,
            baby,
            day,
            lambda: release_day(nursery, caller, baby, day, version=form["version"]),
            done="released",
        )

    @post(f"{CARE}/{{baby:str}}/diary/{{day:str}}/take-back", status_code=200)
    async def take_back(request: HttpRequest, baby: FromPath[str], day: FromPath[str]) -> Response[str] | Redirect:
        caller, form = nurse(request).caller, await read_form(request, "reason")
        return await doing(
            request,
            baby,
            day,
            lambda: take_back_day(nursery, caller, baby, day, form["reason"]),
            done="taken-back",
            **form,
        )

    @post(
        f"{CARE}/{{baby:str}}/diary/{{day:str}}/photo",
        status_code=200,
        opt=dict(TAKES_FILE),
        request_max_body_size=PHOTO_BYTES_MAX + FORM_BYTES_BESIDES,
    )
    async def take_photo(request: HttpRequest, baby: FromPath[str], day: FromPath[str]) -> Response[str] | Redirect:
        caller, sent = nurse(request).caller, await read_file(request, "photo")
        return await doing(request, baby, day, lambda: keep_photo(nursery, caller, baby, day, sent), done="photo")

    @post(f"{CARE}/{{baby:str}}/diary/{{day:str}}/no-photo", status_code=200)
    async def take_photo_out(request: HttpRequest, baby: FromPath[str], day: FromPath[str]) -> Response[str] | Redirect:
        caller = nurse(request).caller
        return await doing(request, baby, day, lambda: remove_photo(nursery, caller, baby, day), done="no-photo")

    @post(f"{CARE}/{{baby:str}}/gestation", status_code=200)
    async def take_gestation(request: HttpRequest, baby: FromPath[str]) -> Response[str] | Redirect:
        caller, form = nurse(request).caller, await read_form(request, "weeks", "days")
        return await doing(
            request, baby, "", lambda: keep_gestation(nursery, caller, baby, form), done="gestation", **form
        )

    @get(f"{CARE}/{{baby:str}}/photos/{{photo:str}}")
    async def show_photo(request: HttpRequest, baby: FromPath[str], photo: FromPath[str]) -> Response[bytes]:
        picture = await read_care_photo(nursery, nurse(request).caller, baby, photo)
        return Response(picture, media_type=MEDIA_TYPE, headers=PHOTO_HEADERS)

    return [show_diary, write, release, take_back, take_photo, take_photo_out, take_gestation, show_photo]


def _said(refusal: Refusal) -> str:
    """A refusal as the page says it: that the store was quicker and that the form was old are one to its reader."""
    return CHANGED if refusal.code == "version-conflict" else refusal.code


def _milk(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    async def milk_page(request: HttpRequest, baby: str, *, status: int = 200, **said: object) -> Response[str]:
        found = await read_milk(nursery, nurse(request).caller, baby)
        shown = {"verdict": None, **said}
        return page_of(pages, request)(
            "care/milk.html", status=status, found=found, kinds=tuple(Kind), rules=rules(), **shown
        )

    @get(f"{CARE}/{{baby:str}}/milk")
    async def show_milk(request: HttpRequest, baby: FromPath[str]) -> Response[str]:
        return await milk_page(request, baby)

    @post(f"{CARE}/{{baby:str}}/milk", status_code=200)
    async def check(request: HttpRequest, baby: FromPath[str]) -> Response[str]:
        caller, form = nurse(request).caller, await read_form(request, *MILK_FIELDS)
        try:
            verdict = await check_milk(nursery, caller, baby, form)
        except Refusal as refusal:
            if refusal.code != "milk-unusable":
                raise
            return await milk_page(request, baby, status=status_of(refusal), faults=faults_of(refusal), form=form)
        # The answer is this page itself: an address that says "may be fed" could be opened for another bottle.
        return await milk_page(request, baby, status=200 if verdict is Verdict.MAY_BE_FED else 409, verdict=verdict)

    return [show_milk, check]


def _teaching(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    async def teaching_page(request: HttpRequest, baby: str, *, status: int = 200, **said: object) -> Response[str]:
        found = await read_teaching(nursery, nurse(request).caller, baby)
        done = request.query_params.get("done", "")
        return page_of(pages, request)(
            "care/teaching.html",
            status=status,
            found=found,
            topics=tuple(Topic),
            answers=tuple(Answer),
            done=done if done == "taught" else "",
            **said,
        )

    @get(f"{CARE}/{{baby:str}}/teaching")
    async def show_teaching(request: HttpRequest, baby: FromPath[str]) -> Response[str]:
        return await teaching_page(request, baby)

    @post(f"{CARE}/{{baby:str}}/teaching", status_code=200)
    async def teach(request: HttpRequest, baby: FromPath[str]) -> Response[str] | Redirect:
        caller = nurse(request).caller
        form = await read_form(request, "plan", "version", *(each.id for each in plan().points))
        try:
            await teach_family(nursery, caller, baby, form)
        except Refusal as refusal:
            if refusal.code not in {"teaching-outdated", "teaching-empty", CHANGED, "version-conflict"}:
                raise
            return await teaching_page(request, baby, status=status_of(refusal), refused=_said(refusal))
        return led(f"{CARE}/{baby}/teaching", done="taught")

    return [show_teaching, teach]
