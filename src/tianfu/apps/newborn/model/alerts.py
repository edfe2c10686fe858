"""What an operator is told of at once, and when it is over.  The rule is data: alerts.json .

Rule: docs/rules/newborn-quality.md
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

import orjson

from tianfu.kernel.instants import SECOND, Instant


class Kind(StrEnum):
    """What may be wrong."""

    MEDIA_DOWN = "media-down"
    KEEPER_SILENT = "keeper-silent"
    CAMERA_AWAY = "camera-away"
    JOIN_SLOW = "join-slow"
    LOSS_HIGH = "loss-high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """From when on something is wrong; `version` stands at each alert that it raised."""

    version: int
    look_seconds: int
    media_down_seconds: int
    keeper_silent_seconds: int
    camera_away_seconds: int
    joins: int
    joins_within_hours: int
    join_ms_p95_max: int
    loss_percent_max: int
    loss_seconds: int
    loss_rows_min: int
    keep_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSign:
    """A camera that is wanted for a visit in its slot, and since when it is away; None if it is there."""

    camera: str
    ward: str
    away_since: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSign:
    """Which share of its packets a ward's viewers lost lately, from 0 to 1, in how many rows."""

    ward: str
    rows: int
    lost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What is known at one look; `joins` are the last ones in milliseconds, the newest first."""

    media_heard_at: Instant
    keeper_heard_at: Instant
    cameras: Sequence[CameraSign] = ()
    joins: Sequence[int] = ()
    losses: Sequence[LossSign] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """Something that is wrong now; `about` and `ward` are empty for what concerns all."""

    kind: Kind
    since: Instant
    about: str = ""
    ward: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What makes two looks' findings the same alert."""
        return self.kind.value, self.about


@dataclass(frozen=True, slots=True)
class Change:
    """What begins with a look, and the keys of what ends."""

    begins: tuple[Raised, ...]
    ends: frozenset[tuple[str, str]]


@cache
def rule() -> Rule:
    """The rule as the data say it."""
    data = orjson.loads(files("tianfu.apps.newborn.model").joinpath("alerts.json").read_bytes())
    return Rule(**{name: int(data[name]) for name in Rule.__slots__})


def p95(values: Sequence[int]) -> int:
    """The value below or at which 95 of 100 lie, by nearest rank; raises ValueError for none."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[(95 * len(values) + 99) // 100 - 1]


def raised(rule: Rule, signs: Signs, *, now: Instant) -> tuple[Raised, ...]:
    """Everything that is wrong by what is known."""
    found = []
    if now - signs.media_heard_at > rule.media_down_seconds * SECOND:
        found.append(Raised(kind=Kind.MEDIA_DOWN, since=signs.media_heard_at))
    if now - signs.keeper_heard_at > rule.keeper_silent_seconds * SECOND:
        found.append(Raised(kind=Kind.KEEPER_SILENT, since=signs.keeper_heard_at))
    latest = signs.joins[: rule.joins]
    if len(latest) == rule.joins and p95(latest) > rule.join_ms_p95_max:
        found.append(Raised(kind=Kind.JOIN_SLOW, since=now))
    return (*found, *_cameras(rule, signs.cameras, now), *_losses(rule, signs.losses, now))


def changed(standing: Collection[tuple[str, str]], found: Sequence[Raised]) -> Change:
    """What begins and what ends, if these alerts stood and this was found."""
    keys = {each.key for each in found}
    return Change(tuple(each for each in found if each.key not in standing), frozenset(standing) - keys)


def _cameras(rule: Rule, cameras: Sequence[CameraSign], now: Instant) -> list[Raised]:
    away = {each.camera: (each.ward, each.away_since) for each in cameras if each.away_since is not None}
    return [
        Raised(kind=Kind.CAMERA_AWAY, since=since, about=camera, ward=ward)
        for camera, (ward, since) in away.items()
        if now - since > rule.camera_away_seconds * SECOND
    ]


def _losses(rule: Rule, losses: Sequence[LossSign], now: Instant) -> list[Raised]:
    return [
        Raised(kind=Kind.LOSS_HIGH, since=now, about=each.ward, ward=each.ward)
        for each in losses
        if each.rows >= rule.loss_rows_min and each.lost * 100 > rule.loss_percent_max
    ]
