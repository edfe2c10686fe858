"""Sichuan's administrative regions: the province, 21 prefectures and their counties.  GB/T 2260."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class County:
    """A county, district or county-level city."""

    code: str
    name: str
    prefecture: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefecture:
    """A prefecture-level city or autonomous prefecture with its counties in the order of their codes."""

    code: str
    name: str
    english: str
    counties: tuple[County, ...]


@cache
def prefectures() -> tuple[Prefecture, ...]:
    """The 21 prefectures in the order of their codes."""
    table = json.loads(files(__package__).joinpath("data/regions_sichuan.json").read_text("utf-8"))
    return tuple(_prefecture(row) for row in table["prefectures"])


@cache
def counties() -> dict[str, County]:
    """Every county by its six-digit code."""
    return {county.code: county for prefecture in prefectures() for county in prefecture.counties}


def region_name(code: str) -> str | None:
    """The full name that leads to a region (`四川省成都市锦江区`), or None for a code outside today's table.

    None is no fault: identity numbers and old records carry codes that were retired since.
    """
    if code == "510000":
        return "四川省"
    for prefecture in prefectures():
        if code == prefecture.code:
            return f"四川省{prefecture.name}"
    county = counties().get(code)
    return f"{region_name(county.prefecture)}{county.name}" if county else None


def _prefecture(row: dict[str, object]) -> Prefecture:
    code, found = str(row["code"]), row["counties"]
    if not isinstance(found, dict):
        raise TypeError(code)
    return Prefecture(
        code=code,
        name=str(row["name"]),
        english=str(row["english"]),
        counties=tuple(County(code=county, name=name, prefecture=code) for county, name in found.items()),
    )
