"""The autoencoder in its plain form against golden vectors and against diffusers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from acestep_cli.models.vae import Vae, VaeConfig, published_name
from tests.unit.models.vaes import (
    OTHER,
    empty,
    filled,
    golden_case,
    golden_config,
    golden_weights,
    random_weights,
    relative,
)

DECODE, MEAN, STD = 2e-5, 2e-5, 4e-5


@pytest.fixture(scope="module")
def golden() -> Vae:
    return filled(golden_config(), golden_weights()).fold(torch.float32)


@pytest.mark.parametrize("index", [0, 1])
def test_decoding_matches_the_original(golden: Vae, index: int) -> None:
    case = golden_case(f"vae_decode_{index}")
    assert relative(golden.decode(case["latents"]), case["audio"]) < DECODE


@pytest.mark.parametrize("index", [0, 1])
def test_encoding_matches_the_original(golden: Vae, index: int) -> None:
    case = golden_case(f"vae_encode_{index}")
    posterior = golden.encode(case["audio"])
    assert relative(posterior.mean, case["mean"]) < MEAN
    assert relative(posterior.std, case["std"]) < STD
    assert relative(posterior.sample(case["noise"]), case["sample"]) < STD


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shape", ["golden", "other"])
def test_diffusers_agrees(shape: str) -> None:
    from diffusers import AutoencoderOobleck

    config = golden_config() if shape == "golden" else OTHER
    weights = golden_weights() if shape == "golden" else random_weights(OTHER)
    weights = {name: tensor.float() for name, tensor in weights.items()}
    peer = AutoencoderOobleck(**{k: v for k, v in config.items() if k[0] != "_"}).eval()
    peer.load_state_dict(weights)
    ours = filled(config, weights).fold(torch.float32)
    hop, channels = ours.config.hop, ours.config.decoder_input_channels
    latents, audio = torch.randn(2, channels, 5), torch.randn(2, 2, 4 * hop + 3)
    with torch.no_grad():
        posterior, expected = ours.encode(audio), peer.encode(audio).latent_dist
        assert relative(ours.decode(latents), peer.decode(latents).sample) < DECODE
    assert relative(posterior.mean, expected.mean) < MEAN
    assert relative(posterior.std, expected.std) < STD


def test_folding_changes_nothing_but_the_names() -> None:
    vae = filled(OTHER, random_weights(OTHER))
    latents = torch.randn(1, 12, 4)
    before = vae.decode(latents)
    assert torch.equal(vae.fold(torch.float32).decode(latents), before)
    names = set(vae.state_dict())
    assert "decoder.conv1.weight" in names
    assert not any(name.endswith(("weight_g", "weight_v")) for name in names)


def test_weights_meet_in_float32_before_they_are_narrowed() -> None:
    weights = {name: tensor.bfloat16() for name, tensor in random_weights(OTHER).items()}
    vae = filled(OTHER, weights)
    exact = vae.decoder.conv1.kernel()
    narrow = vae.decoder.conv1.kernel(torch.bfloat16)
    assert torch.equal(narrow, exact.bfloat16())
    gain, direction = (weights[f"decoder.conv1.weight_{part}"].double() for part in "gv")
    norm = direction.flatten(1).norm(dim=1)[:, None, None]
    assert torch.allclose(exact.double(), gain * direction / norm, rtol=1e-6)


@pytest.mark.parametrize("rows", [1, 1000])
def test_folding_in_slices_of_any_size(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    conv = filled(OTHER, random_weights(OTHER)).decoder.conv1
    expected = conv.kernel()
    monkeypatch.setattr("acestep_cli.models.vae._FOLD_ROWS", rows)
    assert torch.equal(conv.kernel(), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_dtypes_come_close(dtype: torch.dtype) -> None:
    weights, latents = random_weights(OTHER), torch.randn(1, 12, 6)
    exact = filled(OTHER, weights).fold(torch.float32).decode(latents)
    narrow = filled(OTHER, weights).fold(dtype).decode(latents.to(dtype))
    assert narrow.dtype == dtype
    assert relative(narrow, exact) < (5e-2 if dtype == torch.bfloat16 else 7e-3)


def test_nothing_is_initialised() -> None:
    vae = empty(golden_config())
    assert {tensor.device.type for tensor in vae.state_dict().values()} == {"meta"}
    assert not any(parameter.requires_grad for parameter in vae.parameters())


def test_full_size_has_the_published_tensors() -> None:
    config = golden_config() | {"decoder_channels": 128, "channel_multiples": [1, 2, 4, 8, 16]}
    state = empty(config).state_dict()
    assert len(state) == 365
    assert sum(tensor.numel() for tensor in state.values()) == 168_695_426
    assert state["decoder.block.0.conv_t1.weight_v"].shape == (2048, 1024, 20)
    assert "decoder.conv2.bias" not in state


def test_newer_weight_norm_names_load_too() -> None:
    weights = random_weights(OTHER)
    newer = {_newer(name): tensor for name, tensor in weights.items()}
    assert newer.keys() != weights.keys()
    renamed = {published_name(name): tensor for name, tensor in newer.items()}
    assert renamed.keys() == weights.keys()
    assert all(torch.equal(renamed[name], weights[name]) for name in weights)


def _newer(name: str) -> str:
    for old, new in (("weight_g", "original0"), ("weight_v", "original1")):
        name = name.replace(old, f"parametrizations.weight.{new}")
    return name


def test_config_is_read() -> None:
    config = VaeConfig.from_json(golden_config())
    assert (config.hop, config.sampling_rate, config.audio_channels) == (1920, 48000, 2)
    assert config.downsampling_ratios == (2, 4, 4, 6, 10)


@pytest.mark.parametrize("key", [*OTHER])
@pytest.mark.parametrize("value", [None, "8", 0, -2, 2.0, True, [], [2, "x"], [2, True]])
def test_a_bad_config_names_the_key(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"`{key}`"):
        VaeConfig.from_json({**OTHER, key: value})
    with pytest.raises(ValueError, match=f"`{key}`"):
        VaeConfig.from_json({name: OTHER[name] for name in OTHER if name != key})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"downsampling_ratios": [4, 2]}, "channel_multiples"),
        ({"downsampling_ratios": [4, 3, 2]}, "downsampling_ratios"),
        ({"encoder_hidden_size": 32}, "encoder_hidden_size"),
    ],
)
def test_unsupported_shapes_are_refused(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"`{named}`"):
        VaeConfig.from_json({**OTHER, **change})


def _changed(before: Tensor, after: Tensor) -> list[int]:
    """Frames at which two sequences [C, T] differ."""
    return [int(t) for t in (before != after).any(dim=0).nonzero()]


def test_published_reach() -> None:
    config = VaeConfig.from_json(golden_config())
    assert (config.decoder_reach, config.encoder_reach) == (9, 7)


def test_reach_is_what_a_value_can_change() -> None:
    vae = filled(OTHER, random_weights(OTHER)).fold(torch.float64)
    for snake in (m for m in vae.modules() if hasattr(m, "alpha")):
        snake.double()
    hop, channels = vae.config.hop, vae.config.decoder_input_channels
    frames = 2 * max(vae.config.decoder_reach, vae.config.encoder_reach) + 3
    middle = frames // 2
    latents = torch.randn(1, channels, frames, dtype=torch.float64)
    touched = latents.clone()
    touched[:, :, middle] += 1
    audio = [vae.decode(z)[0].view(2, frames, hop).transpose(1, 2) for z in (latents, touched)]
    found = _changed(*(a.flatten(0, 1) for a in audio))
    assert middle - found[0] == found[-1] - middle == vae.config.decoder_reach
    sound = torch.randn(1, 2, frames * hop, dtype=torch.float64)
    other = sound.clone()
    other[:, :, middle * hop : (middle + 1) * hop] += 1
    means = _changed(*(vae.encode(x).mean[0] for x in (sound, other)))
    assert middle - means[0] <= vae.config.encoder_reach >= means[-1] - middle
    assert max(middle - means[0], means[-1] - middle) == vae.config.encoder_reach
