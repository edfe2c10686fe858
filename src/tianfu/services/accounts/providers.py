"""The outside providers of an installation, from the operator's file: read whole, or refused with the reason.

What a provider may prove is said in the file and has no default.  Page: docs/reference/providers.md
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.oauth.model.clients import is_safe_address
from tianfu.services.accounts.outside import ASSERTION_CURVES, Provider

VERSION = 1
PROVIDERS_MAX = 16
NAME_LETTERS_MAX = 40
KEY_FILE_BYTES_MAX = 16 * 1_024
LANGUAGES = frozenset({"zh-CN", "en"})
PATH = "/sign-in/outside"
"""Where providers send browsers back to, each to an address of its own below it."""

_KEY = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")
_SCOPE = re.compile(r"[!#-\[\]-~]+\Z")
_PRINTABLE = re.compile(r"[!-~]{1,255}\Z")


class _Listed(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    key: str
    names: dict[str, str]
    issuer: str
    client: str
    secret_file: str | None = None
    key_file: str | None = None
    key_id: str | None = None
    scopes: list[str]
    is_enough_for_staff: bool


class _Data(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    version: int
    providers: list[_Listed]


def load_providers(file: Path | None, *, here: str | None, is_production: bool) -> tuple[Provider, ...]:
    """The providers of a file, none without one; raises Refusal `providers-invalid` with the reason.

    `here` is the address by which browsers call this installation.  Names of secret and key files are taken from
    where the file itself lies.
    """
    if file is None:
        return ()
    if here is None:
        raise Refusal("address-missing", next_step="set-it", details={"setting": "TIANFU_ADDRESS"})
    try:
        data = msgspec.json.decode(file.read_bytes(), type=_Data)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise _invalid(f"{type(error).__name__}: {error}") from error
    if data.version != VERSION:
        raise _invalid("version")
    if not 0 < len(data.providers) <= PROVIDERS_MAX:
        raise _invalid("number of providers")
    for name, values in {
        "key": [each.key for each in data.providers],
        "issuer": [each.issuer for each in data.providers],
    }.items():
        if len(set(values)) != len(values):
            raise _invalid(f"{name} twice")
    return tuple(_provider(each, file.parent, here, is_production=is_production) for each in data.providers)


def _provider(listed: _Listed, folder: Path, here: str, *, is_production: bool) -> Provider:
    if _KEY.match(listed.key) is None:
        raise _invalid("key")
    if (fault := _fault(listed, is_production=is_production)) is not None:
        raise _invalid(f"{listed.key}: {fault}")
    secret = None if listed.secret_file is None else _own(folder / listed.secret_file, listed.key).decode().strip()
    if secret is not None and _PRINTABLE.match(secret) is None:
        raise _invalid(f"{listed.key}: secret_file")
    return Provider(
        key=listed.key,
        issuer=listed.issuer,
        client=listed.client,
        secret=secret,
        signing=None if listed.key_file is None else _signing(folder / listed.key_file, listed),
        redirect=f"{here}{PATH}/{listed.key}",
        names=listed.names,
        scopes=tuple(listed.scopes),
        is_enough_for_staff=listed.is_enough_for_staff,
    )


def _fault(listed: _Listed, *, is_production: bool) -> str | None:
    if not _is_address(listed.issuer, is_production=is_production) or "?" in listed.issuer:
        return "issuer"
    if set(listed.names) != LANGUAGES or not all(_is_name(name) for name in listed.names.values()):
        return "names"
    if _PRINTABLE.match(listed.client) is None:
        return "client"
    if "openid" not in listed.scopes or any(_SCOPE.match(scope) is None for scope in listed.scopes):
        return "scopes"
    if (listed.secret_file is None) == (listed.key_file is None):
        return "one of secret_file and key_file"
    return "key_id" if listed.key_id is not None and listed.key_file is None else None


def _is_name(name: str) -> bool:
    return 0 < len(name.strip()) <= NAME_LETTERS_MAX and name.isprintable()


def _is_address(address: str, *, is_production: bool) -> bool:
    """HTTPS, or in development this very machine."""
    return is_safe_address(address) and (not is_production or address.startswith("https://"))


def _own(file: Path, key: str) -> bytes:
    """What a file holds that its owner alone may read."""
    try:
        if file.stat().st_mode & 0o077:
            raise _invalid(f"{key}: {file.name} is open to others")
        content = file.read_bytes()
    except OSError as error:
        raise _invalid(f"{key}: {file.name} cannot be read") from error
    if len(content) > KEY_FILE_BYTES_MAX or not content.isascii():
        raise _invalid(f"{key}: {file.name}")
    return content


def _signing(file: Path, listed: _Listed) -> ECKey:
    """The key with which we show who we are (RFC 7523): as `tianfu client key` or `openssl` writes it (JWK or PEM)."""
    text = _own(file, listed.key)
    try:
        key = ECKey.import_key(json.loads(text) if text.startswith(b"{") else text)
        kid = listed.key_id or key.kid
        key = ECKey.import_key(key.as_dict(private=True), {"kid": kid} if kid else None)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise _invalid(f"{listed.key}: key_file") from error
    if not key.is_private or key.curve_name not in ASSERTION_CURVES:
        raise _invalid(f"{listed.key}: key_file")
    if not key.kid:
        raise _invalid(f"{listed.key}: key_id")
    return key


def _invalid(reason: str) -> Refusal:
    return Refusal("providers-invalid", next_step="correct-the-setting", details={"reason": reason[:200]})
