"""Made-up records of one woman in two libraries; numbers have right check characters and belong to nobody."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.apps.lifelong.memory_store import MemoryStore
from tianfu.standards.china.identifier_systems import IDENTITY_NUMBER
from tianfu.standards.china.identity_number import compose_identity_number, shortened

Resource = dict[str, Any]

LOINC = "http://loinc.org"
HOSPITAL, CENTRE, OTHER = "hospital-patient", "centre-patient", "other-patient"


def identity_number(year: int, month: int, day: int, sequence: int) -> str:
    """A number that nobody has."""
    return compose_identity_number(area="510104", born=date(year, month, day), sequence=sequence)


LIBRARIES = {"hospital": "示例医院", "centre": "示例卫生服务中心"}

HER_NUMBER = identity_number(1992, 4, 18, 982)
MOTHERS_NUMBER = identity_number(1966, 2, 3, 984)


def patient(identity: str, library: str, name: str, *, number: str | None, born: str = "1992-04-18") -> Resource:
    """A Patient of a library."""
    identifiers = [{"system": IDENTITY_NUMBER, "value": number}] if number else []
    return {
        "resourceType": "Patient",
        "id": identity,
        "meta": {"source": f"urn:made-up:{library}"},
        "identifier": [*identifiers, {"system": "urn:made-up:card", "value": f"{library}-7001"}],
        "name": [{"use": "official", "text": name}],
        "gender": "female",
        "birthDate": born,
        "managingOrganization": {
            "display": {"hospital": "示例医院", "centre": "示例卫生服务中心"}.get(library, library)
        },
    }


def concept(text: str, code: str = "", system: str = LOINC, display: str = "") -> Resource:
    """A CodeableConcept."""
    coding = [{"system": system, "code": code, **({"display": display} if display else {})}] if code else []
    return {**({"text": text} if text else {}), **({"coding": coding} if coding else {})}


def visit(
    identity: str, day: str, title: str, *, of: str = HOSPITAL, kind: str = "", visit_class: str = "AMB"
) -> Resource:
    """An Encounter."""
    return {
        "resourceType": "Encounter",
        "id": identity,
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "type": [concept(title, kind, "urn:made-up:visits")],
        "subject": {"reference": f"Patient/{of}"},
        "period": {"start": f"{day}T09:30:00+08:00"},
        "serviceProvider": {"reference": "Organization/house", "display": "示例医院"},
    }


def measured(
    identity: str,
    day: str,
    code: str,
    text: str,
    value: float,
    unit: str,
    *,
    of: str = HOSPITAL,
    category: str = "vital-signs",
    **more: Any,
) -> Resource:
    """An Observation with a number."""
    return {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "category": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": category}]}
        ],
        "code": concept(text, code),
        "subject": {"reference": f"Patient/{of}"},
        "effectiveDateTime": f"{day}T09:40:00+08:00",
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
        **more,
    }


def pressure(identity: str, day: str, systolic: int, diastolic: int, **more: Any) -> Resource:
    """A blood pressure with its two components and their upper limits."""

    def part(code: str, text: str, value: int, high: int) -> Resource:
        quantity = {"value": value, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
        return {"code": concept(text, code), "valueQuantity": quantity, "referenceRange": [{"high": {"value": high}}]}

    made = measured(identity, day, "85354-9", "血压", 0, "mmHg", **more)
    del made["valueQuantity"]
    return {
        **made,
        "component": [part("8480-6", "收缩压", systolic, 139), part("8462-4", "舒张压", diastolic, 89)],
    }


def allergy(identity: str, *, of: str = HOSPITAL, **more: Any) -> Resource:
    """A grave allergy to penicillin."""
    clinical = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
    return {
        "resourceType": "AllergyIntolerance",
        "id": identity,
        "clinicalStatus": {"coding": [{"system": clinical, "code": "active"}]},
        "criticality": "high",
        "code": concept("青霉素", "J01C", "http://www.whocc.no/atc"),
        "patient": {"reference": f"Patient/{of}"},
        "reaction": [{"manifestation": [{"text": "休克"}]}],
        **more,
    }


def life_of_a_woman() -> MemoryStore:
    """Two libraries that know her, one that knows somebody of the same name, and her mother."""
    store = MemoryStore()
    store.put(
        patient(HOSPITAL, "hospital", "温知夏", number=HER_NUMBER),
        patient(CENTRE, "centre", "溫知夏", number=shortened(HER_NUMBER)),
        patient(OTHER, "other", "温知夏", number=None),
        patient("mother", "centre", "冉桂兰", number=MOTHERS_NUMBER, born="1966-02-03"),
        {"resourceType": "Organization", "id": "house", "name": "示例医院"},
    )
    store.put(
        visit("booking", "2026-07-31", "首次产前检查", of=CENTRE, kind="antenatal-visit"),
        pressure("pressure-1", "2026-07-31", 112, 70, of=CENTRE, encounter={"reference": "Encounter/booking"}),
        visit("check", "2026-11-06", "产前检查（第5次）", kind="antenatal-visit"),
        pressure("pressure-2", "2026-11-06", 128, 80, encounter={"reference": "Encounter/check"}),
        measured("weight", "2026-11-06", "29463-7", "体重", 64.2, "kg", encounter={"reference": "Encounter/check"}),
        pressure("pressure-3", "2026-11-20", 134, 86),
        measured(
            "glucose-0",
            "2026-11-20",
            "1558-6",
            "空腹血糖",
            5.4,
            "mmol/L",
            category="laboratory",
            referenceRange=[{"high": {"value": 5.1}}],
        ),
        measured("glucose-2", "2026-11-20", "1518-0", "2小时血糖", 8.1, "mmol/L", category="laboratory"),
        {
            "resourceType": "DiagnosticReport",
            "id": "tolerance",
            "meta": {"tag": [{"system": "urn:made-up", "code": "HR", "display": "检查检验结果互认"}]},
            "status": "final",
            "category": [concept("", "LAB", "http://terminology.hl7.org/CodeSystem/v2-0074")],
            "code": concept("葡萄糖耐量试验"),
            "subject": {"reference": f"Patient/{HOSPITAL}"},
            "effectiveDateTime": "2026-11-20T10:00:00+08:00",
            "result": [{"reference": "Observation/glucose-0"}, {"reference": "Observation/glucose-2"}],
        },
        allergy("allergy"),
        {
            "resourceType": "Immunization",
            "id": "dose",
            "status": "completed",
            "vaccineCode": concept("乙肝疫苗"),
            "patient": {"reference": f"Patient/{CENTRE}"},
            "occurrenceDateTime": "1992-04-19",
            "protocolApplied": [{"doseNumberPositiveInt": 1}],
        },
        {
            "resourceType": "Claim",
            "id": "bill",
            "status": "active",
            "type": concept("门诊"),
            "patient": {"reference": f"Patient/{HOSPITAL}"},
            "created": "2026-11-06",
            "use": "claim",
            "provider": {"display": "示例医院"},
            "priority": {"text": "常规"},
            "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "居民医保"}}],
        },
        {
            "resourceType": "EpisodeOfCare",
            "id": "pregnancy",
            "status": "active",
            "type": [concept("孕产期保健", "pregnancy", "urn:made-up:episodes")],
            "patient": {"reference": f"Patient/{CENTRE}"},
            "period": {"start": "2026-07-31"},
        },
        {
            "resourceType": "Observation",
            "id": "last-period",
            "status": "final",
            "code": concept("末次月经", "8665-2"),
            "subject": {"reference": f"Patient/{CENTRE}"},
            "effectiveDateTime": "2026-07-31",
            "valueDateTime": "2026-05-08",
        },
        {
            "resourceType": "RelatedPerson",
            "id": "relation",
            "patient": {"reference": f"Patient/{CENTRE}"},
            "identifier": [{"system": IDENTITY_NUMBER, "value": MOTHERS_NUMBER}],
            "relationship": [concept("母亲", "MTH", "http://terminology.hl7.org/CodeSystem/v3-RoleCode")],
        },
        visit("mothers-check", "1991-12-02", "产前检查（第3次）", of="mother", kind="antenatal-visit"),
        visit("mothers-own", "1992-01-15", "门诊：胃痛", of="mother"),
    )
    return store
