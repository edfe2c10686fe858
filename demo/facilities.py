"""Who records: health centres, hospitals and their departments, doctors and rooms; written at their first use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from demo.dice import Dice
from demo.libraries import Library, Resource, hospital_descriptions
from demo.naming import han_name
from demo.people import Home, Name, Sex
from demo.tables import table
from tianfu.standards.china import identifier_systems as systems
from tianfu.standards.china.regions import region_name

V2_TYPES = "http://terminology.hl7.org/CodeSystem/organization-type"
DOCTORS_PER_DEPARTMENT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a visit happens and who may do it."""

    organisation: str
    organisation_name: str
    department_key: str
    department_name: str
    department_english: str
    location: str
    doctors: tuple[tuple[str, str], ...]


def centre_place(library: Library, home: Home, staff: str = "general") -> Place:
    """A room of the health centre that answers for a home."""
    key = home.centre_key
    organisation = library.once(key, lambda: _centre(home))
    kind, title, english = next(row for row in table("facilities")["centre_staff"] if row[0] == staff)
    doctors = tuple(_doctor(library, f"{key}-{kind}-{number}", title) for number in range(1 + (kind == "general")))
    return Place(
        organisation=organisation,
        organisation_name=centre_name(home),
        department_key=kind,
        department_name=title.removesuffix("护士"),
        department_english=english,
        location=library.once(f"{key}-room", lambda: _room(f"{centre_name(home)}门诊", organisation)),
        doctors=doctors,
    )


def centre_name(home: Home) -> str:
    """What the health centre of a home is called."""
    return f"{home.town}社区卫生服务中心" if home.urban else f"{home.town}卫生院"


def department_place(library: Library, department: str) -> Place:
    """A department of a hospital; the hospital is the library's own."""
    hospital = hospital_descriptions()[library.key]
    if department not in hospital["departments"]:
        department = "general"
    chinese, english = table("facilities")["departments"][department]
    whole = library.once("hospital", lambda: _hospital(hospital))
    part = library.once(department, lambda: _department(chinese, english, department, whole))
    return Place(
        organisation=whole,
        organisation_name=hospital["name"]["zh"],
        department_key=department,
        department_name=chinese,
        department_english=english,
        location=library.once(f"{department}-room", lambda: _room(f"{chinese}诊区", part)),
        doctors=tuple(
            _doctor(library, f"{library.key}-{department}-{number}", f"{chinese}医师")
            for number in range(DOCTORS_PER_DEPARTMENT)
        ),
    )


def insurer(library: Library) -> str:
    """The organisation that pays."""
    row = table("facilities")["insurer"]
    return library.once(
        "insurer",
        lambda: {
            "resourceType": "Organization",
            "active": True,
            "type": [{"coding": [{"system": V2_TYPES, "code": "pay", "display": "Payer"}], "text": "医疗保障经办机构"}],
            "name": row["name"]["zh"],
            "alias": [row["name"]["en"]],
        },
    )


def _centre(home: Home) -> Resource:
    number = f"DEMO{home.county}{home.centre:03}"
    return {
        "resourceType": "Organization",
        "identifier": [{"system": systems.ORGANISATION_NUMBER, "value": number}],
        "active": True,
        "type": [_provider("社区卫生服务中心" if home.urban else "乡镇卫生院")],
        "name": centre_name(home),
        "address": [{"use": "work", "text": f"{region_name(home.county)}{home.town}（虚构）", "postalCode": "610000"}],
    }


def _hospital(row: Resource) -> Resource:
    return {
        "resourceType": "Organization",
        "identifier": [{"system": systems.ORGANISATION_NUMBER, "value": row["number"]}],
        "active": True,
        "type": [_provider("医院")],
        "name": row["name"]["zh"],
        "alias": [row["name"]["en"]],
        "telecom": [{"system": "phone", "value": "028-00000000", "use": "work"}],
        "address": [{"use": "work", "text": f"{row['address']}（虚构）"}],
    }


def _department(chinese: str, english: str, key: str, whole: str) -> Resource:
    dept = {"system": V2_TYPES, "code": "dept", "display": "Hospital Department"}
    return {
        "resourceType": "Organization",
        "identifier": [{"system": systems.DEPARTMENT_NUMBER, "value": key}],
        "active": True,
        "type": [{"coding": [dept], "text": "科室"}],
        "name": chinese,
        "alias": [english],
        "partOf": {"reference": whole},
    }


def _provider(text: str) -> Resource:
    return {"coding": [{"system": V2_TYPES, "code": "prov", "display": "Healthcare Provider"}], "text": text}


def _room(name: str, organisation: str) -> Resource:
    return {
        "resourceType": "Location",
        "status": "active",
        "name": name,
        "mode": "instance",
        "managingOrganization": {"reference": organisation},
    }


def _doctor(library: Library, key: str, title: str) -> tuple[str, str]:
    name, sex, number = _doctor_called(key)
    reference = library.once(
        f"doctor-{key}",
        lambda: {
            "resourceType": "Practitioner",
            "identifier": [{"system": systems.STAFF_NUMBER, "value": number}],
            "active": True,
            "name": [{"use": "official", "text": name.text, "family": name.family, "given": [name.given]}],
            "gender": sex,
            "qualification": [{"code": {"text": title}}],
        },
    )
    return reference, name.text


@lru_cache(maxsize=16_384)
def _doctor_called(key: str) -> tuple[Name, Sex, str]:
    """Name, sex and staff number of the doctor at a desk; always the same for the same desk."""
    dice = Dice("doctor", key)
    sex: Sex = dice.pick(("male", "female"))
    return han_name(dice, sex, dice.randrange(1966, 1998)), sex, f"DEMO{dice.randrange(10**6):06}"
