"""A reminder goes to a provider of text messages over HTTP, in production too, and says nothing of health."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.apps.newborn.conftest import MOTHER, NAMES, Ward
from tests.services.accounts.test_senders import Provider, provider
from tianfu.apps.newborn.reminding import SOON, remind, texts
from tianfu.kernel.instants import DAY, Instant, china_date
from tianfu.kernel.refusal import Refusal
from tianfu.services.booking.notices import ConsoleNotices, HttpNotices, open_notices

__all__ = ["provider"]
pytestmark = pytest.mark.anyio


async def test_a_family_gets_its_reminders_from_the_provider_and_nothing_else_leaves_the_house(
    ward: Ward, provider: Provider
) -> None:
    mother = await ward.guardian(await ward.opened(), MOTHER, "baby-3")
    at = Instant(int((await mother.slots("baby-3"))[0]) + 2 * DAY)
    assert china_date(at) > china_date(ward.house.time.now)
    await mother.done("/newborn/book/baby-3", start=str(at), deed="book")
    notices = HttpNotices(provider.address, "t0ken")
    for before in (DAY, SOON):
        ward.house.time.now = Instant(at - before)
        assert await remind(ward.nursery, notices, texts()) == 1
    said = texts()
    assert provider.got == [
        ("/codes", "Bearer t0ken", {"to": f"+86{MOTHER}", "text": said[when]}) for when in ("day", "soon")
    ]


def test_a_reminder_says_neither_whose_nor_when_nor_anything_of_health_and_leads_to_no_picture() -> None:
    for text in texts().values():
        assert not any(character.isdigit() for character in text)
        assert not any(name in text for name in NAMES.values())
        for word in ("http", "宝宝", "新生儿", "病", "视频", "baby", "newborn", "infant", "ward", "intensive", "video"):
            assert word not in text.lower(), word


async def test_a_provider_that_does_not_take_it_is_told_of_in_the_log_without_the_number(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.status = 503
    with pytest.raises(Refusal, match="notice-not-carried"):
        await HttpNotices(provider.address, "t0ken").tell(MOTHER, "made up")
    logged = "".join(capsys.readouterr())
    assert "notice_not_carried" in logged
    assert not any(hidden in logged for hidden in (MOTHER, "made up", "t0ken"))


def test_without_an_address_only_development_has_somebody_who_carries(tmp_path: Path) -> None:
    assert isinstance(open_notices(None, tmp_path, io.StringIO(), is_production=False), ConsoleNotices)
    with pytest.raises(Refusal, match="notice-carrier-missing") as refused:
        open_notices(None, tmp_path, io.StringIO(), is_production=True)
    assert (refused.value.next_step, refused.value.details) == ("set-it", {"setting": "TIANFU_NOTICES_ADDRESS"})
    (tmp_path / "token").touch(0o600)
    (tmp_path / "token").write_text("made-up-token")
    real = open_notices("https://texts.example/send", tmp_path / "token", io.StringIO(), is_production=True)
    assert isinstance(real, HttpNotices)
