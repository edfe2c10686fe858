"""Rules on whose objects these are, in which order they were made, and who approved them (PS3.3 C.7 and C.8.8.16)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date

from tianfu.apps.radiotherapy.model.checking.books import MPPG_11A, TG_275, Book, dicom
from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError, Seen, Severity, Topic, seen
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.standards.dicom.dates import day_of
from tianfu.standards.dicom.headers import Header
from tianfu.standards.dicom.plans import Plan

BOOK = Book(Topic.CHAIN)

AGE_YEARS_MOST = 120
IMAGE_DAYS_MOST = 42
"""After six weeks a patient may look otherwise than on the planning image. [ours]"""

FOR_TREATMENT = frozenset({"CURATIVE", "PALLIATIVE", "PROPHYLACTIC"})
"""Plan Intent (300A,000A) of plans for people; others are VERIFICATION, MACHINE_QA, RESEARCH, SERVICE (C.8.8.9)."""


@BOOK.rule("patient-number-missing", Severity.STOP, TG_275, "inferred")
def _number(checked: Checked) -> Iterator[Seen]:
    for name, header in _headers(checked):
        if not header.patient.number:
            yield seen({"object": name})


@BOOK.rule("patient-name-missing", Severity.WARNING, TG_275, "inferred")
def _name(checked: Checked) -> Iterator[Seen]:
    for name, header in _headers(checked):
        if not header.patient.name.strip("^ "):
            yield seen({"object": name})


@BOOK.rule("birth-date-missing", Severity.NOTICE, TG_275, "inferred")
def _birth_date(checked: Checked) -> Iterator[Seen]:
    if not any(header.patient.birth_date for _, header in _headers(checked)):
        yield seen()


@BOOK.rule("birth-dates-differ", Severity.STOP, TG_275, "inferred")
def _birth_dates(checked: Checked) -> Iterator[Seen]:
    yield from _differ(checked, lambda header: header.patient.birth_date)


@BOOK.rule("sexes-differ", Severity.STOP, TG_275, "inferred")
def _sexes(checked: Checked) -> Iterator[Seen]:
    yield from _differ(checked, lambda header: header.patient.sex)


@BOOK.rule("age-impossible", Severity.WARNING, TG_275, "ours")
def _age(checked: Checked) -> Iterator[Seen]:
    born, planned = _day(checked.plan.header.patient.birth_date), _day(checked.plan.date)
    years = (planned - born).days / 365.25
    if not 0 <= years <= AGE_YEARS_MOST:
        yield seen(found=f"{years:.0f} a", limit=f"0-{AGE_YEARS_MOST} a")


@BOOK.rule("plan-rejected", Severity.STOP, dicom("C.8.8.16"), "memory")
def _rejected(checked: Checked) -> Iterator[Seen]:
    if checked.plan.approval.status == "REJECTED":
        yield seen()


@BOOK.rule("plan-not-approved", Severity.WARNING, TG_275, "inferred")
def _not_approved(checked: Checked) -> Iterator[Seen]:
    if checked.plan.approval.status not in {"APPROVED", "REJECTED"}:
        yield seen(found=checked.plan.approval.status or "?", expected="APPROVED")


@BOOK.rule("structures-rejected", Severity.STOP, dicom("C.8.8.16"), "memory")
def _structures_rejected(checked: Checked) -> Iterator[Seen]:
    if checked.structure_set.approval.status == "REJECTED":
        yield seen()


@BOOK.rule("structures-not-approved", Severity.WARNING, TG_275, "inferred")
def _structures_not_approved(checked: Checked) -> Iterator[Seen]:
    if checked.structure_set.approval.status not in {"APPROVED", "REJECTED"}:
        yield seen(found=checked.structure_set.approval.status or "?", expected="APPROVED")


@BOOK.rule("approval-without-reviewer", Severity.WARNING, dicom("C.8.8.16"), "memory")
def _reviewer(checked: Checked) -> Iterator[Seen]:
    approval = checked.plan.approval
    if approval.status == "APPROVED" and not (approval.reviewer and approval.date):
        yield seen()


@BOOK.rule("approval-before-plan", Severity.STOP, TG_275, "inferred")
def _approval_date(checked: Checked) -> Iterator[Seen]:
    yield from _before(checked.plan.approval.date, checked.plan.date)


@BOOK.rule("structures-before-image", Severity.WARNING, TG_275, "inferred")
def _structures_date(checked: Checked) -> Iterator[Seen]:
    yield from _before(checked.structure_set.date, checked.images.header.study.date)


@BOOK.rule("plan-before-structures", Severity.STOP, TG_275, "inferred")
def _plan_date(checked: Checked) -> Iterator[Seen]:
    yield from _before(
        checked.plan.date + checked.plan.time[:6], checked.structure_set.date + checked.structure_set.time[:6]
    )


@BOOK.rule("structures-approved-after-plan", Severity.WARNING, TG_275, "ours")
def _structures_approval(checked: Checked) -> Iterator[Seen]:
    yield from _before(checked.plan.approval.date, checked.structure_set.approval.date)


@BOOK.rule("image-old", Severity.WARNING, MPPG_11A, "ours")
def _image_age(checked: Checked) -> Iterator[Seen]:
    days = (_day(checked.plan.date) - _day(checked.images.header.study.date)).days
    if days > IMAGE_DAYS_MOST:
        yield seen(found=f"{days} d", limit=f"{IMAGE_DAYS_MOST} d")


@BOOK.rule("plan-not-for-treatment", Severity.STOP, dicom("C.8.8.9"), "memory")
def _intent(checked: Checked) -> Iterator[Seen]:
    if not checked.plan.intent:
        raise NotJudgedError("not-said")
    if checked.plan.intent not in FOR_TREATMENT:
        yield seen(found=checked.plan.intent)


@BOOK.rule("plan-unnamed", Severity.NOTICE, TG_275, "inferred")
def _label(checked: Checked) -> Iterator[Seen]:
    if not checked.plan.label.strip("? "):
        yield seen()


@BOOK.rule("plans-same-name", Severity.WARNING, TG_275, "inferred")
def _labels(checked: Checked) -> Iterator[Seen]:
    for label, count in Counter(plan.label for plan in _plans(checked)).items():
        if count > 1:
            yield seen(found=f"{label} ({count})")


@BOOK.rule("plans-approved-several", Severity.WARNING, TG_275, "ours")
def _approved(checked: Checked) -> Iterator[Seen]:
    approved = [plan.label for plan in _plans(checked) if plan.approval.status == "APPROVED"]
    if len(approved) > 1:
        yield seen(found=", ".join(approved))


@BOOK.rule("structures-of-other-images", Severity.STOP, TG_275, "inferred")
def _other_images(checked: Checked) -> Iterator[Seen]:
    """The structure set names images, and the case has others."""
    named = {images.series for images in checked.structure_set.images}
    there = {series.header.series.uid for series in checked.case.images}
    if not named or not there:
        raise NotJudgedError("no-images")
    if not named & there:
        yield seen({"object": f"RTSTRUCT {checked.structure_set.label}"})


def _headers(checked: Checked) -> Iterator[tuple[str, Header]]:
    """Headers of what belongs to this case, each with what it is called."""
    case = checked.case
    kinds: dict[str, list[Header]] = {
        "CT": [one.header for one in case.images],
        "RTSTRUCT": [one.header for one in case.structure_sets],
        "RTPLAN": [one.header for one in case.plans],
        "RTDOSE": [one.header for one in case.doses],
        "RTRECORD": [one.header for one in case.treatments],
    }
    if not any(kinds.values()):
        raise NotJudgedError("nothing-to-check")
    for kind, headers in kinds.items():
        for number, header in enumerate(headers, start=1):
            yield f"{kind} {number}", header


def _plans(checked: Checked) -> tuple[Plan, ...]:
    if not checked.case.plans:
        raise NotJudgedError("no-plan")
    return checked.case.plans


def _differ(checked: Checked, of: Callable[[Header], str]) -> Iterator[Seen]:
    said = [(name, of(header)) for name, header in _headers(checked) if of(header)]
    if len(said) < 2:
        raise NotJudgedError("nothing-to-check")
    for name, value in said[1:]:
        if value != said[0][1]:
            # Who the patient is stays out of reports: which objects differ is enough.
            yield seen({"object": name}, other=said[0][0])


def _day(text: str) -> date:
    day = day_of(text)
    if day is None:
        raise NotJudgedError("not-said")
    return day


def _before(later: str, earlier: str) -> Iterator[Seen]:
    """A fault if what should come later came before, by DICOM's dates, with times behind them if both have any."""
    _day(later[:8])
    _day(earlier[:8])
    length = min(len(later), len(earlier))
    if later[:length] < earlier[:length]:
        yield seen(found=later[:8], limit=earlier[:8])
