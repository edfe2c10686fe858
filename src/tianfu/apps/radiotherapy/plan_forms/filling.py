"""A form filled from a template, or from the wish of a plan that a variant is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tianfu.apps.radiotherapy.model.planning.wishes import ObjectiveWish, PlanWish
from tianfu.apps.radiotherapy.plan_forms.forms import (
    MIDDLE,
    PLACES,
    POINT,
    BeamRow,
    ObjectiveRow,
    PlanForm,
    density_key,
    machine_key,
)
from tianfu.apps.radiotherapy.plan_forms.ordering import HOLDING, IN_ORDER, OWN, WEIGHTED
from tianfu.apps.radiotherapy.plan_forms.roles import REGION, ROLE, suggested

NONE = "none"
"""What the form says where no second dose or no protocol is wished."""


def form_of_template(wish: PlanWish, structures: Sequence[str]) -> PlanForm:
    """What the template says; machine, density table and second engine are not chosen, and nothing is confirmed.

    Nor is a point that a template has for isocentre: it is one of the template's phantom and of no other patient.
    """
    return PlanForm(
        prescribed=wish.prescription.structure,
        dose=_text(wish.prescription.dose_gy),
        fractions=str(wish.prescription.fractions),
        percent=_text(wish.prescription.volume_percent),
        isocentre=MIDDLE if isinstance(wish.isocentre, str) else "",
        structures=tuple(suggested(name, structures) for name in wish.structures),
        beams=tuple(
            BeamRow(
                gantry=_text(field.gantry_degrees),
                collimator=_text(field.collimator_degrees),
                couch=_text(field.couch_degrees),
            )
            for field in wish.fields
        ),
        objectives=tuple(_objective_row(wish, objective) for objective in wish.objectives),
        **_sought(wish),
    )


def form_of_variant(wish: PlanWish, structures: Sequence[str], *, protocol: str) -> PlanForm:
    """What was wished of another plan, with its machine and engines; what structures mean is to be confirmed again."""
    table = wish.computation.density_table
    return replace(
        form_of_template(wish, structures),
        name=wish.name,
        machine=machine_key(wish.machine.name, wish.machine.version),
        density=density_key(table.name, table.version),
        **_place(wish),
        second=wish.computation.second or NONE,
        protocol=protocol,
        how=WEIGHTED if wish.in_order is None else IN_ORDER,
    )


def _sought(wish: PlanWish) -> dict[str, Any]:
    """How the template's plan is sought; one without goals in an order says no more than that it has none."""
    if (asked := wish.in_order) is None:
        return {}
    holding = {at: _text(getattr(asked.holding, name)) for at, name in HOLDING.items()}
    return {"how": IN_ORDER, "order_by": OWN, **holding}


def _place(wish: PlanWish) -> dict[str, Any]:
    """The fields of a wish's isocentre."""
    if isinstance(wish.isocentre, str):
        return {"isocentre": MIDDLE}
    return {"isocentre": POINT, **dict(zip(PLACES, map(_text, wish.isocentre), strict=True))}


def kind_of(objective: ObjectiveWish) -> str:
    """The kind of an objective, as templates name it."""
    return str(type(objective).__struct_config__.tag)


def _objective_row(wish: PlanWish, objective: ObjectiveWish) -> ObjectiveRow:
    is_region = objective.structure in {region.name for region in wish.regions}
    return ObjectiveRow(
        kind=kind_of(objective),
        structure=f"{REGION if is_region else ROLE}:{objective.structure}",
        dose=_text(objective.dose_gy),
        volume=_text(getattr(objective, "volume_percent", None)),
        exponent=_text(getattr(objective, "exponent", None)),
        weight=_text(objective.weight),
    )


def _text(number: float | None) -> str:
    """A number as people type it, with all its digits; empty for none."""
    if number is None:
        return ""
    return f"{number:g}" if float(f"{number:g}") == number else repr(float(number))
