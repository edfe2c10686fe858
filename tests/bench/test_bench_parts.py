"""The benchmark's own parts: lines made from bundles, and the page it writes."""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
import pytest
from bench import peers
from bench.report import (
    PROMISES,
    RADIOTHERAPY,
    RADIOTHERAPY_BESIDE,
    RADIOTHERAPY_PEERS,
    SIGN_IN,
    SIGN_IN_BESIDE,
    YARDSTICKS,
    page,
    radiotherapy_page,
    sign_in_page,
)
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


def _radiotherapy() -> dict[str, object]:
    machine = {"date": "2026-01-01", "processor": "some", "load": [0.5]}
    return {**dict.fromkeys((*RADIOTHERAPY, *RADIOTHERAPY_BESIDE), 0.25), "seconds": 50.0, "machine": machine}


def test_the_page_tells_how_plans_are_judged_beside_both_peers() -> None:
    row = {
        "radius_mm": 5.0,
        "who": "dicompyler-core, default",
        "volume_error_percent": -5.46,
        "mean_error_gy": 0.041,
        "d99_error_gy": -39.118,
        "d95_error_gy": 0.029,
        "ms": 10.0,
    }
    text = radiotherapy_page(
        _radiotherapy() | dict.fromkeys(RADIOTHERAPY_PEERS, 12.5) | {"dvh_beside": [row], "peers_missing": []}
    )
    for key in RADIOTHERAPY_PEERS:
        assert f"| `{key}` | 12.5 |" in text
    assert "| 5.0 | dicompyler-core, default | -5.46 | 0.041 | -39.118 | 0.029 | 10.0 |" in text
    assert "does not run here" not in text


def test_the_page_tells_which_peers_do_not_run_and_why() -> None:
    text = radiotherapy_page(_radiotherapy() | {"peers_missing": ["pymedphys: no such package"]})
    assert "Not compared, because it does not run here: pymedphys: no such package" in text


def test_a_peer_that_breaks_off_is_missing_with_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "_python", lambda _: Path(sys.executable))
    program = tmp_path / "program.py"
    program.write_text("print('[1, 2]')", "utf-8")
    assert peers.asked("somebody", program) == [1, 2]
    program.write_text("raise SystemExit('first\\nno room left')", "utf-8")
    with pytest.raises(peers.PeerMissingError, match=r"^somebody: no room left$"):
        peers.asked("somebody", program)
