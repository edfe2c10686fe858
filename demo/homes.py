"""Where people live: a county drawn by population, a made-up street or town in it, and the hospitals nearby."""

from __future__ import annotations

from functools import cache

from demo.dice import Dice
from demo.people import Home
from demo.tables import table
from tianfu.standards.china.regions import Prefecture, prefectures, region_name

CENTRES_PER_COUNTY = 3
HIGHLANDS = ("513200", "513300", "513400")


def draw_home(dice: Dice, *, county_code: str | None = None, urban: bool | None = None) -> Home:
    """A home somewhere in the province, or in the given county."""
    code = f"{county_code[:4]}00" if county_code else dice.weighted(table("province")["population_ten_thousand"])
    prefecture = _prefectures()[code]
    county = county_code or dice.pick(prefecture.counties).code
    if urban is None:
        urban = dice.happens(table("province")["urban_share"].get(code, table("province")["urban_share_elsewhere"]))
    centre = dice.randrange(CENTRES_PER_COUNTY) + (0 if urban else CENTRES_PER_COUNTY)
    town = town_of(county, centre, urban=urban, highland=code in HIGHLANDS)
    committee = dice.randrange(12)
    return Home(
        county=county,
        prefecture=code,
        urban=urban,
        centre=centre,
        town=town,
        town_code=f"{centre + 1:03}" if urban else f"{100 + centre:03}",
        unit_code=f"{committee + 1:03}" if urban else f"{101 + committee:03}",
        line=_line(dice, urban, committee),
    )


def town_of(county: str, centre: int, *, urban: bool, highland: bool) -> str:
    """The made-up street or town that a health centre stands in; always the same for the same centre."""
    province = table("province")
    names = province["streets"] if urban else province["highland_towns"] if highland else province["towns"]
    return f"{names[(int(county) * 7 + centre * 3) % len(names)]}{'街道' if urban else '镇'}"


def address_text(home: Home) -> str:
    """The whole address in one line."""
    return f"{region_name(home.county)}{home.town}{home.line}"


def draw_ethnic(dice: Dice, home: Home) -> str:
    """An ethnic group by the shares of the county, else of the prefecture."""
    province = table("province")
    shares = province["county_ethnic"].get(home.county) or province["ethnic"].get(home.prefecture)
    return dice.weighted(shares) if shares else "汉族"


def nearest_hospital(home: Home, dice: Dice) -> str:
    """The hospital for adults: mostly the nearest of the two general ones."""
    near: str = table("facilities")["nearest"].get(home.prefecture, "furongchuan")
    other = "xueshanliang" if near == "furongchuan" else "furongchuan"
    return other if dice.happens(0.04) else near


def nearest_maternity(home: Home, dice: Dice) -> str:
    """The hospital for births and children: the women's and children's hospital where it is near."""
    if home.prefecture in table("facilities")["maternity_near"]:
        return "jinjiangpan" if dice.happens(0.85) else nearest_hospital(home, dice)
    return "jinjiangpan" if dice.happens(0.12) else nearest_hospital(home, dice)


@cache
def _prefectures() -> dict[str, Prefecture]:
    return {prefecture.code: prefecture for prefecture in prefectures()}


def _line(dice: Dice, urban: bool, committee: int) -> str:
    name = table("province")["committees"][committee]
    if urban:
        road = dice.pick(table("province")["roads"])
        rooms = f"{dice.randrange(1, 13)}栋{dice.randrange(1, 4)}单元{dice.randrange(1, 19)}0{dice.randrange(1, 5)}号"
        return f"{name}社区{road}{dice.randrange(1, 200)}号{rooms}"
    return f"{name}村{dice.randrange(1, 12)}组{dice.randrange(1, 90)}号"
