"""Deliveries over HTTP: what is sent arrives, what is no object is refused, and nothing of it is anybody else's."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from demo.radiotherapy.objects import Kind

from tests.apps.radiotherapy.department import ROOT, Browser, Department
from tests.radiotherapy_house import small_objects
from tianfu.apps.radiotherapy.delivery_routes import SENT_BYTES_MAX
from tianfu.services.jobs.works import State

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # each founds accounts and a case in a fresh database


def arrived(page: str) -> int:
    """How much the page says has arrived."""
    found = re.search(r'<h2 id="arrived">[^<]*<span class="beside">(\d+)</span>', page)
    assert found is not None
    return int(found[1])


async def sent(physicist: Browser, contents: Sequence[bytes]) -> str:
    """The address of a delivery in which all of them arrived."""
    delivery = await physicist.began()
    for content in contents:
        assert (await physicist.send(f"{delivery}/objects", content)).status_code == 201
    return delivery


async def test_what_is_sent_arrives_and_is_taken_in(department: Department, physicist: Browser) -> None:
    contents = small_objects().contents()
    delivery = await sent(physicist, contents)
    assert arrived((await physicist.get(delivery)).text) == len(contents)
    work = await physicist.led(f"{delivery}/take-in")
    assert (await physicist.get(delivery)).headers["location"] == work
    async with department.working():
        done = await department.ended(work)
    assert done.state is State.DONE
    case = (await physicist.get(work)).headers["location"]
    assert "DEMO-00011" in (await physicist.get(case)).text
    assert case in (await physicist.get(delivery)).text


async def test_a_refused_delivery_says_why_and_keeps_all_that_arrived(
    department: Department, physicist: Browser
) -> None:
    contents = small_objects().contents()
    delivery = await sent(physicist, [*contents[:5], *contents[6:]])
    async with department.working():
        work = await physicist.led(f"{delivery}/take-in")
        assert (await department.ended(work)).state is State.FAILED
    assert (await physicist.get(work)).headers["location"] == delivery
    page = (await physicist.get(delivery)).text
    assert "Between slices 5, 7" in page
    assert arrived(page) == len(contents) - 1
    assert (await physicist.send(f"{delivery}/objects", contents[5])).status_code == 201
    async with department.working():
        again = await department.ended(await physicist.led(f"{delivery}/take-in"))
    assert again.state is State.DONE


async def test_an_object_that_comes_twice_is_there_once(physicist: Browser) -> None:
    content = small_objects().of(Kind.PLAN)[0]
    delivery = await sent(physicist, [content, content])
    told = (await physicist.get(f"{delivery}/objects")).json()["objects"]
    assert [(each["modality"], each["bytes"]) for each in told] == [("RTPLAN", len(content))]


async def test_what_is_no_object_is_refused_in_the_readers_language(department: Department) -> None:
    physicist = await department.staff(language="zh-CN")
    delivery = await physicist.began()
    answer = await physicist.send(f"{delivery}/objects", b"no object at all")
    assert answer.status_code == 422
    assert answer.json()["refusal"] == "dicom-unreadable"
    assert answer.json()["said"].startswith("这不是可读取的 DICOM 文件")
    assert (await physicist.get(f"{delivery}/objects")).json() == {"objects": []}


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"])
async def test_only_dicom_is_taken_as_an_object(physicist: Browser, kind: str) -> None:
    delivery = await physicist.began()
    answer = await physicist.send(f"{delivery}/objects", small_objects().of(Kind.PLAN)[0], kind=kind)
    assert answer.status_code == 415
    assert arrived((await physicist.get(delivery)).text) == 0


async def test_a_larger_body_than_a_browser_may_send_is_not_read(physicist: Browser) -> None:
    delivery = await physicist.began()
    answer = await physicist.send(f"{delivery}/objects", b"DICM", claimed_bytes=SENT_BYTES_MAX + 1)
    assert answer.status_code == 413
    assert arrived((await physicist.get(delivery)).text) == 0


async def test_one_object_is_taken_back_and_the_others_stay(physicist: Browser) -> None:
    delivery = await sent(physicist, small_objects().contents()[-3:])
    told = (await physicist.get(f"{delivery}/objects")).json()["objects"]
    assert await physicist.led(f"{delivery}/take-back", document=told[0]["document"]) == delivery
    assert (await physicist.get(f"{delivery}/objects")).json()["objects"] == told[1:]


async def test_a_discarded_delivery_takes_nothing_more(physicist: Browser) -> None:
    content = small_objects().of(Kind.PLAN)[0]
    delivery = await sent(physicist, [content])
    assert await physicist.led(f"{delivery}/discard") == f"{ROOT}?done=discarded"
    assert delivery not in (await physicist.get(ROOT)).text
    assert 'data-part="sending"' not in (await physicist.get(delivery)).text
    answer = await physicist.send(f"{delivery}/objects", content)
    assert (answer.status_code, answer.json()["refusal"]) == (422, "delivery-over")


async def test_a_whole_case_may_be_sent_without_being_told_to_wait(physicist: Browser) -> None:
    """A form may be sent 120 times and then twice a second; a case has more objects than that."""
    delivery = await physicist.began()
    content = small_objects().of(Kind.PLAN)[0]
    answers = [await physicist.send(f"{delivery}/objects", content) for _ in range(200)]
    assert {answer.status_code for answer in answers} == {201}


async def test_objects_are_added_to_a_case_of_ones_own_hospital_only(
    department: Department, physicist: Browser, physicist_elsewhere: Browser
) -> None:
    case = await department.imaging.case_of(small_objects().contents())
    delivery = await physicist.began(into=case.id)
    assert "示例 演示11" in (await physicist.get(delivery)).text
    assert (await physicist_elsewhere.post(f"{ROOT}/deliveries", into=case.id)).status_code == 404


def addresses(department: Department, names: dict[str, str]) -> list[tuple[str, str]]:
    """Method and address of every page and form of radiotherapy, about these."""
    found = []
    for route in department.site.routes:
        if route.path.startswith(ROOT):
            path = re.sub(r"\{(\w+)[^}]*\}", lambda match: names.get(match[1], "0"), route.path)
            found += [(method, path) for method in route.route_handler_map if method != "OPTIONS"]
    return sorted(found)


async def asked(visitor: Browser, method: str, path: str) -> int:
    """The status that a visitor gets."""
    if method == "GET":
        return (await visitor.get(path)).status_code
    if path.endswith("/objects"):
        return (await visitor.send(path, small_objects().of(Kind.PLAN)[0])).status_code
    return (await visitor.post(path)).status_code


async def test_to_everybody_else_no_page_of_radiotherapy_is_there(
    department: Department, physicist: Browser, physicist_elsewhere: Browser, nurse: Browser
) -> None:
    case = await department.imaging.case_of(small_objects().contents())
    delivery = await sent(physicist, small_objects().contents()[-3:])
    work = await physicist.led(f"{delivery}/take-in")
    names = {"case": case.id, "delivery": delivery.rpartition("/")[2], "work": work.rpartition("/")[2]}
    every = addresses(department, names)
    assert len(every) > 15
    others = [nurse, await department.staff("doctor"), await department.resident()]
    seen = {(*each, await asked(visitor, *each)) for visitor in others for each in every}
    assert {status for *_, status in seen} == {404}, sorted(seen)
    nobody = [await department.nobody().get(path) for method, path in every if method == "GET"]
    assert {answer.status_code for answer in nobody} == {303}
    assert all(answer.headers["location"].startswith("/sign-in?") for answer in nobody)
    named = [each for each in every if any(name in each[1] for name in names.values())]
    elsewhere = {(*each, await asked(physicist_elsewhere, *each)) for each in named}
    assert {status for *_, status in elsewhere} == {404}, sorted(elsewhere)
    assert len((await physicist.get(f"{delivery}/objects")).json()["objects"]) == 3
