"""A picture that the browser did not copy is asked for again; whatever else goes wrong is told at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from playwright.sync_api import Error

from tests import pictures
from tests.pictures import NOT_COPIED, TRIES, take_picture, take_picture_of

pytestmark = pytest.mark.anyio

FAILED = f"Page.screenshot: Protocol error (Page.captureScreenshot): {NOT_COPIED}"


class Page:
    """A page whose first pictures go wrong in so many ways."""

    def __init__(self, *wrong: str) -> None:
        self.wrong, self.asked = list(wrong), 0

    def screenshot(self, **_asked: Any) -> None:
        self.asked += 1
        if self.wrong:
            raise Error(self.wrong.pop(0))


class AwaitedPage(Page):
    """The same, awaited."""

    async def screenshot(self, **asked: Any) -> None:  # type: ignore[override]  # as Playwright has both
        super().screenshot(**asked)


async def taken(page: Page) -> None:
    if isinstance(page, AwaitedPage):
        await take_picture_of(cast("Any", page), Path("x.png"))
    else:
        take_picture(cast("Any", page), Path("x.png"))


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "PAUSE_SECONDS", 0.0)


@pytest.mark.parametrize("kind", [Page, AwaitedPage])
async def test_a_picture_that_was_not_copied_is_asked_for_again(kind: type[Page]) -> None:
    page = kind(FAILED)
    await taken(page)
    assert page.asked == 2


@pytest.mark.parametrize("kind", [Page, AwaitedPage])
async def test_one_that_never_is_ends_in_what_the_browser_says(kind: type[Page]) -> None:
    page = kind(*[FAILED] * (TRIES + 1))
    with pytest.raises(Error, match=NOT_COPIED):
        await taken(page)
    assert page.asked == TRIES


@pytest.mark.parametrize("kind", [Page, AwaitedPage])
async def test_any_other_fault_is_told_at_once(kind: type[Page]) -> None:
    page = kind("Target closed", FAILED)
    with pytest.raises(Error, match="Target closed"):
        await taken(page)
    assert page.asked == 1
