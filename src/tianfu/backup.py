"""A backup: the database as PostgreSQL dumps it, documents, the heads of the trace, and a sealed list of every file.

The master key is never in it.  What was sealed in the database is sealed in the backup, and without that key it
stays so.  The trace's heads are copied before the database, so that a restored trace reaches at least as far as they.
Documents are copied before and after it: a row in the dump names a file that was there already, or one that came
while the database was dumped.  Where they lie in a bucket, the list says so and its owner keeps them.
"""

from __future__ import annotations

import hmac
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec

from tianfu.db import Addresses
from tianfu.db.dumping import dump, load, refuse_filled
from tianfu.db.migrations import Migration
from tianfu.kernel.instants import Clock, to_fhir_instant
from tianfu.kernel.refusal import Refusal
from tianfu.vault.hashing import Sm3, hmac_sm3
from tianfu.vault.provider import KeyProvider

MANIFEST = "manifest.json"
SEAL = "manifest.seal"
DATABASE = "database"
TRACE = "audit"
DOCUMENTS = "documents"
UNFINISHED = ".unfinished"
FORM = 1
BLOCK_BYTES = 1 << 20
MANIFEST_BYTES_MAX = 64 << 20
_SEAL_CONTEXT = b"tianfu backup manifest"
_SEAL_KEY_BYTES = 16

Progress = Callable[[str, int, int], None]
"""Called with the step, how much of it is done, and how much there is."""


class BackedUp(msgspec.Struct, frozen=True, kw_only=True):
    """One file: its size, and its SM3."""

    size_bytes: int
    sm3: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds, and what it takes to use it; `documents_in` names the bucket of documents that it lacks."""

    form: int
    made_at: str
    program: str
    steps: tuple[str, ...]
    key_fingerprint: str
    seal_key: str
    files: dict[str, BackedUp]
    documents_in: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The installation that is backed up or restored; `documents` is a folder, or the address of a bucket."""

    addresses: Addresses
    home: Path
    documents: Path | str
    provider: KeyProvider
    steps: tuple[Migration, ...]


def back_up(place: Place, folder: Path, *, clock: Clock, progress: Progress) -> Manifest:
    """Write a backup into a new folder, while the store serves; a folder that is there already is refused."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refusal("folder-not-empty", next_step="name-another-folder", details={"folder": str(folder)})
    unfinished = folder.with_name(folder.name + UNFINISHED)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True, mode=0o700)
    _copy_living(sorted(_files(place.home / TRACE)), place.home / TRACE, unfinished / TRACE)
    _copy_documents(place, unfinished, progress)
    dump(place.addresses, unfinished / DATABASE, progress=lambda done, total: progress("tables", done, total))
    _copy_documents(place, unfinished, progress)
    manifest = _manifest(place, unfinished, clock, progress)
    _make_durable(unfinished)
    if folder.exists():
        folder.rmdir()
    unfinished.rename(folder)
    return manifest


def restore(place: Place, folder: Path, *, progress: Progress) -> Manifest:
    """Bring a backup back into an installation that holds nothing yet: wholly, or not at all.

    Raises Refusal `backup-damaged`, `key-differs`, `schema-newer`, `installation-not-empty` or `documents-need-folder`
    before it writes.
    """
    manifest = checked(place.provider, folder, progress=progress)
    known = {step.name for step in place.steps}
    if unknown := [name for name in manifest.steps if name not in known]:
        raise Refusal("schema-newer", next_step="run-the-newer-program", details={"steps": " ".join(unknown)})
    trace = place.home / TRACE
    if trace.exists() and any(trace.iterdir()):
        raise Refusal("installation-not-empty", next_step="use-an-empty-one", details={"folder": str(trace)})
    target = _documents_target(place, folder)
    refuse_filled(place.addresses)
    # The trace first: without the database nothing is served, and running it again replaces a half copy.
    copy = trace.with_name(TRACE + UNFINISHED)
    shutil.rmtree(copy, ignore_errors=True)
    if (folder / TRACE).is_dir():
        shutil.copytree(folder / TRACE, copy)
    if target is not None:
        _copy_back(folder / DOCUMENTS, target)
    load(place.addresses, folder / DATABASE, progress=lambda done, total: progress("tables", done, total))
    if copy.is_dir():
        if trace.exists():
            trace.rmdir()
        copy.rename(trace)
    if target is not None:
        _put_in_place(target)
    return manifest


def checked(provider: KeyProvider, folder: Path, *, progress: Progress) -> Manifest:
    """The manifest of a backup of which every file is as it was written.

    Raises Refusal `backup-damaged` and names the file, or `key-differs` if another master key is needed.
    """
    text, seal = _read(folder, MANIFEST), _read(folder, SEAL)
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
        fingerprint, wrapped = bytes.fromhex(manifest.key_fingerprint), bytes.fromhex(manifest.seal_key)
    except (msgspec.DecodeError, ValueError) as error:
        raise _damaged(MANIFEST) from error
    if manifest.form != FORM:
        raise Refusal("backup-of-another-form", next_step="run-the-newer-program", details={"form": str(manifest.form)})
    if fingerprint != provider.fingerprint:
        raise Refusal("key-differs", next_step="restore-key", details={"key": "master"})
    if not hmac.compare_digest(hmac_sm3(provider.unwrap(wrapped, _SEAL_CONTEXT), text), seal):
        raise _damaged(MANIFEST)
    there = {str(each.relative_to(folder)) for each in _files(folder)} - {MANIFEST, SEAL}
    for name in sorted(there ^ set(manifest.files)):
        raise _damaged(name)
    for number, (name, said) in enumerate(sorted(manifest.files.items()), 1):
        if _described(folder / name) != said:
            raise _damaged(name)
        progress("files", number, len(manifest.files))
    return manifest


def _copy_living(files: Sequence[Path], source: Path, target: Path) -> None:
    """Copy files of a folder in which others write; what goes away meanwhile is covered by what came instead."""
    for file in files:
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileNotFoundError):
            shutil.copy2(file, copy)


def _copy_documents(place: Place, unfinished: Path, progress: Progress) -> None:
    """Copy the finished files of documents; what was copied before is not copied again, as none ever changes."""
    if not isinstance(place.documents, Path):
        return
    source, target = place.documents, unfinished / DOCUMENTS
    target.mkdir(exist_ok=True, mode=0o700)
    there = [
        each for each in _files(source) if not any(part.startswith(".") for part in each.relative_to(source).parts)
    ]
    new = sorted(each for each in there if not (target / each.relative_to(source)).exists())
    for number, file in enumerate(new, 1):
        _copy_living([file], source, target)
        progress("documents", number, len(new))


def _documents_target(place: Place, folder: Path) -> Path | None:
    """The empty folder that documents come back into, or None if the backup holds none."""
    if not any(_files(folder / DOCUMENTS)):
        return None
    if not isinstance(place.documents, Path):
        details = {"documents": place.documents}
        raise Refusal("documents-need-folder", next_step="restore-into-a-folder", details=details)
    if place.documents.exists() and any(each.name != UNFINISHED for each in place.documents.iterdir()):
        details = {"folder": str(place.documents)}
        raise Refusal("installation-not-empty", next_step="use-an-empty-one", details=details)
    return place.documents


def _copy_back(source: Path, target: Path) -> None:
    """Copy documents beside where they belong, on the same disk: the folder itself may be a disk of its own."""
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.rmtree(target / UNFINISHED, ignore_errors=True)
    shutil.copytree(source, target / UNFINISHED)
    _make_durable(target / UNFINISHED)


def _put_in_place(target: Path) -> None:
    for each in (target / UNFINISHED).iterdir():
        each.rename(target / each.name)
    (target / UNFINISHED).rmdir()


def _manifest(place: Place, folder: Path, clock: Clock, progress: Progress) -> Manifest:
    files = sorted(_files(folder))
    described = {}
    for number, file in enumerate(files, 1):
        described[str(file.relative_to(folder))] = _described(file)
        progress("files", number, len(files))
    key = os.urandom(_SEAL_KEY_BYTES)
    manifest = Manifest(
        form=FORM,
        made_at=to_fhir_instant(clock()),
        program=version("tianfu"),
        steps=tuple(step.name for step in place.steps),
        key_fingerprint=place.provider.fingerprint.hex(),
        seal_key=place.provider.wrap(key, _SEAL_CONTEXT).hex(),
        files=described,
        documents_in=None if isinstance(place.documents, Path) else place.documents,
    )
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (folder / MANIFEST).write_bytes(text)
    (folder / SEAL).write_bytes(hmac_sm3(key, text))
    return manifest


def _files(folder: Path) -> Iterator[Path]:
    return (each for each in folder.rglob("*") if each.is_symlink() or not each.is_dir())


def _described(file: Path) -> BackedUp:
    digest, size = Sm3(), 0
    with file.open("rb") as opened:
        while block := opened.read(BLOCK_BYTES):
            digest.update(block)
            size += len(block)
    return BackedUp(size_bytes=size, sm3=digest.digest().hex())


def _make_durable(folder: Path) -> None:
    """Have every file on the disk before the folder gets its name."""
    for each in [*folder.rglob("*"), folder]:
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _read(folder: Path, name: str) -> bytes:
    try:
        with (folder / name).open("rb") as file:
            return file.read(MANIFEST_BYTES_MAX)
    except OSError as error:
        raise _damaged(name) from error


def _damaged(name: str) -> Refusal:
    return Refusal("backup-damaged", next_step="use-another-backup", details={"file": name})
