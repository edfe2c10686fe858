"""`tianfu camera` as an operator has it: from a terminal that asks for a password, at an installation that serves."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import subprocess
import termios
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from demo.ward.film import make_film
from demo.ward.lens import Lens, Login, RtspServer
from tests.records.made import put
from tests.supervision.installation import TIANFU, Installation

from tianfu.db import Database
from tianfu.installation import database_addresses, installation_keys
from tianfu.kernel.instants import system_clock
from tianfu.records.audit import GroupAuditor
from tianfu.records.store import Store
from tianfu.records.trail.epochs import open_trail
from tianfu.services.realtime.cameras.registering import BED_CODE
from tianfu.services.realtime.protocol.credentials import is_credential
from tianfu.settings import settings_from

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # a program is started for each command, and looks for seconds

LOGIN = Login("onlooker", "p@ss:/'x y")
WRONG = "not the password"
WAIT_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What stood on the terminal when a command had ended."""

    code: int
    text: str


def typed(installation: Installation, words: Sequence[str], *answers: str) -> Said:
    """Run a command on a terminal of its own, and answer each time it asks for a password."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [TIANFU, "camera", *words],
        env={**installation.environment, "COLUMNS": "200", "TERM": "dumb"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_own_terminal,
    )
    os.close(theirs)
    shown, waiting = b"", list(answers)
    with suppress(OSError):  # Linux's way to say that nobody holds the other end any more
        while more := os.read(ours, 4_096):
            shown += more
            if waiting and shown.count(b"password: ") > len(answers) - len(waiting):
                os.write(ours, waiting.pop(0).encode() + b"\n")
    os.close(ours)
    assert not waiting, shown
    return Said(code=process.wait(30), text=shown.decode().replace("\r\n", "\n"))


def _own_terminal() -> None:
    """In the child: what stands for its input is the terminal at which passwords are asked for (tty_ioctl(4))."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ward:
    """An installation with a bed, and a camera on its network."""

    installation: Installation
    server: RtspServer
    address: str

    async def command(self, *words: str, answer: str = "") -> Said:
        return await asyncio.to_thread(typed, self.installation, words, *([answer] if answer else []))

    async def adds(self, label: str, *, bed: str = "BED-1", password: str = LOGIN.password) -> Said:
        words = ("add", label, "--bed", bed, "--address", self.address, "--user", LOGIN.user)
        return await self.command(*words, answer=password)

    async def stands(self, camera: str, state: str, reason: str = "-") -> None:
        """Wait until the list says so of it."""
        async with asyncio.timeout(WAIT_SECONDS):
            while [state, reason] not in [row[1:3] for row in await self.rows() if row[0] == camera]:  # noqa: ASYNC110 - a table tells nobody
                await asyncio.sleep(0.2)

    async def rows(self) -> list[list[str]]:
        listed = await asyncio.to_thread(self.installation.run, "camera", "list")
        assert listed.returncode == 0, listed.stderr
        return [line.split("\t") for line in listed.stdout.splitlines()]


@pytest.fixture
async def ward(installation: Installation) -> AsyncIterator[Ward]:
    done = installation.run("database", "start")
    assert done.returncode == 0, done.stderr
    async with store_of(installation) as store:
        await put(store, "Location", "bed", identifier=[{"system": BED_CODE, "value": "BED-1"}])
    server = RtspServer({"main": Lens(await asyncio.to_thread(make_film, "NICU-01", 3), LOGIN)})
    port = await server.start()
    yield Ward(installation=installation, server=server, address=f"rtsp://127.0.0.1:{port}/main")
    await server.stop()


@asynccontextmanager
async def store_of(installation: Installation) -> AsyncIterator[Store]:
    settings = settings_from(installation.environment)
    async with await Database.open(database_addresses(settings)) as database:
        trail = await open_trail(database, settings.home, system_clock)
        auditor = GroupAuditor(database, trail.lanes)
        keys = installation_keys(settings)
        yield await Store.open(database, auditor=auditor, clock=system_clock, keys=keys)
        trail.close()


async def test_a_camera_is_looked_at_and_registered_and_its_password_shows_nowhere(ward: Ward) -> None:
    refused = await ward.adds("CAM-1", password=WRONG)
    assert refused.code == 2, refused.text
    assert "camera-login-refused" in refused.text
    assert re.search(r"[\u4e00-\u9fff]{4}", refused.text), "it is said in the ward's language too"
    elsewhere = await ward.adds("CAM-1", bed="BED-9")
    assert (elsewhere.code, "bed-unknown" in elsewhere.text) == (2, True), elsewhere.text
    assert await ward.rows() == []
    added = await ward.adds("CAM-1")
    assert added.code == 0, added.text
    camera = added.text.splitlines()[-1].strip()
    [row] = await ward.rows()
    assert row[:3] == [camera, "away", "camera-unwatched"]
    again = await ward.adds("CAM-1")
    assert (again.code, "camera-known" in again.text) == (2, True), again.text
    for said in (refused, elsewhere, added, again):
        assert WRONG not in said.text
        assert LOGIN.password not in said.text


async def test_an_address_of_another_camera_is_refused_with_a_sentence_in_both_languages(ward: Ward) -> None:
    assert (await ward.adds("CAM-1")).code == 0
    said = await ward.adds("CAM-2")
    assert said.code == 2, said.text
    other = ("--address", f"{ward.address}-2", "--user", LOGIN.user)
    await ward.command("off", "CAM-1")
    added = await ward.adds("CAM-3")
    assert added.code == 0, added.text
    refused = [said, await ward.command("on", "CAM-1")]
    await ward.command("login", "CAM-1", *other, answer=LOGIN.password)
    await ward.command("on", "CAM-1")
    again = ("--address", f"{ward.address}/", "--user", LOGIN.user)
    refused.append(await ward.command("login", "CAM-1", *again, answer=LOGIN.password))
    for each in refused:
        assert each.code == 2, each.text
        assert "camera-address-known" in each.text
        assert "Another camera in use has this address" in each.text
        assert "这个地址已由另一台在用的摄像头使用" in each.text
    same = await ward.command("login", "CAM-3", *again, answer=LOGIN.password)
    assert same.code == 0, same.text


async def test_a_cart_needs_no_address_and_no_password(ward: Ward) -> None:
    added = await ward.command("add", "CART-1", "--bed", "BED-1")
    assert added.code == 0, added.text
    [row] = await ward.rows()
    assert row[0] == added.text.strip()


async def test_an_encoder_is_registered_and_its_credential_is_shown_once_and_taken_back(ward: Ward) -> None:
    added = await ward.command("add", "CAM-8", "--bed", "BED-1", "--whip")
    assert added.code == 0, added.text
    assert [row[5] for row in await ward.rows()] == ["no credential"]
    given = [await ward.command("credential", "CAM-8") for _ in range(2)]
    texts = [each.text.splitlines()[0] for each in given]
    assert all(is_credential(each) for each in texts)
    assert len(set(texts)) == 2
    said = re.search(r"good until [0-9-]{10}", given[1].text)
    assert said is not None
    assert [row[5] for row in await ward.rows()] == [said[0]]
    back = await ward.command("credential", "CAM-8", "--take-back")
    assert (back.code, back.text.strip()) == (0, "CAM-8 has no credential any more")
    await ward.command("add", "CART-1", "--bed", "BED-1")
    assert sorted(row[5] for row in await ward.rows()) == ["-", "no credential"]
    refused = await ward.command("credential", "CART-1")
    assert (refused.code, "camera-unknown" in refused.text) == (2, True), refused.text


async def test_what_a_command_changes_is_seen_while_the_installation_serves(ward: Ward) -> None:
    added = await ward.adds("CAM-1")
    assert added.code == 0, added.text
    camera = added.text.splitlines()[-1].strip()
    await asyncio.to_thread(ward.installation.serve)
    await ward.stands(camera, "healthy")
    off = await ward.command("off", "CAM-1")
    assert (off.code, off.text.strip()) == (0, "CAM-1 is off")
    await ward.stands(camera, "off")
    on = await ward.command("on", "CAM-1")
    assert (on.code, on.text.strip()) == (0, "CAM-1 is on")
    await ward.stands(camera, "healthy")
    moved = await ward.command("login", "CAM-1", "--address", ward.address, "--user", LOGIN.user, answer=WRONG)
    assert moved.code == 0, moved.text
    await ward.stands(camera, "refused", "camera-login-refused")
    moved = await ward.command("login", "CAM-1", "--address", ward.address, "--user", LOGIN.user, answer=LOGIN.password)
    assert moved.code == 0, moved.text
    await ward.stands(camera, "healthy")
    for word in (WRONG, LOGIN.password):
        assert not ward.installation.said(word)
    assert await asyncio.to_thread(ward.installation.stop) == 0
    assert children_of(ward.installation) == []


async def test_a_label_that_nothing_bears_is_refused(ward: Ward) -> None:
    for words in (("off", "CAM-9"), ("on", "CAM-9")):
        said = await ward.command(*words)
        assert (said.code, "camera-unknown" in said.text) == (2, True), said.text


def children_of(installation: Installation) -> list[str]:
    """What still runs for an installation, but for its database."""
    marker, found = f"TIANFU_HOME={installation.home}".encode(), []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if marker in (folder / "environ").read_bytes() and "postgres" not in words:
                    found.append(words)
    return found
