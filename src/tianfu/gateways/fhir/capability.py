"""What this server can do, told from what it does (https://hl7.org/fhir/R4/capabilitystatement.html)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

import orjson

from tianfu.gateways.fhir.limits import BODY_BYTES_MAX
from tianfu.kernel.instants import to_fhir_instant
from tianfu.records.audit_event import TRAIL
from tianfu.records.search import executed_parameters
from tianfu.records.search.followed import is_followed
from tianfu.standards.fhir.definitions import SearchParameter, definitions

FHIR_VERSION = "4.0.1"

_INTERACTIONS = (
    "read",
    "vread",
    "update",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
)
_SYSTEM_INTERACTIONS = ("transaction", "batch", "history-system")

TRAIL_PARAMETERS = frozenset(
    {"date", "patient", "agent", "altid", "agent-role", "action", "subtype", "outcome", "entity"}
)
"""By what the trail can be searched."""

EVERYTHING = {
    "name": "everything",
    "definition": "http://hl7.org/fhir/OperationDefinition/Patient-everything",
}

Searchable = Callable[[str], Collection[str]]
"""The codes of a type's parameters that all its records are indexed for."""


OAUTH_ADDRESSES = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
"""The extension in which programs from before SMART's discovery document look for where to sign in.

SMART App Launch 2.2 keeps it for them: https://hl7.org/fhir/smart-app-launch/conformance.html"""


def capability_statement(base: str, *, at: int, searchable: Searchable, sign_in: Mapping[str, str]) -> bytes:
    """The CapabilityStatement of this server as reached under `base`; `sign_in` as `Door` has it."""
    statement = {
        "resourceType": "CapabilityStatement",
        "url": f"{base}/metadata",
        "status": "active",
        "date": to_fhir_instant(at),
        "kind": "instance",
        "software": {"name": "Tianfu", "version": version("tianfu")},
        "implementation": {"description": "Tianfu record store", "url": base},
        "fhirVersion": FHIR_VERSION,
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "documentation": f"Bodies up to {BODY_BYTES_MAX // 1024**2} MiB. Unknown search parameters are refused "
                "unless the client prefers handling=lenient.",
                "resource": [_resource(name, searchable(name)) for name in definitions().resource_types],
                "interaction": [{"code": code} for code in _SYSTEM_INTERACTIONS],
                **_security(sign_in),
            }
        ],
    }
    return orjson.dumps(statement)


def _security(sign_in: Mapping[str, str]) -> dict[str, Any]:
    """Where programs sign in."""
    if not sign_in:
        return {}
    service = {"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "SMART-on-FHIR"}
    addresses = [{"url": name, "valueUri": address} for name, address in sign_in.items()]
    return {
        "security": {
            "extension": [{"url": OAUTH_ADDRESSES, "extension": addresses}],
            "service": [{"coding": [service]}],
        }
    }


def _trail() -> dict[str, Any]:
    """The trail of who did what: read and searched, never written by a client."""
    found = definitions().search_parameters[TRAIL]
    return {
        "type": TRAIL,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{TRAIL}",
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "no-version",
        "searchParam": [_parameter(parameter) for parameter in found if parameter.code in TRAIL_PARAMETERS],
    }


def _resource(name: str, searchable: Collection[str]) -> dict[str, Any]:
    if name == TRAIL:
        return _trail()
    operations = {"operation": [EVERYTHING]} if name == "Patient" else {}
    parameters = [p for p in executed_parameters(name) if p.code in searchable or p.code in {"_id", "_lastUpdated"}]
    return {
        "type": name,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{name}",
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        "referencePolicy": ["literal"],
        "searchInclude": ["*", *(f"{name}:{p.code}" for p in parameters if is_followed(p))],
        "searchRevInclude": ["*", *_pointing_at()[name]],
        "searchParam": [_parameter(parameter) for parameter in parameters],
        **operations,
    }


@cache
def _pointing_at() -> dict[str, list[str]]:
    """For each type, the references made for pointing to it; one that may point to anything is not repeated here."""
    found: dict[str, list[str]] = {name: [] for name in definitions().resource_types}
    for source in definitions().resource_types:
        for parameter in executed_parameters(source):
            for target in parameter.targets if is_followed(parameter) else ():
                found[target].append(f"{source}:{parameter.code}")
    return found


def _parameter(parameter: SearchParameter) -> dict[str, str]:
    return {"name": parameter.code, "type": parameter.type}
