"""Asking for a plan over HTTP: a template is chosen, its form filled in, and what is wrong stands beside its field."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from litestar import Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.radiotherapy.pages import CASES, WORKS, Physicist, page_of, physicist
from tianfu.apps.radiotherapy.plan_forms.forms import (
    MAKE,
    PlanForm,
    changed,
    density_key,
    first_field,
    form_sent,
    machine_key,
    row_of,
)
from tianfu.apps.radiotherapy.plan_forms.seen import TOLD_DIGITS, case_digest, with_seen
from tianfu.apps.radiotherapy.ports import Desk
from tianfu.apps.radiotherapy.protocols import shipped_protocols
from tianfu.apps.radiotherapy.wishes import PLAN, documents_of
from tianfu.apps.radiotherapy.work_routes import work_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.imaging.cases import OPEN, KeptCase
from tianfu.services.jobs.works import Work
from tianfu.web.asking import HttpRequest
from tianfu.web.outcome import OTHERWISE
from tianfu.web.pages import Pages

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.plan_forms.starting import Begun

CASE = CASES + "/{case:str}"
BEFORE = ("template", "structure_set", "images", "variant")
"""What is chosen before the form is filled in."""


@dataclass(frozen=True, kw_only=True)
class Filled:
    """The form as it stands on the page, what is wrong with it, and which of its fields is looked at first."""

    form: PlanForm
    faults: Mapping[str, Refusal] = field(default_factory=dict)
    focus: str = ""


def plan_routes(pages: Pages, desk: Desk) -> list[HTTPRouteHandler]:
    """The page on which a plan is asked for."""
    page = _form_page(pages, desk)

    @get(f"{CASE}/plan")
    async def show_plan_form(request: HttpRequest, case: FromPath[str]) -> Response[str]:
        who = physicist(request)
        found = await desk.cases.one(case, who.organisation)
        chosen = {name: str(request.query_params.get(name, "")) for name in BEFORE}
        begun = await _begun(desk, who, found, chosen)
        form = PlanForm() if isinstance(begun, Refusal) else begun.filled
        return await page(request, found, begun, Filled(form=form))

    @post(f"{CASE}/plan", status_code=303)
    async def make_plan(request: HttpRequest, case: FromPath[str]) -> Response[str] | Redirect:
        from tianfu.apps.radiotherapy.plan_forms.answers import FormFaultsError  # loaded by the first who plans
        from tianfu.apps.radiotherapy.plan_forms.starting import asked

        who, sent = physicist(request), _sent(await request.form())
        found = await desk.cases.one(case, who.organisation)
        begun = await _begun(desk, who, found, {name: _first(sent(name)) for name in BEFORE})
        form, deed = form_sent(sent), _first(sent("deed"))
        if isinstance(begun, Refusal) or deed != MAKE:
            changed_form = changed(form, deed)
            return await page(request, found, begun, Filled(form=changed_form, focus=first_field(changed_form, deed)))
        try:
            work = await asked(desk, found, begun, form, by=who.caller)
        except FormFaultsError as wrong:
            return await page(request, found, begun, Filled(form=form, faults=wrong.faults))
        return Redirect(f"{WORKS}/{work}", status_code=303)

    return [show_plan_form, make_plan]


async def original_of(desk: Desk, who: Physicist, case: KeptCase, name: str) -> Work | None:
    """The plan that a variant is made of; None if none is named.

    Raises Refusal `not-found` for what is no plan of this case.
    """
    if not name:
        return None
    work = await work_of(desk, who, name)
    if work.kind != PLAN or work.about != case.id:
        raise Refusal("not-found", next_step="start-again")
    return work


async def _begun(desk: Desk, who: Physicist, case: KeptCase, chosen: Mapping[str, str]) -> Begun | Refusal:
    from tianfu.apps.radiotherapy.plan_forms.starting import begun  # loaded by the first who plans

    original = await original_of(desk, who, case, chosen["variant"])
    try:
        return await begun(desk, case, chosen, original)
    except Refusal as refusal:
        return refusal


def _form_page(
    pages: Pages, desk: Desk
) -> Callable[[HttpRequest, KeptCase, Begun | Refusal, Filled], Awaitable[Response[str]]]:
    """Makes the page: of a case on which nothing can be planned, of templates to choose from, or of the form."""

    async def page(request: HttpRequest, found: KeptCase, begun: Begun | Refusal, filled: Filled) -> Response[str]:
        from tianfu.apps.radiotherapy.plan_forms.answers import KINDS
        from tianfu.apps.radiotherapy.plan_forms.ordering import (
            HOLDING,
            IN_ORDER,
            LEFT_OUT,
            OWN,
            WEIGHTED,
            goal_roles,
            goals_named,
            with_goals_shown,
        )
        from tianfu.apps.radiotherapy.plan_forms.roles import keys_of, standard_of
        from tianfu.apps.radiotherapy.templates import shipped_templates

        await desk.cases.tell(found, OPEN, by=physicist(request).caller)
        always = {"case": found, "faults": filled.faults, "typed": filled.form, "focus": filled.focus, "row_of": row_of}
        status = OTHERWISE if filled.faults else 200
        if isinstance(begun, Refusal):
            return page_of(pages, request)("plan.html", **always, unfit=begun, base=None, begun=None, variant="")
        names = begun.structures
        machines = {machine_key(each.name, each.version): each for each in await asyncio.to_thread(desk.machines.all)}
        known = await asyncio.to_thread(desk.density_tables.all)
        tables = {density_key(each.name, each.version): each for each in known}
        typed = with_seen(
            filled.form,
            filled.faults,
            case=case_digest(documents_of(await desk.cases.objects(found))),
            machines={key: each.fingerprint for key, each in machines.items()},
            tables={key: each.fingerprint for key, each in tables.items()},
        )
        base, protocols = begun.base, shipped_protocols()
        goals = () if base is None else goals_named(filled.form, base, protocols)
        if base is not None:
            typed = with_goals_shown(typed, base, protocols, names)
        return page_of(pages, request)(
            "plan.html",
            status=status,
            **{**always, "typed": typed},
            unfit=None,
            begun=begun,
            base=base,
            template_name=begun.template,
            variant=begun.variant,
            templates=shipped_templates(),
            sets=begun.read.structure_sets,
            series=begun.read.images,
            protocols=protocols,
            goals=goals,
            goal_roles=() if base is None else goal_roles(goals, base),
            ways=(WEIGHTED, IN_ORDER),
            own_goals=OWN,
            left_out=LEFT_OUT,
            holding=tuple(HOLDING),
            machines=machines,
            standings=await asyncio.to_thread(desk.machines.standings),
            told_digits=TOLD_DIGITS,
            tables=tables,
            kinds=tuple(KINDS),
            names=names,
            standard={name: standard_of(name) for name in names},
            abouts=tuple(keys_of(base, names).values()) if base is not None else (),
        )

    return page


def _sent(form: FormMultiDict) -> Callable[[str], Sequence[str]]:
    """The values of a field in their order; what is no text was not sent."""
    return lambda name: [value for value in form.getall(name, []) if isinstance(value, str)]


def _first(values: Sequence[str]) -> str:
    return values[0] if values else ""
