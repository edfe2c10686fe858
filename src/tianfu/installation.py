"""The database of one installation: the embedded server, or the one that TIANFU_DATABASE_URL names."""

from __future__ import annotations

import hmac
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from tianfu.db import Addresses, Database, EmbeddedPostgres
from tianfu.db.migrations import Migration, migrations_in, pending
from tianfu.db.secret import database_secret
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.jobs.queue_schema import queue_steps
from tianfu.settings import Settings
from tianfu.vault.files import load, load_or_make
from tianfu.vault.keyring import Keyring
from tianfu.vault.provider import Keys

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.jobs import Bench
    from tianfu.records.audit import Auditor
    from tianfu.services.documents.keeping import Documents

RECORDS, JOBS, DOCUMENTS, IMAGING = (
    "tianfu.records.schema",
    "tianfu.services.jobs.schema",
    "tianfu.services.documents.schema",
    "tianfu.services.imaging.schema",
)
"""Packages with schema steps."""

SOCKET_NAME_BYTES_MAX = 100
"""Linux takes 107 bytes (unix(7))."""


def schema_steps() -> list[Migration]:
    """Every step of the schema, in the order in which they build on each other."""
    sets = (JOBS, DOCUMENTS, IMAGING)
    return [*migrations_in(RECORDS), *queue_steps(), *(step for each in sets for step in migrations_in(each))]


def embedded_server(settings: Settings) -> EmbeddedPostgres | None:
    """The embedded server, or None if the settings name another one."""
    return None if settings.database_url else EmbeddedPostgres(settings.home)


def database_addresses(settings: Settings) -> Addresses:
    """Where the database is, whether it runs or not."""
    if settings.database_url is None:
        return EmbeddedPostgres(settings.home).addresses
    secret = database_secret(settings.database_secret_file, make=True)
    return Addresses.of_server(settings.database_url, secret)


def documents_home(settings: Settings) -> Path:
    """Where documents lie unless the settings name another place."""
    return settings.home / "documents"


def janus_folder(settings: Settings) -> Path:
    """Where Janus's configuration lies: the operator's folder, or one beside the media server's socket."""
    return settings.janus_folder or media_socket(settings).with_name("janus")


def media_socket(settings: Settings) -> Path:
    """Where the media server listens: in the home, or if that is too long for a socket's name, in a short folder of
    the owner's among the temporary files."""
    socket = settings.home / "media" / "socket"
    if len(str(socket).encode()) <= SOCKET_NAME_BYTES_MAX:
        return socket
    name = blake2b(str(socket).encode(), digest_size=8).hexdigest()
    return Path(tempfile.gettempdir()) / f"tianfu-media-{name}" / "socket"


def installation_keys(settings: Settings, *, make: bool = True) -> Keys:
    """Who keeps this installation's master key; here an adapter to a key service would be put in.

    `make` says whether a development installation may make a missing one.
    """
    provider = (load_or_make if make else load)(settings.home, settings.mode)
    return Keys(provider=provider, cipher=settings.cipher)


@contextmanager
def running_database(settings: Settings) -> Iterator[Addresses]:
    """The database, running for the length of a block."""
    server = embedded_server(settings)
    if server is None:
        yield database_addresses(settings)
    else:
        with server.running() as addresses:
            yield addresses


@contextmanager
def migrated_database(settings: Settings) -> Iterator[Addresses]:
    """The same for whoever needs this program's schema.

    Raises Refusal `schema-behind`, `schema-newer`, `migration-changed` or `database-unavailable` before the block.
    """
    with running_database(settings) as addresses:
        if waiting := pending(addresses, schema_steps()):
            raise Refusal("schema-behind", next_step="run-tianfu-migrate", details={"steps": " ".join(waiting)})
        yield addresses


def documents_of(settings: Settings, database: Database, keyring: Keyring) -> Documents:
    """The installation's sealed documents; loads the record core."""
    from tianfu.services.documents.keeping import Documents, open_place

    return Documents(database, keyring, open_place(settings.documents, settings.home / "documents"), system_clock)


def radiotherapy_bench(settings: Settings, database: Database, keyring: Keyring, auditor: Auditor) -> Bench:
    """What works of radiotherapy need; loads what computes."""
    from tianfu.apps.radiotherapy.jobs import Bench
    from tianfu.services.imaging.cases import Cases
    from tianfu.services.imaging.deliveries import Deliveries

    documents = documents_of(settings, database, keyring)
    return Bench(
        cases=Cases(database, documents, auditor, system_clock),
        deliveries=Deliveries(database, documents, auditor, system_clock),
        documents=documents,
        clock=system_clock,
    )


def derived_key(secret: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, equal in all processes of the installation."""
    return hmac.digest(secret, purpose.encode(), "sha256")
