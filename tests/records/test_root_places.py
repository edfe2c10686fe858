"""Where roots lie: a folder or a bucket keep what they have, and say when they cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from obstore.store import LocalStore, MemoryStore

from tianfu.kernel.refusal import Refusal
from tianfu.records.trail.places import FolderPlace, ObjectPlace, RootPlace, place_of_roots
from tianfu_audit_verify.evidence import objects

pytestmark = pytest.mark.anyio

PLACES: dict[str, Callable[[Path], RootPlace]] = {
    "folder": FolderPlace,
    "objects on a disk": lambda folder: ObjectPlace(LocalStore(folder)),
    "objects in memory": lambda folder: ObjectPlace(MemoryStore()),
}


@pytest.mark.parametrize("kind", PLACES)
async def test_what_was_put_is_there_and_is_not_replaced(kind: str, tmp_path: Path) -> None:
    place = PLACES[kind](tmp_path)
    assert await place.get("root") is None
    await place.put("root", b"first")
    await place.put("root", b"second")
    assert await place.get("root") == b"first"


async def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Refusal, match="roots-not-kept"):
        await FolderPlace(tmp_path / "file").put("root", b"")


async def test_a_bucket_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_REGION": "nowhere",
        "AWS_ENDPOINT": "http://127.0.0.1:9",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tianfu.records.trail.places.RETRIES", {"max_retries": 0})
    place = place_of_roots("s3://bucket/prefix", Path("unused"))
    assert isinstance(place, ObjectPlace)
    with pytest.raises(Refusal, match="roots-not-kept"):
        await place.put("root", b"")
    with pytest.raises(Refusal, match="roots-not-kept"):
        await place.get("root")


async def test_the_check_reads_roots_out_of_a_bucket() -> None:
    store = MemoryStore()
    place = ObjectPlace(store)
    series = "ab" * 16
    await place.put(f"root-{series}-0000000001.txt", b"text")
    await place.put("key-made-up.pem", b"key")
    assert list(objects(store)) == [((series, 1), b"text")]


def test_without_a_setting_roots_lie_in_the_home_and_a_path_is_a_folder(tmp_path: Path) -> None:
    assert isinstance(place_of_roots(None, tmp_path), FolderPlace)
    assert isinstance(place_of_roots(str(tmp_path), tmp_path), FolderPlace)
