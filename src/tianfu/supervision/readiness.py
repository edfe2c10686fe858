"""What `tianfu serve` looks at before anything is started, so that a mistake ends it with a sentence.

A worker that cannot start is started again and again, which is right for what passes by itself and wrong for what
somebody must mend.  What production refuses stands here too, each in a function of its own; the page that tells them
is docs/reference/hardening.md.
"""

from __future__ import annotations

import sys
from ipaddress import ip_address
from urllib.parse import urlsplit

import structlog

from tianfu.db import Addresses, Database
from tianfu.installation import installation_keys
from tianfu.kernel.refusal import Refusal
from tianfu.records.keys import open_keyring
from tianfu.records.sources import DEMONSTRATION, has_source
from tianfu.services.accounts.model.offices import DEVELOPMENT_ROLES
from tianfu.services.accounts.providers import load_providers
from tianfu.services.accounts.senders import open_sender
from tianfu.services.accounts.store import anybody_in
from tianfu.services.booking.notices import open_notices
from tianfu.services.limits.limits import load_limits
from tianfu.services.realtime.janus.configuration import missing_of_janus, read_address
from tianfu.services.realtime.turn import open_relay
from tianfu.settings import Settings

_log = structlog.get_logger("tianfu.supervision")


def refuse_unready(settings: Settings) -> None:
    """Raise Refusal for what the settings and the home alone show to be wrong.

    Codes: `limits-invalid`, `providers-invalid`, those of the master key (`key-missing`, `key-of-development`,
    `key-open-to-others`, `key-damaged`) and of the sender of codes (`setting-invalid`, `secret-missing`,
    `secret-open-to-others`) and of notices, in production `hosts-missing`, `address-missing`, `address-not-safe`,
    `code-sender-missing` and `notice-carrier-missing`, in development `proxy-in-development`; with Janus
    `janus-missing`, `janus-needs-address` and `janus-folder-unusable`.
    """
    load_limits(settings.limits_file)
    open_relay(settings.turn_addresses, settings.turn_secret_file)
    if settings.media_server == "janus":
        _refuse_unfit_janus(settings)
    if settings.is_production:
        _refuse_nameless(settings)
        _refuse_unsafe_address(settings)
    else:
        _refuse_proxies_of_development(settings)
    load_providers(settings.providers_file, here=settings.address, is_production=settings.is_production)
    installation_keys(settings)
    open_sender(settings.codes_address, settings.codes_secret_file, sys.stderr, is_production=settings.is_production)
    address, secret_file = settings.notices_address, settings.notices_secret_file
    open_notices(address, secret_file, sys.stderr, is_production=settings.is_production)


async def refuse_unready_records(settings: Settings, addresses: Addresses) -> None:
    """Raise Refusal in production for a database of another key (`key-differs`) or with made-up people
    (`demonstration-in-production`).

    Development serves both: there a worker says so in the log, and starts as soon as the right key is in place.
    """
    if not settings.is_production:
        return
    async with await Database.open(addresses, links_max=1) as database:
        await open_keyring(database, installation_keys(settings))
        await _refuse_made_up_people(database)
        await _refuse_development_roles(database)


def _refuse_unfit_janus(settings: Settings) -> None:
    """Janus is Debian's, and never speaks over 127.0.0.1; somebody's own one listens where its folder says."""
    if settings.janus_folder is not None:
        try:
            read_address(settings.janus_folder)
        except (OSError, ValueError) as error:
            details = {"setting": "TIANFU_MEDIA_SERVER", "folder": str(settings.janus_folder)}
            raise Refusal("janus-folder-unusable", next_step="write-its-configuration", details=details) from error
        return
    missing = missing_of_janus()
    if missing:
        raise Refusal("janus-missing", next_step="install-janus", details={"missing": " ".join(missing)})
    if all(ip_address(each).is_loopback for each in settings.media_addresses):
        details = {"setting": "TIANFU_MEDIA_ADDRESSES", "expected": "an address that is not of this machine alone"}
        raise Refusal("janus-needs-address", next_step="set-it", details=details)


def _refuse_nameless(settings: Settings) -> None:
    """Without its name, an installation answers nobody but its own machine."""
    if not settings.hosts:
        raise Refusal("hosts-missing", next_step="set-it", details={"setting": "TIANFU_HOSTS"})
    if not settings.trusted_proxies:
        _log.warning("no_trusted_proxies", setting="TIANFU_TRUSTED_PROXIES", outcome="all clients share their limits")


def _refuse_unsafe_address(settings: Settings) -> None:
    """Programs send their secrets to this address, and tokens name it: it must be ours, and nobody may listen."""
    if settings.address is None:
        raise Refusal("address-missing", next_step="set-it", details={"setting": "TIANFU_ADDRESS"})
    address = urlsplit(settings.address)
    if address.scheme != "https" or address.hostname not in settings.hosts:
        details = {"setting": "TIANFU_ADDRESS", "expected": "https:// and a host of TIANFU_HOSTS"}
        raise Refusal("address-not-safe", next_step="correct-the-setting", details=details)


def _refuse_proxies_of_development(settings: Settings) -> None:
    """Whoever came through a proxy to a development installation would sit at its desk and see everything."""
    if settings.trusted_proxies:
        details = {"setting": "TIANFU_TRUSTED_PROXIES", "mode": settings.mode}
        raise Refusal("proxy-in-development", next_step="set-production-mode", details=details)


async def _refuse_made_up_people(database: Database) -> None:
    """Nobody may be treated by a record that somebody made up; there is no way around this one."""
    if await has_source(database, DEMONSTRATION):
        details = {"sources": f"{DEMONSTRATION}…"}
        raise Refusal("demonstration-in-production", next_step="make-a-new-installation", details=details)


async def _refuse_development_roles(database: Database) -> None:
    """Nobody may come in who sees everything, however his place of work came there."""
    if await anybody_in(database, DEVELOPMENT_ROLES):
        details = {"roles": " ".join(sorted(DEVELOPMENT_ROLES))}
        raise Refusal("demonstration-in-production", next_step="make-a-new-installation", details=details)


def refuse_made_up_source(settings: Settings, uri: str) -> None:
    """Raise Refusal `demonstration-in-production` before made-up records are brought into production."""
    if settings.is_production and uri.startswith(DEMONSTRATION):
        raise Refusal("demonstration-in-production", next_step="import-into-development", details={"source": uri})
