"""Folders of DICOM: what is in them, within limits; and folders that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from tianfu.commands_radiotherapy.speaking import Tell, hint, notices, say
from tianfu.kernel.refusal import Refusal
from tianfu.services.imaging.limits import CASE_BYTES_MAX, OBJECT_BYTES_MAX, OBJECTS_MAX, VOXELS_MAX

if TYPE_CHECKING:
    from tianfu.standards.dicom.cases import Case
    from tianfu.standards.dicom.findings import Reading

README = "README.txt"
OURS = "Written by Tianfu."
"""The first line of the README of a folder that we wrote."""

UNFINISHED = ".unfinished-"
"""In the name of what is being written: a program that was killed leaves it, and no case is read from it."""

KEY_BYTES = 32
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600


def files_in(place: Path) -> list[Path]:
    """Every file of a folder, or the one file; of a folder that we wrote, its objects.

    Raises Refusal `case-no-files`, `case-too-many-files`, `case-too-large`, `dicom-too-large` before any is read.
    """
    files = [place] if place.is_file() else sorted(each for each in place.rglob("*") if each.is_file())
    files = [each for each in files if not any(map(_is_unfinished, each.relative_to(place).parts))]
    if _is_ours(place / README):
        files = [each for each in files if each.suffix == ".dcm"]
    if not files:
        raise Refusal("case-no-files", details={"folder": str(place)})
    if len(files) > OBJECTS_MAX:
        raise Refusal("case-too-many-files", details={"count": str(len(files)), "most": str(OBJECTS_MAX)})
    sizes = [each.stat().st_size for each in files]
    if sum(sizes) > CASE_BYTES_MAX:
        raise Refusal("case-too-large", details={"bytes": str(sum(sizes)), "most": str(CASE_BYTES_MAX)})
    for file, size in zip(files, sizes, strict=True):
        if size > OBJECT_BYTES_MAX:
            hint("in-file", file=str(file))
            raise Refusal("dicom-too-large", details={"bytes": str(size), "bytes_max": str(OBJECT_BYTES_MAX)})
    return files


def contents_of(files: Sequence[Path], tell: Tell) -> list[bytes]:
    """The bytes of each file."""
    read = []
    for number, file in enumerate(files, start=1):
        read.append(read_bytes(file))
        tell(say("reading"), number, len(files))
    return read


def read_bytes(file: Path) -> bytes:
    """The bytes of a file; raises Refusal `file-not-readable`."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise not_readable(file, error) from error


def read_bounded(file: Path, *, bytes_most: int) -> bytes:
    """The bytes of a file, or one more than so many of a larger one: what reads them sees that it is too large.

    Raises Refusal `file-not-readable`.
    """
    try:
        with file.open("rb") as opened:
            return opened.read(bytes_most + 1)
    except OSError as error:
        raise not_readable(file, error) from error


def not_readable(file: Path, error: OSError) -> Refusal:
    """That a file cannot be read, and why."""
    details = {"file": str(file), "reason": type(error).__name__}
    return Refusal("file-not-readable", next_step="name-another-file", details=details)


def read_folder(place: Path, tell: Tell) -> tuple[Reading[Case], list[bytes]]:
    """A case in a folder, and the bytes of its objects; a file that cannot be read is named."""
    files = files_in(place)
    contents = contents_of(files, tell)
    return read_contents(contents, files), contents


def read_contents(contents: Sequence[bytes], files: Sequence[Path] = ()) -> Reading[Case]:
    """All objects of a case, decoded."""
    from tianfu.standards.dicom.cases import read_case

    try:
        return read_case(contents, bytes_max=OBJECT_BYTES_MAX, voxels_max=VOXELS_MAX)
    except Refusal as refusal:
        if files and "object" in refusal.details:
            hint("in-file", file=str(files[int(refusal.details["object"]) - 1]))
        raise


def refuse_filled(folder: Path) -> None:
    """Raises Refusal `folder-not-empty` unless a folder is new or empty, and `folder-not-usable` if none can be made.

    It is asked before anything is computed: after minutes it would be too late to hear of it.
    """
    try:
        is_filled = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
        final = folder.resolve()
        above = next(each for each in final.parents if each.exists())
    except OSError as error:
        raise _not_usable(folder, error) from error
    if is_filled:
        raise Refusal("folder-not-empty", next_step="name-another-folder", details={"folder": str(folder)})
    if not above.is_dir():
        raise _not_usable(folder, NotADirectoryError())
    if not os.access(above, os.W_OK | os.X_OK):
        raise _not_usable(folder, PermissionError())


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to be filled beside the new or empty one, whose name it gets when the block ends well.

    Only its owner may enter it.  Raises Refusal `folder-not-empty` or `folder-not-usable`.
    """
    refuse_filled(folder)
    final = folder.resolve()
    unfinished = final.with_name(f".{final.name}{UNFINISHED}{token_hex(4)}")
    try:
        unfinished.mkdir(mode=_FOLDER_MODE, parents=True)
    except OSError as error:
        raise _not_usable(folder, error) from error
    try:
        yield unfinished
        _settle(unfinished)
        unfinished.rename(final)
        _settle(final.parent)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
            raise Refusal(
                "folder-not-empty", next_step="name-another-folder", details={"folder": str(folder)}
            ) from error
        raise _not_usable(folder, error) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def write_file(file: Path, content: bytes) -> None:
    """For its owner alone, from the first byte on, and on the disk when it returns."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE), "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def refuse_there(file: Path) -> None:
    """Raises Refusal `file-already-there` before anybody is asked for anything; `write_new_file` looks once more."""
    if file.exists() or file.is_symlink():
        raise Refusal("file-already-there", next_step="name-another-file", details={"file": str(file)})


def write_new_file(file: Path, content: bytes) -> None:
    """A file that is there whole or not at all, and never written over one that was.

    Raises Refusal `file-already-there` or `file-not-writable`.
    """
    unfinished = file.with_name(f".{file.name}{UNFINISHED}{token_hex(4)}")
    try:
        write_file(unfinished, content)
        os.link(unfinished, file)
        _settle(file.resolve().parent)
    except FileExistsError as error:
        details = {"file": str(file)}
        raise Refusal("file-already-there", next_step="name-another-file", details=details) from error
    except OSError as error:
        details = {"file": str(file), "reason": type(error).__name__}
        raise Refusal("file-not-writable", next_step="name-another-file", details=details) from error
    finally:
        unfinished.unlink(missing_ok=True)


def write_readme(folder: Path, *lines: str) -> None:
    """Say in a folder that nothing in it is for clinical use, in every language, and what it is."""
    text = "\n".join([OURS, "", *notices().values(), "", *lines])
    write_file(folder / README, f"{text}\n".encode())


def key_of(file: Path, *, make: bool) -> bytes:
    """The key in a file that nobody else may read; raises Refusal `key-open-to-others` or `key-damaged`."""
    if make and not file.exists():
        write_file(file, os.urandom(KEY_BYTES))
    key = read_bytes(file)
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise Refusal("key-open-to-others", next_step="take-it-from-others", details={"file": str(file)})
    if len(key) < KEY_BYTES:
        raise Refusal("key-damaged", details={"file": str(file)})
    return key


def _is_unfinished(name: str) -> bool:
    return name.startswith(".") and UNFINISHED in name


def _is_ours(readme: Path) -> bool:
    try:
        with readme.open("rb") as opened:
            return opened.read(len(OURS)) == OURS.encode()
    except OSError:
        return False


def _not_usable(folder: Path, error: OSError) -> Refusal:
    details = {"folder": str(folder), "reason": type(error).__name__}
    return Refusal("folder-not-usable", next_step="name-another-folder", details=details)


def _settle(folder: Path) -> None:
    """See to it that the names in a folder are on the disk as well."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
