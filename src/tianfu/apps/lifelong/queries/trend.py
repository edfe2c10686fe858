"""Screen: how one measured value moved through a life, with every value in a table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tianfu.apps.lifelong.model.trend import Trend
from tianfu.apps.lifelong.queries.measures import Measure, measures_of, read_trend
from tianfu.apps.lifelong.queries.person import KnownPerson, know_person
from tianfu.apps.lifelong.store import LifeStore
from tianfu.web.asking import Asking


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPage:
    """The person, what can be chosen, and the chosen trend; None if nothing was ever measured."""

    known: KnownPerson
    measures: tuple[Measure, ...]
    measure: Measure | None
    trend: Trend | None


async def read_trend_page(store: LifeStore, asking: Asking, patient_id: str, key: str, *, today: date) -> TrendPage:
    """The trend of the measure with that code; of the first one if there is no such measure."""
    known = await know_person(store, asking, patient_id)
    measures = measures_of(await store.measured(asking.caller, asking.purpose, known.person.ids))
    measure = next((one for one in measures if one.key == key), measures[0] if measures else None)
    trend = await read_trend(store, asking, known, measure.key, today=today) if measure else None
    return TrendPage(known=known, measures=measures, measure=measure, trend=trend)
