from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from acestep_cli.pipeline.schedule import base_schedule, flow_edit_schedule, turbo_schedule
from acestep_cli.pipeline.turbo_times import TURBO_TIMES


def stored(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(torch.tensor(values, dtype=torch.float32).tolist())


def test_turbo_knows_twenty_times() -> None:
    assert len(TURBO_TIMES) == 20
    assert TURBO_TIMES[:4] == (1.0, 0.9545454545454546, 0.9333333333333333, 0.9)
    assert TURBO_TIMES[-3:] == (0.25, 0.2222222222222222, 0.125)
    assert list(TURBO_TIMES) == sorted(TURBO_TIMES, reverse=True)


@pytest.mark.parametrize("shift", [1, 2, 3])
def test_eight_steps_give_the_table_of_the_shift(shift: float) -> None:
    computed, table = turbo_schedule(8, shift), turbo_schedule(None, shift)
    assert computed.times == table.times
    assert computed.exact == pytest.approx(table.exact, abs=1e-15)


def test_turbo_warps_by_any_shift_and_ends_with_zero() -> None:
    schedule = turbo_schedule(4, 2.5)
    warped = [2.5 * t / (1 + 1.5 * t) for t in (1, 0.75, 0.5, 0.25)]
    assert schedule.exact == pytest.approx((*warped, 0))
    assert schedule.times == stored([*warped, 0.0])
    assert schedule.steps == 4


@pytest.mark.parametrize("steps", [1, 2, 13, 20])
def test_turbo_takes_one_to_twenty_steps(steps: int) -> None:
    assert turbo_schedule(steps, 3).steps == steps


def test_more_turbo_steps_than_the_limit_are_cut() -> None:
    assert turbo_schedule(40, 1).times == turbo_schedule(20, 1).times
    assert turbo_schedule(20, 1, limit=8).times == turbo_schedule(8, 1).times


@pytest.mark.parametrize(("shift", "like"), [(0.2, 1), (1.5, 1), (1.6, 2), (2.4, 2), (9, 3)])
def test_without_steps_the_nearest_table_is_used(shift: float, like: int) -> None:
    assert turbo_schedule(None, shift).times == turbo_schedule(None, like).times


def test_custom_turbo_times_move_to_known_ones() -> None:
    given = [0.97, 0.76, 0.615, 0.5, 0.395, 0.28, 0.18, 0.085, 0]
    schedule = turbo_schedule(8, 3, given)
    moved = (21 / 22, 10 / 13, 0.625, 0.5, 0.4, 0.3, 2 / 9, 0.125, 0.0)
    assert schedule.exact == moved


def test_custom_turbo_times_are_compared_as_float32() -> None:
    # As doubles both are halfway between two known times, and the larger would be taken.
    assert turbo_schedule(8, 3, [0.45, 0.3875]).exact == (0.4, 0.375, 0.0)


def test_custom_turbo_times_that_are_known_stay() -> None:
    assert turbo_schedule(8, 3, [1.0, 0.5, 0.25]).times == (1.0, 0.5, 0.25, 0.0)


def test_only_the_first_twenty_custom_turbo_times_count() -> None:
    assert turbo_schedule(8, 3, [1 - i / 30 for i in range(30)]).steps == 20


def test_custom_turbo_times_of_zeros_are_no_times() -> None:
    assert turbo_schedule(4, 1, [0.0, 0.0]).times == turbo_schedule(4, 1).times


def test_base_is_closed_and_computed_in_float32() -> None:
    schedule = base_schedule(6, 3)
    even = torch.linspace(1, 0, 7)
    assert schedule.times == tuple((3 * even / (1 + 2 * even)).tolist())
    assert schedule.times[1] == 0.9375000596046448  # not the double 0.9375 that turbo stores
    assert turbo_schedule(6, 3).times[1] == 0.9375
    assert schedule.times[0] == 1 and schedule.times[-1] == 0


def test_base_without_shift_is_even() -> None:
    assert base_schedule(4, 1).times == (1.0, 0.75, 0.5, 0.25, 0.0)


def test_custom_base_times_are_used_as_given() -> None:
    schedule = base_schedule(30, 3, [1, 0.9, 0.2, 0])
    assert schedule.times == stored([1, 0.9, 0.2, 0])
    assert schedule.switch_step(0.5) == 1


def test_the_plain_base_model_counts_its_switch_on_the_steps_it_does_not_run() -> None:
    quirk = base_schedule(4, 1, [1, 0.9, 0.75, 0.6, 0.45, 0.3, 0.15, 0], switch_on_steps=True)
    assert quirk.steps == 7
    assert quirk.switch_step(0.5) == 2
    assert quirk.starting_near(1).switch_step(0.5) == 3


def test_times_can_be_stored_as_bfloat16() -> None:
    times = turbo_schedule(8, 3, dtype=torch.bfloat16).times
    assert times[1] == 0.953125 and times[3] == 0.83203125 and times[7] == 0.30078125
    base = base_schedule(3, 2, dtype=torch.bfloat16).times
    assert base == tuple(torch.tensor(base, dtype=torch.bfloat16).tolist())
    assert base != base_schedule(3, 2).times


def test_flow_edit_appends_the_final_zero() -> None:
    assert flow_edit_schedule(9, 1, [0.5, 0.25]).times == (0.5, 0.25, 0.0)
    assert flow_edit_schedule(9, 1, [0.5, 0.0]).times == (0.5, 0.0)
    assert flow_edit_schedule(6, 3).times == base_schedule(6, 3).times


def test_a_start_near_a_level_drops_the_steps_before_it() -> None:
    schedule = turbo_schedule(8, 3).starting_near(0.6)
    assert schedule.times == stored([9 / 14, 0.5, 0.3, 0.0])
    assert schedule.exact[0] == pytest.approx(9 / 14, abs=1e-15)


def test_a_start_never_is_the_final_zero_and_prefers_the_earlier_of_two() -> None:
    assert base_schedule(4, 1).starting_near(0.0).times == (0.25, 0.0)
    assert base_schedule(4, 1).starting_near(0.625).times[0] == 0.75


@pytest.mark.parametrize(("strength", "step"), [(0, 0), (0.6, 4), (0.5, 4), (0.99, 7), (1, 8)])
def test_the_switch_comes_after_a_share_of_the_steps(strength: float, step: int) -> None:
    assert turbo_schedule(8, 3).switch_step(strength) == step
