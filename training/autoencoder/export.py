"""The trained autoencoder under the published names, in the published widths."""

from __future__ import annotations

import torch
from torch import Tensor

from acestep_cli.demo import configs
from acestep_cli.demo.sizes import VaeSizes
from acestep_cli.models.vae import Vae
from acestep_cli.models.vae_config import VaeConfig
from training.autoencoder.layers import Decoder, Encoder
from training.autoencoder.sizes import DECODER_CHANNELS, MULTIPLES, STRIDES

VAE = VaeSizes(decoder_width=DECODER_CHANNELS, multiples=MULTIPLES, strides=STRIDES)
_TINY_SPREAD = -9.0  # through softplus: the encoder is as good as certain


def vae_tensors(encoder: Encoder, decoder: Decoder) -> dict[str, Tensor]:
    """All tensors of the `vae` folder, float32.

    The encoder is narrower than its place: its weights fill the first channels, all others have
    gain 0 and hear nothing. Its 64 outputs become the means.
    """
    with torch.device("meta"):
        shapes = Vae(VaeConfig.from_json(configs.vae_config(VAE))).state_dict()
    trained = {
        **{f"encoder.{name}": value for name, value in encoder.state_dict().items()},
        **{f"decoder.{name}": value for name, value in decoder.state_dict().items()},
    }
    found: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        if name.endswith(".weight_v"):
            weight = trained[name.removesuffix("_v")]
            direction, gain = _weight_norm(_placed(weight, shape.shape))
            found[name], found[name.removesuffix("_v") + "_g"] = direction, gain
        elif not name.endswith(".weight_g"):
            found[name] = _placed(trained[name], shape.shape)
    found["encoder.conv2.bias"][64:] = _TINY_SPREAD
    return found


def _placed(value: Tensor, shape: torch.Size) -> Tensor:
    """`value` in the first places of zeros of `shape`."""
    out = torch.zeros(shape)
    out[tuple(slice(size) for size in value.shape)] = value.detach().float()
    return out


def _weight_norm(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Direction and gain [first, 1, 1]; rows of zeros get gain 0 and any direction."""
    gain = weight.flatten(1).norm(dim=1)[:, None, None]
    direction = weight.clone()
    direction[gain.flatten() == 0, 0, 0] = 1.0
    return direction, gain
