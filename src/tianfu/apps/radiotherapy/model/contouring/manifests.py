"""What a site says about a model of its own: without it a file of weights is nobody's."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

import msgspec

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.names import Exact, standard_name_of

SPACING_MM = (0.3, 10.0)
PATCH = (4, 512)
"""Voxels along each side of what the model is shown at once. [ours]"""

CHANNELS_MAX = 250

Triple = tuple[float, float, float]


class Activation(StrEnum):
    """What is to be done to the model's answer so that it is a probability for each channel."""

    NONE = "none"
    SOFTMAX = "softmax"


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything about a model; triples are of slices, rows and columns in the patient's order.

    The patient's order is: slices grow to the head, rows to the back, columns to the left.  The model is shown values
    of 0 to 1: Hounsfield units cut at both ends of `window_hu`.  Channel 0 of its answer is the background; `labels`
    name each other channel by TG-263.  A structure of which it is on average less sure than `confidence_min` is not
    drawn.
    """

    form: Literal[1]
    id: str
    version: str
    sha256: str
    spacing_mm: Triple
    patch: tuple[int, int, int]
    window_hu: tuple[float, float]
    activation: Activation
    labels: Mapping[str, str]
    confidence_min: float
    licence: str
    training_data: str
    purpose: str

    @property
    def names(self) -> tuple[str, ...]:
        """The structures in the order of their channels, from the first after the background."""
        return tuple(self.labels[str(channel)] for channel in range(1, len(self.labels) + 1))


def manifest_from(content: bytes) -> Manifest:
    """A manifest of JSON; raises Refusal `model-manifest-not-understood` with what is wrong in it."""
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        raise _not_understood(str(error)) from error
    for problem in _problems(manifest):
        raise _not_understood(problem)
    return manifest


def _problems(manifest: Manifest) -> list[str]:
    words = {name: getattr(manifest, name) for name in ("id", "version", "licence", "training_data", "purpose")}
    problems = [f"{name} is empty" for name, value in words.items() if not value.strip()]
    if len(manifest.sha256) != 64 or set(manifest.sha256) - set("0123456789abcdef"):
        problems.append("sha256 is no SHA-256 of 64 small hexadecimal digits")
    if not all(SPACING_MM[0] <= each <= SPACING_MM[1] for each in manifest.spacing_mm):
        problems.append(f"spacing_mm must lie between {SPACING_MM[0]} and {SPACING_MM[1]}")
    if not all(PATCH[0] <= each <= PATCH[1] for each in manifest.patch):
        problems.append(f"patch must lie between {PATCH[0]} and {PATCH[1]}")
    if not manifest.window_hu[0] < manifest.window_hu[1]:
        problems.append("window_hu must rise")
    if not 0 <= manifest.confidence_min <= 1:
        problems.append("confidence_min must lie between 0 and 1")
    return [*problems, *_label_problems(manifest.labels)]


def _label_problems(labels: Mapping[str, str]) -> list[str]:
    if set(labels) != {str(channel) for channel in range(1, len(labels) + 1)} or not 1 <= len(labels) <= CHANNELS_MAX:
        return ["labels must name each channel from 1 on"]
    if len(set(labels.values())) < len(labels):
        return ["labels name a structure twice"]
    return [f"{name} is no name of TG-263" for name in labels.values() if not isinstance(standard_name_of(name), Exact)]


def _not_understood(problem: str) -> Refusal:
    return Refusal("model-manifest-not-understood", details={"problem": problem})
