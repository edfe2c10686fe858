"""Objects that are another's, or of another time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from demo.dice import Dice
from demo.radiotherapy.blind_faults.blind import blind
from demo.radiotherapy.blind_faults.changing import with_dose, with_plan, with_set, with_treatment
from tianfu.standards.dicom.cases import Case


@blind(
    wrong="The plan bears another date of birth than the images, under the same number and name.",
    harm="Two registrations were merged: the plan may be of a namesake.",
    counts="Any other year.",
)
def birth_date_of_a_namesake(case: Case, dice: Dice) -> Case:
    header = case.plans[0].header
    year = int(header.patient.birth_date[:4]) + dice.pick((-11, -7, -3, 2, 6, 12))
    patient = replace(header.patient, birth_date=f"{year}{header.patient.birth_date[4:]}")
    return with_plan(case, header=replace(header, patient=patient))


@blind(
    wrong="One session's record is another patient's.",
    harm="Somebody was treated with this plan who should not have been, and this patient lacks a fraction.",
    counts="Another number and name.",
)
def record_of_another_patient(case: Case, dice: Dice) -> Case:
    at = dice.randrange(len(case.treatments))
    header = case.treatments[at].header
    patient = replace(header.patient, number=f"DEMO-{dice.randrange(70000, 99999)}", name="示例^另一人")
    return with_treatment(case, at, header=replace(header, patient=patient))


@blind(
    wrong="The structures were drawn on another series of images than the one in the case.",
    harm="Organs stand where they stood in a former scan; the plan spares empty places.",
    counts="Another series.",
)
def structures_of_a_former_scan(case: Case, dice: Dice) -> Case:
    (images,) = case.structure_sets[0].images
    return with_set(case, images=(replace(images, series=f"2.25.{dice.randrange(10**30)}"),))


@blind(
    wrong="The images were taken many months before the plan was made.",
    harm="Weight, filling and tumour have changed since: the dose does not fall where it is shown.",
    counts="Over half a year.",
)
def images_are_old(case: Case, dice: Dice) -> Case:
    (series,) = case.images
    study = series.header.study
    day = datetime.strptime(f"{study.date}+0000", "%Y%m%d%z") - timedelta(days=dice.randrange(190, 500))
    header = replace(series.header, study=replace(study, date=day.strftime("%Y%m%d")))
    return replace(case, images=(replace(series, header=header),))


@blind(
    wrong="The dose was computed for a former version of the plan.",
    harm="What was judged and approved is not what will be given.",
    counts="Another plan.",
)
def dose_of_a_former_plan(case: Case, dice: Dice) -> Case:
    return with_dose(case, plan=f"2.25.{dice.randrange(10**30)}")


@blind(
    wrong="The plan was changed after it had been approved.",
    harm="Nobody has judged what will be given.",
    counts="A day.",
)
def plan_changed_after_approval(case: Case, dice: Dice) -> Case:
    plan = case.plans[0]
    day = datetime.strptime(f"{plan.date}+0000", "%Y%m%d%z") + timedelta(days=dice.randrange(1, 15))
    return with_plan(case, date=day.strftime("%Y%m%d"))
