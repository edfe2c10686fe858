"""Role by purpose by relation by level by label by denial by time, against the table of docs/rules/permission.md."""

from __future__ import annotations

from itertools import product

import pytest

from tests.access.made import CHILD, DAYS, DOCTOR, FACTS, HIV, HOSPITAL, NOW, SUBSTANCE, caller, denial, head, judged
from tianfu.access.decision import decide
from tianfu.access.purpose import Purpose
from tianfu.access.relation import EVERY_LABEL, Kind, Relation
from tianfu.access.rules import roles
from tianfu.kernel.refusal import Refusal

# One line for each role and purpose that may see anything about people:
# relations that open | highest level | special labels | denials that bind | open among Observation, Patient, Claim
TABLE = """
citizen         PATRQT  | guardian proxy                                 | 5 | all       | all   | O P C
doctor          TREAT   | encounter team family-doctor referral consent  | 5 | all       | all   | O P C
doctor          ETREAT  | emergency                                      | 4 | none      | named | O P
nurse           TREAT   | encounter team                                 | 4 | none      | all   | O P C
nurse           ETREAT  | emergency                                      | 4 | none      | all   | O P
pharmacist      TREAT   | encounter referral                             | 4 | none      | all   | O P
physicist       TREAT   | encounter team referral                        | 4 | none      | all   | O P
township        PUBHLTH | family-doctor managed                          | 4 | none      | all   | O P C
township        TREAT   | family-doctor                                  | 4 | none      | all   | O P C
registrar       HOPERAT | encounter managed                              | 4 | none      | none  | P
hospital-system TREAT   | encounter team referral consent                | 4 | none      | all   | O P C
hospital-system HOPERAT |                                                | 5 | all       | none  | O P C
steward         HOPERAT | managed                                        | 4 | none      | none  | P
officer         HOPERAT | oversight                                      | 5 | none      | none  |
administrator   HSYSADMIN |                                              | 0 | none      | none  |
security        HSYSADMIN |                                              | 0 | none      | none  |
regulator       HOPERAT |                                                | 0 | none      | none  |
regulator       PUBHLTH |                                                | 0 | none      | none  |
researcher      HRESCH  | consent                                        | 3 | none      | all   | O
"""
LETTERS = {"Observation": "O", "Patient": "P", "Claim": "C"}
LABELS = {"none": 0, "all": HIV | SUBSTANCE}

DENIALS = {
    "none": None,
    "to everybody": denial(),
    "to everybody, about HIV": denial(labels=HIV),
    "to the doctor": denial(actor=DOCTOR),
    "to the hospital": denial(actor=HOSPITAL),
    "to somebody else": denial(actor=99),
    "over since yesterday": denial(until=NOW - DAYS),
    "from tomorrow": denial(since=NOW + DAYS),
    "by another patient": denial(patient=CHILD + 1),
    "for a purpose that nobody has": denial(purposes=1 << 30),
}
TIMES = {"yesterday": (0, NOW), "today": (NOW, NOW + 1), "tomorrow": (NOW + 1, NOW + DAYS)}


def rows() -> list[tuple[str, str, list[str], int, int, str, list[str]]]:
    found = []
    for line in TABLE.strip().splitlines():
        first, kinds, level, labels, denials, types = line.split("|")
        role, purpose = first.split()
        found.append((role, purpose, kinds.split(), int(level), LABELS[labels.strip()], denials.strip(), types.split()))
    return found


def row_names() -> list[str]:
    return [f"{role}-{purpose}" for role, purpose, *_ in rows()]


def closes(which: str, binding: str, labels: int) -> bool:
    """Whether a denial, by its name in DENIALS, closes a record with these labels to this caller."""
    if binding == "none":
        return False
    if which == "to the doctor":
        return True
    if binding == "named":
        return False
    return which in {"to everybody", "to the hospital"} or (which == "to everybody, about HIV" and labels & HIV != 0)


@pytest.mark.parametrize(("role", "purpose", "kinds", "level", "labels", "binding", "types"), rows(), ids=row_names())
def test_a_role_sees_what_the_table_says_and_nothing_else(
    role: str, purpose: str, kinds: list[str], level: int, labels: int, binding: str, types: list[str]
) -> None:
    given = decide(caller(role), Purpose(purpose), FACTS)
    names = [None, *Kind]
    records = product(LETTERS, (1, 2, 3, 4, 5), (0, SUBSTANCE, HIV, HIV | SUBSTANCE))
    for (resource_type, is_level, has), kind, which, when in product(records, names, DENIALS, TIMES):
        relations = [each for each in (DENIALS[which],) if each is not None]
        if kind is not None:
            since, until = TIMES[when]
            relations.append(
                Relation(patient=CHILD, actor=DOCTOR, kind=kind, labels=EVERY_LABEL, since=since, until=until)
            )
        expected = (
            kind is not None
            and kind.name.lower().replace("_", "-") in kinds
            and when == "today"
            and is_level <= level
            and has & ~labels == 0
            and LETTERS[resource_type] in types
            and not closes(which, binding, has)
        )
        record = head(resource_type, level=is_level, labels=has)
        decision = judged(given, record, *relations)
        assert decision.allowed == expected, (resource_type, is_level, has, kind, which, when, decision)
        assert decision.rule == given.rule


def test_every_role_and_purpose_that_the_table_does_not_name_may_do_nothing() -> None:
    named = {(role, purpose) for role, purpose, *_ in rows()}
    for role, purpose in product([*roles(), "unheard-of"], Purpose):
        if role in {"desk", "system"} or (role, purpose.value) in named:
            continue
        with pytest.raises(Refusal, match="role-cannot-do-this"):
            decide(caller(role), purpose, FACTS)
