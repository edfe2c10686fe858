"""Everything about a write that needs no database: validated, stored form, index values, compressed body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tianfu.kernel.ids import packed_id, record_number
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.records.audit_event import TRAIL
from tianfu.records.body import Protection, stored_form
from tianfu.records.codec import Codec
from tianfu.records.index.extract import GENERATION, extract
from tianfu.records.index.values import IndexValues
from tianfu.standards.fhir.definitions import definitions
from tianfu.standards.fhir.parsing import ParsedResource
from tianfu.standards.fhir.validation import validate


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A write ready for the tables; `values`, `stored` and `body` are None for a deletion."""

    type: str
    type_number: int
    id: str
    packed_id: bytes
    record: int
    stored: bytes | None
    values: IndexValues | None
    body: bytes | None
    generation: int = GENERATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparer:
    """What preparing needs beside the resource itself; one per process."""

    codec: Codec
    protection: Protection
    identifier_key: bytes

    def write(self, parsed: ParsedResource, logical_id: str, *, is_valid: bool = False) -> Prepared:
        """Prepare a resource under an id; raises Refusal `resource-invalid` with every fault and its path."""
        value = parsed.value
        if not is_valid:
            refuse_invalid(value)
        resource_type: str = value["resourceType"]
        if resource_type == TRAIL:
            raise Refusal("audit-trail-read-only", next_step="use-another-method", details={"allowed": "GET"})
        record = record_number(resource_type, logical_id)
        stored = stored_form(parsed.text)
        sealed = self.protection.seal(resource_type, record, stored)
        return Prepared(
            type=resource_type,
            type_number=definitions().type_number(resource_type),
            id=logical_id,
            packed_id=packed_id(logical_id),
            record=record,
            stored=stored,
            values=extract(value, record, identifier_key=self.identifier_key),
            body=self.codec.compress(resource_type, sealed),
        )

    def identities(self, parsed: ParsedResource) -> set[bytes]:
        """The keyed hashes by which a resource can be identified; raises Refusal `resource-invalid`."""
        refuse_invalid(parsed.value)
        return {hashed for hashed, _ in extract(parsed.value, 0, identifier_key=self.identifier_key).identifiers}

    def opened(self, resource_type: str, record: int, body: bytes) -> bytes:
        """The stored form of a body read from the tables."""
        return self.protection.open(resource_type, record, self.codec.decompress(body))


def deletion(resource_type: str, logical_id: str) -> Prepared:
    """Prepare the deletion of a resource."""
    return Prepared(
        type=resource_type,
        type_number=definitions().type_number(resource_type),
        id=logical_id,
        packed_id=packed_id(logical_id),
        record=record_number(resource_type, logical_id),
        stored=None,
        values=None,
        body=None,
    )


def refuse_invalid(
    value: dict[str, Any],
    *,
    at: Callable[[str], str] = str,
    validator: Callable[[dict[str, Any]], tuple[Fault, ...]] = validate,
) -> None:
    """Raise Refusal `resource-invalid` if a resource breaks R4; `at` turns a path into one inside its bundle."""
    faults = validator(value)
    if faults:
        placed = tuple(Fault(at(fault.path), fault.code, fault.details) for fault in faults)
        raise Refusal("resource-invalid", faults=placed)
