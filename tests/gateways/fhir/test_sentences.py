"""Every refusal that a FHIR client can meet has a sentence in each language."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest

import tianfu.gateways.fhir
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.web.languages import Language, load_languages
from tianfu.web.outcome import FAULTS_SHOWN_MAX, STATUSES, outcome_of, sentence_of, status_of
from tianfu.web.pages import WEB_FOLDER

LANGUAGES = load_languages([WEB_FOLDER / "languages", Path(tianfu.gateways.fhir.__file__).parent / "languages"])


def catalogue(tag: str) -> dict[str, str]:
    words: dict[str, str] = orjson.loads(
        (Path(tianfu.gateways.fhir.__file__).parent / "languages" / f"{tag}.json").read_bytes()
    )
    return words


def test_both_catalogues_say_the_same_things() -> None:
    assert catalogue("zh-CN").keys() == catalogue("en").keys()


@pytest.mark.parametrize("code", sorted(STATUSES))
@pytest.mark.parametrize("tag", ["zh-CN", "en"])
def test_every_code_with_a_status_has_a_sentence(code: str, tag: str) -> None:
    assert f"refusal.{code}" in LANGUAGES[tag].phrases


def test_details_fill_the_blanks_of_a_sentence() -> None:
    refusal = Refusal("body-too-large", details={"megabytes_max": "32"})
    assert "32 MiB" in sentence_of(refusal, LANGUAGES["en"])


def test_a_refusal_without_its_details_is_still_answered() -> None:
    assert sentence_of(Refusal("body-too-large"), LANGUAGES["en"]) == LANGUAGES["en"].say("refusal.unknown")


def test_a_code_that_nobody_gave_a_status_is_unprocessable() -> None:
    assert status_of(Refusal("a-new-rule")) == 422


NEVER_OVER_HTTP = frozenset(
    {
        "key-differs",
        "record-unknown",
        "authority-missing",
        "rotation-under-way",
        "rotation-not-finished",
        "folder-not-usable",
    }
)
"""Refusals of programs that start or of commands that operators type."""


def said_by(pattern: str) -> set[str]:
    """What the parts behind the door can say, found in their source."""
    root = Path(tianfu.gateways.fhir.__file__).parents[2]
    parts = (
        "records/*.py",
        "records/search/*.py",
        "records/index/*.py",
        "vault/key*.py",
        "standards/fhir/**/*.py",
        "gateways/fhir/**/*.py",
    )
    files = [file for part in parts for file in root.glob(part)]
    return {code for file in files for code in re.findall(pattern, file.read_text("utf-8"))}


def test_every_refusal_behind_the_door_has_a_status() -> None:
    assert said_by(r'Refusal\(\s*"([a-z-]+)"') - NEVER_OVER_HTTP <= STATUSES.keys()


def test_every_fault_in_a_bundle_has_a_sentence() -> None:
    faults = said_by(r'_invalid\([^,]+,\s*"([a-z-]+)"')
    assert faults
    assert {f"fault.{code}" for code in faults} <= catalogue("en").keys()


def outcome(refusal: Refusal, language: Language) -> dict[str, object]:
    parsed: dict[str, object] = orjson.loads(outcome_of(refusal, language=language, reference="7F3K-2Q"))
    return parsed


def test_an_outcome_names_every_fault_with_its_path_and_the_reference() -> None:
    faults = (Fault("Patient.name[0].given", "array-expected"), Fault("Patient.birthDate", "date-impossible"))
    said = orjson.dumps(outcome(Refusal("resource-invalid", faults=faults), LANGUAGES["zh-CN"])).decode()
    assert "Patient.name[0].given" in said
    assert "Patient.birthDate" in said
    assert "7F3K-2Q" in said


def test_a_thousand_faults_are_cut_off_aloud() -> None:
    faults = tuple(Fault(f"Patient.name[{n}]", "type-wrong") for n in range(1_000))
    told = outcome(Refusal("resource-invalid", faults=faults), LANGUAGES["en"])
    issues = told["issue"]
    assert isinstance(issues, list)
    assert len(issues) == FAULTS_SHOWN_MAX + 1
    assert "900 more" in issues[0]["diagnostics"]
