"""Which Patient records are one person's, and how those that look alike are told apart."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.access.same_person import Shown, joined, proofs_of, told_apart
from tianfu.standards.china.identifier_systems import IDENTITY_NUMBER

NUMBER = "11010519491231002X"
TWIN = {"name": [{"text": "同"}], "birthDate": "2020-01-01"}


def patient(logical_id: str, *links: str, number: str = "", **more: Any) -> dict[str, Any]:
    identifiers = [{"system": IDENTITY_NUMBER, "value": number}] if number else []
    link = [{"other": {"reference": f"Patient/{each}"}, "type": "seealso"} for each in links]
    return {"resourceType": "Patient", "id": logical_id, "identifier": identifiers, "link": link, **more}


@pytest.mark.parametrize(
    ("patients", "people"),
    [
        ([patient("a", number=NUMBER), patient("b", number=NUMBER)], [("a", "b")]),
        ([patient("a", "b"), patient("b")], [("a", "b")]),
        ([patient("a"), patient("b", "a")], [("a", "b")]),
        (
            [patient("a", "c"), patient("b"), patient("c", number=NUMBER), patient("d", number=NUMBER)],
            [("a", "c", "d"), ("b",)],
        ),
        ([patient("a"), patient("b")], [("a",), ("b",)]),
        ([patient("a", number="123"), patient("b", number="123")], [("a",), ("b",)]),
        (
            [patient("a", **TWIN), patient("b", **TWIN)],
            [("a",), ("b",)],
        ),
    ],
)
def test_only_a_number_or_a_link_joins(patients: list[dict[str, Any]], people: list[tuple[str, ...]]) -> None:
    assert joined({each["id"]: proofs_of(each) for each in patients}) == people


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.sets(st.integers(0, 9).map(str), min_size=1)))
def test_everybody_is_in_one_group_and_no_two_groups_share_a_proof(proofs: dict[str, set[str]]) -> None:
    groups = joined(proofs)
    assert sorted(name for group in groups for name in group) == sorted(proofs)
    held = [set().union(*(proofs[name] for name in group)) for group in groups]
    assert sum(map(len, held)) == len(set().union(*held, set()))


def test_who_looks_like_nobody_else_needs_no_label() -> None:
    people = [Shown(looks="满 4", library="医院", record="abcd-1111"), Shown(looks="乙 5", library="", record="x")]
    assert told_apart(people) == ["", ""]


def test_who_looks_alike_is_told_apart_by_library_and_else_by_the_record() -> None:
    people = [
        Shown(looks="满 4", library="医院", record="r-1111"),
        Shown(looks="满 4", library="卫生院", record="r-2222"),
        Shown(looks="满 4", library="", record="r-3333"),
        Shown(looks="乙", library="医院", record="r-4444"),
        Shown(looks="乙", library="医院", record="r-5555"),
    ]
    labels = told_apart(people)
    assert labels == ["医院", "卫生院", "…3333", "医院 …4444", "医院 …5555"]
