"""The live page of families over HTTP.  No name, number or telephone is ever in an address.

The page asks again and again, well below a second apart, how the visit stands, and answers for its watermark with the
same question: one question says both that it hears and that it shows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect
from markupsafe import Markup

from tianfu.apps.newborn.actions.call_ward import call_ward
from tianfu.apps.newborn.actions.join import join
from tianfu.apps.newborn.actions.speak import known_reach, speak
from tianfu.apps.newborn.actions.stay import arrives, leave, marks_of, stay
from tianfu.apps.newborn.actions.thank import thank
from tianfu.apps.newborn.door_routes import (
    DOOR,
    DOOR_WATCH,
    STATION_COOKIE,
    STATION_WATCHES,
    nothing_stays,
    refuse_signed_in,
)
from tianfu.apps.newborn.model.calls import WORDS_MAX, Call, Question
from tianfu.apps.newborn.model.feedback import ANSWERS
from tianfu.apps.newborn.model.visit import RESTS, State
from tianfu.apps.newborn.pages import ROOT, doctor, faults_of, page_of, resident
from tianfu.apps.newborn.queries.family_visit import (
    INVITATION_OVER,
    Expert,
    FamilyVisit,
    Now,
    Watcher,
    at_door,
    coming_to,
    now_at_bed,
    now_of,
    read_family_visit,
)
from tianfu.apps.newborn.queries.last_photo import read_photo_of_visit
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.apps.newborn.voices import Voice, voice_here, voice_of
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.talk import SPEAKS
from tianfu.services.realtime.viewers import Viewer
from tianfu.web.admission import limited, prove_at
from tianfu.web.asking import HttpRequest
from tianfu.web.formats import Formats
from tianfu.web.forms import read_form
from tianfu.web.languages import Language
from tianfu.web.outcome import sentence_of, status_of
from tianfu.web.pages import Pages

WATCH = f"{ROOT}/watch"
CONSULTATIONS = f"{ROOT}/consultations"
MAY_SPEAK_HERE = "camera=(), geolocation=(), microphone=(self)"
"""The page's own Permissions-Policy: a family is heard, and never seen."""

BEAT_FIELDS = ("answer", "join_ms", "freezes", "frozen_ms", "lost_permille", "rtt_ms", "delay_ms", "shows")

WORDS = (
    *("waiting", "waits-nurse", "sound-only", "live", "again", "weak", "soon", "paused", "fault", "speaking", "silent"),
    *("silenced", "no-microphone", "speaking-people", "heard-people", "heard-nobody", "view-only"),
    *(f"{what}-{level}" for what in ("shows", "level") for level in ("full", "small", "sound", "none", "stills")),
    *("shows-stuck", "level-back"),
    *(f"{each}-{is_well}" for each in ("browser", "network", "sound", "microphone") for is_well in ("good", "bad")),
)
"""What the page says of itself, without asking."""

WORD_KEYS = {name: f"newborn.watch-word-{name}" for name in WORDS}

Said = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How one comes to the live page: at which address, from which page, as whom, and with which options."""

    root: str
    home: str
    watcher: Callable[[HttpRequest], Awaitable[Watcher]]
    form: Mapping[str, Any]
    beat: Mapping[str, Any]

    def key(self, key: str, voice: Voice) -> str:
        """The sentence that is said here: an expert's own where there is one, for a family's speak to a family."""
        own = key.replace("newborn.", "consultation.", 1)
        return own if self.root == CONSULTATIONS and voice.language.has(own) else key


def visit_routes(pages: Pages, windows: Windows) -> list[HTTPRouteHandler]:
    """The live page, and what it asks: to be let in, how the visit stands, the floor."""

    async def signed_in(request: HttpRequest) -> Watcher:
        return resident(request)

    page_limit = limited("page")
    way = _Way(root=WATCH, home=ROOT, watcher=signed_in, form={}, beat=page_limit)
    return [*_page(pages, windows, way), *_asked_by_the_page(pages, windows, way)]


def door_visit_routes(pages: Pages, windows: Windows) -> list[HTTPRouteHandler]:
    """The live page of the visit on a station's screen; of no other visit, and nothing besides."""

    async def standing_there(request: HttpRequest) -> Watcher:
        refuse_signed_in(request)
        return await at_door(windows, request.cookies.get(STATION_COOKIE, ""))

    way = _Way(root=DOOR_WATCH, home=DOOR, watcher=standing_there, form=STATION_WATCHES, beat=STATION_WATCHES)

    @get(f"{DOOR_WATCH}/{{visit:str}}", opt=dict(STATION_WATCHES))
    async def show_visit_at_door(request: HttpRequest, visit: FromPath[str]) -> Response[str] | Redirect:
        try:
            watcher = await standing_there(request)
        except Refusal:
            if STATION_COOKIE not in request.cookies:
                raise
            return Redirect(DOOR, status_code=303)  # the slot is over: the screen is the next one's
        found = await read_family_visit(windows, watcher, visit)
        answer = await _visit_page(pages, windows, request, way, found)
        answer.headers.update(nothing_stays(found.booked.end, now=windows.nursery.clock()))
        return answer

    return [show_visit_at_door, *_asked_by_the_page(pages, windows, way)]


async def _asked_expert(request: HttpRequest) -> Watcher:
    return Expert(signed_in=doctor(request))


_CONSULTING = _Way(root=CONSULTATIONS, home=CONSULTATIONS, watcher=_asked_expert, form={}, beat=limited("page"))


def consultation_visit_routes(pages: Pages, windows: Windows) -> list[HTTPRouteHandler]:
    """What the live page of an expert asks, as that of a family does; he calls nobody."""
    return _asked_by_the_page(pages, windows, _CONSULTING)


async def consultation_page(
    pages: Pages, windows: Windows, request: HttpRequest, found: FamilyVisit, **said: Any
) -> Response[str]:
    """The live page of an expert; `said` is what stands below the picture."""
    return await _visit_page(pages, windows, request, _CONSULTING, found, **said)


async def _voice(pages: Pages, windows: Windows, request: HttpRequest, way: _Way) -> Voice:
    return _plain(pages, request) if way is _CONSULTING else await voice_of(pages, windows.nursery, request)


def _plain(pages: Pages, request: HttpRequest) -> Voice:
    """An expert reads his own language: wordings are for families."""
    return Voice(language=pages.asking(request).language)


async def _visit_page(
    pages: Pages,
    windows: Windows,
    request: HttpRequest,
    way: _Way,
    found: FamilyVisit,
    *,
    status: int = 200,
    **said: object,
) -> Response[str]:
    voice = await _voice(pages, windows, request, way)
    answer = page_of(pages, request, voice, here=f"{way.root}/{found.booked.id}")(
        "family/visit.html",
        status=status,
        found=found,
        root=way.root,
        home=way.home,
        is_at_door=way.root == DOOR_WATCH,
        stands=_stands(found.now, voice, way, now=windows.nursery.clock()),
        words={name: voice.say(way.key(key, voice)) for name, key in WORD_KEYS.items()},
        word_tongues=voice.tongues(WORD_KEYS),
        ended=_why_over(found.now, voice, way),
        called=_called(found.now.call, voice),
        questions=tuple(Question),
        words_max=WORDS_MAX,
        answers=ANSWERS,
        seconds=_seconds(found, now=windows.nursery.clock()),
        **said,
    )
    answer.headers["permissions-policy"] = MAY_SPEAK_HERE
    return answer


def _page(pages: Pages, windows: Windows, way: _Way) -> list[HTTPRouteHandler]:
    async def shown(request: HttpRequest, visit: str, *, status: int = 200, **said: object) -> Response[str]:
        try:
            found = await read_family_visit(windows, resident(request), visit)
        except Refusal as refusal:
            if refusal.code != INVITATION_OVER:
                raise
            return page_of(pages, request)("family/invitation_over.html", status=status_of(refusal))
        return await _visit_page(pages, windows, request, way, found, status=status, **said)

    @get(f"{WATCH}/{{visit:str}}")
    async def show_visit(request: HttpRequest, visit: FromPath[str]) -> Response[str]:
        done = request.query_params.get("done", "")
        return await shown(request, visit, done=done if done == "thanked" else "")

    @post(f"{WATCH}/{{visit:str}}/feedback", status_code=200)
    async def take_feedback(request: HttpRequest, visit: FromPath[str]) -> Response[str] | Redirect:
        form = await read_form(request, "picture", "care", "words")
        try:
            await thank(windows, resident(request), visit, form)
        except Refusal as refusal:
            if refusal.code != "feedback-unusable":
                raise
            return await shown(request, visit, status=status_of(refusal), faults=faults_of(refusal), form=form)
        return Redirect(f"{WATCH}/{visit}?done=thanked", status_code=303)

    @get(f"{WATCH}/{{visit:str}}/photo", opt=limited("page"))
    async def show_last_photo(request: HttpRequest, visit: FromPath[str]) -> Response[str]:
        may_see, entry = await read_photo_of_visit(windows, resident(request), visit)
        return page_of(pages, request)("family/diary_photo.html", may_see=may_see, entry=entry)

    return [show_visit, show_last_photo, take_feedback]


def _asked_by_the_page(pages: Pages, windows: Windows, way: _Way) -> list[HTTPRouteHandler]:
    def language_of(request: HttpRequest) -> Language:
        return pages.asking(request).language

    async def beating(request: HttpRequest) -> Voice:
        """As the page speaks, without asking what its reader chose elsewhere."""
        return _plain(pages, request) if way is _CONSULTING else await voice_here(pages, windows.nursery, request)

    async def answered(request: HttpRequest, visit: str, answer: Awaitable[Said]) -> Response[bytes]:
        """What a deed says, as JSON; a refusal too, with its sentence, and the way to prove oneself again."""
        try:
            return _json(await answer)
        except Refusal as refusal:
            if refusal.code == "not-found":
                raise
            said: dict[str, object] = {"refused": refusal.code, "words": sentence_of(refusal, language_of(request))}
            if refusal.code == "proof-too-old":
                said["prove"] = prove_at(f"{way.root}/{visit}")
            return _json(said, status=status_of(refusal))

    @post(f"{way.root}/{{visit:str}}/join", status_code=200, opt=dict(way.form))
    async def take_joining(request: HttpRequest, visit: FromPath[str]) -> Response[bytes]:
        form = await read_form(request, "key")

        async def joined() -> Said:
            watcher = await way.watcher(request)
            taken = await join(windows, watcher, visit, form["key"])
            marks = marks_of(watcher, taken.mark, Formats(language_of(request)), now=windows.nursery.clock())
            return {
                "grant": taken.grant.text,
                "mark": taken.mark,
                "speaks": taken.may_speak,
                "offers": taken.offers_first,
                "watermark": {"step": marks[0].step, "place": marks[0].place, "text": marks[0].text},
            }

        return await answered(request, visit, joined())

    @post(f"{way.root}/{{visit:str}}/beat", status_code=200, opt=dict(way.beat))
    async def take_beat(request: HttpRequest, visit: FromPath[str]) -> Response[bytes]:
        form = await read_form(request, *BEAT_FIELDS)

        async def heard() -> Said:
            watcher, voice = await way.watcher(request), await beating(request)
            formats = Formats(voice.language)
            now = windows.nursery.clock()
            stays = await stay(windows, watcher, visit, form["answer"], formats) if form["answer"] else None
            viewer = stays.viewer if stays is not None else None
            stands = await now_at_bed(windows, visit) if viewer is not None else None
            part = viewer.part if viewer is not None else None
            if stands is None:
                coming = await coming_to(windows, watcher, visit)
                stands, part = await now_of(windows, coming), coming.part
            said = dict(_stands(stands, voice, way, now=now))
            is_own = isinstance(watcher, SignedIn) and stands.guardian in watcher.caller.related
            if part is Part.FAMILY and is_own:  # neither to anybody else of the family nor to who stands at a door
                said["call"] = _called(stands.call, voice)
            if voice.tongue:
                said["edition"] = voice.edition
            said["inside"] = viewer is not None
            if stays is not None and stays.may_speak is not None:
                said["speaks"] = stays.may_speak
            if viewer is not None:
                if form["shows"]:
                    await arrives(windows, viewer, form)
                said["level"] = _level(viewer, stands)
                if viewer.part in SPEAKS and stands.state is State.LIVE:
                    reach = await known_reach(windows, visit, viewer.participant)
                    if reach is not None:
                        said["heard"] = reach.value
                marks = marks_of(watcher, windows.viewers.mark(visit, viewer.participant), formats, now=now)
                said["watermark"] = {"step": marks[0].step, "place": marks[0].place, "text": marks[0].text}
            return said

        return await answered(request, visit, heard())

    @post(f"{way.root}/{{visit:str}}/talk", status_code=200, opt=dict(way.beat))
    async def take_talk(request: HttpRequest, visit: FromPath[str]) -> Response[bytes]:
        form = await read_form(request, "pressed")

        async def spoken() -> Said:
            is_pressed = form["pressed"] == "yes"
            reach = await speak(windows, await way.watcher(request), visit, is_pressed=is_pressed)
            return {"pressed": is_pressed, "heard": reach.value}

        return await answered(request, visit, spoken())

    async def take_call(request: HttpRequest, visit: FromPath[str]) -> Response[bytes]:
        form = await read_form(request, "question", "words")

        async def called() -> Said:
            await call_ward(windows, await way.watcher(request), visit, form["question"], form["words"])
            stands = await now_at_bed(windows, visit)
            voice = await voice_here(pages, windows.nursery, request)
            return {"call": _called(None if stands is None else stands.call, voice)}

        return await answered(request, visit, called())

    @post(f"{way.root}/{{visit:str}}/leave", status_code=204, opt=dict(way.form))
    async def take_leave(request: HttpRequest, visit: FromPath[str]) -> None:
        watcher = await way.watcher(request)
        await coming_to(windows, watcher, visit)
        await leave(windows, watcher, visit)

    calling = [post(f"{WATCH}/{{visit:str}}/call", status_code=200)(take_call)] if way.root == WATCH else []
    return [take_joining, take_beat, take_talk, take_leave, *calling]


def _called(call: Call | None, voice: Voice) -> Said:
    """A family's last call, and what was answered to it, in words."""
    if call is None:
        return {"state": "none", "text": "", "tongue": ""}
    formats = Formats(voice.language)
    if call.answer is None or call.answered_at is None:
        key = "newborn.watch-called"
        text = voice.say(key, time=formats.time(call.at))
        return {"state": "waiting", "text": text, "tongue": voice.tongue_of(key)}
    words = call.said or voice.language.say(f"newborn.watch-answer-word-{call.answer.value}")
    text = voice.language.say("newborn.watch-answered", time=formats.time(call.answered_at), words=words)
    return {"state": "answered", "text": text, "tongue": ""}


def _stands(stands: Now, voice: Voice, way: _Way, *, now: Instant) -> Said:
    """How a visit stands, in words for who looks; `tongues` names those that are not in the page's language."""
    formats = Formats(voice.language)
    is_before = not stands.is_over and not stands.is_at_bed
    reason = stands.reason if stands.state in {State.ARMED, State.SHIELDED} else ""
    if stands.rests and stands.state not in {State.LIVE, State.SHIELDED} and not stands.is_over:
        reason = RESTS
    kind = "over" if stands.is_over else "before" if is_before else "live" if stands.state is State.LIVE else "drawn"
    title = f"newborn.watch-title-{reason}" if reason else f"newborn.watch-kind-{kind}"
    keys = {"title": way.key(title, voice)}
    said = {"title": voice.say(keys["title"]), "back": "", "drawn": ""}
    if stands.back_at is not None:
        keys["back"] = "newborn.watch-back" if stands.back_at > now else "newborn.watch-back-soon"
        said["back"] = voice.say(keys["back"], time=formats.time(stands.back_at))
    if kind == "drawn":
        keys["drawn"] = "newborn.watch-drawn"
        said["drawn"] = voice.say(keys["drawn"], time=formats.time(stands.since))
    return {
        "kind": kind,
        "state": stands.state.value,
        **said,
        "tongues": voice.tongues(keys),
        "left": max(0, (stands.end - now) // SECOND),
        "silenced": stands.is_silenced,
    }


def _level(viewer: Viewer, stands: Now) -> str:
    """What the media server sends him; `none` where that would be the sound of a ward that nobody lets him hear."""
    return "none" if viewer.level == "sound" and not stands.is_ward_heard else viewer.level


def _why_over(stands: Now, voice: Voice, way: _Way) -> Markup:
    key = f"{'consultation.reason' if way is _CONSULTING else 'newborn.watch-over'}-{stands.reason}"
    return voice.marked(key) if stands.reason and voice.language.has(key) else Markup()


def _seconds(found: FamilyVisit, *, now: Instant) -> Mapping[str, int]:
    booked = found.booked
    return {
        "until": max(0, (booked.start - now) // SECOND),
        "left": max(0, (booked.end - now) // SECOND),
    }


def _json(said: Said, *, status: int = 200) -> Response[bytes]:
    return Response(
        orjson.dumps(said), status_code=status, media_type="application/json", headers={"cache-control": "no-store"}
    )
