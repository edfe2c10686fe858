"""What a reader must know before anything else: allergies, warnings, a pregnancy, lasting problems and medicines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from tianfu.apps.lifelong.model.phases import Pregnancy
from tianfu.apps.lifelong.model.when import When
from tianfu.apps.lifelong.model.wording import Concept

WEEKS_MAX = 44
"""No pregnancy lasts longer; an open one beyond this was never closed in the record."""

LYING_IN_DAYS = 42
DAYS_TO_TERM = 280
LATE_BOOKING_DAYS = 42
"""An episode that opened so long before the last period may still be that pregnancy's: dates are corrected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An allergy or warning for the banner."""

    type: str
    id: str
    name: Concept
    reaction: Concept
    is_grave: bool
    is_allergy: bool
    doubt: str = ""
    """How it is limited (`unconfirmed`); empty if it is certain."""

    says_none: bool = False
    """An entry that says that no allergy is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """A problem or medicine that goes on."""

    type: str
    id: str
    name: Concept
    since: When | None
    detail: Concept
    patient: str
    doubt: str = ""
    """How it is limited (`provisional`); empty if it is certain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """All of it; `is_cut_off` means that the list of problems or medicines has more than is shown."""

    alerts: tuple[Alert, ...]
    problems: tuple[Lasting, ...]
    medicines: tuple[Lasting, ...]
    pregnancies: tuple[Pregnancy, ...]
    first_days: tuple[date, ...] = ()
    """First days of last periods, told as such or counted back from a due date."""

    blood_groups: tuple[str, ...] = ()
    rhesus: tuple[str, ...] = ()
    is_cut_off: bool

    @property
    def blood_group(self) -> str:
        """The blood group, if every record tells the same."""
        return f"{agreed(self.blood_groups)} {agreed(self.rhesus)}".strip() if agreed(self.blood_groups) else ""

    @property
    def blood_groups_differ(self) -> bool:
        """Whether records contradict each other about the blood group."""
        return len(set(self.blood_groups)) > 1 or len(set(self.rhesus)) > 1

    @property
    def knows_allergies(self) -> bool:
        """Whether anything about allergies was ever written, be it that there are none."""
        return any(alert.is_allergy for alert in self.alerts)


def current_weeks(
    pregnancies: tuple[Pregnancy, ...], first_days: tuple[date, ...], today: date
) -> tuple[int, int] | None:
    """Whole weeks and days of a pregnancy that lasts, counted from the first day of the last period.

    `first_days` are the days told by records; without one that fits, nothing is said: a booking visit or the
    start of an episode is not the start of a pregnancy.
    """
    if not any(pregnancy.until is None for pregnancy in pregnancies):
        return None
    fitting = [day for day in first_days if 0 <= (today - day).days <= WEEKS_MAX * 7]
    return divmod((today - max(fitting)).days, 7) if fitting else None


def with_due_date(pregnancy: Pregnancy, first_days: Iterable[date]) -> Pregnancy:
    """The pregnancy with the day when it is due, if a first day of a last period told by a record fits it."""
    fitting = [day for day in first_days if -LATE_BOOKING_DAYS <= (pregnancy.since - day).days <= WEEKS_MAX * 7]
    return replace(pregnancy, due=max(fitting) + timedelta(days=DAYS_TO_TERM)) if fitting else pregnancy


def agreed(answers: tuple[str, ...]) -> str:
    """What all records say; empty if there is none or they differ."""
    said = {answer for answer in answers if answer}
    return said.pop() if len(said) == 1 else ""


def plausible(pregnancy: Pregnancy) -> Pregnancy:
    """The pregnancy with an end: an episode that nobody closed ends with its lying-in at the latest."""
    limit = pregnancy.since + timedelta(days=WEEKS_MAX * 7 + LYING_IN_DAYS)
    return pregnancy if pregnancy.until and pregnancy.until <= limit else Pregnancy(since=pregnancy.since, until=limit)
