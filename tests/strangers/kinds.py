"""The nine kinds of stranger as docs/reference/permissions.md has them, and what none of them may ever read."""

from __future__ import annotations

import httpx

from tests.gateways.fhir.walked_world import PATIENT, RECORD
from tests.permission_table import kind_rows
from tests.strangers.people import BABY, BIRTH, DIAGNOSIS, NAME

KINDS = {row.kind: row for row in kind_rows()}
NOT_GOOD = frozenset(kind for kind, row in KINDS.items() if row.programs == "401")
"""Kinds that are refused the same everywhere, before anybody looks at what they want."""


def show_nothing_hidden(answer: httpx.Response, *, but: str, what: object) -> None:
    """No answer tells of the hidden record; what a request names itself may be repeated."""
    seen = answer.text + str(answer.headers)
    for word in (PATIENT, BABY, RECORD, NAME, BIRTH, DIAGNOSIS):
        assert word in but or word not in seen, (what, word)
