"""Looks whether pictures of the ward are written anywhere: by bytes of the real films, by names, and by open files.

What it sees: every regular file under the installation's folder (home, database, temporary files), read whole at the
end; files that came and went there meanwhile, by name and by what they held (inotify(7)): each is opened as soon as it
appears, and held to the end, so that it can still be read when it has no name any more, and one that was
faster than that is told as unread; every folder that came meanwhile, because what went on in it before it was watched
nobody saw; every regular file that a process of the installation holds open for writing, wherever it is and even if it
has no name (proc(5)); and how many bytes the media programs had the kernel write to a disk at all (`write_bytes`).
What it does not see: pictures that were encrypted, or decoded and encoded anew without the beginning or the name of a
media file, before another program than the media programs wrote them; and files outside the folder that were open for
less than one look, but for the bytes that a media program wrote to a disk.
"""

from __future__ import annotations

import base64
import ctypes
import errno
import os
import re
import select
import stat
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from demo.ward.film import make_film

LOOK_SECONDS = 0.1
MARK_BYTES = 24
MARKS_OF_UNIT = 4
KEYFRAME = 5
"""A slice of a picture that can be decoded by itself (ISO/IEC 14496-10, table 7-1)."""

IN_MODIFY, IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE = 0x2, 0x8, 0x40, 0x80, 0x100
IN_Q_OVERFLOW, IN_ISDIR = 0x4000, 0x40000000
CHANGES = IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE
IN_MEMORY = "/dev/shm/"  # noqa: S108 - files are looked for there, none is put there
GONE_AGAIN = {errno.ENOENT, errno.ENOTDIR}
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


def begins_as_media(head: bytes) -> bool:
    """Whether a file that begins so is a recording or a picture; the first 12 bytes are enough."""
    return head.startswith(HEADS) or head[4:8] == b"ftyp"


@dataclass(slots=True)
class Seen:
    """What a watch saw."""

    passing: dict[str, int] = field(default_factory=dict)
    """Files that were written or appeared, and how often."""

    marked: set[str] = field(default_factory=set)
    """Files in which marks lay while they stood."""

    media: set[str] = field(default_factory=set)
    """Files that had the name of a recording or picture, or began as one."""

    unread: set[str] = field(default_factory=set)
    """Files that were written and into which nobody could look: mostly because they were gone at once."""

    folders: set[str] = field(default_factory=set)
    """Folders that appeared."""

    held: dict[str, set[str]] = field(default_factory=dict)
    """Regular files that were open for writing, by the program that held them."""

    written: dict[str, int] = field(default_factory=dict)
    """Bytes that the kernel wrote for each media program meanwhile."""

    programs: set[str] = field(default_factory=set)


class Watch:
    """Looks at a folder and at all processes that carry its `TIANFU_HOME`."""

    def __init__(self, folder: Path, home: str, marks: Sequence[bytes]) -> None:
        self.seen = Seen()
        self.failed: OSError | None = None
        self._folder = folder
        self._home = f"TIANFU_HOME={home}".encode()
        self._marks = list(marks)
        self._stop = threading.Event()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._inotify = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._inotify >= 0
        self._folders: dict[int, Path] = {}
        self._kept: dict[Path, int] = {}
        self._closed: set[Path] = set()
        self._moved: dict[int, Path] = {}
        self._before: dict[int, int] = {}
        self._add(folder, is_new=False)

    def _add(self, folder: Path, *, is_new: bool) -> None:
        """Watch a folder, then look what lies in it: nothing can come in between."""
        if is_new:
            self.seen.folders.add(str(folder))
        number = self._libc.inotify_add_watch(self._inotify, os.fsencode(folder), CHANGES)
        if number < 0:
            why = ctypes.get_errno()
            if is_new and why in GONE_AGAIN:
                return
            raise OSError(why, "not watched", str(folder))
        self._folders[number] = folder
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    self._add(Path(entry.path), is_new=is_new)
                elif is_new:
                    self._appeared(Path(entry.path), IN_MOVED_TO, 0)

    def _changes(self) -> Iterator[tuple[Path, int, int]]:
        """What changed since the last look: where, how, and the cookie that the two ends of a renaming share."""
        while True:
            try:
                data = os.read(self._inotify, 1 << 16)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                number, mask, cookie, length = EVENT.unpack_from(data, at)
                name = data[at + EVENT.size : at + EVENT.size + length].rstrip(b"\0")
                at += EVENT.size + length
                if mask & IN_Q_OVERFLOW:
                    raise OSError(errno.EOVERFLOW, "changes were lost")
                if number in self._folders:
                    yield self._folders[number] / os.fsdecode(name), mask, cookie

    def look(self) -> None:
        """One look."""
        self._look_at_changes()
        for process in self._processes():
            self._look_at(process)

    def _look_at_changes(self) -> None:
        for path, mask, cookie in self._changes():
            if not mask & IN_ISDIR:
                self._appeared(path, mask, cookie)
            elif mask & (IN_CREATE | IN_MOVED_TO):
                self._add(path, is_new=True)

    def _appeared(self, path: Path, mask: int, cookie: int) -> None:
        """A file came, was written or got another name."""
        if MEDIA_NAMES.search(path.name):
            self.seen.media.add(str(path))
        if mask & IN_CREATE:
            self._keep(path, _opened(path))
        if mask & IN_MOVED_FROM:
            self._moved[cookie] = path
        if mask & IN_MOVED_TO and cookie in self._moved:
            before = self._moved.pop(cookie)
            self.seen.unread.discard(str(before))  # it is here, and looked into under this name
            self._keep(path, self._kept.pop(before, None))
        if mask & (IN_CLOSE_WRITE | IN_MOVED_TO):
            self._look_into(path)
        self.seen.passing[str(path)] = self.seen.passing.get(str(path), 0) + 1

    def _keep(self, path: Path, file: int | None) -> None:
        """Hold a file open, whatever becomes of its name."""
        if file is not None:
            self._let_go(path)
            self._kept[path] = file

    def _let_go(self, path: Path) -> None:
        self._closed.discard(path)
        if path in self._kept:
            os.close(self._kept.pop(path))

    def _look_into(self, path: Path) -> None:
        """Look what a file holds, by its name and as it was when it appeared."""
        named = _opened(path)
        files = [each for each in (named, self._kept.get(path)) if each is not None]
        for data in {os.fstat(each).st_ino: _whole(each) for each in files}.values():
            self._judge(str(path), data)
        if not files and not _is_no_file(path):
            self.seen.unread.add(str(path))
        if named is not None:
            os.close(named)
        self._closed.add(path)  # and kept: somebody may write behind it, and take its name away at once

    def _judge(self, name: str, data: bytes) -> None:
        if begins_as_media(data[:12]):
            self.seen.media.add(name)
        if any(mark in data for mark in self._marks):
            self.seen.marked.add(name)

    def _processes(self) -> Iterator[Path]:
        """Those that know the installation's home, and whatever they began: ffmpeg is told nothing of ours."""
        ours, parents = set(), {}
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                with suppress(OSError):
                    parents[process.name] = (process / "stat").read_text("utf-8").rpartition(")")[2].split()[1]
                    if self._home in (process / "environ").read_bytes().split(b"\0"):
                        ours.add(process.name)
        for name in parents:
            if any(each in ours for each in _line_of(name, parents)):
                yield Path("/proc") / name

    def _look_at(self, process: Path) -> None:
        with suppress(OSError):
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            name = next((each for each in MEDIA_PROGRAMS if each in command), command[:60])
            self.seen.programs.add(name)
            if name in MEDIA_PROGRAMS:
                said = re.search(r"^write_bytes: (\d+)", (process / "io").read_text("utf-8"), re.MULTILINE)
                assert said is not None
                number, count = int(process.name), int(said[1])
                self._before.setdefault(number, count)
                self.seen.written[f"{name} {number}"] = count - self._before[number]
            for entry in (process / "fd").iterdir():
                with suppress(OSError):
                    self._look_at_open(process, name, entry)

    def _look_at_open(self, process: Path, name: str, entry: Path) -> None:
        target = str(entry.readlink())
        is_device = target.startswith(("/dev/", "/proc/")) and not target.startswith(IN_MEMORY)
        if not target.startswith(("/", "memfd:")) or is_device or not entry.is_file():
            return
        told = (process / "fdinfo" / entry.name).read_text("utf-8")
        flags = int(re.search(r"^flags:\s+(\d+)", told, re.MULTILINE)[1], 8)  # type: ignore[index]  # every open file has flags
        if flags & os.O_ACCMODE != os.O_RDONLY:
            self.seen.held.setdefault(name, set()).add(target)
            is_watched = Path(target).is_relative_to(self._folder) and not target.endswith(" (deleted)")
            if not is_watched:
                self._judge(target, entry.read_bytes())

    def run(self) -> None:
        """Look again and again until told to stop, at changes as soon as they happen."""
        try:
            while not self._stop.is_set():
                self.look()
                self._wait()
            self.look()
            for path in self._kept.keys() - self._closed:  # also what is open still, or was never written by its name
                self._look_into(path)
        except OSError as error:
            self.failed = error
        finally:
            for path in list(self._kept):
                self._let_go(path)
            os.close(self._inotify)

    def _wait(self) -> None:
        until = time.monotonic() + LOOK_SECONDS
        while (left := until - time.monotonic()) > 0 and not self._stop.is_set():
            if select.select([self._inotify], [], [], left)[0]:
                self._look_at_changes()

    def stop(self) -> None:
        """Look once more, and no more."""
        self._stop.set()


def _opened(path: Path) -> int | None:
    """A regular file, opened to be read; None for what is gone or is none."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    return None


def _is_no_file(path: Path) -> bool:
    """Whether what stands there is a socket, a pipe or a link."""
    try:
        return not stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _whole(file: int) -> bytes:
    with open(file, "rb", closefd=False) as bytes_of:
        bytes_of.seek(0)
        return bytes_of.read()


def _line_of(process: str, parents: Mapping[str, str]) -> Iterator[str]:
    """A process, its parent, and so on."""
    seen: set[str] = set()
    while process in parents and process not in seen:
        seen.add(process)
        yield process
        process = parents[process]


@contextmanager
def watching(folder: Path, home: str, marks: Sequence[bytes]) -> Iterator[Seen]:
    """Watch for the length of a block; then the bytes of all files are looked through too.

    Raises OSError if changes were lost or a folder could not be watched: a watch that saw half has seen nothing.
    """
    watch = Watch(folder, home, marks)
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    try:
        yield watch.seen
    finally:
        watch.stop()
        thread.join()
        watch.seen.marked |= set(files_with(marks, folder))
    if watch.failed is not None:
        raise watch.failed
