"""What a doctor must say before the glass breaks.  Ward rule: docs/rules/emergency-access.md"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tianfu.access.caller import Caller
from tianfu.access.emergency import REASON_CHARACTERS_MAX, REASON_CHARACTERS_MIN
from tianfu.apps.trust.model.roles import EMERGENCY_ROLES
from tianfu.apps.trust.model.tasks import text_faults, tidy
from tianfu.kernel.ids import FHIR_ID
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.standards.china.identity_number import parse_identity_number


class ReasonKind(StrEnum):
    """Why a life has to be opened now."""

    UNCONSCIOUS = "unconscious"
    LIFE_IN_DANGER = "life-in-danger"
    ALLERGY_OR_MEDICINE = "allergy-or-medicine"
    OUTBREAK = "outbreak"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyWish:
    """A sound wish: exactly one of `patient` (a logical id) and `number` (an identity number) says who it is."""

    patient: str
    number: str
    kind: ReasonKind
    reason: str


def may_break_glass(caller: Caller) -> bool:
    """Whether the page offers emergency access at all.

    It takes the role, a person who answers for it, and an institution whose officer reviews it.
    """
    return caller.role in EMERGENCY_ROLES and caller.practitioner is not None and caller.organisation is not None


def read_emergency_wish(*, patient: str, number: str, kind: str, reason: str, has_read: bool) -> EmergencyWish:
    """What the form asks for; raises Refusal `emergency-unusable` with the faults of the form."""
    faults: list[Fault] = []
    number = "".join(number.split())
    reason = tidy(reason)
    if not patient or not FHIR_ID.match(patient):
        patient = ""
        faults += _number_faults(number)
    if kind not in set(ReasonKind):
        faults.append(Fault("kind", "reason-kind-needed"))
    faults += text_faults("reason", reason, REASON_CHARACTERS_MIN, REASON_CHARACTERS_MAX)
    if not has_read:
        faults.append(Fault("understood", "understanding-needed"))
    if faults:
        raise Refusal("emergency-unusable", faults=tuple(faults))
    return EmergencyWish(
        patient=patient,
        number="" if patient else parse_identity_number(number).text,
        kind=ReasonKind(kind),
        reason=reason,
    )


def _number_faults(number: str) -> list[Fault]:
    if not number:
        return [Fault("number", "person-needed")]
    try:
        parse_identity_number(number)
    except Refusal:
        return [Fault("number", "identity-number-wrong")]
    return []
