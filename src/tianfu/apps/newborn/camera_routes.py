"""The head nurse's page of cameras over HTTP; no address, user or password of a camera is ever shown again."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.newborn.actions.keep_cameras import CameraDesk, add_camera, change_login, hang_camera, switch_camera
from tianfu.apps.newborn.pages import faults_of, head_nurse, led, page_of
from tianfu.apps.newborn.queries.cameras import read_camera, read_cameras
from tianfu.apps.newborn.queries.carts import beds_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.cameras.registry import Kind
from tianfu.web.admission import limited
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.outcome import status_of
from tianfu.web.pages import Pages

CAMERAS = "/newborn/cameras"
DONE = frozenset({"registered", "changed", "hung", "retired", "returned"})
SOURCE_FIELDS = ("address", "user", "password")

SHOWN_AGAIN = frozenset(
    {
        "camera-unusable",
        "camera-known",
        "bed-unknown",
        "camera-bound",
        "camera-address-malformed",
        "camera-address-known",
        "camera-away",
        "camera-leads-elsewhere",
        "camera-leads-here",
        "camera-login-refused",
        "camera-no-picture",
        "camera-codec",
        "camera-out-of-order",
        "camera-profile",
        "camera-size",
        "camera-rate",
        "camera-whole-pictures",
        "ffmpeg-missing",
        "version-conflict",
    }
)
"""What is said on the same page, with what must be changed in the camera."""


def camera_routes(pages: Pages, desk: CameraDesk) -> list[HTTPRouteHandler]:
    """The list, the form that registers, and what is done to one camera; for the head nurse alone."""
    return [*_list(pages, desk), *_one(pages, desk)]


async def _shown(
    pages: Pages, request: HttpRequest, desk: CameraDesk, refusal: Refusal | None = None, **said: object
) -> Response[str]:
    caller = head_nurse(request).caller
    done = request.query_params.get("done", "")
    if refusal is not None and refusal.code not in SHOWN_AGAIN:
        raise refusal
    return page_of(pages, request)(
        "head-nurse/cameras.html",
        status=200 if refusal is None else status_of(refusal),
        cameras=await read_cameras(desk.house, desk.cameras, caller),
        beds=sorted((await beds_of(desk.house, caller)).items(), key=lambda each: each[1]),
        kinds=tuple(Kind),
        told=SHOWN_AGAIN | {"camera-unwatched"},
        **{
            "done": done if done in DONE else "",
            "faults": {} if refusal is None else faults_of(refusal),
            "refused": "" if refusal is None or refusal.faults else refusal.code,
            **said,
        },
    )


def _list(pages: Pages, desk: CameraDesk) -> list[HTTPRouteHandler]:
    @get(CAMERAS)
    async def show_cameras(request: HttpRequest) -> Response[str]:
        return await _shown(pages, request, desk)

    @post(CAMERAS, status_code=200, opt=dict(limited("camera-look")))
    async def take_camera(request: HttpRequest) -> Response[str] | Redirect:
        caller = head_nurse(request).caller
        form = await read_form(request, "label", "bed", "kind", *SOURCE_FIELDS)
        try:
            await add_camera(desk, caller, form)
        except Refusal as refusal:
            return await _shown(pages, request, desk, refusal, form={**form, "password": ""})
        return led(CAMERAS, done="registered")

    return [show_cameras, take_camera]


def _one(pages: Pages, desk: CameraDesk) -> list[HTTPRouteHandler]:
    async def one(request: HttpRequest, camera: str, refusal: Refusal | None = None, **said: object) -> Response[str]:
        if refusal is not None and refusal.code not in SHOWN_AGAIN:
            raise refusal
        caller = head_nurse(request).caller
        found = await read_camera(desk.house, desk.cameras, caller, camera)
        return page_of(pages, request)(
            "head-nurse/camera.html",
            status=200 if refusal is None else status_of(refusal),
            camera=found,
            beds=sorted((await beds_of(desk.house, caller)).items(), key=lambda each: each[1]),
            **{
                "faults": {} if refusal is None else faults_of(refusal),
                "refused": "" if refusal is None or refusal.faults else refusal.code,
                **said,
            },
        )

    @get(f"{CAMERAS}/{{camera:str}}")
    async def show_camera(request: HttpRequest, camera: FromPath[str]) -> Response[str]:
        return await one(request, camera)

    @post(f"{CAMERAS}/{{camera:str}}/login", status_code=200, opt=dict(limited("camera-look")))
    async def take_login(request: HttpRequest, camera: FromPath[str]) -> Response[str] | Redirect:
        caller, form = head_nurse(request).caller, await read_form(request, *SOURCE_FIELDS)
        try:
            await change_login(desk, caller, camera, form)
        except Refusal as refusal:
            return await one(request, camera, refusal, form={**form, "password": ""})
        return led(CAMERAS, done="changed")

    @post(f"{CAMERAS}/{{camera:str}}/bed", status_code=200)
    async def take_bed(request: HttpRequest, camera: FromPath[str]) -> Response[str] | Redirect:
        caller, form = head_nurse(request).caller, await read_form(request, "bed")
        try:
            await hang_camera(desk, caller, camera, form["bed"])
        except Refusal as refusal:
            return await one(request, camera, refusal, form=form)
        return led(CAMERAS, done="hung")

    @post(f"{CAMERAS}/{{camera:str}}/retire", status_code=303)
    async def retire(request: HttpRequest, camera: FromPath[str]) -> Redirect:
        await switch_camera(desk, head_nurse(request).caller, camera, is_on=False)
        return led(CAMERAS, done="retired")

    @post(f"{CAMERAS}/{{camera:str}}/return", status_code=200)
    async def use_again(request: HttpRequest, camera: FromPath[str]) -> Response[str] | Redirect:
        try:
            await switch_camera(desk, head_nurse(request).caller, camera, is_on=True)
        except Refusal as refusal:
            return await one(request, camera, refusal)
        return led(CAMERAS, done="returned")

    return [show_camera, take_login, take_bed, retire, use_again]
