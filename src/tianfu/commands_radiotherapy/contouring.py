"""`tianfu rt contour`: contours that a program proposes, as a structure set that nobody has reviewed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import uuid4

import typer
from rich.console import Console
from rich.table import Table

from tianfu.commands_radiotherapy import kept
from tianfu.commands_radiotherapy.folders import read_folder, refuse_filled, whole_folder, write_file, write_readme
from tianfu.commands_radiotherapy.house import Organisation, is_case
from tianfu.commands_radiotherapy.providing import provider_from
from tianfu.commands_radiotherapy.speaking import bar, hint, languages, said, say, spoken, tell_findings
from tianfu.kernel.refusal import Refusal
from tianfu.terminal import err, out

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.model.contouring.providers import Contouring, Drawn
    from tianfu.standards.dicom.cases import Case
    from tianfu.standards.dicom.findings import Finding
    from tianfu.standards.dicom.grids import Grid
    from tianfu.standards.dicom.images import ImageSeries
    from tianfu.standards.dicom.structure_sets import StructureSet

FILE: Final = "RS-unreviewed.dcm"

SOFTNESS_VOXELS, TOLERANCE_MM = 0.7, 0.1
"""How rings are drawn from masks: smooth below a voxel, and with as few points as keep them where they are. [ours]"""


@spoken
def contour_case(
    place: Annotated[str, typer.Argument(help="the id of a kept case, or a folder with the DICOM files of one case")],
    provider: Annotated[
        str, typer.Option("--with", help="what draws: rules, atlas=FOLDER of cases, or onnx=FOLDER of a model")
    ],
    into: Annotated[Path, typer.Option("--out", help="a new or empty folder")],
    series: Annotated[str | None, typer.Option(help="UID of the image series, where there are several")] = None,
    agreement_min: Annotated[
        float | None, typer.Option(help="atlas: an organ on which atlases agree less, 0 to 1, is not drawn")
    ] = None,
    working_mm: Annotated[float | None, typer.Option(help="atlas: the grid on which atlases are fitted")] = None,
    organisation: Organisation = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Have contours drawn on a CT and write them as a structure set of their own: unreviewed, for a person to judge."""
    from tianfu.apps.radiotherapy.model.contouring.providers import contoured
    from tianfu.apps.radiotherapy.queries.proposals import Fineness, Making, structure_set_of
    from tianfu.standards.dicom.structure_sets import write_structure_set

    refuse_filled(into)
    chosen = provider_from(provider, agreement_min=agreement_min, working_mm=working_mm)
    images = _images(_case(place, organisation), series)
    with bar() as tell:
        contouring = contoured(images.volume, provider=chosen, on_progress=tell)
    if not contouring.drawn:
        _show(contouring, images.volume.grid, on=err)
    structure_set = structure_set_of(
        contouring,
        images,
        fineness=Fineness(softness_voxels=SOFTNESS_VOXELS, tolerance_mm=TOLERANCE_MM),
        making=Making(series=_new_uid(), instance=_new_uid(), at=datetime.now(UTC).astimezone()),
    )
    with whole_folder(into) as unfinished:
        write_file(unfinished / FILE, write_structure_set(structure_set))
        write_readme(unfinished, *(each.say("rt.contoured-readme") for each in languages().values()))
    if as_json:
        told = _told(contouring, structure_set, images.volume.grid, into / FILE)
        print(json.dumps(told, ensure_ascii=False))
    else:
        _show(contouring, images.volume.grid, on=out)
        out.print(say("contoured", count=len(contouring.drawn), file=str(into / FILE)), markup=False)
    hint("contours-unreviewed")


def _case(place: str, organisation: str | None) -> Case:
    if is_case(place):
        reading = kept.read(place, organisation)
    else:
        with bar() as tell:
            reading, _ = read_folder(Path(place), tell)
    tell_findings(reading.findings)
    return reading.value


def _images(case: Case, series: str | None) -> ImageSeries:
    """The series that is named, or the only one; raises Refusal `case-without-images` or `image-series-unclear`."""
    there = {each.header.series.uid: each for each in case.images}
    if not there:
        raise Refusal("case-without-images")
    found = [each for uid, each in there.items() if series in {None, uid}]
    if len(found) != 1:
        raise Refusal("image-series-unclear", next_step="name-a-series", details={"series": " ".join(there)})
    return found[0]


def _new_uid() -> str:
    """A UID from a random UUID (PS3.5 B.2)."""
    return f"2.25.{uuid4().int}"


def _told(contouring: Contouring, structure_set: StructureSet, grid: Grid, file: Path) -> dict[str, Any]:
    return {
        "notice": say("notice"),
        "unreviewed": True,
        "provider": contouring.provider,
        "version": contouring.version,
        "file": str(file),
        "instance": structure_set.instance,
        "structures": [
            {
                "name": each.name,
                "volume_cc": round(_volume_cc(each, grid), 2),
                "confidence": each.confidence,
                "reasons": _reasons(each.reasons),
            }
            for each in contouring.drawn
        ],
        "not_drawn": [
            {"name": each.name, "confidence": each.confidence, "reasons": _reasons(each.reasons)}
            for each in contouring.not_drawn
        ],
    }


def _reasons(reasons: tuple[Finding, ...]) -> list[dict[str, str]]:
    return [{"code": each.code, **each.details} for each in reasons]


def _volume_cc(drawn: Drawn, grid: Grid) -> float:
    return drawn.mask.voxels * grid.voxel_mm3 / 1000


def _show(contouring: Contouring, grid: Grid, *, on: Console) -> None:
    from tianfu.apps.radiotherapy.model.contouring.providers import NotDrawn

    table = Table(*map(say, ("structure", "volume-cc", "confidence", "look-at")))
    for each in contouring.outcomes:
        volume = say("not-drawn") if isinstance(each, NotDrawn) else f"{_volume_cc(each, grid):.1f}"
        sure = "–" if each.confidence is None else f"{each.confidence:.2f}"
        table.add_row(each.name, volume, sure, " ".join(said(one.code, one.details) for one in each.reasons))
    on.print(table, markup=False)
