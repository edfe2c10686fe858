"""What a Consent is called in a life."""

from __future__ import annotations

from typing import Any

import pytest

from tianfu.apps.family.model.naming import What
from tianfu.apps.lifelong.mapping.timeline import entry_of
from tianfu.apps.lifelong.model.consent_titles import title_of
from tianfu.apps.lifelong.model.wording import Coding, Concept
from tianfu.apps.trust.mapping.consents import TEXT_SYSTEM
from tianfu.apps.trust.model.consent import offers

LOINC = {"system": "http://loinc.org", "code": "59284-0", "display": "Consent Document"}
SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"


def said(tag: str, **members: Any) -> str:
    consent = {"resourceType": "Consent", "id": "c", "status": "active", "category": [{"coding": [LOINC]}], **members}
    name = entry_of(consent, patient="p").title.named(tag)
    return "" if name is None else name.text


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


@pytest.mark.parametrize("tag", ["zh-CN", "en"])
def test_a_consent_to_one_of_our_texts_is_called_as_the_text(tag: str) -> None:
    for offer in offers().values():
        rule = coded(TEXT_SYSTEM, offer.key)
        assert said(tag, policyRule=rule) == offer.texts[-1].in_language(tag).title


@pytest.mark.parametrize("what", list(What))
def test_every_sort_of_naming_has_a_title(what: What) -> None:
    coding = Coding(system="urn:tianfu:proxy-naming", code=what)
    assert title_of(Concept(codings=(coding,))) is not None


@pytest.mark.parametrize(
    ("members", "chinese", "english"),
    [
        ({"scope": coded(SCOPE, "research")}, "科研同意", "Research consent"),
        ({"scope": coded(SCOPE, "patient-privacy")}, "隐私授权", "Privacy consent"),
        ({"scope": coded(SCOPE, "research"), "policyRule": coded("urn:other", "x")}, "科研同意", "Research consent"),
        (
            {"scope": coded(SCOPE, "patient-privacy"), "policyRule": coded("urn:tianfu:proxy-naming", "errands")},
            "请人代看：陪同办事",
            "Somebody may look for me: going along",
        ),
        ({"category": [{"text": "手术同意书"}]}, "手术同意书", "手术同意书"),
        ({}, "", ""),
    ],
)
def test_any_other_is_called_by_what_it_is_about(members: dict[str, Any], chinese: str, english: str) -> None:
    assert (said("zh-CN", **members), said("en", **members)) == (chinese, english)
