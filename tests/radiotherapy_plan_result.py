"""A plan that was made, as a value without anything computed: one field, two structures, three rules."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tests.radiotherapy_plan import template
from tianfu.apps.radiotherapy.made_results import figures_of
from tianfu.apps.radiotherapy.model.dvh import Dvh
from tianfu.apps.radiotherapy.plan_results import (
    CheckResult,
    ComplexityFigures,
    ComplexityResult,
    DensityTableResult,
    FaultResult,
    FieldResult,
    MachineResult,
    ObjectResult,
    OddResult,
    PlanResult,
    SegmentResult,
)
from tianfu.apps.radiotherapy.results import FORM, NOT_CLEARED, Provenance, StructureResult

FIGURES = ComplexityFigures(
    mu=120.0,
    mcs=0.5,
    lsv=0.8,
    aav=0.6,
    sas={"2": 0.0, "5": 0.0, "10": 0.125, "20": 0.5},
    irregularity=2.0,
    modulation=0.3,
    area_mm2=900.0,
)


def small_result(name: str, documents: Mapping[str, str], *, more_gy: float = 0.0) -> PlanResult:
    """A plan of this name; its target and organ get so many gray more."""
    return PlanResult(
        provenance=Provenance(
            form=FORM,
            notice=NOT_CLEARED,
            code_version="1",
            made_at=1_774_000_000_000_000,
            asked_by="one",
            inputs=("a",),
        ),
        wish=template().decode(),
        name=name,
        machine=MachineResult(
            name="generic-6mv", version=1, fingerprint="f", document="d", notice={"en": "It stands nowhere."}
        ),
        density_table=DensityTableResult(
            name="TG-119 phantom",
            version=1,
            is_phantoms=True,
            scanner="none",
            notice={"en": "It is a phantom's."},
            fingerprint="0123456789abcdef",
            document=documents.get("density-table", "t"),
        ),
        structure_set="1.2",
        images="1.3",
        prescribed_structure="PTV_5000",
        prescribed_gy=50.0,
        prescribed_volume_percent=95.0,
        fractions=25,
        fields=(small_field(),),
        mu=120.0,
        segments=1,
        reached_gy=50.01,
        dose_gy_max=54.0 + more_gy,
        engine="pencil-beam",
        structures=(
            small_structure(1, "PTV_5000", low_gy=48.0 + more_gy, high_gy=54.0 + more_gy),
            small_structure(2, "SpinalCord", low_gy=0.0 + more_gy, high_gy=20.0 + more_gy),
        ),
        odd=(OddResult(code="plan-densities-not-used", details={"count": "2"}),),
        protocol="",
        lines=(),
        checks=(
            small_check("beam-axes-differ", "notice", "passed"),
            small_check("target-underdosed", "warning", "faults"),
            small_check("plan-not-for-treatment", "stop", "faults"),
        ),
        worst="stop",
        complexity=ComplexityResult(mu_per_gy=60.0, plan=FIGURES, beams={"1": FIGURES}),
        second=None,
        objects=tuple(
            ObjectResult(kind=kind, instance="1.4", document=document) for kind, document in documents.items()
        ),
    )


def small_field() -> FieldResult:
    """A field of one segment."""
    return FieldResult(
        number=1,
        gantry_degrees=120.0,
        collimator_degrees=0.0,
        couch_degrees=0.0,
        isocentre_mm=(0.0, 0.0, 0.0),
        jaws_x_mm=(-50.0, 50.0),
        jaws_y_mm=(-50.0, 50.0),
        mu=120.0,
        segments=(SegmentResult(mu=120.0, first_mm=(-20.0,), second_mm=(20.0,)),),
    )


def small_structure(number: int, name: str, *, low_gy: float, high_gy: float) -> StructureResult:
    """A structure in which every dose between two has the same volume."""
    dvh = Dvh(
        edges_gy=np.linspace(low_gy, high_gy, 101),
        volumes_cc=np.full(100, 0.5),
        mean_gy=(low_gy + high_gy) / 2,
        outside_cc=0.0,
    )
    return StructureResult(number=number, name=name, standard_name=None, kind="", figures=figures_of(dvh), refused=None)


def small_check(rule: str, severity: str, verdict: str) -> CheckResult:
    """How a rule came out; a fault is in beam 1."""
    return CheckResult(
        rule=rule,
        severity=severity,
        topic="beams",
        evidence="of a test",
        mark="ours",
        verdict=verdict,
        not_judged=None,
        faults=(FaultResult(where={"beam": "1"}, details={"found": "2", "limit": "1"}),) if verdict == "faults" else (),
    )
