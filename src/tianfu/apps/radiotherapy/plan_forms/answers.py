"""The wish that a form means, or what is wrong beside each of its fields."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import msgspec

from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.planning.soundness import (
    BETWEEN_VALUES,
    FAR_MM,
    FIELDS_MOST,
    NAME_MOST,
    OBJECTIVES_MOST,
    refuse_unless_sound,
    served,
)
from tianfu.apps.radiotherapy.model.planning.steps import refuse_other_machine
from tianfu.apps.radiotherapy.model.planning.wishes import (
    AnyObjective,
    FieldWish,
    HoldingWish,
    InOrder,
    Isocentre,
    Known,
    PlanWish,
    Prescription,
    SecondEngine,
    Version,
)
from tianfu.apps.radiotherapy.model.protocols import Goal, Protocol
from tianfu.apps.radiotherapy.model.transport.density_tables import DensityTable
from tianfu.apps.radiotherapy.plan_forms.filling import NONE
from tianfu.apps.radiotherapy.plan_forms.forms import (
    BEAM_CELLS,
    MIDDLE,
    PLACES,
    POINT,
    BeamRow,
    ObjectiveRow,
    PlanForm,
    page_order,
)
from tianfu.apps.radiotherapy.plan_forms.ordering import (
    HOLDING,
    IN_ORDER,
    LEFT_OUT,
    REFUSED_GOALS,
    WEIGHTED,
    goal_roles,
    goals_named,
)
from tianfu.apps.radiotherapy.plan_forms.roles import CASE, ROLE, keys_of
from tianfu.kernel.refusal import Refusal

KINDS: Mapping[str, type[Any]] = {kind.__struct_config__.tag: kind for kind in get_args(AnyObjective)}
"""The kinds of objectives by the names that templates have for them."""

VOLUME_KINDS = frozenset({"at-most-volume", "at-least-volume"})
EXPONENT_KINDS = frozenset({"equivalent-at-most", "equivalent-at-least"})

DIGITS_MOST = 20

FAULTS_OF_ELEMENTS = {
    "name": "name",
    "isocentre": "isocentre",
    "computation.density_table.name": "density",
    "fields": "beams",
    "objectives": "objectives",
    "prescription.dose_gy": "dose",
    "prescription.fractions": "fractions",
    "prescription.volume_percent": "percent",
    "prescription.structure": "prescribed",
    "targets": "structures",
    "regions": "structures",
    "in_order.goals": "order_by",
}
"""Beside which field what `refuse_unless_sound` says of an element belongs; all else is about the whole form."""

WHOLE = "whole"

CHANGED = "chosen on the page by whoever asked for the plan"


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What a form is filled in on: the template, the case's structures, and machine and density table that it names.

    `machine` and `table` are Refusals if it names none that is there; `protocols` are those by which plans are judged
    or sought.
    """

    base: PlanWish
    structures: Sequence[str]
    machine: Machine | Refusal
    table: DensityTable | Refusal
    protocols: Mapping[str, Protocol]


class FormFaultsError(Exception):
    """A form that is no wish yet; `faults` are refusals by the field's id on the page."""

    def __init__(self, faults: Mapping[str, Refusal]) -> None:
        """Keep them in the order of the page."""
        super().__init__(", ".join(f"{field}: {fault.code}" for field, fault in faults.items()))
        self.faults = {at: faults[at] for at in sorted(faults, key=page_order)}


@dataclass
class _Reading:
    """Reads fields and gathers what is wrong with them."""

    faults: dict[str, Refusal] = field(default_factory=dict)

    def fault(self, at: str, code: str, **details: str) -> None:
        self.faults.setdefault(at, Refusal(code, details=details))

    def number(self, at: str, text: str) -> float:
        """A number with a point or a comma; NaN if it is none, which is never in a wish since the fault stands."""
        value = number_from(text)
        if value is None:
            self.fault(at, "plan-form-number-missing" if not text else "plan-form-no-number")
            return math.nan
        return value

    def whole(self, at: str, text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) <= DIGITS_MOST:
            return int(text)
        self.fault(at, "plan-form-number-missing" if not text else "plan-form-no-whole-number")
        return 0

    def within(self, at: str, value: float, *, least: float, most: float) -> float:
        if not math.isnan(value) and not least <= value <= most:
            self.fault(at, "plan-form-out-of-range", least=f"{least:g}", most=f"{most:g}")
        return value


def number_from(text: str) -> float | None:
    """A finite number in plain digits; None for anything else, such as `nan`, `1e999`, `1_000`, and `1,000`, which is
    a thousand to some and one to others.
    """
    if len(text) > DIGITS_MOST or not text.isascii() or not set(text) <= set("0123456789.-+"):
        return None
    try:
        return float(text)
    except ValueError:
        return None


def wish_of(form: PlanForm, ground: Ground) -> PlanWish:
    """The wish; raises FormFaultsError with all that is wrong."""
    reading = _Reading()
    _name(reading, form)
    machine, table = ground.machine, ground.table
    for at, named in (("machine", machine), ("density", table)):
        if isinstance(named, Refusal):
            reading.faults[at] = named
    second = _second(reading, form)
    if form.protocol not in {*ground.protocols, NONE}:
        reading.fault("protocol", "plan-form-protocol-not-chosen")
    names = _structures(reading, form, ground)
    prescription = _prescription(reading, form, {name: names[name] for name in ground.base.targets})
    isocentre = _isocentre(reading, form)
    beams = _beams(reading, form.beams)
    objectives = _objectives(reading, form.objectives, ground, names)
    if not objectives and form.how != IN_ORDER:
        reading.fault("objectives", "plan-form-no-objectives")
    in_order = _in_order(reading, form, ground, names)
    if form.confirmed != "yes":
        reading.fault("confirmed", "plan-form-not-confirmed")
    if reading.faults or isinstance(machine, Refusal) or isinstance(table, Refusal) or isocentre is None:
        raise FormFaultsError(reading.faults)
    base = renamed(ground.base, names)
    chosen = {
        "prescription": prescription,
        "isocentre": isocentre,
        "fields": beams,
        "objectives": objectives,
        "in_order": in_order,
    }
    changed = {name for name, value in chosen.items() if value != getattr(base, name)}
    named_table = Version(name=table.name, version=table.version)
    if named_table != base.computation.density_table:
        changed.add("computation.density_table")
    wish = msgspec.structs.replace(
        base,
        **chosen,
        name=form.name,
        machine=Version(name=machine.name, version=machine.version),
        computation=msgspec.structs.replace(base.computation, density_table=named_table, second=second),
        known=(*_known(base, changed), *_left_out(form, ground)),
    )
    _refuse_unless_right(wish, machine, form)
    return wish


def renamed(wish: PlanWish, names: Mapping[str, str]) -> PlanWish:
    """The wish with the case's names for its structures; those that are not named stay."""

    def of(several: Sequence[str]) -> tuple[str, ...]:
        return tuple(names.get(name, name) for name in several)

    made = {region.name for region in wish.regions}
    prescribed = names.get(wish.prescription.structure, wish.prescription.structure)
    return msgspec.structs.replace(
        wish,
        body=names.get(wish.body, wish.body),
        targets=of(wish.targets),
        prescription=msgspec.structs.replace(wish.prescription, structure=prescribed),
        regions=tuple(
            msgspec.structs.replace(region, around=of(region.around), without=of(region.without))
            for region in wish.regions
        ),
        objectives=tuple(
            one
            if one.structure in made
            else msgspec.structs.replace(one, structure=names.get(one.structure, one.structure))
            for one in wish.objectives
        ),
        in_order=None
        if (asked := wish.in_order) is None
        else msgspec.structs.replace(asked, goals=tuple(_about(goal, names) for goal in asked.goals)),
    )


def _about(goal: Goal, names: Mapping[str, str]) -> Goal:
    return msgspec.structs.replace(goal, structure=names.get(goal.structure, goal.structure))


def _known(base: PlanWish, changed: Set[str]) -> tuple[Known, ...]:
    """How each part is known: what was changed on the page is somebody's choice, whatever the template's source was."""
    chosen = tuple(Known(element=name, mark="ours", source=CHANGED) for name in sorted(changed))
    return (*(one for one in base.known if one.element not in changed), *chosen)


def _name(reading: _Reading, form: PlanForm) -> None:
    if not form.name:
        reading.fault("name", "plan-form-name-missing")
    elif len(form.name) > NAME_MOST or not form.name.isprintable():
        reading.fault("name", "plan-form-name-too-long", most=str(NAME_MOST))
    elif BETWEEN_VALUES in form.name:
        reading.fault("name", "plan-form-name-parted")


def _isocentre(reading: _Reading, form: PlanForm) -> Isocentre | None:
    """Where the isocentre was put; a place that was typed beside the middle could mean either and is a fault."""
    typed = {at: getattr(form, at) for at in PLACES}
    if form.isocentre == POINT:
        x, y, z = (reading.within(at, reading.number(at, typed[at]), least=-FAR_MM, most=FAR_MM) for at in PLACES)
        return x, y, z
    if form.isocentre != MIDDLE:
        reading.fault("isocentre", "plan-form-isocentre-not-chosen")
        return None
    for at in PLACES:
        if typed[at]:
            reading.fault(at, "plan-form-isocentre-not-for-middle")
    return "target-middle"


def _second(reading: _Reading, form: PlanForm) -> SecondEngine | None:
    known: tuple[Literal["collapsed-cone"], ...] = get_args(SecondEngine)
    for engine in known:
        if form.second == engine:
            return engine
    if form.second != NONE:
        reading.fault("second", "plan-form-second-not-chosen")
    return None


def _structures(reading: _Reading, form: PlanForm, ground: Ground) -> Mapping[str, str]:
    """The case's name for each of the template's; one structure may stand for one only."""
    roles = ground.base.structures
    chosen = dict(zip(roles, (*form.structures, *[""] * len(roles)), strict=False))
    for number, (role, name) in enumerate(chosen.items(), start=1):
        at = f"structure-{number}"
        if name not in ground.structures:
            reading.fault(at, "plan-form-structure-not-chosen", structure=role)
        elif list(chosen.values()).count(name) > 1:
            reading.fault(at, "plan-form-structure-twice", structure=name)
        else:
            _refuse_unclear(reading, at, name, ground)
    return chosen


def _refuse_unclear(reading: _Reading, at: str, name: str, ground: Ground) -> None:
    """A name that two structures have, or a structure and a ring, could mean either."""
    if (count := ground.structures.count(name)) > 1:
        reading.fault(at, "plan-structure-unclear", structure=name, count=str(count))
    elif name in {region.name for region in ground.base.regions}:
        reading.fault(at, "plan-form-structure-like-region", structure=name)


def _prescription(reading: _Reading, form: PlanForm, targets: Mapping[str, str]) -> Prescription:
    if form.prescribed not in set(targets):
        reading.fault("prescribed", "plan-form-prescribed-not-chosen")
    return Prescription(
        structure=targets.get(form.prescribed, ""),
        dose_gy=reading.within("dose", reading.number("dose", form.dose), least=0.1, most=200),
        fractions=int(reading.within("fractions", reading.whole("fractions", form.fractions), least=1, most=100)),
        volume_percent=reading.within("percent", reading.number("percent", form.percent), least=1, most=100),
    )


def _beams(reading: _Reading, rows: Sequence[BeamRow]) -> tuple[FieldWish, ...]:
    if not rows:
        reading.fault("beams", "plan-form-no-beams")
    if len(rows) > FIELDS_MOST:
        reading.fault("beams", "plan-form-too-many", most=str(FIELDS_MOST))
    made: list[FieldWish] = []
    for number, row in enumerate(rows, start=1):
        angles = {f"{name}_degrees": _degrees(reading, f"{name}-{number}", getattr(row, name)) for name in BEAM_CELLS}
        wish = FieldWish(**angles)
        if wish in made:
            reading.fault(f"gantry-{number}", "plan-form-beam-twice", beam=str(made.index(wish) + 1))
        made.append(wish)
    return tuple(made)


def _degrees(reading: _Reading, at: str, text: str) -> float:
    value = reading.number(at, text)
    if not math.isnan(value) and not 0 <= value < 360:
        reading.fault(at, "plan-form-no-angle")
    return value


def _objectives(
    reading: _Reading, rows: Sequence[ObjectiveRow], ground: Ground, names: Mapping[str, str]
) -> tuple[AnyObjective, ...]:
    if len(rows) > OBJECTIVES_MOST:
        reading.fault("objectives", "plan-form-too-many", most=str(OBJECTIVES_MOST))
    known = keys_of(ground.base, ground.structures)
    made = []
    for number, row in enumerate(rows, start=1):
        target = known.get(row.structure)
        if target is None:
            reading.fault(f"about-{number}", "plan-form-objective-about-nothing")
        if target is not None and target.kind == CASE:
            _refuse_unclear(reading, f"about-{number}", target.name, ground)
        about = "" if target is None else names.get(target.name, "") if target.kind == ROLE else target.name
        one = _objective(reading, row, number, about)
        if one is not None:
            made.append(one)
    return tuple(made)


def _objective(reading: _Reading, row: ObjectiveRow, number: int, about: str) -> AnyObjective | None:
    told: dict[str, Any] = {"structure": about}
    told["dose_gy"] = reading.within(
        f"objective-dose-{number}", reading.number(f"objective-dose-{number}", row.dose), least=0, most=1000
    )
    told["weight"] = reading.number(f"weight-{number}", row.weight)
    if not math.isnan(told["weight"]) and told["weight"] <= 0:
        reading.fault(f"weight-{number}", "plan-form-weight-not-positive")
    if row.kind in VOLUME_KINDS:
        at = f"volume-{number}"
        told["volume_percent"] = reading.within(at, reading.number(at, row.volume), least=0, most=100)
    elif row.volume:
        reading.fault(f"volume-{number}", "plan-form-not-for-kind")
    if row.kind in EXPONENT_KINDS:
        told["exponent"] = reading.number(f"exponent-{number}", row.exponent)
        if told["exponent"] == 0 or abs(told["exponent"]) > 100:
            reading.fault(f"exponent-{number}", "plan-form-no-exponent")
    elif row.exponent:
        reading.fault(f"exponent-{number}", "plan-form-not-for-kind")
    kind = KINDS.get(row.kind)
    if kind is None:
        reading.fault(f"kind-{number}", "plan-form-kind-not-chosen")
        return None
    made: AnyObjective = kind(**told)
    return made


def _in_order(reading: _Reading, form: PlanForm, ground: Ground, names: Mapping[str, str]) -> InOrder | None:
    """The goals that are served in their order; None where objectives are weighed, or where there is a fault."""
    if form.how != IN_ORDER:
        if form.how != WEIGHTED:
            reading.fault("how", "plan-form-how-not-chosen")
        return None
    goals = goals_named(form, ground.base, ground.protocols)
    if not goals:
        reading.fault("order_by", "plan-form-order-not-chosen")
    elif form.seen_order != form.order_by:
        reading.fault("order_by", "plan-form-goals-not-seen")
    _refuse_other_percent(reading, form, goals, ground)
    meant = {**names, **_goal_structures(reading, form, ground, goal_roles(goals, ground.base))}
    kept = tuple(_about(goal, meant) for goal in goals if meant.get(goal.structure) != LEFT_OUT)
    if goals and not kept:
        reading.fault("order_by", "no-goals")
    return InOrder(goals=kept, holding=_holding(reading, form))


def _refuse_other_percent(reading: _Reading, form: PlanForm, goals: Sequence[Goal], ground: Ground) -> None:
    """Percentages are of the plan's prescription: those of a protocol for another one would mean other doses."""
    protocol = ground.protocols.get(form.order_by)
    prescribed = None if protocol is None else protocol.prescription_gy
    has_percent = any(goal.constraint.needs_prescription for goal in goals)
    if prescribed is not None and has_percent and number_from(form.dose) != prescribed:
        reading.fault("order_by", "plan-form-goals-of-another-dose", dose=f"{prescribed:g}")


def _goal_structures(reading: _Reading, form: PlanForm, ground: Ground, roles: Sequence[str]) -> Mapping[str, str]:
    """The case's name for each structure of goals that is none of the template's; one may stand for one only."""
    chosen = dict(zip(roles, (*form.goal_structures, *[""] * len(roles)), strict=False))
    for number, (role, name) in enumerate(chosen.items(), start=1):
        at = f"goal-structure-{number}"
        if name == LEFT_OUT:
            continue
        if name not in ground.structures:
            reading.fault(at, "plan-form-structure-not-chosen", structure=role)
        elif list(chosen.values()).count(name) > 1:
            reading.fault(at, "plan-form-structure-twice", structure=name)
        else:
            _refuse_unclear(reading, at, name, ground)
    return chosen


def _left_out(form: PlanForm, ground: Ground) -> tuple[Known, ...]:
    """That goals of a protocol were left out, and of which structures: else a plan would seem to serve all of them."""
    if form.how != IN_ORDER:
        return ()
    roles = goal_roles(goals_named(form, ground.base, ground.protocols), ground.base)
    names = [role for role, name in zip(roles, form.goal_structures, strict=False) if name == LEFT_OUT]
    if not names:
        return ()
    source = f"goals of {form.order_by} for {', '.join(names)} were left out on the page by whoever asked for the plan"
    return (Known(element="in_order.goals", mark="ours", source=source),)


def _holding(reading: _Reading, form: PlanForm) -> HoldingWish:
    told = {name: reading.number(at, getattr(form, at)) for at, name in HOLDING.items()}
    for name, most in (("slack_gy", 100.0), ("slack_percent", 100.0), ("aim_gy", 100.0)):
        reading.within(f"holding_{name}", told[name], least=0, most=most)
    if told["weight"] <= 0:
        reading.fault("holding_weight", "plan-form-weight-not-positive")
    elif told["held_weight"] <= told["weight"]:
        reading.fault("holding_held_weight", "plan-form-held-weight-not-more")
    return HoldingWish(**told)


def _refuse_unless_right(wish: PlanWish, machine: Machine, form: PlanForm) -> None:
    """Raise FormFaultsError for what only the whole wish shows, or the machine."""
    if wish.prescription.structure not in served(wish):
        told = {"structure": wish.prescription.structure}
        raise FormFaultsError({"objectives": Refusal("plan-form-target-not-wished", details=told)})
    try:
        refuse_unless_sound(wish)
        refuse_other_machine(wish, machine)
    except Refusal as refusal:
        raise FormFaultsError({place_of(refusal, form): refusal}) from refusal


def place_of(refusal: Refusal, form: PlanForm) -> str:
    """Beside which field a refusal of the whole wish stands: that of the angle or the structure it names."""
    told = refusal.details
    if (structure := told.get("structure")) in form.structures and structure is not None:
        return f"structure-{form.structures.index(structure) + 1}"
    if structure is not None and structure in form.goal_structures:
        return f"goal-structure-{form.goal_structures.index(structure) + 1}"
    if refusal.code == "plan-angle-beyond-machine":
        row = form.beams[int(told["field"]) - 1]
        turned = number_from(row.collimator)
        is_collimator = turned is not None and f"{turned:g}" == told["degrees"]
        return f"{'collimator' if is_collimator else 'couch'}-{told['field']}"
    if refusal.code in REFUSED_GOALS:
        return "order_by"
    if refusal.code in {"plan-dose-rate-not-of-machine", "cone-kernels-do-not-fit"}:
        return "machine"
    if refusal.code.startswith("density-table-"):
        return "density"
    return FAULTS_OF_ELEMENTS.get(str(told.get("element", "")), WHOLE)
