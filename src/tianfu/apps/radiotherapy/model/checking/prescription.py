"""Rules on what is prescribed: dose, fractions, and whether the beams add up to it (PS3.3 C.8.8.10 and C.8.8.13)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from tianfu.apps.radiotherapy.model.checking.books import MPPG_11A, TG_263, TG_275, Book, dicom
from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError, Seen, Severity, Topic, seen
from tianfu.apps.radiotherapy.model.checking.subjects import TARGET_KINDS, Checked

BOOK = Book(Topic.PRESCRIPTION)

FRACTION_GY = (0.5, 30.0)
FRACTIONS_MOST = 45
BEAMS_SUM_WITHIN = 0.10
"""The reference point of beams' doses need not lie where the prescription is met. [ours]"""

MU_PER_GY = (50.0, 1500.0)
"""From a large open field to strongly modulated small ones. [ours]"""

SAME_GY = 0.01
PROTOCOL_WITHIN = 0.005
NAMED_DOSE = re.compile(r"_([0-9]{3,5})(?![0-9])")
"""A target's dose level in centigray at the end of its name (TG-263 8.1). [memory]"""


@BOOK.rule("prescription-missing", Severity.STOP, TG_275, "inferred")
def _missing(checked: Checked) -> Iterator[Seen]:
    if not any(one.kind == "TARGET" and one.prescribed_gy for one in checked.plan.dose_references):
        yield seen()


@BOOK.rule("fraction-dose-unusual", Severity.WARNING, TG_275, "ours")
def _fraction_dose(checked: Checked) -> Iterator[Seen]:
    dose, (least, most) = checked.prescribed_gy / checked.fractions, FRACTION_GY
    if not least <= dose <= most:
        yield seen(found=f"{dose:.2f} Gy", limit=f"{least:g}-{most:g} Gy")


@BOOK.rule("fractions-many", Severity.WARNING, TG_275, "ours")
def _fractions_many(checked: Checked) -> Iterator[Seen]:
    if checked.fractions > FRACTIONS_MOST:
        yield seen(found=checked.fractions, limit=FRACTIONS_MOST)


@BOOK.rule("fraction-groups-several", Severity.WARNING, dicom("C.8.8.13"), "ours")
def _groups(checked: Checked) -> Iterator[Seen]:
    if len(checked.plan.fraction_groups) > 1:
        yield seen(found=len(checked.plan.fraction_groups), limit=1)


@BOOK.rule("beam-doses-missing", Severity.NOTICE, dicom("C.8.8.13"), "ours")
def _beam_doses(checked: Checked) -> Iterator[Seen]:
    for number, one in checked.given.items():
        if one.dose_gy is None:
            yield seen({"beam": number})


@BOOK.rule("beam-doses-differ-from-prescription", Severity.STOP, TG_275, "inferred")
def _beams_sum(checked: Checked) -> Iterator[Seen]:
    doses = [one.dose_gy for one in checked.given.values()]
    told = [dose for dose in doses if dose is not None]
    if len(told) < len(doses) or not told:
        raise NotJudgedError("not-said")
    total = sum(told) * checked.fractions
    if abs(total / checked.prescribed_gy - 1) > BEAMS_SUM_WITHIN:
        yield seen(found=f"{total:.2f} Gy", expected=f"{checked.prescribed_gy:.2f} Gy")


@BOOK.rule("beam-dose-points-differ", Severity.NOTICE, dicom("C.8.8.13"), "ours")
def _points(checked: Checked) -> Iterator[Seen]:
    points = {one.dose_point_mm for one in checked.given.values() if one.dose_point_mm is not None}
    if len(points) > 1:
        yield seen(found=len(points), limit=1)


@BOOK.rule("prescription-unlinked", Severity.NOTICE, dicom("C.8.8.13"), "ours")
def _unlinked(checked: Checked) -> Iterator[Seen]:
    number = checked.prescription.number
    if number not in {linked for group in checked.plan.fraction_groups for linked in group.dose_references}:
        yield seen({"reference": number})


@BOOK.rule("prescription-without-structure", Severity.NOTICE, dicom("C.8.8.10"), "ours")
def _without_structure(checked: Checked) -> Iterator[Seen]:
    if checked.prescription.structure is None:
        yield seen({"reference": checked.prescription.number})


@BOOK.rule("prescription-to-no-target", Severity.STOP, TG_275, "inferred")
def _no_target(checked: Checked) -> Iterator[Seen]:
    kinds = {one.number: one for one in checked.structure_set.structures}
    for one in checked.plan.dose_references:
        structure = kinds.get(-1 if one.structure is None else one.structure)
        if one.kind == "TARGET" and structure is not None and structure.kind not in TARGET_KINDS:
            yield seen({"structure": structure.name}, found=structure.kind or "?")


@BOOK.rule("prescriptions-contradict", Severity.STOP, TG_275, "inferred")
def _contradict(checked: Checked) -> Iterator[Seen]:
    doses: dict[int, set[float]] = {}
    for one in checked.plan.dose_references:
        if one.kind == "TARGET" and one.structure is not None and one.prescribed_gy:
            doses.setdefault(one.structure, set()).add(round(one.prescribed_gy, 2))
    for number, found in doses.items():
        if len(found) > 1:
            yield seen({"structure": number}, found=", ".join(f"{dose:g} Gy" for dose in sorted(found)))


@BOOK.rule("prescription-differs-from-name", Severity.WARNING, TG_263, "inferred")
def _name(checked: Checked) -> Iterator[Seen]:
    names = {one.number: one.name for one in checked.structure_set.structures}
    for one in checked.plan.dose_references:
        named = NAMED_DOSE.search(names.get(-1 if one.structure is None else one.structure, ""))
        if one.kind == "TARGET" and one.prescribed_gy and named:
            expected = int(named[1]) / 100
            if abs(one.prescribed_gy - expected) > SAME_GY:
                yield seen({"reference": one.number}, found=f"{one.prescribed_gy:g} Gy", expected=f"{expected:g} Gy")


@BOOK.rule("prescription-differs-from-protocol", Severity.WARNING, TG_275, "inferred")
def _protocol(checked: Checked) -> Iterator[Seen]:
    wanted = checked.protocol.prescription_gy
    if wanted is None:
        raise NotJudgedError("protocol-without-prescription")
    if abs(checked.prescribed_gy / wanted - 1) > PROTOCOL_WITHIN:
        yield seen(found=f"{checked.prescribed_gy:g} Gy", expected=f"{wanted:g} Gy")


@BOOK.rule("target-limits-contradict", Severity.WARNING, dicom("C.8.8.10"), "ours")
def _target_limits(checked: Checked) -> Iterator[Seen]:
    for one in checked.plan.dose_references:
        limits = [dose for dose in (one.target_least_gy, one.prescribed_gy, one.target_most_gy) if dose is not None]
        if one.kind == "TARGET" and limits != sorted(limits):
            yield seen({"reference": one.number}, found=", ".join(f"{dose:g} Gy" for dose in limits))


@BOOK.rule("organ-limits-missing", Severity.NOTICE, MPPG_11A, "ours")
def _organ_limits(checked: Checked) -> Iterator[Seen]:
    if not any(one.kind == "ORGAN_AT_RISK" for one in checked.plan.dose_references):
        yield seen()


@BOOK.rule("delivery-maximum-below-prescription", Severity.WARNING, dicom("C.8.8.10"), "ours")
def _delivery_maximum(checked: Checked) -> Iterator[Seen]:
    for one in checked.plan.dose_references:
        limits = [dose for dose in (one.warning_gy, one.most_gy) if dose is not None]
        if one.kind == "TARGET" and one.prescribed_gy and limits and min(limits) < one.prescribed_gy - SAME_GY:
            yield seen({"reference": one.number}, found=f"{min(limits):g} Gy", limit=f"{one.prescribed_gy:g} Gy")


@BOOK.rule("dose-reference-twice", Severity.WARNING, dicom("C.8.8.10"), "ours")
def _twice(checked: Checked) -> Iterator[Seen]:
    uids = Counter(one.uid for one in checked.plan.dose_references if one.uid)
    for uid, count in uids.items():
        if count > 1:
            yield seen({"reference": uid}, found=count, limit=1)


@BOOK.rule("mu-per-gray-unusual", Severity.WARNING, TG_275, "ours")
def _mu_per_gray(checked: Checked) -> Iterator[Seen]:
    metersets = [one.meterset for one in checked.given.values() if one.meterset]
    if not metersets:
        raise NotJudgedError("not-said")
    rate, (least, most) = sum(metersets) * checked.fractions / checked.prescribed_gy, MU_PER_GY
    if not least <= rate <= most:
        yield seen(found=f"{rate:.0f} MU/Gy", limit=f"{least:g}-{most:g} MU/Gy")
