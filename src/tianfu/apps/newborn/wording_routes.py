"""Wordings in Tibetan and Yi over HTTP: the ward enters and approves them, and a family chooses what to read in.

Rule: docs/rules/newborn-wordings.md
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.newborn.actions.keep_wordings import (
    answer_wording,
    choose_language,
    enter_wording,
    import_wordings,
    withdraw_wording,
)
from tianfu.apps.newborn.model.wording_table import BYTES_MAX, written
from tianfu.apps.newborn.model.wordings import CHOICES, PERSON_MAX, REASON_MAX, TEXT_MAX, blanks, groups, mark
from tianfu.apps.newborn.pages import (
    DESK,
    ROOT,
    faults_of,
    head_nurse,
    is_head,
    led,
    nurse_or_doctor,
    page_of,
    resident,
)
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.records import not_found, ward_of_unit
from tianfu.apps.newborn.queries.wordings import read_list, read_wording
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import TAKES_FILE, read_file, read_form
from tianfu.web.outcome import status_of
from tianfu.web.pages import Pages, language_cookie
from tianfu.web.preferences import own_path

WORDINGS = f"{DESK}/wordings"
LANGUAGE = f"{ROOT}/language"
FORM_BYTES_BESIDES = 64 * 1_024
"""What a form around a file takes up."""

DONE = frozenset({"entered", "approved", "refused", "withdrawn", "nothing"})
SHOWN_AGAIN = frozenset(
    {
        "wording-unusable",
        "wording-waits",
        "wording-own",
        "wording-answered",
        "wording-reading-missing",
        "wording-reason-missing",
        "wording-source-changed",
        "wording-table-unusable",
    }
)
"""What is said on the same page, with everything that was typed."""


def wording_routes(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    """The list of a tongue and its table, one sentence of it, and what is done to a version."""
    return [*_list(pages, nursery), *_one(pages, nursery)]


async def _at_ward(nursery: Nursery, signed_in: SignedIn) -> SignedIn:
    """Staff of a ward for newborns; raises Refusal `not-found` for all others."""
    await ward_of_unit(nursery.store, signed_in.caller)
    return signed_in


def _list(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    at = f"{WORDINGS}/{{tongue:str}}"

    async def shown(request: HttpRequest, tongue: str, *, status: int = 200, **said: object) -> Response[str]:
        signed_in = await _at_ward(nursery, nurse_or_doctor(request))
        done = request.query_params.get("done", "")
        values = {"bad_lines": (), "done": done if done in DONE else "", **said}
        return page_of(pages, request)(
            "head-nurse/wordings.html",
            status=status,
            found=await read_list(nursery, tongue),
            groups=tuple(groups()),
            is_head=is_head(signed_in),
            **values,
        )

    @get(at)
    async def show_wordings(request: HttpRequest, tongue: FromPath[str]) -> Response[str]:
        return await shown(request, tongue)

    @get(f"{at}/table")
    async def show_table(request: HttpRequest, tongue: FromPath[str]) -> Response[bytes]:
        await _at_ward(nursery, nurse_or_doctor(request))
        found = await read_list(nursery, tongue)
        name = f'attachment; filename="wordings-{found.tongue}.csv"'
        headers = {"content-disposition": name, "cache-control": "no-store"}
        return Response(written(found.sentences), media_type="text/csv", headers=headers)

    @post(
        f"{at}/table",
        status_code=200,
        opt=dict(TAKES_FILE),
        request_max_body_size=BYTES_MAX + FORM_BYTES_BESIDES,
    )
    async def take_table(request: HttpRequest, tongue: FromPath[str]) -> Response[str] | Redirect:
        by, sent = await _at_ward(nursery, head_nurse(request)), await read_file(request, "table")
        try:
            count = await import_wordings(nursery, by.caller, tongue, sent)
        except Refusal as refusal:
            if refusal.code not in SHOWN_AGAIN:
                raise
            lines = [(each.path, each.code) for each in refusal.faults]
            status = status_of(refusal)
            return await shown(request, tongue, status=status, refused=refusal.code, bad_lines=lines)
        return led(f"{WORDINGS}/{tongue}", done="entered" if count else "nothing")

    return [show_wordings, show_table, take_table]


def _one(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    at = f"{WORDINGS}/{{tongue:str}}/phrases/{{phrase:str}}"

    async def shown(
        request: HttpRequest, tongue: str, phrase: str, *, status: int = 200, **said: object
    ) -> Response[str]:
        signed_in = await _at_ward(nursery, nurse_or_doctor(request))
        found = await read_wording(nursery, tongue, phrase)
        done = request.query_params.get("done", "")
        values = {"done": done if done in DONE else "", **said}
        return page_of(pages, request)(
            "head-nurse/wording.html",
            status=status,
            found=found,
            blanks=blanks(found.sentence.chinese),
            source=mark(phrase),
            is_head=is_head(signed_in),
            reader=signed_in.caller.id,
            most={"text": TEXT_MAX, "person": PERSON_MAX, "reason": REASON_MAX},
            **values,
        )

    async def done_to(
        request: HttpRequest, tongue: str, phrase: str, form: dict[str, str], deed: Callable[[], Awaitable[str]]
    ) -> Response[str] | Redirect:
        """Do it, and say so on the sentence's page; what is refused stays there with what was typed."""
        try:
            done = await deed()
        except Refusal as refusal:
            if refusal.code not in SHOWN_AGAIN:
                raise
            refused = "" if refusal.faults else refusal.code
            return await shown(
                request,
                tongue,
                phrase,
                status=status_of(refusal),
                faults=faults_of(refusal),
                refused=refused,
                form=form,
            )
        return led(f"{WORDINGS}/{tongue}/phrases/{phrase}", done=done)

    @get(at)
    async def show_wording(request: HttpRequest, tongue: FromPath[str], phrase: FromPath[str]) -> Response[str]:
        return await shown(request, tongue, phrase)

    @post(at, status_code=200)
    async def take_wording(
        request: HttpRequest, tongue: FromPath[str], phrase: FromPath[str]
    ) -> Response[str] | Redirect:
        by, form = await _at_ward(nursery, head_nurse(request)), await read_form(request, *_FIELDS)

        async def entered() -> str:
            await enter_wording(nursery, by.caller, tongue, phrase, form)
            return "entered"

        return await done_to(request, tongue, phrase, form, entered)

    @post(f"{at}/{{version:str}}/answer", status_code=200)
    async def take_answer(
        request: HttpRequest, tongue: FromPath[str], phrase: FromPath[str], version: FromPath[str]
    ) -> Response[str] | Redirect:
        by = await _at_ward(nursery, nurse_or_doctor(request))
        form = await read_form(request, "answer", "reads", "reason")

        async def answered() -> str:
            await answer_wording(nursery, by.caller, tongue, phrase, version, form)
            return "approved" if form["answer"] == "approve" else "refused"

        return await done_to(request, tongue, phrase, form, answered)

    @post(f"{at}/{{version:str}}/withdraw", status_code=200)
    async def take_back(
        request: HttpRequest, tongue: FromPath[str], phrase: FromPath[str], version: FromPath[str]
    ) -> Response[str] | Redirect:
        by, form = await _at_ward(nursery, head_nurse(request)), await read_form(request, "reason")

        async def withdrawn() -> str:
            await withdraw_wording(nursery, by.caller, tongue, phrase, version, form["reason"])
            return "withdrawn"

        return await done_to(request, tongue, phrase, form, withdrawn)

    return [show_wording, take_wording, take_answer, take_back]


_FIELDS = ("source", "text", "translator", "capacity")


def language_routes(nursery: Nursery) -> list[HTTPRouteHandler]:
    """Where a family says what it reads in: kept for the person, and on this device."""

    @post(LANGUAGE, status_code=303)
    async def take_language(request: HttpRequest) -> Redirect:
        signed_in, form = resident(request), await read_form(request, "lang", "back")
        if form["lang"] not in CHOICES:
            raise not_found()
        await choose_language(nursery, signed_in, form["lang"])
        return Redirect(own_path(form["back"] or ROOT), status_code=303, cookies=[language_cookie(form["lang"])])

    return [take_language]
