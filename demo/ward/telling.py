"""Tells the made-up ward: its beds, cameras and staff, who lies there, and the mothers.  Names are flowers'.

How it stands in the record: docs/rules/newborn-record.md
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from demo.dice import Dice
from demo.facilities import V2_TYPES, department_place
from demo.libraries import Library, Resource
from demo.numbers import Registry, telephone
from demo.shapes.concepts import HL7, coding, concept, moment, own_concept, reference
from demo.times import at
from demo.ward.beds import CART_BED, CART_CODE, TWINS, Bed, beds
from tianfu.standards.china import identifier_systems as systems

HOUSE = "jinjiangpan"
BED_CODE = "urn:tianfu:bed-code"
CAMERA_CODE = "urn:tianfu:camera-code"
WRISTBAND = "urn:tianfu:wristband"
COUNTY = "510104"

MOTHERS = (
    "苏木槿",
    "林海棠",
    "何丁香",
    "白玉兰",
    "叶芙蓉",
    "江蔷薇",
    "石腊梅",
    "米杜鹃",
    "温瑞香",
    "朱紫荆",
    "马蹄莲",
)
STAFF = (
    ("DEMO-NICU-1", "柳絮（演示）", "female", "主管护师"),
    ("DEMO-NICU-2", "竹青（演示）", "male", "护师"),
    ("DEMO-NICU-3", "松涛（演示）", "female", "护士长"),
    ("DEMO-NICU-4", "梅影（演示）", "female", "新生儿科主任医师"),
)
"""Two nurses, the head nurse and the neonatologist, by their staff numbers."""

EXPERT = ("DEMO-EXPERT-1", "钟灵（演示）", "female", "新生儿科主任医师")
"""A doctor of another house, who is listed as one to be asked from afar."""

NEWBORN = "urn:tianfu:newborn"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mother:
    name: str
    patient: str
    number: str
    telephone: str
    born: date


def tell_ward(library: Library, registry: Registry, *, seed: int, today: date) -> None:
    """Write the ward into the women and children's hospital's library."""
    house = department_place(library, "newborns")
    unit = library.write(_unit(house.organisation))
    ward = library.write(_ward(unit))
    doctor = [library.write(_practitioner(*row)) for row in STAFF][-1]
    _tell_expert(library)
    mother: _Mother | None = None
    names = iter(MOTHERS)
    for bed in beds():
        dice = Dice(seed, "newborn ward", bed.number)
        if mother is None or bed.number != TWINS[1]:
            mother = _mother(library, registry, dice, next(names), today)
        place = library.write(_bed(bed, ward, unit))
        library.write(_camera(bed, place, unit))
        if bed.number == CART_BED:
            library.write(_cart(place, unit))
        twin_dice = Dice(seed, "newborn ward", TWINS[0]) if bed.number in TWINS else dice
        born = today - timedelta(days=twin_dice.randrange(6, 41))
        baby = _baby(library, bed, dice, mother, born)
        library.write(_guardian(baby, mother))
        library.write(_stay(bed, baby, place, unit, doctor, born, dice))


def _tell_expert(library: Library) -> None:
    """Another house as the ward's directory knows it, and who may be asked there."""
    kind = concept("医院", coding(V2_TYPES, "prov", "Healthcare Provider"))
    name = {"name": "远山儿童医院（演示）", "alias": ["Far Hills Children's Hospital (demo)"]}
    house = library.write({"resourceType": "Organization", "active": True, "type": [kind], **name})
    library.write(
        {
            "resourceType": "PractitionerRole",
            "active": True,
            "practitioner": reference(library.write(_practitioner(*EXPERT)), EXPERT[1]),
            "organization": reference(house),
            "code": [concept("远程会诊专家", {"system": NEWBORN, "code": "remote-expert"})],
        }
    )


def _unit(whole: str) -> Resource:
    kind = concept("病区", coding(V2_TYPES, "dept", "Hospital Department"))
    return {
        "resourceType": "Organization",
        "identifier": [{"system": systems.DEPARTMENT_NUMBER, "value": "newborn-intensive-care"}],
        "active": True,
        "type": [kind],
        "name": "新生儿重症监护病区（演示）",
        "alias": ["Newborn intensive care (demo)"],
        "partOf": reference(whole),
    }


def _ward(unit: str) -> Resource:
    return _place("新生儿重症监护病区（演示）", "wa", "Ward", unit) | {"alias": ["Newborn intensive care (demo)"]}


def _bed(bed: Bed, ward: str, unit: str) -> Resource:
    said = _place(f"{bed.number}床", "bd", "Bed", unit)
    return said | {"identifier": [{"system": BED_CODE, "value": bed.code}], "partOf": reference(ward)}


def _place(name: str, kind: str, english: str, unit: str) -> Resource:
    return {
        "resourceType": "Location",
        "status": "active",
        "name": name,
        "mode": "instance",
        "physicalType": concept(name, coding(f"{HL7}/location-physical-type", kind, english)),
        "managingOrganization": reference(unit),
    }


def _camera(bed: Bed, place: str, unit: str) -> Resource:
    return {
        "resourceType": "Device",
        "identifier": [{"system": CAMERA_CODE, "value": bed.camera_code}],
        "status": "active",
        "deviceName": [{"name": f"{bed.number}床摄像机（演示）", "type": "user-friendly-name"}],
        "type": own_concept("床旁摄像机", "device-type", "bedside-camera", "Bedside camera"),
        "location": reference(place),
        "owner": reference(unit),
    }


def _cart(place: str, unit: str) -> Resource:
    return {
        "resourceType": "Device",
        "identifier": [{"system": CAMERA_CODE, "value": CART_CODE}],
        "status": "active",
        "deviceName": [{"name": "移动摄像推车（演示）", "type": "user-friendly-name"}],
        "type": own_concept("移动摄像推车", "device-type", "camera-cart", "Camera cart"),
        "location": reference(place),
        "owner": reference(unit),
    }


def _practitioner(number: str, name: str, sex: str, title: str) -> Resource:
    return {
        "resourceType": "Practitioner",
        "identifier": [{"system": systems.STAFF_NUMBER, "value": number}],
        "active": True,
        "name": [{"use": "official", "text": name}],
        "gender": sex,
        "qualification": [{"code": {"text": title}}],
    }


def _mother(library: Library, registry: Registry, dice: Dice, name: str, today: date) -> _Mother:
    born = today - timedelta(days=dice.randrange(24 * 365, 38 * 365))
    number = registry.identity_number(dice, county=COUNTY, born=born, sex="female")
    phone = telephone(dice)
    patient = library.write(
        {
            "resourceType": "Patient",
            "identifier": [{"use": "official", "system": systems.IDENTITY_NUMBER, "value": number}],
            "active": True,
            "name": [{"use": "official", "text": name, "family": name[0], "given": [name[1:]]}],
            "telecom": [{"system": "phone", "value": phone, "use": "mobile"}],
            "gender": "female",
            "birthDate": born.isoformat(),
        }
    )
    return _Mother(name=name, patient=patient, number=number, telephone=phone, born=born)


def _baby(library: Library, bed: Bed, dice: Dice, mother: _Mother, born: date) -> str:
    sex = dice.pick(("male", "female"))
    order = TWINS.index(bed.number) + 1 if bed.number in TWINS else 0
    child = f"{mother.name}之{'子' if sex == 'male' else '女'}{'甲乙'[order - 1] if order else ''}"
    body: Resource = {
        "resourceType": "Patient",
        "identifier": [
            {"system": systems.MEDICAL_RECORD_NUMBER, "value": f"NB{born:%y%m%d}{bed.number:02}"},
            {"use": "usual", "system": WRISTBAND, "value": f"WB-{born:%y%m%d}-{bed.number:02}"},
        ],
        "active": True,
        "name": [{"use": "temp", "text": child}],
        "gender": sex,
        "birthDate": born.isoformat(),
        "link": [{"other": reference(mother.patient), "type": "seealso"}],
    }
    if order:
        body["multipleBirthInteger"] = order
    return library.write(body)


def _guardian(baby: str, mother: _Mother) -> Resource:
    return {
        "resourceType": "RelatedPerson",
        "identifier": [{"system": systems.IDENTITY_NUMBER, "value": mother.number}],
        "active": True,
        "patient": reference(baby),
        "relationship": [concept("母亲", coding(f"{HL7}/v3-RoleCode", "MTH", "mother"))],
        "name": [{"use": "official", "text": mother.name}],
        "telecom": [{"system": "phone", "value": mother.telephone}],
        "gender": "female",
        "birthDate": mother.born.isoformat(),
    }


def _stay(bed: Bed, baby: str, place: str, unit: str, doctor: str, born: date, dice: Dice) -> Resource:
    admitted = moment(at(born, dice.randrange(1, 23), dice.randrange(60)))
    return {
        "resourceType": "Encounter",
        "identifier": [{"system": systems.INPATIENT_NUMBER, "value": f"Z{born:%y%m%d}9{bed.number:04}"}],
        "status": "in-progress",
        "class": coding(f"{HL7}/v3-ActCode", "IMP", "inpatient encounter"),
        "type": [own_concept("住院：新生儿监护", "visit-type", "stay", "Hospital stay: newborn intensive care")],
        "subject": reference(baby),
        "participant": [{"individual": reference(doctor, STAFF[-1][1])}],
        "period": {"start": admitted},
        "location": [{"location": reference(place), "status": "active", "period": {"start": admitted}}],
        "serviceProvider": reference(unit, "新生儿重症监护病区（演示）"),
    }
