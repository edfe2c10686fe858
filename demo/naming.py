"""Names that are plausible for a sex, a year of birth and an ethnic group, and belong to nobody in particular."""

from __future__ import annotations

from demo.dice import Dice
from demo.people import Name, Sex
from demo.tables import Row, table
from tianfu.standards.china.names import MIDDLE_DOT

_ERAS = (2012, 2000, 1985, 1970, 1950)


def name_for(dice: Dice, *, sex: Sex, year: int, ethnic: str, family: str | None = None) -> Name:
    """A name; `family` is the father's surname or clan, where the group hands it on."""
    if ethnic == "藏族":
        return tibetan_name(dice, sex)
    if ethnic == "彝族":
        return yi_name(dice, sex, year, family)
    if ethnic == "羌族":
        return qiang_name(dice, sex, year, family)
    return han_name(dice, sex, year, family)


def han_name(dice: Dice, sex: Sex, year: int, family: str | None = None) -> Name:
    """A surname by its frequency and a given name in the taste of the year."""
    surname = family or dice.weighted(table("people")["han_surnames"])
    return Name(text=surname + given_name(dice, sex, year), family=surname)


def given_name(dice: Dice, sex: Sex, year: int) -> str:
    """One or two characters in the taste of the year."""
    era = next((era for era in _ERAS if year >= era), 1930)
    taste = table("people")["given"][str(era)]
    first, last = taste[sex]
    end = dice.pick(last)
    if dice.happens(taste["single"]):
        return str(end)
    start = dice.pick(first)
    return f"{start}{end}" if start != end else str(end)


def tibetan_name(dice: Dice, sex: Sex) -> Name:
    """Two elements without a surname, some joined by the middle dot; Tibetan script where each is certain."""
    row: Row = table("people")["tibetan"]
    elements: dict[str, str | None] = row[sex]
    last = dice.pick(row[f"{sex}_last"])
    first = dice.pick([name for name in row[f"{sex}_first"] if name != last])
    joint = MIDDLE_DOT if dice.happens(row["joined_with_dot"]) else ""
    script = [elements.get(first), elements.get(last)]
    tibetan = "་".join(part for part in script if part) if all(script) else None
    return Name(text=f"{first}{joint}{last}", tibetan=tibetan)


def yi_name(dice: Dice, sex: Sex, year: int, clan: str | None = None) -> Name:
    """A clan and a given name, some joined by the middle dot; some people carry Han names."""
    row: Row = table("people")["yi"]
    if (clan and clan not in row["clans"]) or (clan is None and dice.happens(row["han_style"])):
        return han_name(dice, sex, year, clan)
    family = clan or dice.pick(row["clans"])
    joint = MIDDLE_DOT if dice.happens(row["joined_with_dot"]) else ""
    return Name(text=f"{family}{joint}{dice.pick(row[sex])}", family=family)


def qiang_name(dice: Dice, sex: Sex, year: int, family: str | None = None) -> Name:
    """A surname frequent among Qiang with a Han given name, or with one of the Qiang's own."""
    row: Row = table("people")["qiang"]
    surname = family or dice.weighted(row["surnames"])
    given = dice.pick(row["own_given"][sex]) if dice.happens(row["own_share"]) else given_name(dice, sex, year)
    return Name(text=surname + given, family=surname)
