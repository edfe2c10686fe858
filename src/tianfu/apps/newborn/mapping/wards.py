"""Stays, beds, cameras and consents as the rules of visits want to know them.  Rules: docs/rules/newborn-record.md"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tianfu.apps.newborn.mapping.codes import (
    BED,
    CAMERA_CODE,
    CONSENT,
    GUARDIANSHIP_DISPUTE,
    NEWBORN,
    PHYSICAL_TYPE,
    WARD,
    WRISTBAND,
)
from tianfu.apps.newborn.mapping.guardians import GUARDIANS, ROLE_CODE
from tianfu.apps.newborn.mapping.visits import id_in
from tianfu.kernel.instants import Instant, range_of

Element = Mapping[str, Any]
Digest = Callable[[str], str]
"""A keyed digest of a wristband's number: the number itself is kept nowhere but in the record."""

UNCLEAR_BED = ""
"""Where a baby lies whose stay names no bed, or several: somebody must look, and nobody is discharged."""


def wristbands_of(patient: Element, digest: Digest, *, now: Instant) -> tuple[str, ...]:
    """Digests of the bands that the baby wears now."""
    return tuple(digest(each) for each in bands_worn(patient, now=now))


def bands_worn(patient: Element, *, now: Instant) -> tuple[str, ...]:
    """The numbers of the bands that the baby wears now: an old one is none, nor is one whose time is over."""
    return tuple(
        str(each["value"])
        for each in patient.get("identifier", ())
        if each.get("system") == WRISTBAND and each.get("use") != "old" and each.get("value") and _holds(each, now)
    )


def _holds(identifier: Element, now: Instant) -> bool:
    """Whether an identifier's time is not over; of one that nobody can read it is."""
    end = (identifier.get("period") or {}).get("end")
    try:
        return end is None or range_of(str(end))[1] > now
    except ValueError:
        return False


def has_died(patient: Element) -> bool:
    """Whether the record says that somebody died."""
    return "deceasedDateTime" in patient or patient.get("deceasedBoolean") is True


def bed_of(stays: Iterable[Element]) -> str | None:
    """The bed in which a baby lies by its open stays; None if none is open, `UNCLEAR_BED` if they do not say one."""
    opened = [each for each in stays if each.get("status") == "in-progress"]
    if not opened:
        return None
    beds = {bed for stay in opened for bed in beds_of_stay(stay)}
    return beds.pop() if len(beds) == 1 else UNCLEAR_BED


def beds_of_stay(stay: Element) -> set[str]:
    """The beds in which somebody lies now by a stay."""
    return {
        id_in(place.get("location"), "Location")
        for place in stay.get("location", ())
        if place.get("status") == "active"
    }


def bed_of_camera(device: Element) -> str | None:
    """The bed at which a camera hangs; None if it is not in use or hangs nowhere."""
    return id_in(device.get("location"), "Location") or None if device.get("status") == "active" else None


def camera_label(device: Element) -> str:
    """What is printed on a camera."""
    return next((each["value"] for each in device.get("identifier", ()) if each.get("system") == CAMERA_CODE), "")


def allows(consents: Iterable[Element], guardian: str, what: str) -> bool:
    """Whether a guardian's consent to something stands."""
    return any(
        each.get("status") == "active"
        and guardian in {id_in(one, "RelatedPerson") for one in each.get("performer", ())}
        and (CONSENT, what) in _codings(each.get("category", ()))
        for each in consents
    )


def is_clear(guardian: Element, baby: str, flags: Iterable[Element], *, now: Instant) -> bool:
    """Whether somebody is the baby's guardian now, by relation and by time, and nobody disputes it."""
    if not _codings(guardian.get("relationship", ())) & {(ROLE_CODE, each) for each in GUARDIANS}:
        return False
    if guardian.get("active", True) is not True or id_in(guardian.get("patient"), "Patient") != baby:
        return False
    period = guardian.get("period") or {}
    try:
        has_begun = "start" not in period or range_of(period["start"])[0] <= now
        has_ended = "end" in period and range_of(period["end"])[1] <= now
    except ValueError:
        return False
    return has_begun and not has_ended and not any(is_dispute(each) for each in flags)


def is_dispute(flag: Element) -> bool:
    """Whether a Flag says that guardianship is in dispute now."""
    return is_raised(flag, GUARDIANSHIP_DISPUTE)


def is_raised(flag: Element, what: str) -> bool:
    """Whether a Flag says one of our codes of a baby, and that it is so now."""
    return flag.get("status") == "active" and is_flag_of(flag, what)


def is_flag_of(flag: Element, what: str) -> bool:
    """Whether a Flag says, or said, one of our codes of a baby."""
    concepts = [*flag.get("category", ()), flag.get("code") or {}]
    return (NEWBORN, what) in _codings(concepts)


def is_ward(location: Element) -> bool:
    """Whether a Location is a ward."""
    return (PHYSICAL_TYPE, WARD) in _codings([location.get("physicalType") or {}])


def is_bed(location: Element) -> bool:
    """Whether a Location is a bed."""
    return (PHYSICAL_TYPE, BED) in _codings([location.get("physicalType") or {}])


def _codings(concepts: Iterable[Element]) -> set[tuple[str, str]]:
    return {(str(one.get("system")), str(one.get("code"))) for each in concepts for one in each.get("coding", ())}
