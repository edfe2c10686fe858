"""Who may appoint whom, and where: each only below himself, and nobody to two offices.  Rule: docs/rules/sign-in.md

The three offices are the administrators of classified protection, level 3 (GB/T 22239-2019): system, security, audit.
"""

from __future__ import annotations

from collections.abc import Collection

from tianfu.access.organisations import OrganisationTree
from tianfu.kernel.ids import record_number
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Workplace

APPOINTER = "security"
"""The office that keeps accounts and workplaces."""

OFFICES = frozenset({"administrator", "security", "officer"})

STAFF_ROLES = frozenset(
    {"doctor", "nurse", "pharmacist", "physicist", "township", "registrar", "steward", "regulator", "researcher"}
)
"""Every role but these and the offices is no workplace: nobody is appointed a citizen, a machine or the desk."""

DEVELOPMENT_ROLES = frozenset({"desk"})
"""Who sees everything, in a demonstration alone: no administrator gives it, and production refuses to start with it."""


def refuse_unless_holdable(role: str, held: Collection[str]) -> None:
    """Whether somebody who holds these roles may take one more.

    Raises Refusal `role-not-given` for what is no role of a person, `two-offices` for a second office, and
    `office-stands-alone` for an office beside care: who reviews is apart from whom he reviews.
    """
    if role not in OFFICES and role not in STAFF_ROLES:
        raise Refusal("role-not-given")
    offices_held = OFFICES.intersection(held)
    if role in OFFICES and offices_held:
        raise Refusal("two-offices", next_step="end-the-other-first")
    if offices_held or (role in OFFICES and held):
        raise Refusal("office-stands-alone", next_step="end-the-other-first")


def refuse_unless_below(appointer: Workplace, role: str, organisation: str, tree: OrganisationTree) -> None:
    """Whether somebody gives and ends this role in this organisation; a number of the tree stands for each.

    Staff roles in his own organisation and all below it, offices strictly below.  Raises Refusal `appointing-not-yours`
    for whoever keeps no accounts, and `not-below-you` for another place.
    """
    if appointer.role != APPOINTER:
        raise Refusal("appointing-not-yours", next_step="ask-your-office")
    own, wanted = (record_number("Organization", each) for each in (appointer.organisation, organisation))
    if wanted not in tree.below(own) or (role in OFFICES and wanted == own):
        raise Refusal("not-below-you", next_step="ask-your-office")


def refuse_unless_other(appointer: Workplace, account: str) -> None:
    """Nobody appoints himself, or ends his own; raises Refusal `appointing-oneself`."""
    if appointer.account == account:
        raise Refusal("appointing-oneself", next_step="ask-your-office")
