"""What the watch over the ward's pictures finds: files are planted, and each must be told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
from av import VideoFrame
from av.video.codeccontext import VideoCodecContext
from demo.ward.film import make_film

from tests.journeys.media_watch import EVENT, IN_MEMORY, IN_Q_OVERFLOW, KEYFRAME, Seen, Watch, marks_of, watching

pytestmark = pytest.mark.slow  # encodes the film of a bed

BED, HUE = "NICU-05", 4
START_CODE = b"\0\0\0\1"
CREATED_WRITTEN_AND_CLOSED = 3
"""So many changes does a small new file bring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """What may be planted: the camera's stream, one keyframe of it alone, and a picture that was encoded anew."""

    stream: bytes
    keyframe: bytes
    jpeg: bytes
    marks: list[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The installation's folder, the one for its temporary files, and somewhere else on the same disk."""

    folder: Path
    temporary: Path
    elsewhere: Path

    @property
    def home(self) -> str:
        return str(self.folder / "home")

    def watched(self, media: Media, plant: Callable[[], object]) -> Seen:
        """What the watch saw while something was planted."""
        with watching(self.folder, self.home, media.marks) as seen:
            plant()
        return seen


@pytest.fixture(scope="module")
def media() -> Media:
    units = [unit for picture in make_film(BED, HUE).pictures for unit in picture]
    return Media(
        stream=b"".join(START_CODE + unit for unit in units),
        keyframe=next(unit for unit in units if unit[0] & 0x1F == KEYFRAME),
        jpeg=_jpeg(),
        marks=marks_of(BED, HUE),
    )


def _jpeg() -> bytes:
    encoder = VideoCodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 64, "yuvj420p", Fraction(1, 1)
    packets = [*encoder.encode(VideoFrame(64, 64, "yuvj420p")), *encoder.encode(None)]
    return b"".join(map(bytes, packets))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(folder=tmp_path / "ward", temporary=tmp_path / "ward" / "tmp", elsewhere=tmp_path / "elsewhere")
    for each in (made.temporary, Path(made.home), made.elsewhere):
        each.mkdir(parents=True)
    return made


def test_a_picture_that_stands_is_found_by_its_name_and_by_how_it_begins(media: Media, place: Place) -> None:
    named, nameless = place.folder / "home" / "photo.JPG", place.folder / "home" / "17"

    def plant() -> None:
        named.write_bytes(b"whatever it holds")
        nameless.write_bytes(media.jpeg)

    assert place.watched(media, plant).media == {str(named), str(nameless)}


@pytest.mark.parametrize("before", [b"", b"RECORD 17\n"], ids=["alone", "behind something"])
@pytest.mark.parametrize("kind", ["stream", "keyframe"])
def test_what_a_camera_sent_is_found_under_any_name(media: Media, place: Place, kind: str, before: bytes) -> None:
    file = place.folder / "home" / "17"
    content: bytes = getattr(media, kind)
    assert place.watched(media, lambda: file.write_bytes(before + content)).marked == {str(file)}


@pytest.mark.parametrize("kind", ["stream", "keyframe", "jpeg"])
def test_what_got_another_name_is_found_under_the_new_one(media: Media, place: Place, kind: str) -> None:
    written, renamed = place.folder / "home" / "17.part", place.temporary / "17"

    def plant() -> None:
        written.write_bytes(getattr(media, kind))
        written.rename(renamed)

    seen = place.watched(media, plant)
    assert str(renamed) in (seen.media if kind == "jpeg" else seen.marked)


def test_what_was_written_elsewhere_and_moved_in_is_found(media: Media, place: Place) -> None:
    written, moved = place.elsewhere / "17", place.folder / "home" / "17"
    written.write_bytes(media.jpeg)
    assert place.watched(media, lambda: written.rename(moved)).media == {str(moved)}


@pytest.mark.parametrize("name", ["17.h264", "17.jpeg", "17"])
def test_what_was_deleted_at_once_is_told_whatever_its_name(media: Media, place: Place, name: str) -> None:
    file = place.temporary / name

    def plant() -> None:
        file.write_bytes(media.keyframe)
        file.unlink()

    seen = place.watched(media, plant)
    assert str(file) in seen.media | seen.marked | seen.unread
    assert str(file) in seen.media or name == "17"


def test_what_was_deleted_while_it_was_written_can_still_be_read(media: Media, place: Place) -> None:
    file = place.temporary / "17"
    with watching(place.folder, place.home, media.marks) as seen, file.open("wb") as writer:
        _until(lambda: str(file) in seen.passing)
        file.unlink()
        writer.write(media.keyframe)
    assert seen.marked == {str(file)}


def test_what_was_written_behind_a_file_that_was_gone_then_can_still_be_read(media: Media, place: Place) -> None:
    file = place.folder / "home" / "17"
    with watching(place.folder, place.home, media.marks) as seen:
        file.write_bytes(b"whatever it holds")
        _until(lambda: seen.passing.get(str(file), 0) >= CREATED_WRITTEN_AND_CLOSED)
        with file.open("ab") as behind:
            behind.write(media.keyframe)
        file.unlink()
    assert (seen.marked, seen.unread) == ({str(file)}, set())


@pytest.mark.parametrize("kind", ["keyframe", "jpeg"])
def test_a_file_in_a_temporary_folder_that_was_made_meanwhile_is_found(media: Media, place: Place, kind: str) -> None:
    made: list[Path] = []

    def plant() -> None:
        made.append(Path(tempfile.mkdtemp(dir=place.temporary)))
        (made[0] / "17").write_bytes(getattr(media, kind))

    seen = place.watched(media, plant)
    assert str(made[0] / "17") in (seen.media if kind == "jpeg" else seen.marked)


def test_a_temporary_folder_that_was_gone_at_once_is_told_itself(media: Media, place: Place) -> None:
    folder = place.temporary / "made"

    def plant() -> None:
        folder.mkdir()
        (folder / "17").write_bytes(media.keyframe)
        shutil.rmtree(folder)

    assert place.watched(media, plant).folders == {str(folder)}


HOLDS = 'exec 9>"$1"; if [ "$3" = deleted ]; then rm "$1"; fi; cat "$2" >&9; echo held; read word'
BEGINS = "import subprocess, sys; subprocess.run(sys.argv[1:], env={}, check=False)"


@pytest.mark.parametrize("is_deleted", [True, False], ids=["deleted", "standing"])
@pytest.mark.parametrize("where", ["disk", "memory"])
def test_a_file_elsewhere_that_a_process_of_the_installation_holds_open_is_found(
    media: Media, place: Place, where: str, is_deleted: bool
) -> None:
    source = place.elsewhere / "source"
    source.write_bytes(media.keyframe)
    with tempfile.TemporaryDirectory(dir=place.elsewhere if where == "disk" else IN_MEMORY) as folder:
        file = Path(folder) / "17"
        holds = ["/bin/sh", "-c", HOLDS, "sh", str(file), str(source), "deleted" if is_deleted else "standing"]
        # It is told nothing of ours, and not begun by who is.
        command = [sys.executable, "-c", BEGINS, sys.executable, "-c", BEGINS, *holds]
        environment = {"TIANFU_HOME": place.home}
        with (
            watching(place.folder, place.home, media.marks) as seen,
            subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
        ):
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            _until(lambda: bool(seen.marked))
            process.communicate()
    assert seen.marked == {f"{file} (deleted)" if is_deleted else str(file)}


def test_what_an_installation_writes_all_day_is_not_taken_for_pictures(media: Media, place: Place) -> None:
    def plant() -> None:
        with (place.folder / "log").open("a") as log:
            log.write("slot_booked\n")
        before, after = place.folder / "home" / "heads.tmp", place.folder / "home" / "heads"
        for content in ("first", "second"):
            before.write_text(content)
            before.rename(after)

    seen = place.watched(media, plant)
    assert (seen.marked, seen.media, seen.unread, seen.folders) == (set(), set(), set(), set())
    assert str(place.folder / "log") in seen.passing


def test_a_watch_that_lost_changes_says_so(media: Media, place: Place) -> None:
    watch = Watch(place.folder, place.home, media.marks)
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.dup2(reading, watch._inotify)
    os.write(writing, EVENT.pack(-1, IN_Q_OVERFLOW, 0, 0))
    watch.run()
    for each in (reading, writing):
        os.close(each)
    assert "lost" in str(watch.failed)


def _until(true: Callable[[], bool]) -> None:
    """Wait for the watch's own thread; it looks ten times a second."""
    for _ in range(600):
        if true():
            return
        threading.Event().wait(0.1)
    raise AssertionError("it was never seen")
