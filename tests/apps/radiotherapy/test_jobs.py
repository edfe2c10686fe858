"""Works of radiotherapy against a real queue: their results are those of the computation, once for each question."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.radiotherapy_house import HOSPITAL, PHYSICIST, House, house_of, second_dose, small_objects
from tianfu.apps.radiotherapy.jobs import Bench
from tianfu.apps.radiotherapy.made_results import dvh_from, dvh_text, figures_of, gamma_map_of
from tianfu.apps.radiotherapy.model.gamma import gamma_index
from tianfu.apps.radiotherapy.model.gamma_criteria import Difference, GammaCriteria, Normalisation, Search
from tianfu.apps.radiotherapy.protocols import shipped_protocols
from tianfu.apps.radiotherapy.queries import evaluation
from tianfu.apps.radiotherapy.queries.evaluation import evaluate
from tianfu.apps.radiotherapy.results import NOT_CLEARED
from tianfu.apps.radiotherapy.wishes import (
    criteria_from,
    evaluation_of,
    evaluation_wish,
    gamma_of,
    gamma_wish,
    take_in_wish,
)
from tianfu.db import Addresses, Database, Query
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.imaging.cases import KeptCase
from tianfu.services.jobs.worker import Worker
from tianfu.services.jobs.works import Queue, State, Work, Works

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # each computes with kernels that are loaded first

WAIT_SECONDS = 120.0
CRITERIA = GammaCriteria(
    dose_difference_percent=1.0,
    distance_mm=1.0,
    difference=Difference.GLOBAL,
    normalisation_gy=Normalisation.REFERENCE_MAXIMUM,
    threshold_percent=10.0,
    gamma_max=2.0,
    search=Search.VOLUME,
)


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> House:
    return await house_of(database, tmp_path)


@asynccontextmanager
async def working(house: House, addresses: Addresses, queue: Queue) -> AsyncIterator[None]:
    bench = Bench(cases=house.cases, deliveries=house.deliveries, documents=house.documents, clock=system_clock)
    kinds = bench.heavy() if queue == "heavy" else bench.light()
    task = asyncio.create_task(Worker(house.database, kinds, system_clock).run(addresses, queue))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def ended(house: House, work: str) -> Work:
    works = Works(house.database, system_clock, most={})
    async with asyncio.timeout(WAIT_SECONDS):
        while not (now := await works.now(work)).state.is_end:  # noqa: ASYNC110 - a worker ends it
            await asyncio.sleep(0.05)
    return now


async def asked(house: House, case: KeptCase, protocol: str | None) -> str:
    wish = evaluation_wish(
        case,
        await house.cases.objects(case),
        dose=case.about.doses[0].instance,
        protocol=None if protocol is None else shipped_protocols()[protocol],
    )
    return await Works(house.database, system_clock, most={}).ask(wish, by=PHYSICIST.id)


async def test_a_judged_dose_is_kept_as_it_was_computed_with_its_provenance(house: House, addresses: Addresses) -> None:
    case = await house.case_of(small_objects().contents())
    name, protocol = next(iter(shipped_protocols().items()))
    work = await asked(house, case, name)
    async with working(house, addresses, "heavy"):
        done = await ended(house, work)
    assert done.state is State.DONE, done
    result = await evaluation_of(house.documents, done)
    read = (await house.cases.read(case)).value
    truth = evaluate(read, dose=None, protocol=protocol, on_progress=lambda *_: None)
    assert [each.figures for each in result.structures] == [
        None if each.dvh is None else figures_of(each.dvh) for each in truth.structures
    ]
    assert [line.reached for line in result.lines] == [line.reached for line in truth.lines]
    assert result.provenance.notice == NOT_CLEARED
    assert result.provenance.asked_by == PHYSICIST.id
    assert set(result.provenance.inputs) == {each.document for each in await house.cases.objects(case)}


async def test_an_equal_question_is_answered_once_and_another_object_makes_it_another(
    house: House, addresses: Addresses
) -> None:
    case = await house.case_of(small_objects().contents())
    first = await asked(house, case, None)
    async with working(house, addresses, "heavy"):
        await ended(house, first)
        assert await asked(house, case, None) == first
        await house.taken(await house.sent([second_dose()], into=case.id))
        again = await asked(house, await house.cases.one(case.id, HOSPITAL), None)
        assert again != first
        assert (await ended(house, again)).state is State.DONE


async def test_a_case_that_changed_since_it_was_asked_about_is_not_judged(house: House, addresses: Addresses) -> None:
    case = await house.case_of(small_objects().contents())
    work = await asked(house, case, None)
    await house.taken(await house.sent([second_dose()], into=case.id))
    async with working(house, addresses, "heavy"):
        done = await ended(house, work)
    assert (done.state, done.refusal) == (State.FAILED, "case-changed")


async def test_a_worker_that_takes_up_computes_no_structure_twice(
    house: House, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first worker is stopped in its third structure; the second one begins there."""
    case = await house.case_of(small_objects().contents())
    computed: list[Any] = []
    real = evaluation.dose_volume_histogram
    reached, stopped = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def counted(*arguments: Any, **named: Any) -> Any:
        if len(computed) == 2 and not stopped.is_set():
            loop.call_soon_threadsafe(reached.set)
            stopped.wait(WAIT_SECONDS)
            raise Refusal("never-told")  # nobody hears of what a worker does that was stopped
        computed.append(arguments)
        return real(*arguments, **named)

    monkeypatch.setattr(evaluation, "dose_volume_histogram", counted)
    work = await asked(house, case, None)
    async with working(house, addresses, "heavy"):
        await asyncio.wait_for(reached.wait(), WAIT_SECONDS)
    stopped.set()
    assert (await Works(house.database, system_clock, most={}).now(work)).state is State.RUNNING
    async with working(house, addresses, "heavy"):
        done = await ended(house, work)
    assert done.state is State.DONE
    structures = len(case.about.structures)
    assert structures > 3
    assert len(computed) == structures
    assert done.tries == 1, "a worker that was stopped in order did not die of the work"


async def test_a_histogram_that_was_kept_loses_nothing(house: House) -> None:
    case = await house.case_of(small_objects().contents())
    truth = evaluate(
        (await house.cases.read(case)).value, dose=None, protocol=None, on_progress=lambda *_: None
    ).structures[0]
    assert truth.dvh is not None
    again = dvh_from(dvh_text(truth.dvh))
    assert np.array_equal(again.volumes_cc, truth.dvh.volumes_cc)
    assert np.array_equal(again.edges_gy, truth.dvh.edges_gy)
    assert (again.mean_gy, again.outside_cc) == (truth.dvh.mean_gy, truth.dvh.outside_cc)


async def test_two_doses_are_compared_as_the_index_says(house: House, addresses: Addresses) -> None:
    case = await house.case_of([*small_objects().contents(), second_dose()])
    first, second = (each.instance for each in case.about.doses)
    wish = gamma_wish(case, await house.cases.objects(case), (first, second), CRITERIA)
    work = await Works(house.database, system_clock, most={}).ask(wish, by=PHYSICIST.id)
    async with working(house, addresses, "heavy"):
        done = await ended(house, work)
    result = await gamma_of(house.documents, done)
    doses = {each.instance: each for each in (await house.cases.read(case)).value.doses}
    truth = gamma_index(doses[first].volume, doses[second].volume, criteria=CRITERIA)
    assert (result.pass_percent, result.judged) == (truth.pass_percent, truth.judged)
    again = gamma_map_of(result)
    assert np.array_equal(again.fates, truth.fates)
    assert np.array_equal(np.isfinite(again.gammas.values), np.isfinite(truth.gammas.values))
    assert np.nanmax(np.abs(again.gammas.values - truth.gammas.values)) < 0.002
    assert (again.criteria, again.pass_percent) == (truth.criteria, truth.pass_percent)
    assert criteria_from(result.criteria) == CRITERIA


async def test_a_delivery_is_taken_in_by_a_worker_and_a_refused_one_stays(house: House, addresses: Addresses) -> None:
    works = Works(house.database, system_clock, most={})
    whole = await house.sent(small_objects().contents())
    contents = small_objects().contents()
    short = await house.sent([*contents[:5], *contents[6:]])
    short_contents = await house.deliveries.arrivals(short)
    names = {}
    for delivery in (whole, short):
        documents = [each.document for each in await house.deliveries.arrivals(delivery)]
        names[delivery.id] = await works.ask(take_in_wish(delivery, documents, by=PHYSICIST), by=PHYSICIST.id)
    async with working(house, addresses, "light"):
        done, refused = [await ended(house, names[each.id]) for each in (whole, short)]
    assert done.state is State.DONE
    assert (await house.cases.one(str(done.result), HOSPITAL)).about.patient_number == "DEMO-00011"
    assert (refused.state, refused.refusal) == (State.FAILED, "images-missing-slice")
    assert len(await house.deliveries.arrivals(short)) == len(short_contents)


@pytest.mark.parametrize("name", list(CRITERIA.__dataclass_fields__))
def test_no_criterion_is_assumed(name: str) -> None:
    told = {key: str(getattr(CRITERIA, key)) for key in CRITERIA.__dataclass_fields__}
    assert criteria_from(told) == CRITERIA
    for wrong in ({key: value for key, value in told.items() if key != name}, {**told, name: "some"}):
        with pytest.raises(Refusal, match="gamma-criterion-missing"):
            criteria_from(wrong)
    assert criteria_from({**told, "normalisation_gy": "50"}) == replace(CRITERIA, normalisation_gy=50.0)


async def test_a_worker_after_an_update_takes_no_histogram_of_the_former_program(
    house: House, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result names one state of the code; a part that another one computed has no place in it."""
    case = await house.case_of(small_objects().contents())
    work = await asked(house, case, None)
    computed: list[str] = []
    real = evaluation.dose_volume_histogram

    def counted(*arguments: Any, **named: Any) -> Any:
        computed.append("one")
        return real(*arguments, **named)

    monkeypatch.setattr(evaluation, "dose_volume_histogram", counted)
    read = (await house.cases.read(case)).value
    first = evaluate(read, dose=None, protocol=None, on_progress=lambda *_: None).structures[0]
    assert first.dvh is not None
    number, kept = first.structure.number, dvh_text(first.dvh)
    async with house.database.connection("app") as connection:
        for name in (f"structure-{number}", f"structure-{number}-of-another-state"):
            await connection.run(
                Query.composed("part", "insert into work_part values (%(work)s::uuid, %(name)s, %(result)s, 0)"),
                work=work,
                name=name,
                result=kept,
            )
    computed.clear()
    async with working(house, addresses, "heavy"):
        assert (await ended(house, work)).state is State.DONE
    assert len(computed) == len(case.about.structures)
