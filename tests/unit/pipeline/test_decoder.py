"""Songs in tiles: the same as in one piece, in memory that does not grow, stoppable."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from acestep_cli.errors import Cancelled, ExitCode, InputError, UnusableResult
from acestep_cli.models.vae import Vae
from acestep_cli.models.vae_fast import FastDecoder
from acestep_cli.models.vae_fast_encoder import FastEncoder
from acestep_cli.pipeline.decoder import Tiling, decode_song, encode_song
from tests.unit.models.vaes import OTHER, filled, random_weights, relative

EXACT = 2e-5
HOP = 48
FRAMES = 41
FORMS = ["plain", "fast"]
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def vae() -> Vae:
    return filled(OTHER, random_weights(OTHER)).fold(torch.float32)


@pytest.fixture(scope="module")
def latents() -> Tensor:
    return torch.randn(FRAMES, 12, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def audio() -> Tensor:
    return torch.randn(2, FRAMES * HOP + 29, generator=torch.Generator().manual_seed(4))


def decoder_of(form: str, vae: Vae) -> Vae | FastDecoder:
    return FastDecoder(vae, torch.float32) if form == "fast" else vae


def encoder_of(form: str, vae: Vae) -> Vae | FastEncoder:
    return FastEncoder(vae, torch.float32) if form == "fast" else vae


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "tiling", [Tiling(3), Tiling(7), Tiling(20, 30), Tiling(FRAMES), Tiling(99)]
)
def test_tiles_leave_no_trace(form: str, tiling: Tiling, vae: Vae, latents: Tensor) -> None:
    whole = vae.decode(latents.t()[None])[0]
    found = decode_song(decoder_of(form, vae), latents, tiling)
    assert found.dtype == torch.float32 and found.is_contiguous()
    assert relative(found, whole) < EXACT


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "tiling", [Tiling(3), Tiling(7), Tiling(20, 30), Tiling(FRAMES), Tiling(99)]
)
def test_encoding_in_tiles_is_the_mean(form: str, tiling: Tiling, vae: Vae, audio: Tensor) -> None:
    whole = vae.encode(audio[None])
    found = encode_song(encoder_of(form, vae), audio, tiling)
    assert found.shape == (FRAMES, 12)
    assert relative(found, whole.mean[0].t()) < EXACT
    noise = torch.randn(FRAMES, 12)
    drawn = encode_song(encoder_of(form, vae), audio, tiling, noise=noise)
    assert relative(drawn, whole.sample(noise.t())[0].t()) < 2 * EXACT


@pytest.mark.parametrize("form", FORMS)
def test_decoding_is_repeatable(form: str, vae: Vae, latents: Tensor) -> None:
    runs = [decode_song(decoder_of(form, vae), latents, Tiling(9)) for _ in range(2)]
    assert torch.equal(*runs)


def test_latents_are_scaled_then_shifted(vae: Vae, latents: Tensor) -> None:
    before = latents.clone()
    found = decode_song(vae, latents, Tiling(16), rescale=0.5, shift=0.25)
    assert relative(found, vae.decode((latents * 0.5 + 0.25).t()[None])[0]) < EXACT
    assert torch.equal(latents, before)


def test_a_narrow_network_still_gives_float32(vae: Vae, latents: Tensor, audio: Tensor) -> None:
    narrow = filled(OTHER, random_weights(OTHER)).fold(torch.bfloat16)
    for form in FORMS:
        fast = form == "fast"
        decoder = FastDecoder(vae, torch.bfloat16) if fast else narrow
        found = decode_song(decoder, latents, Tiling(16))
        assert found.dtype == torch.float32
        assert relative(found, vae.decode(latents.t()[None])[0]) < 5e-2
        encoder = FastEncoder(vae, torch.bfloat16) if fast else narrow
        means = encode_song(encoder, audio, Tiling(16))
        assert means.dtype == torch.float32
        assert relative(means, vae.encode(audio[None]).mean[0].t()) < 5e-2


@pytest.mark.parametrize("form", FORMS)
def test_progress_counts_seconds_of_audio(
    form: str, vae: Vae, latents: Tensor, audio: Tensor
) -> None:
    heard: list[float] = []
    decode_song(decoder_of(form, vae), latents, Tiling(20), on_progress=heard.append)
    expected = [frames * HOP / 48000 for frames in (20, 40, 41)]
    assert heard == expected
    heard.clear()
    encode_song(encoder_of(form, vae), audio, Tiling(20), on_progress=heard.append)
    assert heard == expected


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("after", [0, 2])
def test_a_signal_stops_it(form: str, after: int, vae: Vae, latents: Tensor, audio: Tensor) -> None:
    def cancelled() -> ExitCode | None:
        return ExitCode.TERMINATED if len(heard) >= after else None

    heard: list[float] = []
    options: dict[str, Any] = {"on_progress": heard.append, "cancelled": cancelled}
    with pytest.raises(Cancelled) as stopped:
        decode_song(decoder_of(form, vae), latents, Tiling(10), **options)
    assert stopped.value.exit_code == ExitCode.TERMINATED
    assert len(heard) == after
    heard.clear()
    with pytest.raises(Cancelled):
        encode_song(encoder_of(form, vae), audio, Tiling(10), **options)
    assert len(heard) == after


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_latents_that_are_not_finite_are_refused(value: float, vae: Vae, latents: Tensor) -> None:
    broken = latents.clone()
    broken[3, 5] = broken[7, 1] = value
    with pytest.raises(UnusableResult, match=f"2 of the {broken.numel()} values"):
        decode_song(vae, broken, Tiling(16))


def test_latents_of_nothing_are_refused(vae: Vae) -> None:
    with pytest.raises(UnusableResult, match="all values"):
        decode_song(vae, torch.zeros(4, 12), Tiling(16), shift=0.5)


@pytest.mark.parametrize("samples", [0, HOP - 1])
def test_audio_shorter_than_a_frame_is_refused(samples: int, vae: Vae) -> None:
    with pytest.raises(InputError, match=f"{samples} samples"):
        encode_song(vae, torch.zeros(2, samples), Tiling(16))


# By how many MB a long song lifts the peak of a process that has made a short one, above what the
# long one's arguments and result take.
_GROWTH = """
import resource, sys
import torch
from acestep_cli.models.vae_fast import FastDecoder
from acestep_cli.models.vae_fast_encoder import FastEncoder
from acestep_cli.pipeline.decoder import Tiling, decode_song, encode_song
from tests.unit.models.vaes import filled, golden_config, golden_weights, random_weights

def decode(frames):
    given = torch.randn(frames, 64)
    return given, decode_song(vae, given, Tiling(64))

def encode(frames):
    given = torch.full((2, 1920 * frames), 0.25)
    return given, encode_song(vae, given, Tiling(64))

torch.set_num_threads(1)
if sys.argv[1] == "decode":
    make, vae = decode, FastDecoder(filled(golden_config(), golden_weights()), torch.bfloat16)
else:
    config = golden_config() | {"encoder_hidden_size": 16, "decoder_input_channels": 8}
    make, vae = encode, FastEncoder(filled(config, random_weights(config)), torch.bfloat16)
kept, peaks = [], []
for seconds in map(int, sys.argv[2:]):
    kept.append(make(25 * seconds))
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
unit = 1 if sys.platform == "darwin" else 1024
print((unit * (peaks[1] - peaks[0]) - sum(tensor.nbytes for tensor in kept[1])) / 1e6)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="peak memory is read the POSIX way")
@pytest.mark.parametrize(("way", "long"), [("decode", 600), ("encode", 120)])
def test_memory_does_not_grow_with_the_song(way: str, long: int) -> None:
    command = [sys.executable, "-c", _GROWTH, way, "10", str(long)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    # Allocators scatter up to 25; untiled, one block of the long decoding alone would take 920.
    assert float(done.stdout) < 40, done.stdout
