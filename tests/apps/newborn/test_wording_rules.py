"""What may be entered in Tibetan and Yi, which of it is shown, and the table for translators' offices.

The strings are letters of an alphabet and no translation of anything.
"""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.apps.newborn.model.wording_table import BYTES_MAX, HEADER, read_table, written
from tianfu.apps.newborn.model.wordings import (
    LETTERS,
    TEXT_MAX,
    Standing,
    Version,
    approved,
    blanks,
    digest,
    is_complete_at,
    phrases,
    read_entry,
    sentences,
    shown_of,
    sources,
)
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal

LETTERS_OF = {"bo": "ཀ ཁ ག", "ii": "ꀀ ꀁ ꀂ"}
PEOPLE = {"translator": "Demo", "capacity": "Test"}
BACK = "newborn.watch-back"
names = st.sampled_from(("time", "count", "name"))


def fault(tongue: str, source: str, text: str) -> str:
    """What is wrong with a text; empty if nothing."""
    try:
        read_entry(tongue, source, {"text": text, **PEOPLE})
    except Refusal as refusal:
        [found] = refusal.faults
        return found.code if found.path == "text" else found.path
    return ""


def letters(tongue: str, phrase: str) -> str:
    """Letters that tell a sentence from all others, and its blanks, in place of a translation."""
    first = ord(LETTERS_OF[tongue][0])
    own = "".join(chr(first + int(digit)) for digit in f"{phrases().index(phrase):03o}")
    return " ".join((LETTERS_OF[tongue], own, *(f"{{{each}}}" for each in blanks(sources()[phrase]))))


def version(phrase: str = BACK, *, number: int = 1, answer: str = "approved", source: str = "") -> Version:
    return Version(
        id=f"{phrase}-{number}",
        tongue="bo",
        phrase=phrase,
        number=number,
        text=letters("bo", phrase),
        source=digest(source or sources()[phrase]),
        translator="Demo",
        capacity="Test",
        entered_by="a",
        entered_at=Instant(number),
        answer=answer,
        answered_by="b" if answer else "",
        answered_at=Instant(number * 10) if answer else None,
    )


def test_every_sentence_of_the_list_is_one_of_both_catalogues_and_stands_once() -> None:
    assert len(phrases()) == len(set(phrases())) > 80
    assert sources().keys() == sources("en").keys() == set(phrases())
    for phrase in phrases():
        assert blanks(sources()[phrase]) == blanks(sources("en")[phrase]), phrase


@given(tongue=st.sampled_from(sorted(LETTERS)), wanted=st.lists(names, max_size=4), given_=st.lists(names, max_size=4))
def test_blanks_must_be_those_of_the_chinese_no_more_and_no_less(
    tongue: str, wanted: list[str], given_: list[str]
) -> None:
    source = "中" + "".join(f"{{{each}}}" for each in wanted)
    text = LETTERS_OF[tongue] + "".join(f" {{{each}}}" for each in given_)
    assert fault(tongue, source, text) == ("" if sorted(wanted) == sorted(given_) else "wording-blanks")


@pytest.mark.parametrize(
    "text", ["ཀ {time.__class__}", "ཀ {time!r}", "ཀ {time:>9}", "ཀ {0}", "ཀ {}", "ཀ {time", "ཀ time}", "ཀ {time[0]}"]
)
def test_a_blank_that_does_more_than_stand_for_a_value_is_refused(text: str) -> None:
    assert fault("bo", "中 {time}", text) == "wording-blanks"


@given(hidden=st.sampled_from("\x00\x1b\n\t\u202e\u202d\u2066\u2069\u200b\u200f\ufeff\u2028\ue000\ud800"))
def test_what_is_not_seen_or_turns_the_text_about_is_refused(hidden: str) -> None:
    assert fault("bo", "中", f"ཀ{hidden}ཁ") == "wording-hidden"


def test_letters_of_the_script_are_needed_and_only_so_many_characters() -> None:
    assert fault("bo", "中", "Latin and 中文") == "wording-script-bo"
    assert fault("ii", "中", "ཀ") == "wording-script-ii"
    assert fault("bo", "中", "ꀀ") == "wording-script-bo"
    assert fault("bo", "中", "\u0f0b\u0f0d") == "wording-script-bo", "marks between letters are none"
    for sign in "=+-@＝＋－＠":
        assert fault("bo", "中", f"{sign}ཀ") == "wording-formula", sign
        assert fault("bo", "中", f"ཀ{sign}") == "", "only at the beginning"
    assert fault("bo", "中", "  ") == "missing"
    assert (fault("bo", "中", "ཀ" * TEXT_MAX), fault("bo", "中", "ཀ" * (TEXT_MAX + 1))) == ("", "too-long")
    with pytest.raises(Refusal) as refused:
        read_entry("bo", "中", {"text": "ཀ"})
    assert [each.path for each in refused.value.faults] == ["translator", "capacity"]


def test_only_what_was_approved_last_of_todays_chinese_is_shown_and_no_older_one_comes_back() -> None:
    first, second = version(), version(number=2)
    assert approved("bo", [first]) == {BACK: first.text}
    assert shown_of([first, second]) is second
    assert shown_of([first, replace(second, withdrawn_at=Instant(99))]) is None
    assert shown_of([first, version(number=2, answer="")]) is first
    assert shown_of([first, version(number=2, answer="refused")]) is first
    assert approved("ii", [first]) == {}
    old = version(source="an older sentence {time}")
    [found] = [each for each in sentences("bo", [old]) if each.phrase == BACK]
    assert (found.standing, found.shown, approved("bo", [old])) == (Standing.AGAIN, None, {})
    waits = [old, version(number=2, answer="")]
    [found] = [each for each in sentences("bo", waits) if each.phrase == BACK]
    assert found.standing is Standing.WAITING
    assert found.waiting is waits[1]


def test_a_tongue_was_complete_while_every_sentence_was_approved() -> None:
    all_of_them = [version(each) for each in phrases()]
    assert not is_complete_at("bo", all_of_them, Instant(9))
    assert is_complete_at("bo", all_of_them, Instant(10))
    assert not is_complete_at("bo", all_of_them[1:], Instant(10))
    taken = [replace(all_of_them[0], withdrawn_at=Instant(50)), *all_of_them[1:]]
    assert (is_complete_at("bo", taken, Instant(49)), is_complete_at("bo", taken, Instant(50))) == (True, False)


def table(change: object = None, *, fill: int = 2) -> bytes:
    """The empty list with some lines filled in, and a change made to its lines."""
    lines = list(csv.reader(io.StringIO(written(sentences("bo", ())).decode("utf-8-sig"))))
    for line in lines[1 : 1 + fill]:
        line[4:] = [letters("bo", line[0]), "Demo", "Test"]
    if callable(change):
        change(lines)
    out = io.StringIO()
    csv.writer(out).writerows(lines)
    return out.getvalue().encode()


def bad(sent: bytes) -> list[tuple[str, str]]:
    with pytest.raises(Refusal) as refused:
        read_table("bo", sent)
    assert refused.value.code == "wording-table-unusable"
    return [(each.path, each.code) for each in refused.value.faults]


def test_the_table_comes_back_as_it_was_filled_in() -> None:
    assert read_table("bo", written(sentences("bo", ()))) == ()
    rows = read_table("bo", table())
    assert [each.phrase for each in rows] == list(phrases()[:2])
    again = written(sentences("bo", [version(each) for each in phrases()]))
    assert len(read_table("bo", again)) == len(phrases())


def test_what_was_made_from_an_older_sentence_goes_into_no_table() -> None:
    old, waits = version(source="an older sentence {time}"), version(number=2, answer="", source="another {time}")
    assert read_table("bo", written(sentences("bo", [old, waits]))) == ()
    [row] = read_table("bo", written(sentences("bo", [version(), waits])))
    assert (row.phrase, row.entry.text) == (BACK, letters("bo", BACK)), "what families read stays in it"
    assert len(read_table("bo", written(sentences("bo", [version(number=2, answer="")])))) == 1


def test_what_is_wrong_with_a_table_is_said_line_by_line() -> None:
    assert bad(b"") == [("1", "table-missing")]
    assert bad(b"x" * (BYTES_MAX + 1)) == [("1", "table-too-large")]
    assert bad(b"\xff\xfe") == [("1", "table-unreadable")]
    assert bad(b'"') == [("1", "table-unreadable")]
    assert bad(b"a,b\n") == [("1", "table-header")]
    assert bad((",".join(HEADER) + "\n").encode())[0][1] == "table-cut"
    cut = table().rsplit(b"\r\n", 2)[0]
    assert [code for _, code in bad(cut)] == ["table-cut"]
    assert [code for _, code in bad(table(lambda lines: lines.pop(5)))] == ["table-cut"]

    def twice(lines: list[list[str]]) -> None:
        lines[3] = lines[2]

    def swapped(lines: list[list[str]]) -> None:
        lines[3], lines[4] = lines[4], lines[3]

    def hostile(lines: list[list[str]]) -> None:
        lines[1][4] = "ཀ\u202e"
        lines[2][4] = "=ཀ"
        lines[3][0] = "newborn.title"
        lines[4][1] = "0" * 16
        lines[5].append("more")
        lines[6][4] = "ཀ"

    assert bad(table(twice)) == [("4", "table-twice")]
    assert bad(table(swapped)) == [("5", "table-order")]
    assert bad(table(hostile)) == [
        ("2", "wording-hidden"),
        ("3", "wording-formula"),
        ("4", "table-phrase"),
        ("5", "table-source"),
        ("6", "table-cells"),
        ("7", "table-people"),
    ]


@given(st.binary(max_size=300), st.text(max_size=60))
def test_no_bytes_of_anybody_do_more_than_be_refused(noise: bytes, words: str) -> None:
    bad(noise)
    bad((",".join(HEADER) + "\r\n" + words).encode(errors="replace"))
