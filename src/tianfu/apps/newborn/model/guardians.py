"""Who asks to be known as a baby's guardian, by what paper, and what the ward must have seen.

An answer never tells whether a baby is there: what does not fit waits like what fits, and is told to nobody.
Rule: docs/rules/newborn-booking.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tianfu.kernel.refusal import Fault, Refusal

CLAIM_DAYS = 7
CODE_DAYS = 14
UNCONFIRMED_DAYS = 14
"""So long after its time somebody reads that what he asked was not confirmed. [ours]"""

CLAIMS_OPEN_MAX = 3
"""So many wait at one time; a code on a paper of the ward is looked at all the same. [ours]"""

CLAIMS_A_DAY_MAX = 10
"""So many are asked in a day, also of what was taken back: nobody tries codes or numbers through. [ours]"""

CODE_LETTERS = 10
EVIDENCE_CHARACTERS_MAX = 200

INPATIENT = re.compile(r"[0-9A-Za-z-]{3,32}\Z")
TAIL = re.compile(r"[0-9A-Za-z]{4}\Z")
CODE = re.compile(r"[0-9A-Z]{10}\Z")
CERTIFICATE = re.compile(r"[A-Z][0-9]{9}\Z")
"""A birth certificate's number: a letter and nine digits. [inferred: the national form was not at hand]"""


class Relation(StrEnum):
    """Who somebody is to a baby; the codes are HL7's v3 RoleCode."""

    MOTHER = "MTH"
    FATHER = "FTH"
    ADOPTIVE = "ADOPTP"
    GUARDIAN = "GUARD"


class Evidence(StrEnum):
    """What the ward looked at before it said yes."""

    BIRTH_CERTIFICATE = "birth-certificate"
    DELIVERY_RECORD = "delivery-record"
    MOTHERS_WRISTBAND = "mothers-wristband"
    COURT_PAPER = "court-paper"
    ADOPTION_PAPER = "adoption-paper"


FITTING: Mapping[Relation, frozenset[Evidence]] = {
    Relation.MOTHER: frozenset({Evidence.BIRTH_CERTIFICATE, Evidence.DELIVERY_RECORD, Evidence.MOTHERS_WRISTBAND}),
    Relation.FATHER: frozenset({Evidence.BIRTH_CERTIFICATE, Evidence.COURT_PAPER}),
    Relation.ADOPTIVE: frozenset({Evidence.ADOPTION_PAPER, Evidence.COURT_PAPER}),
    Relation.GUARDIAN: frozenset({Evidence.COURT_PAPER}),
}
"""Which evidence shows which relation. [inferred]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What somebody typed: either a number and a tail, or the code on the ward's paper."""

    relation: Relation
    inpatient: str = ""
    tail: str = ""
    code: str = ""
    certificate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What a member of staff saw, in his own words beside the kind."""

    evidence: Evidence
    seen: str


def read_ask(form: Mapping[str, str]) -> Ask:
    """What was typed; raises Refusal `claim-unusable` with a fault for each field."""
    faults = []
    relation = form.get("relation", "")
    if relation not in set(Relation):
        faults.append(Fault("relation", "missing"))
    code = re.sub(r"[\s-]", "", form.get("code", "")).upper()
    inpatient, tail = form.get("inpatient", "").strip(), form.get("tail", "").strip()
    if code:
        if not CODE.match(code):
            faults.append(Fault("code", "code-not-understood"))
    else:
        faults += [Fault(name, "missing") for name, value in (("inpatient", inpatient), ("tail", tail)) if not value]
        if inpatient and not INPATIENT.match(inpatient):
            faults.append(Fault("inpatient", "inpatient-not-understood"))
        if tail and not TAIL.match(tail):
            faults.append(Fault("tail", "tail-not-understood"))
    certificate = form.get("certificate", "").strip().upper()
    if certificate and not CERTIFICATE.match(certificate):
        faults.append(Fault("certificate", "certificate-not-understood"))
    if faults:
        raise Refusal("claim-unusable", faults=tuple(faults))
    return Ask(relation=Relation(relation), inpatient=inpatient, tail=tail, code=code, certificate=certificate)


def read_approval(form: Mapping[str, str], relation: Relation) -> Approval:
    """What was seen; raises Refusal `evidence-missing`, or `evidence-unfitting` for another relation."""
    evidence, seen = form.get("evidence", ""), form.get("seen", "").strip()
    if evidence not in set(Evidence) or not seen or len(seen) > EVIDENCE_CHARACTERS_MAX:
        raise Refusal("evidence-missing")
    if Evidence(evidence) not in FITTING[relation]:
        raise Refusal("evidence-unfitting")
    return Approval(evidence=Evidence(evidence), seen=seen)
