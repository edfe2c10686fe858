"""How a visit at the bed stands, as it is kept between two looks, by whichever process looks next."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from tianfu.apps.newborn.mapping.visits import Booked
from tianfu.apps.newborn.model.binding import Binding
from tianfu.apps.newborn.model.visit import OVER, State, Visit
from tianfu.kernel.instants import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A binding that held, and from when to when."""

    binding: Binding
    since: Instant
    until: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A visit with what its Appointment said when it came to the bed, and all bindings that it has had.

    `is_ward_heard`: the family hears the ward.  `is_silenced`: the ward does not hear the family.
    """

    booked: Booked
    visit: Visit
    bindings: tuple[Bound, ...] = ()
    is_ward_heard: bool = False
    is_silenced: bool = False

    @property
    def is_over(self) -> bool:
        return self.visit.state in OVER

    @property
    def is_live(self) -> bool:
        return self.visit.state is State.LIVE

    @property
    def bed(self) -> str:
        """The bed of the last binding."""
        return self.bindings[-1].binding.bed if self.bindings else ""

    def becoming(self, visit: Visit, *, now: Instant) -> Standing:
        """The visit as it stands now; a binding that holds no more ends, a new one begins."""
        bindings = list(self.bindings)
        holds = visit.binding if visit.state not in OVER and visit.binding and visit.binding.is_confirmed else None
        if bindings and bindings[-1].until is None and bindings[-1].binding != holds:
            bindings[-1] = replace(bindings[-1], until=now)
        if holds is not None and (not bindings or bindings[-1].binding != holds):
            bindings.append(Bound(binding=holds, since=now))
        return replace(self, visit=visit, bindings=tuple(bindings))


def written(standing: Standing) -> str:
    """As it is kept."""
    return msgspec.json.encode(standing).decode()


def read(text: str) -> Standing:
    """As it was kept; raises ValueError for anything else."""
    return msgspec.json.decode(text, type=Standing)
