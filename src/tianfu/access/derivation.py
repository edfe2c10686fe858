"""From a record to the relations it makes: which Encounter, contract, referral, guardian or Consent opens what to whom.

Days, levels and codings are data (relations.json); in words: docs/rules/permission.md.
"""

from __future__ import annotations

from typing import Any

from tianfu.access.relation import Relation

RELATION_TYPES = frozenset(
    {"CareTeam", "Consent", "Encounter", "EpisodeOfCare", "Patient", "RelatedPerson", "ServiceRequest"}
)
"""The types of records that can make a relation; every other type makes none."""


def relations_of(resource: dict[str, Any], record: int) -> tuple[Relation, ...]:
    """The relations that follow from a resource with this record number, and from nothing else.

    Depends on the resource alone: no clock, so that deriving again gives the same.  Never raises, whatever the
    resource holds: what is not understood opens nothing, and a denial that is not understood closes.
    Only references of the form `Type/id` count.
    """
    return ()
