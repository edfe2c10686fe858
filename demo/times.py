"""Days and hours as the records write them: China's time, office hours, ages in completed months."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, time, timedelta, timezone

from demo.dice import Dice

CHINA = timezone(timedelta(hours=8))
YEAR_DAYS = 365.25


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """A moment of a day in China."""
    return datetime.combine(day, time(hour, minute), CHINA)


def office_hour(day: date, dice: Dice) -> datetime:
    """A moment between 8:30 and 16:59."""
    minutes = 8 * 60 + 30 + int(dice.random() * 509)
    return at(day, minutes // 60, minutes % 60)


def months_after(day: date, months: int) -> date:
    """The same day of the month, so many months later, or the month's last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def years_after(day: date, years: int) -> date:
    """The birthday so many years later."""
    return months_after(day, 12 * years)


def age_years(born: date, day: date) -> int:
    """Completed years on a day."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def age_months(born: date, day: date) -> int:
    """Completed months on a day."""
    return (day.year - born.year) * 12 + day.month - born.month - (day.day < born.day)


def days(number: float) -> timedelta:
    """A span of whole days."""
    return timedelta(days=int(number))


def working_day(day: date) -> date:
    """This day, or the Monday after a weekend."""
    return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)
