"""A hospital, its doctors and patients, and every way in which somebody is a stranger to a patient."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.records.made import put
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.kernel.instants import DAY, system_clock, to_fhir_instant
from tianfu.records.store import Store

DOCTOR = Caller(id="dr-lin", role="doctor", organisation="ward", practitioner="lin")
STRANGER = Caller(id="dr-zhou", role="doctor", organisation="other", practitioner="zhou")

PATIENT, RECORD = "hid-patient-1", "hid-record-1"
"""What is hidden from strangers."""

NO_PATIENT, NO_RECORD = "non-patient-1", "non-record-1"
"""Names as long, of what does not exist."""

_TERMS = "http://terminology.hl7.org/CodeSystem"
FLU = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "J10"}]}


def days(count: float) -> str:
    """An instant so many days from now."""
    return to_fhir_instant(system_clock() + int(count * DAY))


@dataclass(frozen=True, slots=True)
class Case:
    """A way to be a stranger: who asks, why, and what ties them to the patient, or did."""

    caller: Caller
    purpose: Purpose
    tie: Callable[[Store], Awaitable[None]]


async def found_hospital(store: Store) -> None:
    """Organisations, a patient with a record, and another patient."""
    kinds = f"{_TERMS}/organization-type"
    await put(store, "Organization", "hospital", type=[{"coding": [{"system": kinds, "code": "prov"}]}])
    for name, above in (("ward", "hospital"), ("other", "elsewhere")):
        kind = [{"coding": [{"system": kinds, "code": "dept"}]}]
        await put(store, "Organization", name, type=kind, partOf={"reference": f"Organization/{above}"})
    await put(store, "Patient", PATIENT, birthDate="1985-01-01", name=[{"text": "藏名甲"}])
    await put(store, "Condition", RECORD, subject={"reference": f"Patient/{PATIENT}"}, code=FLU)
    await put(store, "Patient", "bea", birthDate="1985-01-01")


async def visit(store: Store, patient: str, *, begin: float, end: float | None = None) -> None:
    """A visit of a patient to the ward, treated by Lin."""
    period = {"start": days(begin)} | ({} if end is None else {"end": days(end)})
    await put(
        store,
        "Encounter",
        f"visit-of-{patient}",
        status="in-progress" if end is None else "finished",
        **{"class": {"system": f"{_TERMS}/v3-ActCode", "code": "IMP"}},
        subject={"reference": f"Patient/{patient}"},
        period=period,
        serviceProvider={"reference": "Organization/ward"},
        participant=[{"individual": {"reference": "Practitioner/lin"}}],
    )


async def consent(store: Store, *, status: str) -> None:
    """The patient lets the other organisation read, or has withdrawn that."""
    reference = {"reference": "Organization/other"}
    role = {"coding": [{"system": f"{_TERMS}/v3-ParticipationType", "code": "IRCP"}]}
    provision: dict[str, Any] = {
        "type": "permit",
        "period": {"start": days(-10), "end": days(100)},
        "actor": [{"role": role, "reference": reference}],
        "purpose": [{"system": f"{_TERMS}/v3-ActReason", "code": "TREAT"}],
        "action": [{"coding": [{"system": f"{_TERMS}/consentaction", "code": "access"}]}],
    }
    await put(
        store,
        "Consent",
        "consent-1",
        status=status,
        scope={"coding": [{"system": f"{_TERMS}/consentscope", "code": "patient-privacy"}]},
        category=[{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        patient={"reference": f"Patient/{PATIENT}"},
        performer=[{"reference": f"Patient/{PATIENT}"}],
        dateTime=days(-10),
        policyRule={"coding": [{"system": f"{_TERMS}/v3-ActCode", "code": "OPTIN"}]},
        provision=provision,
    )


async def of_another_organisation(store: Store) -> None:
    await visit(store, PATIENT, begin=-2)


async def after_another_patient(store: Store) -> None:
    await visit(store, "bea", begin=-2)


async def long_over(store: Store) -> None:
    await visit(store, PATIENT, begin=-300, end=-200)


async def withdrawn(store: Store) -> None:
    await consent(store, status="active")
    await consent(store, status="inactive")


CASES: dict[str, Case] = {
    "wrong organisation": Case(STRANGER, Purpose.TREATMENT, of_another_organisation),
    "wrong patient": Case(DOCTOR, Purpose.TREATMENT, after_another_patient),
    "wrong purpose": Case(DOCTOR, Purpose.EMERGENCY, of_another_organisation),
    "expired relation": Case(DOCTOR, Purpose.TREATMENT, long_over),
    "withdrawn consent": Case(STRANGER, Purpose.TREATMENT, withdrawn),
}

TIED: dict[str, Case] = {
    "right organisation": Case(DOCTOR, Purpose.TREATMENT, of_another_organisation),
    "standing consent": Case(STRANGER, Purpose.TREATMENT, lambda store: consent(store, status="active")),
}
"""The same people with a tie that counts: what strangers are refused is there to be had."""
