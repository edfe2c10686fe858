"""Looks at a page as it stands, on a small telephone and at a desk: a journey in each language sees every page in four.

Nothing is loaded anew for the other size: whatever is live goes on.
"""

from __future__ import annotations

from playwright.sync_api import Page

from tests.journeys.conftest import PICTURES
from tests.journeys.test_for_everybody import findings, overflow
from tests.pictures import take_picture

SIZES = (320, 1440)


def wrong_with(page: Page, name: str) -> list[object]:
    """What axe finds and what sticks out at the size that the page has; a picture of the whole page is kept."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    take_picture(page, PICTURES / f"{name}.png", full_page=True)
    found, wide = findings(page), overflow(page)
    return [(name, found, wide)] if found or wide else []


def wrong_at(page: Page, name: str, sizes: tuple[int, ...] = SIZES) -> list[object]:
    """What axe finds and what sticks out, at each size; a picture of the whole page is kept of each."""
    own, wrong = page.viewport_size, list[object]()
    assert own is not None
    for width in sizes:
        page.set_viewport_size({**own, "width": width})
        wrong += wrong_with(page, f"{name}-{width}")
    page.set_viewport_size(own)
    return wrong


def look_at(page: Page, name: str) -> None:
    """Nothing is wrong with the page at any size."""
    assert wrong_at(page, name) == []
