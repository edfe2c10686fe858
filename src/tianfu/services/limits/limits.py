"""What may be asked how often, and how much at once: data, one file of ours, or one of the operator's in its place.

A bucket holds `burst` tokens and fills with `per_second`; a request takes one (token bucket, RFC 3290, section 5.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

import msgspec

from tianfu.kernel.refusal import Refusal

LimitClass = Literal[
    "describe",
    "read",
    "search",
    "identity-search",
    "history",
    "gather",
    "write",
    "bundle",
    "page",
    "form",
    "open-form",
    "camera-look",
    "bad-credential",
]
"""Requests that cost alike, or tell a stranger alike; every one of them has its limit in the data."""

LIMIT_CLASSES: tuple[LimitClass, ...] = get_args(LimitClass)

VERSION = 1

FULL_AGAIN_SECONDS_MAX = 3_600
"""Every bucket is full again after an hour, so that its row may be forgotten."""


class Limit(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One bucket: its size, and how many tokens come in a second."""

    burst: float
    per_second: float


class OpenWorks(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How many works of one kind may wait or run at one time: of one person, and of one organisation."""

    person: int
    organisation: int


class _Data(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    mark: str
    classes: dict[LimitClass, Limit]
    roles: dict[str, float]
    open_works: dict[str, OpenWorks] = {}


@dataclass(frozen=True, slots=True)
class Limits:
    """The limit of each class, how many times of it a role may have, and how many works may be open, by their kind."""

    classes: Mapping[LimitClass, Limit]
    roles: Mapping[str, float]
    open_works: Mapping[str, OpenWorks] = field(default_factory=dict)

    def of(self, limit_class: LimitClass, role: str) -> Limit:
        """The limit of a class for a role."""
        limit, times = self.classes[limit_class], self.roles.get(role, 1.0)
        return Limit(burst=max(1.0, limit.burst * times), per_second=limit.per_second * times)


def load_limits(file: Path | None) -> Limits:
    """The operator's limits, or ours without a file; raises Refusal `limits-invalid` with the reason.

    Kinds of works that the operator's file does not name have our limit: it may be older than they are.
    """
    ours = {} if file is None else load_limits(None).open_works
    try:
        text = files(__package__).joinpath("limits.json").read_bytes() if file is None else file.read_bytes()
        data = msgspec.json.decode(text, type=_Data)
    except (OSError, msgspec.MsgspecError) as error:
        raise _invalid(f"{type(error).__name__}: {error}") from error
    if data.version != VERSION:
        raise _invalid("version")
    if missing := [name for name in LIMIT_CLASSES if name not in data.classes]:
        raise _invalid(f"without {missing[0]}")
    for name, limit in data.classes.items():
        if limit.burst < 1 or limit.per_second <= 0 or limit.burst / limit.per_second > FULL_AGAIN_SECONDS_MAX:
            raise _invalid(name)
    if any(times <= 0 for times in data.roles.values()):
        raise _invalid("roles")
    if any(min(most.person, most.organisation) < 1 for most in data.open_works.values()):
        raise _invalid("open_works")
    return Limits(classes=data.classes, roles=data.roles, open_works={**ours, **data.open_works})


def _invalid(reason: str) -> Refusal:
    return Refusal("limits-invalid", next_step="correct-the-setting", details={"reason": reason[:200]})
