"""From a case and a template, or a plan that a variant is made of, to a filled form; and from that to a work.

Loads what computes: import it where somebody plans.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tianfu.access.caller import Caller
from tianfu.apps.radiotherapy.density_tables import KnownTable
from tianfu.apps.radiotherapy.machine_files import Endorsed, MachineFile
from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.planning.templates import plan_wish_from
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish, Version
from tianfu.apps.radiotherapy.model.protocols import protocol_from
from tianfu.apps.radiotherapy.model.transport.density_tables import (
    DensityTable,
    fingerprint_of_table,
    write_density_table,
)
from tianfu.apps.radiotherapy.plan_asking import PlanChoice, plan_wish, usable_machine
from tianfu.apps.radiotherapy.plan_forms.answers import FormFaultsError, Ground, place_of, wish_of
from tianfu.apps.radiotherapy.plan_forms.filling import NONE, form_of_template, form_of_variant
from tianfu.apps.radiotherapy.plan_forms.forms import PlanForm, density_key, machine_key
from tianfu.apps.radiotherapy.plan_forms.seen import TOLD_DIGITS, case_digest, changes
from tianfu.apps.radiotherapy.ports import Desk
from tianfu.apps.radiotherapy.protocols import shipped_protocols
from tianfu.apps.radiotherapy.templates import shipped_templates
from tianfu.apps.radiotherapy.wishes import documents_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.imaging.cases import ASK_PLAN, KeptCase
from tianfu.services.jobs.works import TOO_MANY, Work
from tianfu.standards.dicom.cases import Case


@dataclass(frozen=True, kw_only=True)
class Begun:
    """What was chosen before the form: a template or a plan, and where the case has several, images and structures.

    `base` is None as long as one of them is to be chosen.  `replaced` are the fingerprints of the machine that the plan
    of a variant was made on, and of the one that has its name and version now, where they differ; `replaced_table` are
    the same of its density table.
    """

    read: Case
    template: str = ""
    variant: str = ""
    structure_set: str = ""
    images: str = ""
    base: PlanWish | None = None
    protocol: str = ""
    replaced: tuple[str, str] | None = None
    replaced_table: tuple[str, str] | None = None

    @property
    def structures(self) -> tuple[str, ...]:
        """The names of the chosen set's structures, in its order."""
        sets = [one for one in self.read.structure_sets if self.structure_set in {"", one.instance}]
        return tuple(each.name for each in sets[0].structures) if len(sets) == 1 else ()

    @property
    def filled(self) -> PlanForm:
        """The form as it is first seen."""
        if self.base is None:
            return PlanForm()
        if self.variant:
            form = form_of_variant(self.base, self.structures, protocol=self.protocol or NONE)
            # Another machine or table under the old name is chosen by somebody, or not at all.
            form = form if self.replaced is None else replace(form, machine="")
            return form if self.replaced_table is None else replace(form, density="")
        return form_of_template(self.base, self.structures)


async def begun(desk: Desk, case: KeptCase, chosen: Mapping[str, str], original: Work | None) -> Begun:
    """What was chosen so far; what is not there counts as not chosen.  `original` is the plan of a variant.

    Raises Refusal `case-without-images`, `case-without-structures` and whatever the case's objects refuse.
    """
    read = await desk.looking.read(case)
    if not read.images:
        raise Refusal("case-without-images")
    if not read.structure_sets:
        raise Refusal("case-without-structures")
    told = {name: str(chosen.get(name, "")) for name in ("template", "structure_set", "images")}
    wish = shipped_templates().get(told["template"])
    protocol = ""
    if original is not None:
        arguments = original.arguments
        wish = plan_wish_from(str(arguments["wish"]).encode())
        told |= {name: str(arguments.get(name) or "") for name in ("structure_set", "images")}
        protocol = protocol_of(original)
    structure_set = _only(told["structure_set"], [each.instance for each in read.structure_sets])
    images = _only(told["images"], [each.header.series.uid for each in read.images])
    replaced: tuple[Replaced, Replaced] = (None, None)
    if original is not None and wish is not None:
        replaced = await _both_replaced(desk, wish, original)
    return Begun(
        read=read,
        template=told["template"] if original is None and wish is not None else "",
        variant="" if original is None else original.id,
        structure_set=structure_set,
        images=images,
        base=wish if structure_set and images else None,
        protocol=protocol,
        replaced=replaced[0],
        replaced_table=replaced[1],
    )


Replaced = tuple[str, str] | None
"""Fingerprints of what a plan named, then and now; None if it is the same, or there no more."""


async def _both_replaced(desk: Desk, wish: PlanWish, original: Work) -> tuple[Replaced, Replaced]:
    """Of a plan's machine and of its density table."""
    machines = await asyncio.to_thread(desk.machines.all)
    tables = await asyncio.to_thread(desk.density_tables.all)
    machine = _replaced(machines, wish.machine, str(original.arguments["machine_fingerprint"]))
    named = wish.computation.density_table
    return machine, _replaced(tables, named, str(original.arguments["density_table_fingerprint"]))


def _replaced(files: Sequence[MachineFile | KnownTable], named: Version, before: str) -> Replaced:
    now = {each.fingerprint for each in files if (each.name, each.version) == (named.name, named.version)}
    others = sorted(now - {before})
    return (before, others[0]) if others else None


def protocol_of(work: Work) -> str:
    """The name of the protocol by which a plan is judged; empty without one, or with one that is shipped no more."""
    text = str(work.arguments["protocol"])
    name = protocol_from(text.encode()).name if text else ""
    return name if name in shipped_protocols() else ""


async def asked(desk: Desk, case: KeptCase, begun: Begun, form: PlanForm, *, by: Caller) -> str:
    """The work that makes the plan of a form, told to the trail; raises FormFaultsError for what no plan can be of."""
    if begun.base is None:
        raise FormFaultsError({"template": Refusal("plan-form-template-not-chosen")})
    endorsed, machine = await _machine(desk, form.machine)
    table = await asyncio.to_thread(_table, desk, form.density)
    objects = await desk.cases.objects(case)
    fingerprint = hashlib.sha256(endorsed.content).hexdigest() if endorsed.content else None
    table_fingerprint = fingerprint_of_table(table) if isinstance(table, DensityTable) else None
    digest = case_digest(documents_of(objects))
    if changed := changes(form, case=digest, machine=fingerprint, table=table_fingerprint):
        raise FormFaultsError(changed)
    protocols = shipped_protocols()
    ground = Ground(base=begun.base, structures=begun.structures, machine=machine, table=table, protocols=protocols)
    wish = wish_of(form, ground)
    if isinstance(table, Refusal):
        raise FormFaultsError({"density": table})
    choice = PlanChoice(
        wish=wish,
        machine=endorsed,
        density_table=write_density_table(table),
        structure_set=begun.structure_set,
        images=begun.images,
        protocol=protocols.get(form.protocol),
    )
    try:
        whole = await plan_wish(desk.documents, case, objects, begun.read, choice)
    except Refusal as refusal:
        raise FormFaultsError({place_of(refusal, form): refusal}) from refusal
    digits = {name: str(whole.arguments[f"{name}_fingerprint"])[:TOLD_DIGITS] for name in ("machine", "density_table")}
    await desk.cases.tell(case, ASK_PLAN, by=by, of=begun.variant or begun.template, **digits)
    try:
        return await desk.works.ask(whole, by=by.id)
    except Refusal as refusal:
        if refusal.code not in TOO_MANY:
            raise
        raise FormFaultsError({place_of(refusal, form): refusal}) from refusal


async def _machine(desk: Desk, key: str) -> tuple[Endorsed, Machine | Refusal]:
    """The machine that a form names, with its file and what lies beside it."""
    nothing = Endorsed(content=b"", signatures=(), signatories=None)
    files = await asyncio.to_thread(desk.machines.all)
    found = [each for each in files if machine_key(each.name, each.version) == key]
    if not found:
        return nothing, Refusal("plan-form-machine-not-chosen")
    try:
        endorsed = await asyncio.to_thread(desk.machines.endorsed, found[0].name, found[0].version)
        return endorsed, await asyncio.to_thread(usable_machine, endorsed)
    except Refusal as refusal:
        return nothing, refusal


def _table(desk: Desk, key: str) -> DensityTable | Refusal:
    """The density table that a form names; none is taken unless it is named."""
    found = [each for each in desk.density_tables.all() if density_key(each.name, each.version) == key]
    if not found:
        return Refusal("plan-form-density-not-chosen")
    try:
        return desk.density_tables.one(found[0].name, found[0].version).sound
    except Refusal as refusal:
        return refusal


def _only(name: str, known: Sequence[str]) -> str:
    """What was named, if it is there, or all that there is; empty if it is to be chosen."""
    if name in known:
        return name
    return known[0] if len(known) == 1 else ""
