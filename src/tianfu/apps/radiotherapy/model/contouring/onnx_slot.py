"""A site's own model as a provider: opened only with its manifest, and only if it is the file that the manifest names.

The runtime is loaded when a model is opened, not before: whoever draws by rules needs none of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tianfu.apps.radiotherapy.model.contouring.manifests import Activation, Manifest, manifest_from
from tianfu.apps.radiotherapy.model.contouring.onnx_files import refuse_hostile
from tianfu.apps.radiotherapy.model.contouring.orders import PatientOrder, Values, patient_order
from tianfu.apps.radiotherapy.model.contouring.providers import (
    EXTERNAL,
    ORGAN,
    Drawn,
    Hounsfield,
    NotDrawn,
    OnProgress,
    Outcome,
    mask_from,
)
from tianfu.apps.radiotherapy.model.contouring.rules import refuse_other_units
from tianfu.apps.radiotherapy.model.contouring.windows import Singles, answered
from tianfu.apps.radiotherapy.model.scanlines import Bools
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.findings import Finding, found

RUNTIME = "onnxruntime"
COARSE_TIMES = 2.0
"""Voxels larger by more than this than those a model was made for are told. [ours]"""

ANSWER_VOXELS_MAX = 600_000_000
"""Voxels of all channels at once: 2.4 GB. [ours]"""


@dataclass(frozen=True, kw_only=True)
class OnnxModel:
    """A checked model; its confidence is its own mean probability inside, which nobody has calibrated."""

    manifest: Manifest
    session: Any

    @property
    def id(self) -> str:
        return self.manifest.id

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def names(self) -> tuple[str, ...]:
        return self.manifest.names

    def contour(self, ct: Hounsfield, *, on_progress: OnProgress) -> tuple[Outcome, ...]:
        """One outcome for each label; raises Refusal as `refuse_other_units`, and `model-failed` and its kin."""
        refuse_other_units(ct)
        order, manifest = patient_order(ct.grid), self.manifest
        values = order.turned(ct.values)
        shown = self._shown(values, order)
        channels = len(manifest.labels) + 1
        if channels * shown.size > ANSWER_VOXELS_MAX:
            raise Refusal("work-too-large")
        answer = answered(
            shown,
            patch=manifest.patch,
            channels=channels,
            ask=self.ask,
            on_piece=lambda done, total: on_progress(manifest.id, done, total),
        )
        reasons = self._reasons(order)
        winners, sure = _winners(answer, values.shape)
        return tuple(
            self._outcome(name, winners == channel, sure, order, reasons)
            for channel, name in enumerate(manifest.names, start=1)
        )

    def ask(self, piece: Singles) -> Singles:
        """The probability of each channel (channels, ...) in a piece of the manifest's size."""
        stated = (1, len(self.manifest.labels) + 1, *self.manifest.patch)
        try:
            (answer,) = self.session.run(None, {self.session.get_inputs()[0].name: piece[None, None]})
        except Exception as error:  # the runtime has no exceptions of its own that one could name
            raise Refusal("model-failed", details={"reason": type(error).__name__}) from error
        refuse_other_shape(answer.shape, stated)
        if not np.isfinite(answer).all():
            raise Refusal("model-output-not-finite")
        return _softmax(answer[0]) if self.manifest.activation is Activation.SOFTMAX else np.clip(answer[0], 0, 1)

    def _shown(self, values: Values, order: PatientOrder) -> Singles:
        """The volume on the model's spacing, its window as 0 to 1."""
        low, high = self.manifest.window_hu
        scaled = (np.clip(values, low, high).astype(np.float32) - np.float32(low)) / np.float32(high - low)
        sizes = [
            max(1, round(length * mine / theirs))
            for length, mine, theirs in zip(values.shape, order.spacing_mm, self.manifest.spacing_mm, strict=True)
        ]
        return _resized(scaled, sizes)

    def _reasons(self, order: PatientOrder) -> tuple[Finding, ...]:
        pairs = zip(order.spacing_mm, self.manifest.spacing_mm, strict=True)
        coarse = [(mine, theirs) for mine, theirs in pairs if mine > COARSE_TIMES * theirs]
        told = [found("model-input-coarse", found=f"{mine:g}", stated=f"{theirs:g}") for mine, theirs in coarse[:1]]
        return (found("model-purpose", purpose=self.manifest.purpose), *told)

    def _outcome(
        self, name: str, inside: Bools, sure: Singles, order: PatientOrder, reasons: tuple[Finding, ...]
    ) -> Outcome:
        if not inside.any():
            return NotDrawn(name=name, confidence=None, reasons=(found("nothing-found"), *reasons))
        confidence = float(sure[inside].mean())
        if confidence < self.manifest.confidence_min:
            low = found("model-low-confidence", confidence=f"{confidence:.2f}")
            return NotDrawn(name=name, confidence=confidence, reasons=(low, *reasons))
        kind = EXTERNAL if name in {"Body", "External"} else ORGAN
        return Drawn(name=name, kind=kind, mask=mask_from(order.back(inside)), confidence=confidence, reasons=reasons)


def opened_model(manifest_content: bytes, content: bytes) -> OnnxModel:
    """A model that is what its manifest says; nothing of it has run before it was checked.

    Raises Refusal `model-manifest-not-understood`, `model-hash-differs`, those of `refuse_hostile`,
    `contouring-part-missing`, `model-broken`, `model-shapes-differ`, `model-failed`.
    """
    manifest = manifest_from(manifest_content)
    digest = hashlib.sha256(content).hexdigest()
    if digest != manifest.sha256:
        raise Refusal("model-hash-differs", details={"found": digest, "stated": manifest.sha256})
    refuse_hostile(content)
    model = OnnxModel(manifest=manifest, session=_session(content))
    inputs, outputs = model.session.get_inputs(), model.session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1 or {inputs[0].type, outputs[0].type} != {"tensor(float)"}:
        found_kinds = ", ".join(each.type for each in (*inputs, *outputs))
        raise Refusal("model-shapes-differ", details={"found": found_kinds, "stated": "tensor(float), tensor(float)"})
    refuse_other_shape(inputs[0].shape, (1, 1, *manifest.patch))
    model.ask(np.zeros(manifest.patch, dtype=np.float32))
    return model


def refuse_other_shape(shape: Any, stated: tuple[int, ...]) -> None:
    """Raises Refusal `model-shapes-differ`; a side that the model leaves open has a name instead of a length."""
    fits = len(shape) == len(stated) and all(
        not isinstance(side, int) or side == wanted for side, wanted in zip(shape, stated, strict=True)
    )
    if not fits:
        raise Refusal("model-shapes-differ", details={"found": str(tuple(shape)), "stated": str(stated)})


def _session(content: bytes) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise Refusal("contouring-part-missing", details={"package": RUNTIME}) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # its words go nowhere: what it raises is told
    options.use_deterministic_compute = True
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has no exceptions of its own that one could name
        raise Refusal("model-broken", details={"reason": type(error).__name__}) from error


def _softmax(answer: Singles) -> Singles:
    raised = np.exp(answer - answer.max(axis=0))
    return np.asarray(raised / raised.sum(axis=0))


def _winners(answer: Singles, shape: tuple[int, ...]) -> tuple[NDArray[np.uint8], Singles]:
    """Of each voxel of the image the most probable channel, and how probable it is; channel by channel for memory."""
    winners = np.zeros(shape, dtype=np.uint8)
    sure = _resized(answer[0], shape)
    for channel in range(1, len(answer)):
        probability = _resized(answer[channel], shape)
        is_more = probability > sure
        winners[is_more] = channel
        sure[is_more] = probability[is_more]
    return winners, sure


def _resized(values: Singles, shape: Any) -> Singles:
    """On another number of voxels over the same extent, voxel edges on voxel edges, between centres linear."""
    if tuple(shape) == values.shape:
        return values.copy()
    scale = np.array(values.shape) / np.array(shape)
    return np.asarray(
        ndimage.affine_transform(
            values, scale, offset=(scale - 1) / 2, output_shape=tuple(shape), order=1, mode="nearest"
        )
    )
