"""A few made-up families whose lives are told in full, so that every page has somebody to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

from demo.dice import Dice
from demo.homes import draw_home
from demo.households import Draft, settle
from demo.naming import tibetan_name
from demo.numbers import Registry
from demo.people import Household, Name, Nature, Person
from demo.times import months_after, years_after
from tianfu.standards.china.names import MIDDLE_DOT

Showcase = Callable[[int, Dice, Registry, date], Household]


def _expecting_mother(number: int, dice: Dice, registry: Registry, today: date) -> Household:
    """A woman of 35 in the 29th week, her husband, her mother and her first child."""
    home = draw_home(dice, county_code="510104", urban=True)
    drafts = [
        Draft(role="man", sex="male", born=date(1990, 2, 11)),
        Draft(role="woman", sex="female", born=date(1991, 6, 9)),
        Draft(role="grandmother", sex="female", born=date(1963, 10, 2)),
        Draft(role="child", sex="female", born=date(2022, 9, 14)),
    ]
    household = settle(number, home, drafts, dice, registry, today)
    husband, wife, grandmother, child = household.people
    wife = replace(
        wife,
        name=Name(text="温知夏", family="温"),
        ethnic="汉族",
        mother=grandmother.key,
        died=None,
        expecting_since=today - timedelta(days=28 * 7 + 3),
        rich=True,
        nature=Nature(
            penicillin_allergy_since=date(2021, 11, 16), height_cm=162, body_mass_index=21.6, blood_group="B"
        ),
    )
    grandmother = replace(
        grandmother,
        name=Name(text="柏若兰", family="柏"),
        ethnic="汉族",
        died=None,
        nature=replace(grandmother.nature, hypertension_since=date(2015, 5, 20), diabetes_since=date(2018, 3, 8)),
    )
    husband = replace(husband, name=Name(text="单景行", family="单"), ethnic="汉族", died=None)
    child = replace(child, name=Name(text="单小满", family="单"), ethnic="汉族", rich=True)
    return _household(number, household, [husband, wife, grandmother, child])


def _yi_elders(number: int, dice: Dice, registry: Registry, today: date) -> Household:
    """An Yi couple in Liangshan: he lives with hypertension, diabetes and a stroke."""
    home = draw_home(dice, county_code="513431", urban=False)
    drafts = [
        Draft(role="man", sex="male", born=date(1955, 8, 1)),
        Draft(role="woman", sex="female", born=date(1958, 11, 12)),
    ]
    household = settle(number, home, drafts, dice, registry, today)
    husband, wife = household.people
    husband = replace(
        husband,
        name=Name(text=f"阿说{MIDDLE_DOT}拉铁", family="阿说"),
        ethnic="彝族",
        died=None,
        rich=True,
        nature=replace(husband.nature, hypertension_since=date(2013, 4, 9), diabetes_since=date(2016, 9, 22)),
    )
    wife = replace(wife, name=Name(text=f"勒格{MIDDLE_DOT}色洗", family="勒格"), ethnic="彝族", died=None)
    return _household(number, household, [husband, wife])


def _tibetan_twins(number: int, dice: Dice, registry: Registry, today: date) -> Household:
    """A Tibetan family in Garze with twins born last month."""
    home = draw_home(dice, county_code="513334", urban=False)
    born = today - timedelta(days=33)
    drafts = [
        Draft(role="man", sex="male", born=years_after(born, -31)),
        Draft(role="woman", sex="female", born=months_after(born, -12 * 28 - 5)),
        Draft(role="child", sex="male", born=born, twin_order=1, twins=2),
        Draft(role="child", sex="female", born=born, twin_order=2, twins=2),
    ]
    household = settle(number, home, drafts, dice, registry, today)
    people = [replace(each, ethnic="藏族", name=tibetan_name(dice, each.sex), died=None) for each in household.people]
    return _household(number, household, people)


def _qiang_child(number: int, dice: Dice, registry: Registry, today: date) -> Household:
    """A Qiang girl of seven in Aba with every check-up and all her vaccinations."""
    home = draw_home(dice, county_code="513223", urban=False)
    drafts = [
        Draft(role="man", sex="male", born=date(1991, 3, 3)),
        Draft(role="woman", sex="female", born=date(1993, 12, 20)),
        Draft(role="child", sex="female", born=date(2019, 5, 6)),
    ]
    household = settle(number, home, drafts, dice, registry, today)
    husband, wife, child = household.people
    people = [
        replace(husband, ethnic="羌族", name=Name(text="余泽基", family="余"), died=None),
        replace(wife, ethnic="羌族", name=Name(text="坤木珠", family="坤"), died=None, expecting_since=None),
        replace(child, ethnic="羌族", name=Name(text="余依娜", family="余"), rich=True),
    ]
    return _household(number, household, people)


def _han_elders(number: int, dice: Dice, registry: Registry, today: date) -> Household:
    """A couple in Mianyang: she has lived through much, he signs for both at the family doctor."""
    home = draw_home(dice, county_code="510703", urban=True)
    drafts = [
        Draft(role="man", sex="male", born=date(1946, 1, 17)),
        Draft(role="woman", sex="female", born=date(1948, 7, 30)),
    ]
    household = settle(number, home, drafts, dice, registry, today)
    husband, wife = household.people
    wife = replace(
        wife,
        name=Name(text="解素芳", family="解"),
        ethnic="汉族",
        died=None,
        rich=True,
        nature=replace(wife.nature, hypertension_since=date(2012, 10, 15), height_cm=155),
    )
    husband = replace(husband, name=Name(text="欧阳忠林", family="欧阳"), ethnic="汉族", died=None)
    return _household(number, household, [husband, wife])


def _household(number: int, household: Household, people: list[Person]) -> Household:
    return Household(
        number=number, home=household.home, people=tuple(people), by_key={each.key: each for each in people}
    )


SHOWCASES: tuple[Showcase, ...] = (_expecting_mother, _yi_elders, _tibetan_twins, _qiang_child, _han_elders)
