"""The drill: a province is backed up while it serves, lost, and restored; and what a thief of the backup has."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import orjson
import pytest
from demo.telling import Wish, tell_province

from tests.folders import new_folder
from tests.supervision.installation import Installation
from tests.trails import auditor_of
from tianfu.access.caller import OPERATOR
from tianfu.access.purpose import Purpose
from tianfu.backup import DOCUMENTS, MANIFEST, SEAL, UNFINISHED, Place, back_up, checked
from tianfu.db import Addresses, Database, EmbeddedPostgres
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.keys import open_keyring
from tianfu.records.store import SearchRequest, Store
from tianfu.services.documents.keeping import Documents, open_place
from tianfu.vault.files import load, make, master_key_file
from tianfu.vault.hashing import hmac_sm3
from tianfu.vault.provider import Keys

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,  # makes a province, imports it, backs it up and restores it
]

RESIDENTS = 25
WHO = (OPERATOR, Purpose.OPERATIONS)
_PERSONAL = re.compile(rb"(?<![0-9])(?:[1-9][0-9]{5}(?:18|19|20)[0-9]{9}[0-9X]|100[0-9]{8})(?![0-9])")

Versions = dict[tuple[str, str, int], bytes | None]


@dataclass(frozen=True)
class Drill:
    """An installation with people and documents in it, its backup, and every version and document that it held."""

    installation: Installation
    backup: Path
    files: Path
    versions: Versions
    documents: dict[str, bytes]

    def emptied_home(self, folder: Path) -> Installation:
        """Another machine with nothing on it but the master key."""
        made = installed(folder)
        key = master_key_file(made.home)
        key.parent.mkdir(mode=0o700)
        shutil.copy2(master_key_file(self.installation.home), key)
        return made


def installed(home: Path) -> Installation:
    home.mkdir(parents=True)
    secret = home.with_name("codes-secret")
    secret.touch(mode=0o600)
    secret.write_text("made-up")
    made = Installation(home)
    made.environment |= {
        "TIANFU_MODE": "production",
        "TIANFU_HOSTS": "made-up.example",
        "TIANFU_ADDRESS": "https://made-up.example",
        "TIANFU_CODES_ADDRESS": "https://codes.example/send",
        "TIANFU_CODES_SECRET_FILE": str(secret),
        "TIANFU_NOTICES_ADDRESS": "https://codes.example/notice",
    }
    return made


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with new_folder() as made:
        yield made
        for home in made.glob("home*"):
            EmbeddedPostgres(home).stop()


@pytest.fixture(scope="module")
async def drill(folder: Path, anyio_backend: str) -> Drill:
    installation = installed(folder / "home")
    make(installation.home, "production")
    files = folder / "files"
    for _ in tell_province(Wish(residents=RESIDENTS, seed=7, today=date(2026, 11, 23), folder=files, compressed=False)):
        pass
    come_from_elsewhere(files)
    must(installation, "database", "start")
    must(installation, "migrate")
    must(installation, "import", str(files), "--rejects", str(folder / "rejects.tsv"))
    documents = await kept(installation, [b"made-up document %d" % number for number in range(20)])
    assert "20 documents sealed anew" in must(installation, "keys", "rotate", "--retire")
    versions = await all_versions(installation)
    assert "bucket" not in must(installation, "backup", str(folder / "backup"))
    return Drill(installation, folder / "backup", files, versions, documents)


def come_from_elsewhere(files: Path) -> None:
    """Have the made-up people come from systems that production does not know as a demonstration's."""
    for file in files.rglob("*"):
        if file.is_file():
            told = file.read_bytes()
            file.write_bytes(told.replace(b"https://tianfu.example/sources/", b"https://made-up.example/sources/"))


def must(installation: Installation, *words: str) -> str:
    done = installation.run(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(installation: Installation, *words: str) -> str:
    done = installation.run(*words)
    assert done.returncode == 2, done.stdout + done.stderr
    return done.stderr


def addresses_of(installation: Installation) -> Addresses:
    return EmbeddedPostgres(installation.home).addresses


async def opened(database: Database, installation: Installation) -> Store:
    keys = Keys(provider=load(installation.home, "production"), cipher="sm4")
    return await Store.open(database, auditor=await auditor_of(database), clock=system_clock, keys=keys)


async def all_versions(installation: Installation) -> Versions:
    found: Versions = {}
    async with await Database.open(addresses_of(installation)) as database:
        store = await opened(database, installation)
        cursor = None
        while True:
            page = await store.history(*WHO, None, None, limit=1_000, cursor=cursor)
            for each in page.entries:
                found[each.type, each.id, each.version] = each.record.text if each.record else None
            if (cursor := page.next_cursor) is None:
                return found


async def documents_of(database: Database, installation: Installation) -> Documents:
    keys = Keys(provider=load(installation.home, "production"), cipher="sm4")
    place = open_place(None, installation.home / "documents")
    return Documents(database, await open_keyring(database, keys), place, system_clock)


async def kept(installation: Installation, contents: list[bytes]) -> dict[str, bytes]:
    """Keep documents, and say under which names."""
    async with await Database.open(addresses_of(installation)) as database:
        documents = await documents_of(database, installation)
        return {await documents.keep(each): each for each in contents}


async def read(installation: Installation, names: Iterable[str]) -> dict[str, bytes]:
    async with await Database.open(addresses_of(installation)) as database:
        documents = await documents_of(database, installation)
        return {name: await documents.content(name) for name in names}


async def test_after_the_loss_every_version_is_there_again_and_people_are_found(drill: Drill, folder: Path) -> None:
    other = drill.emptied_home(folder / "home-restored")
    must(other, "database", "start")
    assert "restored the state of" in must(other, "restore", str(drill.backup))
    assert len(drill.versions) > 1_000
    assert await all_versions(other) == drill.versions
    assert await read(other, drill.documents) == drill.documents
    assert (other.home / "documents").stat().st_mode & 0o077 == 0
    assert list((other.home / "audit" / "heads").glob("*.heads"))
    patients = [orjson.loads(text) for (kind, _, _), text in drill.versions.items() if kind == "Patient" and text]
    async with await Database.open(addresses_of(other)) as database:
        store = await opened(database, other)
        for each in patients[:5]:
            number = each["identifier"][0]["value"]
            page = await store.search(*WHO, SearchRequest(type="Patient", parameters=(("identifier", number),)))
            assert each["id"] in [record.id for record in page.records]
    # It is an installation like any other: it can be restored into no more, written to, and backed up.
    assert "installation-not-empty" in refused(other, "restore", str(drill.backup))
    must(other, "keys", "rotate", "--retire")
    assert await all_versions(other) == drill.versions
    assert await read(other, drill.documents) == drill.documents
    must(other, "backup", str(folder / "backup-of-restored"))


async def test_documents_come_back_into_a_folder_of_their_own_and_into_no_bucket(drill: Drill, folder: Path) -> None:
    other = drill.emptied_home(folder / "home-documents-elsewhere")
    must(other, "database", "start")
    other.environment["TIANFU_DOCUMENTS"] = "s3://made-up/prefix"
    assert "documents-need-folder" in refused(other, "restore", str(drill.backup))
    elsewhere = folder / "disk"
    elsewhere.mkdir()
    other.environment["TIANFU_DOCUMENTS"] = str(elsewhere)
    (elsewhere / "something").touch()
    assert "installation-not-empty" in refused(other, "restore", str(drill.backup))
    (elsewhere / "something").unlink()
    must(other, "restore", str(drill.backup))
    assert contents_of(elsewhere) == contents_of(drill.backup / DOCUMENTS)
    assert len(contents_of(elsewhere)) == len(drill.documents)


def contents_of(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def test_documents_that_are_replaced_or_come_while_the_database_is_dumped_are_all_in_the_backup(
    drill: Drill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "documents"
    (source / "ab").mkdir(parents=True)
    (source / "ab" / "abcd.old").write_bytes(b"sealed by the key of before")

    def meanwhile(addresses: Addresses, folder: Path, *, progress: object) -> None:
        (source / "ab" / "abcd.new").write_bytes(b"sealed by the key of now")
        (source / "ab" / "abcd.old").unlink()

    monkeypatch.setattr("tianfu.backup.dump", meanwhile)
    place = Place(
        addresses=addresses_of(drill.installation),
        home=drill.installation.home,
        documents=source,
        provider=load(drill.installation.home, "production"),
        steps=(),
    )
    back_up(place, tmp_path / "backup", clock=system_clock, progress=lambda *_: None)
    assert contents_of(tmp_path / "backup" / DOCUMENTS).keys() == {"ab/abcd.old", "ab/abcd.new"}


async def test_a_backup_says_that_documents_lie_in_a_bucket_and_so_does_its_restoring(
    drill: Drill, folder: Path
) -> None:
    other = drill.emptied_home(folder / "home-bucket")
    must(other, "database", "start")
    must(other, "restore", str(older(drill, folder / "without-documents")))
    assert await all_versions(other) == drill.versions
    other.environment["TIANFU_DOCUMENTS"] = "s3://made-up/prefix"
    said = must(other, "backup", str(folder / "backup-of-bucket"))
    assert "documents lie in s3://made-up/prefix and are not in this backup" in " ".join(said.split())
    assert not (folder / "backup-of-bucket" / DOCUMENTS).exists()
    another = drill.emptied_home(folder / "home-bucket-restored")
    must(another, "database", "start")
    said = must(another, "restore", str(folder / "backup-of-bucket"))
    assert "s3://made-up/prefix" in said


def older(drill: Drill, folder: Path) -> Path:
    """The backup as a program would have made it that knew no documents."""
    shutil.copytree(drill.backup, folder)
    shutil.rmtree(folder / DOCUMENTS)
    provider = load(drill.installation.home, "production")
    manifest = orjson.loads((folder / MANIFEST).read_bytes())
    del manifest["documents_in"]
    manifest["files"] = {name: each for name, each in manifest["files"].items() if not name.startswith(DOCUMENTS)}
    (folder / MANIFEST).write_bytes(text := orjson.dumps(manifest))
    key = provider.unwrap(bytes.fromhex(manifest["seal_key"]), b"tianfu backup manifest")
    (folder / SEAL).write_bytes(hmac_sm3(key, text))
    return folder


def test_a_backup_holds_no_number_telephone_or_street_in_clear(drill: Drill) -> None:
    secrets = set[bytes]()
    for file in drill.files.rglob("*.ndjson"):
        for line in file.read_bytes().splitlines():
            resource = orjson.loads(line)
            if resource["resourceType"] in {"Patient", "RelatedPerson"}:
                secrets |= set(_PERSONAL.findall(line))
                secrets |= {street.encode() for each in resource.get("address", ()) for street in each.get("line", ())}
    assert len(secrets) > RESIDENTS
    there = b""
    for file in drill.backup.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            there += gzip.decompress(data) if file.suffix == ".gz" else data
    logs = b"".join(each.read_bytes() for each in drill.installation.home.rglob("log*") if each.is_file())
    for secret in secrets:
        for form in (secret, secret.hex().encode()):
            assert form not in there
            assert form not in logs
    assert "成都".encode() in there  # what is not encrypted can be read, so the search itself works
    assert load(drill.installation.home, "production").secret.hex().encode() not in there


def test_without_the_key_or_with_another_nothing_is_restored(drill: Drill, folder: Path) -> None:
    other = installed(folder / "home-without-key")
    assert "key-missing" in refused(other, "restore", str(drill.backup))
    make(other.home, "production")
    assert "key-differs" in refused(other, "restore", str(drill.backup))
    master_key_file(other.home).unlink()
    make(other.home, "development")
    assert "key-of-development" in refused(other, "restore", str(drill.backup))
    assert "schema-behind" in refused_serving(other)


def refused_serving(installation: Installation) -> str:
    key = master_key_file(installation.home)
    key.unlink()
    make(installation.home, "production")
    return refused(installation, "serve")


def changed(file: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def spoil(backup: Path) -> None:
        found = next(iter(sorted(backup.glob(file))))
        found.write_bytes(change(found.read_bytes()))

    return spoil


def without(file: str) -> Callable[[Path], None]:
    return lambda backup: next(iter(sorted(backup.glob(file)))).unlink()


def flipped(data: bytes) -> bytes:
    return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]


SPOILT = {
    "a file was changed": changed("database/*.dat.gz", flipped),
    "a file was cut": changed("database/*.dat.gz", lambda data: data[:-1]),
    "a file is missing": without("database/*.dat.gz"),
    "a document was changed": changed("documents/*/*", flipped),
    "a document is missing": without("documents/*/*"),
    "a file too many": lambda backup: (backup / "database" / "9999.dat.gz").write_bytes(b""),
    "the trace's heads were changed": changed("audit/heads/*.heads", flipped),
    "the manifest was changed": changed(MANIFEST, lambda data: data.replace(b'"made_at": "2', b'"made_at": "1')),
    "the manifest is no manifest": changed(MANIFEST, lambda data: b"{}"),
    "the manifest is missing": without(MANIFEST),
    "the seal was changed": changed(SEAL, flipped),
    "the seal is missing": without(SEAL),
}


@pytest.fixture
def spoilt(drill: Drill, tmp_path: Path) -> Path:
    return Path(shutil.copytree(drill.backup, tmp_path / "spoilt"))


@pytest.mark.parametrize("what", SPOILT)
def test_a_backup_that_is_not_as_it_was_written_is_refused(drill: Drill, spoilt: Path, what: str) -> None:
    provider = load(drill.installation.home, "production")
    checked(provider, spoilt, progress=lambda *_: None)
    SPOILT[what](spoilt)
    with pytest.raises(Refusal, match="backup-damaged"):
        checked(provider, spoilt, progress=lambda *_: None)


def test_nothing_of_a_damaged_backup_is_restored_or_served(drill: Drill, spoilt: Path, folder: Path) -> None:
    SPOILT["a file was changed"](spoilt)
    other = drill.emptied_home(folder / "home-spoilt")
    assert "backup-damaged" in refused(other, "restore", str(spoilt))
    assert "schema-behind" in refused(other, "serve")


def test_a_restore_that_breaks_off_leaves_nothing_that_is_served(drill: Drill, folder: Path) -> None:
    """The manifest is right, but PostgreSQL cannot read the dump to its end."""
    other = drill.emptied_home(folder / "home-broken")
    must(other, "database", "start")
    script = folder / "break.py"
    script.write_text(BREAKING)
    assert "pg-restore-failed" in other_program(other, script, drill.backup)
    assert "schema-behind" in refused(other, "serve")
    assert not (other.home / "audit").exists()
    must(other, "restore", str(drill.backup))


BREAKING = """
import shutil, sys
from pathlib import Path
import tianfu.backup
from tianfu.db.dumping import load

def cut(addresses, folder, *, progress):
    copy = folder.with_name("cut")
    shutil.copytree(folder, copy)
    last = max(copy.glob("*.dat.gz"), key=lambda file: file.stat().st_size)
    last.write_bytes(last.read_bytes()[:-100])
    try:
        load(addresses, copy, progress=progress)
    finally:
        shutil.rmtree(copy)

tianfu.backup.load = cut
from tianfu.command_line import main
sys.argv = ["tianfu", "restore", sys.argv[1]]
main()
"""


def other_program(installation: Installation, script: Path, backup: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(script), str(backup)], env=installation.environment, capture_output=True, text=True
    )
    assert done.returncode == 2, done.stdout + done.stderr
    return done.stderr


def test_a_folder_that_holds_something_is_not_written_to(drill: Drill) -> None:
    before = sorted(drill.backup.rglob("*"))
    assert "folder-not-empty" in refused(drill.installation, "backup", str(drill.backup))
    assert sorted(drill.backup.rglob("*")) == before
    assert not drill.backup.with_name(drill.backup.name + UNFINISHED).exists()


def test_a_backup_is_for_its_owner_alone(drill: Drill) -> None:
    assert drill.backup.stat().st_mode & 0o077 == 0
