"""From what was computed to what is kept of it, and back."""

from __future__ import annotations

import base64
import zlib
from dataclasses import asdict
from typing import Any, Literal

import msgspec
import numpy as np

from tianfu.apps.radiotherapy.model.dvh import Dvh
from tianfu.apps.radiotherapy.model.dvh_figures import dose_at_percent
from tianfu.apps.radiotherapy.model.gamma import GammaMap
from tianfu.apps.radiotherapy.model.scorecards import ScoreLine
from tianfu.apps.radiotherapy.queries.evaluation import EvaluatedStructure, Evaluation
from tianfu.apps.radiotherapy.results import (
    PERCENTS,
    EvaluationResult,
    Figures,
    GammaResult,
    LineResult,
    Provenance,
    Refused,
    StructureResult,
)
from tianfu.apps.radiotherapy.wishes import criteria_from
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Grid, Volume

GAMMA_BINS = 20
"""Bins of a gamma's histogram to 1. [ours]"""


def result_of(evaluation: Evaluation, provenance: Provenance, *, protocol: str) -> EvaluationResult:
    """An evaluation as it is kept."""
    plan = evaluation.plan
    return EvaluationResult(
        provenance=provenance,
        dose=evaluation.dose.instance,
        plan_label="" if plan is None else plan.label,
        plan_approval="" if plan is None else plan.approval.status,
        prescription_gy=evaluation.prescription_gy,
        protocol=protocol,
        structures=tuple(map(structure_result, evaluation.structures)),
        lines=tuple(map(line_result, evaluation.lines)),
    )


def figures_of(dvh: Dvh) -> Figures:
    """A histogram in numbers."""
    return Figures(
        volume_cc=dvh.volume_cc,
        min_gy=dvh.min_gy,
        mean_gy=dvh.mean_gy,
        max_gy=dvh.max_gy,
        outside_share=dvh.outside_share,
        doses_gy=tuple(dose_at_percent(dvh, percent) for percent in PERCENTS),
        dvh=dvh_text(dvh),
    )


def structure_result(evaluated: EvaluatedStructure) -> StructureResult:
    """A judged structure as it is kept."""
    return StructureResult(
        number=evaluated.structure.number,
        name=evaluated.structure.name,
        standard_name=evaluated.standard_name,
        kind=evaluated.structure.kind,
        figures=None if evaluated.dvh is None else figures_of(evaluated.dvh),
        refused=None if evaluated.refused is None else _refused(evaluated.refused),
    )


def _refused(refusal: Refusal) -> Refused:
    return Refused(code=refusal.code, details=dict(refusal.details))


def line_result(line: ScoreLine) -> LineResult:
    """A judged goal as it is kept."""
    goal = line.goal
    return LineResult(
        structure=goal.structure,
        goal=goal.goal,
        priority=goal.priority,
        mark=goal.mark,
        source=goal.source,
        unit=goal.constraint.unit.value,
        wants_more=goal.constraint.comparison.wants_more,
        reached=line.reached,
        verdict=line.verdict.value,
        reason=line.reason,
    )


def gamma_result_of(found: GammaMap, provenance: Provenance, *, reference: str, evaluated: str) -> GammaResult:
    """A comparison as it is kept; both doses by SOP Instance UID."""
    edges, counts = found.histogram(GAMMA_BINS)
    grid = found.gammas.grid
    return GammaResult(
        provenance=provenance,
        reference=reference,
        evaluated=evaluated,
        criteria={name: str(value) for name, value in asdict(found.criteria).items()},
        normalisation_gy=found.normalisation_gy,
        threshold_gy=found.threshold_gy,
        pass_percent=found.pass_percent,
        judged=found.judged,
        passed=found.passed,
        below=found.below,
        outside=found.outside,
        capped=found.capped,
        mean=found.mean,
        median=found.median,
        p95=found.p95,
        highest=found.highest,
        edges=tuple(map(float, edges)),
        counts=tuple(map(int, counts)),
        grid={
            "origin": grid.origin.tolist(),
            "axes": grid.axes.tolist(),
            "spacing": grid.spacing.tolist(),
            "shape": list(grid.shape),
        },
        gammas=packed(found.gammas.values, "float16"),
        fates=packed(found.fates, "uint8"),
    )


def gamma_map_of(result: GammaResult) -> GammaMap:
    """The comparison as it was computed, gammas to three digits."""
    told = result.grid
    grid = Grid(
        origin=np.array(told["origin"]),
        axes=np.array(told["axes"]),
        spacing=np.array(told["spacing"]),
        shape=(told["shape"][0], told["shape"][1], told["shape"][2]),
    )
    gammas = unpacked(result.gammas, "float16").astype(np.float32).reshape(grid.shape)
    return GammaMap(
        criteria=criteria_from(result.criteria),
        normalisation_gy=result.normalisation_gy,
        gammas=Volume(grid=grid, values=gammas),
        fates=unpacked(result.fates, "uint8").reshape(grid.shape),
        below=result.below,
        outside=result.outside,
        judged=result.judged,
        passed=result.passed,
        capped=result.capped,
        mean=result.mean,
        median=result.median,
        p95=result.p95,
        highest=result.highest,
    )


def packed(values: Any, kind: Literal["float16", "uint8"]) -> str:
    """Numbers as text; half precision has three digits, which are enough to be looked at."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(values, dtype=kind).tobytes(), 1)).decode()


def unpacked(text: str, kind: Literal["float16", "uint8"]) -> Any:
    """The numbers that `packed` packed, in one row."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=kind)


def dvh_text(dvh: Dvh) -> str:
    """A histogram that loses nothing, as a part of a work is kept."""
    told = {
        "edges": [dvh.min_gy, dvh.max_gy],
        "mean_gy": dvh.mean_gy,
        "outside_cc": dvh.outside_cc,
        "volumes": base64.b64encode(zlib.compress(dvh.volumes_cc.tobytes(), 1)).decode(),
    }
    return msgspec.json.encode(told).decode()


def dvh_from(text: str) -> Dvh:
    """The histogram that `dvh_text` wrote; its edges are equally spaced, as all of ours are."""
    told = msgspec.json.decode(text)
    volumes = np.frombuffer(zlib.decompress(base64.b64decode(told["volumes"])), dtype=np.float64)
    low, high = told["edges"]
    return Dvh(
        edges_gy=np.linspace(low, high, len(volumes) + 1),
        volumes_cc=volumes,
        mean_gy=told["mean_gy"],
        outside_cc=told["outside_cc"],
    )
