"""The Patient record as a library wrote it, with the small differences that identity matching has to live with."""

from __future__ import annotations

from demo.dice import Dice
from demo.facilities import centre_place, department_place
from demo.homes import address_text
from demo.libraries import Chart, Resource
from demo.numbers import telephone
from demo.people import Name, Person
from demo.shapes.concepts import HL7, coding, concept, reference
from demo.times import at
from tianfu.standards.china import identifier_systems as systems
from tianfu.standards.china.identity_number import shortened
from tianfu.standards.china.names import MIDDLE_DOT, traditional_form
from tianfu.standards.china.regions import counties, prefectures
from tianfu.standards.china.value_sets import value_set

ETHNIC_EXTENSION = "https://tianfu.example/fhir/StructureDefinition/ethnic-group"
LANGUAGE_EXTENSION = "http://hl7.org/fhir/StructureDefinition/language"
CARD_SHOWN_SHARE = 0.5
DIFFERENCES = {
    "none": 80.0,
    "old-phone": 6.0,
    "no-identity-number": 4.0,
    "short-identity-number": 1.5,
    "variant-name": 3.5,
    "typing-error": 1.5,
    "old-address": 3.5,
}
_MARITAL = {"10": ("S", "Never Married"), "20": ("M", "Married"), "30": ("W", "Widowed")}
_HOMOPHONES = {
    "俊": "峻",
    "宇": "雨",
    "涵": "函",
    "婷": "亭",
    "明": "名",
    "丽": "莉",
    "伟": "卫",
    "芳": "方",
    "志": "智",
    "华": "桦",
}


def write_patient(chart: Chart, dice: Dice, *, is_first: bool) -> list[str]:
    """Write the Patient of a chart; returns in what it differs from the person."""
    person = chart.person
    difference = "none" if is_first else dice.weighted(DIFFERENCES)
    name, difference = _name(person, difference)
    body: Resource = {
        "resourceType": "Patient",
        "extension": [_ethnic(person)],
        "identifier": _identifiers(chart, dice, difference),
        "active": True,
        "name": _names(chart, name),
        "telecom": [{"system": "phone", "value": _phone(person, dice, difference), "use": "mobile"}],
        "gender": person.sex,
        "birthDate": person.born.isoformat(),
        "address": [_address(person, difference)],
        "managingOrganization": reference(_keeper(chart)),
    }
    if person.died:
        body["deceasedDateTime"] = at(person.died, 4 + person.died.day % 18, person.died.month).isoformat()
    if person.born.year < 2005:
        body["maritalStatus"] = _marital(person)
    if person.birth and person.birth.of > 1:
        body["multipleBirthInteger"] = person.birth.order
    if chart.links:
        body["link"] = [{"other": reference(link), "type": "seealso"} for link in chart.links]
    chart.write(body, reference=chart.patient)
    return _noted(chart, difference)


def _noted(chart: Chart, difference: str) -> list[str]:
    noted = [] if difference == "none" else [difference]
    return [*noted, "newborn-name"] if chart.seen_as_newborn_only else noted


def _name(person: Person, difference: str) -> tuple[Name, str]:
    """The name as written; a difference that this name cannot have becomes none."""
    if difference == "variant-name":
        text = person.name.text
        changed = text.replace(MIDDLE_DOT, "•") if MIDDLE_DOT in text else traditional_form(text)
        family = traditional_form(person.name.family)
        return _changed(person.name, changed, family, difference)
    if difference == "typing-error":
        given = "".join(_HOMOPHONES.get(character, character) for character in person.name.given)
        return _changed(person.name, person.name.family + given, person.name.family, difference)
    if difference == "short-identity-number" and person.born.year > 1999:
        return person.name, "none"
    return person.name, difference


def _changed(name: Name, text: str, family: str, difference: str) -> tuple[Name, str]:
    if text == name.text:
        return name, "none"
    return Name(text=text, family=family if text.startswith(family) else "", tibetan=name.tibetan), difference


def _names(chart: Chart, name: Name) -> list[Resource]:
    newborn = {"use": "temp", "text": chart.newborn_name} if chart.newborn_name else None
    if chart.seen_as_newborn_only and newborn:
        return [newborn]
    official: Resource = {"use": "official", "text": name.text}
    if name.family:
        official["family"] = name.family
    given = name.text.removeprefix(name.family).lstrip("·•")
    official["given"] = [given or name.text]
    names = [official]
    if name.tibetan:
        names.append(
            {
                "extension": [{"url": LANGUAGE_EXTENSION, "valueCode": "bo"}],
                "use": "usual",
                "text": name.tibetan,
            }
        )
    return [*names, newborn | {"use": "old"}] if newborn else names


def _identifiers(chart: Chart, dice: Dice, difference: str) -> list[Resource]:
    person = chart.person
    found: list[Resource] = []
    hidden = difference == "no-identity-number" or chart.seen_as_newborn_only
    if not hidden:
        number = person.identity_number
        found.append(
            {
                "use": "official",
                "type": _identifier_type("NI", "National unique individual identifier", "居民身份证号"),
                "system": systems.IDENTITY_NUMBER,
                "value": shortened(number) if difference == "short-identity-number" else number,
            }
        )
    if chart.record_number:
        found.append(
            {
                "type": concept("居民健康档案编号"),
                "system": systems.RECORD_NUMBER,
                "value": chart.record_number,
            }
        )
    else:
        found.append(
            {
                "use": "usual",
                "type": _identifier_type("MR", "Medical record number", "病案号"),
                "system": systems.MEDICAL_RECORD_NUMBER,
                "value": f"{chart.library.key[:2].upper()}{chart.patient.partition('/')[2]}",
                "assigner": {"display": chart.library.name},
            }
        )
    if not hidden and (chart.record_number or dice.happens(CARD_SHOWN_SHARE)):
        card = f"5100{int(person.identity_number[:17]) * 7919 % 10**14:014}"
        found.append({"type": concept("电子健康卡号"), "system": systems.HEALTH_CARD_NUMBER, "value": card})
    return found


def _identifier_type(code: str, display: str, text: str) -> Resource:
    return concept(text, coding(f"{HL7}/v2-0203", code, display))


def _ethnic(person: Person) -> Resource:
    groups = value_set("ethnic-group")
    value = concept(person.ethnic, coding(groups.system, groups.code_of(person.ethnic), person.ethnic))
    return {"url": ETHNIC_EXTENSION, "valueCodeableConcept": value}


def _marital(person: Person) -> Resource:
    states = value_set("marital-state")
    code, display = _MARITAL[person.marital]
    text = states.names[person.marital]
    return concept(text, coding(f"{HL7}/v3-MaritalStatus", code, display), coding(states.system, person.marital, text))


def _phone(person: Person, dice: Dice, difference: str) -> str:
    return telephone(dice) if difference == "old-phone" else person.phone


def _address(person: Person, difference: str) -> Resource:
    home = person.home
    prefecture = next(each for each in prefectures() if each.code == home.prefecture)
    line = home.line if difference != "old-address" else f"{home.line[:4]}老街{int(person.phone[-2:]) + 1}号"
    return {
        "use": "home",
        "text": address_text(home) if difference != "old-address" else f"四川省{prefecture.name}{home.town}{line}",
        "line": [f"{home.town}{line}"],
        "city": prefecture.name,
        "district": counties()[home.county].name,
        "state": "四川省",
        "country": "CN",
    }


def _keeper(chart: Chart) -> str:
    if chart.library.key == "public-health":
        return centre_place(chart.library, chart.person.home).organisation
    return department_place(chart.library, "general").organisation
