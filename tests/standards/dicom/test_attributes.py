from __future__ import annotations

from typing import get_args

import pytest
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset

from tests.standards.dicom.made_objects import decoded, dose, images, plan, structure_set, treatment
from tianfu.standards.dicom.attributes import Kind, Rules, completed, missing, rules_of
from tianfu.standards.dicom.doses import write_dose
from tianfu.standards.dicom.images import write_images
from tianfu.standards.dicom.plans import write_plan
from tianfu.standards.dicom.structure_sets import write_structure_set
from tianfu.standards.dicom.treatments import write_treatment

WRITTEN: dict[Kind, bytes] = {
    "CT": write_images(images())[0],
    "RTSTRUCT": write_structure_set(structure_set()),
    "RTPLAN": write_plan(plan()),
    "RTDOSE": write_dose(dose()),
    "RTRECORD": write_treatment(treatment()),
}


@pytest.mark.parametrize("kind", get_args(Kind))
def test_what_is_written_has_every_attribute_that_must_be_there(kind: Kind) -> None:
    assert list(missing(decoded(WRITTEN[kind]).dataset, rules_of(kind))) == []


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_rule_names_an_attribute_and_only_sequences_have_items(kind: Kind) -> None:
    def check(rules: Rules) -> None:
        for name, rule in rules.items():
            assert (dictionary_VR(name) == "SQ") is not isinstance(rule, str)
            if not isinstance(rule, str):
                check(rule[1])

    check(rules_of(kind))


def test_a_missing_type_2_is_added_empty_and_a_missing_type_1_is_our_mistake() -> None:
    dataset = decoded(WRITTEN["RTPLAN"]).dataset
    del dataset.OperatorsName
    assert completed(dataset, "RTPLAN")["OperatorsName"].is_empty
    dataset.BeamSequence[0].ControlPointSequence[1].ControlPointIndex = None
    with pytest.raises(ValueError, match=r"BeamSequence\[0\].ControlPointSequence\[1\].ControlPointIndex"):
        completed(dataset, "RTPLAN")


def test_an_empty_data_set_lacks_everything() -> None:
    assert "SOPInstanceUID" in set(missing(Dataset(), rules_of("CT")))
