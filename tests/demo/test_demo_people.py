"""The demo's people and lives: right numbers, plausible ages, nothing before birth or after death."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from demo.numbers import SEQUENCE_FIRST
from demo.times import age_years, months_after
from told_province import TODAY, Province

from tianfu.kernel.instants import china_date, range_of
from tianfu.standards.china import identifier_systems as systems
from tianfu.standards.china.identity_number import parse_identity_number
from tianfu.standards.china.immunisation import schedule_for
from tianfu.standards.china.record_number import parse_record_number

Resource = dict[str, Any]

LATE_MAX = timedelta(days=62)
PLANNED = {"CarePlan", "Appointment", "ImmunizationRecommendation", "CareTeam", "Coverage", "EpisodeOfCare"}
EVENT_ELEMENTS = (
    "effectiveDateTime",
    "issued",
    "occurrenceDateTime",
    "recordedDate",
    "abatementDateTime",
    "authoredOn",
    "performedDateTime",
    "performedPeriod",
    "period",
    "date",
    "created",
    "started",
)


def test_every_identity_number_is_valid_and_fits_the_person(province: Province) -> None:
    for patient in province.everywhere("Patient"):
        for number in identifiers(patient, systems.IDENTITY_NUMBER):
            parsed = parse_identity_number(number)
            assert (parsed.born.isoformat(), parsed.sex) == (patient["birthDate"], patient["gender"])
            assert parsed.sequence >= SEQUENCE_FIRST


def test_no_two_people_share_an_identity_number(province: Province) -> None:
    people = person_of_each_patient(province)
    holders: dict[str, set[str]] = defaultdict(set)
    for source in province.sources:
        for patient in province.resources(source, "Patient"):
            for number in identifiers(patient, systems.IDENTITY_NUMBER):
                holders[parse_identity_number(number).text].add(people[source.name, patient["id"]])
    assert all(len(found) == 1 for found in holders.values())


def test_every_record_number_is_well_formed_and_given_once(province: Province) -> None:
    numbers = [
        number
        for patient in province.resources(province.public_health, "Patient")
        for number in identifiers(patient, systems.RECORD_NUMBER)
    ]
    assert len(numbers) == len(set(numbers)) == len(province.truth)
    assert {parse_record_number(number).unit_kind for number in numbers} == {"residents-committee", "village-committee"}


def test_no_telephone_number_can_be_a_mobile_number(province: Province) -> None:
    for kind in ("Patient", "RelatedPerson"):
        for person in province.everywhere(kind):
            assert all(contact["value"].startswith("100") for contact in person["telecom"])


def test_the_ages_form_the_pyramid_of_the_province(province: Province) -> None:
    ages = [
        age_years(date.fromisoformat(patient["birthDate"]), TODAY)
        for patient in province.resources(province.public_health, "Patient")
        if "deceasedDateTime" not in patient
    ]
    assert 0.08 < share(ages, 0, 14) < 0.24
    assert 0.5 < share(ages, 15, 64) < 0.78
    assert 0.1 < share(ages, 65, 120) < 0.27
    assert max(ages) <= 97


def test_both_sexes_are_alike_many(province: Province) -> None:
    sexes = Counter(patient["gender"] for patient in province.resources(province.public_health, "Patient"))
    assert 0.42 < sexes["male"] / sum(sexes.values()) < 0.58


def test_all_prefectures_have_residents_and_chengdu_most(province: Province) -> None:
    cities = Counter(patient["address"][0]["city"] for patient in province.resources(province.public_health, "Patient"))
    assert len(cities) >= 20
    assert cities.most_common(1)[0][0] == "成都市"


def test_ethnic_groups_live_where_they_live(province: Province) -> None:
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for patient in province.resources(province.public_health, "Patient"):
        group = patient["extension"][0]["valueCodeableConcept"]["text"]
        groups[patient["address"][0]["city"]][group] += 1
    assert groups["凉山彝族自治州"].most_common(1)[0][0] == "彝族"
    assert groups["甘孜藏族自治州"].most_common(1)[0][0] == "藏族"
    assert groups["阿坝藏族羌族自治州"]["羌族"] > 0
    assert groups["成都市"]["汉族"] / sum(groups["成都市"].values()) > 0.9


def test_nothing_happens_before_birth_or_after_death_or_tomorrow(province: Province) -> None:
    for source in province.sources:
        lives = {
            f"Patient/{patient['id']}": (
                date.fromisoformat(patient["birthDate"]),
                date.fromisoformat(patient.get("deceasedDateTime", TODAY.isoformat())[:10]),
            )
            for patient in province.resources(source, "Patient")
        }
        for resource in province.resources(source):
            subject = subject_of(resource)
            if subject is None or resource["resourceType"] in PLANNED or is_death_certificate(resource):
                continue
            born, ended = lives[subject]
            for day in event_days(resource):
                assert born <= day <= min(ended, TODAY), (resource["resourceType"], resource["id"])


def test_doses_are_given_at_the_ages_of_the_schedule(province: Province) -> None:
    born = {
        f"Patient/{patient['id']}": date.fromisoformat(patient["birthDate"])
        for patient in province.resources(province.public_health, "Patient")
    }
    checked = 0
    for dose in province.resources(province.public_health, "Immunization"):
        protocol = dose["protocolApplied"][0]
        if not protocol["series"].startswith("国家免疫规划"):
            continue
        day, birthday = date.fromisoformat(dose["occurrenceDateTime"][:10]), born[dose["patient"]["reference"]]
        edition = schedule_for(birthday)
        assert edition is not None
        vaccine = dose["vaccineCode"]["coding"][1]["code"]
        due = [
            each.age_months
            for each in edition.doses
            if (each.vaccine, each.number) == (vaccine, protocol["doseNumberPositiveInt"])
        ]
        if vaccine == "HPV2":
            assert day >= months_after(birthday, 156)
        else:
            assert timedelta(0) <= day - months_after(birthday, due[0]) <= LATE_MAX
        checked += 1
    assert checked > 500


def test_twins_share_birth_and_mother_but_no_number(province: Province) -> None:
    twins = [row for row in province.truth if row["twin"]]
    assert twins
    by_mother: dict[str, list[Resource]] = defaultdict(list)
    for row in twins:
        by_mother[row["mother"]].append(row)
    patients = {
        (source.name, patient["id"]): patient
        for source in province.sources
        for patient in province.resources(source, "Patient")
    }
    folders = source_folders(province)
    for pair in by_mother.values():
        found = [
            patients[folders[record["source"]], record["id"]]
            for row in pair
            for record in row["records"]
            if folders[record["source"]] == "public-health"
        ]
        assert len(found) == 2
        assert len({patient["birthDate"] for patient in found}) == 1
        assert len({identifiers(patient, systems.IDENTITY_NUMBER)[0] for patient in found}) == 2
        assert sorted(patient["multipleBirthInteger"] for patient in found) == [1, 2]


def test_a_ward_calls_newborn_twins_by_their_mother_and_their_order(province: Province) -> None:
    names = [
        name["text"]
        for patient in province.everywhere("Patient")
        if "multipleBirthInteger" in patient
        for name in patient["name"]
        if "之" in name["text"]
    ]
    assert {name[-1] for name in names} == {"甲", "乙"}


def test_the_truth_names_every_patient_once(province: Province) -> None:
    people = person_of_each_patient(province)
    patients = [
        (source.name, patient["id"]) for source in province.sources for patient in province.resources(source, "Patient")
    ]
    assert sorted(people) == sorted(patients)


def test_libraries_differ_in_a_few_of_their_patients(province: Province) -> None:
    differences = Counter(
        difference for row in province.truth for record in row["records"] for difference in record["differences"]
    )
    second_records = sum(len(row["records"]) - 1 for row in province.truth)
    assert {"old-phone", "no-identity-number", "newborn-name", "variant-name", "old-address"} <= set(differences)
    assert 0.08 < sum(differences.values()) / second_records < 0.5


def test_a_mother_leads_to_her_child_in_the_same_library(province: Province) -> None:
    for source in province.sources:
        relations = {
            f"RelatedPerson/{relation['id']}": relation for relation in province.resources(source, "RelatedPerson")
        }
        linked = [
            link["other"]["reference"]
            for patient in province.resources(source, "Patient")
            for link in patient.get("link", [])
        ]
        assert sorted(linked) == sorted(relations)


def test_somebody_expects_a_child_and_has_a_full_page(province: Province) -> None:
    patient = next(
        patient
        for patient in province.resources(province.public_health, "Patient")
        if patient["name"][0]["text"] == "温知夏"
    )
    subject = f"Patient/{patient['id']}"
    visits = [
        visit["type"][0]["text"]
        for visit in province.resources(province.public_health, "Encounter")
        if visit["subject"]["reference"] == subject
    ]
    assert visits.count("首次产前检查，建册") == 2
    assert {"出生", "学生健康体检", "产后42天健康检查"} <= set(visits)
    records = sum(1 for resource in province.resources(province.public_health) if subject_of(resource) == subject)
    assert records > 150


def test_hypertension_is_followed_up_at_least_four_times_a_year(province: Province) -> None:
    visits: dict[str, list[int]] = defaultdict(list)
    for visit in province.resources(province.public_health, "Encounter"):
        if visit["type"][0]["coding"][0]["code"] == "hypertension-follow-up":
            visits[visit["subject"]["reference"]].append(int(visit["period"]["start"][:4]))
    whole_years = [
        Counter(years)[year]
        for years in visits.values()
        for year in range(min(years) + 1, max(years))
        if len(years) > 1
    ]
    assert whole_years
    assert min(whole_years) >= 3
    assert sum(whole_years) / len(whole_years) >= 4


def test_settlements_add_up(province: Province) -> None:
    for benefit in province.everywhere("ExplanationOfBenefit"):
        totals = {each["category"]["coding"][0]["code"]: each["amount"]["value"] for each in benefit["total"]}
        items = sum(item["net"]["value"] for item in benefit["item"])
        assert abs(totals["submitted"] - items) < 0.005
        assert abs(totals["benefit"] + totals["copay"] - totals["submitted"]) < 0.005


def identifiers(patient: Resource, system: str) -> list[str]:
    """A patient's identifiers of one system."""
    return [each["value"] for each in patient["identifier"] if each["system"] == system]


def share(ages: list[int], low: int, high: int) -> float:
    """Which share of the people is of an age."""
    return sum(low <= age <= high for age in ages) / len(ages)


def subject_of(resource: Resource) -> str | None:
    """The patient whom a record is about."""
    found = resource.get("subject") or resource.get("patient") or resource.get("beneficiary")
    reference = found and found["reference"]
    return reference if reference and reference.startswith("Patient/") else None


def is_death_certificate(resource: Resource) -> bool:
    """A certificate is written when life is over."""
    codes = (
        [each["code"] for each in resource.get("type", {}).get("coding", [])]
        if resource["resourceType"] == ("DocumentReference")
        else []
    )
    return "death-certificate" in codes


def event_days(resource: Resource) -> Iterator[date]:
    """The days on which a record says that something happened."""
    for element in EVENT_ELEMENTS:
        value = resource.get(element)
        for text in value.values() if isinstance(value, dict) else [value] if value else []:
            yield china_date(range_of(text)[0])


def source_folders(province: Province) -> dict[str, str]:
    """Source address to folder name."""
    described = {source.name: (source / "source.json").read_text("utf-8") for source in province.sources}
    return {json.loads(text)["source"]: name for name, text in described.items()}


def person_of_each_patient(province: Province) -> dict[tuple[str, str], str]:
    """Folder and id of every Patient record to the human being."""
    folders = source_folders(province)
    found = {
        (folders[record["source"]], record["id"]): row["person"] for row in province.truth for record in row["records"]
    }
    assert len(found) == sum(len(row["records"]) for row in province.truth)
    return found
