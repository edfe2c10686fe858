"""Made-up people of the trust pages: a woman, her daughter of seven, two doctors, an officer."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.apps.trust.memory_store import LedgerEvent, MemoryStore, at, minutes
from tests.desk import DESK as DESK
from tests.web.conftest import NOON
from tianfu.access.caller import Caller
from tianfu.kernel.instants import Instant
from tianfu.standards.china.identifier_systems import IDENTITY_NUMBER
from tianfu.standards.china.identity_number import compose_identity_number

Resource = dict[str, Any]
ROLE_CODE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"

HER_NUMBER = compose_identity_number(area="510104", born=date(1991, 6, 9), sequence=982)
CHILDS_NUMBER = compose_identity_number(area="510104", born=date(2019, 5, 6), sequence=984)

WOMAN = Caller(id="citizen-1", role="citizen", patients=("w-hospital", "w-centre"), related=("mother-of",))
DOCTOR = Caller(id="doctor-7", role="doctor", practitioner="p7", organisation="house")
OTHER_DOCTOR = Caller(id="doctor-8", role="doctor", practitioner="p8", organisation="house")
OFFICER = Caller(id="officer-1", role="officer", practitioner="p9", organisation="house")
NURSE = Caller(id="nurse-1", role="nurse", practitioner="p5", organisation="house")


def patient(identity: str, name: str, *, born: str, number: str, sex: str = "female") -> Resource:
    """A Patient of a library."""
    return {
        "resourceType": "Patient",
        "id": identity,
        "identifier": [{"system": IDENTITY_NUMBER, "value": number}],
        "name": [{"use": "official", "text": name}],
        "gender": sex,
        "birthDate": born,
        "telecom": [{"system": "phone", "value": "10012345678"}],
        "managingOrganization": {"reference": "Organization/house"},
    }


def related(identity: str, of: str, code: str, **more: Any) -> Resource:
    """A RelatedPerson."""
    return {
        "resourceType": "RelatedPerson",
        "id": identity,
        "active": True,
        "patient": {"reference": f"Patient/{of}"},
        "relationship": [{"coding": [{"system": ROLE_CODE, "code": code}]}],
        **more,
    }


def named(kind: str, identity: str, name: str) -> Resource:
    """A Practitioner or an Organization."""
    if kind == "Organization":
        prov = {"system": "http://terminology.hl7.org/CodeSystem/organization-type", "code": "prov"}
        return {"resourceType": kind, "id": identity, "active": True, "name": name, "type": [{"coding": [prov]}]}
    return {"resourceType": kind, "id": identity, "name": [{"text": name}]}


def looked(identity: str, when: str, **more: Any) -> LedgerEvent:
    """A doctor's look."""
    said: dict[str, Any] = {
        "caller": "doctor-7",
        "role": "doctor",
        "practitioner": "p7",
        "organisation": "house",
        **more,
    }
    return LedgerEvent(id=identity, at=at(when), **said)


def made_up_world() -> MemoryStore:
    """Everybody, and a few looks at the woman's record."""
    store = MemoryStore(now=NOON)
    store.put(
        patient("w-hospital", "温知夏", born="1991-06-09", number=HER_NUMBER),
        patient("w-centre", "温知夏", born="1991-06-09", number=HER_NUMBER),
        patient("child", "单小满", born="2019-05-06", number=CHILDS_NUMBER),
        related("mother-of", "child", "MTH"),
        named("Practitioner", "p7", "周岚"),
        named("Practitioner", "p8", "骆青"),
        named("Practitioner", "p9", "岳朗"),
        named("Organization", "house", "示例医院"),
        named("Organization", "centre", "示例卫生服务中心"),
        {
            "resourceType": "AllergyIntolerance",
            "id": "a1",
            "patient": {"reference": "Patient/w-hospital"},
            "code": {"text": "青霉素"},
            "reaction": [{"manifestation": [{"text": "过敏性休克"}]}],
        },
        {
            "resourceType": "Condition",
            "id": "c1",
            "subject": {"reference": "Patient/w-hospital"},
            "code": {"text": "妊娠期糖尿病"},
            "onsetDateTime": "2026-10-02",
        },
    )
    store.seen(
        "w-hospital",
        looked("e1", "2026-11-20T09:31:00+08:00", types=(("Observation", 12), ("Patient", 1))),
        looked("e2", "2026-11-20T09:42:00+08:00", types=(("AllergyIntolerance", 1),)),
        looked("e3", "2026-11-21T22:10:00+08:00", purpose="ETREAT", rule="doctor-emergency"),
        looked("e4", "2026-11-22T08:00:00+08:00", outcome="not-allowed", types=()),
        looked(
            "e5",
            "2026-11-22T20:00:00+08:00",
            caller="citizen-1",
            role="citizen",
            practitioner=None,
            organisation=None,
            purpose="PATRQT",
        ),
    )
    return store


def before_noon(count: float) -> Instant:
    """So many minutes before the pages' now."""
    return Instant(NOON - minutes(count))
