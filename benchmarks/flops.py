"""How much arithmetic a stage needs: floating-point operations counted from a `config.json`.

A multiplication and the addition after it count as two. Only matrix products and convolutions
count, and only those that a song cannot do without: a sliding window costs its band, causal
attention its triangle, cross-attention's keys and values nothing in a step (they are the song's).
Layer sizes: pipeline facts 2.2 (VAE), 3.1 (text encoder), 4 (conditions), 5 (DiT).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

Config = Mapping[str, Any]

_TIMBRE_FRAMES = 750
_SEVEN_TAPS_AND_ONE = 7 + 1
_RESIDUAL_UNITS = 3


def dit_step(config: Config, frames: int, condition: int) -> float:
    """One velocity for `frames` latent frames (25 a second) and `condition` condition tokens."""
    width, head = config["hidden_size"], config["head_dim"]
    query, key = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    tokens = -(-frames // config["patch_size"])
    window = 2 * config["sliding_window"] + 1
    layers = config["num_hidden_layers"]
    total = 0.0
    for index in range(layers):
        own = _linear(tokens, width, query + 2 * key) + _linear(tokens, query, width)
        cross = _linear(tokens, width, query) + _linear(tokens, query, width)
        seen = min(tokens, window) if _slides(config, index) else tokens
        total += own + cross + _linear(tokens, width, 3 * config["intermediate_size"])
        total += _attention(tokens, seen, query) + _attention(tokens, condition, query)
    patch = config["patch_size"]
    latent = config["audio_acoustic_hidden_dim"]
    ends = _linear(tokens, config["in_channels"] * patch, width)
    return total + ends + _linear(tokens, width, latent * patch)


def vae_decode(config: Config, frames: int) -> float:
    """Audio from `frames` latent frames."""
    multiples = [1, *config["channel_multiples"]][::-1]
    widths = [config["decoder_channels"] * multiple for multiple in multiples]
    strides, samples = config["downsampling_ratios"][::-1], frames
    total = _linear(frames, 7 * config["decoder_input_channels"], widths[0])
    for (inputs, outputs), stride in zip(pairwise(widths), strides, strict=True):
        total += _linear(samples, inputs, 2 * stride * outputs)
        samples *= stride
        total += _RESIDUAL_UNITS * _linear(samples, _SEVEN_TAPS_AND_ONE * outputs, outputs)
    return total + _linear(samples, 7 * widths[-1], config["audio_channels"])


def text_features(config: Config, tokens: int) -> float:
    """The text encoder on `tokens` tokens; `config` is its own."""
    block = _block(config, tokens)
    triangle = _attention(tokens, (tokens + 1) / 2, _query(config))
    return float(config["num_hidden_layers"] * (block + triangle))


def conditions(config: Config, caption: int, lyrics: int, *, timbre: bool) -> float:
    """The condition encoders on `caption` and `lyrics` tokens, with or without the work on 30 s of
    silence that stands in for a reference (the same for every song)."""
    sizes = _encoder_sizes(config)
    width, text = sizes["hidden_size"], config["text_hidden_dim"]
    total = _linear(caption, text, width) + _linear(lyrics, text, width)
    total += _encoder(sizes, lyrics, config["num_lyric_encoder_hidden_layers"])
    if timbre:
        total += _linear(_TIMBRE_FRAMES, config["timbre_hidden_dim"], width)
        total += _encoder(sizes, _TIMBRE_FRAMES, config["num_timbre_encoder_hidden_layers"])
    return total


def _encoder(sizes: Config, tokens: int, layers: int) -> float:
    window = 2 * sizes["sliding_window"] + 1
    total = 0.0
    for index in range(layers):
        seen = min(tokens, window) if _slides(sizes, index) else tokens
        total += _block(sizes, tokens) + _attention(tokens, seen, _query(sizes))
    return total


def _encoder_sizes(config: Config) -> dict[str, Any]:
    """The encoders' own sizes where a config has them, else the DiT's."""
    names = (
        "hidden_size",
        "intermediate_size",
        "num_attention_heads",
        "num_key_value_heads",
    )
    own = {name: config.get(f"encoder_{name}", config[name]) for name in names}
    return {**config, **own}


def _block(sizes: Config, tokens: int) -> float:
    """Projections and MLP of one transformer block, without attention itself."""
    width, query = sizes["hidden_size"], _query(sizes)
    key = sizes["num_key_value_heads"] * sizes["head_dim"]
    own = _linear(tokens, width, query + 2 * key) + _linear(tokens, query, width)
    return own + _linear(tokens, width, 3 * sizes["intermediate_size"])


def _query(sizes: Config) -> int:
    return int(sizes["num_attention_heads"] * sizes["head_dim"])


def _slides(config: Config, index: int) -> bool:
    return bool(config["layer_types"][index] == "sliding_attention")


def _linear(rows: float, inputs: float, outputs: float) -> float:
    return 2.0 * rows * inputs * outputs


def _attention(queries: float, keys: float, width: float) -> float:
    """Scores and their product with the values."""
    return 2 * _linear(queries, keys, width)
