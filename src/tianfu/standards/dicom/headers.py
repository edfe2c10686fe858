"""Who and what an object belongs to: patient, study, series and frame of reference, alike in all objects of a case.

PS3.3: Patient C.7.1.1, General Study C.7.2.1, RT Series C.8.8.1, Frame of Reference C.7.4.1, General Equipment C.7.5.1,
SOP Common C.12.1, Approval C.8.8.16.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import RTPlanStorage

from tianfu.standards.dicom.elements import Item, filled
from tianfu.standards.dicom.findings import Finding, found
from tianfu.standards.dicom.quiet import writing

OURS = "Tianfu"
"""Manufacturer (0008,0070) of what we make ourselves."""

TEXT_IS_UTF_8 = "ISO_IR 192"
"""Specific Character Set (0008,0005) of what we write: names are Chinese."""


@dataclass(frozen=True, kw_only=True)
class Patient:
    """`birth_date` is YYYYMMDD or empty; `sex` M, F, O or empty; `name` has DICOM's carets."""

    name: str
    number: str
    birth_date: str
    sex: str


@dataclass(frozen=True, kw_only=True)
class Study:
    """The examination; `uid` holds a case together."""

    uid: str
    date: str = ""
    time: str = ""
    number: str = ""
    accession: str = ""


@dataclass(frozen=True, kw_only=True)
class Series:
    """Objects of one kind made together."""

    uid: str
    number: int | None = None
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What every object carries; `frame` is the Frame of Reference UID, None if the object has none."""

    patient: Patient
    study: Study
    series: Series
    frame: str | None
    manufacturer: str = OURS


@dataclass(frozen=True, kw_only=True)
class Approval:
    """`status` is APPROVED, UNAPPROVED or REJECTED, empty if unsaid; who judged and when, if somebody did."""

    status: str = ""
    reviewer: str = ""
    date: str = ""
    time: str = ""


UNSAID = Approval()

APPROVALS = frozenset({"APPROVED", "UNAPPROVED", "REJECTED"})
"""The values that Approval Status (300E,0002) may have."""


def read_header(item: Item) -> Header:
    """The header of an object; raises Refusal if study or series have no UID."""
    return Header(
        patient=Patient(
            name=item.text("PatientName"),
            number=item.text("PatientID"),
            birth_date=item.text("PatientBirthDate"),
            sex=item.text("PatientSex"),
        ),
        study=Study(
            uid=item.uid("StudyInstanceUID"),
            date=item.text("StudyDate"),
            time=item.text("StudyTime"),
            number=item.text("StudyID"),
            accession=item.text("AccessionNumber"),
        ),
        series=Series(
            uid=item.uid("SeriesInstanceUID"),
            number=item.whole_or_none("SeriesNumber"),
            description=item.text("SeriesDescription"),
        ),
        frame=item.uid_or_none("FrameOfReferenceUID"),
        manufacturer=item.text("Manufacturer"),
    )


def header_dataset(header: Header, *, sop_class: str, instance: str, modality: str) -> Dataset:
    """A data set that has the header's modules and nothing else."""
    patient, study, series = header.patient, header.study, header.series
    return filled(
        SpecificCharacterSet=TEXT_IS_UTF_8,
        SOPClassUID=sop_class,
        SOPInstanceUID=instance,
        Modality=modality,
        PatientName=patient.name,
        PatientID=patient.number,
        PatientBirthDate=patient.birth_date,
        PatientSex=patient.sex,
        StudyInstanceUID=study.uid,
        StudyDate=study.date,
        StudyTime=study.time,
        StudyID=study.number,
        AccessionNumber=study.accession,
        ReferringPhysicianName="",
        SeriesInstanceUID=series.uid,
        SeriesNumber="" if series.number is None else series.number,
        SeriesDescription=series.description or None,
        Manufacturer=header.manufacturer,
        FrameOfReferenceUID=header.frame,
        PositionReferenceIndicator=None if header.frame is None else "",
    )


def refuse_unwritable(header: Header) -> None:
    """Raise Refusal `dicom-value-not-writable` for what another wrote and no object of ours may have: a date with
    hyphens, a number of eighty characters.  Asked before anything is computed that is to be written under it."""
    with writing():
        header_dataset(header, sop_class=RTPlanStorage, instance=header.study.uid, modality="RTPLAN")


def read_approval(item: Item) -> Approval:
    """The Approval module, unsaid if it is absent."""
    return Approval(
        status=item.text("ApprovalStatus"),
        reviewer=item.text("ReviewerName"),
        date=item.text("ReviewDate"),
        time=item.text("ReviewTime"),
    )


def approval_findings(approval: Approval) -> list[Finding]:
    """`approval-unknown` for a status that says neither that somebody approved nor that nobody did."""
    if approval.status in {"", *APPROVALS}:
        return []
    return [found("approval-unknown", status=approval.status)]


def write_approval(dataset: Dataset, approval: Approval) -> None:
    """Add the Approval module, if anything is said; reviewer and time stand in it once it was judged (2C)."""
    if not approval.status:
        return
    is_judged = approval.status in {"APPROVED", "REJECTED"}
    said = bool(approval.reviewer or approval.date or approval.time)
    dataset.ApprovalStatus = approval.status
    if is_judged or said:
        dataset.ReviewerName = approval.reviewer
        dataset.ReviewDate = approval.date
        dataset.ReviewTime = approval.time


def reference(sop_class: str, instance: str, **more: object) -> Dataset:
    """An item that points at an object."""
    return filled(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=instance, **more)
