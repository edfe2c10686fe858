"""What a mother says sounds at the cot: her page in one Chromium, the cart at the bed in another, real media between.

Chromium's made-up microphone beeps once a second; the cart's browser lets no page make a sound that nobody touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page

from tests.apps.newborn.test_live_page import fit, reads
from tests.apps.newborn.window import (
    MOTHER,
    QUIET,
    WATCH,
    Window,
    cart_on_air,
    falls_silent,
    has_camera,
    until,
    window_of,
)
from tianfu.apps.newborn.model.visit import State
from tianfu.db import Addresses, Database

pytestmark = pytest.mark.anyio

REMEMBERS = """
  window.peers = [];
  const real = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function(...what) {
    peers.push(this);
    return real.apply(this, what);
  };
"""
"""Remembers the page's connections."""

RECEIVED = """async () => {
  const voices = document.querySelector('[data-part=voice]').srcObject.getAudioTracks();
  let count = 0;
  for (const peer of peers)
    for (const receiver of peer.getReceivers())
      if (voices.includes(receiver.track))
        for (const said of (await receiver.getStats()).values())
          if (said.type === 'inbound-rtp') count += said.packetsReceived;
  return count;
}"""
"""How many packets of a voice the cart was ever sent."""

HEARS = """() => {
  const voice = document.querySelector('[data-part=voice]'), context = new AudioContext();
  const ear = window.ear = context.createAnalyser();
  context.createMediaStreamSource(voice.srcObject).connect(ear);
}"""
LOUDEST = """async () => {
  const voice = document.querySelector('[data-part=voice]'), samples = new Float32Array(ear.fftSize);
  if (voice.paused || voice.muted || voice.volume < 1) return 0;  // nothing of it would sound
  let most = 0;
  for (let count = 0; count < 100; count++) {
    ear.getFloatTimeDomainData(samples);
    for (const sample of samples) most = Math.max(most, Math.abs(sample));
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  return most;
}"""
"""The loudest sample of about two seconds of what the cart's loudspeaker plays."""


FORGOTTEN = """async () => {
  const real = RTCRtpReceiver.prototype.getSynchronizationSources, said = [];
  const line = document.querySelector('[data-part=sounds]');
  const watch = new MutationObserver(() => said.push(line.dataset.sounds));
  watch.observe(line, {attributes: true});
  RTCRtpReceiver.prototype.getSynchronizationSources = () => [];
  await new Promise(resolve => setTimeout(resolve, 1500));
  RTCRtpReceiver.prototype.getSynchronizationSources = real;
  watch.disconnect();
  return said;
}"""
"""What the cart says in a second and a half, ten seconds after a word: then Chromium knows no source any more."""


@pytest.fixture
async def window(database: Database, addresses: Addresses) -> AsyncIterator[Window]:
    async def on_air(window: Window) -> Page:
        return await cart_on_air(window, script=REMEMBERS)

    async with window_of(database, addresses, cart=on_air) as made:
        yield made


PLAYS_NOTHING = "HTMLAudioElement.prototype.play = () => Promise.reject(new DOMException('', 'NotAllowedError'))"
LOOKS = [("zh-CN", 320), ("en", 1440)]
"""Language and width in which a state is looked at."""

HOLD = {"zh-CN": "按住说话", "en": "Hold to talk"}
UNHEARD = {"zh-CN": "现在说话没有人听得到", "en": "Nobody would hear you"}
CART_SAYS = {
    "yes": {"zh-CN": "声音从本机放出", "en": "you hear it from this device"},
    "now": {"zh-CN": "家属正在说话", "en": "The family is speaking"},
    "no": {"zh-CN": "本机无法播放声音", "en": "This device plays no sound"},
}


async def loudest(cart: Page) -> float:
    most: float = await cart.evaluate(LOUDEST)
    return most


async def sees_picture(page: Page) -> None:
    """Wait until she sees what Chromium's made-up lens shows."""
    await page.locator("[data-watch=video]").wait_for(state="visible")


async def says(cart: Page, sounds: str) -> None:
    await cart.locator(f"[data-part=sounds][data-sounds={sounds}]").wait_for()


async def test_the_cot_hears_a_mother_while_she_presses_and_not_behind_the_curtain(window: Window) -> None:
    cart = window.cart
    assert cart is not None
    await cart.evaluate(HEARS)
    page = await window.watching(await window.resident(MOTHER, "mother-7"))
    await window.open()
    await sees_picture(page)
    assert await loudest(cart) < QUIET
    await says(cart, "yes")
    hold = page.get_by_role("button", name="Hold to talk")
    await hold.focus()
    await page.keyboard.down("Space")
    await reads(page, "told", "You are heard in the ward")
    assert await loudest(cart) > 10 * QUIET, "while the key is pressed"
    await says(cart, "now")
    assert await page.locator("[data-watch=heard]").is_hidden()
    await page.keyboard.up("Space")
    await reads(page, "told", "Your microphone is off")
    assert await falls_silent(lambda: loudest(cart)), "she let go"
    assert "now" not in await cart.evaluate(FORGOTTEN), "that the browser forgets who spoke is no word of hers"
    await page.keyboard.down("Space")
    await reads(page, "told", "You are heard in the ward")
    sent = await cart.evaluate(RECEIVED)
    assert await loudest(cart) > 10 * QUIET
    assert await cart.evaluate(RECEIVED) > sent
    await window.shield("feeding")
    assert await falls_silent(lambda: loudest(cart)), "behind the curtain, though she still holds the key"
    sent = await cart.evaluate(RECEIVED)
    assert await loudest(cart) < QUIET
    assert await cart.evaluate(RECEIVED) == sent, "nor is a packet of it sent to the cart"
    await says(cart, "yes")
    await page.keyboard.up("Space")


async def test_a_media_server_that_does_not_say_who_hears_holds_no_beat_up_and_changes_no_page(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await window.watching(await window.resident(MOTHER, "mother-7"))
    await window.open()
    await sees_picture(page)
    hold = page.get_by_role("button", name="Hold to talk")
    await until(hold.is_enabled)
    asked = asyncio.Event()

    async def says_nothing(*_: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(window.ward.house.media, "heard_by", says_nothing)
    await asyncio.wait_for(asked.wait(), 30)
    beats = [await page.wait_for_event("response", lambda each: each.url.endswith("/beat")) for _ in range(3)]
    assert [each.status for each in beats] == [200, 200, 200]
    assert not any(["heard" in await each.json() for each in beats])
    assert await hold.is_enabled()
    assert await page.locator("[data-watch=heard]").is_hidden()
    await window.shield("feeding")
    await page.locator("[data-watch=video]").wait_for(state="hidden")


@pytest.mark.parametrize(("language", "width"), LOOKS)
async def test_a_family_at_a_camera_without_a_loudspeaker_is_told_that_nobody_hears_it(
    database: Database, addresses: Addresses, language: str, width: int
) -> None:
    async with window_of(database, addresses) as window:
        await is_told_that_nobody_hears(window, language=language, width=width)


@pytest.mark.parametrize(("language", "width"), LOOKS)
async def test_a_cart_that_cannot_play_says_so_and_so_does_the_family(
    database: Database, addresses: Addresses, language: str, width: int
) -> None:
    async def silent(window: Window) -> Page:
        return await cart_on_air(window, language=language, width=width, script=PLAYS_NOTHING)

    async with window_of(database, addresses, cart=silent) as window:
        assert window.cart is not None
        await says(window.cart, "no")
        await look_at(window.cart, language, "no")
        await is_told_that_nobody_hears(window, language=language, width=width)


async def is_told_that_nobody_hears(window: Window, *, language: str, width: int) -> None:
    context = await window.resident(MOTHER, "mother-7", language=language, width=width)
    page = await window.watching(context)
    await window.open()
    await sees_picture(page)
    await reads(page, "heard", UNHEARD[language])
    hold = page.get_by_role("button", name=HOLD[language])
    assert await hold.is_disabled()
    headers = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}
    spoken = await context.request.post(f"{window.address}{WATCH}/talk", data="pressed=yes", headers=headers)
    assert (await spoken.json())["refused"] == "nobody-hears", "whatever her page would let her press"
    assert UNHEARD[language] in (await spoken.json())["words"]
    await fit(page, f"{language}-unheard-{width}")


@pytest.mark.parametrize(("language", "width"), LOOKS)
async def test_a_cart_says_that_voices_sound_there_and_that_one_does(
    database: Database, addresses: Addresses, language: str, width: int
) -> None:
    async def heard(window: Window) -> Page:
        return await cart_on_air(window, language=language, width=width)

    async with window_of(database, addresses, cart=heard) as window:
        cart = window.cart
        assert cart is not None
        page = await window.watching(await window.resident(MOTHER, "mother-7"))
        await window.open()
        await sees_picture(page)
        await look_at(cart, language, "yes")
        await page.get_by_role("button", name="Hold to talk").focus()
        await page.keyboard.down("Space")
        await look_at(cart, language, "now")
        await page.keyboard.up("Space")
        await says(cart, "yes")
        await cart.locator("[data-part=stop]").click()
        assert await cart.locator("[data-part=sounds]").is_hidden()
        assert await cart.evaluate("document.querySelector('[data-part=voice]').srcObject === null")


async def look_at(cart: Page, language: str, sounds: str) -> None:
    await says(cart, sounds)
    assert CART_SAYS[sounds][language] in await cart.locator("[data-part=sounds]").inner_text()
    size = cart.viewport_size
    await fit(cart, f"{language}-cart-sounds-{sounds}")
    assert size is not None
    await cart.set_viewport_size(size)


async def test_a_cart_that_comes_back_hears_again_and_one_that_falls_silent_says_so(window: Window) -> None:
    cart = window.cart
    assert cart is not None
    page = await window.watching(await window.resident(MOTHER, "mother-7"))
    await window.open()
    await sees_picture(page)
    await window.ward.running.port.unplug("camera-7")
    await cart.locator("[data-cart]:not([data-state=on])").wait_for()
    await cart.locator("[data-cart][data-state=on]").wait_for()
    await says(cart, "yes")
    await open_again(window)
    await sees_picture(page)
    await cart.evaluate(HEARS)
    await page.get_by_role("button", name="Hold to talk").focus()
    await page.keyboard.down("Space")
    await reads(page, "told", "You are heard in the ward")
    assert await loudest(cart) > 10 * QUIET
    await page.keyboard.up("Space")
    await cart.evaluate(f"{PLAYS_NOTHING}; document.querySelector('[data-part=voice]').pause()")
    await says(cart, "no")
    await open_again(window)
    await sees_picture(page)
    await reads(page, "heard", UNHEARD["en"])


async def open_again(window: Window) -> None:
    """The nurse opens the curtain once the other connection of the same device has taken its place."""

    async def is_drawn() -> bool:
        return await window.ward.state(7) is State.SHIELDED

    await until(is_drawn)
    await until(lambda: has_camera(window.ward))
    await window.open()
