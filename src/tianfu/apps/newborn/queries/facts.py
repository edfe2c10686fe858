"""What is true now of babies, their families and cameras: everything of the record that may cut a visit short."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.mapping.codes import VIEW, VISITS
from tianfu.apps.newborn.mapping.visits import Booked, booked_from, id_in
from tianfu.apps.newborn.mapping.wards import Digest, Element, allows, bed_of, bed_of_camera, is_clear, wristbands_of
from tianfu.apps.newborn.model.binding import Known
from tianfu.apps.newborn.model.visit import State, Ward
from tianfu.apps.newborn.nurse_ports import VisitStore
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found
from tianfu.records.searching import SearchRequest

WHY = Purpose.TREATMENT

RECORDS_MAX = 500
"""More stays, consents or flags of all babies at the bed than this cannot be looked through: nothing is shown."""

WATCHED_TYPES = ("Patient", "Encounter", "Consent", "Flag", "RelatedPerson")
"""Whatever changes among these about a baby may cut its visit short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the record says that one visit hangs on; `appointment` is the state that its Appointment bears."""

    known: Known
    consent_is_active: bool
    guardianship_is_clear: bool
    appointment: State | None

    def ward(self, *, is_held: bool, camera_is_healthy: bool, nurse_heard_at: Instant, lease_until: Instant) -> Ward:
        """Everything that may cut the visit short, with what the record does not know."""
        return Ward(
            known=self.known,
            consent_is_active=self.consent_is_active,
            guardianship_is_clear=self.guardianship_is_clear,
            is_held=is_held,
            camera_is_healthy=camera_is_healthy,
            nurse_heard_at=nurse_heard_at,
            lease_until=lease_until,
        )


def named_records(visits: Iterable[Booked], cameras: Iterable[str]) -> list[tuple[str, str]]:
    """The records that are watched by their own name."""
    found = [("Device", each) for each in cameras]
    for each in visits:
        found += [("RelatedPerson", each.guardian), ("Appointment", each.id)]
    return sorted(set(found))


async def read_facts(
    store: VisitStore, visits: Sequence[Booked], cameras: Iterable[str], digest: Digest, *, now: Instant
) -> Mapping[str, Facts]:
    """The facts of each visit, by its name, read in the platform's own name and traced.

    What is not there, or not to be read, counts as not so.  Raises Refusal `too-much-at-the-bed` if not all could be
    read.
    """
    if not visits:
        return {}
    babies = sorted({each.baby for each in visits})
    wanted = [("Patient", each) for each in babies] + named_records(visits, cameras)
    answers = await store.read_many(VISITS, WHY, wanted)
    read = {name: answer.record for name, answer in zip(wanted, answers, strict=True) if isinstance(answer, Found)}
    stays = await _about(store, "Encounter", "subject", babies, ("class", "IMP"), ("status", "in-progress"))
    consents = await _about(store, "Consent", "patient", babies, ("status", "active"))
    flags = await _about(store, "Flag", "subject", babies)
    known = Known(
        baby_of_wristband={
            band: baby
            for baby in babies
            if ("Patient", baby) in read
            for band in wristbands_of(read["Patient", baby].value, digest)
        },
        bed_of_baby={baby: bed for baby in babies if (bed := bed_of(stays[baby])) is not None},
        bed_of_camera={
            name: bed
            for (kind, name), record in read.items()
            if kind == "Device" and (bed := bed_of_camera(record.value)) is not None
        },
    )
    return {
        each.id: Facts(
            known=known,
            consent_is_active=allows(consents[each.baby], each.guardian, VIEW),
            guardianship_is_clear=("RelatedPerson", each.guardian) in read
            and is_clear(read["RelatedPerson", each.guardian].value, each.baby, flags[each.baby], now=now),
            appointment=booked.state
            if ("Appointment", each.id) in read
            and (booked := booked_from(read["Appointment", each.id].value, version=0)) is not None
            else None,
        )
        for each in visits
    }


async def _about(
    store: VisitStore, kind: str, member: str, babies: Sequence[str], *parameters: tuple[str, str]
) -> Mapping[str, list[Element]]:
    """The records of a type about these babies."""
    patients = ",".join(f"Patient/{each}" for each in babies)
    asked = SearchRequest(type=kind, parameters=(("patient", patients), *parameters, ("_count", str(RECORDS_MAX))))
    page = await store.search(VISITS, WHY, asked)
    if page.next_cursor is not None:
        raise Refusal("too-much-at-the-bed", next_step="tell-the-operator", details={"type": kind})
    found: defaultdict[str, list[Element]] = defaultdict(list)
    for record in page.records:
        found[id_in(record.value.get(member), "Patient")].append(record.value)
    return found
