"""What is true now of babies, their families and cameras: everything of the record that may cut a visit short."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.mapping.codes import ALARM, CONSULTATION, VIEW, VISITS, VISITS_PAUSED
from tianfu.apps.newborn.mapping.visits import Booked, at_bed_from, id_in
from tianfu.apps.newborn.mapping.wards import (
    UNCLEAR_BED,
    Digest,
    Element,
    allows,
    bed_of,
    bed_of_camera,
    beds_of_stay,
    has_died,
    is_clear,
    is_raised,
    wristbands_of,
)
from tianfu.apps.newborn.model.binding import Known
from tianfu.apps.newborn.model.visit import OVER, State, Ward
from tianfu.apps.newborn.nurse_ports import VisitStore
from tianfu.kernel.instants import Instant
from tianfu.records.outcomes import Found
from tianfu.records.searching import SearchRequest

WHY = Purpose.TREATMENT

RECORDS_MAX = 500
"""More stays, consents or flags of one baby, or stays in one bed, cannot be looked through: that baby is not shown."""

WATCHED_TYPES = ("Patient", "Encounter", "Consent", "Flag", "RelatedPerson")
"""Whatever changes among these about a baby may cut its visit short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the record says that one visit hangs on.

    `appointment` is the state that its Appointment bears, `why` the reason there of a consultation.
    """

    known: Known
    consent_is_active: bool
    guardianship_is_clear: bool
    is_alarmed: bool
    is_paused: bool
    appointment: State | None
    why: str = ""

    @property
    def is_given_up(self) -> bool:
        """Whether the visit is over by its Appointment, or has none any more."""
        return self.appointment is None or self.appointment in OVER

    def ward(self, *, is_held: bool, camera_is_healthy: bool, nurse_heard_at: Instant, lease_until: Instant) -> Ward:
        """Everything that may cut the visit short, with what the record does not know."""
        return Ward(
            known=self.known,
            consent_is_active=self.consent_is_active,
            guardianship_is_clear=self.guardianship_is_clear,
            is_alarmed=self.is_alarmed,
            is_paused=self.is_paused,
            is_held=is_held,
            camera_is_healthy=camera_is_healthy,
            nurse_heard_at=nurse_heard_at,
            lease_until=lease_until,
        )


def named_records(visits: Iterable[Booked], cameras: Iterable[str]) -> list[tuple[str, str]]:
    """The records that are watched by their own name."""
    found = [("Device", each) for each in cameras]
    for each in visits:
        found += [("RelatedPerson", each.guardian)] if each.guardian else []
        found.append(("Appointment", each.id))
    return sorted(set(found))


def beds_in_use(facts: Iterable[Facts]) -> list[str]:
    """The beds in which the babies lie, as far as the record is clear."""
    return sorted({bed for each in facts for bed in each.known.bed_of_baby.values()} - {UNCLEAR_BED})


async def read_facts(
    store: VisitStore, visits: Sequence[Booked], cameras: Iterable[str], digest: Digest, *, now: Instant
) -> Mapping[str, Facts]:
    """The facts of each visit, by its name, read in the platform's own name and traced.

    What is not there, or not to be read, counts as not so; so does what is too much, for that baby alone.
    """
    if not visits:
        return {}
    babies = sorted({each.baby for each in visits})
    wanted = [("Patient", each) for each in babies] + named_records(visits, cameras)
    answers = await store.read_many(VISITS, WHY, wanted)
    read = {name: answer.record for name, answer in zip(wanted, answers, strict=True) if isinstance(answer, Found)}
    stays = await _about(store, "Encounter", babies, ("class", "IMP"), ("status", "in-progress"))
    consents = await _about(store, "Consent", babies, ("status", "active"))
    flags = await _about(store, "Flag", babies)
    beds = await _beds(store, stays)
    known = Known(
        baby_of_wristband={
            band: baby
            for baby in babies
            if ("Patient", baby) in read
            for band in wristbands_of(read["Patient", baby].value, digest, now=now)
        },
        bed_of_baby=beds,
        bed_of_camera={
            name: bed
            for (kind, name), record in read.items()
            if kind == "Device" and (bed := bed_of_camera(record.value)) is not None
        },
        died=frozenset(name for (kind, name), record in read.items() if kind == "Patient" and has_died(record.value)),
    )
    booked = {
        name: at_bed_from(record.value, version=0) for (kind, name), record in read.items() if kind == "Appointment"
    }
    return {
        each.id: Facts(
            known=known,
            consent_is_active=not each.needs_consent
            or allows(consents[each.baby] or (), each.guardian, CONSULTATION if each.is_consultation else VIEW),
            guardianship_is_clear=not each.needs_consent
            or (
                ("RelatedPerson", each.guardian) in read
                # Of too many flags nobody knows whether one says so: that ends no visit, but draws its curtain (below).
                and is_clear(read["RelatedPerson", each.guardian].value, each.baby, flags[each.baby] or (), now=now)
            ),
            # An expert is asked because the baby is ill: neither an alarm nor its rest from visits keeps him out.
            is_alarmed=(flags[each.baby] is None and each.needs_consent)
            or (not each.is_consultation and _is_raised(flags[each.baby], ALARM)),
            is_paused=not each.is_consultation and _is_raised(flags[each.baby], VISITS_PAUSED),
            appointment=None if (said := booked.get(each.id)) is None else said.state,
            why=said.reason if said is not None and said.is_consultation else "",
        )
        for each in visits
    }


def _is_raised(flags: Sequence[Element] | None, what: str) -> bool:
    """Whether a flag says so of a baby; of one with too many to look through it may be so."""
    return flags is None or any(is_raised(each, what) for each in flags)


async def _beds(store: VisitStore, stays: Mapping[str, list[Element] | None]) -> dict[str, str]:
    """The bed of each baby with an open stay; unclear where somebody else lies by the record, visit or not."""
    beds = {
        baby: bed for baby, said in stays.items() if (bed := UNCLEAR_BED if said is None else bed_of(said)) is not None
    }
    in_use = sorted(set(beds.values()) - {UNCLEAR_BED})
    lying = await _by(store, "Encounter", "location", "Location", in_use, ("status", "in-progress"))
    for baby, bed in beds.items():
        said = lying.get(bed)
        if said is None or any(id_in(each.get("subject"), "Patient") != baby for each in said):
            beds[baby] = UNCLEAR_BED
    return beds


async def _about(
    store: VisitStore, kind: str, babies: Sequence[str], *parameters: tuple[str, str]
) -> dict[str, list[Element] | None]:
    """The records of a type about each of these babies; None for a baby with too many."""
    return await _by(store, kind, "patient", "Patient", babies, *parameters)


async def _by(
    store: VisitStore, kind: str, name: str, target: str, ids: Sequence[str], *parameters: tuple[str, str]
) -> dict[str, list[Element] | None]:
    """The records of a type that refer to each of these; asked together, and one by one if that is too much."""
    found: dict[str, list[Element] | None] = {each: [] for each in ids}
    if not ids:
        return found
    references = ",".join(f"{target}/{each}" for each in ids)
    asked = SearchRequest(type=kind, parameters=((name, references), *parameters, ("_count", str(RECORDS_MAX))))
    page = await store.search(VISITS, WHY, asked)
    if page.next_cursor is not None:
        if len(ids) == 1:
            return {ids[0]: None}
        for each in ids:
            found |= await _by(store, kind, name, target, [each], *parameters)
        return found
    for record in page.records:
        for each in _referred(record.value, target):
            if (kept := found.get(each)) is not None:
                kept.append(record.value)
    return found


def _referred(record: Element, target: str) -> set[str]:
    """Whom a record is about, or in which beds somebody lies now."""
    if target == "Location":
        return beds_of_stay(record)
    return {id_in(record.get(member), "Patient") for member in ("subject", "patient")}
