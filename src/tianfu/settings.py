"""Everything that can be set from outside, in one value; each setting is described in docs/reference/settings.md."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from tianfu.kernel.refusal import Refusal

PORT = 8000

Mode = Literal["development", "production"]
MODES: tuple[Mode, ...] = ("development", "production")
CipherName = Literal["sm4", "aes"]
CIPHERS: tuple[CipherName, ...] = ("sm4", "aes")

Value = TypeVar("Value", bound=str)

_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one installation."""

    home: Path
    database_url: str | None
    database_secret_file: Path
    host: str
    port: int
    workers: int
    audit_roots: str | None
    mode: Mode
    cipher: CipherName
    hosts: frozenset[str]
    limits_file: Path | None

    @property
    def is_production(self) -> bool:
        """Whether nobody is let in without a ticket, and nothing made for development is taken."""
        return self.mode == "production"


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read the settings; a value that is no setting's value is refused, an absent one has its default."""
    home = Path(environment.get("TIANFU_HOME") or ".tianfu").absolute()
    if any(each.exists() and not each.is_dir() for each in (home, *home.parents)):
        raise Refusal("setting-invalid", next_step="correct-the-setting", details={"setting": "TIANFU_HOME"})
    return Settings(
        home=home,
        database_url=environment.get("TIANFU_DATABASE_URL") or None,
        database_secret_file=Path(environment.get("TIANFU_DATABASE_SECRET_FILE") or home / "database-secret"),
        host=environment.get("TIANFU_HOST") or "127.0.0.1",
        port=_number(environment, "TIANFU_PORT", PORT, least=1, most=65_535),
        workers=_number(environment, "TIANFU_WORKERS", len(os.sched_getaffinity(0)), least=1, most=256),
        audit_roots=environment.get("TIANFU_AUDIT_ROOTS") or None,
        mode=_chosen(environment, "TIANFU_MODE", MODES),
        cipher=_chosen(environment, "TIANFU_CIPHER", CIPHERS),
        hosts=_host_names(environment),
        limits_file=Path(environment["TIANFU_LIMITS_FILE"]) if environment.get("TIANFU_LIMITS_FILE") else None,
    )


def _chosen(environment: Mapping[str, str], name: str, values: tuple[Value, ...]) -> Value:
    """One of some words; the first one is the default."""
    text = environment.get(name) or values[0]
    for value in values:
        if value == text:
            return value
    details = {"setting": name, "choices": " ".join(values)}
    raise Refusal("setting-invalid", next_step="correct-the-setting", details=details)


def _host_names(environment: Mapping[str, str]) -> frozenset[str]:
    names = environment.get("TIANFU_HOSTS", "").split()
    if any(_HOST_NAME.match(name) is None for name in names):
        raise Refusal("setting-invalid", next_step="correct-the-setting", details={"setting": "TIANFU_HOSTS"})
    return frozenset(name.lower() for name in names)


def _number(environment: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        details = {"setting": name, "least": str(least), "most": str(most)}
        raise Refusal("setting-invalid", next_step="correct-the-setting", details=details)
    return int(text)
