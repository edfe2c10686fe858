"""The master key in its file: made once, whole, the same for all who ask, and never a development one in production."""

from __future__ import annotations

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tianfu.kernel.refusal import Refusal
from tianfu.vault.files import FILE_NAME, load_or_make, make, master_key_file

ASKERS = 8


def test_all_who_ask_first_at_once_get_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(ASKERS) as threads:
        for number in range(50):
            home = tmp_path / str(number)
            barrier = threading.Barrier(ASKERS)

            def ask(home: Path = home, barrier: threading.Barrier = barrier) -> bytes:
                barrier.wait()
                return load_or_make(home, "development").secret

            assert len(set(threads.map(lambda _, ask=ask: ask(), range(ASKERS)))) == 1
            assert [each.name for each in (home / "keys").iterdir()] == [FILE_NAME]


def test_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    load_or_make(tmp_path, "development")
    file = master_key_file(tmp_path)
    assert [stat.S_IMODE(each.stat().st_mode) for each in (file, file.parent)] == [0o600, 0o700]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    make(tmp_path, "production")
    master_key_file(tmp_path).chmod(mode)
    with pytest.raises(Refusal, match="key-open-to-others"):
        load_or_make(tmp_path, "production")


@pytest.mark.parametrize(
    "content",
    ["", "tianfu master key 1\n", "other\nfor production\nmade now\nsecret " + "00" * 32, "x" * 200],
    ids=["empty", "cut", "of another kind", "something else"],
)
def test_damaged_key_is_refused_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    make(tmp_path, "development")
    master_key_file(tmp_path).write_text(content)
    with pytest.raises(Refusal, match="key-damaged"):
        load_or_make(tmp_path, "development")
    assert master_key_file(tmp_path).read_text("utf-8") == content


def test_production_refuses_a_key_that_development_made(tmp_path: Path) -> None:
    load_or_make(tmp_path, "development")
    with pytest.raises(Refusal, match="key-of-development"):
        load_or_make(tmp_path, "production")


def test_production_makes_no_key_by_itself(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="key-missing"):
        load_or_make(tmp_path, "production")
    assert list(tmp_path.iterdir()) == []


def test_a_key_made_for_production_serves_both(tmp_path: Path) -> None:
    made = make(tmp_path, "production")
    assert load_or_make(tmp_path, "production") == load_or_make(tmp_path, "development") == made
    assert made.secret.hex() not in repr(made)
