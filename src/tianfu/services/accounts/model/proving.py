"""Which proofs are enough for whom.  Rule: docs/rules/sign-in.md"""

from __future__ import annotations

from collections.abc import Set
from enum import Enum

from tianfu.services.accounts.model.offices import OFFICES
from tianfu.services.accounts.model.people import Kind, Method

SECOND_FACTORS = frozenset({Method.TOTP, Method.RECOVERY})
"""What somebody has, beside what he knows; a passkey is both in one."""


class Proof(Enum):
    """What a set of methods is worth."""

    ENOUGH = "enough"
    SET_UP = "set-up"
    """A session that opens nothing but the page where a second factor is set up."""
    MORE = "more"
    """A second factor is there and must be shown."""
    NOTHING = "nothing"


def worth(kind: Kind, role: str | None, methods: Set[Method], *, has_second_factor: bool) -> Proof:
    """What these methods are worth for somebody of this kind and role.

    `has_second_factor` says whether one is set up; whoever has one is never let in without it.
    """
    match kind:
        case Kind.RESIDENT:
            is_enough = bool(methods & {Method.TELEPHONE, Method.PASSKEY, Method.OUTSIDE, Method.OUTSIDE_FIRST})
            return Proof.ENOUGH if is_enough else Proof.NOTHING
        case Kind.STAFF:
            return _worth_of_staff(role, methods, has_second_factor=has_second_factor)


def _worth_of_staff(role: str | None, methods: Set[Method], *, has_second_factor: bool) -> Proof:
    if Method.PASSKEY in methods:
        return Proof.ENOUGH
    if not methods & {Method.PASSWORD, Method.OUTSIDE, Method.OUTSIDE_FIRST}:
        return Proof.NOTHING
    if methods & SECOND_FACTORS:
        return Proof.ENOUGH
    if Method.OUTSIDE in methods and role not in OFFICES:
        return Proof.ENOUGH  # the operator said that this provider answers for how its people prove themselves
    return Proof.MORE if has_second_factor else Proof.SET_UP


def steps_up(kind: Kind, method: Method, *, has_second_factor: bool) -> bool:
    """Whether this method, shown again, is proof enough for a signature or a change of credentials.

    Whoever has a second factor shows that or a passkey; a password alone is known to whoever looked over a shoulder.
    """
    match kind:
        case Kind.RESIDENT:
            return method in {Method.TELEPHONE, Method.PASSKEY}
        case Kind.STAFF:
            return method in {Method.PASSKEY, Method.TOTP} or (method is Method.PASSWORD and not has_second_factor)
