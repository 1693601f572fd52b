"""Dimensions of the autoencoder, read from its `config.json`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acestep_cli.models.config import ConfigReader

DILATIONS = (1, 3, 9)
# Rows on either side that three residual units of seven dilated taps look at.
UNITS_REACH = 3 * sum(DILATIONS)
_EDGE_REACH = 3


@dataclass(frozen=True, slots=True)
class VaeConfig:
    """The dimensions of one autoencoder, as its `config.json` gives them."""

    encoder_hidden_size: int
    downsampling_ratios: tuple[int, ...]
    channel_multiples: tuple[int, ...]
    decoder_channels: int
    decoder_input_channels: int
    audio_channels: int
    sampling_rate: int

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> VaeConfig:
        """Read a parsed `config.json`; ValueError names a missing, ill-typed or unsupported key."""
        reader = ConfigReader(raw)
        config = cls(
            encoder_hidden_size=reader.integer("encoder_hidden_size"),
            downsampling_ratios=reader.integers("downsampling_ratios"),
            channel_multiples=reader.integers("channel_multiples"),
            decoder_channels=reader.integer("decoder_channels"),
            decoder_input_channels=reader.integer("decoder_input_channels"),
            audio_channels=reader.integer("audio_channels"),
            sampling_rate=reader.integer("sampling_rate"),
        )
        _refuse_unsupported(config)
        return config

    @property
    def hop(self) -> int:
        """Audio samples per latent frame (1920 in the published checkpoint)."""
        return math.prod(self.downsampling_ratios)

    @property
    def decoder_reach(self) -> int:
        """Latent frames on either side of a frame that its audio depends on (9)."""
        reach = _EDGE_REACH
        for stride in self.downsampling_ratios:
            # A row of a transposed convolution reads two rows; half a stride is cut away in front.
            reach = (reach + UNITS_REACH + stride // 2 - 1) // stride + 1
        return reach + _EDGE_REACH

    @property
    def encoder_reach(self) -> int:
        """Latent frames' worth of audio on either side of a frame that it depends on (7)."""
        reach = 1
        for stride in reversed(self.downsampling_ratios):
            reach = reach * stride + stride // 2 + UNITS_REACH
        return math.ceil((reach + _EDGE_REACH) / self.hop)

    def encoder_widths(self) -> list[int]:
        """Channels before the first and after each encoder block."""
        return [self.encoder_hidden_size * m for m in (1, *self.channel_multiples)]

    def decoder_widths(self) -> list[int]:
        """Channels before the first and after each decoder block."""
        return [self.decoder_channels * m for m in (*self.channel_multiples[::-1], 1)]


def _refuse_unsupported(config: VaeConfig) -> None:
    ratios, multiples = config.downsampling_ratios, config.channel_multiples
    if len(ratios) != len(multiples):
        raise ValueError(
            f"`channel_multiples` has {len(multiples)} entries and must have {len(ratios)}, "
            "as `downsampling_ratios`"
        )
    odd = next((ratio for ratio in ratios if ratio % 2), None)
    if odd is not None:
        raise ValueError(f"`downsampling_ratios` has {odd} and must hold even numbers only")
    if config.encoder_hidden_size != 2 * config.decoder_input_channels:
        raise ValueError(
            f"`encoder_hidden_size` is {config.encoder_hidden_size} and must be twice "
            f"`decoder_input_channels` ({config.decoder_input_channels}): a mean and a scale each"
        )
