"""The benchmark's own parts: lines made from bundles, and the page it writes."""

from __future__ import annotations

import orjson
from bench.report import PROMISES, SIGN_IN, SIGN_IN_BESIDE, YARDSTICKS, page, sign_in_page
from bench.synthea import lines_of


def test_lines_name_by_id_what_bundles_name_by_place() -> None:
    bundle = {
        "entry": [
            {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "1"}},
            {
                "fullUrl": "urn:uuid:2",
                "resource": {"resourceType": "Observation", "id": "2", "subject": {"reference": "urn:uuid:1"}},
            },
        ]
    }
    patient, observation = lines_of(orjson.dumps(bundle))
    assert orjson.loads(patient) == {"resourceType": "Patient", "id": "1"}
    assert orjson.loads(observation)["subject"] == {"reference": "Patient/1"}


def test_the_page_tells_every_promise_with_its_runs() -> None:
    measured: dict[str, object] = {}
    for key in (*PROMISES, *YARDSTICKS):
        measured |= {key: 1234, f"{key}_runs": [1233, 1234, 1235]}
    measured["machine"] = dict.fromkeys(("date", "processor", "cores", "memory", "system", "python"), "some")
    measured["machine"] |= {"load": [0.5]}  # type: ignore[operator]
    measured |= {"resources": 1_000_000, "seconds": 50.0, "bytes_by_table": {"resource_patient": 8.5}}
    measured |= {"fhirpath_passed": 929, "fhirpath_cases": 935, "fhirpath_misses": []}
    text = page(measured)
    for key in PROMISES:
        assert f"| `{key}` | 1,234 |" in text
    assert "1,233 · 1,234 · 1,235" in text
    assert "1,000,000 resources" in text
    assert "929 of 935" in text


def test_the_page_tells_how_fast_signing_in_is() -> None:
    measured: dict[str, object] = {"seconds": 50.0}
    for key in (*SIGN_IN, *SIGN_IN_BESIDE):
        measured |= {key: 1234, f"{key}_runs": [1233, 1234, 1235]}
    text = sign_in_page(measured)
    for key in (*SIGN_IN, *SIGN_IN_BESIDE):
        assert f"| `{key}` | 1,234 |" in text
    assert "1,233 · 1,234 · 1,235" in text
    assert "`python -m bench sign_in`" in text
