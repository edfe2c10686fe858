"""A plan as a work: broken off anywhere and taken up, given up anywhere, and seen while it runs."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import msgspec
import numpy as np
import pytest

from tests.radiotherapy_plan import clinic_table, phantom_table, small_case, small_machine, small_wish, table_text
from tests.radiotherapy_plan_works import KeptCaseStub, OneCase, Pad, Papers, bench_of, small_choice
from tests.radiotherapy_signing import measured_machine, people, signatories, signed
from tianfu.apps.radiotherapy import plan_computing, plan_parts
from tianfu.apps.radiotherapy.machine_files import Endorsed
from tianfu.apps.radiotherapy.model.machines.signatures import write_signature
from tianfu.apps.radiotherapy.model.machines.writing import fingerprint_of, write_machine
from tianfu.apps.radiotherapy.model.planning.kept import kept_from, write_kept
from tianfu.apps.radiotherapy.model.planning.steps import StepName
from tianfu.apps.radiotherapy.model.transport.density_reading import read_density_table
from tianfu.apps.radiotherapy.model.transport.density_tables import fingerprint_of_table
from tianfu.apps.radiotherapy.plan_asking import PlanChoice, plan_wish
from tianfu.apps.radiotherapy.plan_parts import STEPS
from tianfu.apps.radiotherapy.plan_progress import CURVES_MOST, POINTS, PlanProgress
from tianfu.apps.radiotherapy.plan_result_routes import SMALL_MM
from tianfu.apps.radiotherapy.plan_results import PlanResult
from tianfu.apps.radiotherapy.protocols import shipped_protocols
from tianfu.apps.radiotherapy.queries.plan_making import LACKS_BY_DEFINITION
from tianfu.apps.radiotherapy.results import NOT_CLEARED
from tianfu.kernel.refusal import Refusal
from tianfu.services.documents.keeping import Documents
from tianfu.services.imaging.cases import KeptCase
from tianfu.services.jobs.doing import LATEST_BYTES_MAX, GivenUp, in_thread
from tianfu.services.jobs.works import Wish
from tianfu.standards.dicom.doses import read_dose
from tianfu.standards.dicom.encoding import decode
from tianfu.standards.dicom.plans import read_plan

pytestmark = pytest.mark.anyio

BYTES_MAX = 1 << 26


class Killed(BaseException):
    """A worker that is no more."""


async def asked(papers: Papers, choice: PlanChoice, case: OneCase | None = None) -> Wish:
    one = case or OneCase(small_case())
    kept = cast("KeptCase", KeptCaseStub())
    return await plan_wish(cast("Documents", papers), kept, await one.objects(kept), one.case, choice)


async def made(papers: Papers, pad: Pad, case: OneCase | None = None) -> str:
    return await plan_computing.plan_made(bench_of(papers, case or OneCase(small_case())), pad)


@pytest.fixture(scope="module")
async def unbroken() -> tuple[Papers, Pad, str]:
    """The plan made in one go, with everything that was told of it."""
    papers = Papers()
    protocol = next(iter(shipped_protocols().values()))
    pad = Pad(arguments=(await asked(papers, replace(small_choice(), protocol=protocol))).arguments)
    return papers, pad, await made(papers, pad)


def result_of(papers: Papers, name: str) -> PlanResult:
    return msgspec.json.decode(papers.contents[name], type=PlanResult)


@pytest.mark.slow  # compiles the kernels of influence, fluence, apertures and histograms
async def test_a_plan_is_kept_with_all_that_was_found_out_and_that_it_is_cleared_for_nothing(
    unbroken: tuple[Papers, Pad, str],
) -> None:
    papers, pad, name = unbroken
    result = result_of(papers, name)
    assert result.provenance.notice == NOT_CLEARED
    assert result.provenance.inputs == ("a", "b")
    assert "plan-fluence-cut-short" in {each.code for each in result.odd}, "twelve iterations are few"
    assert result.machine.document == pad.arguments["machine"]
    assert msgspec.json.decode(result.wish) == msgspec.json.decode(msgspec.json.encode(small_wish()))
    assert result.machine.fingerprint == fingerprint_of(small_machine())
    assert result.reached_gy == pytest.approx(50.0, rel=0.001)
    assert [field.gantry_degrees for field in result.fields] == [0.0, 120.0, 240.0]
    for field in result.fields:
        assert field.mu == pytest.approx(sum(segment.mu for segment in field.segments))
    stops = {check.rule for check in result.checks if check.severity == "stop" and check.verdict == "faults"}
    assert (stops, result.worst) == (LACKS_BY_DEFINITION, "stop")
    assert result.complexity is not None
    assert set(result.complexity.beams) == {"1", "2", "3"}
    assert all(SMALL_MM in one.sas for one in (result.complexity.plan, *result.complexity.beams.values()))
    assert {each.name for each in result.structures} >= {"BODY", "PTV_5000", "SpinalCord"}
    assert len(result.lines) > 0
    assert result.second is None
    assert (result.density_table.name, result.density_table.version) == ("TG-119 phantom", 1)
    assert result.density_table.is_phantoms
    table = papers.contents[result.density_table.document]
    assert read_density_table(table) == phantom_table()
    assert result.density_table.fingerprint == hashlib.sha256(table).hexdigest()


async def test_the_kept_objects_are_the_plan_and_its_dose_for_no_patient(unbroken: tuple[Papers, Pad, str]) -> None:
    papers, _, name = unbroken
    result = result_of(papers, name)
    kinds = {each.kind: each for each in result.objects}
    assert set(kinds) == {"plan", "dose"}
    plan = read_plan(decode(papers.contents[kinds["plan"].document], bytes_max=BYTES_MAX)).value
    dose = read_dose(decode(papers.contents[kinds["dose"].document], bytes_max=BYTES_MAX), voxels_max=1 << 24).value
    assert (plan.instance, plan.intent, plan.approval.status) == (kinds["plan"].instance, "RESEARCH", "UNAPPROVED")
    assert (dose.instance, dose.plan) == (kinds["dose"].instance, plan.instance)
    assert float(dose.volume.values.max()) == pytest.approx(result.dose_gy_max, rel=1e-4)
    assert [beam.meterset for beam in plan.fraction_groups[0].beams] == [
        pytest.approx(field.mu) for field in result.fields
    ]


def left_by_steps(pad: Pad) -> set[str]:
    """The documents that steps of a plan left."""
    return {pad.finished[part] for part in pad.finished if any(f"plan-{step}-" in part for step in STEPS)}


async def test_what_steps_left_stays_until_it_is_tidied_away_and_nothing_else_does(
    unbroken: tuple[Papers, Pad, str],
) -> None:
    """Whoever is killed just before a plan counts as done goes on after its last step."""
    papers, pad, name = unbroken
    left, objects = left_by_steps(pad), {each.document for each in result_of(papers, name).objects}
    assert len(left) == len(STEPS)
    assert set(papers.contents) == {pad.arguments["machine"], pad.arguments["density_table"], name, *objects, *left}


@pytest.mark.parametrize("step", STEPS)
async def test_a_plan_that_is_taken_up_after_any_step_is_the_same_to_the_last_bit(
    step: StepName, unbroken: tuple[Papers, Pad, str]
) -> None:
    papers, whole, name = Papers(dict(unbroken[0].contents)), unbroken[1], unbroken[2]

    def killed(*_: Any) -> None:
        if any(f"plan-{step}-" in part for part in first.finished):
            raise Killed

    first = Pad(arguments=whole.arguments, on_progress=killed)
    with pytest.raises(Killed):
        await made(papers, first)
    again = Pad(arguments=whole.arguments, finished=dict(first.finished))
    assert await made(papers, again) == name
    assert not set(again.steps) & set(STEPS[: STEPS.index(step) + 1])


@pytest.mark.parametrize(
    "step", ["reading", "beamlets", "influence", "regions", "fluence", "refined", "dose", "checks", "judging"]
)
async def test_a_plan_is_given_up_in_any_step_and_nothing_is_half(step: str, unbroken: tuple[Papers, Pad, str]) -> None:
    """Only whole steps are kept, and no result, plan or dose."""

    def given_up(now: str, *_: Any) -> None:
        if now == step:
            raise GivenUp

    wish = unbroken[1].arguments
    asked_with = {wish["machine"], wish["density_table"]}
    papers = Papers({each: unbroken[0].contents[each] for each in asked_with})
    pad = Pad(arguments=wish, on_progress=given_up)
    with pytest.raises(GivenUp):
        await made(papers, pad)
    steps = {name for part, name in pad.finished.items() if "plan-begun-" not in part}
    assert set(papers.contents) == {*asked_with, *steps}


async def test_a_plan_is_given_up_between_the_fields_of_its_influence(unbroken: tuple[Papers, Pad, str]) -> None:
    heard: list[int] = []

    def given_up(step: str, done: int, _total: int) -> None:
        if step == "influence":
            heard.append(done)
        if heard and heard[-1] == 2:
            raise GivenUp

    papers = Papers(dict(unbroken[0].contents))
    with pytest.raises(GivenUp):
        await made(papers, Pad(arguments=unbroken[1].arguments, on_progress=given_up))
    assert heard == [0, 1, 2]


async def test_what_was_kept_and_cannot_be_read_is_computed_again(unbroken: tuple[Papers, Pad, str]) -> None:
    """Steps are tidied away: whoever takes up after that begins anew and comes to the same."""
    papers, whole, name = unbroken
    pad = Pad(arguments=whole.arguments, finished=dict(whole.finished))
    without = {document: content for document, content in papers.contents.items() if document not in left_by_steps(pad)}
    assert await made(Papers(without), pad) == name
    assert "fluence" in pad.steps


@pytest.mark.parametrize("spoilt", ["of", "weights"])
async def test_what_was_kept_of_another_plan_is_computed_again(spoilt: str, unbroken: tuple[Papers, Pad, str]) -> None:
    """Whether its fingerprint says so, or only its numbers do once beamlets are there."""

    def killed(*_: Any) -> None:
        if any("plan-fluence-" in part for part in first.finished):
            raise Killed

    papers, whole, name = Papers(dict(unbroken[0].contents)), unbroken[1], unbroken[2]
    first = Pad(arguments=whole.arguments, on_progress=killed)
    with pytest.raises(Killed):
        await made(papers, first)
    (part,) = [part for part in first.finished if "plan-fluence-" in part]
    kept = kept_from(papers.contents[first.finished[part]])
    other = replace(kept, of="0" * 64) if spoilt == "of" else replace(kept, weights=np.ones(1))
    first.finished[part] = await papers.keep(write_kept(other))
    again = Pad(arguments=whole.arguments, finished=dict(first.finished))
    assert await made(papers, again) == name
    assert "fluence" in again.steps


async def test_a_worker_after_an_update_takes_no_step_of_the_former_program(
    unbroken: tuple[Papers, Pad, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan names one state of the code: a step that another one made has no place in it."""

    def killed_after(step: str) -> Callable[..., None]:
        def killed(now: str, *_: Any) -> None:
            if now == step:
                raise Killed

        return killed

    papers, wish = Papers(dict(unbroken[0].contents)), unbroken[1].arguments
    former = Pad(arguments=wish, on_progress=killed_after("refined"))
    with pytest.raises(Killed):
        await made(papers, former)
    monkeypatch.setattr(plan_parts, "code_version", lambda: "of-another-state")
    pad = Pad(arguments=wish, finished=dict(former.finished), on_progress=killed_after("influence"))
    with pytest.raises(Killed):
        await made(papers, pad)
    assert "fluence" in pad.steps


@pytest.mark.slow  # compiles the kernels of the second engine
async def test_a_second_engine_that_is_wished_is_told_beside_the_first() -> None:
    """Both know the same water: within 3 % of the mean in the target on a grid of 6 mm (docs/decisions/0023)."""
    papers = Papers()
    pad = Pad(arguments=(await asked(papers, small_choice(computation__second="collapsed-cone"))).arguments)
    result = result_of(papers, await made(papers, pad))
    assert result.second is not None
    assert result.second.engine == "collapsed-cone"
    assert [each.kind for each in result.objects] == ["plan", "dose", "second-dose"]
    means = [
        next(one.figures.mean_gy for one in structures if one.name == "PTV_5000" and one.figures is not None)
        for structures in (result.structures, result.second.structures)
    ]
    assert means[1] == pytest.approx(means[0], rel=0.03)
    assert means[1] != means[0]
    dose = read_dose(decode(papers.contents[result.objects[2].document], bytes_max=BYTES_MAX), voxels_max=1 << 24).value
    assert float(dose.volume.values.max()) == pytest.approx(result.second.dose_gy_max, rel=1e-4)


async def test_a_case_that_changed_is_not_planned_on(unbroken: tuple[Papers, Pad, str]) -> None:
    changed = OneCase(small_case(), documents=("a", "b", "c"))
    with pytest.raises(Refusal, match="case-changed"):
        await made(unbroken[0], Pad(arguments=unbroken[1].arguments), changed)


async def test_curves_move_with_the_iterations_and_end_where_the_optimisation_does(
    unbroken: tuple[Papers, Pad, str],
) -> None:
    shown = [msgspec.json.decode(each, type=PlanProgress) for each in unbroken[1].shown]
    assert all(each.notice == NOT_CLEARED for each in shown)
    drawn = [each for each in shown if each.of_step == "fluence"]
    assert len({(each.iteration, each.curves) for each in drawn}) > 1
    last = drawn[-1]
    assert {curve.structure: curve.role for curve in last.curves} == {"PTV_5000": "target", "SpinalCord": "organ"}
    for curve in last.curves:
        assert len(curve.percents) == POINTS
        assert curve.percents[0] == 100.0
        assert list(curve.percents) == sorted(curve.percents, reverse=True)
    target = next(curve for curve in last.curves if curve.role == "target")
    assert target.mean_gy == pytest.approx(52.0, abs=2.0)  # between the two objectives of the target
    assert shown[-1].step == "judging"
    assert shown[-1].finished == ("fluence", "segments", "refined", "normalised")
    assert max(len(each.encode()) for each in unbroken[1].shown) < LATEST_BYTES_MAX
    assert len(last.curves) <= CURVES_MOST


REFUSED: list[tuple[Callable[[], PlanChoice], str]] = [
    (lambda: small_choice(objectives=[*small_objectives(), unknown_structure()]), "plan-structure-missing"),
    (lambda: small_choice(machine__version=2), "plan-machine-differs"),
    (lambda: small_choice(fields=[{"gantry_degrees": 0.0, "collimator_degrees": 180.0, "couch_degrees": 0.0}]),
     "plan-angle-beyond-machine"),
    (lambda: small_choice(dose_rate_mu_per_min=350.0), "plan-dose-rate-not-of-machine"),
    (lambda: small_choice(computation__density_table={"name": "mine", "version": 1}), "density-table-differs"),
    (lambda: replace(small_choice(), density_table=b"{}"), "density-table-not-understood"),
    (lambda: replace(small_choice(), density_table=table_text(name="TG-119 phantom")), "density-table-name-taken"),
    (lambda: on_machine(b"{}"), "machine-not-understood"),
    (lambda: on_machine(write_machine(measured_machine(purpose="clinical"))), "machine-not-signed"),
    (lambda: replace(small_choice(), structure_set="2.25.9"), "structures-not-there"),
    (lambda: replace(small_choice(), images="2.25.9"), "images-not-there"),
    (lambda: replace(small_choice(), wish=msgspec.structs.replace(small_wish(), beamlet_mm=0.1)),
     "plan-wish-out-of-range"),
]  # fmt: skip


def on_machine(content: bytes, *signatures: bytes) -> PlanChoice:
    """The small plan on the machine of these bytes, with signatures of those who may sign."""
    return replace(small_choice(), machine=Endorsed(content=content, signatures=signatures, signatories=signatories()))


def small_objectives() -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", msgspec.json.decode(msgspec.json.encode(small_wish().objectives)))


def unknown_structure() -> dict[str, Any]:
    return {"kind": "maximum-dose", "structure": "Chiasm", "weight": 1.0, "dose_gy": 10.0}


async def test_a_clinical_machine_goes_to_whoever_plans_with_what_lay_beside_it_and_is_judged_there_again() -> None:
    machine = measured_machine(purpose="clinical")
    both = [write_signature(signed(machine, role)) for role in ("physicist", "approver")]
    papers = Papers()
    wish = await asked(papers, on_machine(write_machine(machine), *both))
    files = (write_machine(machine), papers.contents[wish.arguments["density_table"]])
    assert [each.encode() for each in wish.arguments["machine_signatures"]] == both
    assert plan_computing._asked(wish.arguments, small_case(), *files).machine.purpose == "clinical"
    for name, value, code in (
        ("machine_signatures", [], "machine-not-signed"),
        ("signatories", None, "signer-not-known"),
        ("signatories", signatories(people()[0]).decode(), "signer-not-known"),
    ):
        with pytest.raises(Refusal, match=code):
            plan_computing._asked({**wish.arguments, name: value}, small_case(), *files)


@pytest.mark.parametrize(("choice", "code"), REFUSED, ids=[code for _, code in REFUSED])
async def test_what_can_be_known_is_refused_before_anything_is_kept_or_queued(
    choice: Callable[[], PlanChoice], code: str
) -> None:
    papers = Papers()
    with pytest.raises(Refusal) as refused:
        await asked(papers, choice())
    assert refused.value.code == code
    assert papers.contents == {}


CLINICS = {"computation__density_table": {"name": "Made-up CT 120 kV", "version": 1}}


def clinics_choice(**changes: Any) -> PlanChoice:
    """The small plan by a clinic's own table."""
    return replace(small_choice(**CLINICS), density_table=table_text(**changes))


async def test_another_table_under_the_same_name_is_another_question_and_its_bytes_are_kept() -> None:
    """Also where it differs in a part that no voxel of this case has."""
    papers = Papers()
    first = await asked(papers, clinics_choice())
    pairs = msgspec.to_builtins(clinic_table().pairs)
    denser = [*pairs[:-1], {**pairs[-1], "hounsfield": 3000.0, "density": 2.9}]
    other = await asked(papers, clinics_choice(pairs=denser))
    assert first.arguments["wish"] == other.arguments["wish"]
    assert first.arguments["density_table_fingerprint"] == fingerprint_of_table(clinic_table())
    assert first.arguments != other.arguments
    assert first.inputs != other.inputs
    assert first.arguments["density_table"] in first.inputs
    assert read_density_table(papers.contents[first.arguments["density_table"]]) == clinic_table()


async def test_a_work_whose_table_is_not_the_one_that_was_asked_is_refused() -> None:
    papers = Papers()
    wish = await asked(papers, clinics_choice())
    papers.contents[wish.arguments["density_table"]] = table_text(scanner="another")
    with pytest.raises(Refusal, match="density-table-replaced"):
        await made(papers, Pad(arguments=wish.arguments))


@pytest.mark.slow  # two plans and the half of one
async def test_steps_that_were_finished_by_another_table_of_the_same_name_are_computed_again() -> None:
    def killed(*_: Any) -> None:
        if any("plan-fluence-" in part for part in first.finished):
            raise Killed

    papers = Papers()
    one, other = [await asked(papers, clinics_choice(**changes)) for changes in ({}, {"settings": "80 kV"})]
    first = Pad(arguments=one.arguments, on_progress=killed)
    with pytest.raises(Killed):
        await made(papers, first)
    again = Pad(arguments=one.arguments, finished=dict(first.finished))
    anew = Pad(arguments=other.arguments, finished=dict(first.finished))
    kept = dict(papers.contents)
    named = result_of(papers, await made(papers, again)).density_table
    assert "fluence" not in again.steps
    assert (named.name, named.version, named.is_phantoms) == ("Made-up CT 120 kV", 1, False)
    assert named.notice == clinic_table().notice
    papers.contents |= kept
    result = result_of(papers, await made(papers, anew))
    assert "fluence" in anew.steps
    assert result.density_table.fingerprint == fingerprint_of_table(clinic_table(settings="80 kV")) != named.fingerprint


async def test_of_two_structure_sets_one_must_be_chosen(unbroken: tuple[Papers, Pad, str]) -> None:
    case = small_case()
    other = replace(case.structure_sets[0], instance="2.25.77")
    two = OneCase(replace(case, structure_sets=(*case.structure_sets, other)))
    with pytest.raises(Refusal, match="structures-unclear"):
        await asked(Papers(), small_choice(), two)
    papers = Papers()
    wish = await asked(papers, replace(small_choice(), structure_set="2.25.77"), two)
    result = result_of(papers, await made(papers, Pad(arguments=wish.arguments), two))
    assert result.structure_set == "2.25.77"
    first = result_of(unbroken[0], unbroken[2])
    assert np.isclose(result.reached_gy, first.reached_gy, rtol=0.0, atol=0.0)
    assert result.fields == first.fields


async def test_a_wish_is_another_with_another_machine_case_or_goal() -> None:
    papers = Papers()
    first = await asked(papers, small_choice())
    assert (await asked(papers, small_choice())).key == first.key
    protocol = next(iter(shipped_protocols().values()))
    others = [
        await asked(papers, replace(small_choice(), protocol=protocol)),
        await asked(papers, small_choice(margin_mm=4.0)),
        await asked(papers, small_choice(), OneCase(small_case(), documents=("a", "c"))),
    ]
    assert len({first.key, *(each.key for each in others)}) == 4


async def test_whoever_is_cancelled_has_the_thread_give_up_and_waits_for_its_end() -> None:
    pad, begun, ended = Pad(arguments={}), asyncio.Event(), threading.Event()
    loop, tidied = asyncio.get_running_loop(), threading.Event()

    def computes() -> None:
        loop.call_soon_threadsafe(begun.set)
        try:
            while True:
                pad.progress("fluence", 0, 1)
        finally:
            tidied.wait(0.1)
            ended.set()

    work = asyncio.create_task(in_thread(pad, computes))
    await begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert ended.is_set()
