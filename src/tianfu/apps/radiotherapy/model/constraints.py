"""The language of dose constraints, read strictly: `D95% >= 50 Gy`, `V20Gy <= 30 %`, `V<14Gy >= 700 cc`.

A metric, a comparison, a number, a unit.  Metrics are D and a volume (`D95%`, `D0.03cc`), `Dmean`, `Dmax`, `Dmin`, V
and a dose (`V20Gy`, or `V95%` of the prescribed dose), and V< and a dose, the volume that is spared it (`V<14Gy`).
Doses are compared in Gy or in percent of the prescribed dose, volumes in cc or percent.  Names of metrics follow AAPM
TG-263 (doi 10.1016/j.ijrobp.2017.12.013) [memory].
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from tianfu.kernel.refusal import Refusal


class Quantity(StrEnum):
    """What is read from a histogram."""

    DOSE_AT_VOLUME = "D"
    MEAN = "Dmean"
    MAX = "Dmax"
    MIN = "Dmin"
    VOLUME_AT_DOSE = "V"
    VOLUME_BELOW_DOSE = "V<"


class Unit(StrEnum):
    """Units of metrics and limits; percent is of the structure's volume or of the prescribed dose."""

    GY = "Gy"
    CC = "cc"
    PERCENT = "%"


class Comparison(StrEnum):
    """How what is reached is held against the limit."""

    AT_LEAST = ">="
    AT_MOST = "<="
    MORE = ">"
    LESS = "<"

    @property
    def wants_more(self) -> bool:
        """Whether a larger value is the better one."""
        return self in {Comparison.AT_LEAST, Comparison.MORE}

    def holds(self, value: float, limit: float) -> bool:
        """Whether a value keeps a limit."""
        match self:
            case Comparison.AT_LEAST:
                return value >= limit
            case Comparison.AT_MOST:
                return value <= limit
            case Comparison.MORE:
                return value > limit
            case Comparison.LESS:
                return value < limit


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """A metric of a histogram and its limit; `at` with `at_unit` is the volume of D or the dose of V, else None."""

    quantity: Quantity
    at: float | None
    at_unit: Unit | None
    comparison: Comparison
    limit: float
    unit: Unit

    @property
    def needs_prescription(self) -> bool:
        """Whether a percentage of the prescribed dose takes part."""
        is_volume = self.quantity in {Quantity.VOLUME_AT_DOSE, Quantity.VOLUME_BELOW_DOSE}
        return (self.at_unit if is_volume else self.unit) is Unit.PERCENT

    @property
    def metric(self) -> str:
        """The metric as it is written: D95%, V<14Gy."""
        at = "" if self.at is None or self.at_unit is None else f"{self.at:g}{self.at_unit}"
        return f"{self.quantity}{at}"

    def __str__(self) -> str:
        return f"{self.metric} {self.comparison} {self.limit:g} {self.unit}"


_NUMBER = r"(\d+(?:\.\d+)?)"
_METRIC = re.compile(rf"Dmean|Dmax|Dmin|(?:(D){_NUMBER}(%|cc))|(?:(V<|V){_NUMBER}(Gy|%))")
_COMPARISON = re.compile(r"\s*(>=|<=|>|<)\s*")
_LIMIT = re.compile(_NUMBER)
_UNIT = re.compile(r"\s*(Gy|cc|%)\s*$")


def constraint_from(text: str) -> Constraint:
    """Read a constraint.  Raises Refusal `constraint-not-understood` with the place, from 1, and what it wants."""
    metric = _expect(_METRIC, text, 0, "a metric: D95%, D0.03cc, Dmean, Dmax, Dmin, V20Gy, V95%, V<14Gy")
    comparison = _expect(_COMPARISON, text, metric.end(), ">=, <=, > or <")
    limit = _expect(_LIMIT, text, comparison.end(), "a number")
    unit = _expect(_UNIT, text, limit.end(), "Gy, cc or %, and nothing after")
    quantity, at, at_unit = _metric(metric)
    read = Constraint(
        quantity=quantity,
        at=at,
        at_unit=at_unit,
        comparison=Comparison(comparison[1]),
        limit=float(limit[1]),
        unit=Unit(unit[1]),
    )
    _refuse_nonsense(read, text, metric, unit)
    return read


def _expect(pattern: re.Pattern[str], text: str, place: int, expected: str) -> re.Match[str]:
    found = pattern.match(text, place)
    if found is None:
        raise _not_understood(text, place, expected)
    return found


def _not_understood(text: str, place: int, expected: str) -> Refusal:
    return Refusal(
        "constraint-not-understood", details={"constraint": text, "place": str(place + 1), "expected": expected}
    )


def _metric(found: re.Match[str]) -> tuple[Quantity, float | None, Unit | None]:
    if found[1]:
        return Quantity.DOSE_AT_VOLUME, float(found[2]), Unit(found[3])
    if found[4]:
        return Quantity(found[4]), float(found[5]), Unit(found[6])
    return Quantity(found[0]), None, None


def _refuse_nonsense(read: Constraint, text: str, metric: re.Match[str], unit: re.Match[str]) -> None:
    is_volume = read.quantity in {Quantity.VOLUME_AT_DOSE, Quantity.VOLUME_BELOW_DOSE}
    if is_volume and read.unit is Unit.GY:
        raise _not_understood(text, unit.start(1), "cc or %, since the metric is a volume")
    if not is_volume and read.unit is Unit.CC:
        raise _not_understood(text, unit.start(1), "Gy or %, since the metric is a dose")
    if is_volume and read.unit is Unit.PERCENT and read.limit > 100:
        raise _not_understood(text, unit.start(1), "at most 100 % of the volume")
    if read.quantity is Quantity.DOSE_AT_VOLUME and read.at_unit is Unit.PERCENT and not 0 < (read.at or 0) <= 100:
        raise _not_understood(text, metric.start(2), "more than 0 % and at most 100 % of the volume")
