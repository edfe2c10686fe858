"""How a visit at the bed stands, as it is kept between two looks, by whichever process looks next."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from tianfu.apps.newborn.mapping.visits import Booked
from tianfu.apps.newborn.model.binding import Binding
from tianfu.apps.newborn.model.calls import Call
from tianfu.apps.newborn.model.visit import LENS_TURNED, OVER, State, Visit
from tianfu.apps.newborn.model.workload import Deed
from tianfu.kernel.instants import Instant

DEEDS_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """That somebody moved the camera by hand: which Practitioner, when, and why in one word, or empty."""

    by: str
    at: Instant
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A binding that held, and from when to when; `moved` if it ended because the camera was moved by hand."""

    binding: Binding
    since: Instant
    until: Instant | None = None
    moved: Moved | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A visit with what its Appointment said when it came to the bed, and all bindings that it has had.

    `is_ward_heard`: the family hears the ward.  `is_silenced`: the ward does not hear the family.  `call` is the
    family's last call to the nurse, and `calls` how many there were; `earlier` are those before it that the record may
    not know yet.  `deeds` is what happened at the bed, and who did it.
    """

    booked: Booked
    visit: Visit
    bindings: tuple[Bound, ...] = ()
    is_ward_heard: bool = False
    is_silenced: bool = False
    call: Call | None = None
    calls: int = 0
    earlier: tuple[Call, ...] = ()
    deeds: tuple[Deed, ...] = ()

    @property
    def is_over(self) -> bool:
        return self.visit.state in OVER

    @property
    def is_live(self) -> bool:
        return self.visit.state is State.LIVE

    @property
    def is_calling(self) -> bool:
        """Whether the family waits for the nurse's answer."""
        return not self.is_over and self.call is not None and self.call.is_waiting

    @property
    def calls_to_tell(self) -> tuple[Call, ...]:
        """The calls that the record must know, the first of them first."""
        return self.earlier if self.call is None else (*self.earlier, self.call)

    @property
    def bed(self) -> str:
        """The bed of the last binding."""
        return self.bindings[-1].binding.bed if self.bindings else ""

    @property
    def moved_why(self) -> str:
        """Why the camera of the last binding was moved by hand; empty if it was not, or nobody said why."""
        moved = self.bindings[-1].moved if self.bindings else None
        return moved.why if moved else ""

    def calling(self, call: Call, *, is_written: bool) -> Standing:
        """With the family's next call; those before it go once the record knows how the visit stood before."""
        return replace(self, call=call, calls=self.calls + 1, earlier=() if is_written else self.calls_to_tell)

    def having(self, what: str, *, by: str, at: Instant) -> Standing:
        """With what somebody did; of more than `DEEDS_MAX` the oldest but the first are forgotten."""
        kept = self.deeds if len(self.deeds) < DEEDS_MAX else (self.deeds[0], *self.deeds[2:])
        return replace(self, deeds=(*kept, Deed(what=what, at=at, by=by)))

    def becoming(self, visit: Visit, *, now: Instant, by: str = "") -> Standing:
        """The visit as it stands now; a binding that holds no more ends, a new one begins.

        `by` is the Practitioner who changed its state; empty if it changed by itself.
        """
        if visit.state is not self.visit.state:
            return self.having(visit.state.value, by=by, at=now)._becoming(visit, now=now)
        return self._becoming(visit, now=now)

    def _becoming(self, visit: Visit, *, now: Instant) -> Standing:
        bindings = list(self.bindings)
        holds = visit.binding if visit.state not in OVER and visit.binding and visit.binding.is_confirmed else None
        if bindings and bindings[-1].until is None and bindings[-1].binding != holds:
            bindings[-1] = replace(bindings[-1], until=now)
        if holds is not None and (not bindings or bindings[-1].binding != holds):
            bindings.append(Bound(binding=holds, since=now))
        return replace(self, visit=visit, bindings=tuple(bindings))

    def with_note(self, moved: Moved) -> Standing:
        """With a note at the last binding of why the camera was moved; the touch counts, a reason may follow it."""
        if not self.bindings:
            return self
        last = self.bindings[-1]
        if last.moved is not None and last.moved.why == LENS_TURNED:
            return self  # the device itself said so
        if last.moved is not None and moved.why:
            moved = replace(last.moved, why=moved.why)
        return replace(self, bindings=(*self.bindings[:-1], replace(last, moved=moved)))


def written(standing: Standing) -> str:
    """As it is kept."""
    return msgspec.json.encode(standing).decode()


def read(text: str) -> Standing:
    """As it was kept; raises ValueError for anything else."""
    return msgspec.json.decode(text, type=Standing)
