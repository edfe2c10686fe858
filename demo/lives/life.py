"""A life as the scripts see it: the person, the dice, today, and the charts that libraries keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from demo.dice import Dice
from demo.homes import nearest_hospital, nearest_maternity
from demo.libraries import Chart, Library
from demo.numbers import Registry
from demo.people import Household, Person
from demo.shapes.patients import write_patient
from demo.times import age_years

PUBLIC_HEALTH = "public-health"


@dataclass(slots=True, kw_only=True)
class Charts:
    """The charts of one household; `close` writes the Patient records and tells which belong together."""

    libraries: dict[str, Library]
    registry: Registry
    household: Household
    dice: Dice
    today: date
    _open: dict[tuple[str, str], Chart] = field(default_factory=dict)

    def of(self, library_key: str, person: Person) -> Chart:
        """A person's chart in a library, opened at its first use."""
        found = self._open.get((person.key, library_key))
        if found is None:
            library = self.libraries[library_key]
            found = Chart(library=library, person=person, patient=library.new_reference("Patient"), today=self.today)
            if library_key == PUBLIC_HEALTH:
                found.record_number = self.registry.record_number(person.home)
            self._open[person.key, library_key] = found
        return found

    def opened_for(self, person: Person) -> list[Chart]:
        """The charts that libraries keep of a person by now."""
        return [chart for (key, _), chart in self._open.items() if key == person.key]

    def close(self) -> list[dict[str, object]]:
        """Write the Patients; one row of truth for each person."""
        return [self._truth(person) for person in self.household.people]

    def _truth(self, person: Person) -> dict[str, object]:
        records = [
            {
                "source": chart.library.source,
                "id": chart.patient.partition("/")[2],
                "differences": write_patient(chart, self.dice, is_first=number == 0),
            }
            for number, chart in enumerate(self.opened_for(person))
        ]
        return {
            "person": person.key,
            "household": self.household.number,
            "mother": person.mother,
            "twin": bool(person.birth and person.birth.of > 1),
            "records": records,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One person's life while it is told."""

    person: Person
    household: Household
    charts: Charts
    dice: Dice
    today: date

    @property
    def until(self) -> date:
        """The last day on which something ordinary may happen: the day before death, or yesterday.

        Libraries hand over in the evening, so that nothing of today is known yet.
        """
        return min(self.person.died or self.today, self.today) - timedelta(days=1)

    @property
    def public_health(self) -> Chart:
        """The chart at the health centre."""
        return self.charts.of(PUBLIC_HEALTH, self.person)

    def hospital(self, key: str) -> Chart:
        """The chart of a hospital; whoever comes after the newborn's stay is known by name."""
        chart = self.charts.of(key, self.person)
        chart.seen_as_newborn_only = False
        return chart

    def nearest(self, day: date) -> str:
        """The hospital that the person would go to on a day: the children's hospital for children."""
        choose = nearest_maternity if age_years(self.person.born, day) < 14 else nearest_hospital
        return choose(self.person.home, self.dice)

    def holds(self, day: date) -> bool:
        """Whether the person lives on a day that is not in the future."""
        return self.person.born <= day <= self.until

    def pregnant_on(self, day: date) -> bool:
        """Whether the person expects a child on a day, as the household tells."""
        births = [child.born for child in self.household.children_of(self.person)]
        expecting = self.person.expecting_since
        if expecting and expecting <= day:
            return True
        return any(born - timedelta(days=280) <= day <= born for born in births)

    def age(self, day: date) -> int:
        """Completed years on a day."""
        return age_years(self.person.born, day)
