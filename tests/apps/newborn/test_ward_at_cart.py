"""The ward's sound from a cart: its microphone in one Chromium, a mother's ears in another, real media between.

Chromium's made-up microphone beeps once a second.
"""

from __future__ import annotations

from typing import Any, cast

import pytest
from playwright.async_api import Page

from tests.apps.newborn.test_interpreter import agreed
from tests.apps.newborn.test_live_page import fit, reads
from tests.apps.newborn.test_voice_at_cot import open_again, sees_picture
from tests.apps.newborn.ward import QIN
from tests.apps.newborn.window import (
    GRANDMOTHER,
    MOTHER,
    QUIET,
    VISIT,
    Window,
    cart_on_air,
    falls_silent,
    until,
    window_of,
)
from tests.services.realtime.janus_running import adapted_janus
from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.interpret import let_interpret
from tianfu.apps.newborn.actions.set_sound import Sound, set_sound
from tianfu.apps.newborn.queries.carts import read_sound
from tianfu.db import Addresses, Database
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.grants import Connection
from tianfu.services.realtime.protocol.grants import Action

pytestmark = pytest.mark.anyio

REMEMBERS = """
  window.asked = []; window.given = [];
  const devices = navigator.mediaDevices, real = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async what => {
    asked.push(what);
    if (what.audio && window.denied) throw new DOMException('', 'NotAllowedError');
    const stream = await real(what);
    given.push(...stream.getAudioTracks());
    return stream;
  };
  window.pictures = [];
  const add = RTCPeerConnection.prototype.addTransceiver;
  RTCPeerConnection.prototype.addTransceiver = function(what, how) {
    if (what.kind === 'video') pictures.push(what);
    return add.call(this, what, how);
  };
"""
"""Remembers what the page asks of the device, which microphones it was given, and what pictures it sends; denies a
microphone if told to."""

HEARS = """() => {
  const video = document.querySelector('#watch video'), context = new AudioContext();
  const ear = window.ear = context.createAnalyser();
  for (const track of video.srcObject.getAudioTracks())
    context.createMediaStreamSource(new MediaStream([track])).connect(ear);
}"""
NURSE = Caller(id="nurse", role="nurse")
LOUDEST = """async () => {
  const samples = new Float32Array(ear.fftSize);
  let most = 0;
  for (let count = 0; count < 55; count++) {
    ear.getFloatTimeDomainData(samples);
    for (const sample of samples) most = Math.max(most, Math.abs(sample));
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  return most;
}"""
"""The loudest sample of more than a second of all that she is sent."""

SAYS = {
    "heard": {"zh-CN": "麦克风已开。家属正听到", "en": "MICROPHONE ON. The family hears"},
    "unheard": {"zh-CN": "麦克风已开，但没有人听得到", "en": "MICROPHONE ON, but nobody hears it"},
    "denied": {"zh-CN": "画面继续传送", "en": "The picture goes on"},
}


async def says(cart: Page, hears: str, language: str = "") -> None:
    line = cart.locator(f"[data-part=hears][data-hears={hears}]")
    await line.wait_for()
    if language:
        assert SAYS[hears][language] in await line.inner_text()
    is_on = str(hears in {"heard", "unheard"}).lower()
    assert await cart.locator("[data-part=microphone]").get_attribute("aria-checked") == is_on
    lives = await cart.evaluate("given.some(track => track.readyState === 'live')")
    assert str(lives).lower() == is_on, "a microphone that is off is given back"


async def is_silent(page: Page) -> bool:
    return await falls_silent(lambda: page.evaluate(LOUDEST))


async def sounds(page: Page) -> bool:
    return bool(await page.evaluate(LOUDEST) > 10 * QUIET)


async def look_at(cart: Page, name: str) -> None:
    size = cart.viewport_size
    await fit(cart, name)
    assert size is not None
    await cart.set_viewport_size(size)


async def test_a_mother_hears_the_ward_while_the_cart_and_the_nurse_both_let_her_and_the_curtain_is_open(
    database: Database, addresses: Addresses
) -> None:
    async def on_air(window: Window) -> Page:
        return await cart_on_air(window, language="zh-CN", width=320, script=REMEMBERS)

    async with window_of(database, addresses, cart=on_air) as window:
        cart, house = window.cart, window.ward.house
        assert cart is not None
        key = cart.locator("[data-part=microphone]")
        page = await window.watching(await window.resident(MOTHER, "mother-7"))
        await key.click()
        await says(cart, "drawn")
        await window.open()
        await sees_picture(page)
        await page.evaluate(HEARS)
        await set_sound(house, QIN, VISIT, Sound.WARD_ON)
        assert await is_silent(page), "nobody has turned the microphone on"
        assert not await cart.evaluate("asked.some(each => each.audio)"), "nor was one asked for"
        await set_sound(house, QIN, VISIT, Sound.WARD_OFF)
        await key.focus()
        await cart.keyboard.press("Space")
        await says(cart, "unheard", "zh-CN")
        wanted = {"echoCancellation": True, "noiseSuppression": True, "autoGainControl": True}
        assert await cart.evaluate("asked.filter(each => each.audio)") == [{"audio": wanted, "video": False}]
        assert await is_silent(page), "the ward's sound is off for this visit"
        await set_sound(house, QIN, VISIT, Sound.WARD_ON)
        await says(cart, "heard", "zh-CN")
        assert await sounds(page)
        await look_at(cart, "zh-CN-cart-heard")
        hold = page.get_by_role("button", name="Hold to talk")
        await hold.focus()
        await page.keyboard.down("Space")
        await reads(page, "told", "You are heard in the ward")
        assert await is_silent(page), "she would hear herself"
        await page.keyboard.up("Space")
        await until(lambda: sounds(page))  # once nothing of hers sounds at the cot any more
        await set_sound(house, QIN, VISIT, Sound.WARD_OFF)
        assert await is_silent(page)
        await says(cart, "unheard")
        await set_sound(house, QIN, VISIT, Sound.WARD_ON)
        await key.click()
        assert await key.get_attribute("aria-checked") == "false"
        assert await is_silent(page)
        await key.click()
        await says(cart, "heard")
        assert await sounds(page)
        await window.shield("feeding")
        assert await is_silent(page)
        await says(cart, "ended")
        await open_again(window)
        await sees_picture(page)
        assert await is_silent(page), "it must be turned on again by hand"
        await says(cart, "ended")


async def an_interpreter_speaks(window: Window, cart: Page) -> None:
    """Somebody whom the mother asked and a nurse let in holds the key: the cart says whose voice it is."""
    await window.windows.nursery.interpreters.ask(
        QIN,
        visit=VISIT,
        baby="baby-7",
        guardian="mother-7",
        telephone=GRANDMOTHER,
        name="示例外婆",
        sees=True,
        until=Instant(window.ward.clock() + 3_600 * SECOND),
    )
    person = await window.resident(GRANDMOTHER, "nobody", is_tied=False)
    await agreed(window, person)
    await let_interpret(window.windows, QIN, "qin", VISIT, (await window.signed_in(person)).account.id)
    page = await window.watching(person)
    await sees_picture(page)
    await page.get_by_role("button", name="Hold to talk").focus()
    await page.keyboard.down("Space")
    line = cart.locator("[data-part=sounds][data-sounds=interpreter]")
    await line.wait_for()
    assert "The interpreter is speaking" in await line.inner_text()
    await page.keyboard.up("Space")
    await cart.locator("[data-part=sounds][data-sounds=yes]").wait_for()


async def test_a_cart_keeps_its_picture_without_a_microphone_is_deaf_when_hidden_and_says_whose_voice_sounds(
    database: Database, addresses: Addresses
) -> None:
    async def on_air(window: Window) -> Page:
        return await cart_on_air(window, language="en", width=1440, script=REMEMBERS)

    async with window_of(database, addresses, cart=on_air) as window:
        cart = window.cart
        assert cart is not None
        key = cart.locator("[data-part=microphone]")
        page = await window.watching(await window.resident(MOTHER, "mother-7"))
        await window.open()
        await sees_picture(page)
        await cart.evaluate("window.denied = true")
        await key.click()
        await says(cart, "denied", "en")
        await look_at(cart, "en-cart-denied")
        assert await cart.locator("[data-cart]").get_attribute("data-state") == "on"
        assert await page.locator("[data-watch=video]").is_visible()
        await cart.evaluate("window.denied = false")
        await set_sound(window.ward.house, QIN, VISIT, Sound.WARD_ON)
        await key.click()
        await says(cart, "heard", "en")
        await look_at(cart, "en-cart-heard")
        await cart.evaluate("""() => {
            Object.defineProperty(document, 'hidden', {value: true, configurable: true});
            document.dispatchEvent(new Event('visibilitychange'));
            delete document.hidden;
        }""")
        await says(cart, "ended")
        await key.click()
        await says(cart, "heard")
        await cart.route("**/newborn/cart/*/sound", lambda route: route.fulfill(status=503))
        await says(cart, "ended")
        await cart.unroute("**/newborn/cart/*/sound")
        await key.click()
        await says(cart, "heard")
        await an_interpreter_speaks(window, cart)
        both = "pictures.map(each => each.readyState)"
        assert await cart.evaluate(both) == ["live", "live"], "a picture, and a smaller one"
        await cart.locator("[data-part=stop]").click()
        assert await cart.evaluate(both) == ["ended", "ended"]
        assert await key.get_attribute("aria-checked") == "false"
        assert not await cart.evaluate("given.some(track => track.readyState === 'live')")


async def test_on_janus_she_hears_it_too_and_the_cart_says_that_no_voice_sounds_there(
    database: Database, addresses: Addresses
) -> None:
    async def on_air(window: Window) -> Page:
        return await cart_on_air(window, script=REMEMBERS)

    async with window_of(database, addresses, server=adapted_janus, cart=on_air) as window:
        cart, house = window.cart, window.ward.house
        assert cart is not None
        page = await window.watching(await window.resident(MOTHER, "mother-7"))
        await window.open()
        await sees_picture(page)
        await page.evaluate(HEARS)
        await cart.locator("[data-part=sounds][data-sounds=not-carried]").wait_for()
        assert await cart.evaluate("pictures.length") == 1, "Janus switches nobody to a smaller one"
        await cart.locator("[data-part=microphone]").click()
        await says(cart, "unheard")
        assert await is_silent(page)
        await set_sound(house, QIN, VISIT, Sound.WARD_ON)
        assert await sounds(page)
        await window.shield("feeding")
        assert await is_silent(page)
        await says(cart, "ended")


class Door:
    """Knows one connection: the cart of the seventh bed, which this nurse put on air."""

    async def connection(self, secret: str) -> Connection:
        if secret != "secret":
            raise Refusal("connection-unknown")
        return Connection(
            digest=b"",
            caller=NURSE,
            visit="",
            participant="",
            action=Action.WHIP_CAMERA,
            camera="camera-7",
            device="",
            tag="",
            is_offered=False,
            is_revoked=False,
        )


@pytest.mark.parametrize(
    ("caller", "camera", "secret"),
    [("another", "camera-7", "secret"), ("nurse", "camera-8", "secret"), ("nurse", "camera-7", "guessed")],
)
async def test_nobody_but_the_cart_that_is_on_air_learns_whether_the_ward_is_heard(
    caller: str, camera: str, secret: str
) -> None:
    asks = Caller(id=caller, role="nurse")
    with pytest.raises(Refusal, match="connection-unknown"):
        await read_sound(cast("Any", None), Door(), asks, camera, secret)
