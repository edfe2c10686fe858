"""Whom a baby's guardians invited."""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.guardians import invited_of
from tianfu.apps.newborn.model.windows import policy_on
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.family_home import Baby
from tianfu.apps.newborn.queries.free_slots import read_policies
from tianfu.apps.newborn.queries.records import PLATFORM, read_all
from tianfu.kernel.instants import Instant, china_date


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """One of them; `accepted_at` is None while he has not agreed, `declined_at` while he has not said no."""

    invitation: str
    name: str
    tail: str
    asked_at: Instant
    accepted_at: Instant | None
    declined_at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitedPage:
    """All of them, and how many there may be; `most` is None where the ward has set nothing."""

    relatives: tuple[Relative, ...]
    most: int | None

    @property
    def is_full(self) -> bool:
        """Whether nobody more can be invited."""
        return self.most is None or len(self.relatives) >= self.most


async def read_invited(nursery: Nursery, baby: Baby) -> InvitedPage:
    """What the page of invited relatives shows to a guardian of the baby."""
    invitations = await nursery.claims.invited(baby.id)
    policy = policy_on(await read_policies(nursery, baby.ward), china_date(nursery.clock()))
    found = await read_all(nursery.store, VISITS, PLATFORM, [("RelatedPerson", each.related) for each in invitations])
    relatives = []
    for each in invitations:
        record = found.get(("RelatedPerson", each.related))
        person = None if record is None else invited_of(record.value, now=nursery.clock())
        relatives.append(
            Relative(
                invitation=each.id,
                name="" if person is None else person.name,
                tail="" if person is None else person.telephone[-4:],
                asked_at=each.asked_at,
                accepted_at=each.accepted_at,
                declined_at=each.declined_at,
            )
        )
    return InvitedPage(relatives=tuple(relatives), most=None if policy is None else policy.invited_max)
