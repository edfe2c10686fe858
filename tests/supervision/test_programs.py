"""A program of another house signs in to a running installation with its own key, and reads."""

from __future__ import annotations

import pytest
from bench.program import Program
from tests.supervision.installation import Installation


@pytest.fixture
def desk(installation: Installation) -> Program:
    """A program that may do everything, in an installation that is served."""
    installation.serve()
    return Program.registered(installation.environment, f"http://localhost:{installation.port}")


@pytest.mark.slow  # starts the whole program
def test_a_program_writes_and_reads_with_the_tokens_that_its_key_gets(desk: Program) -> None:
    with desk.client() as client:
        made = client.post("/fhir/Patient", json={"resourceType": "Patient", "active": True})
        assert made.status_code == 201, made.text
        desk.forget_token()
        assert client.get(f"/fhir/Patient/{made.json()['id']}").json()["active"] is True
