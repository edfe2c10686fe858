"""What may draw contours, by what was typed: nothing is a default."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tianfu.commands_radiotherapy.folders import read_bytes, read_folder
from tianfu.commands_radiotherapy.speaking import bar, tell_findings
from tianfu.kernel.refusal import Refusal

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.model.contouring.atlases import Atlas
    from tianfu.apps.radiotherapy.model.contouring.providers import Provider
    from tianfu.standards.dicom.cases import Case

KNOWN = "rules, atlas=FOLDER, onnx=FOLDER"

ATLASES, MANIFEST, MODEL = "atlases.json", "manifest.json", "model.onnx"
"""What the folders of atlases and of a model hold, beside the folders of each atlas."""


class AtlasWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an atlas comes from, and on what ground it may be used."""

    origin: str
    consent: str


def provider_from(typed: str, *, agreement_min: float | None, working_mm: float | None) -> Provider:
    """The provider that is meant; raises Refusal `option-unknown`, and those of what it is read from."""
    kind, _, folder = typed.partition("=")
    if kind == "rules" and not folder:
        return _rules()
    if kind == "atlas" and folder:
        return _atlases(Path(folder), agreement_min=agreement_min, working_mm=working_mm)
    if kind == "onnx" and folder:
        return _model(Path(folder))
    raise Refusal("option-unknown", details={"given": typed, "known": KNOWN})


def _rules() -> Provider:
    from tianfu.apps.radiotherapy.model.contouring.levels import ADULT
    from tianfu.apps.radiotherapy.model.contouring.rules import Rules

    return Rules(levels=ADULT)


def _model(folder: Path) -> Provider:
    from tianfu.apps.radiotherapy.model.contouring.onnx_files import BYTES_MAX
    from tianfu.apps.radiotherapy.model.contouring.onnx_slot import opened_model

    manifest, file = read_bytes(folder / MANIFEST), folder / MODEL
    # Before it is read: a file may be larger than the memory.
    if file.is_file() and (size := file.stat().st_size) > BYTES_MAX:
        raise Refusal("model-too-large", details={"bytes": str(size), "most": str(BYTES_MAX)})
    return opened_model(manifest, read_bytes(file))


def _atlases(folder: Path, *, agreement_min: float | None, working_mm: float | None) -> Provider:
    """Those atlases of a folder that its list names; raises Refusal `atlas-missing-choice` and those of an atlas."""
    from tianfu.apps.radiotherapy.model.contouring.atlases import Atlases
    from tianfu.apps.radiotherapy.model.contouring.levels import ADULT

    if agreement_min is None:
        raise Refusal("atlas-missing-choice", details={"option": "--agreement-min"})
    if working_mm is None:
        raise Refusal("atlas-missing-choice", details={"option": "--working-mm"})
    words = _words(folder / ATLASES)
    atlases = tuple(_atlas(folder, name, each) for name, each in sorted(words.items()))
    return Atlases(atlases=atlases, working_mm=working_mm, agreement_min=agreement_min, levels=ADULT)


def _words(file: Path) -> Mapping[str, AtlasWords]:
    try:
        words = msgspec.json.decode(read_bytes(file), type=dict[str, AtlasWords])
    except msgspec.DecodeError as error:
        details = {"file": str(file), "problem": str(error)}
        raise Refusal("atlas-list-not-understood", details=details) from error
    for name in words:
        if Path(name).name != name or not (file.parent / name).is_dir():
            details = {"file": str(file), "problem": f"{name} is no folder beside it"}
            raise Refusal("atlas-list-not-understood", details=details)
    return words


def _atlas(folder: Path, name: str, words: AtlasWords) -> Atlas:
    from tianfu.apps.radiotherapy.queries.proposals import atlas_from
    from tianfu.standards.dicom.findings import found

    with bar() as tell:
        reading, _ = read_folder(folder / name, tell)
    tell_findings(reading.findings)
    case: Case = reading.value
    atlas = atlas_from(case, name=name, origin=words.origin, consent=words.consent)
    drawn = {one.name for each in case.structure_sets for one in each.structures}
    if others := drawn - set(atlas.labels):
        tell_findings([found("atlas-others-left-out", atlas=name, structures=", ".join(sorted(others)))])
    return atlas
