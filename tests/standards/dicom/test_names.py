from __future__ import annotations

import pytest

from tianfu.standards.dicom.names import Alias, Exact, Unknown, standard_name_of, standard_names


@pytest.mark.parametrize(
    "text", ["Lung_L", "SpinalCord", "SpinalCord_PRV05", "PTV", "PTVn1", "CTV_High", "PTV_5000", "PTV2_Low", "GTVp"]
)
def test_standard_names_are_exact(text: str) -> None:
    assert standard_name_of(text) == Exact(name=text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("左肺", "Lung_L"),
        ("lung-l", "Lung_L"),
        ("LUNG L", "Lung_L"),
        ("Ｌｕｎｇ＿Ｌ", "Lung_L"),
        ("脊髓", "SpinalCord"),
        ("左侧腮腺", "Parotid_L"),
        ("Mandible", "Bone_Mandible"),
    ],
)
def test_other_names_are_aliases_that_somebody_confirms(text: str, name: str) -> None:
    assert standard_name_of(text) == Alias(name=name, text=text)


@pytest.mark.parametrize("text", ["", "lung", "Lung_LL", "Parotid", "腮腺", "ring 2cm", "zz_opt", "Heart2", "PTVx_"])
def test_what_is_not_sure_is_unknown(text: str) -> None:
    assert standard_name_of(text) == Unknown(text=text)


def test_no_alias_means_two_names() -> None:
    """Each of them is found again: an alias of two names would be found under none."""
    for one in standard_names().values():
        for text in (*one.chinese, *one.aliases):
            assert standard_name_of(text) == Alias(name=one.name, text=text)


def test_there_are_enough_names() -> None:
    assert len(standard_names()) >= 120
    assert all(one.chinese and one.source in {"found", "memory"} for one in standard_names().values())
