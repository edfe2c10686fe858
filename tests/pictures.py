"""Pictures of pages: asked for again where the browser could not copy what it had drawn.

Chromium answers "Unable to capture screenshot" where no drawn frame was at hand when it was to be copied.  That says
nothing of the page, which is as it was; whatever else goes wrong is told at once.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from playwright.async_api import Page as AsyncPage
from playwright.sync_api import Error, Page

TRIES = 3
PAUSE_SECONDS = 0.2
NOT_COPIED = "Unable to capture screenshot"


def take_picture(page: Page, path: Path, *, full_page: bool = False) -> None:
    """Keep a picture of what the window shows, or of the whole page; raises Playwright's error."""
    for left in reversed(range(TRIES)):
        try:
            page.screenshot(path=path, full_page=full_page)
        except Error as error:
            if not left or NOT_COPIED not in error.message:
                raise
            time.sleep(PAUSE_SECONDS)
        else:
            return


async def take_picture_of(page: AsyncPage, path: Path, *, full_page: bool = False) -> None:
    """The same where a browser is awaited."""
    for left in reversed(range(TRIES)):
        try:
            await page.screenshot(path=path, full_page=full_page)
        except Error as error:
            if not left or NOT_COPIED not in error.message:
                raise
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            return
