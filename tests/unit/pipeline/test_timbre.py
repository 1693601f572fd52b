from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import Tensor

from acestep_cli.audio import load_for_model
from acestep_cli.errors import InputError
from acestep_cli.pipeline import timbre
from acestep_cli.pipeline.decoder import encode_song
from acestep_cli.pipeline.tasks import HOP
from acestep_cli.pipeline.timbre import (
    draw_offsets,
    offsets_from,
    reference_clip,
    reference_latents,
    reference_timbre,
    silent_timbre,
)
from tests.unit.pipeline.songs import GOLDEN, handler_case, networks_of

FACTS = json.loads((GOLDEN / "audio" / "processed.json").read_text("utf-8"))
RATE = 48_000


def golden(name: str) -> Any:
    return load_for_model(Path(GOLDEN / "audio" / f"{name}.wav"))


@pytest.mark.parametrize("name", FACTS)
def test_crops_are_drawn_and_cut_as_the_original_does(name: str) -> None:
    fact, samples = FACTS[name], golden(name)
    source = random.Random(fact["reference_random_seed"])
    offsets = offsets_from(samples.shape[1], source)
    assert list(offsets) == [result for _, _, result in fact["reference_randint"]]
    clip = reference_clip(samples, offsets)
    assert list(clip.shape) == fact["reference_shape"]
    stored = load_file(GOLDEN / "audio" / "processed.safetensors")
    height = float(np.abs(clip).max())
    every = stored[f"{name}.reference_every_4999th"]
    assert np.abs(clip[:, ::4999] - every).max() <= 1e-6 * height
    joints = np.stack([clip[:, at - 64 : at + 64] for at in (10 * RATE, 20 * RATE)])
    assert np.abs(joints - stored[f"{name}.reference_joints"]).max() <= 1e-6 * height


def test_the_clip_of_a_file_at_48_khz_is_the_originals_to_the_bit() -> None:
    fact = FACTS["src_stereo48k"]
    offsets = tuple(result for _, _, result in fact["reference_randint"])
    clip = np.ascontiguousarray(reference_clip(golden("src_stereo48k"), offsets))
    assert hashlib.sha256(clip.tobytes()).hexdigest() == fact["reference_sha256"]


def test_latents_with_the_originals_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """The original's crops and its draw from the posterior: the first two of 30 seconds."""

    def first_seconds(vae: Any, audio: Tensor, tiling: Any, **options: Any) -> Tensor:
        noise = options.pop("noise")[:60]
        return encode_song(vae, audio[:, : 60 * HOP], tiling, noise=noise, **options)

    monkeypatch.setattr(timbre, "encode_song", first_seconds)
    _, tensors = handler_case("reference_mono")
    entries = json.loads((GOLDEN / "handler" / "cases.json").read_text("utf-8"))
    calls = entries["reference_mono"]["random_randint_calls"]
    (latents,) = reference_latents(
        golden("ref_mono44k"),
        [71],
        networks_of(),
        noise=tensors["vae_noise_0"][0].t(),
        offsets=tuple(result for _, _, result in calls),
    )
    stored = tensors["refer_latents"][:, :50]
    difference = (latents[:, :50] - stored).abs().max()
    assert float(difference / stored.abs().max()) < 4e-5


@pytest.mark.parametrize(
    ("case", "model"),
    [("reference_mono", "acestep-v15-turbo"), ("reference_xl", "acestep-v15-xl-turbo")],
)
def test_the_token_of_a_reference_takes_the_place_of_silence(case: str, model: str) -> None:
    _, tensors = handler_case(case)
    networks = networks_of(model)
    encoder = networks.condition_encoder()
    with torch.no_grad():
        token = reference_timbre(tensors["refer_latents"], networks, encoder)
        none = reference_timbre(None, networks, encoder)
        assert torch.equal(none, silent_timbre(networks, encoder))
    # In the packed condition the token stands between the lyrics and the caption.
    place = tensors["lyric_token_ids"].shape[1]
    stored = tensors["encoder_hidden_states"][:, place : place + 1]
    assert token.shape == stored.shape
    assert float((token - stored).abs().max() / stored.abs().max()) < 1e-5
    assert float((token - none).abs().max()) > 1e-3


def test_a_short_silence_is_heard_as_it_is() -> None:
    """What a song needs of silence is repeated; what stands for no reference is not."""
    networks = networks_of()
    encoder, silence = networks.condition_encoder(), networks.silence[:, :500]
    short = SimpleNamespace(
        silence=silence, dtype=networks.dtype, timbre_frames=750, kept_timbre=None
    )
    with torch.no_grad():
        assert torch.equal(silent_timbre(short, encoder), encoder.timbre_encoder(silence)[:, None])


def test_every_song_draws_from_its_own_seed_whatever_else_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoded = []

    def noted(vae: Any, audio: Tensor, tiling: Any, **options: Any) -> Tensor:
        encoded.append(audio)
        options["on_progress"](30.0)
        return audio[:, ::HOP].t().repeat(1, 32)

    monkeypatch.setattr(timbre, "encode_song", noted)
    samples, networks, heard = golden("src_stereo48k"), networks_of(), list[float]()
    batch = reference_latents(samples, [3, 4, 3], networks, on_progress=heard.append)
    (alone,) = reference_latents(samples, [4], networks)
    assert batch[1].shape == (1, 750, 64) and torch.equal(batch[1], alone)
    assert torch.equal(batch[0], batch[2]) and not torch.equal(batch[0], batch[1])
    assert len(encoded) == 3 and heard == [30.0, 60.0]
    assert networks.loaded == ["encoder", "encoder"]


@pytest.mark.parametrize("seconds", [0.5, 9.0, 29.9, 30.0, 31.0, 200.0])
def test_thirty_seconds_are_taken_of_any_length(seconds: float) -> None:
    length = round(seconds * RATE)
    samples = np.arange(2 * length, dtype=np.float32).reshape(2, length)
    for seed in range(5):
        clip = reference_clip(samples, draw_offsets(length, seed))
        assert clip.shape == (2, 30 * RATE)
    if seconds >= 30:
        # Each crop comes from its own third.
        thirds = [int(clip[0, at * RATE]) // (length // 3) for at in (0, 10, 20)]
        assert thirds == [0, 1, 2]


@pytest.mark.parametrize(
    ("samples", "code"),
    [
        (np.zeros((2, RATE), np.float32), "silent_audio"),
        (np.ones((2, RATE // 20), np.float32), "audio_too_short"),
        (np.full((2, RATE), np.nan, np.float32), "not_finite"),
    ],
)
def test_what_no_timbre_can_be_heard_in(samples: Any, code: str) -> None:
    with pytest.raises(InputError) as caught:
        reference_latents(samples, [1], networks_of())
    assert caught.value.code == code and caught.value.hint
