from __future__ import annotations

import pytest

from acestep_cli.errors import UsageError
from acestep_cli.pipeline.prepare import sampling_of, schedule_of
from acestep_cli.pipeline.settle import draw_seeds, settle
from acestep_cli.request import SongRequest
from acestep_cli.weights.catalog import Sampling


@pytest.mark.parametrize(
    ("family", "steps", "guidance", "shift"),
    [("turbo", 8, 1.0, 3.0), ("sft", 50, 7.0, 3.0), ("base", 32, 7.0, 3.0)],
)
def test_what_the_checkpoint_decides(
    family: str, steps: int, guidance: float, shift: float
) -> None:
    settled, warnings = settle(SongRequest(caption="x"), family, "m")  # type: ignore[arg-type]
    assert (settled.inference_steps, settled.guidance_scale, settled.shift) == (
        steps,
        guidance,
        shift,
    )
    assert warnings == []


def test_a_checkpoint_may_have_numbers_of_its_own() -> None:
    own = Sampling(steps=12, guidance=2.5, shift=1.5)
    settled, _ = settle(SongRequest(caption="x"), "base", "m", own)
    assert (settled.inference_steps, settled.guidance_scale, settled.shift) == (12, 2.5, 1.5)
    typed = SongRequest(caption="x", inference_steps=60)
    assert settle(typed, "base", "m", own)[0].inference_steps == 60


def test_what_was_typed_stays() -> None:
    request = SongRequest(caption="x", inference_steps=60, guidance_scale=4.5, shift=1.5)
    settled, _ = settle(request, "base", "m")
    assert (settled.inference_steps, settled.guidance_scale, settled.shift) == (60, 4.5, 1.5)


def test_turbo_has_no_use_for_guidance_and_says_so() -> None:
    request = SongRequest(caption="x", guidance_scale=9.0, use_adg=True, cfg_interval_end=0.5)
    settled, warnings = settle(request, "turbo", "acestep-v15-turbo")
    assert settled.guidance_scale == 1.0
    assert [code for code, _ in warnings] == ["unused_parameter"] * 3
    assert "guidance 9 has no effect on acestep-v15-turbo" in warnings[0][1]


def test_turbo_takes_twenty_steps() -> None:
    settle(SongRequest(caption="x", inference_steps=20), "turbo", "m")
    with pytest.raises(UsageError, match="21 steps are more than the 20"):
        settle(SongRequest(caption="x", inference_steps=21), "turbo", "m")


def test_an_open_schedule_of_base_is_closed_with_a_warning() -> None:
    settled, warnings = settle(SongRequest(caption="x", timesteps=(1.0, 0.5)), "base", "m")
    assert schedule_of(settled, turbo=False).times == (1.0, 0.5, 0.0)
    assert [code for code, _ in warnings] == ["timesteps_closed"]


def test_times_that_turbo_does_not_know_are_moved_with_a_warning() -> None:
    settled, warnings = settle(SongRequest(caption="x", timesteps=(1.0, 0.7, 0.0)), "turbo", "m")
    assert warnings == [
        ("timesteps_snapped", "the timesteps become 1, 0.667: m knows 20 times alone")
    ]
    assert schedule_of(settled, turbo=True).exact == (1.0, 2 / 3, 0.0)
    rounded = SongRequest(caption="x", timesteps=(0.955, 0.667))
    assert settle(rounded, "turbo", "m")[1] == []


def test_turbo_takes_twenty_times() -> None:
    times = tuple(1 - index / 21 for index in range(21))
    assert settle(SongRequest(caption="x", timesteps=(*times[:20], 0.0)), "turbo", "m")
    with pytest.raises(UsageError, match="21 timesteps are more than the 20"):
        settle(SongRequest(caption="x", timesteps=times), "turbo", "m")


def test_a_morph_takes_any_times_on_every_checkpoint() -> None:
    request = SongRequest(caption="x", timesteps=(1.0, 0.7), flow_edit_morph=True)
    settled, warnings = settle(request, "turbo", "m")
    assert settled.timesteps == (1.0, 0.7, 0.0)
    assert [code for code, _ in warnings] == ["timesteps_closed"]


def test_wavelet_correction_is_off_unless_asked_for() -> None:
    off, _ = settle(SongRequest(caption="x"), "turbo", "m")
    on, _ = settle(SongRequest(caption="x", dcw_enabled=True, dcw_mode="low"), "turbo", "m")
    assert sampling_of(off, turbo=True).wavelet is None
    correction = sampling_of(on, turbo=True).wavelet
    assert correction is not None and correction.mode == "low"


def test_one_seed_counts_up() -> None:
    assert draw_seeds((7,), 3) == (7, 8, 9)
    assert draw_seeds((2**32 - 1,), 2) == (2**32 - 1, 0)


def test_a_list_of_seeds_is_honoured_and_filled_up() -> None:
    drawn = draw_seeds((7, -1, 9), 4)
    assert drawn[0] == 7 and drawn[2] == 9
    assert all(0 <= seed < 2**32 for seed in drawn)
    assert drawn[1] != draw_seeds((7, -1, 9), 4)[1]


def test_random_seeds_differ() -> None:
    assert len(set(draw_seeds((), 8))) == 8
    assert len(set(draw_seeds((-1,), 8))) == 8
