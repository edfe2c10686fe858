"""Bundles put together from the text of records (https://hl7.org/fhir/R4/bundle.html)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from tianfu.gateways.fhir.negotiation import etag
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import to_fhir_instant
from tianfu.records.outcomes import HistoryEntry

Link = tuple[str, str]
"""A relation (`self`, `next`) and an address."""

_METHODS = {"create": "POST", "update": "PUT", "delete": "DELETE"}
_STATUSES = {"create": "201", "update": "200", "delete": "204"}


def bundle(kind: str, *, at: int, links: Sequence[Link], total: int | None, entries: Iterable[bytes]) -> bytes:
    """A Bundle of entries that are JSON text already."""
    joined = b",".join(entries)
    head = orjson.dumps(
        {
            "resourceType": "Bundle",
            "id": new_uuid7(),
            "meta": {"lastUpdated": to_fhir_instant(at)},
            "type": kind,
            **({} if total is None else {"total": total}),
            **({"link": [{"relation": relation, "url": url} for relation, url in links]} if links else {}),
        }
    )
    # FHIR forbids an empty array.
    return head[:-1] + b',"entry":[' + joined + b"]}" if joined else head


def match_entry(base: str, resource_type: str, logical_id: str, text: bytes, *, mode: str = "match") -> bytes:
    """One result of a search."""
    full_url = orjson.dumps(f"{base}/{resource_type}/{logical_id}")
    return b'{"fullUrl":%s,"resource":%s,"search":{"mode":"%s"}}' % (full_url, text, mode.encode())


def outcome_entry(outcome: bytes) -> bytes:
    """An OperationOutcome among the results of a search: what was left out."""
    return b'{"resource":%s,"search":{"mode":"outcome"}}' % outcome


def history_entry(base: str, entry: HistoryEntry) -> bytes:
    """One version in a history, a deletion without a resource."""
    address = f"{entry.type}/{entry.id}"
    request = orjson.dumps(
        {
            "method": _METHODS[entry.operation],
            "url": entry.type if entry.operation == "create" else address,
        }
    )
    response = orjson.dumps(
        {
            "status": _STATUSES[entry.operation],
            "etag": etag(entry.version).decode(),
            "lastModified": to_fhir_instant(entry.changed_at),
        }
    )
    resource = b"" if entry.record is None else b',"resource":' + entry.record.text
    full_url = orjson.dumps(f"{base}/{address}")
    return b'{"fullUrl":%s%s,"request":%s,"response":%s}' % (full_url, resource, request, response)
