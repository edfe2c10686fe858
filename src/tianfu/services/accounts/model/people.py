"""Accounts, workplaces and sessions as values, and the caller that a session stands for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from tianfu.access.caller import Caller
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal

NEVER: Final = Instant(0)
"""When what was never proved was proved."""


class Kind(StrEnum):
    """Who an account is for."""

    RESIDENT = "resident"
    STAFF = "staff"


class Assurance(IntEnum):
    """How sure we are who a resident is; records open from NAMED on."""

    NOTHING = 0
    TELEPHONE = 1
    NAMED = 2
    SEEN = 3


class Method(StrEnum):
    """What proved who somebody is, by the names of RFC 8176 where it has one."""

    PASSWORD = "pwd"  # noqa: S105 - the name of a method, no password
    TOTP = "otp"
    TELEPHONE = "sms"
    PASSKEY = "hwk"
    RECOVERY = "recovery"
    OUTSIDE = "outside"
    OUTSIDE_FIRST = "outside-first"
    """A provider that the operator does not take for enough for staff: a first step, as a password is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person who may sign in; `id` names the account in the trace, `number` is the telephone or staff number.

    `telephone_at` is when the telephone last opened it, `named_at` when the real name was last proved, 0 for never.
    A resident whose number another person holds now has none, and `telephone_lost_at` says since when.  `is_shared`
    says that others hold the telephone too.  `name_stands` is no unless somebody judged it: `model/lapsing.py`.
    """

    id: str
    kind: Kind
    name: str
    number: str
    assurance: Assurance
    patients: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    has_left: bool = False
    telephone_at: Instant = NEVER
    named_at: Instant = NEVER
    telephone_lost_at: Instant | None = None
    is_shared: bool = False
    name_stands: bool = False

    @property
    def name_is_over(self) -> bool:
        """Whether a real name was proved once, and must be proved again before records open."""
        return self.assurance >= Assurance.NAMED and not self.name_stands


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Where somebody works, and as what; `practising_since` is a year."""

    id: str
    account: str
    organisation: str
    role: str
    practitioner: str | None = None
    licence: str | None = None
    title: str | None = None
    practising_since: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A session that stands: whose, from which workplace (staff), by which methods, and when they last proved it.

    `session` is its public name.  A session that `needs_second_factor` opens nothing but the page to set one up, and
    one that `needs_own_password`, begun with a password that was handed over, nothing but the page to choose one.
    """

    session: str
    account: Account
    workplace: Workplace | None
    methods: frozenset[Method]
    proved_at: Instant
    until: Instant
    needs_second_factor: bool = False
    needs_own_password: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether it opens all that its caller may see."""
        return not (self.needs_second_factor or self.needs_own_password)

    @property
    def caller(self) -> Caller:
        """Who asks, for permission and for the trace."""
        if self.workplace is None and self.account.kind is Kind.STAFF:
            return Caller(id=self.account.id, role="nobody", session=self.session)  # staff without a place see nothing
        if self.workplace is None:
            is_known = self.account.name_stands
            return Caller(
                id=self.account.id,
                role="citizen",
                patients=self.account.patients if is_known else (),
                related=self.account.related if is_known else (),
                session=self.session,
            )
        return Caller(
            id=self.account.id,
            role=self.workplace.role,
            organisation=self.workplace.organisation,
            practitioner=self.workplace.practitioner,
            session=self.session,
        )


def refuse_unless_settled(signed_in: SignedIn) -> None:
    """Raise Refusal `password-handed-over` or `second-factor-missing` for a session that something must precede."""
    if signed_in.needs_own_password:
        raise Refusal("password-handed-over", next_step="choose-your-own-password")
    if signed_in.needs_second_factor:
        raise Refusal("second-factor-missing", next_step="set-up-a-second-factor")
