from __future__ import annotations

import io
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.standards.dicom.made_objects import (
    BYTES_MAX,
    VOXELS_MAX,
    decoded,
    dose,
    images,
    plan,
    structure_set,
    treatment,
)
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.attributes import missing, rules_of
from tianfu.standards.dicom.cases import read_case
from tianfu.standards.dicom.deidentify import Link, deidentified, refuse_other_key, relinked, shifted
from tianfu.standards.dicom.doses import read_dose, write_dose
from tianfu.standards.dicom.encoding import encode
from tianfu.standards.dicom.images import read_images, write_images
from tianfu.standards.dicom.plans import read_plan, write_plan
from tianfu.standards.dicom.structure_sets import read_structure_set, write_structure_set
from tianfu.standards.dicom.treatments import read_treatment, write_treatment

KEY = bytes(range(32))

CONTENTS = [
    *write_images(images()),
    write_structure_set(structure_set()),
    write_plan(plan()),
    write_dose(dose()),
    write_treatment(treatment()),
]


def hidden(content: bytes, key: bytes = KEY) -> tuple[bytes, Link]:
    dataset, link = deidentified(decoded(content).dataset, key=key)
    return encode(dataset), link


def test_a_case_stays_whole_without_its_identity() -> None:
    reading = read_case([hidden(content)[0] for content in CONTENTS], bytes_max=BYTES_MAX, voxels_max=VOXELS_MAX)
    assert reading.codes() == {"treatment-overridden"}
    assert (
        reading.value.doses[0].volume.values
        == read_dose(decoded(CONTENTS[6]), voxels_max=VOXELS_MAX).value.volume.values
    ).all()


@pytest.mark.parametrize(
    "word",
    [
        "王", "小明", "A17", "19600229", "20260301", "20260303", "20260310", "ACC9", "李", "医生", "Zhang", "County",
        "LINAC1", "couch", "field 1", "PLAN A", "计划", "FIRST", "肝", "of our engine", "2.25.1000", "2.25.3000", "iso",
    ],
)  # fmt: skip
def test_nothing_that_names_somebody_is_left(word: str) -> None:
    for content in CONTENTS:
        left = hidden(content)[0]
        places = {bytes(word, "utf-8"), bytes(word, "gb18030")}
        assert not any(place in left[400:] for place in places)


def test_the_same_key_gives_the_same_bytes_and_another_key_gives_others() -> None:
    assert hidden(CONTENTS[4]) == hidden(CONTENTS[4])
    other = hidden(CONTENTS[4], key=bytes(32))[1]
    assert hidden(CONTENTS[4])[1].pseudonym != other.pseudonym
    assert not {ours for ours, _ in other.uids} & {ours for ours, _ in hidden(CONTENTS[4])[1].uids}


@pytest.mark.parametrize("content", CONTENTS[3:], ids=["CT", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD"])
def test_what_must_be_there_is_still_there(content: bytes) -> None:
    dataset = decoded(hidden(content)[0]).dataset
    assert list(missing(dataset, rules_of(dataset.Modality))) == []


def again(content: bytes) -> Dataset:
    anonymous, link = hidden(content)
    return relinked(decoded(anonymous).dataset, link)


def test_identifiers_uids_and_dates_come_back_exactly() -> None:
    plan_again = read_plan(decoded(encode(again(CONTENTS[5])))).value
    assert (plan_again.header.patient, plan_again.header.study) == (plan().header.patient, plan().header.study)
    assert (plan_again.instance, plan_again.structure_set, plan_again.date) == ("2.25.3000", "2.25.2000", "20260304")
    assert plan_again.beams == plan().beams
    assert plan_again.label == plan().label


def test_images_structures_doses_and_treatments_come_back() -> None:
    series = read_images([decoded(encode(again(content))) for content in CONTENTS[:4]], voxels_max=VOXELS_MAX).value
    assert (series.instances, series.header.patient) == (images().instances, images().header.patient)
    structures = read_structure_set(decoded(encode(again(CONTENTS[4])))).value
    assert [one.name for one in structures.structures] == ["PTV_5000", "肝脏", "iso"]
    assert structures.images == structure_set().images
    assert read_dose(decoded(encode(again(CONTENTS[6]))), voxels_max=VOXELS_MAX).value.plan == dose().plan
    record = read_treatment(decoded(encode(again(CONTENTS[7])))).value
    assert (record.beams[0].points[1].date, record.machine.name) == ("20260310", "LINAC1")


def test_a_structure_gets_its_standard_name_or_none() -> None:
    names = [one.name for one in read_structure_set(decoded(hidden(CONTENTS[4])[0])).value.structures]
    assert names[:2] == ["PTV_5000", "Liver"]
    assert names[2].startswith("ROI_")


def test_private_attributes_are_dropped() -> None:
    dataset = decoded(CONTENTS[5]).dataset
    block = dataset.private_block(0x0011, "SOMEBODY", create=True)
    block.add_new(1, "LO", "secret words")
    file = io.BytesIO()
    dcmwrite(file, deidentified(dataset, key=KEY)[0], implicit_vr=False, little_endian=True)
    assert b"secret" not in file.getvalue()
    assert ExplicitVRLittleEndian.is_little_endian


def test_an_object_of_another_patient_is_not_relinked() -> None:
    link = hidden(CONTENTS[4])[1]
    other = decoded(CONTENTS[5]).dataset
    other.PatientID = "B18"
    with pytest.raises(Refusal, match="relink-other-patient"):
        relinked(deidentified(other, key=KEY)[0], link)


@pytest.mark.parametrize(
    "changed",
    [
        {"values": (("PatientID", "SOMEBODY-ELSE"),)},
        {"days": -1},
        {"pseudonym": "TF0000000000000000"},
        {"uids": (("2.25.1", "2.25.2"),)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_link_that_was_changed_or_made_with_another_key_is_refused(changed: dict[str, Any]) -> None:
    _, link = hidden(CONTENTS[-1])
    refuse_other_key(link, key=KEY)
    for wrong, key in ((link, bytes(32)), (replace(link, **changed), KEY)):
        with pytest.raises(Refusal, match="relink-other-key"):
            refuse_other_key(wrong, key=key)


def test_without_a_patient_nothing_is_hidden() -> None:
    dataset = decoded(CONTENTS[5]).dataset
    dataset.PatientID = ""
    with pytest.raises(Refusal, match="deidentify-without-patient"):
        deidentified(dataset, key=KEY)


def test_a_short_key_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="32"):
        deidentified(Dataset(), key=b"short")


@given(day=st.dates(date(1900, 1, 1), date(2100, 1, 1)), days=st.integers(-3650, -1))
def test_a_date_moves_there_and_back(day: date, days: int) -> None:
    text = day.strftime("%Y%m%d")
    assert shifted(shifted(text, days), -days) == text
    assert shifted(text + "101500.5", days).endswith("101500.5")


def test_what_is_no_date_is_emptied() -> None:
    assert shifted("soon", -3) == ""
