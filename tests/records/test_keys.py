"""The key of the index: made once, whole, and the same for all who ask."""

from __future__ import annotations

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tianfu.kernel.refusal import Refusal
from tianfu.records.keys import FILE_NAME, KEY_BYTES, load_or_make

ASKERS = 8


def test_all_who_ask_first_at_once_get_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(ASKERS) as threads:
        for number in range(50):
            home = tmp_path / str(number)
            barrier = threading.Barrier(ASKERS)

            def ask(home: Path = home, barrier: threading.Barrier = barrier) -> bytes:
                barrier.wait()
                return load_or_make(home).secret

            assert len(set(threads.map(lambda _, ask=ask: ask(), range(ASKERS)))) == 1
            assert [each.name for each in (home / "keys").iterdir()] == [FILE_NAME]


def test_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    load_or_make(tmp_path)
    file = tmp_path / "keys" / FILE_NAME
    assert (stat.S_IMODE(file.stat().st_mode), file.stat().st_size) == (0o600, KEY_BYTES)


@pytest.mark.parametrize("size", [0, 5, 33])
def test_damaged_key_is_refused_and_left_as_it_is(tmp_path: Path, size: int) -> None:
    (tmp_path / "keys").mkdir()
    file = tmp_path / "keys" / FILE_NAME
    file.write_bytes(bytes(size))
    with pytest.raises(Refusal, match="key-damaged"):
        load_or_make(tmp_path)
    assert file.stat().st_size == size
