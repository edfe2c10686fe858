"""Dates that no calendar has (PS3.5 6.2, DA): they are told, for an object is read without them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from tianfu.standards.dicom.elements import Item
from tianfu.standards.dicom.findings import Finding, found

OF_EVERY_OBJECT = ("PatientBirthDate", "StudyDate")


def impossible_dates(item: Item, keywords: Sequence[str] = ()) -> Iterator[Finding]:
    """`dicom-date-impossible` for each of these and of every object's dates that is no day, or before the birth."""
    born = day_of(item.text("PatientBirthDate"))
    for keyword in (*OF_EVERY_OBJECT, *keywords):
        text = item.text(keyword)
        day = day_of(text)
        if text and (day is None or (born is not None and day < born)):
            yield found("dicom-date-impossible", attribute=item.place + keyword)


def day_of(text: str) -> date | None:
    """The day of YYYYMMDD, or of YYYY.MM.DD as objects of before 1993 have it; None if there is no such day."""
    digits = text.replace(".", "") if len(text) == 10 else text
    if len(digits) != 8 or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
