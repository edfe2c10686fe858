"""A site's model: drawn with if it is what its manifest says, refused if it is anything else."""

from __future__ import annotations

import builtins
import contextlib
import hashlib
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from demo.radiotherapy.thorax import Thorax, thorax_grid
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.apps.radiotherapy.model.contouring.made import CORONAL, GRID, dice, unheard
from tests.apps.radiotherapy.model.contouring.made_models import (
    EXTERNAL,
    convolution,
    held,
    manifest,
    model,
    node,
    number,
    tensor,
)
from tianfu.apps.radiotherapy.model.contouring.manifests import manifest_from
from tianfu.apps.radiotherapy.model.contouring.onnx_files import refuse_hostile
from tianfu.apps.radiotherapy.model.contouring.onnx_slot import OnnxModel, opened_model
from tianfu.apps.radiotherapy.model.contouring.providers import contoured
from tianfu.apps.radiotherapy.model.contouring.windows import answered, starts
from tianfu.kernel.refusal import Refusal

PATCH = (16, 24, 32)
SLOPES, OFFSETS = (0.0, -100.0, 100.0), (0.0, 30.0, -68.0)
"""Of a voxel's value of 0 to 1: "lung" where it is below 0.3 (-400 HU), "bone" above 0.68 (360 HU), by where the lines
of the channels cross; the surest of the three wins."""
TINY = convolution(SLOPES, OFFSETS, PATCH)


def opened(content: bytes = TINY, **changes: Any) -> OnnxModel:
    return opened_model(manifest(content, **changes), content)


@pytest.fixture(scope="module", autouse=True)
def _runtime() -> None:
    pytest.importorskip("onnxruntime")


def test_a_model_draws_what_its_lines_say_for_every_voxel_of_a_larger_volume() -> None:
    ct = Thorax().ct(GRID, seed=30)
    done = contoured(ct, provider=opened(spacing_mm=list(GRID.spacing)), on_progress=unheard)
    drawn = {each.name: each.mask.full() for each in done.drawn}
    assert np.array_equal(drawn["Lungs"], ct.values < -400)
    assert np.array_equal(drawn["Bone"], ct.values > 360)
    assert all(each.confidence is not None and each.confidence > 0.9 for each in done.drawn)


def test_a_model_is_shown_the_patients_order_and_its_own_spacing() -> None:
    """The same threshold on voxels of another size moves an edge by less than a voxel."""
    grid = thorax_grid(spacing_mm=(2.5, 3.0, 3.5), axes=CORONAL)
    ct = Thorax().ct(grid, seed=31)
    done = contoured(ct, provider=opened(), on_progress=unheard)
    (lungs,) = [each for each in done.drawn if each.name == "Lungs"]
    assert dice(lungs.mask.full(), ct.values < -400) >= 0.99


def test_a_structure_of_which_the_model_is_not_sure_is_told_and_not_drawn() -> None:
    content = convolution((0.0, -1.0, 1.0), (0.0, 0.3, -0.68), PATCH)
    done = contoured(Thorax().ct(GRID, seed=32), provider=opened(content, confidence_min=0.9), on_progress=unheard)
    assert [each.name for each in done.not_drawn] == ["Lungs", "Bone"]
    assert {each.reasons[0].code for each in done.not_drawn} == {"model-low-confidence"}


def test_a_structure_that_is_nowhere_is_told() -> None:
    content = convolution((0.0, -100.0, 0.0), (0.0, 30.0, -68.0), PATCH)
    done = contoured(Thorax().ct(GRID, seed=33), provider=opened(content), on_progress=unheard)
    assert [(each.name, each.reasons[0].code) for each in done.not_drawn] == [("Bone", "nothing-found")]


def test_another_file_than_the_manifest_names_is_not_opened() -> None:
    with pytest.raises(Refusal, match="model-hash-differs"):
        opened_model(manifest(TINY), convolution(SLOPES, (0.0, 30.0, -67.0), PATCH))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"licence": " "}, "licence is empty"),
        ({"purpose": ""}, "purpose is empty"),
        ({"labels": {"1": "Lungs", "2": "Wirbel"}}, "Wirbel is no name of TG-263"),
        ({"labels": {"1": "Lungs", "3": "Bone"}}, "labels must name each channel"),
        ({"labels": {"1": "Bone", "2": "Bone"}}, "twice"),
        ({"window_hu": [100, 100]}, "window_hu must rise"),
        ({"spacing_mm": [3, 3, 0.01]}, "spacing_mm"),
        ({"patch": [16, 24, 4000]}, "patch"),
        ({"confidence_min": 1.5}, "confidence_min"),
        ({"sha256": "A" * 64}, "sha256"),
        ({"activation": "guess"}, "guess"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_manifest_that_leaves_something_open_is_refused_with_what(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(Refusal, match="model-manifest-not-understood") as refused:
        manifest_from(manifest(TINY, **changes))
    assert problem in refused.value.details["problem"]


@pytest.mark.parametrize(
    "changes",
    [{"patch": [16, 24, 16]}, {"labels": {"1": "Lungs"}}, {"labels": {"1": "Lungs", "2": "Bone", "3": "Body"}}],
)
def test_a_model_of_other_shapes_than_its_manifest_states_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="model-shapes-differ"):
        opened(**changes)


def test_an_answer_that_is_no_number_is_refused() -> None:
    with pytest.raises(Refusal, match="model-output-not-finite"):
        opened(convolution((0.0, np.inf, 0.0), OFFSETS, PATCH))


def test_weights_in_other_files_are_refused_before_the_runtime_sees_them() -> None:
    with pytest.raises(Refusal, match="model-external-data"):
        opened(convolution(SLOPES, OFFSETS, PATCH, location=EXTERNAL))


def test_weights_in_other_files_are_found_within_attributes_of_operators_too() -> None:
    hidden = held(5, tensor("value", np.zeros(1), location=EXTERNAL | 1 << 32))
    constant = node("Constant", [], ["c"]) + held(5, held(1, "value") + hidden)
    with pytest.raises(Refusal, match="model-external-data"):
        refuse_hostile(convolution(SLOPES, OFFSETS, PATCH, nodes=held(1, constant)))


@pytest.mark.parametrize("domain", ["com.microsoft", "a.stranger"])
def test_operators_that_are_not_onnxs_own_are_refused(domain: str) -> None:
    with pytest.raises(Refusal, match="model-custom-operators") as refused:
        refuse_hostile(convolution(SLOPES, OFFSETS, PATCH, nodes=held(1, node("Run", ["x"], ["z"], domain=domain))))
    assert refused.value.details["operators"] == f"{domain}.Run"


def test_loops_are_refused_even_within_a_branch() -> None:
    branch = held(5, held(1, "then_branch") + held(6, held(1, node("Loop", [], ["z"]))))
    with pytest.raises(Refusal, match="model-loops"):
        refuse_hostile(convolution(SLOPES, OFFSETS, PATCH, nodes=held(1, node("If", ["c"], ["z"]) + branch)))


@pytest.mark.parametrize(
    "content",
    [b"", b"no model", TINY[:-3], b"\xff" * 11, number(7, 1), b"\x0b", held(7, b"\xff\xff"), model(held(2, "empty"))],
)
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(Refusal, match="model-broken"):
        refuse_hostile(content)


def test_graphs_in_graphs_without_end_are_refused() -> None:
    inner = held(1, node("Relu", ["x"], ["y"]))
    for _ in range(40):
        inner = held(1, node("If", ["c"], ["z"]) + held(5, held(6, inner)))
    with pytest.raises(Refusal, match="model-broken"):
        refuse_hostile(model(inner))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(TINY) - 1), st.integers(0, 255))
def test_a_model_with_any_byte_changed_is_judged_or_refused_and_never_fails_otherwise(at: int, byte: int) -> None:
    # Any other exception than a Refusal fails the test.
    with contextlib.suppress(Refusal):
        refuse_hostile(TINY[:at] + bytes([byte]) + TINY[at + 1 :])


def test_a_file_that_passes_and_is_no_model_is_refused_by_the_runtime_as_broken() -> None:
    content = model(held(1, node("NoSuchOperator", ["x"], ["y"])))
    with pytest.raises(Refusal, match="model-broken"):
        opened_model(manifest(content), content)


def test_a_missing_runtime_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "onnxruntime":
            raise ImportError
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Refusal, match="contouring-part-missing") as refused:
        opened()
    assert refused.value.details == {"package": "onnxruntime"}


@given(st.integers(1, 400), st.integers(4, 128))
def test_pieces_cover_a_side_and_overlap_by_half(length: int, piece: int) -> None:
    places = starts(length, piece)
    assert places[0] == 0
    assert max(places) + piece >= length
    assert all(0 < after - before <= piece / 2 + 1 for before, after in pairwise(places))
    assert length < piece or max(places) + piece == length


def test_answers_of_overlapping_pieces_are_one_answer() -> None:
    values = np.random.default_rng(1).random((20, 9, 31)).astype(np.float32)
    got = answered(
        values, patch=(8, 12, 10), channels=2, ask=lambda piece: np.stack([piece, 1 - piece]), on_piece=lambda *_: None
    )
    assert np.allclose(got, np.stack([values, 1 - values]), atol=1e-6)


def test_the_hash_is_that_of_the_file() -> None:
    assert opened().manifest.sha256 == hashlib.sha256(TINY).hexdigest()
