"""A program that was registered, and what makes a registration sound (OAuth 2.1, section 2; SMART App Launch 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import orjson

from tianfu.services.accounts.oauth.model.redirects import LOOPBACK_NAMES, REDIRECTS_MAX, fault_of_redirect, host_of
from tianfu.services.accounts.oauth.model.scopes import ScopesMalformed, is_for_system, words_of

NAME_LETTERS_MAX = 80

KEYS_MAX = 10

RSA_LETTERS_MIN = 342
"""A modulus of 2048 bits in base64url; shorter keys sign nothing."""


class ClientKind(StrEnum):
    """How a program shows who it is."""

    PUBLIC = "public"
    """It cannot keep a secret: PKCE alone."""

    SYMMETRIC = "symmetric"
    """A secret that both sides know (`client_secret_basic`)."""

    ASYMMETRIC = "asymmetric"
    """A key of its own (`private_key_jwt`)."""

    BACKEND = "backend"
    """A key of its own, and no person: SMART Backend Services."""

    @property
    def has_keys(self) -> bool:
        """Whether it signs assertions."""
        return self in {ClientKind.ASYMMETRIC, ClientKind.BACKEND}


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What somebody says of a program when it is registered.

    `keys` is a JWK Set of public keys; `keys_at` the HTTPS address of one.  `role` and `organisation` say for whom a
    backend service acts.
    """

    kind: ClientKind
    name: str
    redirects: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    keys: Mapping[str, Any] | None = None
    keys_at: str | None = None
    launch_at: str | None = None
    organisation: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A registered program; `id` is opaque and safe in a log."""

    id: str
    kind: ClientKind
    name: str
    redirects: tuple[str, ...]
    scopes: tuple[str, ...]
    keys: str | None
    keys_at: str | None
    launch_at: str | None
    organisation: str | None
    role: str | None
    secret_digest: bytes | None
    is_disabled: bool


def fault_of_registration(registration: Registration, *, roles: frozenset[str]) -> str | None:
    """What keeps a program from being registered, None if nothing does; `roles` are those that a service may have."""
    is_backend = registration.kind is ClientKind.BACKEND
    if not 0 < len(registration.name.strip()) <= NAME_LETTERS_MAX or not registration.name.isprintable():
        return "name"
    if is_backend != (not registration.redirects) or len(registration.redirects) > REDIRECTS_MAX:
        return "redirects"
    for uri in registration.redirects:
        if (fault := fault_of_redirect(uri)) is not None:
            return f"redirect-{fault}"
    if registration.launch_at is not None and not is_safe_address(registration.launch_at):
        return "launch"
    if not registration.scopes or not _are_scopes(registration.scopes):
        return "scopes"
    if any(is_for_system(scope) != is_backend for scope in registration.scopes):
        return "scopes-of-another-kind"
    if is_backend != (registration.role is not None) or (is_backend and registration.role not in roles):
        return "role"
    if is_backend and registration.organisation is None:
        return "organisation"
    return _fault_of_keys(registration)


def _are_scopes(scopes: tuple[str, ...]) -> bool:
    try:
        words_of(" ".join(scopes))
    except ScopesMalformed:
        return False
    return True


def _fault_of_keys(registration: Registration) -> str | None:
    given = [each for each in (registration.keys, registration.keys_at) if each is not None]
    if len(given) != (1 if registration.kind.has_keys else 0):
        return "keys"
    if registration.keys_at is not None and not is_safe_address(registration.keys_at):
        return "keys-address"
    return None if registration.keys is None else fault_of_keys(orjson.dumps(dict(registration.keys)))


def is_safe_address(address: str) -> bool:
    """Whether something of ours may be fetched from, or led to, an address: HTTPS, or this very machine."""
    if fault_of_redirect(address) is not None:
        return False
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and host_of(parts.netloc) in LOOPBACK_NAMES)


def fault_of_keys(text: bytes) -> str | None:
    """What keeps a text from being a JWK Set of public keys that sign (RFC 7517, section 5); None if nothing does."""
    try:
        keys = orjson.loads(text)["keys"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "keys-form"
    if not isinstance(keys, list) or not 0 < len(keys) <= KEYS_MAX:
        return "keys-number"
    for key in keys:
        if not isinstance(key, dict) or key.get("kty") not in {"EC", "RSA"} or not isinstance(key.get("kid"), str):
            return "keys-kind"
        if "d" in key or "k" in key or key.get("use", "sig") != "sig":
            return "keys-private"
        if key["kty"] == "RSA" and len(str(key.get("n", ""))) < RSA_LETTERS_MIN:
            return "keys-short"
    names = [key["kid"] for key in keys]
    return "keys-twice" if len(set(names)) != len(names) else None
