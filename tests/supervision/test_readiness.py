"""What somebody must mend ends `tianfu serve` at once, with a sentence; and what production does not take."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from tests.supervision.installation import TIANFU, Installation

from tianfu.db import Database, EmbeddedPostgres, Query
from tianfu.installation import running_database
from tianfu.kernel.refusal import Refusal
from tianfu.settings import settings_from
from tianfu.supervision.readiness import refuse_made_up_source
from tianfu.vault.files import make, master_key_file

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "TIANFU_MODE": "production",
    "TIANFU_HOSTS": "health.example",
    "TIANFU_ADDRESS": "https://health.example",
    "TIANFU_TRUSTED_PROXIES": "127.0.0.1",
    "TIANFU_CODES_ADDRESS": "https://codes.example/send",
    "TIANFU_NOTICES_ADDRESS": "https://codes.example/notice",
}
SECONDS_MAX = 60
"""A command that goes on for longer than this did not refuse."""

Change = Callable[[Installation], None]


def refused(installation: Installation, *words: str) -> str:
    """The code with which a command was refused; nothing of it may be left running."""
    done = subprocess.run(
        [TIANFU, *words],
        env=installation.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert installation.workers() == []
    assert EmbeddedPostgres(installation.home).state.process is None
    said = [line for line in done.stderr.splitlines() if line.startswith("Refused:")]
    assert len(said) == 1
    assert "next: " in done.stderr
    return said[0].removeprefix("Refused: ")


def give_codes_secret(home: Path) -> None:
    file = home / "codes-secret"
    file.touch(0o600)
    file.write_text("made-up-token\n")


@pytest.fixture
def production(short_folder: Path) -> Installation:
    """An installation that lacks nothing but its schema; nothing of it runs."""
    made = Installation(short_folder)
    made.environment |= PRODUCTION
    make(made.home, "production")
    give_codes_secret(made.home)
    return made


@pytest.mark.slow  # starts and stops PostgreSQL
def test_what_lacks_nothing_is_refused_for_nothing_but_its_schema(production: Installation) -> None:
    assert refused(production, "serve") == "schema-behind"


def without_key(installation: Installation) -> None:
    master_key_file(installation.home).unlink()


def with_a_key_of_development(installation: Installation) -> None:
    without_key(installation)
    make(installation.home, "development")


def with_a_key_that_others_can_read(installation: Installation) -> None:
    master_key_file(installation.home).chmod(0o640)


def with_a_damaged_key(installation: Installation) -> None:
    master_key_file(installation.home).write_text("nothing of a key\n")


def without_a_name(installation: Installation) -> None:
    del installation.environment["TIANFU_HOSTS"]


def without_its_address(installation: Installation) -> None:
    del installation.environment["TIANFU_ADDRESS"]


def with_an_address_in_clear(installation: Installation) -> None:
    installation.environment["TIANFU_ADDRESS"] = "http://health.example"


def with_an_address_of_somebody_else(installation: Installation) -> None:
    installation.environment["TIANFU_ADDRESS"] = "https://health.example.org"


def with_limits_that_nobody_understands(installation: Installation) -> None:
    installation.environment["TIANFU_LIMITS_FILE"] = str(installation.home / "nowhere.json")


def without_a_sender_of_codes(installation: Installation) -> None:
    del installation.environment["TIANFU_CODES_ADDRESS"]


def without_a_carrier_of_notices(installation: Installation) -> None:
    del installation.environment["TIANFU_NOTICES_ADDRESS"]


def with_a_carrier_in_clear(installation: Installation) -> None:
    installation.environment["TIANFU_NOTICES_ADDRESS"] = "http://codes.example/notice"


def with_a_carriers_secret_that_is_nowhere(installation: Installation) -> None:
    installation.environment["TIANFU_NOTICES_SECRET_FILE"] = str(installation.home / "nowhere")


def with_another_carrier_that_has_no_secret_of_its_own(installation: Installation) -> None:
    installation.environment["TIANFU_NOTICES_ADDRESS"] = "https://notices.example/notice"


def with_a_sender_in_clear(installation: Installation) -> None:
    installation.environment["TIANFU_CODES_ADDRESS"] = "http://codes.example/send"


def without_the_senders_secret(installation: Installation) -> None:
    (installation.home / "codes-secret").unlink()


def with_a_senders_secret_that_others_can_read(installation: Installation) -> None:
    (installation.home / "codes-secret").chmod(0o644)


def listening_to_everybody(installation: Installation) -> None:
    installation.environment["TIANFU_HOST"] = "0.0.0.0"  # noqa: S104 - refused


@pytest.mark.slow  # starts the command
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (without_key, "key-missing"),
        (with_a_key_of_development, "key-of-development"),
        (with_a_key_that_others_can_read, "key-open-to-others"),
        (with_a_damaged_key, "key-damaged"),
        (without_a_name, "hosts-missing"),
        (without_its_address, "address-missing"),
        (with_an_address_in_clear, "address-not-safe"),
        (with_an_address_of_somebody_else, "address-not-safe"),
        (with_limits_that_nobody_understands, "limits-invalid"),
        (without_a_sender_of_codes, "code-sender-missing"),
        (with_a_sender_in_clear, "setting-invalid"),
        (without_the_senders_secret, "secret-missing"),
        (with_a_senders_secret_that_others_can_read, "secret-open-to-others"),
        (without_a_carrier_of_notices, "notice-carrier-missing"),
        (with_a_carrier_in_clear, "setting-invalid"),
        (with_a_carriers_secret_that_is_nowhere, "secret-missing"),
        (with_another_carrier_that_has_no_secret_of_its_own, "secret-missing"),
        (listening_to_everybody, "loopback-only"),
    ],
)
def test_production_ends_at_once_where_somebody_must_mend_something(
    production: Installation, change: Change, code: str
) -> None:
    change(production)
    assert refused(production, "serve") == code
    assert not (production.home / "postgres" / "data").exists()


@pytest.mark.slow  # starts the command
def test_development_is_never_put_behind_a_proxy(short_folder: Path) -> None:
    installation = Installation(short_folder)
    installation.environment["TIANFU_TRUSTED_PROXIES"] = "127.0.0.1"
    assert refused(installation, "serve") == "proxy-in-development"


@pytest.fixture
def served_before(installation: Installation) -> Iterator[Installation]:
    """A production installation with its schema and its key in the database."""
    installation.environment |= PRODUCTION
    make(installation.home, "production")
    give_codes_secret(installation.home)
    done = installation.run("keys", "status")
    assert done.returncode == 0, done.stderr
    return installation


@pytest.mark.slow  # makes a whole installation
def test_production_ends_at_once_under_another_key(served_before: Installation) -> None:
    without_key(served_before)
    make(served_before.home, "production")
    assert refused(served_before, "serve") == "key-differs"


@pytest.mark.slow  # makes a whole installation
def test_production_does_not_start_with_anybody_who_sees_everything(served_before: Installation) -> None:
    async def appoint() -> None:
        settings = settings_from(served_before.environment)
        with running_database(settings) as addresses:
            async with Database(addresses) as database, database.connection("owner") as owner:
                await owner.run(
                    Query.composed(
                        "desk",
                        "with one as (insert into account (account, kind, handle, told, sealed_with, created_at)"
                        " values ('made-up', 'staff', ''::bytea, ''::bytea, 0, 0) returning account)"
                        " insert into workplace (workplace, account, organisation, role, since, by)"
                        " select 'made-up', account, 'made-up', 'desk', 0, 'made-up' from one",
                    )
                )

    asyncio.run(appoint())
    assert refused(served_before, "serve") == "demonstration-in-production"


def made_up_person(folder: Path) -> Path:
    file = folder / "people.ndjson"
    file.write_bytes(orjson.dumps({"resourceType": "Patient", "id": "made-up", "gender": "female"}) + b"\n")
    return file


@pytest.mark.slow  # makes a whole installation
def test_made_up_people_are_neither_brought_into_production_nor_served_there(
    served_before: Installation, tmp_path: Path
) -> None:
    words = ["import", str(made_up_person(tmp_path)), "--source", "https://tianfu.example/made-up", "--workers", "1"]
    words += ["--rejects", str(tmp_path / "rejects.tsv")]
    assert refused(served_before, *words) == "demonstration-in-production"
    served_before.environment["TIANFU_MODE"] = "development"  # whoever wants them in gets them in
    del served_before.environment["TIANFU_TRUSTED_PROXIES"]
    done = served_before.run(*words)
    assert done.returncode == 0, done.stderr
    served_before.environment |= PRODUCTION
    assert refused(served_before, "serve") == "demonstration-in-production"


@pytest.mark.slow  # makes a whole installation
def test_a_folder_of_made_up_people_is_known_by_its_own_word(served_before: Installation, tmp_path: Path) -> None:
    made_up_person(tmp_path)
    (tmp_path / "source.json").write_text('{"source": "https://tianfu.example/hospital/1"}')
    words = ["import", str(tmp_path), "--rejects", str(tmp_path / "rejects.tsv"), "--source", "urn:real"]
    assert refused(served_before, *words) == "demonstration-in-production"


@pytest.mark.parametrize("uri", ["urn:tianfu:imported", "https://tianfu.example.org/", "https://hospital.example/"])
def test_other_sources_are_taken_by_production(uri: str) -> None:
    refuse_made_up_source(settings_from(PRODUCTION), uri)


def test_made_up_sources_are_taken_by_development_alone() -> None:
    refuse_made_up_source(settings_from({}), "https://tianfu.example/hospital/1")
    with pytest.raises(Refusal, match="demonstration-in-production"):
        refuse_made_up_source(settings_from(PRODUCTION), "https://tianfu.example/hospital/1")


@pytest.mark.slow  # starts the command
def test_make_run_puts_no_made_up_people_into_production(production: Installation) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "run.py")],
        env=production.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
    )
    assert (done.returncode, "demonstration-in-production" in done.stderr) == (2, True)
    assert not (production.home / "postgres").exists()
