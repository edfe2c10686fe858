"""What lay before whoever opened the form: machines are files and cases grow, both under the name that they had."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from tianfu.apps.radiotherapy.plan_forms.forms import PlanForm
from tianfu.kernel.refusal import Refusal

CASE_CHANGED: Final = "plan-form-case-changed"
MACHINE_CHANGED: Final = "plan-form-machine-changed"

TOLD_DIGITS: Final = 12
"""So much of a fingerprint is shown to people. [ours]"""


def case_digest(documents: Sequence[str]) -> str:
    """Another one for every case that holds other bytes."""
    return hashlib.sha256("\n".join(documents).encode()).hexdigest()


def changes(form: PlanForm, *, case: str, machine: str | None) -> dict[str, Refusal]:
    """What is not as the page said any more, by field; `machine` is the chosen one's fingerprint, None for none."""
    faults = {}
    if form.seen_case != case:
        faults["whole"] = Refusal(CASE_CHANGED)
    before = _machines(form).get(form.machine, "")
    if machine is not None and before != machine:
        told = {"before": before[:TOLD_DIGITS] or "–", "now": machine[:TOLD_DIGITS]}
        faults["machine"] = Refusal(MACHINE_CHANGED, details={"machine": form.machine, **told})
    return faults


def with_seen(form: PlanForm, faults: Mapping[str, Refusal], *, case: str, machines: Mapping[str, str]) -> PlanForm:
    """The form as it is shown next: what was seen stays what was seen until its change has been told."""
    told = {fault.code for fault in faults.values()}
    seen = {**machines, **{key: before for key, before in _machines(form).items() if key in machines}}
    if MACHINE_CHANGED in told and form.machine in machines:
        seen[form.machine] = machines[form.machine]
    is_told = CASE_CHANGED in told
    return replace(
        form,
        seen_case=case if is_told or not form.seen_case else form.seen_case,
        seen_machines=tuple(f"{key} {fingerprint}" for key, fingerprint in seen.items()),
        # What was confirmed is what structures meant before.
        confirmed="" if is_told else form.confirmed,
    )


def _machines(form: PlanForm) -> dict[str, str]:
    """Fingerprints by machine, as the page said them."""
    parted = [each.rpartition(" ") for each in form.seen_machines]
    return {key: fingerprint for key, _, fingerprint in parted}
