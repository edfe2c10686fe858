"""The operator's page of live visits over HTTP; it refreshes itself without a script.

For system administrators who signed in; no name of a family or a baby is on it or in its addresses.
"""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.newborn.actions.note_alert import NOTE_MAX, note_alert, take_note_back
from tianfu.apps.newborn.pages import administrator, led, page_of
from tianfu.apps.newborn.quality_ports import Observatory
from tianfu.apps.newborn.queries.quality import count_alerts, read_quality
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.news import News
from tianfu.web.outcome import OTHERWISE
from tianfu.web.pages import Pages

QUALITY = "/newborn/quality"
REFRESH_SECONDS = 15
ADMINISTRATORS = frozenset({"administrator"})


def quality_routes(pages: Pages, observatory: Observatory) -> list[HTTPRouteHandler]:
    """The page, and the forms by which an alert is noted and the note taken back."""

    async def shown(request: HttpRequest, by: SignedIn, *, status: int = 200, **values: object) -> Response[str]:
        found = await read_quality(observatory, by.caller)
        page = page_of(pages, request)
        said = {"asked": "", "is_still": True, **values}
        return page("quality/page.html", status=status, found=found, note_max=NOTE_MAX, **said)

    @get(QUALITY)
    async def show_quality(request: HttpRequest) -> Response[str]:
        asked = request.query_params.get("note", "")
        is_still = bool(asked) or "still" in request.query_params
        answer = await shown(request, administrator(request), asked=asked, is_still=is_still)
        if not is_still:  # else what is being typed would be gone
            answer.headers["refresh"] = f"{REFRESH_SECONDS};url={QUALITY}"
        return answer

    @post(f"{QUALITY}/alerts/{{alert:str}}/note", status_code=200)
    async def note(request: HttpRequest, alert: FromPath[str]) -> Response[str] | Redirect:
        by, form = administrator(request), await read_form(request, "note")
        try:
            await note_alert(observatory, by.caller, alert, form["note"])
        except Refusal as refusal:
            if refusal.code != "alert-note-unusable":
                raise
            return await shown(request, by, status=OTHERWISE, refused=refusal.code, form=form, asked=alert)
        return led(QUALITY, done="noted")

    @post(f"{QUALITY}/alerts/{{alert:str}}/note/back", status_code=303)
    async def take_back(request: HttpRequest, alert: FromPath[str]) -> Redirect:
        await take_note_back(observatory, administrator(request).caller, alert)
        return led(QUALITY, done="taken-back")

    return [show_quality, note, take_back]


async def news_of_quality(observatory: Observatory, place: str, signed_in: SignedIn) -> Sequence[News]:
    """How many alerts wait for a system administrator; nothing for anybody else."""
    if signed_in.workplace is None or signed_in.workplace.role not in ADMINISTRATORS:
        return ()
    count = await count_alerts(observatory, signed_in.caller)
    return [News(place=place, address=QUALITY, says="quality.news", count=count)] if count else ()
