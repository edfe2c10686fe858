"""The made-up ward: twelve beds, each with a camera and a baby whom somebody may ask to see."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from demo.telling import Wish, tell_province
from demo.ward.beds import BEDS, CART_CODE, TWINS, beds
from demo.ward.lens import RtspServer
from demo.ward.telling import BED_CODE, CAMERA_CODE, STAFF, WRISTBAND
from told_province import Province

from tianfu.standards.china import identifier_systems as systems
from tianfu.standards.fhir.validation import validate

HOUSE = "hospital-jinjiangpan"
TODAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Province:
    return told(tmp_path_factory.mktemp("ward") / "province")


def told(folder: Path) -> Province:
    for _ in tell_province(Wish(residents=3, seed=7, today=TODAY, folder=folder, ward=True)):
        pass
    return Province(folder)


def value(resource: dict[str, Any], system: str) -> str | None:
    return next((each["value"] for each in resource.get("identifier", []) if each["system"] == system), None)


def of(ward: Province, kind: str, system: str) -> dict[str, dict[str, Any]]:
    """Resources that have an identifier of a system, by its value."""
    found = ((value(each, system), each) for each in ward.resources(ward.folder / HOUSE, kind))
    return {number: each for number, each in found if number is not None}


def test_each_bed_has_a_camera_and_a_baby_who_lies_there(ward: Province) -> None:
    places, cameras = of(ward, "Location", BED_CODE), of(ward, "Device", CAMERA_CODE)
    babies = {f"Patient/{each['id']}" for each in of(ward, "Patient", WRISTBAND).values()}
    assert list(places) == [bed.code for bed in beds()]
    assert list(cameras) == [*(bed.camera_code for bed in beds()), CART_CODE]
    at = {each["location"]["reference"] for each in cameras.values()}
    assert at == {f"Location/{each['id']}" for each in places.values()}
    stays = [
        each for each in ward.resources(ward.folder / HOUSE, "Encounter") if each["subject"]["reference"] in babies
    ]
    lies = {each["subject"]["reference"]: each["location"][0]["location"]["reference"] for each in stays}
    assert set(lies) == babies
    assert set(lies.values()) == at
    assert {each["status"] for each in stays} == {"in-progress"}
    assert len(babies) == BEDS


def test_the_twins_have_one_mother_and_every_other_baby_its_own(ward: Province) -> None:
    mothers = {
        each["patient"]["reference"]: value(each, systems.IDENTITY_NUMBER)
        for each in ward.resources(ward.folder / HOUSE, "RelatedPerson")
    }
    babies = list(of(ward, "Patient", WRISTBAND).values())
    theirs = [mothers[f"Patient/{each['id']}"] for each in babies]
    one, other = (number - 1 for number in TWINS)
    assert theirs[one] == theirs[other]
    assert len(set(theirs)) == BEDS - 1
    assert [each.get("multipleBirthInteger") for each in (babies[one], babies[other])] == [1, 2]
    assert babies[one]["birthDate"] == babies[other]["birthDate"]


def test_the_ward_is_the_same_each_time_and_valid(ward: Province, tmp_path: Path) -> None:
    again = told(tmp_path / "province")
    assert list(again.everywhere()) == list(ward.everywhere())
    assert [(each["id"], fault) for each in ward.everywhere() for fault in validate(each)] == []


def test_its_staff_are_there(ward: Province) -> None:
    assert {number for number, *_ in STAFF} <= set(of(ward, "Practitioner", systems.STAFF_NUMBER))


@pytest.mark.anyio
async def test_cameras_that_stop_while_somebody_looks_hang_up_and_complain_of_nothing() -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
    server = RtspServer({})
    port = await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"OPTIONS rtsp://127.0.0.1/bed-01 RTSP/1.0\r\nCSeq: 1\r\n\r\n")
    assert (await reader.readline()).startswith(b"RTSP/1.0 ")
    await server.stop()
    with suppress(ConnectionError):
        await reader.read()
    writer.close()
    assert complaints == []
