"""Who asks: the person or machine on whose behalf the store acts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A person or machine that was let in; `id` is opaque and safe to write into a log."""

    id: str
    role: str
    organisation: str | None = None


LOOPBACK = Caller(id="loopback", role="operator")
"""Whoever sits at this machine; the only caller until people can sign in."""

IMPORTER = Caller(id="importer", role="system")
OPERATOR = Caller(id="command-line", role="operator")
