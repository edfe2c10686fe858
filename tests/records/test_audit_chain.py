"""No answer without its event and its head, whatever breaks; and the chain verifies afterwards."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from tests.records.conftest import KEYS, WHO, WHY, entry, patient
from tests.records.test_faults import Faults, Interrupted
from tests.trails import Flusher, in_a_thread

from tianfu.db import Addresses, Database, Query, Role
from tianfu.db.errors import StatementFailed
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.records import audit
from tianfu.records.audit import GroupAuditor
from tianfu.records.store import SearchRequest, Store
from tianfu.records.trail import flushing, head_file
from tianfu.records.trail.epochs import Trail, open_trail
from tianfu.records.trail.flushing import Running
from tianfu.records.trail.head_reading import Ended, HeadReader, LifeLock, ended_writers
from tianfu.records.trail.lanes import Head
from tianfu.standards.fhir.parsing import parse_bundle, parse_resource
from tianfu_audit_verify.command import verify
from tianfu_audit_verify.findings import Report

pytestmark = pytest.mark.anyio

STATEMENTS_MAX = 20
WAITS_MAX = 40

Ask = Callable[[Store, str], Awaitable[object]]


async def read(store: Store, request: str) -> object:
    return await store.read(WHO, WHY, "Patient", "standing", request=request)


async def search(store: Store, request: str) -> object:
    wanted = SearchRequest(type="Patient", parameters=(("_id", "standing"),))
    return await store.search(WHO, WHY, wanted, request=request)


async def history(store: Store, request: str) -> object:
    return await store.history(WHO, WHY, "Patient", "standing", limit=5, request=request)


async def write(store: Store, request: str) -> object:
    resource = parse_resource(orjson.dumps(patient(id="written", gender="male")))
    return await store.update(WHO, WHY, resource, "written", request=request)


async def create_unless_there(store: Store, request: str) -> object:
    resource = parse_resource(orjson.dumps(patient(identifier=[{"system": "urn:made-up", "value": request}])))
    asked = f"identifier=urn:made-up|{request}"
    return await store.create(WHO, WHY, resource, if_none_exist=asked, request=request)


async def bundle(store: Store, request: str) -> object:
    entries = [entry("PUT", f"Patient/b{part}", patient(id=f"b{part}")) for part in range(2)]
    sent = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    return await store.transaction(WHO, WHY, parse_bundle(orjson.dumps(sent)), request=request)


ASKS: dict[str, Ask] = {
    "read": read,
    "search": search,
    "history": history,
    "write": write,
    "conditional create": create_unless_there,
    "bundle": bundle,
}


class Place:
    """A store with its trail in a home."""

    def __init__(self, store: Store, trail: Trail, database: Database, addresses: Addresses, home: Path) -> None:
        self.store = store
        self.trail = trail
        self.home = home
        self._database = database
        self._reader = addresses.of(Role.READER)

    async def event(self, request: str) -> tuple[int, int] | None:
        """Lane and number of the first event of a request."""
        asked = "select lane, number from audit where request = %(request)s order by lane, number limit 1"
        async with self._database.connection("owner") as owner:
            row = await owner.one(Query.composed("event", asked), request=request)
        return (row[0], row[1]) if row else None

    def acknowledged(self) -> dict[int, int]:
        """The last number of each lane in the head files."""
        found: dict[int, int] = {}
        for file in sorted(self.trail.folders.heads.glob("*.heads")):
            for line in file.read_text("utf-8").splitlines():
                if line.startswith("h "):
                    _, lane, number, *_ = line.split(" ")
                    found[int(lane)] = max(int(number), found.get(int(lane), 0))
        return found

    async def was_traced(self, request: str) -> bool:
        """Whether the request's event is in the database and its head outside."""
        event = await self.event(request)
        return event is not None and self.acknowledged().get(event[0], 0) >= event[1]

    def check(self) -> Report:
        audit = self.home / "audit"
        return verify(self._reader, heads=audit / "heads", roots=str(audit / "roots"), keys=audit / "keys")


@pytest.fixture
async def place(short_folder: Path, addresses: Addresses, database: Database) -> AsyncIterator[Place]:
    trail = await open_trail(database, short_folder, system_clock)
    yield await place_of(trail, database, addresses, short_folder)
    trail.close()


@pytest.fixture
async def place_on(short_folder: Path, addresses: Addresses, database: Database, disk: Disk) -> AsyncIterator[Place]:
    """A place whose disk the test can break."""
    trail = await open_trail(database, short_folder, system_clock, start_flusher=disk.flusher)
    yield await place_of(trail, database, addresses, short_folder)
    trail.close()


async def place_of(trail: Trail, database: Database, addresses: Addresses, home: Path) -> Place:
    auditor = GroupAuditor(database, trail.lanes)
    store = await Store.open(database, auditor=auditor, clock=system_clock, keys=KEYS)
    resource = parse_resource(orjson.dumps(patient(id="standing")))
    await store.update(WHO, WHY, resource, "standing")
    return Place(store, trail, database, addresses, home)


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    return Faults(monkeypatch)


async def answered(place: Place, ask: Ask, request: str) -> bool:
    try:
        await ask(place.store, request)
    except Refusal:
        return False
    return True


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("name", ASKS)
async def test_no_answer_without_its_event_wherever_the_connection_breaks(
    place: Place, faults: Faults, name: str, *, after: bool
) -> None:
    for number in range(1, STATEMENTS_MAX):
        request = f"{name}-{number}"
        faults.at(number, after=after)
        was_answered = await answered(place, ASKS[name], request)
        faults.off()
        assert not was_answered or await place.was_traced(request)
        if not faults.met:
            break
    else:
        pytest.fail("it makes more round trips than expected")
    assert await answered(place, ASKS[name], "afterwards")
    assert place.check().tampered == []


@pytest.mark.parametrize("name", ASKS)
async def test_no_answer_without_its_event_wherever_it_is_cancelled(place: Place, name: str) -> None:
    for number in range(1, WAITS_MAX):
        request = f"{name}-{number}"
        attempt = Interrupted(_as_coroutine(ASKS[name], place.store, request), number)
        try:
            await attempt
        except (asyncio.CancelledError, Refusal):
            continue
        assert await place.was_traced(request)
        if attempt.waits < number:
            break
    else:
        pytest.fail("it waits more often than expected")
    assert await answered(place, ASKS[name], "afterwards")
    assert place.check().tampered == []


async def _as_coroutine(ask: Ask, store: Store, request: str) -> object:
    return await ask(store, request)


class Disk:
    """Lets an act on head files fail, a write after half of its bytes, or a flush take its time.

    The flusher works in a thread, where the same acts can be reached.
    """

    ACTS = ("write", "fdatasync", "fsync", "open")

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failing: str | None = None
        self.flush_seconds = 0.0
        self.flushers: list[Flusher] = []
        for act in self.ACTS:
            monkeypatch.setattr(os, act, self._act(act, getattr(os, act)))

    def flusher(self, asked: socket.socket, file: int, folder: Path, served: int) -> Running:
        self.flushers.append(in_a_thread(asked, file, folder, served))
        return self.flushers[-1]

    def _act(self, act: str, plain: Callable[..., object]) -> Callable[..., object]:
        def done(*arguments: object, **more: object) -> object:
            if act == "fdatasync":
                time.sleep(self.flush_seconds)
            if self.failing != act or not _is_about_heads(act, arguments[0]):
                return plain(*arguments, **more)
            if act == "write":
                descriptor, data = arguments
                plain(descriptor, bytes(data)[: len(bytes(data)) // 2])  # type: ignore[arg-type]
                raise OSError(errno.ENOSPC, "no space left")
            raise OSError(errno.EIO, "input/output error")

        return done


def _is_about_heads(act: str, about: object) -> bool:
    return str(about if act == "open" else Path(f"/proc/self/fd/{about}").readlink()).endswith((".heads", "/heads"))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.mark.parametrize("flush_seconds", [0.0, 0.03])
@pytest.mark.parametrize("act", ["write", "fdatasync"])
@pytest.mark.parametrize("name", ["read", "search", "history"])
async def test_a_read_whose_head_cannot_be_kept_is_refused(
    place_on: Place, disk: Disk, name: str, act: str, flush_seconds: float
) -> None:
    disk.flush_seconds = flush_seconds
    await ASKS[name](place_on.store, "before")
    disk.failing = act
    with pytest.raises(Refusal, match="audit-heads-not-written") as caught:
        await ASKS[name](place_on.store, "during")
    assert (caught.value.retryable, caught.value.kept) == (True, "nothing-changed")
    disk.failing = None
    await ASKS[name](place_on.store, "afterwards")
    assert await place_on.was_traced("afterwards")
    assert place_on.check().verdict == "partly-checked"  # because there is no root yet
    assert place_on.check().tampered == []


async def test_what_a_failing_disk_did_not_take_is_written_again_though_nobody_comes(
    place_on: Place, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head_file, "FLUSH_AGAIN_SECONDS", 0.05)
    await read(place_on.store, "last")
    disk.failing = "fdatasync"
    await asyncio.sleep(0.2)
    disk.failing = None
    before = len(disk.flushers)
    await asyncio.sleep(0.3)
    newest = max(place_on.trail.folders.heads.glob("*.heads"))
    assert before > 1
    assert newest.name.endswith("-000001.heads") is False
    assert "h 1 2 " in newest.read_text("utf-8")


async def test_reads_that_wait_for_a_hanging_disk_are_bounded(
    place_on: Place, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "EVENTS_WAITING_MAX", 5)
    disk.flush_seconds = 1.0
    asked = [asyncio.create_task(answered(place_on, search, f"s{number}")) for number in range(5)]
    await asyncio.sleep(0.3)
    with pytest.raises(Refusal, match="audit-queue-full"):
        await search(place_on.store, "one too many")
    assert all(await asyncio.gather(*asked))
    disk.flush_seconds = 0.0
    assert await answered(place_on, read, "afterwards")


async def test_no_read_is_answered_before_its_head_is_on_disk(place_on: Place, disk: Disk) -> None:
    disk.flush_seconds = 0.5
    asked = asyncio.create_task(place_on.store.read(WHO, WHY, "Patient", "standing", request="slow"))
    await asyncio.sleep(0.2)
    assert await place_on.event("slow") is not None
    assert not asked.done()
    await asked
    assert await place_on.was_traced("slow")


async def test_a_read_whose_event_is_refused_withdraws_its_head(place: Place, addresses: Addresses) -> None:
    await read(place.store, "before")
    with psycopg.connect(addresses.of(Role.OWNER), autocommit=True) as owner:
        owner.execute("alter table audit add constraint refused check (request <> 'during') not valid")
    with pytest.raises(StatementFailed, match="23514 refused"):
        await read(place.store, "during")
    (file,) = place.trail.folders.heads.glob("*.heads")
    assert [line[:4] for line in file.read_text("utf-8").rstrip("\0").splitlines()[-2:]] == ["i 1 ", "w 1 "]
    assert await answered(place, read, "afterwards")
    assert await place.was_traced("afterwards")
    assert place.check().tampered == []


@pytest.mark.parametrize("disk_fails", [False, True])
async def test_a_lane_rests_until_its_withdrawal_is_on_disk(
    place_on: Place, disk: Disk, addresses: Addresses, *, disk_fails: bool
) -> None:
    """Else a loss of power could leave the intent alone, and another event under its number."""
    await read(place_on.store, "before")
    with psycopg.connect(addresses.of(Role.OWNER), autocommit=True) as owner:
        owner.execute("alter table audit add constraint refused check (request <> 'during') not valid")
    disk.flush_seconds = 0.2
    with pytest.raises(StatementFailed, match="23514 refused"):
        await read(place_on.store, "during")
    disk.failing = "fdatasync" if disk_fails else None
    await answered(place_on, write, "at-once")
    disk.flush_seconds, disk.failing = 0.0, None
    assert await place_on.event("at-once") == (2, 1)
    await asyncio.gather(*(read(place_on.store, f"r{number}") for number in range(3)))
    await asyncio.gather(*(until_answered(place_on, write) for number in range(3)))
    assert (1 in {head.lane for head in place_on.trail.lanes.free}) is not disk_fails
    assert place_on.check().tampered == []


async def test_a_new_head_file_tells_what_is_still_open(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    heads = place.trail.lanes.heads
    first, second, third = (Head(lane, 1, bytes(32)) for lane in (7, 8, 9))
    intended = [heads.intend(head) for head in (first, second, third)]
    heads.look()
    await asyncio.gather(*intended)
    monkeypatch.setattr(head_file, "FILE_BYTES_MAX", 0)
    heads.confirm(second)
    await heads.withdraw(Head(9, 0, bytes(32)))
    await read(place.store, "meanwhile")
    for file in sorted(place.trail.folders.heads.glob("*.heads"))[:-1]:
        file.unlink()
    reader = HeadReader(place.trail.folders.heads)
    reader.look()
    assert [told.intents for told in reader.told.values()] == [{7: first}]
    assert [told.heads[8] for told in reader.told.values()] == [(second, False)]


async def test_behind_the_end_of_a_trail_nothing_is_begun(place: Place) -> None:
    place.trail.close()
    before = list(place.trail.folders.heads.iterdir())
    for name, ask in ASKS.items():
        assert not await answered(place, ask, name)
    assert (list(place.trail.folders.heads.iterdir()), flushers()) == (before, [])


async def test_a_trail_that_cannot_begin_is_ended_at_once(tmp_path: Path, database: Database, disk: Disk) -> None:
    """Else its lock would be held as long as its process lives, and nobody could close its chains."""
    disk.failing = "fdatasync"
    with pytest.raises(Refusal, match="audit-heads-not-written"):
        await open_trail(database, tmp_path, system_clock, start_flusher=disk.flusher)
    with ended_writers(tmp_path / "audit" / "heads") as ended:
        assert len(ended) == 1


@pytest.mark.parametrize("act", ["flock", "write", "fsync", "rename"])
def test_who_begins_is_at_no_moment_taken_for_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    """Another process looks around each act of taking the lock, as happens when all start at once."""
    owner: Any = {"flock": fcntl, "rename": Path}.get(act, os)
    real = getattr(owner, act)
    looks: list[list[Ended]] = []

    def acting(*asked: Any) -> object:
        if len(looks) < 2:  # not for what looking itself does
            look()
            done = real(*asked)
            look()
            return done
        return real(*asked)

    def look() -> None:
        looks.append([])
        with monkeypatch.context() as plain:
            plain.setattr(owner, act, real)
            with ended_writers(tmp_path) as ended:
                looks[-1] = ended.copy()

    monkeypatch.setattr(owner, act, acting)
    life = LifeLock(tmp_path, os.urandom(16), "mark")
    monkeypatch.undo()
    assert looks == [[], []]
    assert [path.name for path in tmp_path.iterdir()] == [life.path.name]
    life.close()
    with ended_writers(tmp_path) as ended:
        assert [(each.lock, each.mark) for each in ended] == [(life.path, "mark")]


def children() -> list[int]:
    return [int(each) for each in Path(f"/proc/self/task/{os.getpid()}/children").read_text("utf-8").split()]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def flushers() -> list[int]:
    return [each for each in children() if b"flusher" in Path(f"/proc/{each}/cmdline").read_bytes()]


async def test_a_killed_flusher_is_followed_by_another(place: Place) -> None:
    await read(place.store, "before")
    for number in range(3):
        for process in flushers():
            os.kill(process, signal.SIGKILL)
        await answered(place, read, f"during-{number}")  # refused if its flush was under way
        assert await answered(place, read, f"afterwards-{number}")
        assert await place.was_traced(f"afterwards-{number}")
    assert await answered(place, write, "written")
    assert place.check().tampered == []


@pytest.mark.parametrize("act", ["write", "socketpair", "fork"])
async def test_a_head_file_that_cannot_be_begun_leaves_nothing_behind(
    place: Place, disk: Disk, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    """Else a full disk fills with empty files, and a process short of descriptors or children gets ever shorter."""

    def fails(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, "not now")

    await read(place.store, "before")
    (file,) = place.trail.folders.heads.glob("*.heads")
    file.unlink()
    with monkeypatch.context() as broken:
        disk.failing = act
        if act != "write":
            broken.setattr(*((socket, "socketpair") if act == "socketpair" else (subprocess, "Popen")), fails)
        assert not await answered(place, read, "first")
        before = descriptors()
        for number in range(5):
            assert not await answered(place, read, f"during-{number}")
        assert list(place.trail.folders.heads.glob("*.heads")) == []
        assert descriptors() == before
    disk.failing = None
    assert await answered(place, read, "afterwards")
    assert await place.was_traced("afterwards")
    assert place.check().tampered == []


async def test_a_flusher_that_hangs_is_ended_with_its_trail(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flushing, "END_SECONDS", 0.2)
    (hanging,) = flushers()
    os.kill(hanging, signal.SIGSTOP)
    asked = asyncio.create_task(read(place.store, "during"))
    await asyncio.sleep(0.1)
    place.trail.close()
    with pytest.raises(Refusal, match="audit-heads-not-written"):
        await asked
    assert hanging not in children()


@pytest.mark.parametrize("name", ["write", "conditional create", "bundle"])
async def test_a_write_whose_head_cannot_be_kept_says_that_it_was_done_and_the_next_is_refused(
    place_on: Place, disk: Disk, name: str
) -> None:
    place = place_on
    disk.failing = "fdatasync"
    with pytest.raises(Refusal, match="audit-heads-not-written") as first:
        await ASKS[name](place.store, "during")
    assert first.value.kept == "everything"
    assert await place.event("during") is not None
    disk.failing = "open"
    with pytest.raises(Refusal, match="audit-heads-not-written") as second:
        await ASKS[name](place.store, "refused")
    assert second.value.kept == "nothing-changed"
    assert await place.event("refused") is None
    disk.failing = None
    await until_answered(place, ASKS[name])
    assert place.check().tampered == []


async def until_answered(place: Place, ask: Ask) -> None:
    """The refused write itself makes the next attempt to keep heads."""
    for number in range(50):
        if await answered(place, ask, f"again-{number}"):
            assert await place.was_traced(f"again-{number}")
            return
        await asyncio.sleep(0.02)
    pytest.fail("writes are refused although the disk is well again")


async def test_a_head_file_that_was_removed_is_made_anew_with_all_heads(place: Place) -> None:
    await answered(place, read, "before")
    (file,) = place.trail.folders.heads.glob("*.heads")
    file.unlink()
    assert await answered(place, read, "afterwards")
    assert await place.was_traced("before")
    assert await place.was_traced("afterwards")
    assert place.check().tampered == []


async def test_a_head_file_has_room_until_it_is_left_and_no_line_is_lost_where_it_grows(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flushing, "ROOM_BYTES", 512)
    (first,) = place.trail.folders.heads.glob("*.heads")
    first.unlink()  # the next begins with so little room
    for number in range(20):
        await answered(place, ASKS["read" if number % 2 else "write"], f"r{number}")
    (file,) = place.trail.folders.heads.glob("*.heads")
    written = file.read_bytes()
    assert len(written) % 512 == 0
    assert b"\0" not in written.rstrip(b"\0")
    assert place.acknowledged() == await lanes(place)
    assert place.check().tampered == []
    place.trail.close()
    assert file.read_bytes() == written.rstrip(b"\0")


async def test_while_the_folder_is_gone_nothing_is_read_or_written(place: Place) -> None:
    folder = place.trail.folders.heads
    folder.rename(folder.with_name("elsewhere"))
    assert not await answered(place, read, "read")
    assert not await answered(place, write, "write")
    folder.with_name("elsewhere").rename(folder)
    assert await answered(place, read, "afterwards")
    assert await answered(place, write, "afterwards")
    assert place.check().tampered == []


async def test_a_full_head_file_is_followed_by_one_that_tells_all_heads(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head_file, "FILE_BYTES_MAX", 2_000)
    for number in range(60):
        await answered(place, ASKS["read" if number % 2 else "write"], f"r{number}")
    files = sorted(place.trail.folders.heads.glob("*.heads"))
    assert len(files) > 2
    for file in files[:-1]:
        file.unlink()
    assert place.acknowledged() == await lanes(place)
    assert place.check().tampered == []


async def lanes(place: Place) -> dict[int, int]:
    async with place._database.connection("owner") as owner:
        rows = await owner.all(Query.composed("lanes", "select lane, max(number) from audit group by lane"))
    return {row[0]: row[1] for row in rows}


@pytest.mark.parametrize("flush_seconds", [0.0, 0.03])
async def test_askers_side_by_side_share_groups_and_lanes_and_the_chain_holds(
    place_on: Place, disk: Disk, flush_seconds: float
) -> None:
    place = place_on
    disk.flush_seconds = flush_seconds
    names: Sequence[str] = list(ASKS) * 8
    await asyncio.gather(*(ASKS[name](place.store, f"{name}-{n}") for n, name in enumerate(names)))
    for number, name in enumerate(names):
        assert await place.was_traced(f"{name}-{number}")
    report = place.check()
    assert (report.tampered, report.unacknowledged) == ([], 0)
    assert report.lanes > 1


async def test_a_write_that_is_undone_leaves_its_lane_as_it_was(place: Place) -> None:
    before = await lanes(place)
    asked = "identifier=urn:made-up|x"
    twice = [entry("POST", "Patient", patient(), ifNoneExist=asked), entry("DELETE", "Patient/nobody", ifMatch='W/"7"')]
    sent = {"resourceType": "Bundle", "type": "transaction", "entry": twice}
    with pytest.raises(Refusal):
        await place.store.transaction(WHO, WHY, parse_bundle(orjson.dumps(sent)))
    assert await lanes(place) == {lane: number + 1 for lane, number in before.items()}  # the refusal's own event
    assert await answered(place, write, "afterwards")
    assert place.check().tampered == []
