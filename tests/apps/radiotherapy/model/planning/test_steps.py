"""A plan from its wish to its dose, broken off anywhere and gone on with."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.apps.radiotherapy.model.optimisation.leaf_rules import all_faults_of
from tests.radiotherapy_plan import clinic_table, phantom_table, small_machine, small_subject, small_wish
from tianfu.apps.radiotherapy.model.planning.engines import Given, fraction_dose
from tianfu.apps.radiotherapy.model.planning.kept import Kept, kept_from, write_kept
from tianfu.apps.radiotherapy.model.planning.normalising import set_mu
from tianfu.apps.radiotherapy.model.planning.steps import (
    Heard,
    Planned,
    PlanTask,
    StepName,
    Told,
    nothing_kept,
    planned,
    refuse_other_machine,
    traced_by,
)
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
from tianfu.kernel.refusal import Refusal

KEPT_STEPS = (StepName.FLUENCE, StepName.SEGMENTS, StepName.REFINED, StepName.NORMALISED)


def hear_all(_told: Told) -> bool:
    return True


def task(heard: Heard = hear_all, wish: PlanWish | None = None) -> PlanTask:
    return PlanTask(
        wish=wish or small_wish(),
        machine=small_machine(),
        table=phantom_table(),
        subject=small_subject(),
        heard=heard,
    )


@cache
def whole() -> tuple[Planned, tuple[Told, ...]]:
    """The small plan, and everything that was heard of it."""
    heard: list[Told] = []

    def hear(told: Told) -> bool:
        heard.append(told)
        return True

    one = task(hear)
    return planned(one, kept=nothing_kept(one)), tuple(heard)


def kept_after(step: StepName) -> Kept:
    (kept,) = [told.kept for told in whole()[1] if told.kept is not None and told.step is step]
    return kept


def numbers_of(made: Planned) -> tuple[bytes, bytes]:
    return write_kept(Kept(of="", normalised=made.parts)), made.dose.values.tobytes()


@pytest.mark.slow  # compiles the kernels of influence, fluence, apertures and histograms
def test_the_prescribed_volume_gets_the_prescribed_dose_by_the_final_dose() -> None:
    made, _ = whole()
    prescribed = small_wish().prescription.dose_gy
    reached = small_subject().target.dose_gy(made.dose, volume_percent=95.0)
    assert reached == made.reached_gy
    assert reached == pytest.approx(prescribed, rel=0.001)


def test_the_dose_is_that_of_the_written_monitor_units() -> None:
    made, _ = whole()
    given = Given(
        parts=made.parts,
        fields=made.fields,
        machine=small_machine(),
        settings=traced_by(small_wish().computation, small_machine()),
    )
    once = fraction_dose(given, small_subject(), engine="pencil-beam", counted=lambda *_: None)
    np.testing.assert_array_equal(once.values * np.float32(25), made.dose.values)


def test_every_segment_can_be_given() -> None:
    made, _ = whole()
    machine = small_machine()
    assert sum(len(part.segments) for part in made.parts) > len(made.parts)
    assert all_faults_of(made.parts, machine.leaves, machine.limits) == []
    for segment in (segment for part in made.parts for segment in part.segments):
        assert segment.mu == set_mu(segment.mu, machine.limits)


def test_all_steps_are_heard_in_their_order_and_iterations_with_what_they_reach() -> None:
    _, heard = whole()
    begun = list(dict.fromkeys(told.step for told in heard))
    # The influence is made when the fluence first needs it, on the voxels of regions alone.
    wanted = ["fluence", "beamlets", "regions", "influence", "segments", "refined", "normalised", "dose"]
    assert begun == wanted
    reached = [told.objective for told in heard if told.step is StepName.FLUENCE and told.objective is not None]
    assert len(reached) > 3
    assert reached == sorted(reached, reverse=True)
    assert all(told.latest is not None for told in heard if told.objective is not None)


def test_doses_that_are_heard_are_of_the_bodys_voxels_and_the_target_is_among_them() -> None:
    _, heard = whole()
    subject = small_subject()
    target = np.flatnonzero(subject.masks["PTV_5000"].ravel()[subject.wanted.voxels])
    (latest, *_) = [told.latest for told in heard if told.latest is not None]
    assert np.isin(target, latest.rows).all()
    assert len(latest.rows) == len(latest.doses) < len(subject.wanted.voxels)
    assert latest.doses[np.searchsorted(latest.rows, target)].mean() > latest.doses.mean()


def test_the_same_wish_gives_the_same_plan_bit_for_bit() -> None:
    one = task()
    assert numbers_of(planned(one, kept=nothing_kept(one))) == numbers_of(whole()[0])


@pytest.mark.parametrize("step", KEPT_STEPS)
def test_a_plan_that_goes_on_after_any_step_is_the_same_plan(step: StepName) -> None:
    kept = kept_from(write_kept(kept_after(step)))
    heard: list[StepName] = []

    def hear(told: Told) -> bool:
        heard.append(told.step)
        return True

    assert numbers_of(planned(task(hear), kept=kept)) == numbers_of(whole()[0])
    assert set(heard) & set(KEPT_STEPS[: KEPT_STEPS.index(step) + 1]) == set()


@pytest.mark.parametrize(
    ("step", "after"),
    [
        ("beamlets", None),
        ("influence", None),
        ("regions", None),
        ("fluence", None),
        ("segments", StepName.FLUENCE),
        ("refined", StepName.SEGMENTS),
        ("normalised", StepName.REFINED),
        ("dose", StepName.NORMALISED),
    ],
)
def test_a_plan_is_given_up_in_any_step(step: str, after: StepName | None) -> None:
    one = task(lambda told: told.step != step)
    with pytest.raises(Refusal, match="plan-cancelled") as refused:
        planned(one, kept=nothing_kept(one) if after is None else kept_after(after))
    assert refused.value.details["step"] == step


@pytest.mark.parametrize(("iterations", "is_converged"), [(1, False), (300, True)])
def test_whether_the_fluence_came_to_rest_is_known_also_when_a_later_worker_goes_on(
    iterations: int, is_converged: bool
) -> None:
    heard: list[Told] = []

    def until_segments(told: Told) -> bool:
        heard.append(told)
        return told.step is not StepName.SEGMENTS

    change = {"optimisation__fluence__iterations_most": iterations, "optimisation__fluence__change_least": 0.02}
    first = task(until_segments, small_wish(**change))
    with pytest.raises(Refusal, match="plan-cancelled"):
        planned(first, kept=nothing_kept(first))
    (kept,) = [told.kept for told in heard if told.kept is not None]
    assert planned(task(wish=first.wish), kept=kept_from(write_kept(kept))).is_converged is is_converged


def test_fields_that_give_nothing_are_known_by_their_numbers() -> None:
    made = whole()[0]
    assert made.fields_without_segments == ()
    assert replace(made, parts=made.parts[1:]).fields_without_segments == (1,)
    empty = replace(made.parts[1], segments=())
    assert replace(made, parts=(made.parts[0], empty)).fields_without_segments == (2, 3)


def test_a_plan_is_given_up_amid_iterations() -> None:
    one = task(lambda told: told.objective is None or told.done < 3)
    with pytest.raises(Refusal, match="plan-cancelled"):
        planned(one, kept=nothing_kept(one))


def test_what_is_kept_of_another_wish_is_refused() -> None:
    other = task(wish=small_wish(prescription__dose_gy=48.0))
    with pytest.raises(Refusal, match="plan-kept-of-another"):
        planned(other, kept=kept_after(StepName.REFINED))


def damaged() -> list[Kept]:
    weights, segments = kept_after(StepName.FLUENCE), kept_after(StepName.SEGMENTS)
    part, *others = segments.segments or ()
    (segment, *_) = part.segments
    shorter = replace(part, segments=(replace(segment, first_mm=segment.first_mm[1:]),))
    return [
        replace(weights, weights=np.ones(3)),
        replace(segments, segments=(replace(part, field=3), *others)),
        replace(segments, segments=(shorter, *others)),
    ]


@pytest.mark.parametrize("number", range(3))
def test_what_was_kept_and_damaged_is_refused(number: int) -> None:
    with pytest.raises(Refusal, match="plan-kept-of-another"):
        planned(task(), kept=damaged()[number])


@pytest.mark.parametrize("data", [b"", b"{}", b'{"of": 1}', b'{"of": "x", "weights": ["a"]}', b"\xff", b"[" * 10_000])
def test_what_was_not_kept_by_us_is_refused(data: bytes) -> None:
    with pytest.raises(Refusal, match="plan-kept-not-understood"):
        kept_from(data)


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (small_wish(machine__name="other"), "plan-machine-differs"),
        (small_wish(machine__version=2), "plan-machine-differs"),
        (small_wish(dose_rate_mu_per_min=350.0), "plan-dose-rate-not-of-machine"),
        (
            small_wish(fields=[{"gantry_degrees": 0.0, "collimator_degrees": 180.0, "couch_degrees": 0.0}]),
            "plan-angle-beyond-machine",
        ),
        (
            small_wish(fields=[{"gantry_degrees": 0.0, "collimator_degrees": 0.0, "couch_degrees": 100.0}]),
            "plan-angle-beyond-machine",
        ),
    ],
)
def test_what_the_machine_is_not_or_cannot_is_refused_before_anything_is_computed(wish: PlanWish, code: str) -> None:
    one = task(wish=wish)
    with pytest.raises(Refusal, match=code):
        planned(one, kept=nothing_kept(one))


@pytest.mark.parametrize(
    ("limits", "degrees", "is_within"),
    [
        ((-165.0, 165.0), 195.0, True),
        ((-165.0, 165.0), 190.0, False),
        ((-165.0, 180.0), 180.0, True),
        ((0.0, 360.0), 270.0, True),
        ((0.0, 90.0), 270.0, False),
    ],
)
def test_a_machine_may_count_its_angles_to_either_side_or_all_round(
    limits: tuple[float, float], degrees: float, *, is_within: bool
) -> None:
    machine = small_machine()
    counted = replace(machine, limits=replace(machine.limits, collimator_degrees=limits))
    wish = small_wish(fields=[{"gantry_degrees": 0.0, "collimator_degrees": degrees, "couch_degrees": 0.0}])
    with nullcontext() if is_within else pytest.raises(Refusal, match="plan-angle-beyond-machine"):
        refuse_other_machine(wish, counted)


@pytest.mark.slow  # compiles the kernels of the second engine
def test_a_second_engine_that_is_wished_gives_nearly_the_same_dose_to_the_target_in_water() -> None:
    """Both know the same water: within 3 % of the mean on a grid of 6 mm (docs/decisions/0023)."""
    one = task(wish=small_wish(computation__second="collapsed-cone"))
    made = planned(one, kept=nothing_kept(one))
    assert made.second is not None
    target = small_subject().masks["PTV_5000"]
    first, second = (float(dose.values[target].mean()) for dose in (made.dose, made.second))
    assert second == pytest.approx(first, rel=0.03)
    assert not np.array_equal(made.second.values, made.dose.values)
    assert float(made.second.values[~small_subject().body].max()) == 0.0


def test_a_plan_by_another_table_of_the_same_name_is_another_plan_and_goes_on_with_nothing_of_the_first() -> None:
    first = replace(task(), table=clinic_table())
    second = replace(first, table=clinic_table(settings="80 kV"))
    assert (first.table.name, first.table.version) == (second.table.name, second.table.version)
    assert first.fingerprint != second.fingerprint
    with pytest.raises(Refusal, match="plan-kept-of-another"):
        planned(second, kept=nothing_kept(first))
