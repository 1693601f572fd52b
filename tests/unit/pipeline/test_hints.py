"""Audio codes to latents and sound to audio codes, in parts, equal to the original."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from acestep_cli.errors import Cancelled, ExitCode, InputError
from acestep_cli.pipeline import hints
from acestep_cli.pipeline.decoder import Tiling, encode_song
from acestep_cli.pipeline.hints import codes_of, codes_of_audio, hints_of
from tests.unit.pipeline.songs import CODES, GOLDEN, Watched, networks_of, nobody


@pytest.fixture(scope="module")
def networks() -> Watched:
    return networks_of()


def sound(samples: int, seed: int = 3) -> Tensor:
    """A chord with noise, float32 [2, samples]."""
    time = torch.arange(samples) / 48_000
    chord = sum(torch.sin(2 * math.pi * pitch * time) for pitch in (220, 277.2, 329.6))
    return 0.2 * chord + 0.1 * noise(2, samples, seed=seed)


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Normal noise, the same in every run."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_codes_in_parts_are_the_codes_as_one(
    networks: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = hints_of(CODES, networks.detokenizer())
    assert whole.shape == (1, 5 * len(CODES), 64) and whole.dtype == torch.float32
    monkeypatch.setattr(hints, "CODES_AT_ONCE", 7)
    polls: list[int] = []
    parts = hints_of(CODES, networks.detokenizer(), lambda: polls.append(1))
    assert (whole - parts).abs().max() <= 1e-6 * whole.abs().max()
    assert len(polls) == math.ceil(len(CODES) / 7)


def test_latents_in_parts_are_the_same_codes(
    networks: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer, latents = networks.audio_tokenizer(), noise(83, 64)
    whole = codes_of(latents, tokenizer, networks.silence)
    monkeypatch.setattr(hints, "CODES_AT_ONCE", 4)
    assert codes_of(latents, tokenizer, networks.silence) == whole
    assert len(whole) == 17


@pytest.mark.parametrize("codes", [(64_000,), (7, -1), (5, 10**9)])
def test_a_code_outside_the_codebook_is_named(networks: Watched, codes: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=rf"audio code {codes[-1]} is outside 0 to 63999"):
        hints_of(codes, networks.detokenizer())


@pytest.mark.parametrize("model", ["turbo", "base"])
def test_a_window_that_is_not_full_ends_in_silence(model: str) -> None:
    networks = networks_of(f"acestep-v15-{model}")
    golden = load_file(GOLDEN / "modules" / f"audio_tokenizer_{model}_1.safetensors")
    latents = golden["latents"]
    assert latents.shape[1] % 5
    for item, indices in zip(latents, golden["indices"], strict=True):
        found = codes_of(item, networks.audio_tokenizer(), golden["pad_latent"][None])
        assert list(found) == indices.flatten().tolist()


@pytest.mark.parametrize(("samples", "count"), [(1920, 1), (9_599, 1), (11_520, 2)])
def test_five_codes_a_second(networks: Watched, samples: int, count: int) -> None:
    assert len(codes_of_audio(sound(samples), networks)) == count


def test_sound_has_its_codes_whatever_the_tiles() -> None:
    audio, heard = sound(30_000), list[float]()
    first = networks_of()
    found = codes_of_audio(audio.numpy(), first, heard.append)
    assert heard[-1] == 15 * 1920 / 48_000
    assert first.loaded == ["encoder", "audio_tokenizer"] and first.crowds == [(), ()]
    again = networks_of()
    again.policy = replace(again.policy, tile_frames=4)
    assert codes_of_audio(audio, again) == found
    mean = encode_song(first.encoder(), audio, Tiling(1000))
    assert codes_of(mean, first.audio_tokenizer(), first.silence) == found
    other = codes_of_audio(sound(9_600, seed=4), first)
    assert other != found


@pytest.mark.parametrize(
    ("audio", "code", "words"),
    [
        (torch.zeros(2, 9_600), "silent_audio", "the audio is silent"),
        (torch.full((2, 9_600), 9e-7), "silent_audio", "1e-06"),
        (torch.full((2, 9_600), math.nan), "not_finite", "not finite"),
        (torch.full((2, 9_600), -math.inf), "not_finite", "not finite"),
        (torch.ones(2, 1919), "bad_input", "1919 samples"),
        (torch.ones(2, 0), "bad_input", "0 samples"),
    ],
)
def test_sound_without_codes(networks: Watched, audio: Tensor, code: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as refused:
        codes_of_audio(audio, networks)
    assert refused.value.code == code and refused.value.hint


@pytest.mark.parametrize("calls", [0, 2, 4])
def test_a_signal_stops_it(networks: Watched, calls: int) -> None:
    polls: list[int] = []

    def stop_after() -> Any:
        polls.append(1)
        return ExitCode.INTERRUPTED if len(polls) > calls else nobody()

    with pytest.raises(Cancelled):
        codes_of_audio(sound(9_600), networks, cancelled=stop_after)
