"""The pages on which a plan is made: nothing is chosen beforehand, faults are told, a plan is followed and shown."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from demo.radiotherapy.objects import Kind, written

from tests.apps.radiotherapy.department import Browser, Department
from tests.apps.radiotherapy.plan_forms.test_starting import SECOND, two_sets
from tests.apps.radiotherapy.test_plan_jobs import other_structures
from tests.radiotherapy_house import small_objects
from tests.radiotherapy_plan import TABLE, clinic_table, small_machine, small_wish, table_text
from tests.radiotherapy_plan_result import small_result
from tests.radiotherapy_plan_works import small_contents
from tests.radiotherapy_signing import measured_machine, put_machine
from tianfu.apps.radiotherapy.model.machines.writing import fingerprint_of, write_machine
from tianfu.apps.radiotherapy.model.transport.density_reading import read_density_table
from tianfu.apps.radiotherapy.model.transport.density_tables import fingerprint_of_table
from tianfu.apps.radiotherapy.plan_progress import MovingCurve, PlanProgress, progress_text
from tianfu.apps.radiotherapy.plan_results import GoalResult, PlanResult
from tianfu.apps.radiotherapy.work_routes import Looks
from tianfu.db import Query
from tianfu.kernel.instants import SECOND as A_SECOND
from tianfu.kernel.instants import Instant
from tianfu.services.imaging.cases import KeptCase

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # plans are computed by kernels that are loaded first

NOTICE = "Not for clinical use until commissioned and registered."
CHOSEN = {"name": "Small", "machine": "generic-6mv@1", "second": "none", "protocol": "none", "confirmed": "yes"}
CHOSEN |= {"density": "TG-119 phantom@1", "how": "weighted"}

Fields = list[tuple[str, str]]


@pytest.fixture(autouse=True)
def templates(monkeypatch: pytest.MonkeyPatch) -> None:
    """One template, of which a plan is made in seconds."""
    for module in ("templates", "plan_forms.starting"):
        monkeypatch.setattr(f"tianfu.apps.radiotherapy.{module}.shipped_templates", lambda: {"small": small_wish()})


@pytest.fixture
async def case(department: Department, tmp_path: Any) -> KeptCase:
    """A case that can be planned on, in a house that has a machine."""
    (tmp_path / "machines").mkdir()
    (tmp_path / "machines" / "small.json").write_bytes(write_machine(small_machine()))
    return await department.imaging.case_of(small_contents())


def at(case: KeptCase) -> str:
    return f"/radiotherapy/cases/{case.id}"


async def page(browser: Browser, address: str) -> str:
    answer = await browser.get(address)
    assert answer.status_code == 200, (address, answer.status_code, answer.text[-1500:])
    assert NOTICE in answer.text, address
    return answer.text


class FormReader(HTMLParser):
    """What a browser would send of the page's form, without its buttons."""

    def __init__(self, shown: str) -> None:
        super().__init__()
        self.fields: Fields = []
        self._is_within, self._select = False, ""
        self.feed(shown)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_within = told.get("data-part") == "plan-form"
        elif not self._is_within:
            return
        elif tag == "select":
            self._select = told["name"]
            self.fields.append((self._select, ""))
        elif tag == "option" and "selected" in told:
            self.fields[-1] = (self._select, told["value"])
        elif tag == "input" and (told.get("type") not in {"radio", "checkbox"} or "checked" in told):
            self.fields.append((told["name"], told["value"]))


def fields_of(shown: str) -> Fields:
    """The same, in the order of the page."""
    fields = FormReader(shown).fields
    assert fields, shown[-1500:]
    return fields


def with_(fields: Fields, **changes: str) -> Fields:
    """The same with other values in fields of which there is one."""
    return [*((name, value) for name, value in fields if name not in changes), *changes.items()]


async def sent(browser: Browser, case: KeptCase, fields: Fields) -> Any:
    told: dict[str, list[str]] = {}
    for name, value in fields:
        told.setdefault(name, []).append(value)
    return await browser.post(f"{at(case)}/plan", **told)  # type: ignore[arg-type]  # httpx sends a list as fields


async def begun(browser: Browser, case: KeptCase) -> Fields:
    """The form of the small template as it is first seen."""
    return fields_of(await page(browser, f"{at(case)}/plan?template=small"))


async def asked(browser: Browser, case: KeptCase, fields: Fields) -> str:
    """The address of the work that a form began."""
    answer = await sent(browser, case, [*fields, ("deed", "make")])
    assert answer.status_code == 303, answer.text[-3000:]
    return str(answer.headers["location"])


async def finished(department: Department, work: str, result: PlanResult) -> str:
    """What became of a work that a worker would have taken seconds for; its id."""
    name = await department.desk.documents.keep(msgspec.json.encode(result))
    end = "update work set state = 'done', result = %(result)s where work = %(work)s::uuid"
    async with department.imaging.database.connection("owner") as session:
        await session.run(Query.composed("end", end), work=work.rpartition("/")[2], result=name)
    return work.rpartition("/")[2]


async def test_a_case_leads_to_a_template_and_a_form_and_nothing_is_chosen(physicist: Browser, case: KeptCase) -> None:
    assert f'href="{at(case)}/plan"' in await page(physicist, at(case))
    shown = await page(physicist, f"{at(case)}/plan")
    assert 'value="small"' in shown
    assert " checked" not in shown
    fields = await begun(physicist, case)
    told = dict(fields)
    assert (told["machine"], told["density"], told["protocol"]) == ("", "", "")
    assert told["isocentre"] == "target-middle"
    assert {"second", "confirmed", "how"} & set(told) == set()
    assert [value for name, value in fields if name == "structure"] == ["BODY", "PTV_5000", "SpinalCord"]
    assert [value for name, value in fields if name == "beam-gantry"] == ["0", "120", "240"]


async def test_the_choice_of_a_machine_tells_who_answers_for_it_and_one_that_is_not_approved_is_refused(
    department: Department, physicist: Browser, case: KeptCase, tmp_path: Path
) -> None:
    folder = tmp_path / "machines"
    put_machine(folder, measured_machine(purpose="clinical", version=2), "physicist", "approver", name="two.json")
    put_machine(folder, measured_machine(purpose="clinical", version=3), "physicist", name="three.json")
    shown = await page(physicist, f"{at(case)}/plan?template=small")
    [listed] = re.findall(r'<ul[^>]*data-part="machine-standings">.*?</ul>', shown, re.DOTALL)
    rows = [re.sub(r"<[^>]+>", "", each) for each in listed.split("<li>")[1:]]
    assert "Unsigned: for demonstrations only." in rows[0]
    assert "Signed by Lin, approved by Chen since" in rows[1]
    assert "neither it nor this program is cleared for clinical use" in rows[1]
    assert "is not approved" in rows[2]
    assert "lacks a signature as approver" in rows[2]
    options = re.findall(r'<option value="generic-6mv@[^>]*>([^<]*)<', shown)
    assert [each.rpartition(" · ")[2] for each in options] == ["unsigned", "signed and approved", "NOT APPROVED"]
    seen = fields_of(shown)
    fields = with_(seen, **{**CHOSEN, "machine": "generic-6mv@3"})
    answer = await sent(physicist, case, [*fields, ("deed", "make")])
    assert answer.status_code == 422
    assert 'id="machine-error"' in answer.text
    assert await department.desk.works.about(case.id) == ()
    (folder / "two.json.approver.signature").write_bytes(b"{}")
    shown = await page(physicist, f"{at(case)}/plan?template=small")
    assert "The signature is not understood" in shown


async def test_a_plan_that_was_made_tells_who_answers_for_its_machine_now(
    department: Department, physicist: Browser, case: KeptCase, tmp_path: Path
) -> None:
    machine = measured_machine(purpose="clinical", version=2)
    put_machine(tmp_path / "machines", machine, "physicist", "approver", name="two.json")
    asked_for = await asked(physicist, case, with_(await begun(physicist, case), **CHOSEN))
    kept = small_result("Small", {"plan": await department.desk.documents.keep(b"a plan")})
    prints = {"f": "Its file does not lie here any more", fingerprint_of(small_machine()): "Unsigned"}
    for fingerprint, words in {**prints, fingerprint_of(machine): "Signed by Lin, approved by Chen since"}.items():
        on = msgspec.structs.replace(kept.machine, fingerprint=fingerprint)
        work = await finished(department, asked_for, msgspec.structs.replace(kept, machine=on))
        shown = re.sub(r"<[^>]+>", "", await page(physicist, f"{at(case)}/plans/{work}"))
        assert words in shown


async def test_what_is_missing_is_told_beside_its_field_and_what_was_typed_stays(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    seen = await begun(physicist, case)
    for missing in CHOSEN:
        fields = with_(seen, **{**CHOSEN, "dose": "51.5", missing: ""})
        answer = await sent(physicist, case, [*fields, ("deed", "make")])
        assert answer.status_code == 422
        assert f'id="{missing}-error"' in answer.text
        assert f'href="#{missing}"' in answer.text
        assert dict(fields_of(answer.text))["dose"] == "51.5"
    assert await department.desk.works.about(case.id) == ()


async def test_a_point_of_a_template_is_told_and_asked_for_and_one_that_was_typed_stays(
    department: Department, physicist: Browser, case: KeptCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    pointed = {"small": small_wish(isocentre=[0.0, 0.0, 2.5])}
    for module in ("templates", "plan_forms.starting"):
        monkeypatch.setattr(f"tianfu.apps.radiotherapy.{module}.shipped_templates", lambda: pointed)
    shown = await page(physicist, f"{at(case)}/plan?template=small")
    assert "own point (0, 0, 2.5)" in shown
    seen = fields_of(shown)
    assert "isocentre" not in dict(seen)
    assert {dict(seen)[f"isocentre_{axis}"] for axis in "xyz"} == {""}
    answer = await sent(physicist, case, [*with_(seen, **CHOSEN), ("deed", "make")])
    assert (answer.status_code, 'id="isocentre-error"' in answer.text) == (422, True)
    typed = with_(seen, **CHOSEN, isocentre="point", isocentre_x="-4.5", isocentre_y="x", isocentre_z="3")
    answer = await sent(physicist, case, [*typed, ("deed", "make")])
    assert answer.status_code == 422
    assert 'href="#isocentre_y"' in answer.text
    again = dict(fields_of(answer.text))
    assert [again[name] for name in ("isocentre", "isocentre_x", "isocentre_y")] == ["point", "-4.5", "x"]
    work = (await asked(physicist, case, with_(fields_of(answer.text), isocentre_y="2"))).rpartition("/")[2]
    [made] = await department.desk.works.about(case.id)
    assert made.id == work
    assert msgspec.json.decode(made.arguments["wish"])["isocentre"] == [-4.5, 2.0, 3.0]
    variant = dict(fields_of(await page(physicist, f"{at(case)}/plan?variant={work}")))
    assert [variant[name] for name in ("isocentre", "isocentre_x", "density")] == ["point", "-4.5", CHOSEN["density"]]


async def test_rows_come_and_go_without_a_script_and_enter_begins_nothing(physicist: Browser, case: KeptCase) -> None:
    fields = with_(await begun(physicist, case), **CHOSEN)
    more = await sent(physicist, case, [*fields, ("deed", "add-beam")])
    assert more.status_code == 200
    assert [value for name, value in fields_of(more.text) if name == "beam-gantry"] == ["0", "120", "240", ""]
    assert re.search(r'id="gantry-4"[^>]* autofocus', more.text)
    less = await sent(physicist, case, [*fields_of(more.text), ("deed", "remove-beam-1")])
    assert [value for name, value in fields_of(less.text) if name == "beam-gantry"] == ["120", "240", ""]
    [form] = re.findall(r'<form[^>]*data-part="plan-form".*?</form>', more.text, re.DOTALL)
    assert re.findall(r'<button[^>]*value="([^"]*)"', form)[0] == "nothing"


async def test_what_is_typed_is_text_on_the_page_and_odd_forms_are_answered(physicist: Browser, case: KeptCase) -> None:
    fields = await begun(physicist, case)
    hostile = with_(fields, **CHOSEN, dose='"><script>alert(1)</script>')
    answer = await sent(physicist, case, [*hostile, ("deed", "make")])
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
    for odd in ([], [("template", "../../x"), ("deed", "make")], [*fields, ("deed", "remove-beam-999")]):
        answer = await sent(physicist, case, list(odd))
        assert answer.status_code in {200, 422}, answer.text[-1500:]
        assert NOTICE in answer.text


async def test_a_case_without_structures_without_plans_or_a_house_without_machines_says_what_to_do(
    department: Department, physicist: Browser
) -> None:
    case = await department.imaging.case_of(small_contents())
    assert "There is no machine here." in await page(physicist, f"{at(case)}/plan?template=small")
    shown = await page(physicist, f"{at(case)}/plans")
    assert "No plan was made of this case yet." in shown
    assert f'href="{at(case)}/plan"' in shown
    bare = await department.imaging.case_of([*small_objects().of(Kind.CT)])
    shown = await page(physicist, f"{at(bare)}/plan")
    assert "The case has no structure set." in shown
    assert 'name="template"' not in shown


async def test_of_two_structure_sets_one_is_chosen_before_the_form(department: Department, physicist: Browser) -> None:
    files = written(two_sets()).files.values()
    case = await department.imaging.case_of([content for contents in files for content in contents])
    for query in ("", "?template=small"):
        shown = await page(physicist, f"{at(case)}/plan{query}")
        assert shown.count('type="radio" name="structure_set"') == 2
        assert 'data-part="plan-form"' not in shown
    told = dict(fields_of(await page(physicist, f"{at(case)}/plan?template=small&structure_set={SECOND}")))
    assert told["structure_set"] == SECOND
    assert told["structure"] == "", "the last of the template's is not in this set"


async def test_a_plan_is_shown_varied_downloaded_and_compared(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    fields = with_(await begun(physicist, case), **CHOSEN)
    documents = {
        "plan": await department.desk.documents.keep(b"a plan"),
        "density-table": await department.desk.documents.keep(b"a table"),
    }
    work = await finished(department, await asked(physicist, case, fields), small_result("Small", documents))
    variant = fields_of(await page(physicist, f"{at(case)}/plan?variant={work}"))
    assert (dict(variant)["name"], dict(variant)["machine"]) == ("Small", "generic-6mv@1")
    assert "confirmed" not in dict(variant)
    rows = [[pair for pair in one if pair[0].startswith(("beam", "objective"))] for one in (fields, variant)]
    assert rows[0] == rows[1]
    hotter = await asked(physicist, case, with_(variant, confirmed="yes", name="Hotter", dose="52"))
    other = await finished(department, hotter, small_result("Hotter", documents, more_gy=2.0))
    first = str((await physicist.get(f"/radiotherapy/works/{work}")).headers["location"])
    shown = await page(physicist, first)
    for part in ("checks", "fields", "files", "scorecard", "figures", "others", "provenance"):
        assert f'data-part="{part}"' in shown
    assert "rt-curve" in shown
    assert "0.125" in shown, "the part of leaf pairs open less than 10 mm"
    assert "x 0.0, y 0.0, z 0.0 mm" in shown
    assert "-50.0 … 50.0" in shown
    assert "is that of a phantom and of no clinic’s scanner" in shown
    assert "It is a phantom&#39;s." in shown, "what must be told of the table"
    assert "0123456789ab" in shown, "its fingerprint"
    assert "2 densities that the contours state were not used" in shown
    assert 'data-rule="plan-not-for-treatment"' in shown
    severities = re.findall(r'data-rule="[^"]+">.*?<span class="tag (\w+)">', shown, re.DOTALL)
    assert severities == sorted(severities, key=["critical", "warning", "info"].index)
    listed = await page(physicist, f"{at(case)}/plans")
    assert listed.index("Hotter") < listed.index("Small")
    assert "asked for by you" in listed
    for name, begins in (("plan.dcm", b"a plan"), ("template.json", b"{"), ("density-table.json", b"a table")):
        answer = await physicist.get(f"{first}/files/{name}")
        assert answer.content.startswith(begins), name
        assert f'filename="demonstration-unapproved-{name}"' in answer.headers["content-disposition"]
    assert (await physicist.get(f"{first}/files/second-dose.dcm")).status_code == 404
    both = await page(physicist, f"{at(case)}/plans-compared?first={work}&second={other}")
    assert "Hotter" in both
    assert both.count("TG-119 phantom 1") == both.count("x 0.0, y 0.0, z 0.0 mm") == 2
    gains = [float(each) for each in re.findall(r'<span class="strong nw">([+-][\d.]+)</span>', both)]
    assert max(gains) == 2.0
    odd = await physicist.get(f"{at(case)}/plans-compared?first={work}&second={work}")
    assert odd.status_code == 422
    assert "Choose two different plans" in odd.text


def goal_result(structure: str, *, reached: float, is_held: bool) -> GoalResult:
    return GoalResult(
        structure=structure,
        goal="D10% < 25 Gy",
        priority=2,
        mark="ours",
        source="of a test",
        unit="Gy",
        held="D10% < 25.5 Gy",
        by_fluence=23.25,
        is_held_by_fluence=True,
        reached=reached,
        is_held=is_held,
        verdict="missed",
        reason=None,
    )


async def test_a_plan_is_sought_by_goals_that_were_shown_and_tells_which_were_held(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    order = {"how": "in-order", "order_by": "tg119-c-shape-easier"}
    strict = {"weight": "10", "held_weight": "1000", "slack_gy": "0.5", "slack_percent": "1", "aim_gy": "0.3"}
    strict = {f"holding_{name}": value for name, value in strict.items()}
    fields = with_(await begun(physicist, case), **{**CHOSEN, **order, **strict})
    unseen = await sent(physicist, case, [*fields, ("deed", "make")])
    assert (unseen.status_code, 'id="order_by-error"' in unseen.text) == (422, True)
    shown = await sent(physicist, case, [*fields, ("deed", "goals")])
    assert shown.status_code == 200
    assert re.search(r'<h3 id="goals"[^>]* autofocus', shown.text)
    assert "D10% &lt; 25 Gy" in shown.text
    goals = [pair for pair in fields_of(shown.text) if pair[0] == "goal_structure"]
    assert [name for name, _ in goals] == ["goal_structure"] * 2
    assert "confirmed" not in dict(fields_of(shown.text)), "what structures mean is confirmed with those of goals"
    meant = [pair for pair in with_(fields_of(shown.text), confirmed="yes") if pair[0] != "goal_structure"]
    bare = await sent(physicist, case, [*meant, ("deed", "make")])
    assert (bare.status_code, 'href="#goal-structure-1"' in bare.text) == (422, True)
    mapped = [*meant, ("goal_structure", "PTV_5000"), ("goal_structure", "SpinalCord")]
    work = await asked(physicist, case, mapped)
    [made] = await department.desk.works.about(case.id)
    wished = msgspec.json.decode(made.arguments["wish"])["in_order"]
    assert [(goal["structure"], goal["priority"]) for goal in wished["goals"]] == [
        ("PTV_5000", 1),
        ("PTV_5000", 1),
        ("SpinalCord", 2),
    ]
    lost = goal_result("SpinalCord", reached=27.5, is_held=False)
    result = msgspec.structs.replace(small_result("Small", {}), in_order=(lost,))
    told = await page(physicist, f"{at(case)}/plans/{await finished(department, work, result)}")
    assert re.search(r'data-part="in-order".*23\.25 Gy.*>held<.*27\.50 Gy.*>not held<', told, re.DOTALL)
    variant = dict(fields_of(await page(physicist, f"{at(case)}/plan?variant={made.id}")))
    assert (variant["how"], variant["order_by"], variant["holding_slack_gy"]) == ("in-order", "template", "0.5")


async def test_a_plan_is_followed_by_its_curves_stopped_and_gone_on_with(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    fields = with_(await begun(physicist, case), **CHOSEN)
    work = await asked(physicist, case, fields)
    assert "Waiting for its turn" in await page(physicist, work)
    curve = MovingCurve(
        structure="PTV_5000",
        role="target",
        mean_gy=50.0,
        highest_gy=55.0,
        percents=tuple(100.0 if place < 80 else 5.0 * (100 - place) for place in range(101)),
    )
    told = progress_text(
        PlanProgress(
            step="fluence",
            done=7,
            total=12,
            objective=12.5,
            of_step="fluence",
            iteration=7,
            prescribed_gy=50.0,
            prescribed_structure="PTV_5000",
            top_gy=60.0,
            curves=(curve,),
            level=2,
            levels=3,
        )
    )
    run = "update work set state = 'running', step = 'fluence', latest = %(latest)s where work = %(work)s::uuid"
    async with department.imaging.database.connection("owner") as session:
        await session.run(Query.composed("run", run), work=work.rpartition("/")[2], latest=told)
    shown = await page(physicist, work)
    assert 'data-moves="curves"' in shown
    assert "rt-curve" in shown
    assert "12.5" in shown
    assert "2 of 3" in shown
    assert re.search(r'<li class="now" aria-current="step">.*?Optimising fluence', shown)
    # half of the volume gets 80 hundredths of 60 Gy and half of a fifth more
    assert re.search(r"<td>48\.6</td><td>54\.0</td><td>59\.5</td>|<td>48\.\d</td><td>54\.0</td>", shown)
    assert shown.count('role="status"') == 1
    assert "Finished stages are kept" in shown
    assert await physicist.led(f"{work}/give-up") == work
    assert "This plan was stopped" in await page(physicist, work)
    again = await physicist.led(f"{work}/go-on")
    assert again != work
    assert await physicist.led(f"{again}/go-on") == again, "what runs is not begun twice"
    assert await asked(physicist, case, fields) == again, "it is the same question, so that kept stages are found"


async def test_a_plan_of_a_case_that_changed_is_asked_for_by_the_form_and_not_gone_on_with(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    work = await asked(physicist, case, with_(await begun(physicist, case), **CHOSEN))
    await physicist.led(f"{work}/give-up")
    assert f'action="{work}/go-on"' in await page(physicist, work)
    await department.imaging.taken(await department.imaging.sent([other_structures()], into=case.id))
    shown = await page(physicist, work)
    assert "The case got other objects since." in shown
    assert f'action="{work}/go-on"' not in shown
    variant = f"{at(case)}/plan?variant={work.rpartition('/')[2]}"
    assert f'href="{variant}"' in shown
    assert await physicist.led(f"{work}/go-on") == variant
    assert len(await department.desk.works.about(case.id)) == 1


async def deeds_of(department: Department) -> list[str]:
    """What the trail says was done about plans, deed by deed."""
    told = "select interaction from audit where interaction like '%%-imaging-%%' and query like '%%' order by at"
    async with department.imaging.database.connection("owner") as session:
        return [str(row[0]) for row in await session.all(Query.composed("told", told))]


async def test_asking_looking_stopping_and_going_on_are_in_the_trail(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    fields = with_(await begun(physicist, case), **CHOSEN)
    before = len(await deeds_of(department))
    work = await asked(physicist, case, fields)
    for _ in range(3):
        await page(physicist, work)
    await physicist.led(f"{work}/give-up")
    await physicist.led(f"{work}/give-up")
    again = await physicist.led(f"{work}/go-on")
    await page(physicist, again)
    assert (await deeds_of(department))[before:] == [
        "ask-imaging-plan",
        "open-imaging-case",
        "stop-imaging-plan",
        "go-on-imaging-plan",
        "open-imaging-case",
    ]


def test_a_page_that_follows_itself_is_one_look_for_ten_minutes_and_each_person_looks_for_himself() -> None:
    now = [0]
    looks = Looks(lambda: Instant(now[0]))
    assert [looks.is_new(*pair) for pair in (("a", "w"), ("a", "w"), ("b", "w"), ("a", "v"))] == [
        True,
        False,
        True,
        True,
    ]
    now[0] = 600 * A_SECOND
    assert looks.is_new("a", "w")


def replaced_machine(folder: Path) -> None:
    """Another machine in the old one's file, of the same name and version."""
    (folder / "machines" / "small.json").write_bytes(write_machine(replace(small_machine(), model="replaced")))


async def test_a_machine_that_was_replaced_under_its_name_is_told_and_asked_about(
    department: Department, physicist: Browser, case: KeptCase, tmp_path: Path
) -> None:
    fields = with_(await begun(physicist, case), **CHOSEN, dose="51.5")
    work = await finished(department, await asked(physicist, case, fields), small_result("Small", {}))
    unchanged = dict(fields_of(await page(physicist, f"{at(case)}/plan?variant={work}")))
    assert unchanged["machine"] == "generic-6mv@1"
    replaced_machine(tmp_path)
    more = await sent(physicist, case, [*fields, ("deed", "add-beam")])
    assert more.status_code == 200
    less = await sent(physicist, case, [*fields_of(more.text), ("deed", "remove-beam-4")])
    answer = await sent(physicist, case, [*fields_of(less.text), ("deed", "make")])
    assert answer.status_code == 422, "what was seen is not what is there, whatever was pressed meanwhile"
    assert "was replaced since this page was opened" in answer.text
    told = fields_of(answer.text)
    assert (dict(told)["dose"], dict(told)["machine"]) == ("51.5", "generic-6mv@1")
    shown = await page(physicist, f"{at(case)}/plan?variant={work}")
    assert "This is no longer the machine of the first plan." in shown
    assert dict(fields_of(shown))["machine"] == "", "nobody chose this one"
    assert (await asked(physicist, case, told)).rpartition("/")[2] != work


async def test_a_case_that_grew_since_the_form_was_opened_is_told_and_confirmed_again(
    department: Department, physicist: Browser, case: KeptCase
) -> None:
    fields = with_(await begun(physicist, case), **CHOSEN, dose="51.5")
    await department.imaging.taken(await department.imaging.sent([other_structures()], into=case.id))
    answer = await sent(physicist, case, [*fields, ("deed", "make")])
    assert answer.status_code == 422
    assert "The case got other objects since this page was opened." in answer.text
    told = fields_of(answer.text)
    assert dict(told)["dose"] == "51.5"
    assert "confirmed" not in dict(told)
    assert await asked(physicist, case, [*told, ("confirmed", "yes")])


async def test_another_hospitals_physicist_finds_no_plan_of_a_case(
    physicist: Browser, physicist_elsewhere: Browser, nurse: Browser, case: KeptCase
) -> None:
    fields = with_(await begun(physicist, case), **CHOSEN)
    work = (await asked(physicist, case, fields)).rpartition("/")[2]
    addresses = (
        "/plan",
        f"/plan?variant={work}",
        "/plans",
        f"/plans/{work}",
        f"/plans/{work}/files/plan.dcm",
        f"/plans/{work}/files/density-table.json",
        f"/plans-compared?first={work}&second={work}",
    )
    for stranger in (physicist_elsewhere, nurse):
        answers = [await stranger.get(f"{at(case)}{address}") for address in addresses]
        answers += [await stranger.get(f"/radiotherapy/works/{work}")]
        answers += [await stranger.post(f"/radiotherapy/works/{work}/{deed}") for deed in ("give-up", "go-on")]
        answers += [await sent(stranger, case, [*fields, ("deed", "make")])]
        assert {answer.status_code for answer in answers} == {404}
    assert (await physicist.get(f"{at(case)}/plans/{work}")).status_code == 404, "it is not done yet"


MINE = "Made-up CT 120 kV@1"


def clinics_table(folder: Path, file: str = "mine.json", /, **changes: Any) -> None:
    """A clinic's table in the installation's folder, or another one in its place."""
    (folder / "density-tables").mkdir(exist_ok=True)
    (folder / "density-tables" / file).write_bytes(table_text(**changes))


async def test_a_clinics_own_table_is_offered_beside_the_programs_and_chosen_by_nobody(
    department: Department, physicist: Browser, case: KeptCase, tmp_path: Path
) -> None:
    clinics_table(tmp_path)
    late = [{**pair, "hounsfield": -800.0} if pair["density"] == 0.001 else pair for pair in TABLE["pairs"]]
    clinics_table(tmp_path, "late.json", name="Late", pairs=late)
    shown = await page(physicist, f"{at(case)}/plan?template=small")
    assert "Density table Late begins at -800 HU" in shown
    for key in (MINE, "TG-119 phantom@1"):
        assert f'<option value="{key}">' in shown
    assert "a scanner that is nobody&#39;s" in shown
    fields = fields_of(shown)
    assert dict(fields)["density"] == ""
    await asked(physicist, case, with_(fields, **{**CHOSEN, "density": MINE}))
    (work,) = await department.desk.works.about(case.id)
    assert work.arguments["density_table_fingerprint"] == fingerprint_of_table(clinic_table())
    kept = await department.desk.documents.content(work.arguments["density_table"])
    assert read_density_table(kept) == clinic_table()
    wished = msgspec.json.decode(work.arguments["wish"])
    assert wished["computation"]["density_table"] == {"name": "Made-up CT 120 kV", "version": 1}


async def test_a_table_that_was_replaced_under_its_name_is_told_and_asked_about(
    department: Department, physicist: Browser, case: KeptCase, tmp_path: Path
) -> None:
    clinics_table(tmp_path)
    fields = with_(await begun(physicist, case), **{**CHOSEN, "density": MINE})
    work = await finished(department, await asked(physicist, case, fields), small_result("Small", {}))
    assert dict(fields_of(await page(physicist, f"{at(case)}/plan?variant={work}")))["density"] == MINE
    clinics_table(tmp_path, settings="80 kV")
    more = await sent(physicist, case, [*fields, ("deed", "add-beam")])
    less = await sent(physicist, case, [*fields_of(more.text), ("deed", "remove-beam-4")])
    answer = await sent(physicist, case, [*fields_of(less.text), ("deed", "make")])
    assert answer.status_code == 422
    assert "was replaced since this page was opened" in answer.text
    shown = await page(physicist, f"{at(case)}/plan?variant={work}")
    assert "This is no longer the density table of the first plan." in shown
    assert dict(fields_of(shown))["density"] == "", "nobody chose this one"
    assert (await asked(physicist, case, fields_of(answer.text))).rpartition("/")[2] != work


@pytest.mark.parametrize(
    ("files", "chosen", "sentence"),
    [
        ([], MINE, "Choose a density table"),
        ([], "TG-119 phantom@9", "Choose a density table"),
        ([], "TG-119 phantom", "Choose a density table"),
        ([{}, {"scanner": "another"}], MINE, "Two files say that they are density table"),
        ([{"measured": None}], MINE, "does not say which phantom was measured"),
        ([{"name": "TG-119 phantom"}], "TG-119 phantom@1", "is the name of the density table that comes with"),
    ],
)
async def test_a_table_that_is_not_there_unclear_or_unsound_is_told_beside_the_field(
    files: list[dict[str, Any]],
    chosen: str,
    sentence: str,
    department: Department,
    physicist: Browser,
    case: KeptCase,
    tmp_path: Path,
) -> None:
    for number, changes in enumerate(files):
        clinics_table(tmp_path, f"{number}.json", **changes)
    fields = with_(await begun(physicist, case), **{**CHOSEN, "density": chosen})
    answer = await sent(physicist, case, [*fields, ("deed", "make")])
    assert answer.status_code == 422
    assert 'id="density-error"' in answer.text
    assert sentence in answer.text
    assert await department.desk.works.about(case.id) == ()
