"""Looks whether pictures of the ward are written anywhere: by bytes of the real films, by names, and by open files.

What it sees: every regular file under the installation's folder (home, database, temporary files), read whole at the
end; files that came and went there meanwhile, by name and as far as they can be read while they stand (inotify(7));
every regular file that a process of the installation holds open for writing, wherever it is and even if it has no name
(proc(5)); and how many bytes the media programs had the kernel write to a disk at all (`write_bytes`).
What it does not see: pictures that were decoded and encoded anew or encrypted before they were written by another
program than the media programs, as what is looked for are the bytes of the films as the cameras send them; and files
on a file system in memory that were open for less than one look.
"""

from __future__ import annotations

import base64
import ctypes
import os
import re
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from demo.ward.film import make_film

LOOK_SECONDS = 0.1
MARK_BYTES = 24
MARKS_OF_UNIT = 4
KEYFRAME = 5
"""A slice of a picture that can be decoded by itself (ISO/IEC 14496-10, table 7-1)."""

IN_MODIFY, IN_CLOSE_WRITE, IN_MOVED_TO, IN_CREATE = 0x2, 0x8, 0x80, 0x100
IN_ISDIR = 0x40000000
EVENT = struct.Struct("iIII")

MEDIA_NAMES = re.compile(
    r"\.(mp4|m4s|mkv|webm|ts|h264|264|avi|mov|flv|ogg|opus|wav|jpe?g|png|webp|gif|yuv|rtp|pcap)$", re.IGNORECASE
)
HEADS = (b"\0\0\0\1", b"\0\0\1\x65", b"\x1aE\xdf\xa3", b"OggS", b"RIFF", b"FLV\1", b"\xff\xd8\xff", b"\x89PNG")
"""How streams of H.264, Matroska, Ogg, AVI, Flash, JPEG and PNG begin; MP4 bears `ftyp` after four bytes."""

MEDIA_PROGRAMS = ("tianfu.supervision.media_server", "tianfu.supervision.camera_keeper", "ffmpeg")


def marks_of(code: str, hue: int) -> list[bytes]:
    """Bytes of the pictures of a bed by which they are known, in clear and as base64 or hexadecimal text.

    They lie within slices, and well apart: whatever a recording puts between packets, some stay whole.
    """
    clear: list[bytes] = []
    for picture in make_film(code, hue).pictures:
        for unit in picture:
            if unit[0] & 0x1F == KEYFRAME:
                parts = [unit[at : at + MARK_BYTES] for at in range(MARK_BYTES, len(unit) - MARK_BYTES, 8)]
                usable = [each for each in parts if not {0, 10} & set(each)]  # neither padding nor a line's end
                clear += sorted(usable, key=lambda each: len(set(each)))[-MARKS_OF_UNIT:]
    assert len(clear) >= 10, "the film says too little"
    assert all(len(set(each)) > MARK_BYTES // 2 for each in clear), "such bytes may lie anywhere"
    texts = [base64.b64encode(each[shift : shift + 21])[:28] for each in clear for shift in range(3)]
    return [*clear, *texts, *(each.hex().encode() for each in clear)]


def files_with(marks: Sequence[bytes], *places: Path) -> list[str]:
    """The regular files under places in which any of the marks lies."""
    with tempfile.TemporaryDirectory() as elsewhere:
        wanted = Path(elsewhere) / "marks"
        wanted.write_bytes(b"\n".join(marks) + b"\n")
        command = ["grep", "-rlaF", "--devices=skip", "-f", str(wanted), *map(str, places)]
        said = subprocess.run(command, env={"LC_ALL": "C", "PATH": os.environ["PATH"]}, capture_output=True)
    return said.stdout.decode(errors="replace").split("\n")[:-1]


def looks_like_media(path: Path) -> bool:
    """Whether a file begins as recordings and pictures do."""
    with suppress(OSError), path.open("rb") as file:
        head = file.read(12)
        return head.startswith(HEADS) or head[4:8] == b"ftyp"
    return False


@dataclass(slots=True)
class Seen:
    """What a watch saw."""

    passing: dict[str, int] = field(default_factory=dict)
    """Files that were written or appeared, and how often."""

    marked: set[str] = field(default_factory=set)
    """Files in which marks lay while they stood."""

    held: dict[str, set[str]] = field(default_factory=dict)
    """Regular files that were open for writing, by the program that held them."""

    written: dict[str, int] = field(default_factory=dict)
    """Bytes that the kernel wrote for each media program meanwhile."""

    programs: set[str] = field(default_factory=set)


class Watch:
    """Looks at a folder and at all processes that carry its `TIANFU_HOME`."""

    def __init__(self, folder: Path, home: str, marks: Sequence[bytes]) -> None:
        self.seen = Seen()
        self._folder = folder
        self._home = f"TIANFU_HOME={home}".encode()
        self._marks = list(marks)
        self._stop = threading.Event()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._inotify = self._libc.inotify_init1(os.O_NONBLOCK)
        assert self._inotify >= 0
        self._folders: dict[int, Path] = {}
        self._before: dict[int, int] = {}
        self._add(folder)

    def _add(self, folder: Path) -> None:
        for place, _, _ in os.walk(folder):
            mask = IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE
            number = self._libc.inotify_add_watch(self._inotify, os.fsencode(place), mask)
            if number >= 0:
                self._folders[number] = Path(place)

    def _changes(self) -> Iterator[tuple[Path, int]]:
        while True:
            try:
                data = os.read(self._inotify, 1 << 16)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                number, mask, _, length = EVENT.unpack_from(data, at)
                name = data[at + EVENT.size : at + EVENT.size + length].rstrip(b"\0")
                at += EVENT.size + length
                if number in self._folders:
                    yield self._folders[number] / os.fsdecode(name), mask

    def look(self) -> None:
        """One look."""
        for path, mask in self._changes():
            if mask & IN_ISDIR:
                self._add(path)
                continue
            self.seen.passing[str(path)] = self.seen.passing.get(str(path), 0) + 1
            if mask & (IN_CLOSE_WRITE | IN_MOVED_TO) and self._bears_marks(path):
                self.seen.marked.add(str(path))
        for process in self._processes():
            self._look_at(process)

    def _bears_marks(self, path: Path) -> bool:
        try:
            data = path.read_bytes()
        except OSError:
            return False
        return any(mark in data for mark in self._marks)

    def _processes(self) -> Iterator[Path]:
        """Those that know the installation's home, and their children: ffmpeg is told nothing of ours."""
        ours, parents = set(), {}
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                with suppress(OSError):
                    parents[process.name] = (process / "stat").read_text().rpartition(")")[2].split()[1]
                    if self._home in (process / "environ").read_bytes().split(b"\0"):
                        ours.add(process.name)
        for name, parent in parents.items():
            if name in ours or parent in ours:
                yield Path("/proc") / name

    def _look_at(self, process: Path) -> None:
        with suppress(OSError):
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            name = next((each for each in MEDIA_PROGRAMS if each in command), command[:60])
            self.seen.programs.add(name)
            if name in MEDIA_PROGRAMS:
                said = re.search(r"^write_bytes: (\d+)", (process / "io").read_text(), re.MULTILINE)
                assert said is not None
                number, count = int(process.name), int(said[1])
                self._before.setdefault(number, count)
                self.seen.written[f"{name} {number}"] = count - self._before[number]
            for entry in (process / "fd").iterdir():
                with suppress(OSError):
                    self._look_at_open(process, name, entry)

    def _look_at_open(self, process: Path, name: str, entry: Path) -> None:
        target = str(entry.readlink())
        if not target.startswith(("/", "memfd:")) or target.startswith(("/dev/", "/proc/")) or not entry.is_file():
            return
        flags = int(re.search(r"^flags:\s+(\d+)", (process / "fdinfo" / entry.name).read_text(), re.MULTILINE)[1], 8)  # type: ignore[index]  # every open file has flags
        if flags & os.O_ACCMODE != os.O_RDONLY:
            self.seen.held.setdefault(name, set()).add(target)
            if target.endswith(" (deleted)") and self._bears_marks(entry):
                self.seen.marked.add(target)

    def run(self) -> None:
        """Look again and again until told to stop."""
        while not self._stop.is_set():
            self.look()
            time.sleep(LOOK_SECONDS)
        self.look()
        os.close(self._inotify)

    def stop(self) -> None:
        """Look once more, and no more."""
        self._stop.set()


@contextmanager
def watching(folder: Path, home: str, marks: Sequence[bytes]) -> Iterator[Seen]:
    """Watch for the length of a block; then the bytes of all files are looked through too."""
    watch = Watch(folder, home, marks)
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    try:
        yield watch.seen
    finally:
        watch.stop()
        thread.join()
        watch.seen.marked |= set(files_with(marks, folder))
