"""Who can read a record: every role and purpose that some relation, or none, lets in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tianfu.access.judgement import Head
from tianfu.access.purpose import Purpose
from tianfu.access.relation import Relation
from tianfu.kernel.instants import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who may read: somebody in `role`, for `purpose`, by `rule`, because of `because` (key of a sentence).

    `relation` is the tie that opens, or None for the person himself, the keeper, and roles that see everything.
    """

    role: str
    purpose: Purpose
    rule: str
    because: str
    relation: Relation | None


def who_can_read(
    head: Head, relations: Iterable[Relation], *, now: Instant, patient_born: Mapping[int, Instant]
) -> tuple[Reader, ...]:
    """Everybody who may read a record now, as far as its relations tell, in the order of the rules.

    A practitioner's organisation is not known here, so a denial that names an organisation is weighed against that
    organisation only.
    """
    raise NotImplementedError
