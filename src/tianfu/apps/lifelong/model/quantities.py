"""Numbers and units as people write them.  https://ucum.org/ucum"""

from __future__ import annotations

import re
from decimal import Decimal

NOISE_DIGITS = 8
"""More digits than an instrument has come from a computer; the record itself shows them all."""
DIGITS_KEPT = 4


UNIT_KEYS = {
    **dict.fromkeys(("次/分", "次/分钟", "/min", "{beats}/min", "{breaths}/min", "bpm"), "per-minute"),
    **dict.fromkeys(("分", "{score}", "{Score}"), "points"),
    **dict.fromkeys(("周", "wk", "weeks"), "weeks"),
    **dict.fromkeys(("天", "日", "d", "days"), "days"),
    **dict.fromkeys(("月", "个月", "mo", "months"), "months"),
    **dict.fromkeys(("岁", "年", "a", "years"), "years"),
    **dict.fromkeys(("小时", "h", "hours"), "hours"),
    **dict.fromkeys(("分钟", "min", "minutes"), "minutes"),
    **dict.fromkeys(("秒", "s", "seconds"), "seconds"),
}
"""Units that have a word in every language, as records write them (https://ucum.org/ucum)."""

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_UNIT_SIGNS = (
    (re.compile(r"10[*^](-?\d+)"), lambda found: "10" + found[1].translate(_RAISED)),
    (re.compile(r"(?<=[A-Za-zµμ])([23])(?![\dA-Za-z])"), lambda found: found[1].translate(_RAISED)),
    (re.compile(r"\bCel\b"), lambda found: "℃"),
    (re.compile(r"\bu(?=(?:g|L|l|mol|IU|U|m|s)\b)"), lambda found: "μ"),
    (re.compile(r"[\[\]{}]"), lambda found: ""),
    (re.compile("_"), lambda found: " "),
)


def readable_unit(unit: str) -> str:
    """A UCUM unit in the signs of print: 10*9/L is 10⁹/L, kg/m2 is kg/m², mm[Hg] is mmHg."""
    for pattern, written in _UNIT_SIGNS:
        unit = pattern.sub(written, unit)
    return unit


def without_noise(value: Decimal) -> Decimal:
    """The number without the decimals that only a computer makes: 166.74588263642073 is 166.7, 0.0000125 stays.

    Only decimals that no instrument has are rounded, to `DIGITS_KEPT` digits that count: a value that is not
    zero never becomes zero, and no digit before the point is lost.
    """
    digits, exponent = value.as_tuple().digits, value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent >= 0 or len(digits) <= NOISE_DIGITS:
        return value
    places = max(0, DIGITS_KEPT - 1 - value.adjusted())
    return round(value, places)
