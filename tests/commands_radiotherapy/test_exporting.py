"""What an export calls its files."""

from __future__ import annotations

import pytest

from tianfu.commands_radiotherapy.exporting import object_name


@pytest.mark.parametrize(
    ("modality", "name"),
    [("CT", "CT-00007.dcm"), ("", "object-00007.dcm"), ("../../key", "object-00007.dcm"), ("影像", "object-00007.dcm")],
)
def test_an_object_names_its_file_and_no_other_folder(modality: str, name: str) -> None:
    assert object_name(7, modality) == name
