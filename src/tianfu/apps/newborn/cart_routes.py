"""The cart's pages over HTTP: a telephone or tablet at a bed that stands for a camera.

Beside the scanner at the bed the only pages of staff on which a browser may use its camera; and its microphone nowhere
else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from litestar import Response, get, post
from litestar.enums import MediaType
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from tianfu.apps.newborn.actions.start_cart import Granting, start_cart
from tianfu.apps.newborn.actions.turn_lens import LensDoor, turn_lens
from tianfu.apps.newborn.live.bed import NURSES, practitioner_of
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.pages import CART_HERE
from tianfu.apps.newborn.queries.carts import CameraBook, read_cart, read_carts, read_sound
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.port import OffersFirst
from tianfu.web.admission import limited
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.outcome import status_of
from tianfu.web.pages import Pages

CART = "/newborn/cart"

CAMERA_BOUND = "camera-bound"
"""The one refusal that the page tells apart; the door of pictures answers with the same code."""


class CartGrants(Granting, LensDoor, Protocol):
    """How a cart comes in, how it is known again, and how it is let go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carts:
    """What the cart's pages stand on."""

    house: House
    book: CameraBook
    granting: CartGrants


def cart_routes(pages: Pages, carts: Carts) -> list[HTTPRouteHandler]:
    """The list of carts, a cart's own page, and what this page asks for; for nurses alone."""

    @get(CART)
    async def list_carts(request: HttpRequest) -> Response[str]:
        asking = pages.asking(request)
        practitioner_of(asking, NURSES)
        found = await read_carts(carts.house, carts.book, asking.caller)
        return pages.page("newborn/cart/list.html", asking, carts=found)

    @get(f"{CART}/{{camera:str}}")
    async def show_cart(request: HttpRequest, camera: FromPath[str]) -> Response[str]:
        asking = pages.asking(request)
        practitioner_of(asking, NURSES)
        cart = await read_cart(carts.house, carts.book, asking.caller, camera)
        page = pages.page("newborn/cart/cart.html", asking, cart=cart)
        page.headers.update(CART_HERE)
        return page

    @post(f"{CART}/{{camera:str}}/grant", status_code=200)
    async def grant_cart(request: HttpRequest, camera: FromPath[str]) -> Response[dict[str, str | bool]]:
        asking = pages.asking(request)
        practitioner_of(asking, NURSES)
        cart = await read_cart(carts.house, carts.book, asking.caller, camera)
        key = {"kty": "EC", "crv": "P-256", **await read_form(request, "x", "y")}
        try:
            grant = await start_cart(carts.granting, asking.caller, cart.id, key, now=carts.house.clock())
        except Refusal as refusal:
            if refusal.code != CAMERA_BOUND:
                raise
            return Response({"code": CAMERA_BOUND}, media_type=MediaType.JSON, status_code=status_of(refusal))
        # Janus shows everybody one picture: a second line would cost the device and reach nobody.
        said: dict[str, str | bool] = {"grant": grant.text, "smaller": not isinstance(carts.house.media, OffersFirst)}
        return Response(said, media_type=MediaType.JSON, headers={"cache-control": "no-store"})

    @post(f"{CART}/{{camera:str}}/sound", status_code=200, opt=dict(limited("page")))
    async def ask_sound(request: HttpRequest, camera: FromPath[str]) -> Response[dict[str, bool]]:
        asking = pages.asking(request)
        practitioner_of(asking, NURSES)
        shown = await read_form(request, "connection")
        found = await read_sound(carts.house, carts.granting, asking.caller, camera, shown["connection"])
        said = {"open": found.is_open, "heard": found.is_heard}
        return Response(said, media_type=MediaType.JSON, headers={"cache-control": "no-store"})

    @post(f"{CART}/{{camera:str}}/lens", status_code=204, opt=dict(limited("write")))
    async def turn(request: HttpRequest, camera: FromPath[str]) -> Response[None]:
        asking = pages.asking(request)
        nurse = practitioner_of(asking, NURSES)
        shown = (await read_form(request, "connection"))["connection"]
        house, door = carts.house, carts.granting
        await turn_lens(house, door, asking.caller, nurse, camera, shown, now=house.clock())
        return Response(None, status_code=204)

    return [list_carts, show_cart, grant_cart, ask_sound, turn]
