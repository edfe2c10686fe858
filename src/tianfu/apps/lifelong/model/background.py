"""What a reader must know before anything else: allergies, warnings, a pregnancy, lasting problems and medicines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from tianfu.apps.lifelong.model.phases import Pregnancy
from tianfu.apps.lifelong.model.when import When
from tianfu.apps.lifelong.model.wording import Concept

WEEKS_MAX = 44
"""No pregnancy lasts longer; an open one beyond this was never closed in the record."""

LYING_IN_DAYS = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An allergy or warning for the banner."""

    type: str
    id: str
    name: Concept
    reaction: Concept
    is_grave: bool
    is_allergy: bool
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """All of it; `is_cut_off` means that the list of problems or medicines has more than is shown."""

    alerts: tuple[Alert, ...]
    problems: tuple[Lasting, ...]
    medicines: tuple[Lasting, ...]
    pregnancies: tuple[Pregnancy, ...]
    is_cut_off: bool

    @property
    def knows_allergies(self) -> bool:
        """Whether anything about allergies was ever written, be it that there are none."""
        return any(alert.is_allergy for alert in self.alerts)


def current_weeks(pregnancies: tuple[Pregnancy, ...], today: date) -> tuple[int, int] | None:
    """Whole weeks and days of a pregnancy that lasts; None if there is none."""
    for pregnancy in pregnancies:
        days = (today - pregnancy.since).days
        if pregnancy.until is None and 0 <= days <= WEEKS_MAX * 7:
            return divmod(days, 7)
    return None


def plausible(pregnancy: Pregnancy) -> Pregnancy:
    """The pregnancy with an end: an episode that nobody closed ends with its lying-in at the latest."""
    limit = pregnancy.since + timedelta(days=WEEKS_MAX * 7 + LYING_IN_DAYS)
    return pregnancy if pregnancy.until and pregnancy.until <= limit else Pregnancy(since=pregnancy.since, until=limit)
