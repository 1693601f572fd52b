"""Audio codes steer a song, item by item, and cost nothing where there are none."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from acestep_cli.errors import Cancelled, ExitCode
from acestep_cli.events import Event, StageProgress, StageStarted
from acestep_cli.pipeline.conditioner import write_words
from acestep_cli.pipeline.hints import codes_of
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.plan import Plan
from acestep_cli.pipeline.prompts import TEXT2MUSIC
from acestep_cli.pipeline.song import crop, make_songs
from tests.unit.pipeline.songs import (
    CODES,
    OTHER_CODES,
    PLAN,
    Watched,
    handler_case,
    job_of,
    networks_of,
    songs_of,
    with_codes,
)

STAGES = ["text_encoder", "condition_encoder", "dit", "decoder"]
BASE = "acestep-v15-base"


@pytest.fixture(scope="module")
def turbo() -> Watched:
    return networks_of()


@pytest.fixture(scope="module")
def base() -> Watched:
    return networks_of(BASE)


def latents_of(networks: Watched, *plans: Plan, **options: object) -> list[Tensor]:
    return [song.latents for song in songs_of(job_of(*plans, **options), networks)]


def cosine(one: Tensor, other: Tensor) -> float:
    return torch.cosine_similarity(one.flatten(), other.flatten(), dim=0).item()


def test_two_strings_of_codes_make_two_songs(turbo: Watched) -> None:
    first, second, plain = latents_of(
        turbo, with_codes(), with_codes(OTHER_CODES), PLAN, seeds=(7, 7, 7), inference_steps=8
    )
    assert cosine(first, second) < 0.99
    assert cosine(first, plain) < 0.99


def test_an_item_of_a_batch_follows_its_own_codes(turbo: Watched) -> None:
    plans = (with_codes(), PLAN, with_codes(OTHER_CODES, duration=6.0))
    batch = songs_of(job_of(*plans), turbo)
    for index, (plan, seed) in enumerate(zip(plans, (7, 8, 9), strict=True)):
        (alone,) = songs_of(job_of(plan, seeds=(seed,)), turbo)
        assert torch.equal(batch[index].latents, alone.latents)
        assert (batch[index].samples == alone.samples).all()


def test_the_detokenizer_comes_first_and_only_for_codes() -> None:
    networks = networks_of()
    songs_of(job_of(PLAN, with_codes()), networks)
    assert networks.loaded == ["detokenizer", *STAGES]
    assert networks.crowds == [()] * 5
    networks = networks_of()
    songs_of(job_of(PLAN), networks)
    assert networks.loaded == STAGES


def test_stages_are_told_in_order(turbo: Watched) -> None:
    heard: list[Event] = []
    songs_of(job_of(with_codes(), with_codes(OTHER_CODES[:9])), turbo, heard.append)
    started = [event.stage for event in heard if isinstance(event, StageStarted)]
    assert started == ["hints", "words", "compose", "compose", "render", "render"]
    decoded = [
        (event.done, event.total)
        for event in heard
        if isinstance(event, StageProgress) and event.stage == "hints"
    ]
    assert decoded == [(27, 36), (36, 36)]


def test_a_signal_while_codes_are_decoded_stops_the_song(turbo: Watched) -> None:
    heard: list[Event] = []
    run = make_songs(job_of(with_codes()), turbo, heard.append, lambda: ExitCode.TERMINATED)
    with pytest.raises(Cancelled) as stopped:
        next(run)
    assert stopped.value.exit_code == ExitCode.TERMINATED
    assert [event.stage for event in heard if isinstance(event, StageStarted)] == ["hints"]


@pytest.mark.parametrize(("seconds", "frames"), [(3.3331, 128), (5.2, 130), (7.0, 175)])
def test_the_duration_decides_the_length(turbo: Watched, seconds: float, frames: int) -> None:
    (song,) = songs_of(job_of(with_codes(duration=seconds)), turbo)
    assert song.latents.shape == (frames, 64)
    assert song.samples.shape == (2, round(seconds * 48_000))


def test_codes_beyond_the_end_change_nothing(turbo: Watched) -> None:
    longer = with_codes((*CODES, 7, 8, 9), duration=5.4)
    first, second = latents_of(turbo, with_codes(duration=5.4), longer, seeds=(7, 7))
    assert torch.equal(first, second)


def test_without_cover_strength_codes_are_forgotten(turbo: Watched) -> None:
    forgotten, plain, followed = (
        latents_of(turbo, plan, inference_steps=4, audio_cover_strength=strength)[0]
        for plan, strength in ((with_codes(), 0.0), (PLAN, 0.0), (with_codes(), 1.0))
    )
    assert torch.equal(forgotten, plain)
    assert not torch.equal(forgotten, followed)


def test_cover_strength_switches_between_steps(base: Watched) -> None:
    def made(strength: float, plan: Plan) -> Tensor:
        options = {"inference_steps": 3, "guidance_scale": 4.0, "audio_cover_strength": strength}
        return latents_of(base, plan, turbo=False, **options)[0]

    none, third, most, every = (made(strength, with_codes()) for strength in (0, 0.34, 0.65, 1))
    assert torch.equal(none, made(1.0, PLAN))
    assert torch.equal(third, most)
    assert _all_differ([none, third, every])


@pytest.mark.parametrize(("name", "seconds"), [("cover", 5.4), ("cover_strength_cfg", 5.12)])
def test_sound_as_codes_is_the_covers_of_the_original(
    turbo: Watched, base: Watched, name: str, seconds: float
) -> None:
    """A cover of sound and a song from the codes of that sound are one and the same."""
    arguments, golden = handler_case(name)
    networks = turbo if name == "cover" else base
    source = golden["target_latents_in"][0]
    codes = codes_of(source, networks.audio_tokenizer(), networks.silence)
    plan = Plan(arguments["captions"], arguments["lyrics"], seconds, "en", audio_codes=codes)
    given = ("inference_steps", "shift", "guidance_scale", "audio_cover_strength")
    job = job_of(
        plan,
        seeds=(int(arguments["seed"]),),
        turbo=networks is turbo,
        dcw_enabled=True,
        parity=Parity(cropped_prompts=True),
        **{key: arguments[key] for key in given if key in arguments},
    )
    (song,) = songs_of(job, networks)
    expected = golden["final_latents"][0]
    assert (song.latents - expected).abs().max() <= 3e-5 * expected.abs().max()


def test_the_original_takes_the_length_from_the_codes(turbo: Watched) -> None:
    _, golden = handler_case("codes_no_duration")
    codes = tuple((99 + 31_337 * index) % 64_000 for index in range(28))
    parity = Parity(untrimmed=True, prompts_as_typed=True)
    plan = Plan("folk guitar", "", 30.0, "en", audio_codes=codes)
    (song,) = songs_of(job_of(plan, seeds=(83,), dcw_enabled=True, parity=parity), turbo)
    expected = golden["final_latents"][0]
    assert (song.latents - expected).abs().max() <= 3e-5 * expected.abs().max()
    assert song.samples.shape == (2, 140 * 1920)


def test_an_instruction_of_ones_own_is_kept(turbo: Watched) -> None:
    usual, own = (
        latents_of(turbo, with_codes(), instruction=text)[0] for text in ("", "Hum along:")
    )
    assert not torch.equal(usual, own)


def test_cover_strength_acts_on_a_plain_song_only_as_upstream(turbo: Watched) -> None:
    own, kept, upstream, usual = (
        latents_of(turbo, PLAN, instruction=text, audio_cover_strength=strength, parity=parity)[0]
        for text, strength, parity in (
            ("Hum along:", 1.0, Parity()),
            ("Hum along:", 0.0, Parity()),
            ("Hum along:", 0.0, Parity(cover_strength_everywhere=True)),
            ("", 1.0, Parity()),
        )
    )
    assert torch.equal(own, kept) and not torch.equal(own, usual)
    assert torch.equal(upstream, usual)


@pytest.mark.parametrize("name", ["cover_strength_cfg", "cover_strength_noise_batch2"])
def test_the_second_prompt_is_as_long_as_the_first(turbo: Watched, name: str) -> None:
    arguments, golden = handler_case(name)
    words = Plan(arguments["captions"], arguments["lyrics"], 5.0, "en", bpm=arguments.get("bpm"))
    first, second = (
        write_words(words, text, 5.0, turbo.tokenizer, Parity())
        for text in (arguments["instruction"], TEXT2MUSIC)
    )
    assert list(crop(second, first).caption_ids) == golden["non_cover_text_ids"][0].tolist()
    assert len(second.caption_ids) != len(first.caption_ids)
    longer = crop(first, second)
    assert len(longer.caption_ids) == len(second.caption_ids)
    assert longer.lyric_ids == first.lyric_ids


def _all_differ(found: Sequence[Tensor]) -> bool:
    return not any(
        torch.equal(one, other) for index, one in enumerate(found) for other in found[index + 1 :]
    )
