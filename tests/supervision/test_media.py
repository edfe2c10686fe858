"""The media server as a child of `tianfu serve`: watched, back soon, and alone when it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from tests.supervision.installation import Installation, wait_until

from tianfu.installation import media_socket
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.remote import EmbeddedMedia
from tianfu.settings import settings_from


def socket_of(installation: Installation) -> Path:
    return media_socket(settings_from(installation.environment))


def life_of(installation: Installation) -> str:
    """The name of the media server's present life; empty while there is none."""

    async def ask() -> str:
        port = EmbeddedMedia(socket_of(installation))
        try:
            return await port.life()
        finally:
            port.hang_up()

    with suppress(Refusal):
        return asyncio.run(ask())
    return ""


def next_life(installation: Installation, before: str) -> str:
    """Wait until there is another life than before; its name."""
    wait_until(lambda: life_of(installation) not in {"", before})
    return life_of(installation)


def processes_of(installation: Installation) -> list[int]:
    marker, found = f"TIANFU_HOME={installation.home}".encode(), []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                is_media = b"tianfu.supervision.media_server" in (folder / "cmdline").read_bytes()
                if is_media and marker in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
    return found


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSEGV])
def test_a_media_server_that_dies_is_back_soon_and_takes_no_worker_along(
    installation: Installation, sign: signal.Signals
) -> None:
    installation.serve()
    wait_until(lambda: bool(life_of(installation)))
    workers, life = sorted(installation.workers()), life_of(installation)
    assert workers
    assert installation.run("status").stdout.count("running") >= 1
    for _ in range(3):  # each time as soon as the first
        [process] = processes_of(installation)
        os.kill(process, sign)
        life = next_life(installation, life)
        assert installation.answers()
    assert sorted(installation.workers()) == workers
    assert installation.said("program_ended")
    assert installation.stop() == 0
    wait_until(lambda: not processes_of(installation))


def test_it_ends_with_its_supervisor(installation: Installation) -> None:
    installation.serve()
    wait_until(lambda: bool(life_of(installation)))
    installation.stop(signal.SIGKILL)
    wait_until(lambda: not processes_of(installation))


def test_the_door_for_pictures_is_open_and_speaks_to_it(installation: Installation) -> None:
    installation.serve()
    wait_until(lambda: bool(life_of(installation)))
    place = socket_of(installation)
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    answer = httpx.post(
        f"{installation.address}/media/whep", content="v=0", headers={"content-type": "application/sdp"}
    )
    assert (answer.status_code, answer.json()["code"]) == (401, "grant-missing")
    assert httpx.options(f"{installation.address}/media/whip").headers["accept-post"] == "application/sdp"
    assert installation.stop() == 0


def test_without_it_status_says_so(installation: Installation) -> None:
    shown = installation.run("status").stdout
    assert "media" in shown
    assert "not running" in shown
