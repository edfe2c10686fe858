"""Parsing and validation against real records, where they are at hand."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path

from tianfu.kernel.refusal import Fault
from tianfu.standards.fhir.parsing import parse_bundle, parse_resource
from tianfu.standards.fhir.validation import validate
from tianfu.standards.fhir.validation.quick import is_surely_valid


def test_whole_synthetic_lives_are_valid_and_known_quickly(synthea_folder: Path) -> None:
    resources = 0
    for file in sorted(synthea_folder.glob("*.json.gz")):
        data = gzip.decompress(file.read_bytes())
        for entry in parse_bundle(data).entries:
            assert entry.resource is not None
            value = parse_resource(entry.resource).value
            assert is_surely_valid(value), (file.name, validate(value))
            resources += 1
    assert resources == 16_236


def test_the_text_of_synthetic_lives_keeps_every_digit(synthea_folder: Path) -> None:
    for file in sorted(synthea_folder.glob("*.json.gz"))[:3]:
        data = gzip.decompress(file.read_bytes())
        sent = json.loads(data, parse_float=Decimal)["entry"]
        texts = [parse_resource(entry.resource or b"").text for entry in parse_bundle(data).entries]
        assert [json.loads(text, parse_float=Decimal) for text in texts] == [entry["resource"] for entry in sent]


DISPLAY_ITEMS_WITHOUT_LINK_ID = 50

FAULTS_OF_EXAMPLES = {
    # The path names a DeviceDefinition; R4 allows a Device: https://hl7.org/fhir/R4/devicemetric.html
    "devicemetric-example.json": {("DeviceMetric.parent.reference", "reference-target")},
    # A Procedure is no reason: https://hl7.org/fhir/R4/deviceusestatement.html
    "deviceusestatement-example.json": {("DeviceUseStatement.reasonReference[0].reference", "reference-target")},
    # A practitioner dispenses; R4 allows an organization: https://hl7.org/fhir/R4/medicationrequest.html
    "medicationrequest0301.json": {("MedicationRequest.dispenseRequest.performer.reference", "reference-target")},
}
"""Official examples that break the official rules, and where."""


def test_official_examples_are_valid_but_for_known_faults(official_examples_folder: Path) -> None:
    files = sorted((official_examples_folder / "examples").glob("*.json"))
    assert len(files) == 72
    found = {file.name: faults_of_file(file) for file in files}
    questionnaire = found.pop("bundle-questionnaire.json")
    # Every item needs a linkId, its display items have none: https://hl7.org/fhir/R4/questionnaire.html
    assert {(fault.path.rsplit(".", 1)[1], fault.code) for fault in questionnaire} == {("linkId", "required-missing")}
    assert len(questionnaire) == DISPLAY_ITEMS_WITHOUT_LINK_ID
    faulty = {name: {(fault.path, fault.code) for fault in faults} for name, faults in found.items() if faults}
    assert faulty == FAULTS_OF_EXAMPLES


def faults_of_file(file: Path) -> tuple[Fault, ...]:
    return validate(parse_resource(file.read_bytes()).value)
