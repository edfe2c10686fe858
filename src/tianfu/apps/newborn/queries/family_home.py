"""What a family sees first: its babies, the next visit, and the one thing that is missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.consents import Given, given_of
from tianfu.apps.newborn.mapping.consultations import is_agreement
from tianfu.apps.newborn.mapping.guardians import Guardian, guardian_of, name_of
from tianfu.apps.newborn.mapping.halts import pause_in
from tianfu.apps.newborn.mapping.visits import Booked, Element, booked_from, id_in
from tianfu.apps.newborn.mapping.wards import has_died, is_clear
from tianfu.apps.newborn.model.booking import KeptBack, Step, is_cancellable, next_step
from tianfu.apps.newborn.model.consent import Scope
from tianfu.apps.newborn.model.guardians import UNCONFIRMED_DAYS
from tianfu.apps.newborn.model.visit import OVER
from tianfu.apps.newborn.model.windows import policy_on
from tianfu.apps.newborn.ports import Nursery, RecordStore
from tianfu.apps.newborn.queries.consultations import Consultation, about_baby
from tianfu.apps.newborn.queries.free_slots import read_policies
from tianfu.apps.newborn.queries.records import (
    FAMILY,
    PLATFORM,
    found_all,
    not_found,
    read_all,
    wards_of_stays,
)
from tianfu.apps.newborn.queries.staying import left_dead
from tianfu.apps.newborn.queries.waiting import kept_back
from tianfu.kernel.instants import DAY, Instant, china_date, range_of
from tianfu.records.outcomes import Record
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.booking.claims import Claim, Invitation
from tianfu.services.booking.interpreters import Interpreting
from tianfu.services.booking.places import Waiting

SMALL_DAYS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Baby:
    """A baby of the reader's; `ward` is empty when it is not in intensive care (any more).

    `asks_ward`: no visit of it can take place any more, and the ward says why; then there is none to book or to see.

    `kept_back` tells of each wish, by its id, why its family does not move up.  `agreed` is what stands of what
    the reader agreed to, as this guardian or under another RelatedPerson of his.  `agrees_to_experts`: that experts
    from elsewhere are asked, by a consent of its own.  `others` are the names of the baby's other guardians by their
    RelatedPerson: what one of them booked, or waits for, he gives up himself.
    """

    id: str
    name: str
    order: int
    guardian: Guardian
    ward: str
    bed: str
    consent: Given | None
    visits: tuple[Booked, ...]
    waiting: tuple[Waiting, ...]
    is_small: bool
    asks_ward: bool
    kept_back: Mapping[str, KeptBack | None] = field(default_factory=dict)
    agrees_to_experts: bool = False
    agreed: frozenset[Scope] = frozenset()
    others: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_agreed(self) -> bool:
        """Whether the reader agreed to anything that stands; it can be taken back wherever the baby is."""
        return bool(self.agreed)

    @property
    def may_be_seen(self) -> bool:
        """Whether this guardian agreed to the text of today that the baby is seen."""
        return self.consent is not None and self.consent.lets_begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """An invitation for the reader; `visits` are those that he may look at, none before he agreed."""

    invitation: Invitation
    from_name: str
    baby_name: str
    visits: tuple[Booked, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedToInterpret:
    """That the reader is asked to interpret, by whom, and when the visit begins."""

    interpreting: Interpreting
    from_name: str
    visit: Booked | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the reader asked: it waits for the ward, or came to nothing.

    Whether the ward said no or nobody saw it is told alike, at the same time, and no more: a claim that fits nobody is
    like any other.
    """

    claim: Claim
    waits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The family's first page; `consultations` are those about each of its babies in the ward, by the baby's id.

    `resting` are the babies that a doctor lets have no visits for now, `too_late` the visits that the ward alone can
    still cancel.
    """

    babies: tuple[Baby, ...]
    asked: tuple[Asked, ...]
    invited: tuple[Invited, ...]
    interpreting: tuple[AskedToInterpret, ...]
    step: Step
    consultations: Mapping[str, tuple[Consultation, ...]] = field(default_factory=dict)
    resting: frozenset[str] = frozenset()
    too_late: frozenset[str] = frozenset()


async def read_home(nursery: Nursery, signed_in: SignedIn) -> Home:
    """What the page shows to whoever signed in."""
    now = nursery.clock()
    babies = await read_babies(nursery, signed_in.caller)
    asked = _asked(await nursery.claims.of_account(signed_in.account.id), babies, now)
    here = [each for each in babies if each.ward]
    step = next_step(
        is_named=signed_in.account.name_stands,
        is_guardian=bool(here),
        is_waiting=any(each.waits for each in asked),
        has_consent=bool(here) and all(each.may_be_seen for each in here),
        has_visit=any(each.visits for each in here),
    )
    return Home(
        babies=babies,
        asked=asked,
        invited=await _invited(nursery, signed_in),
        interpreting=await _interpreting(nursery, signed_in),
        step=step,
        consultations={each.id: await about_baby(nursery, each.id) for each in here},
        resting=frozenset({each.id for each in here if await _rests(nursery, each.id)}),
        too_late=frozenset([one for each in here for one in await _too_late(nursery, each, now)]),
    )


async def _too_late(nursery: Nursery, baby: Baby, now: Instant) -> tuple[str, ...]:
    """The visits of a baby whose family can no longer cancel them itself."""
    policies = await read_policies(nursery, baby.ward) if baby.visits else ()
    found = [(each, policy_on(policies, china_date(each.start))) for each in baby.visits]
    return tuple(
        visit.id
        for visit, policy in found
        if policy is not None and not is_cancellable(visit.start, policy=policy, now=now)
    )


def _asked(claims: Sequence[Claim], babies: Sequence[Baby], now: Instant) -> tuple[Asked, ...]:
    """What waits, and for some days what came to nothing; none of it where a baby of the reader's asks the ward."""
    if any(each.asks_ward for each in babies):
        return ()
    told_until = UNCONFIRMED_DAYS * DAY
    open_ = [each for each in claims if each.answer in {None, "declined"}]
    return tuple(Asked(claim=each, waits=each.until > now) for each in open_ if each.until + told_until > now)


async def _rests(nursery: Nursery, baby: str) -> bool:
    """Whether a doctor paused a baby's visits; her words for the ward are closed to the family."""
    flags = await found_all(nursery.store, VISITS, PLATFORM, "Flag", patient=f"Patient/{baby}")
    return pause_in([each.value for each in flags]) is not None


async def read_babies(nursery: Nursery, caller: Caller) -> tuple[Baby, ...]:
    """The babies whose guardian the reader is, each once, elder twins first; read in his own name."""
    store, now = nursery.store, nursery.clock()
    guardians = await _guardians(store, caller, now)
    if not guardians:
        return ()
    mine = ",".join(f"Patient/{each}" for each in guardians)
    patients = await read_all(store, caller, FAMILY, [("Patient", each) for each in guardians])
    stays = await found_all(store, caller, FAMILY, "Encounter", patient=mine, status="in-progress")
    wards = await wards_of_stays(store, caller, FAMILY, [each.value for each in stays if _is_stay(each.value)])
    consents, agreements = await _consents(store, caller, mine)
    babies = []
    for baby, guardian in guardians.items():
        if ("Patient", baby) not in patients:
            continue
        patient = patients["Patient", baby].value
        asks_ward = has_died(patient) or (baby not in wards and await left_dead(store, baby))
        ward, bed = ("", "") if asks_ward else wards.get(baby, ("", ""))
        waiting = await nursery.places.waiting(baby)
        visits = await _visits(nursery, caller, FAMILY, baby)
        of_visits = [consents[each, baby] for each in caller.related if (each, baby) in consents]
        babies.append(
            Baby(
                id=baby,
                name=name_of(patient),
                order=int(patient.get("multipleBirthInteger", 0)),
                guardian=guardian,
                ward=ward,
                bed=bed,
                consent=consents.get((guardian.id, baby)),
                visits=visits,
                waiting=waiting,
                is_small=_is_small(patient, now),
                asks_ward=asks_ward,
                kept_back=await kept_back(nursery, waiting),
                agrees_to_experts=any((each, baby) in agreements for each in caller.related),
                agreed=frozenset(one for each in of_visits for one in each.scopes),
                others=await _others(store, caller, {*(e.guardian for e in visits), *(e.related for e in waiting)}),
            )
        )
    return tuple(sorted(babies, key=lambda each: (not each.ward, each.order, each.id)))


async def _others(store: RecordStore, caller: Caller, guardians: set[str]) -> dict[str, str]:
    """The names of those of these guardians who are not the reader; empty where he may not read one."""
    wanted = [("RelatedPerson", each) for each in sorted(guardians - set(caller.related))]
    found = await read_all(store, caller, FAMILY, wanted) if wanted else {}
    return {each[1]: name_of(found[each].value) if each in found else "" for each in wanted}


async def own_baby(nursery: Nursery, caller: Caller, baby: str) -> Baby:
    """One of them, wherever it is, and also after its death; raises Refusal `not-found` for anybody else's."""
    found = [each for each in await read_babies(nursery, caller) if each.id == baby]
    if not found:
        raise not_found()
    return found[0]


async def my_baby(nursery: Nursery, caller: Caller, baby: str) -> Baby:
    """One of them that is in a ward; raises Refusal `not-found` for anybody else's."""
    mine = await own_baby(nursery, caller, baby)
    if not mine.ward:
        raise not_found()
    return mine


async def consent_records(
    store: RecordStore, caller: Caller, guardians: Collection[str], baby: str
) -> tuple[Record, ...]:
    """Consents of these guardians to visits: those in force, then those taken back."""
    return consents_by(guardians, await found_all(store, caller, FAMILY, "Consent", patient=f"Patient/{baby}"))


def consents_by(guardians: Collection[str], records: Iterable[Record]) -> tuple[Record, ...]:
    """Of these records, these guardians' consents to visits: those in force, then those taken back."""
    read = [(each, given_of(each.value, version=each.version)) for each in records]
    theirs = [each for each, given in read if given is not None and given.guardian in guardians]
    return tuple(sorted(theirs, key=lambda each: (each.value.get("status") != "active", each.id)))


async def _guardians(store: RecordStore, caller: Caller, now: Instant) -> dict[str, Guardian]:
    people = await read_all(store, caller, FAMILY, [("RelatedPerson", each) for each in caller.related])
    read = [guardian_of(each.value, now=now) for each in people.values()]
    return {each.baby: each for each in read if each is not None}


async def _consents(
    store: RecordStore, caller: Caller, mine: str
) -> tuple[Mapping[tuple[str, str], Given], Collection[tuple[str, str]]]:
    """What guardians said of visits, and which of them agree that experts are asked; by guardian and baby."""
    records = await found_all(store, caller, FAMILY, "Consent", patient=mine)
    read = [given_of(each.value, version=each.version) for each in records]
    # Of several the one in force counts.
    given = sorted((each for each in read if each is not None), key=lambda each: bool(each.scopes))
    agreements = {
        (id_in(one, "RelatedPerson"), id_in(each.value.get("patient"), "Patient"))
        for each in records
        if is_agreement(each.value) and each.value.get("status") == "active"
        for one in each.value.get("performer", ())
    }
    return {(each.guardian, each.baby): each for each in given}, agreements


async def _visits(nursery: Nursery, caller: Caller, why: Purpose, baby: str) -> tuple[Booked, ...]:
    places = await nursery.places.of_baby(baby)
    found = await read_all(nursery.store, caller, why, [("Appointment", each.id) for each in places])
    read = [booked_from(each.value, version=each.version) for each in found.values()]
    standing = [each for each in read if each is not None and each.state not in OVER]
    return tuple(sorted(standing, key=lambda each: each.start))


async def _invited(nursery: Nursery, signed_in: SignedIn) -> tuple[Invited, ...]:
    """Invitations of the reader, with the names that tell him whose they are; the record itself stays closed to him."""
    asked = await nursery.claims.invitations(signed_in)
    # An invitation is for the stay: once the baby left, nothing of it is left either.
    mine = ",".join(f"Patient/{each.baby}" for each in asked)
    fields = {"patient": mine, "status": "in-progress"}
    stays = await found_all(nursery.store, VISITS, PLATFORM, "Encounter", **fields) if asked else ()
    wards = await wards_of_stays(nursery.store, VISITS, PLATFORM, [one.value for one in stays if _is_stay(one.value)])
    invitations = [each for each in asked if wards.get(each.baby, ("", ""))[0] == each.ward]
    wanted = [("RelatedPerson", each.guardian) for each in invitations]
    wanted += [("Patient", each.baby) for each in invitations]
    found = await read_all(nursery.store, VISITS, PLATFORM, wanted)
    return tuple([await _invitation(nursery, each, found) for each in invitations])


async def _invitation(nursery: Nursery, invitation: Invitation, found: Mapping[tuple[str, str], Record]) -> Invited:
    guardian, baby = found.get(("RelatedPerson", invitation.guardian)), found.get(("Patient", invitation.baby))
    is_agreed = invitation.accepted_at is not None
    # Who is no guardian any more lets nobody look: the page of the visit would refuse him (family_visit.coming_to).
    may_come = guardian is not None and is_clear(guardian.value, invitation.baby, (), now=nursery.clock())
    return Invited(
        invitation=invitation,
        from_name="" if guardian is None else name_of(guardian.value),
        # Whose baby it is, and when it is seen, he learns when he agreed; before, only who asks.
        baby_name=name_of(baby.value) if baby is not None and is_agreed else "",
        visits=await _visits(nursery, VISITS, PLATFORM, invitation.baby) if is_agreed and may_come else (),
    )


async def _interpreting(nursery: Nursery, signed_in: SignedIn) -> tuple[AskedToInterpret, ...]:
    """Visits in which the reader is asked to interpret; whose baby it is he does not learn here."""
    asked = await nursery.interpreters.for_person(signed_in)
    wanted = [("RelatedPerson", each.guardian) for each in asked] + [("Appointment", each.visit) for each in asked]
    found = await read_all(nursery.store, VISITS, PLATFORM, wanted)
    names = {name: each for (kind, name), each in found.items() if kind == "RelatedPerson"}
    visits = {
        name: booked_from(each.value, version=0) for (kind, name), each in found.items() if kind != "RelatedPerson"
    }
    return tuple(
        AskedToInterpret(
            interpreting=each,
            from_name=name_of(names[each.guardian].value) if each.guardian in names else "",
            visit=booked,
        )
        for each in asked
        if (booked := visits.get(each.visit)) is not None and booked.state not in OVER
    )


def _is_small(patient: Element, now: Instant) -> bool:
    """Whether a child is so young that its family may look for it here after it left the ward."""
    born = str(patient.get("birthDate", ""))
    return len(born) == 10 and now - range_of(born)[0] <= SMALL_DAYS * DAY


def _is_stay(encounter: Element) -> bool:
    return (encounter.get("class") or {}).get("code") == "IMP"
