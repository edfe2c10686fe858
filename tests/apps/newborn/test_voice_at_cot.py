"""What a mother says sounds at the cot: her page in one Chromium, the cart at the bed in another, real media between.

Chromium's made-up microphone beeps once a second; the cart's browser lets no page make a sound that nobody touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page

from tests.apps.newborn.test_live_page import QUIET, reads
from tests.apps.newborn.window import MOTHER, Window, cart_on_air, window_of
from tianfu.db import Addresses, Database

pytestmark = pytest.mark.anyio

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


@pytest.fixture
async def window(database: Database, addresses: Addresses) -> AsyncIterator[Window]:
    async with window_of(database, addresses, cart=cart_on_air) as made:
        yield made


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
    await asyncio.sleep(0.5)  # what was sent before has sounded
    assert await loudest(cart) < QUIET, "she let go"
    await page.keyboard.down("Space")
    await reads(page, "told", "You are heard in the ward")
    assert await loudest(cart) > 10 * QUIET
    await window.shield("feeding")
    await asyncio.sleep(0.5)
    assert await loudest(cart) < QUIET, "behind the curtain, though she still holds the key"
    await says(cart, "yes")
    await page.keyboard.up("Space")
