"""How households come about: a home, people of fitting ages, and what runs in their lives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import exp

from demo.dice import Dice
from demo.homes import draw_ethnic, draw_home, nearest_maternity
from demo.naming import name_for
from demo.numbers import Registry, telephone
from demo.people import Birth, Home, Household, Nature, Person, Role, Sex
from demo.tables import table
from demo.times import YEAR_DAYS, age_years, days, months_after, years_after

RECORDED_BIRTHS_FROM = date(2010, 1, 1)
DEATHS_FROM_YEAR = 2017
OLDEST_BORN = date(1930, 1, 1)
TWINS_SHARE = 0.013
EXPECTING_SHARE = 0.07


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A member before names and numbers: place in the household, sex and birth date."""

    role: Role
    sex: Sex
    born: date
    twin_order: int = 0
    twins: int = 1


def form_household(number: int, dice: Dice, registry: Registry, *, today: date, room: int) -> Household:
    """A household of at most `room` people."""
    home = draw_home(dice)
    kind = dice.weighted(KINDS)
    drafts = kind(dice, today)
    if len(drafts) > room:
        drafts = drafts[:1]
    return settle(number, home, drafts, dice, registry, today)


def settle(number: int, home: Home, drafts: list[Draft], dice: Dice, registry: Registry, today: date) -> Household:
    """Give the members names, numbers, parents and natures."""
    ethnic = draw_ethnic(dice, home)
    keys = {id(draft): f"h{number:07}-{place + 1}" for place, draft in enumerate(drafts)}
    mother = next((keys[id(draft)] for draft in drafts if draft.role == "woman"), None)
    father = next((keys[id(draft)] for draft in drafts if draft.role == "man"), None)
    family: str | None = None
    people: list[Person] = []
    for draft in drafts:
        own = ethnic if draft.role != "woman" or dice.happens(0.9) else draw_ethnic(dice, home)
        inherits = draft.role in ("man", "child", "grandfather")
        name = name_for(dice, sex=draft.sex, year=draft.born.year, ethnic=own, family=family if inherits else None)
        family = family or (name.family or None if draft.role in ("man", "grandfather") else None)
        is_child = draft.role == "child"
        person = Person(
            key=keys[id(draft)],
            name=name,
            sex=draft.sex,
            born=draft.born,
            died=_death(dice, draft, today),
            ethnic=own,
            identity_number=registry.identity_number(dice, county=home.county, born=draft.born, sex=draft.sex),
            phone=telephone(dice),
            home=home,
            role=draft.role,
            nature=draw_nature(dice, draft, today),
            marital=_marital(draft, drafts, today),
            mother=mother if is_child else None,
            father=father if is_child else None,
        )
        people.append(replace(person, birth=_birth(dice, person, draft)))
    people = [_with_a_telephone(person, people, today) for person in people]
    people = [_maybe_expecting(dice, person, people, today) for person in people]
    return Household(number=number, home=home, people=tuple(people), by_key={each.key: each for each in people})


def draw_nature(dice: Dice, draft: Draft, today: date) -> Nature:
    """Lasting illnesses as often as at this age, with the day they were found."""
    age = age_years(draft.born, today)
    male = draft.sex == "male"
    pressure = _since(dice, draft.born, today, 0.0 if age < 35 else 0.06 if age < 45 else 0.2 if age < 55 else 0.42)
    sugar = _since(dice, draft.born, today, 0.0 if age < 35 else 0.03 if age < 50 else 0.12)
    allergy = years_after(draft.born, dice.randrange(4, max(5, min(50, age)))) if dice.happens(0.025) else None
    return Nature(
        hypertension_since=pressure,
        diabetes_since=sugar,
        penicillin_allergy_since=allergy if allergy and date(2013, 1, 1) < allergy < today else None,
        smoker=male and age > 17 and dice.happens(0.42),
        height_cm=dice.around(169 if male else 158, 5.5, low=142, high=192),
        body_mass_index=dice.around(23.3, 3.0, low=17, high=36),
        blood_group=dice.weighted(table("people")["blood_groups"]),
    )


def _with_a_telephone(person: Person, people: list[Person], today: date) -> Person:
    """Children under fourteen are reached through their mother."""
    mother = next((each for each in people if each.key == person.mother), None)
    return replace(person, phone=mother.phone) if mother and age_years(person.born, today) < 14 else person


def _marital(draft: Draft, drafts: list[Draft], today: date) -> str:
    """GB/T 2261.2: 10 never married, 20 married, 30 widowed."""
    partner: dict[Role, Role] = {
        "man": "woman",
        "woman": "man",
        "grandfather": "grandmother",
        "grandmother": "grandfather",
    }
    if draft.role == "child":
        return "10"
    if any(each.role == partner[draft.role] for each in drafts):
        return "20"
    return "30" if age_years(draft.born, today) > 60 else "10"


def _since(dice: Dice, born: date, today: date, share: float) -> date | None:
    if not dice.happens(share):
        return None
    earliest = max(years_after(born, 35), date(2010, 6, 1))
    span = (today - earliest).days
    return earliest + timedelta(days=dice.randrange(span)) if span > 30 else None


def _death(dice: Dice, draft: Draft, today: date) -> date | None:
    """Whether and when somebody of 45 or more died; the yearly risk doubles about every seven years of age."""
    for year in range(DEATHS_FROM_YEAR, today.year + 1):
        age = year - draft.born.year
        if age >= 45 and dice.happens(0.00003 * exp(0.095 * age)):
            day = date(year, 1, 1) + timedelta(days=dice.randrange(365))
            return day if day < today else None
    return None


def _birth(dice: Dice, person: Person, draft: Draft) -> Birth | None:
    if person.mother is None or person.born < RECORDED_BIRTHS_FROM:
        return None
    twin = draft.twins > 1
    # Twins share the dice of their birth: the same mother, day, week and way.
    shared = Dice("birth", person.mother, person.born)
    weeks = int(shared.around(36.4 if twin else 39.1, 1.3, low=31, high=41))
    middle = 3280 - 185 * max(0, 39 - weeks) - (250 if twin else 0)
    return Birth(
        mother=person.mother,
        hospital=nearest_maternity(person.home, shared),
        weeks=weeks,
        extra_days=shared.randrange(7),
        weight_g=round(dice.around(middle + (90 if person.male else 0), 360, low=1500, high=4600) / 10) * 10,
        length_cm=round(dice.around(50 - 0.8 * max(0, 39 - weeks), 1.2, low=42, high=55), 1),
        caesarean=shared.happens(0.75 if twin else 0.4),
        order=draft.twin_order or 1,
        of=draft.twins,
    )


def _maybe_expecting(dice: Dice, person: Person, people: list[Person], today: date) -> Person:
    """Some women of childbearing age expect a child today."""
    if person.role != "woman" or not 22 <= age_years(person.born, today) <= 38 or not dice.happens(EXPECTING_SHARE):
        return person
    youngest = max((each.born for each in people if each.mother == person.key), default=date(1900, 1, 1))
    since = today - timedelta(days=dice.randrange(60, 270))
    return replace(person, expecting_since=since) if since > youngest + timedelta(days=300) else person


# Kinds of households


def _woman(dice: Dice, today: date, low: int, high: int) -> Draft:
    return Draft(role="woman", sex="female", born=_born(dice, today, low, high))


def _born(dice: Dice, today: date, low: int, high: int) -> date:
    born = today - days(YEAR_DAYS * (low + dice.random() * (high - low)))
    return max(OLDEST_BORN, born)


def _husband(dice: Dice, wife: Draft, today: date) -> Draft:
    born = wife.born - days(YEAR_DAYS * dice.around(2.2, 2.2, low=-3, high=10))
    return Draft(role="man", sex="male", born=max(OLDEST_BORN, min(born, years_after(today, -20))))


def _children(dice: Dice, mother: Draft, today: date) -> list[Draft]:
    """The children still at home: under 25, born when the mother was 21 to 40."""
    found: list[Draft] = []
    age = dice.around(26 + max(0, mother.born.year - 1985) * 0.1, 3.2, low=21, high=38)
    for probability in (0.88, 0.42, 0.08):
        born = mother.born + days(YEAR_DAYS * age)
        if age > 41 or born >= today - timedelta(days=2) or not dice.happens(probability):
            break
        if born > years_after(today, -25):
            found += _siblings(dice, born)
        age += dice.around(3.6, 1.6, low=1.5, high=10)
    return found


def _siblings(dice: Dice, born: date) -> list[Draft]:
    if dice.happens(TWINS_SHARE):
        pair: Sex | None = dice.pick(("male", "female", None))
        return [Draft(role="child", sex=pair or _sex(dice), born=born, twin_order=order, twins=2) for order in (1, 2)]
    return [Draft(role="child", sex=_sex(dice), born=born)]


def _sex(dice: Dice) -> Sex:
    return "male" if dice.happens(0.518) else "female"


def _couple_with_children(dice: Dice, today: date) -> list[Draft]:
    wife = _woman(dice, today, 23, 56)
    return [_husband(dice, wife, today), wife, *_children(dice, wife, today)]


def _three_generations(dice: Dice, today: date) -> list[Draft]:
    wife = _woman(dice, today, 24, 50)
    husband = _husband(dice, wife, today)
    grandmother_born = max(OLDEST_BORN, husband.born - days(YEAR_DAYS * dice.around(25, 3, low=19, high=38)))
    grandmother = Draft(role="grandmother", sex="female", born=grandmother_born)
    elders = [grandmother]
    if dice.happens(0.7):
        grandfather_born = max(OLDEST_BORN, months_after(grandmother_born, -12 * dice.randrange(0, 6)))
        elders = [Draft(role="grandfather", sex="male", born=grandfather_born), grandmother]
    return [husband, wife, *elders, *_children(dice, wife, today)]


def _young_couple(dice: Dice, today: date) -> list[Draft]:
    wife = _woman(dice, today, 21, 33)
    return [_husband(dice, wife, today), wife]


def _elder_couple(dice: Dice, today: date) -> list[Draft]:
    wife = _woman(dice, today, 50, 88)
    return [_husband(dice, wife, today), wife]


def _elder_alone(dice: Dice, today: date) -> list[Draft]:
    if dice.happens(0.65):
        return [_woman(dice, today, 64, 94)]
    return [Draft(role="man", sex="male", born=_born(dice, today, 62, 92))]


def _single(dice: Dice, today: date) -> list[Draft]:
    if dice.happens(0.45):
        return [_woman(dice, today, 19, 48)]
    return [Draft(role="man", sex="male", born=_born(dice, today, 19, 55))]


def _mother_alone(dice: Dice, today: date) -> list[Draft]:
    mother = _woman(dice, today, 26, 48)
    return [mother, *_children(dice, mother, today)]


KINDS: dict[Callable[[Dice, date], list[Draft]], float] = {
    _couple_with_children: 29,
    _three_generations: 16,
    _young_couple: 4,
    _elder_couple: 33,
    _elder_alone: 10,
    _single: 7,
    _mother_alone: 3,
}
