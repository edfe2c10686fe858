"""A cart with two lenses in a live visit: Chromium's made-up lenses have a green corner and a yellow one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page

from tests.apps.newborn.test_live_page import fit, reads
from tests.apps.newborn.test_voice_at_cot import sees_picture
from tests.apps.newborn.ward import QIN, XIANG
from tests.apps.newborn.window import MOTHER, VISIT, Window, cart_on_air, has_camera, until, window_of
from tianfu.apps.newborn.actions.confirm_binding import confirm_binding
from tianfu.apps.newborn.actions.scan_codes import scan_code
from tianfu.apps.newborn.model.binding import Code
from tianfu.apps.newborn.model.visit import CAMERA_ADJUSTED, LENS_TURNED, State
from tianfu.db import Addresses, Database
from tianfu.kernel.refusal import Refusal

pytestmark = pytest.mark.anyio

TWO_LENSES = """
  const devices = navigator.mediaDevices, all = devices.enumerateDevices.bind(devices);
  devices.enumerateDevices = async () => (await all()).filter(each => each.label !== 'fake_device_1');
"""
"""Of three made-up lenses the second one films in a way (Y16) that no browser sends: this device has it not."""

SEES = """place => {
  const video = document.querySelector(place), small = document.createElement('canvas');
  const pen = small.getContext('2d', {willReadFrequently: true}), lenses = window.lenses = [];
  small.width = 64; small.height = 36;
  const look = () => {
    pen.drawImage(video, 0, 0, 64, 36);
    const [red, green] = pen.getImageData(1, 1, 1, 1).data;
    lenses.push(green > red + 60 ? 'green' : 'yellow');
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}"""
"""Notes of each picture that is shown through which lens it was filmed."""

ANOTHER = """() => {
  const devices = navigator.mediaDevices, real = devices.getUserMedia.bind(devices);
  const lens = document.querySelector('[data-part=own]').srcObject.getVideoTracks()[0].getSettings().deviceId;
  devices.getUserMedia = async ({video}) => {
    const others = (await devices.enumerateDevices()).filter(each => each.kind === 'videoinput');
    const other = others.find(each => each.deviceId !== lens).deviceId;
    return real({video: {...video, deviceId: {exact: other}}, audio: false});
  };
}"""
"""The lens through which this device looked is pulled out: whatever is asked for, it gives the other one."""

SAYS = {
    "zh-CN": {"done": "该核对已失效", "no": "摄像头没有切换", "family": "护士正在为您调整摄像头"},
    "en": {
        "done": "that check counts no more",
        "no": "The camera was not turned",
        "family": "The nurse is turning the camera",
    },
}


def on_air_in(language: str, width: int) -> Callable[[Window], Awaitable[Page]]:
    """A cart with two lenses."""
    return lambda window: cart_on_air(window, language=language, width=width, script=TWO_LENSES)


async def lenses(page: Page) -> set[str]:
    """Through which lenses what was shown since the last call was filmed."""
    found: list[str] = await page.evaluate("lenses.splice(0)")
    return set(found)


async def shows(page: Page, lens: str) -> None:
    """Wait until somebody is shown pictures of this lens."""

    async def does() -> bool:
        return lens in await lenses(page)

    await until(does)


async def turned(cart: Page, how: str, language: str) -> None:
    line = cart.locator(f"[data-part=turned][data-turned={how}]")
    await line.wait_for()
    assert SAYS[language][how] in await line.inner_text()


async def on_air(cart: Page, lens: str) -> None:
    """Wait until a cart sends, and shows itself what it sends."""
    await cart.locator("[data-cart][data-state=on]").wait_for()
    await shows(cart, lens)


async def scanned(window: Window) -> None:
    for code, text in ((Code.WRISTBAND, "W0007"), (Code.BED, "B07"), (Code.CAMERA, "C07")):
        await scan_code(window.ward.house, QIN, "qin", VISIT, code, text, now=window.ward.clock())


async def sent(window: Window) -> int:
    """How many packets of picture or sound were sent to who watches."""
    return sum(each.packets for each in await window.ward.running.port.stats())


async def sends(window: Window) -> bool:
    """Whether pictures of the cart reach the media server over the connection that it has now."""
    return any(each.packets for each in await window.ward.running.port.cameras())


async def is_unbound(window: Window) -> None:
    """The curtain is drawn, nothing that was scanned before binds, and no touch opens."""
    house, now = window.ward.house, window.ward.clock
    visit = (await window.ward.standing(7)).visit
    assert (visit.state, visit.reason, visit.is_adjusted) == (State.SHIELDED, CAMERA_ADJUSTED, True)
    assert await house.rooms.scans(VISIT) == []
    with pytest.raises(Refusal):
        await confirm_binding(house, XIANG, "xiang", VISIT, now=now())
    await until(lambda: has_camera(window.ward))
    with pytest.raises(Refusal, match="visit-cut") as refused:
        await window.open()
    assert refused.value.details == {"reason": "not-bound"}


async def test_no_picture_of_the_other_lens_reaches_a_family_before_the_bed_was_checked_anew(
    database: Database, addresses: Addresses
) -> None:
    async with window_of(database, addresses, cart=on_air_in("zh-CN", 320)) as window:
        cart = window.cart
        assert cart is not None
        key = cart.locator("[data-part=turn]")
        page = await window.watching(await window.resident(MOTHER, "mother-7", language="zh-CN"))
        await page.evaluate(SEES, "#watch video")
        await cart.evaluate(SEES, "[data-part=own]")
        await window.open()
        await sees_picture(page)
        await cart.route("**/newborn/cart/*/lens", lambda route: route.abort())
        await key.click()
        await turned(cart, "no", "zh-CN")
        await shows(page, "green")
        assert await window.ward.state(7) is State.LIVE
        assert await lenses(cart) == {"green"}, "without the server's word nothing is turned"
        await fit(cart, "zh-CN-cart-not-turned")
        await cart.unroute("**/newborn/cart/*/lens")
        await scanned(window)
        await key.click()
        await on_air(cart, "yellow")
        await turned(cart, "done", "zh-CN")
        await reads(page, "title", SAYS["zh-CN"]["family"])
        await is_unbound(window)
        await until(lambda: sends(window))
        before = await sent(window)
        await asyncio.sleep(0.5)  # some more pictures of the other lens
        assert await sent(window) == before
        assert await lenses(page) <= {"green"}, "nothing of the other lens came"
        await fit(cart, "zh-CN-cart-turned")
        await window.ward.arm(7)
        await window.open()
        await shows(page, "yellow")
        first = (await window.ward.standing(7)).bindings[0]
        assert first.moved is not None
        assert (first.moved.by, first.moved.why) == ("qin", LENS_TURNED)
        assert [row[1] for row in await window.ward.trail("move-camera")] == ["success"]


async def test_behind_the_curtain_too_and_neither_a_reload_nor_another_lens_takes_the_bound_one_s_place(
    database: Database, addresses: Addresses
) -> None:
    async with window_of(database, addresses, cart=on_air_in("en", 1440)) as window:
        cart = window.cart
        assert cart is not None
        await cart.evaluate(SEES, "[data-part=own]")
        await window.open()
        await window.shield("feeding")
        await cart.locator("[data-part=turn]").click()
        await on_air(cart, "yellow")
        await turned(cart, "done", "en")
        await fit(cart, "en-cart-turned")
        await is_unbound(window)
        await window.ward.arm(7)
        await cart.locator("[data-part=stop]").click()
        await cart.locator("[data-part=start]").click()
        await on_air(cart, "yellow")
        await cart.evaluate(ANOTHER)
        await cart.locator("[data-part=stop]").click()
        await cart.locator("[data-part=start]").click()
        await cart.locator("[data-cart][data-state=bound]").wait_for()
        await cart.reload()
        await cart.locator("[data-part=start]").click()
        await cart.locator("[data-cart][data-state=bound]").wait_for()
