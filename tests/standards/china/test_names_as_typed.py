"""Names are found the way people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.standards.china.names import READINGS_MAX, folded, pinyin, search_keys


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("沈清和", "沈清和"),
        ("沈清和", "沈"),
        ("沈清和", "shenqinghe"),
        ("沈清和", "Shen Qing"),
        ("沈清和", "shěn qīng hé"),
        ("沈清和", "sqh"),
        ("沈清和", "ＳＱＨ"),
        ("单雨婷", "shanyuting"),
        ("单雨婷", "danyuting"),
        ("曾乐", "zengle"),
        ("解晓东", "xie"),
        ("仇英", "qiuying"),
        ("区志明", "ouzhi"),
        ("欧阳若云", "ouyangruoyun"),
        ("欧阳若云", "oyry"),
        ("尉迟安", "yuchian"),
        ("吕薇", "lvwei"),
        ("吕薇", "luwei"),
        ("吕薇", "lyuwei"),
        ("吕薇", "lǚ wēi"),
        ("張國強", "张国强"),
        ("张国强", "張國強"),
        ("沙马·阿牛", "沙马阿牛"),
        ("沙马阿牛", "沙马·阿牛"),
        ("泽仁・多吉", "泽仁•多吉"),
        ("泽仁．多吉", "zeren duoji"),
        ("José María", "jose maria"),
        ("O'Brien", "obrien"),
        ("Anna-Lena Groß", "annalenagross"),
        ("Anna-Lena Groß", "alg"),
        ("王Alice", "wangalice"),
        ("བཀྲ་ཤིས", "བཀྲ་ཤིས"),
    ],
)
def test_a_name_is_found_by_what_people_type(name: str, query: str) -> None:
    assert any(key.startswith(folded(query)) for key in search_keys(name))


def test_the_first_keys_are_the_name_its_pinyin_and_its_initials() -> None:
    assert search_keys("单雨婷")[:3] == ("单雨婷", "shanyuting", "syt")
    assert pinyin("单雨婷") == "shan yu ting"


def test_tibetan_vowels_are_not_accents() -> None:
    assert folded("བཀྲ་ཤིས") != folded("བཀྲ་ཤས")


def test_an_empty_name_has_no_keys() -> None:
    assert search_keys(" · ") == ()


def test_many_doubtful_readings_stay_few_keys() -> None:
    assert len(search_keys("吕" * 60)) <= 1 + 2 * READINGS_MAX


@given(st.text(max_size=40))
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(st.text(max_size=40))
def test_every_name_is_found_by_itself(text: str) -> None:
    keys = search_keys(text)
    assert not keys or keys[0] == folded(text)
    assert all(keys)
