"""Screen: one visit as a family sees it from home, live."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.live.standing import read
from tianfu.apps.newborn.mapping.codes import CONDITION_NOTE, NEWBORN, TALK, VIEW, VISITS, VISITS_PAUSED
from tianfu.apps.newborn.mapping.guardians import name_of
from tianfu.apps.newborn.mapping.notes import Note, note_from
from tianfu.apps.newborn.mapping.visits import Booked, booked_from, consultation_from
from tianfu.apps.newborn.mapping.wards import allows, has_died, is_clear, is_raised
from tianfu.apps.newborn.model.binding import ASK_THE_WARD
from tianfu.apps.newborn.model.calls import Call
from tianfu.apps.newborn.model.reasons import told
from tianfu.apps.newborn.model.visit import AT_THE_BED, OVER, State, Visit
from tianfu.apps.newborn.model.waiting import USUAL_MINUTES
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.experts import is_listed
from tianfu.apps.newborn.queries.facts import read_facts
from tianfu.apps.newborn.queries.records import (
    FAMILY,
    PLATFORM,
    found_all,
    found_by,
    not_found,
    read_all,
    stays_in,
    wards_of_stays,
)
from tianfu.apps.newborn.queries.second_guardian import guardian_as
from tianfu.apps.newborn.queries.staying import DISCHARGED, left_dead
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found
from tianfu.records.searching import SearchRequest
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.booking.interpreters import Interpreting
from tianfu.services.booking.stations import Shown
from tianfu.services.realtime.protocol.parts import Part

INVITATION_OVER = "invitation-over"
NOTES_LOOKED_AT = 10

COMES = AT_THE_BED | {State.SLOT_CONFIRMED, State.WAITING}
"""In which states an expert who said yes may come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """How a visit stands: its state, the word for its reason, since when, and when the picture may be back.

    `is_silenced`: the ward has taken the family's voice for now; `is_ward_heard`: the family hears the ward.  `call` is
    the family's last call to the nurse; `guardian` is whose visit it is.  `rests`: a doctor lets the baby have no
    visits for now.
    """

    state: State
    reason: str
    since: Instant
    back_at: Instant | None
    end: Instant
    is_silenced: bool = False
    is_ward_heard: bool = False
    call: Call | None = None
    guardian: str = ""
    rests: bool = False

    @property
    def is_over(self) -> bool:
        return self.state in OVER or self.state is State.ENDING

    @property
    def is_at_bed(self) -> bool:
        return self.state in AT_THE_BED


@dataclass(frozen=True, slots=True, kw_only=True)
class AtDoor:
    """Whoever stands before a station at the ward's door, where nobody signs in.

    `caller` names the device, and the guardian whose visit it is; `ward` is the ward's name.
    """

    caller: Caller
    shown: Shown
    ward: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expert:
    """A doctor who signed in, as who was asked to a consultation.

    No family's visit is his, and no consultation a family's.
    """

    signed_in: SignedIn

    @property
    def caller(self) -> Caller:
        return self.signed_in.caller


@dataclass(frozen=True, slots=True, kw_only=True)
class BedNurse:
    """A nurse who signed in, at a bed of her ward: she looks at what the family is sent, and speaks to it."""

    signed_in: SignedIn

    @property
    def caller(self) -> Caller:
        return self.signed_in.caller


Watcher = SignedIn | AtDoor | Expert | BedNurse
"""Who looks.  His `caller` tells him from everybody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """Somebody who may come to a visit, as what, and whether he may speak there; decided anew each time he asks.

    `may_see` lets him in.  An interpreter who is no relative is shown the picture only if the family said so (`sees`),
    and waits until a nurse has agreed (`waits`); when the slot is over he sees nothing, and may say how it was.
    `asks_ward`: no visit can take place any more, and the ward says why.
    `guardian` is as which RelatedPerson he is a guardian, or stands for one; empty for everybody else.  `rests`: a
    doctor lets the baby have no visits for now.  `is_third`: he interprets, and is no relative.
    """

    booked: Booked
    part: Part
    may_see: bool
    may_speak: bool
    sees: bool = True
    waits: bool = False
    asks_ward: bool = False
    rests: bool = False
    guardian: str = ""
    is_third: bool = False

    @property
    def is_own(self) -> bool:
        """Whether it is his visit, and not one that another guardian of the baby booked."""
        return self.part is Part.FAMILY and self.guardian == self.booked.guardian


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """Who might interpret: `account` is his; asked for, and agreed to by a nurse, or not.

    `sees` is what the family said of the picture for one who is no relative; None for a relative, who looks anyway.
    """

    account: str
    name: str
    is_asked: bool
    is_agreed: bool
    sees: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyVisit:
    """The page; `note` is the last that a doctor approved, None for who is no guardian.

    `family` is the name of the guardian whose visit it is, for who interprets in it.  `is_open_to_expert`: an
    expert may read now whom he is asked about, and what was measured.
    """

    coming: Coming
    now: Now
    baby: str
    bed: str
    note: Note | None
    helpers: tuple[Helper, ...]
    family: str = ""
    is_open_to_expert: bool = False

    @property
    def booked(self) -> Booked:
        return self.coming.booked


async def at_door(windows: Windows, secret: str) -> AtDoor:
    """The visit on the screen of the station whose cookie this is; raises Refusal `not-found` if there is none."""
    station = await windows.nursery.stations.find(secret)
    if station is None or station.shown is None:
        raise not_found()
    guardian = (await _booked(windows, station.shown.visit)).guardian
    ward = await read_all(windows.nursery.store, VISITS, PLATFORM, [("Location", station.ward)])
    record = ward.get(("Location", station.ward))
    return AtDoor(
        caller=Caller(id=f"station-{station.id}.{guardian}", role="system"),
        shown=station.shown,
        ward=station.ward if record is None else str(record.value.get("name", station.ward)),
    )


async def _booked(windows: Windows, visit: str) -> Booked:
    answer = await read_all(windows.nursery.store, VISITS, PLATFORM, [("Appointment", visit)])
    record = answer.get(("Appointment", visit))
    booked = None if record is None else booked_from(record.value, version=record.version)
    if booked is None:
        raise not_found()
    return booked


async def coming_to(windows: Windows, watcher: Watcher, visit: str) -> Coming:
    """As what somebody may come to a visit.

    Raises Refusal `not-found` for who is neither a guardian of its baby nor invited, and `invitation-over` for who was.
    Who is a guardian, and did not book it, comes by his own consents, while the visit stands for who did.
    An invited relative looks only, unless the guardian asked for him as an interpreter and a nurse agreed.  A station
    stands for the guardian of the visit on its screen, and speaks only if that was so when the code was given, too.
    """
    nursery = windows.nursery
    if isinstance(watcher, Expert):
        return await _coming_as_expert(windows, watcher, visit)
    if isinstance(watcher, BedNurse):
        return await _coming_as_nurse(windows, watcher, visit)
    if isinstance(watcher, AtDoor) and watcher.shown.visit != visit:
        raise not_found()
    booked = await _booked(windows, visit)
    # Who booked it is no guardian for that: his time may be over, by whichever system ended it.
    own = await _guardian(nursery, watcher, booked)
    is_guardian = own != ""
    is_invited = isinstance(watcher, SignedIn) and not is_guardian and await _is_invited(windows, watcher, booked)
    third = await _third(windows, watcher, visit) if not (is_guardian or is_invited) else None
    if not (is_guardian or is_invited or third):
        if isinstance(watcher, SignedIn) and await _was_let_in(nursery, watcher, booked):
            raise Refusal(INVITATION_OVER, next_step="ask-to-be-invited-again")
        raise not_found()
    consents = await found_all(
        nursery.store, VISITS, PLATFORM, "Consent", patient=f"Patient/{booked.baby}", status="active"
    )
    flags = await found_all(nursery.store, VISITS, PLATFORM, "Flag", patient=f"Patient/{booked.baby}")
    # By whose consent he comes: the visit hangs on that of who booked it, and another guardian on his own, too.
    guardians = [("RelatedPerson", each) for each in sorted({booked.guardian, own or booked.guardian})]
    people = await read_all(nursery.store, VISITS, PLATFORM, [*guardians, ("Patient", booked.baby)])
    patient = people.get(("Patient", booked.baby))
    asks_ward = patient is not None and has_died(patient.value)
    given, said, now = [each.value for each in consents], [each.value for each in flags], nursery.clock()
    may_see = not asks_ward and all(
        (found := people.get(each)) is not None
        and is_clear(found.value, booked.baby, said, now=now)
        and allows(given, each[1], VIEW)
        for each in guardians
    )
    waits = third is not None and third.agreed_at is None
    asked = await windows.viewers.interpreters(visit) if is_invited else {}
    interprets = third is not None or asked.get(watcher.caller.id, False)
    may_see = may_see and not waits and (third is None or now < third.until)
    may_talk = watcher.shown.may_talk if isinstance(watcher, AtDoor) else is_guardian or interprets
    return Coming(
        booked=booked,
        part=Part.FAMILY if is_guardian else Part.INTERPRETER if interprets else Part.GUEST,
        may_see=may_see,
        may_speak=may_talk and may_see and allows(given, own or booked.guardian, TALK),
        sees=third is None or third.sees,
        waits=waits,
        asks_ward=asks_ward,
        guardian=own,
        is_third=third is not None,
        rests=any(is_raised(each.value, VISITS_PAUSED) for each in flags),
    )


async def _guardian(nursery: Nursery, watcher: SignedIn | AtDoor, booked: Booked) -> str:
    if isinstance(watcher, AtDoor):
        return booked.guardian
    return await guardian_as(nursery, watcher.caller, booked.baby, first=booked.guardian)


async def _coming_as_expert(windows: Windows, watcher: Expert, visit: str) -> Coming:
    """As whom an expert comes to a consultation to which he was asked; to no other.  Raises Refusal `not-found`."""
    house, practitioner = windows.house, watcher.caller.practitioner
    answer = await read_all(windows.nursery.store, VISITS, PLATFORM, [("Appointment", visit)])
    record = answer.get(("Appointment", visit))
    booked = None if record is None else consultation_from(record.value, version=record.version)
    if booked is None or practitioner is None or booked.expert != practitioner:
        raise not_found()
    facts = (await read_facts(house.store, [booked], (), house.digest, now=house.clock()))[visit]
    may_see = (
        booked.baby not in facts.known.died
        and facts.consent_is_active
        and facts.guardianship_is_clear
        and not facts.is_alarmed
        and booked.state in COMES
        and await is_listed(windows.nursery.store, practitioner)
        and await stays_in(windows.nursery.store, booked.baby, booked.ward)
    )
    return Coming(booked=booked, part=Part.EXPERT, may_see=may_see, may_speak=may_see)


async def _coming_as_nurse(windows: Windows, watcher: BedNurse, visit: str) -> Coming:
    """As a nurse in whose care the baby of a visit at the bed is now; raises Refusal `not-found`.

    Asked again while she looks: so it reads no more than that, and of the visit what stood when it came to the bed.
    """
    house = windows.house
    room = await house.rooms.find(visit)
    if room is None:
        raise not_found()
    booked = read(room.state).booked
    [baby] = await house.store.read_many(watcher.caller, Purpose.TREATMENT, [("Patient", booked.baby)])
    if not isinstance(baby, Found):
        raise not_found()
    return Coming(booked=booked, part=Part.NURSE, may_see=True, may_speak=True)


async def _third(windows: Windows, watcher: Watcher, visit: str) -> Interpreting | None:
    """As what somebody interprets who is no relative; he comes to this one visit and to no other."""
    if not isinstance(watcher, SignedIn):
        return None
    return await windows.nursery.interpreters.accepted(watcher.account.id, visit)


async def _was_let_in(nursery: Nursery, watcher: SignedIn, booked: Booked) -> bool:
    """Whether somebody was invited to a visit's baby, or asked to interpret in it, and is no more."""
    if await nursery.claims.was_invited(watcher, booked.baby):
        return True
    return await nursery.interpreters.was_taken_back(watcher.account.id, booked.id)


async def _is_invited(windows: Windows, watcher: SignedIn, booked: Booked) -> bool:
    """Whether somebody whom a guardian of the baby invited agreed; he comes while that guardian is one.

    To visits in the ward for which he was invited, and to none in another.
    """
    nursery, baby = windows.nursery, booked.baby
    accepted = [
        each
        for each in await nursery.claims.invitations(watcher)
        if each.accepted_at is not None
        and (each.baby, each.ward) == (baby, booked.ward)
        and each.accepted_by == watcher.account.id
    ]
    inviting = await read_all(nursery.store, VISITS, PLATFORM, [("RelatedPerson", each.guardian) for each in accepted])
    return any(is_clear(each.value, baby, (), now=nursery.clock()) for each in inviting.values())


async def now_of(windows: Windows, coming: Coming) -> Now:
    """How a visit stands at this moment; before it is at the bed, as its Appointment says.

    One that cannot take place any more is over from the moment on at which the record says so.
    """
    booked = coming.booked
    stands = await now_at_bed(windows, booked.id) or _now(booked.visit, since=booked.start)
    stands = replace(stands, guardian=booked.guardian, rests=coming.rests)
    asks_ward = coming.asks_ward or (
        # A death that only the discharge tells.
        stands.is_over and stands.reason == DISCHARGED and await left_dead(windows.nursery.store, booked.baby)
    )
    return replace(stands, state=State.CANCELLED, reason=ASK_THE_WARD) if asks_ward else stands


async def now_at_bed(windows: Windows, visit: str) -> Now | None:
    """How a visit stands that is, or was, at the bed."""
    room = await windows.house.rooms.find(visit)
    if room is None:
        return None
    standing = read(room.state)
    return replace(
        _now(standing.visit, since=room.changed_at),
        is_silenced=standing.is_silenced,
        is_ward_heard=standing.is_ward_heard,
        call=standing.call,
        guardian=standing.booked.guardian,
    )


def _now(visit: Visit, *, since: Instant) -> Now:
    minutes = USUAL_MINUTES.get(visit.reason) if visit.state is State.SHIELDED else None
    return Now(
        state=visit.state,
        reason=told(visit.reason),
        since=since,
        back_at=None if minutes is None else Instant(since + minutes * 60 * SECOND),
        end=visit.slot_end,
    )


async def read_family_visit(windows: Windows, watcher: Watcher, visit: str) -> FamilyVisit:
    """The page of a visit for a guardian of its baby or an invited relative; raises as `coming_to` does.

    At the door, where others pass, it tells no name and nothing of how the baby is.  An expert learns name and bed
    from the first to the last minute, while the baby stays in the ward that asked, and until it is over; who interprets
    and is no relative from a nurse's yes until it is over.  In which bed a baby lies in another ward it tells nobody.
    """
    coming = await coming_to(windows, watcher, visit)
    booked, store = coming.booked, windows.nursery.store
    is_open_to_others = isinstance(watcher, AtDoor)
    is_own = coming.is_own and not is_open_to_others
    is_told = is_own or (coming.part is Part.FAMILY and not coming.is_own and coming.may_see)
    found = await read_all(store, VISITS, PLATFORM, [("Patient", booked.baby), ("RelatedPerson", booked.guardian)])
    stays = await found_by(store, VISITS, PLATFORM, "Encounter", patient=f"Patient/{booked.baby}", status="in-progress")
    in_ward = [each.value for each in stays if (each.value.get("class") or {}).get("code") == "IMP"]
    ward, bed = (await wards_of_stays(store, VISITS, PLATFORM, in_ward)).get(booked.baby, ("", ""))
    stands = await now_of(windows, coming)
    patient, guardian = found.get(("Patient", booked.baby)), found.get(("RelatedPerson", booked.guardian))
    is_open_to_expert = (
        coming.part is Part.EXPERT
        and coming.may_see
        and booked.start <= windows.nursery.clock() < booked.end
        and not stands.is_over
    )
    if coming.part is Part.EXPERT:
        is_known = is_open_to_expert
    elif coming.is_third:
        is_known = coming.sees and coming.may_see and not stands.is_over
    else:
        is_known = True
    return FamilyVisit(
        coming=coming,
        now=stands,
        baby="" if patient is None or is_open_to_others or not is_known else name_of(patient.value),
        bed=bed if is_known and ward == booked.ward else "",
        note=await _note(windows, watcher.caller, booked.baby) if is_told and stands.reason != ASK_THE_WARD else None,
        helpers=await helpers_of(windows, booked) if is_own else (),
        family=name_of(guardian.value) if guardian is not None and coming.part is Part.INTERPRETER else "",
        is_open_to_expert=is_open_to_expert,
    )


async def helpers_of(windows: Windows, booked: Booked) -> tuple[Helper, ...]:
    """Who accepted to interpret in a visit, and the relatives who accepted an invitation to its baby."""
    thirds = [
        Helper(account=each.account, name=each.name, is_asked=True, is_agreed=bool(each.agreed_at), sees=each.sees)
        for each in await windows.nursery.interpreters.of_visit(booked.id)
        if each.accepted_at is not None
    ]
    return (*thirds, *await _relatives(windows, booked))


async def _relatives(windows: Windows, booked: Booked) -> tuple[Helper, ...]:
    invitations = [each for each in await windows.nursery.claims.invited(booked.baby) if each.accepted_at is not None]
    if not invitations:
        return ()
    asked = await windows.viewers.interpreters(booked.id)
    wanted = [("RelatedPerson", each.related) for each in invitations]
    people = await read_all(windows.nursery.store, VISITS, PLATFORM, wanted)
    names = {related: name_of(each.value) for (_, related), each in people.items()}
    return tuple(
        Helper(
            account=each.accepted_by,
            name=names.get(each.related, ""),
            is_asked=each.accepted_by in asked,
            is_agreed=asked.get(each.accepted_by, False),
        )
        for each in invitations
    )


async def _note(windows: Windows, guardian: Caller, baby: str) -> Note | None:
    """The newest that a doctor approved, read in the guardian's own name: it tells how the baby is.

    Further back than a few nothing is looked for.
    """
    wanted = SearchRequest(
        type="Communication",
        parameters=(
            ("patient", f"Patient/{baby}"),
            ("category", f"{NEWBORN}|{CONDITION_NOTE}"),
            ("status", "completed"),
            ("_sort", "-sent"),
            ("_count", str(NOTES_LOOKED_AT)),
        ),
    )
    page = await windows.nursery.store.search(guardian, FAMILY, wanted)
    notes = [note_from(each.value, version=each.version) for each in page.records]
    approved = [each for each in notes if each is not None and each.is_approved]
    return max(approved, key=lambda each: each.at, default=None)
