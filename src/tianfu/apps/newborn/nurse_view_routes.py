"""What the family sees, on the nurse's page of a bed: the same picture by a grant of her own, and her voice to them.

The page asks as a family's does (`visit_routes.py`); it shows no watermark, and answers for none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

import orjson
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from tianfu.apps.newborn.actions.join import join
from tianfu.apps.newborn.actions.speak import known_reach, speak
from tianfu.apps.newborn.actions.stay import leave, stay
from tianfu.apps.newborn.live.bed import NURSES, practitioner_of
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.pages import nurse
from tianfu.apps.newborn.queries.family_visit import BedNurse, Now, coming_to, now_at_bed, now_of
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.web.admission import limited
from tianfu.web.asking import HttpRequest
from tianfu.web.formats import Formats
from tianfu.web.forms import read_form
from tianfu.web.languages import Language
from tianfu.web.outcome import sentence_of, status_of
from tianfu.web.pages import Pages

VISITS = "/newborn/visits"
ASKS = limited("page")
"""What this page asks takes nothing from the forms of the bed, least of all from the curtain's."""

OWN_WORDS: Mapping[str, str] = {"nobody-hears": "nurse.view-word-nobody"}
"""What a nurse reads in other words than a family."""

Said = Mapping[str, object]


def nurse_view_routes(pages: Pages, windows: Windows) -> list[HTTPRouteHandler]:
    """What her page asks: to be let in, how the visit stands, the floor, and to leave."""

    def watcher_of(request: HttpRequest) -> BedNurse:
        practitioner_of(pages.asking(request), NURSES)
        return BedNurse(signed_in=nurse(request))

    async def answered(request: HttpRequest, answer: Awaitable[Said]) -> Response[bytes]:
        try:
            return _json(await answer)
        except Refusal as refusal:
            if refusal.code == "not-found":
                raise
            language = pages.asking(request).language
            own = OWN_WORDS.get(refusal.code)
            words = language.say(own) if own else sentence_of(refusal, language)
            return _json({"refused": refusal.code, "words": words}, status=status_of(refusal))

    @post(f"{VISITS}/{{visit:str}}/view/join", status_code=200, opt=dict(ASKS))
    async def take_joining(request: HttpRequest, visit: FromPath[str]) -> Response[bytes]:
        form = await read_form(request, "key")

        async def joined() -> Said:
            taken = await join(windows, watcher_of(request), visit, form["key"])
            return {"grant": taken.grant.text, "offers": taken.offers_first}

        return await answered(request, joined())

    @post(f"{VISITS}/{{visit:str}}/view/beat", status_code=200, opt=dict(ASKS))
    async def take_beat(request: HttpRequest, visit: FromPath[str]) -> Response[bytes]:
        form = await read_form(request, "inside")

        async def heard() -> Said:
            watcher, asking = watcher_of(request), pages.asking(request)
            stays = await stay(windows, watcher, visit, "", Formats(asking.language)) if form["inside"] else None
            stands = await now_at_bed(windows, visit) if stays is not None else None
            if stands is None:
                stands = await now_of(windows, await coming_to(windows, watcher, visit))
            said = dict(_stands(stands, asking.language, now=windows.nursery.clock()))
            said["inside"] = stays is not None
            if stays is not None:
                said["level"] = stays.viewer.level
                if stands.state is State.LIVE:
                    reach = await known_reach(windows, visit, stays.viewer.participant)
                    if reach is not None:
                        said["heard"] = reach.value
            return said

        return await answered(request, heard())

    @post(f"{VISITS}/{{visit:str}}/view/talk", status_code=200, opt=dict(ASKS))
    async def take_talk(request: HttpRequest, visit: FromPath[str]) -> Response[bytes]:
        form = await read_form(request, "pressed")

        async def spoken() -> Said:
            is_pressed = form["pressed"] == "yes"
            watcher = watcher_of(request)
            reach = await speak(windows, watcher, visit, is_pressed=is_pressed)
            if not is_pressed:  # whoever let go is told last whether the visit is hers: letting go waits for nothing
                await coming_to(windows, watcher, visit)
            return {"pressed": is_pressed, "heard": reach.value}

        return await answered(request, spoken())

    @post(f"{VISITS}/{{visit:str}}/view/leave", status_code=204, opt=dict(ASKS))
    async def take_leave(request: HttpRequest, visit: FromPath[str]) -> None:
        watcher = watcher_of(request)
        await coming_to(windows, watcher, visit)
        await leave(windows, watcher, visit)

    return [take_joining, take_beat, take_talk, take_leave]


def _stands(stands: Now, language: Language, *, now: Instant) -> Said:
    """How the visit stands, and while the curtain is drawn what the family reads of it."""
    if stands.is_over:
        return {"kind": "over"}
    if stands.state is State.LIVE:
        return {"kind": "live"}
    title = f"newborn.watch-title-{stands.reason}"
    said = language.say(title if stands.reason and language.has(title) else "newborn.watch-kind-drawn")
    if stands.back_at is not None:
        key = "newborn.watch-back" if stands.back_at > now else "newborn.watch-back-soon"
        said = f"{said} {language.say(key, time=Formats(language).time(stands.back_at))}"
    return {"kind": "drawn", "read": said}


def _json(said: Said, *, status: int = 200) -> Response[bytes]:
    return Response(
        orjson.dumps(said), status_code=status, media_type="application/json", headers={"cache-control": "no-store"}
    )
