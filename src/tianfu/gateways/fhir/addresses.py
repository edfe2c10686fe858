"""FHIR's addresses and what may be done at each (https://hl7.org/fhir/R4/http.html#summary)."""

from __future__ import annotations

from typing import Literal, NamedTuple

from tianfu.kernel.ids import FHIR_ID
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit_event import TRAIL
from tianfu.standards.fhir.definitions import definitions

Interaction = Literal[
    "capabilities",
    "submit",
    "history",
    "search",
    "search-form",
    "create",
    "update",
    "update-where",
    "delete",
    "delete-where",
    "read",
    "vread",
    "trail-search",
    "trail-search-form",
    "trail-read",
    "everything",
]


class Target(NamedTuple):
    """What is asked for where; empty strings where the address has no such part."""

    interaction: Interaction
    type: str = ""
    id: str = ""
    version: int = 0


_TYPES = frozenset(definitions().resource_types)
_AT_BASE: dict[str, Interaction] = {"POST": "submit"}
_AT_TYPE: dict[str, Interaction] = {
    "GET": "search",
    "POST": "create",
    "PUT": "update-where",
    "DELETE": "delete-where",
}
_AT_RECORD: dict[str, Interaction] = {"GET": "read", "PUT": "update", "DELETE": "delete"}
_ONLY_GET = frozenset({"GET"})


def target_of(method: str, segments: tuple[str, ...]) -> Target:
    """What a request wants; raises Refusal for an address or a method that does not exist here."""
    wanted = "GET" if method == "HEAD" else method
    if segments[:1] == (TRAIL,):
        return _of_trail(wanted, segments)
    match segments:
        case (kind, logical_id) if kind in _TYPES and FHIR_ID.match(logical_id):
            return Target(_allowed(wanted, _AT_RECORD), kind, logical_id)
        case (kind,) if kind in _TYPES:
            return Target(_allowed(wanted, _AT_TYPE), kind)
        case (kind, "_search") if kind in _TYPES:
            return Target(_allowed(wanted, {"POST": "search-form"}), kind)
        case (kind, "_history") if kind in _TYPES:
            return Target(_allowed(wanted, {"GET": "history"}), kind)
        case (kind, logical_id, "_history") if kind in _TYPES:
            return Target(_allowed(wanted, {"GET": "history"}), kind, _checked(logical_id))
        case (kind, logical_id, "_history", version) if kind in _TYPES:
            interaction = _allowed(wanted, {"GET": "vread"})
            return Target(interaction, kind, _checked(logical_id), _version(version))
        case ("Patient", logical_id, "$everything"):
            return Target(_allowed(wanted, {"GET": "everything"}), "Patient", _checked(logical_id))
        case ():
            return Target(_allowed(wanted, _AT_BASE))
        case ("metadata",):
            return Target(_allowed(wanted, {"GET": "capabilities"}))
        case ("_history",):
            return Target(_allowed(wanted, {"GET": "history"}))
        case _:
            raise _unknown(segments)


def methods_at(segments: tuple[str, ...]) -> tuple[str, ...]:
    """The methods an address takes; raises Refusal for an address that does not exist here."""
    found = []
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE"):
        try:
            target_of(method, segments)
        except Refusal as refusal:
            if refusal.code not in {"method-not-allowed", "audit-trail-read-only"}:
                raise
        else:
            found.append(method)
    return (*found, "OPTIONS")


def _of_trail(method: str, segments: tuple[str, ...]) -> Target:
    """The trail is read and searched; nobody writes, changes or deletes an event, and an event has one version."""
    if method in {"POST", "PUT", "PATCH", "DELETE"} and segments[1:] != ("_search",):
        raise Refusal(
            "audit-trail-read-only", next_step="use-another-method", details={"allowed": "GET, HEAD, OPTIONS"}
        )
    match segments:
        case (kind,):
            return Target(_allowed(method, {"GET": "trail-search"}), kind)
        case (kind, "_search"):
            return Target(_allowed(method, {"POST": "trail-search-form"}), kind)
        case (kind, logical_id):
            return Target(_allowed(method, {"GET": "trail-read"}), kind, _checked(logical_id))
        case _:
            raise Refusal("address-unknown", next_step="read-the-capability-statement")


def _allowed(method: str, here: dict[str, Interaction]) -> Interaction:
    interaction = here.get(method)
    if interaction is None:
        methods = [*here, *(["HEAD"] if "GET" in here else []), "OPTIONS"]
        raise Refusal("method-not-allowed", next_step="use-another-method", details={"allowed": ", ".join(methods)})
    return interaction


def _checked(logical_id: str) -> str:
    if not FHIR_ID.match(logical_id):
        raise Refusal("id-malformed")
    return logical_id


def _version(text: str) -> int:
    # A version that no record can have is one that is not there.
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0


def _unknown(segments: tuple[str, ...]) -> Refusal:
    if any(segment.startswith("$") for segment in segments):
        return Refusal("operation-unknown", next_step="read-the-capability-statement")
    if segments[0] not in _TYPES and segments[0][:1].isupper():
        return Refusal("resource-type-unknown", next_step="read-the-capability-statement")
    if len(segments) == 2 and segments[0] in _TYPES:
        return Refusal("id-malformed")
    return Refusal("address-unknown", next_step="read-the-capability-statement")
