"""What a walk asks of each interaction of the FHIR door, and what a stranger gets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from tests.gateways.fhir.conftest import JSON, codes
from tests.gateways.fhir.walked_world import FLU, PATIENT, RECORD

FORM = {"content-type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Step:
    """One request of an interaction, and what a stranger gets, in the words of the table."""

    method: str
    address: str
    stranger: str
    body: Any = None
    form: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def condition(patient: str, record: str | None = None) -> dict[str, Any]:
    named = {} if record is None else {"id": record}
    return {"resourceType": "Condition", **named, "subject": {"reference": f"Patient/{patient}"}, "code": FLU}


def bundle(kind: str, *entries: tuple[str, str, dict[str, Any] | None]) -> dict[str, Any]:
    made = [
        {"request": {"method": method, "url": url}} | ({} if resource is None else {"resource": resource})
        for method, url, resource in entries
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": made}


def steps(patient: str, record: str) -> dict[str, list[Step]]:
    """What a walk asks of each interaction about a patient and a record of theirs; what destroys comes last."""
    by_patient = f"Condition?subject=Patient/{patient}"
    return {
        "capabilities": [Step("GET", "metadata", "the same")],
        "read": [Step("GET", f"Condition/{record}", "404"), Step("GET", f"Patient/{patient}", "404")],
        "vread": [Step("GET", f"Condition/{record}/_history/1", "404")],
        "history": [
            Step("GET", f"Condition/{record}/_history", "404"),
            Step("GET", "Condition/_history", "nothing of theirs"),
            Step("GET", "_history", "nothing of theirs"),
        ],
        "search": [
            Step("GET", f"{by_patient}&_total=accurate", "nothing"),
            Step("GET", f"{by_patient}&_summary=count", "nothing"),
            Step("GET", f"Condition?_id={record}&_include=Condition:subject", "nothing"),
            Step("GET", f"Patient?_id={patient}&_revinclude=Condition:subject&_total=accurate", "nothing"),
            Step("GET", f"Patient?_has:Condition:subject:_id={record}&_total=accurate", "nothing"),
        ],
        "search-form": [
            Step("POST", "Condition/_search", "nothing", form=f"subject=Patient/{patient}&_total=accurate")
        ],
        "everything": [Step("GET", f"Patient/{patient}/$everything", "404")],
        "create": [
            Step("POST", "Condition", "404", condition(patient), headers={"if-none-exist": f"_id={record}"}),
            Step("POST", "Condition", "404", condition(patient)),
        ],
        "update": [Step("PUT", f"Condition/{record}", "404", condition(patient, record))],
        "update-where": [Step("PUT", by_patient, "404", condition(patient))],
        "submit": [
            Step("POST", "", "404", bundle("transaction", ("POST", "Condition", condition(patient)))),
            Step("POST", "", "404", bundle("transaction", ("PUT", f"Condition/{record}", condition(patient, record)))),
            Step("POST", "", "404 in each", bundle("batch", ("GET", f"Condition/{record}", None))),
            Step(
                "POST",
                "",
                "404 in each",
                bundle(
                    "batch",
                    ("PUT", f"Condition/{record}", condition(patient, record)),
                    ("DELETE", f"Condition/{record}", None),
                    ("GET", f"Patient/{patient}", None),
                ),
            ),
        ],
        "trail-read": [Step("GET", f"AuditEvent/{record}", "403")],
        "trail-search": [Step("GET", f"AuditEvent?patient=Patient/{patient}", "403")],
        "trail-search-form": [Step("POST", "AuditEvent/_search", "403", form=f"patient=Patient/{patient}")],
        "delete-where": [Step("DELETE", f"Condition?_id={record}&subject=Patient/{patient}", "nothing")],
        "delete": [Step("DELETE", f"Condition/{record}", "404")],
    }


async def asked(client: httpx.AsyncClient, step: Step, headers: Mapping[str, str]) -> httpx.Response:
    headers = {**headers, **step.headers}
    if step.form is not None:
        return await client.request(step.method, step.address, content=step.form, headers={**headers, **FORM})
    content = None if step.body is None else orjson.dumps(step.body)
    return await client.request(step.method, step.address, content=content, headers={**headers, **JSON})


MASKS = (
    (re.compile(r"(?:\b|(?<=%2F))(?:hid|non)-(patient|record)-1\b"), r"\1"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}"), "uuid"),
    (re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z"), "instant"),
    (re.compile(r"\b[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{2}\b"), "reference"),
)
"""What tells two equal answers apart: the name that was asked for, and what is made anew for each answer."""


def told(answer: httpx.Response) -> tuple[int, dict[str, str], str]:
    """An answer as somebody sees it who wants to learn what is hidden."""
    text = answer.text
    for pattern, word in MASKS:
        text = pattern.sub(word, text)
    return answer.status_code, dict(answer.headers), text


def refuse_unless_stranger_gets(step: Step, answer: httpx.Response) -> None:
    what = f"{step.method} {step.address}: {answer.status_code} {answer.text[:300]}"
    match step.stranger:
        case "404":
            assert (answer.status_code, codes(answer)) == (404, ["not-found"]), what
        case "403":
            assert (answer.status_code, codes(answer)) == (403, ["role-cannot-do-this"]), what
        case "404 in each":
            statuses = {entry["response"]["status"] for entry in answer.json()["entry"]}
            assert statuses == {"404 Not Found"}, what
        case "nothing":
            assert answer.status_code in {200, 204}, what
            if answer.content:
                assert "entry" not in answer.json(), what
                assert answer.json().get("total", 0) == 0, what
        case "nothing of theirs":  # the directory is everybody's, and another patient may be the caller's
            assert answer.status_code == 200, what
            assert PATIENT not in answer.text, what
            assert RECORD not in answer.text, what
        case "the same":
            assert answer.status_code == 200, what
        case other:
            raise AssertionError(other)
