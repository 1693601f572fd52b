"""The fast forms of the autoencoder against golden vectors and against the plain form."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
import torch

from acestep_cli.models import vae_fast, vae_fast_encoder, vae_kernels
from acestep_cli.models.vae import Vae
from acestep_cli.models.vae_fast import FastDecoder
from acestep_cli.models.vae_fast_encoder import FastEncoder
from acestep_cli.models.vae_kernels import Scratch, SnakeRows
from acestep_cli.models.vae_rows import Crew, Span, nothing
from tests.unit.models.vaes import (
    OTHER,
    filled,
    golden_case,
    golden_config,
    golden_weights,
    random_weights,
    relative,
)

F32, BF16 = torch.float32, torch.bfloat16
EXACT = 2e-5
FRAMES = 15


@pytest.fixture(params=["packed", "public"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to run a layer: oneDNN's packed one and the public functions."""
    if request.param == "packed" and not vae_kernels.packing_available():
        pytest.skip("this build of torch has no packed layers")
    if request.param == "public":
        monkeypatch.setattr(vae_kernels, "packing_available", lambda: False)
    return str(request.param)


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles so short that every block of a few frames is cut many times."""
    monkeypatch.setattr(vae_fast, "TILE_VALUES", 700)
    monkeypatch.setattr(vae_fast_encoder, "TILE_VALUES", 4000)


@pytest.fixture(scope="module")
def golden() -> Vae:
    return filled(golden_config(), golden_weights())


@pytest.fixture(scope="module")
def other() -> Vae:
    return filled(OTHER, random_weights(OTHER))


@pytest.mark.parametrize("index", [0, 1])
def test_decoding_matches_the_original(golden: Vae, form: str, index: int) -> None:
    case, fast = golden_case(f"vae_decode_{index}"), FastDecoder(golden, F32)
    for latents, audio in zip(case["latents"], case["audio"], strict=True):
        assert relative(fast.decode(latents.t(), 0, latents.shape[1]), audio) < EXACT


@pytest.mark.parametrize("index", [0, 1])
def test_encoding_matches_the_original(golden: Vae, form: str, index: int) -> None:
    case, fast = golden_case(f"vae_encode_{index}"), FastEncoder(golden, F32)
    for audio, mean, std in zip(case["audio"], case["mean"], case["std"], strict=True):
        posterior = fast.encode(audio, 0, mean.shape[1])
        assert relative(posterior.mean.t(), mean) < EXACT
        assert relative(posterior.std.t(), std) < 2 * EXACT


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("span", [(0, FRAMES), (0, 1), (5, 11), (7, 8), (FRAMES - 1, FRAMES)])
def test_any_span_of_small_tiles_is_the_plain_decoding(
    other: Vae, form: str, span: tuple[int, int]
) -> None:
    latents, (start, stop) = torch.randn(FRAMES, 12), span
    plain = other.decode(latents.t()[None])[0]
    found = FastDecoder(other, F32).decode(latents, start, stop)
    hop = other.config.hop
    assert relative(found, plain[:, start * hop : stop * hop]) < EXACT


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("rest", [0, 1, 47])
@pytest.mark.parametrize("span", [(0, FRAMES), (0, 1), (5, 11), (7, 8), (FRAMES - 1, FRAMES)])
def test_any_span_of_small_tiles_is_the_plain_encoding(
    other: Vae, form: str, span: tuple[int, int], rest: int
) -> None:
    audio = torch.randn(2, FRAMES * other.config.hop + rest)
    plain, (start, stop) = other.encode(audio[None]), span
    found = FastEncoder(other, F32).encode(audio, start, stop)
    assert relative(found.mean, plain.mean[0].t()[start:stop]) < EXACT
    assert relative(found.std, plain.std[0].t()[start:stop]) < 2 * EXACT


def test_bfloat16_is_no_worse_than_the_plain_form(other: Vae) -> None:
    latents, audio = torch.randn(60, 12), torch.randn(2, 48 * 40)
    exact = other.decode(latents.t()[None])[0]
    plain = filled(OTHER, random_weights(OTHER)).fold(BF16)
    narrow = plain.decode(latents.t()[None].to(BF16))[0].float()
    fast = FastDecoder(other, BF16).decode(latents, 0, 60)
    assert fast.dtype == F32
    assert _rms(fast - exact) < 1.1 * _rms(narrow - exact)
    mean = other.encode(audio[None]).mean[0].t()
    narrow = plain.encode(audio[None].to(BF16)).mean[0].t().float()
    fast = FastEncoder(other, BF16).encode(audio, 0, 40).mean
    assert _rms(fast - mean) < 1.1 * _rms(narrow - mean)


def _rms(x: torch.Tensor) -> float:
    return float(x.square().mean().sqrt())


def test_snake_in_turns_is_the_sine() -> None:
    x = torch.linspace(-60, 60, 40_001).unsqueeze(1)
    rate, gain = torch.tensor([1.7]), torch.tensor([0.8])
    found = SnakeRows(rate, gain, BF16).wide(x, Scratch())
    exact = x.double() + gain * torch.sin(rate.double() * x.double()).square()
    assert (found - exact).abs().max() < 0.8 * 7.6e-4
    near = x.abs() < 0.2
    assert ((found - exact).abs() < 3e-3 * (exact - x).abs() + 1e-6)[near].all()


def test_latents_of_other_dtypes_and_layouts_are_taken(other: Vae) -> None:
    fast, latents = FastDecoder(other, F32), torch.randn(12, 5).to(BF16)
    found = fast.decode(latents.t(), 1, 4)
    assert torch.equal(found, fast.decode(latents.t().float().contiguous(), 1, 4))


def test_folded_or_not_is_the_same(other: Vae) -> None:
    latents = torch.randn(6, 12)
    folded = filled(OTHER, random_weights(OTHER)).fold(F32)
    assert torch.equal(
        FastDecoder(folded, F32).decode(latents, 0, 6),
        FastDecoder(other, F32).decode(latents, 0, 6),
    )


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """Sets torch's number of threads, until the test ends."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.usefixtures("small_tiles")
def test_threads_share_tiles_without_a_trace(other: Vae, threads: Callable[[int], None]) -> None:
    latents, audio = torch.randn(FRAMES, 12), torch.randn(2, FRAMES * 48)
    plain = other.decode(latents.t()[None])[0]
    mean = other.encode(audio[None]).mean[0].t()
    decoder, encoder = FastDecoder(other, F32), FastEncoder(other, F32)
    for count in (1, 2, 3):
        threads(count)
        sounds = [decoder.decode(latents, 0, FRAMES) for _ in range(2)]
        means = [encoder.encode(audio, 0, FRAMES).mean for _ in range(2)]
        assert torch.equal(*sounds) and torch.equal(*means)
        assert relative(sounds[0], plain) < EXACT
        assert relative(means[0], mean) < EXACT
        assert torch.get_num_threads() == count


class Stop(Exception):
    """Raised by a poll or by the work on a tile."""


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("count", [1, 2])
def test_the_poll_is_heard_between_tiles(
    other: Vae, count: int, threads: Callable[[int], None]
) -> None:
    def poll() -> None:
        polls.append(None)
        if len(polls) == 3:
            raise Stop

    threads(count)
    polls: list[None] = []
    with pytest.raises(Stop):
        FastDecoder(other, F32).decode(torch.randn(FRAMES, 12), 0, FRAMES, poll)
    polls.clear()
    with pytest.raises(Stop):
        FastEncoder(other, F32).encode(torch.randn(2, 48 * FRAMES), 0, FRAMES, poll)
    assert len(polls) == 3
    assert torch.get_num_threads() == count


def test_every_tile_is_worked_on_once(threads: Callable[[int], None]) -> None:
    def work(part: Span, scratch: Scratch) -> None:
        seen.append((part, scratch, torch.get_num_threads()))

    threads(3)
    seen: list[tuple[Span, Scratch, int]] = []
    Crew().run(Span(5, 105), 7, work, nothing)
    assert sorted((part.start, part.stop) for part, _, _ in seen) == [
        (start, min(start + 7, 105)) for start in range(5, 105, 7)
    ]
    assert {alone for _, _, alone in seen} == {1}
    few: list[int] = []
    Crew().run(Span(0, 35), 7, lambda part, scratch: few.append(torch.get_num_threads()), nothing)
    assert few == [3] * 5


def test_a_mistake_in_another_thread_is_raised(threads: Callable[[int], None]) -> None:
    def work(part: Span, scratch: Scratch) -> None:
        if threading.current_thread() is not threading.main_thread():
            failed.set()
            raise Stop
        failed.wait(30)

    threads(2)
    failed = threading.Event()
    with pytest.raises(Stop):
        Crew().run(Span(0, 40), 1, work, nothing)
    assert torch.get_num_threads() == 2
