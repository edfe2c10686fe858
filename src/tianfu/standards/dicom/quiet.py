"""Nothing but a Refusal leaves a codec: pydicom's exceptions and warnings are caught here, and its words go nowhere."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from tianfu.kernel.refusal import Refusal, place_of
from tianfu.standards.dicom.findings import Finding, found

# What pydicom logs may quote a patient's values; every warning that it logs is told as a finding or a refusal too.
logging.getLogger("pydicom").propagate = False

_ONE_AT_A_TIME = threading.RLock()
"""Python keeps one list of caught warnings for all threads."""

_MAY_BE_WRITTEN = ("exceeds the size of 64 kByte", "Invalid value for VR UI")
"""What pydicom says when a value goes out as UN with a long length, which PS3.5 6.2.2 allows and readers know; and when
a UID of somebody else has a part with a leading zero: it is theirs, and changing it would break the chain."""

_ENDED_EARLY = " in file <no filename>"
"""pydicom says so when the bytes end within a sequence."""


@contextmanager
def reading() -> Iterator[list[Finding]]:
    """Do what pydicom may fail at; the list holds, once it is left, one finding for each kind of warning."""
    findings: list[Finding] = []
    with _ONE_AT_A_TIME, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield findings
        except Refusal:
            raise
        except RecursionError as error:
            raise Refusal("dicom-too-deep") from error
        except MemoryError as error:
            raise Refusal("dicom-too-large", details={"bytes": "?", "bytes_max": "?"}) from error
        except EOFError as error:
            raise Refusal("dicom-truncated") from error
        except Exception as error:
            raise Refusal("dicom-unreadable", details={"reason": _kind(error)}) from error
        messages = [str(warning.message) for warning in caught]
        if any(_ENDED_EARLY in message for message in messages):
            raise Refusal("dicom-truncated")
        findings.extend(_told(messages))


@contextmanager
def writing() -> Iterator[None]:
    """Do what pydicom may warn of; a value that the standard does not allow is a refusal."""
    with _ONE_AT_A_TIME, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except (OverflowError, UnicodeError) as error:
            raise Refusal("dicom-value-not-writable", details={"reason": _kind(error)}) from error
        if not all(any(known in str(warning.message) for known in _MAY_BE_WRITTEN) for warning in caught):
            raise Refusal("dicom-value-not-writable", details={"reason": "value representation"})


def _told(messages: list[str]) -> list[Finding]:
    guessed = sum(message.startswith("Expected ") and "VR" in message for message in messages)
    findings = [found("dicom-syntax-guessed")] if guessed else []
    if len(messages) > guessed:
        findings.append(found("dicom-irregular", times=len(messages) - guessed))
    return findings


def _kind(error: Exception) -> str:
    """An error's kind and place; never its words, which may quote a patient's values."""
    return place_of(error)
