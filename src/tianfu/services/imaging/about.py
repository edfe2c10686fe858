"""What a case says of itself in a list, without its objects being opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.findings import Finding, Reading

if TYPE_CHECKING:
    from tianfu.standards.dicom.cases import Case
    from tianfu.standards.dicom.headers import Header

GRAVE = frozenset({"case-mixed-patients", "case-mixed-names"})
"""Findings with which objects make no case: a plan must never meet another patient's images."""


class PlanAbout(msgspec.Struct, frozen=True, kw_only=True):
    """A plan in one line; `approval` as the plan says it, empty if unsaid."""

    instance: str
    label: str
    approval: str
    beams: int


class DoseAbout(msgspec.Struct, frozen=True, kw_only=True):
    """A dose in one line; `plan` is empty if it names none."""

    instance: str
    plan: str
    summation: str
    highest_gy: float


class FindingAbout(msgspec.Struct, frozen=True, kw_only=True):
    """A finding as it is kept."""

    code: str
    details: Mapping[str, str]


class CaseAbout(msgspec.Struct, frozen=True, kw_only=True):
    """A case: whose it is as its objects say, what it holds, and what was odd when it was taken in."""

    patient_name: str
    patient_number: str
    birth_date: str
    sex: str
    study_date: str
    modalities: Mapping[str, int]
    slices: int
    structures: tuple[str, ...]
    plans: tuple[PlanAbout, ...]
    doses: tuple[DoseAbout, ...]
    treatments: int
    findings: tuple[FindingAbout, ...]


def described(reading: Reading[Case], modalities: Counter[str]) -> CaseAbout:
    """A case that was read in one piece; raises Refusal for what makes none, or `case-nothing-read`."""
    case = reading.value
    header = _header(case)
    for finding in reading.findings:
        if finding.code in GRAVE:
            raise Refusal(finding.code, details=finding.details)
    return CaseAbout(
        patient_name=header.patient.name,
        patient_number=header.patient.number,
        birth_date=header.patient.birth_date,
        sex=header.patient.sex,
        study_date=header.study.date,
        modalities=dict(sorted(modalities.items())),
        slices=sum(len(series.instances) for series in case.images),
        structures=tuple(each.name for one in case.structure_sets for each in one.structures),
        plans=tuple(
            PlanAbout(instance=plan.instance, label=plan.label, approval=plan.approval.status, beams=len(plan.beams))
            for plan in case.plans
        ),
        doses=tuple(
            DoseAbout(
                instance=dose.instance,
                plan=dose.plan or "",
                summation=dose.summation,
                highest_gy=float(dose.volume.values.max()),
            )
            for dose in case.doses
        ),
        treatments=len(case.treatments),
        findings=tuple(map(_kept, reading.findings)),
    )


def _header(case: Case) -> Header:
    kinds = (case.images, case.structure_sets, case.plans, case.doses, case.treatments)
    first = next((one for kind in kinds for one in kind), None)
    if first is None:
        raise Refusal("case-nothing-read")
    return first.header


def _kept(finding: Finding) -> FindingAbout:
    return FindingAbout(code=finding.code, details=dict(finding.details))
