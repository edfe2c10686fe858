"""Where files lie: a folder or a bucket keep what they have, and say when they cannot."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from obstore.store import LocalStore, MemoryStore

from tianfu.kernel.instants import SECOND, system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.vault.places import FilePlace, FolderPlace, ObjectPlace, folder_at, place_at
from tianfu_audit_verify.evidence import objects

pytestmark = pytest.mark.anyio

CODE = "made-up-not-kept"
PLACES: dict[str, Callable[[Path], FilePlace]] = {
    "folder": lambda folder: FolderPlace(folder, code=CODE),
    "parted folder": lambda folder: FolderPlace(folder / "deep" / "there", code=CODE, is_parted=True),
    "objects on a disk": lambda folder: ObjectPlace(LocalStore(folder), code=CODE),
    "objects in memory": lambda folder: ObjectPlace(MemoryStore(), code=CODE),
    "parted objects": lambda folder: ObjectPlace(MemoryStore(), code=CODE, is_parted=True),
}


@pytest.mark.parametrize("kind", PLACES)
async def test_what_was_put_is_there_and_is_not_replaced(kind: str, tmp_path: Path) -> None:
    place = PLACES[kind](tmp_path)
    assert await place.get("root") is None
    await place.put("root", b"first")
    await place.put("root", b"second")
    assert await place.get("root") == b"first"


@pytest.mark.parametrize("kind", PLACES)
async def test_what_lies_there_is_listed_measured_and_taken_away(kind: str, tmp_path: Path) -> None:
    place = PLACES[kind](tmp_path)
    for name in ("abcd", "abce", "cdef"):
        await place.put(name, name.encode())
    lying = [each async for portion in place.lying() for each in portion]
    assert sorted(each.name for each in lying) == ["abcd", "abce", "cdef"]
    now_seconds = system_clock() / SECOND
    assert all(abs(each.put_at_seconds - now_seconds) < 3_600 for each in lying)
    assert await place.size("abcd") == 4
    await place.remove("abcd")
    await place.remove("abcd")
    assert await place.size("abcd") is None
    assert await place.get("abce") == b"abce"


@pytest.mark.parametrize("kind", ["parted folder", "objects in memory", "parted objects"])
async def test_a_place_that_nothing_was_put_into_lists_nothing(kind: str, tmp_path: Path) -> None:
    assert [each async for portion in PLACES[kind](tmp_path).lying() for each in portion] == []


async def test_a_parted_folder_has_a_folder_for_the_first_letters_and_opens_none_to_others(tmp_path: Path) -> None:
    await FolderPlace(tmp_path / "files", code=CODE, is_parted=True).put("abcd", b"")
    assert (tmp_path / "files" / "ab" / "abcd").read_bytes() == b""
    for folder in (tmp_path / "files", tmp_path / "files" / "ab"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_file_that_was_never_finished_is_told_and_can_be_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ends a writer before its file has its name, as a kill does, so that nothing cleans up behind it."""
    place = FolderPlace(tmp_path, code=CODE, is_parted=True)
    monkeypatch.setattr(Path, "hardlink_to", broken_off)
    monkeypatch.setattr(Path, "unlink", lambda file: None)
    with pytest.raises(KeyboardInterrupt):
        place._put(tmp_path / "ab" / "abcd", b"half")
    monkeypatch.undo()
    [unfinished] = [each.name async for portion in place.lying() for each in portion]
    assert await place.get("abcd") is None
    await place.remove(unfinished)
    assert [each async for portion in place.lying() for each in portion if portion] == []


def broken_off(file: Path, target: object) -> None:
    raise KeyboardInterrupt


async def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Refusal, match=CODE):
        await FolderPlace(tmp_path / "file", code=CODE).put("root", b"")


async def test_a_bucket_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_REGION": "nowhere",
        "AWS_ENDPOINT": "http://127.0.0.1:9",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tianfu.vault.places.RETRIES", {"max_retries": 0})
    place = place_at("s3://bucket/prefix", Path("unused"), code=CODE)
    assert isinstance(place, ObjectPlace)
    for asked in (place.put("root", b""), place.get("root"), place.size("root"), place.remove("root")):
        with pytest.raises(Refusal, match=CODE):
            await asked
    with pytest.raises(Refusal, match=CODE):
        [each async for each in place.lying()]


async def test_the_check_reads_roots_out_of_a_bucket() -> None:
    store = MemoryStore()
    place = ObjectPlace(store, code=CODE)
    series = "ab" * 16
    await place.put(f"root-{series}-0000000001.txt", b"text")
    await place.put("key-made-up.pem", b"key")
    assert list(objects(store)) == [((series, 1), b"text")]


def test_without_a_setting_files_lie_in_the_home_and_a_path_is_a_folder(tmp_path: Path) -> None:
    assert isinstance(place_at(None, tmp_path, code=CODE), FolderPlace)
    assert isinstance(place_at(str(tmp_path), tmp_path, code=CODE), FolderPlace)
    assert folder_at(None, tmp_path) == tmp_path
    assert folder_at("/elsewhere", tmp_path) == Path("/elsewhere")
    assert folder_at("s3://bucket/prefix", tmp_path) is None
