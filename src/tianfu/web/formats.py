"""Dates, ages and numbers as a person of each language reads them.  Rules: design language, section 10."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tianfu.kernel.instants import CHINA_OFFSET, SECOND, Instant, china_date
from tianfu.web.languages import Language

THIN_SPACE = "\u202f"
MONTHS_OF_INFANCY = 24


@dataclass(frozen=True, slots=True)
class Formats:
    """Writes values in one language; every pattern lies in the catalogue."""

    language: Language

    def day(self, day: date) -> str:
        """A whole date: 2026年11月23日; 23 November 2026."""
        return self._pattern("format.date", day)

    def date_and_weekday(self, day: date) -> str:
        """A whole date with its weekday."""
        return self._pattern("format.date-and-weekday", day)

    def day_of_year(self, day: date) -> str:
        """A date without its year, for lists that name the year elsewhere: 11月23日; 23 Nov."""
        return self._pattern("format.day-of-year", day)

    def month(self, day: date) -> str:
        """A month with its year: 2026年11月; November 2026."""
        return self._pattern("format.month", day)

    def month_short(self, day: date) -> str:
        """A month with its year where there is little room."""
        return self._pattern("format.month-short", day)

    def year(self, day: date) -> str:
        """A year: 2026年; 2026."""
        return self._pattern("format.year", day)

    def weekday(self, day: date) -> str:
        """The name of the weekday."""
        return self.language.say(f"weekday.{day.isoweekday()}")

    def weekday_short(self, day: date) -> str:
        """The name of the weekday where there is little room: 周六; Sat."""
        return self.language.say(f"weekday-short.{day.isoweekday()}")

    def moment(self, instant: Instant) -> str:
        """A date and a 24-hour time in China."""
        return f"{self.day(china_date(instant))} {self.time(instant)}"

    def time(self, instant: Instant) -> str:
        """A 24-hour time in China: 09:30."""
        minutes = (instant + CHINA_OFFSET) // (60 * SECOND)
        return f"{minutes // 60 % 24:02}:{minutes % 60:02}"

    def second(self, instant: Instant) -> str:
        """A 24-hour time in China with its seconds: 09:30:05."""
        return f"{self.time(instant)}:{(instant + CHINA_OFFSET) // SECOND % 60:02}"

    def age(self, born: date, on: date) -> str:
        """An age in whole years; in months under two years, in days under one month."""
        months = months_between(born, on)
        if months >= MONTHS_OF_INFANCY:
            return self.language.say("format.age-years", count=months // 12)
        if months >= 1:
            return self.language.say("format.age-months", count=months)
        return self.language.say("format.age-days", count=max(0, (on - born).days))

    def number(self, value: Decimal | int | str) -> str:
        """A number with thin spaces between thousands from 1 000 on; its decimals are kept."""
        text = f"{value:f}" if isinstance(value, Decimal) else f"{value}"
        whole, point, decimals = text.partition(".")
        digits = whole.lstrip("-")
        if not digits.isdigit() or len(digits) <= 3:
            return text
        return f"{int(whole):,}".replace(",", THIN_SPACE) + point + decimals

    def _pattern(self, key: str, day: date) -> str:
        return self.language.say(
            key,
            year=day.year,
            month=day.month,
            day=day.day,
            month_name=self.language.say(f"month.{day.month}"),
            month_short=self.language.say(f"month-short.{day.month}"),
            weekday=self.weekday(day),
        )


def months_between(earlier: date, later: date) -> int:
    """Whole months from one day to another."""
    months = (later.year - earlier.year) * 12 + later.month - earlier.month
    return months - (1 if later.day < earlier.day else 0)
