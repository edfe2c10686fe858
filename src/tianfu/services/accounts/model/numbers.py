"""The number somebody signs in by, in the one form in which it is hashed and kept."""

from __future__ import annotations

import re
import unicodedata

from tianfu.services.accounts.model.people import Kind

NUMBER_CHARACTERS_MAX = 64
"""More is no number, and is not even looked at."""

_TELEPHONE = re.compile(r"(1[3-9]\d|100)\d{8}\Z", re.ASCII)
"""A mobile number of the mainland: eleven digits (Telecommunications numbering plan, 2017).

Or one of the demo province: those begin with 100, which no mobile number does, so that none is anybody's.
"""

_STAFF_NUMBER = re.compile(r"[A-Z0-9][A-Z0-9._-]{1,31}\Z", re.ASCII)
_ASIDE = re.compile(r"[\s()\-]")


def normal_number(kind: Kind, text: str) -> str | None:
    """The number as it is kept, or None if it can be nobody's."""
    if len(text) > NUMBER_CHARACTERS_MAX:
        return None
    plain = unicodedata.normalize("NFKC", text).strip()
    match kind:
        case Kind.RESIDENT:
            digits = _ASIDE.sub("", plain).removeprefix("+86")
            return digits if _TELEPHONE.match(digits) else None
        case Kind.STAFF:
            upper = plain.upper()
            return upper if _STAFF_NUMBER.match(upper) else None
