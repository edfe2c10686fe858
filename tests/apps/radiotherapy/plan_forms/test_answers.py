"""The form of a plan: what is missing or odd stands beside its field, and what is right is the wish that was meant."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.radiotherapy_plan import phantom_table, small_machine, small_wish
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
from tianfu.apps.radiotherapy.plan_forms.answers import FormFaultsError, Ground, number_from, renamed, wish_of
from tianfu.apps.radiotherapy.plan_forms.filling import form_of_template, form_of_variant
from tianfu.apps.radiotherapy.plan_forms.forms import BeamRow, ObjectiveRow, PlanForm, changed, first_field, form_sent
from tianfu.apps.radiotherapy.plan_forms.roles import suggested
from tianfu.apps.radiotherapy.protocols import shipped_protocols
from tianfu.apps.radiotherapy.templates import shipped_templates
from tianfu.kernel.refusal import Refusal

ODD = "0123456789.,-+eE_ naif²<>'\x1b\u202e"
"""Letters of which numbers are made, and some that would be taken for one or would spoil a page."""

TABLE = "TG-119 phantom@1"

NAMES = ("BODY", "PTV_5000", "SpinalCord", "Heart")


PROTOCOLS = {"some-protocol": shipped_protocols()["tg119-c-shape-easier"]}


def ground(**changes: object) -> Ground:
    made = Ground(
        base=small_wish(),
        structures=NAMES,
        machine=small_machine(),
        table=phantom_table(),
        protocols=PROTOCOLS,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # names of its own fields


def answered(**changes: object) -> PlanForm:
    """The small template's form with everything that a person must choose."""
    chosen = {"name": "Small", "machine": "generic-6mv@1", "second": "none", "protocol": "none", "confirmed": "yes"}
    chosen |= {"density": TABLE, "how": "weighted"}
    form = replace(form_of_template(small_wish(), NAMES), **chosen)  # type: ignore[arg-type]
    return replace(form, **changes)  # type: ignore[arg-type]


def faults(form: PlanForm, on: Ground | None = None) -> dict[str, str]:
    with pytest.raises(FormFaultsError) as raised:
        wish_of(form, on or ground())
    return {field: fault.code for field, fault in raised.value.faults.items()}


def test_a_form_that_was_only_completed_wishes_what_the_template_wishes() -> None:
    assert wish_of(answered(), ground()) == msgspec.structs.replace(small_wish(), name="Small")


def test_a_template_fills_no_machine_no_engine_no_protocol_and_confirms_nothing() -> None:
    form = form_of_template(small_wish(), NAMES)
    assert (form.machine, form.second, form.protocol, form.confirmed, form.name) == ("", "", "", "", "")
    assert form.density == ""
    missing = ground(machine=Refusal("plan-form-machine-not-chosen"), table=Refusal("plan-form-density-not-chosen"))
    assert set(faults(form, missing)) == {"machine", "density", "second", "protocol", "how", "confirmed", "name"}


def test_a_point_of_the_templates_phantom_is_never_filled_in_and_the_middle_of_the_targets_is_shown() -> None:
    assert form_of_template(small_wish(), NAMES).isocentre == "target-middle"
    base = small_wish(isocentre=[0.0, 0.0, 2.5])
    form = form_of_template(base, NAMES)
    assert (form.isocentre, form.isocentre_x, form.isocentre_y, form.isocentre_z) == ("", "", "", "")
    form = replace(answered(), isocentre="")
    assert faults(form, ground(base=base)) == {"isocentre": "plan-form-isocentre-not-chosen"}


def test_no_template_that_comes_with_the_program_fills_in_a_point_or_a_density_table() -> None:
    forms = {name: form_of_template(wish, wish.structures) for name, wish in shipped_templates().items()}
    assert {form.density for form in forms.values()} == {""}
    assert {form.isocentre_z for form in forms.values()} == {""}
    assert forms["tg119-multi-target"].isocentre == ""


def test_the_isocentre_is_the_point_that_was_typed_or_the_middle_and_known_as_somebodys_choice() -> None:
    typed = {"isocentre": "point", "isocentre_x": "-12.5", "isocentre_y": "-140", "isocentre_z": "0"}
    wish = wish_of(answered(**typed), ground())
    assert wish.isocentre == (-12.5, -140.0, 0.0)
    assert {one.element: one.mark for one in wish.known}["isocentre"] == "ours"
    middle = wish_of(answered(), ground(base=small_wish(isocentre=[0.0, 0.0, 2.5])))
    assert middle.isocentre == "target-middle"
    assert {one.element: one.mark for one in middle.known}["isocentre"] == "ours"


def test_a_density_table_that_is_not_the_templates_is_known_as_somebodys_choice() -> None:
    base = small_wish(computation__density_table={"name": "Scanner 3", "version": 2})
    wish = wish_of(answered(), ground(base=base))
    assert wish.computation.density_table.name == "TG-119 phantom"
    assert {one.element: one.mark for one in wish.known}["computation.density_table"] == "ours"


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"how": ""}, "how", "plan-form-how-not-chosen"),
        ({"how": "somehow"}, "how", "plan-form-how-not-chosen"),
        ({"second": "monte-carlo"}, "second", "plan-form-second-not-chosen"),
        ({"isocentre": ""}, "isocentre", "plan-form-isocentre-not-chosen"),
        ({"isocentre": "0, 0, 2.5"}, "isocentre", "plan-form-isocentre-not-chosen"),
        ({"isocentre": "point"}, "isocentre_x", "plan-form-number-missing"),
        ({"isocentre": "point", "isocentre_y": "nan"}, "isocentre_y", "plan-form-no-number"),
        ({"isocentre": "point", "isocentre_z": "5000.1"}, "isocentre_z", "plan-form-out-of-range"),
        ({"isocentre_y": "7"}, "isocentre_y", "plan-form-isocentre-not-for-middle"),
        ({"protocol": "' or 1=1"}, "protocol", "plan-form-protocol-not-chosen"),
        ({"confirmed": "no"}, "confirmed", "plan-form-not-confirmed"),
        ({"name": "a\nb"}, "name", "plan-form-name-too-long"),
        ({"name": "n" * 65}, "name", "plan-form-name-too-long"),
        ({"name": "left\\right"}, "name", "plan-form-name-parted"),
        ({"prescribed": "SpinalCord"}, "prescribed", "plan-form-prescribed-not-chosen"),
        ({"dose": ""}, "dose", "plan-form-number-missing"),
        ({"dose": "nan"}, "dose", "plan-form-no-number"),
        ({"dose": "1e3"}, "dose", "plan-form-no-number"),
        ({"dose": "5000"}, "dose", "plan-form-out-of-range"),
        ({"fractions": "2.5"}, "fractions", "plan-form-no-whole-number"),
        ({"fractions": "²"}, "fractions", "plan-form-no-whole-number"),
        ({"fractions": "0"}, "fractions", "plan-form-out-of-range"),
        ({"percent": "101"}, "percent", "plan-form-out-of-range"),
        ({"beams": ()}, "beams", "plan-form-no-beams"),
        (
            {"beams": tuple(BeamRow(gantry=str(n), collimator="0", couch="0") for n in range(31))},
            "beams",
            "plan-form-too-many",
        ),
        ({"beams": (BeamRow(gantry="360", collimator="0", couch="0"),)}, "gantry-1", "plan-form-no-angle"),
        ({"beams": (BeamRow(gantry="0", collimator="", couch="0"),)}, "collimator-1", "plan-form-number-missing"),
        ({"beams": (BeamRow(gantry="0", collimator="0", couch="180"),)}, "couch-1", "plan-angle-beyond-machine"),
        ({"beams": (BeamRow(gantry="0", collimator="0", couch="0"),) * 2}, "gantry-2", "plan-form-beam-twice"),
        ({"objectives": ()}, "objectives", "plan-form-no-objectives"),
        ({"structures": ("BODY", "PTV_5000")}, "structure-3", "plan-form-structure-not-chosen"),
        ({"structures": ("BODY", "PTV_5000", "PTV_5000")}, "structure-2", "plan-form-structure-twice"),
        ({"structures": ("BODY", "<script>", "SpinalCord")}, "structure-2", "plan-form-structure-not-chosen"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(changes: dict[str, object], field: str, code: str) -> None:
    assert faults(answered(**changes)).get(field) == code


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ({"kind": ""}, "kind-1", "plan-form-kind-not-chosen"),
        ({"kind": "objective"}, "kind-1", "plan-form-kind-not-chosen"),
        ({"structure": "case:Nobody"}, "about-1", "plan-form-objective-about-nothing"),
        ({"dose": "-1"}, "objective-dose-1", "plan-form-out-of-range"),
        ({"weight": "0"}, "weight-1", "plan-form-weight-not-positive"),
        ({"volume": "30"}, "volume-1", "plan-form-not-for-kind"),
        ({"exponent": "1"}, "exponent-1", "plan-form-not-for-kind"),
        ({"kind": "at-most-volume"}, "volume-1", "plan-form-number-missing"),
        ({"kind": "at-most-volume", "volume": "101"}, "volume-1", "plan-form-out-of-range"),
        ({"kind": "equivalent-at-most", "exponent": "0"}, "exponent-1", "plan-form-no-exponent"),
    ],
)
def test_what_is_wrong_with_an_objective_stands_beside_its_cell(row: dict[str, str], field: str, code: str) -> None:
    first, *others = answered().objectives
    form = answered(objectives=(replace(first, **row), *others))
    assert faults(form) == {field: code}


def test_a_target_that_nothing_is_asked_of_is_no_wish() -> None:
    [first, *_] = [each for each in answered().objectives if each.structure == "role:SpinalCord"]
    assert faults(answered(objectives=(first,))) == {"objectives": "plan-form-target-not-wished"}


def test_a_structure_that_is_called_as_a_ring_is_refused_since_either_could_be_meant() -> None:
    on = ground(structures=(*NAMES, "ring"))
    row = ObjectiveRow(kind="maximum-dose", structure="case:ring", dose="10", weight="1")
    form = answered(objectives=(*answered().objectives, row))
    assert faults(form, on) == {"about-6": "plan-form-structure-like-region"}


def test_two_structures_of_one_name_are_not_clear() -> None:
    assert faults(answered(), ground(structures=(*NAMES, "PTV_5000"))) == {"structure-2": "plan-structure-unclear"}


def test_structures_get_the_names_of_the_case_everywhere_and_rings_keep_theirs() -> None:
    on = ground(structures=("Haut", "Ziel", "Mark", "SpinalCord"))
    wish = wish_of(answered(structures=("Haut", "Ziel", "Mark")), on)
    assert (wish.body, wish.targets, wish.prescription.structure) == ("Haut", ("Ziel",), "Ziel")
    assert [one.structure for one in wish.objectives] == ["Ziel", "Ziel", "ring", "Mark", "beyond"]
    assert {region.around for region in wish.regions} == {("Ziel",)}
    assert set(wish.structures) == {"Haut", "Ziel", "Mark"}


def test_a_structure_of_the_case_keeps_its_name_though_the_template_has_one_like_it() -> None:
    on = ground(structures=("BODY", "PTV_5000", "Mark", "SpinalCord"))
    row = ObjectiveRow(kind="at-most-volume", structure="case:SpinalCord", dose="20", volume="30", weight="2.5")
    wish = wish_of(answered(structures=("BODY", "PTV_5000", "Mark"), objectives=(*answered().objectives, row)), on)
    assert wish.objectives[-1].structure == "SpinalCord"
    assert wish.objectives[3].structure == "Mark"


def test_what_was_changed_is_known_as_somebodys_choice_and_not_as_the_templates() -> None:
    wish = wish_of(answered(beams=(BeamRow(gantry="10", collimator="0", couch="0"),)), ground())
    assert {one.element: one.mark for one in wish.known} == {"fields": "ours", "objectives": "ours"}
    assert "fields" not in {one.element for one in wish_of(answered(), ground()).known}


def test_a_variant_is_filled_with_all_that_was_wished_but_what_must_be_confirmed() -> None:
    wish = small_wish(name="First", computation__second="collapsed-cone", isocentre=[0.25, -3.0, 2.5])
    form = form_of_variant(wish, NAMES, protocol="some-protocol")
    assert (form.name, form.machine, form.second) == ("First", "generic-6mv@1", "collapsed-cone")
    assert (form.density, form.confirmed) == (TABLE, "")
    assert (form.isocentre, form.isocentre_x, form.isocentre_y, form.isocentre_z) == ("point", "0.25", "-3", "2.5")
    assert wish_of(replace(form, confirmed="yes"), ground(base=wish)) == wish


@pytest.mark.parametrize(
    ("name", "there", "found"),
    [
        ("PTV", ("PTV", "ptv"), "PTV"),
        ("SpinalCord", ("脊髓", "Heart"), "脊髓"),
        ("SpinalCord", ("spinal cord", "Spinal_Cord"), ""),
        ("PTV", ("PTV", "PTV"), ""),
        ("Core", ("Kern",), ""),
    ],
)
def test_a_structure_is_suggested_only_where_one_alone_can_be_meant(
    name: str, there: tuple[str, ...], found: str
) -> None:
    assert suggested(name, there) == found


def test_rows_are_added_and_taken_away_by_buttons() -> None:
    form = answered()
    more = changed(form, "add-beam")
    assert more.beams == (*form.beams, BeamRow())
    assert first_field(more, "add-beam") == "gantry-4"
    assert changed(more, "remove-beam-4") == form
    assert changed(form, "remove-objective-2").objectives == (form.objectives[0], *form.objectives[2:])
    for nothing in ("", "make", "remove-beam", "remove-beam-99", "drop table", "add-beam-x"):
        assert changed(form, nothing) == form


def test_columns_of_different_length_end_in_empty_cells() -> None:
    sent = {"beam-gantry": ["0", " 90 "], "beam-couch": ["1"]}
    assert form_sent(lambda name: sent.get(name, [])).beams == (
        BeamRow(gantry="0", couch="1"),
        BeamRow(gantry="90"),
    )


@given(some.text(ODD, max_size=30))
def test_no_text_makes_a_number_that_is_none(text: str) -> None:
    number = number_from(text)
    assert number is None or abs(number) < 1e20


@given(
    some.dictionaries(
        some.sampled_from(["beam-gantry", "structure", "objective-kind", "dose"]), some.lists(some.text(ODD))
    )
)
def test_no_form_breaks_the_reading(sent: dict[str, list[str]]) -> None:
    with pytest.raises(FormFaultsError):
        wish_of(form_sent(lambda name: sent.get(name, [])), ground())


def test_names_that_are_not_told_stay() -> None:
    wish: PlanWish = small_wish()
    assert renamed(wish, {}) == wish


@pytest.mark.parametrize("text", ["1,000", "2,5", "1e3", "0x10", "1_000", "٣", "--1", "."])
def test_what_may_mean_another_number_is_none(text: str) -> None:
    assert number_from(text) is None
