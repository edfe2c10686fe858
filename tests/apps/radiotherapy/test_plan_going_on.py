"""Plans whose workers ended, and plans too many: told in both languages, and gone on with by whoever may plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apps.radiotherapy.department import Browser, Department
from tests.apps.radiotherapy.test_plan_pages import CHOSEN, asked, at, begun, fields_of, page, sent, with_
from tests.radiotherapy_plan import small_machine, small_wish
from tests.radiotherapy_plan_works import small_contents
from tests.radiotherapy_signing import measured_machine, people, put_machine, signatories
from tianfu.apps.radiotherapy.machine_files import SIGNATORIES
from tianfu.apps.radiotherapy.model.machines.writing import write_machine
from tianfu.apps.radiotherapy.plan_forms.forms import machine_key
from tianfu.apps.radiotherapy.tidying import KEPT_DAYS
from tianfu.db import Query
from tianfu.services.imaging.cases import KeptCase
from tianfu.services.jobs.works import State
from tianfu.services.limits.limits import load_limits

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # plans are asked for by kernels that are loaded first

MOST = load_limits(None).open_works["radiotherapy-plan"]


@pytest.fixture(autouse=True)
def templates(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("templates", "plan_forms.starting"):
        monkeypatch.setattr(f"tianfu.apps.radiotherapy.{module}.shipped_templates", lambda: {"small": small_wish()})


@pytest.fixture
async def case(department: Department, tmp_path: Path) -> KeptCase:
    (tmp_path / "machines").mkdir()
    (tmp_path / "machines" / "small.json").write_bytes(write_machine(small_machine()))
    return await department.imaging.case_of(small_contents())


async def told(department: Department, work: str, change: str) -> None:
    """Have a work's row say something else, as workers would have it say."""
    text = f"update work set {change} where work = %(work)s::uuid"  # noqa: S608 - only this file says what changes
    async with department.imaging.database.connection("owner") as session:
        await session.run(Query.composed("told", text), work=work.rpartition("/")[2])


async def in_chinese(department: Department) -> Browser:
    return await department.staff("physicist", language="zh-CN")


async def test_a_plan_whose_worker_is_silent_or_was_taken_up_says_so_in_both_languages(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    chinese = await in_chinese(department)
    work = await asked(physicist, case, with_(await begun(physicist, case), **CHOSEN))
    assert "stopped answering" not in await page(physicist, work)
    await told(department, work, "state = 'running', tries = 1")
    shown = await page(physicist, work)
    assert "The program that computes this plan stopped answering." in shown
    assert "takes it up by itself after the last finished stage" in shown
    assert f'action="{work}/give-up"' in shown
    assert "计算此计划的程序已无响应" in (await chinese.get(work)).text
    taken = """
with another as (insert into procrastinate_workers default values returning id)
update procrastinate_jobs set status = 'doing', worker_id = another.id from another
 where procrastinate_jobs.id = (select job from work where work = %(work)s::uuid)"""
    async with department.imaging.database.connection("owner") as session:
        await session.run(Query.composed("taken", taken), work=work.rpartition("/")[2])
    await told(department, work, "tries = 2")
    shown = await page(physicist, work)
    assert "stopped answering" not in shown
    assert "Taken up after a program that computed it ended: try 2 of 3." in shown
    assert "第 2 次，最多 3 次" in (await chinese.get(work)).text


async def test_a_plan_that_ended_its_workers_is_gone_on_with_by_its_person_or_a_colleague(
    department: Department, physicist: Browser, physicist_elsewhere: Browser, case: KeptCase
) -> None:
    chinese = await in_chinese(department)
    work = await asked(physicist, case, with_(await begun(physicist, case), **CHOSEN))
    now = department.desk.clock()
    await told(department, work, f"state = 'failed', refusal = 'work-ends-workers', tries = 4, ended_at = {now}")
    part = "insert into work_part select work, 'plan-fluence', 'stage', asked_at from work where work = %(work)s::uuid"
    async with department.imaging.database.connection("owner") as session:
        await session.run(Query.composed("part", part), work=work.rpartition("/")[2])
    for browser, words in (
        (physicist, f"Finished stages are kept for {KEPT_DAYS} days. You, or any physicist of your organisation"),
        (chinese, f"已完成的阶段保留 {KEPT_DAYS} 天。您或本机构的任何物理师"),
    ):
        shown = (await browser.get(work)).text
        assert words in shown
        assert f'action="{work}/go-on"' in shown
    assert (await physicist_elsewhere.post(f"{work}/go-on")).status_code == 404
    again = await chinese.led(f"{work}/go-on")
    made = await department.desk.works.now(again.rpartition("/")[2])
    assert (made.state, made.tries) == (State.WAITING, 0)
    parts = (
        "select part.name from work same join work w using (about, key) join work_part part on part.work = same.work"
    )
    async with department.imaging.database.connection("owner") as session:
        found = await session.all(Query.composed("parts", f"{parts} where w.work = %(work)s::uuid"), work=made.id)
    assert [row[0] for row in found] == ["plan-fluence"], "it finds what the first one finished"
    assert await physicist.led(f"{work}/go-on") == again, "both go on with one plan"


@pytest.mark.parametrize("change", ["version = 'before'", f"ended_at = ended_at - {(KEPT_DAYS + 1) * 86_400_000_000}"])
async def test_a_plan_whose_stages_are_gone_says_that_it_would_begin_anew(
    change: str, department: Department, physicist: Browser, case: KeptCase
) -> None:
    work = await asked(physicist, case, with_(await begun(physicist, case), **CHOSEN))
    await physicist.led(f"{work}/give-up")
    await told(department, work, change)
    shown = await page(physicist, work)
    assert "it begins anew" in shown
    assert "Finished stages are kept" not in shown
    assert "但将从头开始" in (await (await in_chinese(department)).get(work)).text
    assert await physicist.led(f"{work}/go-on") != work


async def test_more_plans_than_a_person_may_have_open_are_refused_with_what_to_do_and_what_was_typed_stays(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    fields = with_(await begun(physicist, case), **CHOSEN)
    works = [await asked(physicist, case, with_(fields, name=f"Plan {number}")) for number in range(MOST.person)]
    answer = await sent(physicist, case, [*with_(fields, name="One more", dose="51.5"), ("deed", "make")])
    assert answer.status_code == 422
    assert f"{MOST.person} wait or are being made" in answer.text
    assert "stop one on its page" in answer.text
    assert [dict(fields_of(answer.text))[name] for name in ("name", "dose")] == ["One more", "51.5"]
    assert await asked(physicist, case, with_(fields, name="Plan 0")) == works[0], "the same again is not counted"
    colleague = await in_chinese(department)
    assert await asked(colleague, case, with_(fields, name="A colleague’s"))
    await physicist.led(f"{works[0]}/give-up")
    assert await asked(physicist, case, with_(fields, name="One more"))
    refused = await physicist.post(f"{works[0]}/go-on")
    assert refused.status_code == 422
    assert "Not gone on with" in refused.text
    assert f'action="{works[0]}/go-on"' in refused.text, "and it can be tried again"
    assert len(await department.desk.works.about(case.id)) == MOST.person + 2


async def test_more_plans_than_an_organisation_may_have_open_are_refused_in_both_languages(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    work = await asked(physicist, case, with_(await begun(physicist, case), **CHOSEN))
    copies = """
insert into work (work, kind, queue, key, about, arguments, version, state, total, organisation, asked_by, asked_at)
select gen_random_uuid(), kind, queue, decode(md5(n::text), 'hex'), about, arguments, version, 'waiting', 0,
       organisation, 'someone-' || n, asked_at
  from work, generate_series(2, %(most)s::int) as n where work = %(work)s::uuid"""
    async with department.imaging.database.connection("owner") as session:
        await session.run(Query.composed("copies", copies), work=work.rpartition("/")[2], most=MOST.organisation)
    fields = with_(await begun(physicist, case), **CHOSEN, dose="52")
    for browser, words in (
        (physicist, "Of your organisation’s plans"),
        (await in_chinese(department), f"本机构已有 {MOST.organisation} 个计划"),
    ):
        answer = await sent(browser, case, [*fields, ("deed", "make")])
        assert answer.status_code == 422
        assert words in answer.text


async def test_a_plan_on_a_signed_machine_is_asked_for_anew_once_somebody_who_signed_it_may_sign_no_more(
    department: Department, physicist: Browser, case: KeptCase, tmp_path: Path
) -> None:
    machine, folder = measured_machine(purpose="clinical", version=2), tmp_path / "machines"
    put_machine(folder, machine, "physicist", "approver", name="two.json")
    chosen = {**CHOSEN, "machine": machine_key(machine.name, machine.version)}
    work = await asked(physicist, case, with_(await begun(physicist, case), **chosen))
    await physicist.led(f"{work}/give-up")
    again = await physicist.led(f"{work}/go-on")
    assert again != work
    await physicist.led(f"{again}/give-up")
    (folder / SIGNATORIES).write_bytes(signatories(people()[1]))
    assert await physicist.led(f"{again}/go-on") == f"{at(case)}/plan?variant={again.rpartition('/')[2]}"
    assert len(await department.desk.works.about(case.id)) == 2
