"""What lay before whoever opened the form: machines and density tables are files, and cases grow, each under the name
that it had.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from tianfu.apps.radiotherapy.plan_forms.forms import PlanForm
from tianfu.kernel.refusal import Refusal

CASE_CHANGED: Final = "plan-form-case-changed"
MACHINE_CHANGED: Final = "plan-form-machine-changed"
TABLE_CHANGED: Final = "plan-form-density-changed"

TOLD_DIGITS: Final = 12
"""So much of a fingerprint is shown to people. [ours]"""


def case_digest(documents: Sequence[str]) -> str:
    """Another one for every case that holds other bytes."""
    return hashlib.sha256("\n".join(documents).encode()).hexdigest()


def changes(form: PlanForm, *, case: str, machine: str | None, table: str | None) -> dict[str, Refusal]:
    """What is not as the page said any more, by field; fingerprints are those of what was chosen, None for none."""
    faults = {}
    if form.seen_case != case:
        faults["whole"] = Refusal(CASE_CHANGED)
    for at, code, now in (("machine", MACHINE_CHANGED, machine), ("density", TABLE_CHANGED, table)):
        key, before = getattr(form, at), _seen(form, at).get(getattr(form, at), "")
        if now is not None and before != now:
            told = {"before": before[:TOLD_DIGITS] or "–", "now": now[:TOLD_DIGITS]}
            faults[at] = Refusal(code, details={"machine" if at == "machine" else "table": key, **told})
    return faults


def with_seen(
    form: PlanForm,
    faults: Mapping[str, Refusal],
    *,
    case: str,
    machines: Mapping[str, str],
    tables: Mapping[str, str],
) -> PlanForm:
    """The form as it is shown next: what was seen stays what was seen until its change has been told."""
    told = {fault.code for fault in faults.values()}
    is_told = CASE_CHANGED in told
    return replace(
        form,
        seen_case=case if is_told or not form.seen_case else form.seen_case,
        seen_machines=_next(form, "machine", machines, is_told=MACHINE_CHANGED in told),
        seen_tables=_next(form, "density", tables, is_told=TABLE_CHANGED in told),
        # What was confirmed is what structures meant before.
        confirmed="" if is_told else form.confirmed,
    )


def _next(form: PlanForm, at: str, now: Mapping[str, str], *, is_told: bool) -> tuple[str, ...]:
    """What was seen of a field's files, and of others what is there now; so is what was chosen once that is told."""
    seen = {**now, **{key: before for key, before in _seen(form, at).items() if key in now}}
    chosen = getattr(form, at)
    if is_told and chosen in now:
        seen[chosen] = now[chosen]
    return tuple(f"{key} {fingerprint}" for key, fingerprint in seen.items())


def _seen(form: PlanForm, at: str) -> dict[str, str]:
    """Fingerprints by what the field `machine` or `density` may name, as the page said them."""
    parted = [each.rpartition(" ") for each in (form.seen_machines if at == "machine" else form.seen_tables)]
    return {key: fingerprint for key, _, fingerprint in parted}
