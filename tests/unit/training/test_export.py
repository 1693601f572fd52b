"""What was trained in the quick form is what the package computes from the exported tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from acestep_cli.demo import configs
from acestep_cli.models.vae import Vae
from acestep_cli.models.vae_config import VaeConfig
from acestep_cli.weights.demonstration import is_whole
from training import export
from training.__main__ import PACKAGED
from training.autoencoder.export import VAE, vae_tensors
from training.autoencoder.layers import Decoder, Encoder
from training.autoencoder.sizes import DECODER_WIDTHS, ENCODER_WIDTHS, STRIDES
from training.codes import Codes
from training.loop import Run
from training.renderer.network import Renderer
from training.renderer.sizes import SILENCE_FRAMES
from training.renderer.text import tokenizer
from training.renderer.weights import set_first_weights
from training.silence import silence


@pytest.fixture(autouse=True)
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    from training.autoencoder import layers

    monkeypatch.setattr(layers, "_compiled", lambda function: function)


@pytest.fixture(scope="module")
def pair() -> tuple[Encoder, Decoder]:
    torch.manual_seed(0)
    encoder, decoder = Encoder(ENCODER_WIDTHS, STRIDES), Decoder(DECODER_WIDTHS, STRIDES[::-1])
    with torch.no_grad():
        for parameter in (*encoder.parameters(), *decoder.parameters()):
            parameter += 0.02 * torch.randn_like(parameter)
    return encoder, decoder


def test_the_autoencoder_is_the_same_in_the_package(pair: tuple[Encoder, Decoder]) -> None:
    encoder, decoder = pair
    vae = Vae(VaeConfig.from_json(configs.vae_config(VAE)))
    vae.load_state_dict(vae_tensors(encoder, decoder), strict=False)
    vae = vae.fold(torch.float32)
    audio = 0.2 * torch.randn(1, 2, 12 * 1920)
    with torch.no_grad():
        posterior = vae.encode(audio)
        ours, latents = encoder(audio), torch.randn(1, 64, 8)
        assert_close(ours, posterior.mean)
        assert posterior.std.max() < 1e-3
        assert_close(decoder(latents), vae.decode(latents))


def test_every_tensor_is_finite_and_in_its_published_shape(pair: tuple[Encoder, Decoder]) -> None:
    tensors = vae_tensors(*pair)
    with torch.device("meta"):
        wanted = Vae(VaeConfig.from_json(configs.vae_config(VAE))).state_dict()
    assert {name: value.shape for name, value in tensors.items()} == {
        name: value.shape for name, value in wanted.items()
    }
    assert all(torch.isfinite(value).all() for value in tensors.values())


def test_a_set_is_small_and_has_the_silence_that_was_assigned(
    pair: tuple[Encoder, Decoder], tmp_path: Path
) -> None:
    from acestep_cli.weights.load import load_silence_latent

    renderer, codes = Renderer(tokenizer().get_vocab_size()), Codes()
    set_first_weights(renderer, 0)
    set_first_weights(codes, 0)
    export.write_renderer(tmp_path, renderer, codes)
    export.write_autoencoder(tmp_path, *pair)
    export.write_notice(tmp_path)
    latent = load_silence_latent(tmp_path / "demo" / "silence_latent.pt")
    assert latent.shape == (1, SILENCE_FRAMES, 64)
    assert np.allclose(latent[0, :3].numpy(), silence(3), atol=0.01)
    size = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert size < 45e6


def test_only_what_is_written_takes_a_place(tmp_path: Path) -> None:
    neighbours = [tmp_path / name for name in ("set.part", "set.old", ".set.part")]
    for folder in (*neighbours, tmp_path / "set"):
        folder.mkdir()
        (folder / "mine").write_text("mine", "utf-8")
    export.write_set(tmp_path / "set", Run(tmp_path / "state"), PACKAGED)
    assert is_whole(tmp_path / "set") and not (tmp_path / "set" / "mine").exists()
    assert all((folder / "mine").is_file() for folder in neighbours)
    assert sorted(tmp_path.iterdir()) == sorted([*neighbours, tmp_path / "set"])


def test_a_set_that_cannot_be_written_leaves_the_earlier_one(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine").write_text("mine", "utf-8")
    with pytest.raises(FileNotFoundError):
        export.write_set(tmp_path / "set", Run(tmp_path / "state"), tmp_path / "nothing")
    assert [path.name for path in tmp_path.rglob("*")] == ["set", "mine"]


def assert_close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """Equal up to what computing in bfloat16 leaves."""
    error = (ours - theirs).pow(2).mean() / theirs.pow(2).mean()
    assert error < 2e-3
