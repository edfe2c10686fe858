"""The same pages over the real record store: what the store in memory only pretends must hold there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import httpx
import orjson
import pytest

from tests.apps.lifelong.made_up import CENTRE, HER_NUMBER, HOSPITAL, life_of_a_woman, visit
from tests.desk import DESK
from tests.made_up_keys import made_up_keys
from tests.trails import auditor_of
from tests.web.conftest import fixed_clock, made_up_assets
from tests.web.letting_in import doorkeeping
from tianfu.access.purpose import Purpose
from tianfu.apps.lifelong.routes import lifelong
from tianfu.db import Database
from tianfu.kernel.instants import day_start, system_clock
from tianfu.records.store import Store
from tianfu.standards.fhir.parsing import parse_resource
from tianfu.web.site import SiteSettings, build_site

pytestmark = pytest.mark.anyio

WHY = Purpose.TREATMENT
LIFE = f"/lifelong/people/{HOSPITAL}"


@pytest.fixture
async def store(database: Database) -> Store:
    """The made-up life, written into a fresh database."""
    keys = made_up_keys(b"s" * 32)
    opened = await Store.open(database, auditor=await auditor_of(database), clock=system_clock, keys=keys)
    for (_, identity), versions in life_of_a_woman().versions.items():
        record = versions[-1]
        assert record is not None
        await opened.update(DESK, WHY, parse_resource(record.text), identity)
    return opened


@pytest.fixture
async def browser(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app over that store."""
    site = build_site(
        apps=[lifelong(store)],
        settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=True, is_production=False),
        doorkeeping=doorkeeping(),
        clock=fixed_clock,
        assets=made_up_assets(),
    )
    transport = httpx.ASGITransport(site)  # type: ignore[arg-type]  # httpx types ASGI's callables more narrowly
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", follow_redirects=True) as client:
        yield client


@pytest.mark.parametrize("who", ["温知夏", "wenzhixia", "wzx", HER_NUMBER, HER_NUMBER[-4:], "1992-04-18"])
async def test_a_person_is_found(browser: httpx.AsyncClient, who: str) -> None:
    page = (await browser.post("/lifelong/find", data={"who": who})).text
    assert f'href="{LIFE}"' in page or f'href="/lifelong/people/{CENTRE}"' in page


async def test_a_life_is_the_same_as_over_the_store_in_memory(browser: httpx.AsyncClient) -> None:
    page = (await browser.get(LIFE)).text
    assert "显示 13 / 15" in page
    for said in ("28周+3", "青霉素", "葡萄糖耐量试验", "关联母亲 <bdi>冉桂兰</bdi> 的产前记录", "没有日期的记录"):
        assert said in page
    assert "胃痛" not in page


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?kind=encounter", "显示 3 / 15"),
        (f"?chosen=1&kind=encounter&source={CENTRE}", "显示 2 / 15"),
        ("?phase=pregnancy", "显示 11 / 15"),
        ("?kind=other", "显示 2 / 15"),
    ],
)
async def test_a_filter_reaches_the_store(browser: httpx.AsyncClient, query: str, count: str) -> None:
    assert count in (await browser.get(LIFE + query)).text


async def test_undated_records_come_after_the_oldest_page(store: Store) -> None:
    page = await store.timeline(DESK, WHY, [HOSPITAL], before=day_start(date(1990, 1, 1)), limit=10)
    assert [entry.record.id for entry in page.entries] == ["allergy"]
    bounded = await store.timeline(DESK, WHY, [HOSPITAL], after=day_start(date(1990, 1, 1)), limit=50)
    assert "allergy" not in [entry.record.id for entry in bounded.entries]


async def test_an_expired_page_of_a_history_offers_the_first_one(browser: httpx.AsyncClient) -> None:
    address = "/lifelong/records/Encounter/check/history"
    page = (await browser.get(address, params={"cursor": "AAAA"})).text
    assert f'href="{address}">回到第一页' in page


async def test_a_record_its_trend_and_its_history_open(browser: httpx.AsyncClient, store: Store) -> None:
    changed = visit("check", "2026-11-06", "产前检查（第6次）", kind="antenatal-visit")
    await store.update(DESK, WHY, parse_resource(orjson.dumps(changed)), "check")
    assert "产前检查（第6次）" in (await browser.get("/lifelong/records/Encounter/check")).text
    history = (await browser.get("/lifelong/records/Encounter/check/history")).text
    assert "<del>产前检查（第5次）</del>" in history
    trend = (await browser.get(f"{LIFE}/trend", params={"measure": "http://loinc.org|85354-9"})).text
    assert "134" in trend
