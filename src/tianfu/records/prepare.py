"""Everything about a write that needs no database: validated, stored form, index values, body ready to be sealed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tianfu.kernel.ids import packed_id, record_number
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.records.audit_event import TRAIL
from tianfu.records.body import stored_form
from tianfu.records.index.extract import GENERATION, extract
from tianfu.records.index.values import IndexValues
from tianfu.records.keys import IndexKeys
from tianfu.records.sealing import Draft, Sealer
from tianfu.standards.fhir.definitions import definitions
from tianfu.standards.fhir.parsing import ParsedResource
from tianfu.standards.fhir.validation import validate


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A write ready for the tables; `values`, `stored` and `draft` are None for a deletion."""

    type: str
    type_number: int
    id: str
    packed_id: bytes
    record: int
    stored: bytes | None
    values: IndexValues | None
    draft: Draft | None
    generation: int = GENERATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparer:
    """What preparing needs beside the resource itself; one per process."""

    sealer: Sealer
    index_keys: IndexKeys

    @property
    def identifier_key(self) -> bytes:
        """The key under which identifiers are hashed."""
        return self.index_keys.identifiers

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
        return Prepared(
            type=resource_type,
            type_number=definitions().type_number(resource_type),
            id=logical_id,
            packed_id=packed_id(logical_id),
            record=record,
            stored=stored,
            values=extract(value, record, identifier_key=self.identifier_key),
            draft=self.sealer.draft(resource_type, stored),
        )

    def identities(self, parsed: ParsedResource) -> set[bytes]:
        """The keyed hashes by which a resource can be identified; raises Refusal `resource-invalid`."""
        refuse_invalid(parsed.value)
        return {hashed for hashed, _ in extract(parsed.value, 0, identifier_key=self.identifier_key).identifiers}

    def opened(self, resource_type: str, record: int, version: int, body: bytes) -> bytes:
        """The stored form of a body read from the tables."""
        return self.sealer.opened(resource_type, record, version, body)


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
        draft=None,
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
