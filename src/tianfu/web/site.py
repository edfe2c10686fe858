"""The site: apps' pages inside one shell, with protection, assets, preferences and health around them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from litestar import Litestar, Response, get
from litestar.config.compression import CompressionConfig
from litestar.exceptions import HTTPException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.limits.limiter import Limiter
from tianfu.web.admission import (
    OPEN,
    OWN_PASSWORD_PATH,
    SECOND_FACTOR_PATH,
    LetIn,
    NotAdmittedError,
    PasswordHandedOverError,
    SecondFactorMissingError,
    SessionCookies,
    to_entrance,
)
from tianfu.web.asking import Asking, HttpRequest
from tianfu.web.assets import ASSETS_PATH, Assets, load_assets
from tianfu.web.callers import Callers
from tianfu.web.failures import Failures, Help
from tianfu.web.forms import PlainForms
from tianfu.web.languages import load_languages
from tianfu.web.leaving import leaving_routes
from tianfu.web.news import Telling, nothing_new
from tianfu.web.pages import WEB_FOLDER, AppFolder, Pages, Place
from tianfu.web.preferences import PREFERENCES_PATH, preference_routes
from tianfu.web.protection import LOOPBACK_HOSTS, OwnVisitorsOnly, protective_headers
from tianfu.web.sealing import Sealer

FORM_BYTES_MAX = 64 * 1_024
COMPRESSED_FROM_BYTES = 500
FOR_EVER = "public, max-age=31536000, immutable"

PREFERENCES_PLACE = Place(key="place.preferences", address=PREFERENCES_PATH, icon="i-big", is_open=True, gives_way=True)


def no_help(_asking: Asking, _refusal: Refusal) -> Help | None:
    """An app that knows no way on from a refusal."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One app as the site takes it: where its templates and catalogues lie, its places, its routes, its ways on.

    `news` says what waits for somebody at one of its places.  `help` says what a reader may do about a refusal, which
    can be another app's; what it offers must not tell whether a record exists.
    """

    name: str
    folder: Path
    places: tuple[Place, ...]
    routes: Callable[[Pages], Sequence[ControllerRouterHandler]]
    help: Callable[[Asking, Refusal], Help | None] = no_help
    news: Telling = nothing_new


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSettings:
    """What the operator decides; `seal_key` is 32 bytes that all workers share."""

    seal_key: bytes
    is_demonstration: bool
    is_production: bool
    hosts: Collection[str] = LOOPBACK_HOSTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorkeeping:
    """Who lets people in, and who counts what they ask."""

    callers: Callers
    limiter: Limiter


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteParts:
    """Handlers and hooks from outside the pages: the machine gateways, and what starts and ends with the site."""

    handlers: Sequence[ControllerRouterHandler] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


def build_site(
    *,
    apps: Sequence[App],
    settings: SiteSettings,
    doorkeeping: Doorkeeping,
    clock: Clock,
    assets: Assets | None = None,
    parts: SiteParts | None = None,
) -> Litestar:
    """Put the site together; `parts.options` go to Litestar as they are (lifespan, state)."""
    held = load_assets() if assets is None else assets
    pages = Pages(
        apps=[AppFolder(name=app.name, folder=app.folder) for app in apps],
        languages=load_languages([WEB_FOLDER / "languages", *(app.folder / "languages" for app in apps)]),
        assets=held,
        places=[*(place for app in apps for place in app.places), PREFERENCES_PLACE],
        sealer=Sealer(settings.seal_key, clock),
        clock=clock,
        is_demonstration=settings.is_demonstration,
    )
    failures = Failures(pages, helps=[app.help for app in apps])
    cookies = SessionCookies(is_secure=settings.is_production)
    parts = parts or SiteParts()
    return Litestar(
        route_handlers=[
            *(handler for app in apps for handler in app.routes(pages)),
            home_route(pages),
            *preference_routes(pages),
            *leaving_routes(doorkeeping.callers, cookies),
            asset_route(held),
            healthz,
            *parts.handlers,
        ],
        middleware=[
            OwnVisitorsOnly(settings.hosts, is_production=settings.is_production, session_cookie=cookies.name),
            PlainForms(),
            LetIn(
                doorkeeping.callers,
                doorkeeping.limiter,
                cookies,
                telling=[app.news for app in apps if app.news is not nothing_new],
            ),
        ],
        before_send=[protective_headers(is_production=settings.is_production)],
        exception_handlers={
            PasswordHandedOverError: lambda _request, _error: Redirect(OWN_PASSWORD_PATH, status_code=303),
            SecondFactorMissingError: lambda _request, _error: Redirect(SECOND_FACTOR_PATH, status_code=303),
            NotAdmittedError: lambda request, error: to_entrance(request, error.refusal, cookies),
            Refusal: failures.refused,
            HTTPException: failures.http_error,
            Exception: failures.unexpected,
        },
        compression_config=CompressionConfig(
            backend="gzip", gzip_compress_level=6, minimum_size=COMPRESSED_FROM_BYTES, exclude=[ASSETS_PATH]
        ),
        request_max_body_size=FORM_BYTES_MAX,
        openapi_config=None,
        # Said, because else an environment variable of the framework decides whether strangers see its debug pages.
        debug=False,
        pdb_on_exception=False,
        **parts.options,
    )


def home_route(pages: Pages) -> HTTPRouteHandler:
    """The address without a path leads to where its reader begins."""

    @get("/")
    async def begin_at_home(request: HttpRequest) -> Redirect:
        return Redirect(pages.home(pages.asking(request).caller), status_code=303)

    return begin_at_home


def asset_route(assets: Assets) -> HTTPRouteHandler:
    """Serve the built files; a name holds a hash of the content, so an answer is good for ever."""

    @get(ASSETS_PATH + "{name:path}", opt=dict(OPEN))
    async def serve_asset(request: HttpRequest, name: FromPath[str]) -> Response[bytes]:
        asset = assets.files.get(name.lstrip("/"))
        if asset is None:
            raise NotFoundException
        headers = {"cache-control": FOR_EVER, "vary": "accept-encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(asset.gzipped, media_type=asset.media_type, headers={**headers, "content-encoding": "gzip"})
        return Response(asset.plain, media_type=asset.media_type, headers=headers)

    return serve_asset


@get("/healthz", media_type="text/plain", opt=dict(OPEN))
async def healthz() -> str:
    """Say that this worker answers; what it stands on is told by the operator's own checks."""
    return "ok"
