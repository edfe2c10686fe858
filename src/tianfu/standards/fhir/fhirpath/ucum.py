"""Units of measure as exact factors and dimensions.  https://ucum.org/ucum

The table holds the units that clinical records use; a unit that it does not know compares with itself only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

UNIT_CHARACTERS_MAX = 100
EXPONENT_MAX = 30

Dimensions = tuple[tuple[str, int], ...]
"""Base units with their powers, sorted by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """So many base units; `zero` is where a temperature scale begins, in its own degrees below its zero."""

    factor: Fraction
    dimensions: Dimensions = ()
    zero: Fraction = Fraction(0)


_PREFIXES: Mapping[str, int] = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
    "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}  # fmt: skip

_METRIC_BASES = ("m", "s", "g", "rad", "K", "C", "cd")
_OWN_BASES = (
    "[pH]", "[arb'U]", "[USP'U]", "[GPL'U]", "[MPL'U]", "[APL'U]", "[beth'U]", "[anti'Xa'U]", "[todd'U]", "[dye'U]",
    "[smgy'U]", "[bdsk'U]", "[ka'U]", "[knk'U]", "[mclg'U]", "[tb'U]", "[CCID_50]", "[TCID_50]", "[EID_50]", "[PFU]",
    "[FFU]", "[CFU]", "[IR]", "[BAU]", "[AU]", "[Amb'a'1'U]", "[PNU]", "[Lf]", "[D'ag'U]", "[FEU]", "[ELU]", "[EU]",
    "[hp'_X]", "[hp'_C]", "[hp'_M]", "[diop]", "[p'diop]", "[NTU]", "[FNU]", "bit", "Np", "B", "[S]", "[HPF]", "[LPF]",
)  # fmt: skip
"""Units that no other unit can be made into: arbitrary and logarithmic ones."""

_METRIC: Mapping[str, str] = {
    "mol": "602213670000000000000000", "osm": "mol", "eq": "mol", "kat": "mol/s", "U": "umol/min",
    "L": "dm3", "l": "dm3", "ar": "100.m2", "t": "1000.kg", "u": "1.6605402.yg", "eV": "160217.7.yJ",
    "Hz": "s-1", "N": "kg.m/s2", "Pa": "N/m2", "J": "N.m", "W": "J/s", "A": "C/s", "V": "J/C", "F": "C/V",
    "Ohm": "V/A", "S": "Ohm-1", "Wb": "V.s", "T": "Wb/m2", "H": "Wb/A", "lm": "cd.sr", "lx": "lm/m2", "sr": "rad2",
    "Bq": "s-1", "Gy": "J/kg", "Sv": "J/kg", "Ci": "37000000000.Bq", "R": "0.000258.C/kg", "RAD": "0.01.Gy",
    "REM": "0.01.Sv", "bar": "100000.Pa", "m[Hg]": "133.322.kPa", "m[H2O]": "9.80665.kPa", "cal": "4.184.J",
    "cal_th": "4.184.J", "dyn": "0.00001.N", "erg": "0.0000001.J", "P": "0.1.Pa.s", "St": "0.0001.m2/s",
    "By": "8.bit", "[iU]": "[IU]", "G": "0.0001.T", "Mx": "0.00000001.Wb", "Lmb": "cd/cm2", "[Ch]": "mm/3",
}  # fmt: skip
_PLAIN: Mapping[str, str] = {
    "10*": "10", "10^": "10", "%": "0.01", "[ppth]": "0.001", "[ppm]": "0.000001", "[ppb]": "0.000000001",
    "[pptr]": "0.000000000001", "[pi]": "3.14159265358979323846", "min": "60.s", "h": "60.min", "d": "24.h",
    "wk": "7.d", "a": "365.25.d", "a_j": "365.25.d", "a_g": "365.2425.d", "a_t": "365.24219.d", "mo": "30.4375.d",
    "mo_j": "30.4375.d", "mo_g": "30.436875.d", "mo_s": "29.53059.d", "deg": "[pi].rad/180", "'": "deg/60",
    "''": "'/60", "gon": "0.9.deg", "circ": "360.deg", "atm": "101325.Pa", "g%": "g/dL", "Ao": "0.1.nm",
    "[in_i]": "2.54.cm", "[ft_i]": "12.[in_i]", "[yd_i]": "3.[ft_i]", "[mi_i]": "5280.[ft_i]",
    "[nmi_i]": "1852.m", "[sin_i]": "[in_i]2", "[sft_i]": "[ft_i]2", "[cin_i]": "[in_i]3", "[cft_i]": "[ft_i]3",
    "[gr]": "64.79891.mg", "[lb_av]": "7000.[gr]", "[oz_av]": "[lb_av]/16", "[dr_av]": "[oz_av]/16",
    "[ston_av]": "2000.[lb_av]", "[stone_av]": "14.[lb_av]", "[lb_tr]": "5760.[gr]", "[oz_tr]": "480.[gr]",
    "[gal_us]": "231.[in_i]3", "[qt_us]": "[gal_us]/4", "[pt_us]": "[qt_us]/2", "[cup_us]": "16.[tbs_us]",
    "[foz_us]": "[pt_us]/16", "[tbs_us]": "[foz_us]/2", "[tsp_us]": "[tbs_us]/3", "[tbs_m]": "15.mL",
    "[tsp_m]": "5.mL", "[foz_m]": "30.mL", "[cup_m]": "240.mL", "[drp]": "mL/20", "[Cal]": "kcal_th",
    "[in_i'Hg]": "[in_i].m[Hg]/m", "[in_i'H2O]": "[in_i].m[H2O]/m", "[psi]": "6894.757293168361.Pa",
    "[lbf_av]": "4.4482216152605.N", "[car_m]": "0.2.g", "[mesh_i]": "[in_i]-1", "Gb": "0.795774715459477.A",
}  # fmt: skip
_SCALES: Mapping[str, tuple[Fraction, Fraction]] = {
    "Cel": (Fraction(1), Fraction("273.15")),
    "[degF]": (Fraction(5, 9), Fraction("459.67")),
    "[degR]": (Fraction(5, 9), Fraction(0)),
}
_ONE = Unit(factor=Fraction(1))

_TOKEN = re.compile(r"\{[^{}]*\}|\d+\.\d+|10[*^]|\d+|[./()]|(?:\[[^\[\]]*\]|[^\d./()\[\]{}\s+-])+|[+-]?\d+|[+-]")


@lru_cache(maxsize=2_048)
def unit_of(text: str) -> Unit | None:
    """The unit that a UCUM code names; None for a code that is wrong or unknown here."""
    if not text or len(text) > UNIT_CHARACTERS_MAX:
        return None
    if text in _SCALES:
        factor, zero = _SCALES[text]
        return Unit(factor=factor, dimensions=(("K", 1),), zero=zero)
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != text:
        return None
    try:
        unit, rest = _term(tokens)
    except (LookupError, ValueError, ZeroDivisionError):
        return None
    return None if rest else unit


def _term(tokens: list[str]) -> tuple[Unit, list[str]]:
    """Components joined by `.` and `/`, up to a closing parenthesis."""
    unit = _ONE
    sign = 1
    if tokens and tokens[0] == "/":
        sign, tokens = -1, tokens[1:]
    while True:
        component, tokens = _component(tokens)
        unit = _product(unit, component, sign)
        if not tokens or tokens[0] not in "./":
            return unit, tokens
        sign = 1 if tokens[0] == "." else -1
        tokens = tokens[1:]


def _component(tokens: list[str]) -> tuple[Unit, list[str]]:
    first, *rest = tokens
    if first == "(":
        unit, rest = _term(rest)
        if rest[0] != ")":
            raise ValueError(first)
        rest = rest[1:]
    elif first.startswith("{"):
        return _ONE, rest
    elif first[0].isdigit() and first not in _PLAIN:
        unit = Unit(factor=Fraction(first))
    else:
        unit = _atom(first)
    exponent, rest = _exponent(rest)
    if rest and rest[0].startswith("{"):
        rest = rest[1:]
    return _product(_ONE, unit, exponent), rest


def _exponent(tokens: list[str]) -> tuple[int, list[str]]:
    if tokens and tokens[0] in "+-":
        exponent = int(tokens[0] + tokens[1])
        tokens = tokens[2:]
    elif tokens and tokens[0].lstrip("+-").isdigit():
        exponent = int(tokens[0])
        tokens = tokens[1:]
    else:
        return 1, tokens
    if abs(exponent) > EXPONENT_MAX:
        raise ValueError(exponent)
    return exponent, tokens


def _product(left: Unit, right: Unit, exponent: int) -> Unit:
    powers = dict(left.dimensions)
    for base, power in right.dimensions:
        powers[base] = powers.get(base, 0) + power * exponent
    dimensions = tuple(sorted((base, power) for base, power in powers.items() if power))
    return Unit(factor=left.factor * right.factor**exponent, dimensions=dimensions)


@lru_cache(maxsize=1_024)
def _atom(text: str) -> Unit:
    """A unit symbol, with a prefix if it may have one; raises LookupError for an unknown one."""
    if text in _METRIC_BASES or text in _OWN_BASES or text == "[IU]":
        return Unit(factor=Fraction(1), dimensions=((text, 1),))
    definition = _PLAIN.get(text) or _METRIC.get(text)
    if definition is not None:
        unit, _ = _term(_TOKEN.findall(definition))
        return unit
    if text in _SCALES:
        return Unit(factor=_SCALES[text][0], dimensions=(("K", 1),))
    for length in (1, 2):
        prefix, symbol = text[:length], text[length:]
        if prefix in _PREFIXES and _takes_prefix(symbol):
            scale = Unit(factor=Fraction(10) ** _PREFIXES[prefix])
            return _product(scale, _atom(symbol), 1)
    raise LookupError(text)


def _takes_prefix(symbol: str) -> bool:
    return symbol in _METRIC_BASES or symbol in _METRIC or symbol in ("[IU]", "bit", "B", "Np", "Cel")
