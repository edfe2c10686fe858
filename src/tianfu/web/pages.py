"""Turn a template and its values into a page in the reader's language and look."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, Environment, FileSystemLoader, PackageLoader, PrefixLoader, StrictUndefined
from litestar import Response
from litestar.datastructures import Cookie
from markupsafe import Markup, escape

from tianfu.access.caller import NOBODY, Caller
from tianfu.kernel.instants import Clock, china_date
from tianfu.web.asking import Asking, HttpRequest, read_asking
from tianfu.web.assets import Assets
from tianfu.web.compiled import Compiled
from tianfu.web.drawing.text import text_width
from tianfu.web.formats import Formats
from tianfu.web.languages import TONGUES, Language
from tianfu.web.look import COOKIE_SECONDS, LANGUAGE_COOKIE
from tianfu.web.sealing import Sealer

WEB_FOLDER = Path(__file__).parent

PLACES_MAX = 5
"""What the tab bar of a telephone holds; where a reader has more, the last of them leads to the rest."""

_OURS, _THEIRS = Compiled(), Compiled()

_BLANK_LINES = re.compile(r"\s*\n\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One place of the rail and the tab bar.

    Without roles it is everybody's who signed in; one that `is_open` also theirs who did not.  One that `gives_way` is
    left out where a reader has five others; another page leads there.
    """

    key: str
    address: str
    icon: str
    roles: frozenset[str] = frozenset()
    is_open: bool = False
    gives_way: bool = False

    def is_for(self, caller: Caller) -> bool:
        """Whether a reader has the place before him."""
        return self.is_open or (caller is not NOBODY and (not self.roles or caller.role in self.roles))


def places_of(caller: Caller, places: Sequence[Place]) -> tuple[Place, ...]:
    """Those of a reader, in their order."""
    own = tuple(place for place in places if place.is_for(caller))
    return own if len(own) <= PLACES_MAX else tuple(place for place in own if not place.gives_way)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFolder:
    """What an app lays beside its routes: its name, templates and catalogues."""

    name: str
    folder: Path


class Pages:
    """Renders pages; one for the whole site."""

    def __init__(
        self,
        *,
        apps: Sequence[AppFolder],
        languages: Mapping[str, Language],
        assets: Assets,
        places: Sequence[Place],
        sealer: Sealer,
        clock: Clock,
        is_demonstration: bool,
    ) -> None:
        self.languages = languages
        self.sealer = sealer
        self._clock = clock
        self._places = tuple(places)
        self._environment = _environment(apps)
        self._environment.globals.update(
            asset=assets.address,
            nhsuk=NhsukComponents(),
            is_demonstration=is_demonstration,
            languages=tuple(languages.values()),
            tongues=tuple(TONGUES.items()),
            text_width=text_width,
            tabs_max=PLACES_MAX,
        )

    def asking(self, request: HttpRequest) -> Asking:
        """What the request says about its reader."""
        return read_asking(request, self.languages)

    def today(self) -> date:
        """The calendar day in China."""
        return china_date(self._clock())

    def home(self, caller: Caller) -> str:
        """Where a reader begins: at the first of his places."""
        return next(place.address for place in self._places if place.is_for(caller))

    def render(self, template: str, asking: Asking, **values: object) -> str:
        """The page's HTML."""
        return self._environment.get_template(template).render(
            asking=asking,
            look=asking.look,
            language=asking.language,
            t=asking.language.say,
            t_with=partial(say_with, asking.language),
            isolated=isolated,
            formats=Formats(asking.language),
            today=self.today(),
            now=self._clock(),
            places=places_of(asking.caller, self._places),
            **values,
        )

    def page(self, template: str, asking: Asking, *, status: int = 200, **values: object) -> Response[str]:
        """The page as an answer; a language that was asked for is remembered."""
        return Response(
            self.render(template, asking, **values),
            status_code=status,
            media_type="text/html",
            headers={"cache-control": "no-store", "vary": "cookie, accept-language"},
            cookies=[language_cookie(asking.tongue or asking.language.tag)] if asking.language_was_asked else [],
        )


def say_with(language: Language, key: str, **values: Markup) -> Markup:
    """A phrase whose blanks are filled with markup of ours; the phrase itself is escaped."""
    return escape(language.say(key)).format(**values)


def isolated(name: str) -> Markup:
    """A name that no direction of writing around it can turn about (https://www.w3.org/TR/international/)."""
    return Markup("<bdi>{}</bdi>").format(name)


class NhsukComponents:
    """The macros of nhsuk-frontend-jinja by name, rendered in an environment of their own.

    Theirs lets missing parameters pass in silence; ours must not.
    """

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("nhsuk_frontend_jinja"),
            autoescape=True,
            undefined=ChainableUndefined,
            bytecode_cache=_THEIRS,
        )

    def __getattr__(self, name: str) -> Callable[[Mapping[str, Any]], Markup]:
        folder = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)
        module = self._environment.get_template(f"nhsuk/components/{folder}/macro.jinja").module
        macro: Callable[[Mapping[str, Any]], Markup] = getattr(module, name)
        return lambda parameters: Markup(_BLANK_LINES.sub("\n", macro(parameters)))  # noqa: S704 - their template escaped it


def _environment(apps: Sequence[AppFolder]) -> Environment:
    loaders = {app.name: FileSystemLoader(app.folder / "templates") for app in apps}
    loaders["web"] = FileSystemLoader([WEB_FOLDER / "templates", WEB_FOLDER])
    return Environment(
        loader=PrefixLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
        bytecode_cache=_OURS,
    )


def language_cookie(tag: str) -> Cookie:
    """What remembers the language that somebody chose on a device."""
    return Cookie(key=LANGUAGE_COOKIE, value=tag, max_age=COOKIE_SECONDS, httponly=True, samesite="lax")
