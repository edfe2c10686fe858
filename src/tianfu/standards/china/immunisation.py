"""The childhood immunisation schedule as versioned data.  National Immunisation Programme."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Vaccine:
    """A vaccine of the programme; `route` is IM, ID, SC or PO, `cvx` its code in the CVX table."""

    key: str
    name: str
    short: str
    english: str
    cvx: str
    cvx_display: str
    route: Literal["IM", "ID", "SC", "PO"]
    amount_ml: float
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """One dose that is due when a child reaches `age_months`."""

    vaccine: str
    number: int
    age_months: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """The schedule for everybody born on or after `born_from`, until the next edition's first birth date."""

    edition: str
    mark: str
    born_from: date
    doses: tuple[Dose, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """Doses for people of one sex born on or after `born_from`, given from the day `starts`."""

    starts: date
    born_from: date
    sex: str
    doses: tuple[Dose, ...]


@cache
def vaccines() -> Mapping[str, Vaccine]:
    """Every vaccine by its key."""
    return {
        key: Vaccine(**{**row, "key": key, "targets": tuple(row["targets"])})
        for key, row in _table()["vaccines"].items()
    }


@cache
def editions() -> tuple[Edition, ...]:
    """The editions of the schedule, oldest first."""
    return tuple(
        Edition(
            edition=row["edition"],
            mark=row["mark"],
            born_from=date.fromisoformat(row["born_from"]),
            doses=tuple(Dose(vaccine=key, number=number, age_months=months) for key, number, months in row["doses"]),
        )
        for row in _table()["editions"]
    )


@cache
def campaigns() -> tuple[Campaign, ...]:
    """Additions for older children."""
    return tuple(
        Campaign(
            starts=date.fromisoformat(row["from"]),
            born_from=date.fromisoformat(row["born_from"]),
            sex=row["sex"],
            doses=tuple(
                Dose(vaccine=row["vaccine"], number=number, age_months=months) for number, months in row["doses"]
            ),
        )
        for row in _table()["campaigns"]
    )


def schedule_for(born: date) -> Edition | None:
    """The edition that a child born on this day follows; None before the oldest edition."""
    return next((edition for edition in reversed(editions()) if edition.born_from <= born), None)


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(
        files(__package__).joinpath("data/immunisation_schedule.json").read_text("utf-8")
    )
    return table
