"""Screen: a whole life on one page."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tianfu.apps.lifelong.mapping.elements import decoded
from tianfu.apps.lifelong.mapping.timeline import entry_of
from tianfu.apps.lifelong.model.entries import Entry
from tianfu.apps.lifelong.model.filters import Count, Filter, by_kind, by_patient, read_filter
from tianfu.apps.lifelong.model.kinds import Kind
from tianfu.apps.lifelong.model.people import Person
from tianfu.apps.lifelong.model.phases import Phase, PhaseSort, birthday, phase_on, phases_of
from tianfu.apps.lifelong.model.trend import Trend
from tianfu.apps.lifelong.queries.before_birth import BeforeBirth, read_before_birth
from tianfu.apps.lifelong.queries.measures import Measure, measures_of, read_trend
from tianfu.apps.lifelong.queries.names import named_entries
from tianfu.apps.lifelong.queries.person import KnownPerson, know_person
from tianfu.apps.lifelong.speech import Speech
from tianfu.apps.lifelong.store import LifeStore
from tianfu.kernel.instants import china_date, day_start, days_later
from tianfu.kernel.refusal import Refusal
from tianfu.records.timeline import Slice, TimelineEntry, TimelinePage
from tianfu.web.asking import Asking
from tianfu.web.drawing.life_strip import Stretch, StripPlan, plan_strip
from tianfu.web.drawing.text import text_width

ENTRIES_PER_PAGE = 120
"""So many records are read for one page; the page ends with a whole day."""

DAY_RECORDS_MAX = 1_000
"""A day with more records than a page is read whole, up to so many."""

PHASE_WEIGHTS = {
    "before-birth": 0.5,
    "infancy": 1.0,
    "school": 1.0,
    "young": 1.5,
    "pregnancy": 1.3,
    "middle": 1.4,
    "older": 1.4,
}
LABEL_AIR = 3
AGE_SHOWN_MAX = 100
DAYS_SHOWN_AHEAD = 3 * 365
WIDTHS = {"clinician": 1000, "citizen": 360}


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseGroup:
    """Entries that lie in one phase; None for those without a date or outside all phases."""

    phase: Phase | None
    entries: tuple[Entry, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """Everything the page shows."""

    known: KnownPerson
    phases: tuple[Phase, ...]
    strip: StripPlan
    counts: tuple[Count, ...]
    filter: Filter
    groups: tuple[PhaseGroup, ...]
    shown: int
    wanted: int
    next_before: date | None
    begins: date | None
    measures: tuple[Measure, ...]
    measure: Measure | None
    trend: Trend | None
    mother: BeforeBirth | None

    @property
    def total(self) -> int:
        """How many records there are at all."""
        return sum(count.count for count in self.counts)

    @property
    def chosen_phase(self) -> Phase | None:
        """The phase that the reader wants to see alone; None for the whole life."""
        return next((phase for phase in self.phases if phase.id == self.filter.phase), None)

    @property
    def chosen_total(self) -> int:
        """How many records of the kinds and libraries chosen there are in the whole life."""
        return sum(count.count for count in self.counts if self.filter.shows(count))

    def phase_counts(self) -> dict[str, int]:
        """How many records of the kinds and libraries chosen lie in each phase."""
        edges = self.strip.edges
        totals = dict.fromkeys((phase.id for phase in self.phases), 0)
        for count in self.counts:
            phase = phase_on(self.phases, edges[count.stretch - 1]) if 0 < count.stretch <= len(edges) else None
            if phase and self.filter.shows(count):
                totals[phase.id] += count.count
        return totals

    def kind_counts(self) -> list[tuple[Kind, int]]:
        """Every kind that this person has records of, with their number."""
        totals = by_kind(self.counts)
        return [(kind, totals[kind]) for kind in Kind if totals[kind]]

    def source_counts(self) -> dict[str, int]:
        """How many records each library has; a record file that nothing was ever written about has none."""
        return {**dict.fromkeys(self.known.person.ids, 0), **by_patient(self.counts)}

    def bars(self) -> dict[date, int]:
        """How many records lie between each edge of the strip and the next, of the kinds and libraries chosen."""
        edges = self.strip.edges
        bars: dict[date, int] = {}
        for count in self.counts:
            if 0 < count.stretch <= len(edges) and self.filter.shows(count):
                edge = edges[count.stretch - 1]
                bars[edge] = bars.get(edge, 0) + count.count
        return bars


async def read_life(store: LifeStore, asking: Asking, patient_id: str, *, today: date) -> Life:
    """A life as this reader asked to see it."""
    known = await know_person(store, asking, patient_id)
    phases = life_phases(known, today)
    stretches = _stretches(phases, today, Speech(asking.language))
    strip = plan_strip(stretches, today=today, width=WIDTHS[asking.look.density])
    counts, measures = await _overview(store, asking, known.person, strip)
    query = dict(asking.query)
    chosen = read_filter(asking.query, known.person.ids, [phase.id for phase in phases])
    measure = next((one for one in measures if one.key == query.get("measure")), measures[0] if measures else None)
    phase = next((one for one in phases if one.id == chosen.phase), None)
    begins = _date(query.get("before"))
    page, trend = await asyncio.gather(
        _page(store, asking, counts, chosen, phase, begins),
        _trend(store, asking, known, measure, phase, today),
    )
    records, next_before = whole_days(page)
    wished = [entry for entry in map(_entry, records) if entry.kind in chosen.kinds]
    entries = await named_entries(store, asking, wished)
    is_last = next_before is None and chosen.phase in ("", PhaseSort.BEFORE_BIRTH)
    return Life(
        known=known,
        phases=phases,
        strip=strip,
        counts=counts,
        filter=chosen,
        groups=_grouped(entries, phases),
        shown=len(wished),
        wanted=wanted_count(counts, chosen, phase, strip.edges),
        next_before=next_before,
        begins=begins,
        measures=measures,
        measure=measure,
        trend=trend,
        mother=await read_before_birth(store, asking, known.person, chosen) if is_last else None,
    )


async def _overview(
    store: LifeStore, asking: Asking, person: Person, strip: StripPlan
) -> tuple[tuple[Count, ...], tuple[Measure, ...]]:
    """How much there is of everything, and what was ever measured."""
    edges = [day_start(edge) for edge in strip.edges]
    rows, measured = await asyncio.gather(
        store.census(asking.caller, asking.purpose, person.ids, edges=edges),
        store.measured(asking.caller, asking.purpose, person.ids),
    )
    counts = tuple(
        Count(patient=row.patient, type=row.type, category=row.category or "", stretch=row.stretch, count=row.count)
        for row in rows
    )
    return counts, measures_of(measured)


def life_phases(known: KnownPerson, today: date) -> tuple[Phase, ...]:
    """The phases of a person; none without a birth date."""
    born = known.person.born
    if born is None:
        return ()
    return phases_of(born, until=known.person.lived_until(today), pregnancies=known.background.pregnancies, today=today)


def _stretches(phases: Sequence[Phase], today: date, speech: Speech) -> list[Stretch]:
    """Phases as the strip takes them; a life without a birth date is one stretch of a hundred years."""
    if not phases:
        starts = today.replace(year=today.year - 100, day=1)
        return [Stretch(id="", colour=0, weight=1, starts=starts, ends=days_later(today, 1))]
    return [
        Stretch(
            id=phase.id,
            colour=phase.colour,
            weight=PHASE_WEIGHTS[phase.sort],
            starts=phase.starts,
            ends=_shown_end(phase, today),
            width_min=text_width(speech.phase_short(phase)) + LABEL_AIR,
        )
        for phase in phases
    ]


def _shown_end(phase: Phase, today: date) -> date:
    """Old age is drawn to a hundred, or some years beyond today for those who are older."""
    if phase.sort is not PhaseSort.OLDER:
        return phase.ends
    hundred = birthday(phase.starts, AGE_SHOWN_MAX - phase.age_from)
    return min(phase.ends, max(hundred, days_later(today, DAYS_SHOWN_AHEAD)))


def wanted_count(counts: Sequence[Count], chosen: Filter, phase: Phase | None, edges: Sequence[date]) -> int:
    """How many records the filter lets through."""
    return sum(
        count.count for count in counts if chosen.shows(count) and (phase is None or _lies_in(count, phase, edges))
    )


def _lies_in(count: Count, phase: Phase, edges: Sequence[date]) -> bool:
    return 0 < count.stretch <= len(edges) and phase.covers(edges[count.stretch - 1])


async def _page(
    store: LifeStore,
    asking: Asking,
    counts: Sequence[Count],
    chosen: Filter,
    phase: Phase | None,
    before: date | None,
) -> TimelinePage:
    sorts = {(count.type, count.category) for count in counts if count.kind in chosen.kinds}
    slices = [Slice(type=type_, category=category or None) for type_, category in sorted(sorts)]
    if not slices or not chosen.patients:
        return TimelinePage(entries=(), is_cut_off=False)
    ends = min(day for day in (before, phase.ends if phase else None, date.max) if day)

    async def read(limit: int) -> TimelinePage:
        return await store.timeline(
            asking.caller,
            asking.purpose,
            sorted(chosen.patients),
            slices=slices,
            after=day_start(phase.starts) if phase else None,
            before=day_start(ends) if ends < date.max else None,
            limit=limit,
        )

    page = await read(ENTRIES_PER_PAGE)
    if page.is_cut_off and len({_day(one) for one in page.entries}) == 1:
        page = await read(DAY_RECORDS_MAX)
    return page


async def _trend(
    store: LifeStore, asking: Asking, known: KnownPerson, measure: Measure | None, phase: Phase | None, today: date
) -> Trend | None:
    if measure is None:
        return None
    return await read_trend(store, asking, known, measure.key, today=today, phase=phase)


def whole_days(page: TimelinePage) -> tuple[tuple[TimelineEntry, ...], date | None]:
    """The records up to the end of a day, and the day before which the next page goes on.

    Refuses when a single day has more than `DAY_RECORDS_MAX` records: none may vanish between two pages.
    """
    if not page.is_cut_off:
        return page.entries, None
    days = [_day(one) for one in page.entries]
    last = days[-1]
    kept = tuple(one for one, day in zip(page.entries, days, strict=True) if day != last)
    if not kept:
        raise Refusal("day-too-full", next_step="narrow-filter")
    if last is None:
        # The undated come last and all together: on a page of their own, before the last day that was shown.
        return kept, days[len(kept) - 1]
    return kept, days_later(last, 1)


def _day(one: TimelineEntry) -> date | None:
    return china_date(one.low) if one.low is not None else None


def _entry(one: TimelineEntry) -> Entry:
    return entry_of(decoded(one.record.text), patient=one.patient)


def _grouped(entries: Sequence[Entry], phases: Sequence[Phase]) -> tuple[PhaseGroup, ...]:
    """Entries by phase, in the order of the list: newest phase first, undated last."""
    groups: list[tuple[Phase | None, list[Entry]]] = []
    for entry in entries:
        phase = phase_on(phases, entry.day) if entry.day else None
        if not groups or groups[-1][0] != phase:
            groups.append((phase, []))
        groups[-1][1].append(entry)
    return tuple(
        PhaseGroup(phase=phase, entries=tuple(group), count=sum(1 + entry.folded for entry in group))
        for phase, group in groups
    )


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
