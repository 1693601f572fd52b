"""The names and shapes of every published tensor, with the mean and spread its random values get.

The spreads keep signals at about unit size through any depth, so that latents stay bounded and the
VAE gives audible noise. Independent of `models`: a second statement of the layout to test against.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod, sqrt

from acestep_cli.demo.sizes import (
    FSQ_LEVELS,
    LATENT_CHANNELS,
    PATCH_SIZE,
    POOL_WINDOW,
    DitSizes,
    QwenSizes,
    StackSizes,
    VaeSizes,
)

_TIME_FEATURES = 256
_DIT_CHANNELS = 3 * LATENT_CHANNELS
_FSQ_DIMS = len(FSQ_LEVELS)


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor of a file: values are drawn from a normal of `mean` and `std`."""

    name: str
    shape: tuple[int, ...]
    std: float
    mean: float = 0.0

    @property
    def numel(self) -> int:
        """How many values it holds."""
        return prod(self.shape)


def dit_tensors(sizes: DitSizes) -> list[TensorSpec]:
    """All tensors of an `acestep-v15-*` folder, sorted by name."""
    width = sizes.encoders.width
    specs = [
        TensorSpec("null_condition_emb", (1, 1, width), 1.0),
        *_decoder(sizes),
        *_linear("encoder.text_projector", width, sizes.text_width, bias=False),
        *_encoder("encoder.lyric_encoder", sizes.encoders, sizes.lyric_layers, sizes.text_width),
        *_encoder("encoder.timbre_encoder", sizes.encoders, sizes.timbre_layers, LATENT_CHANNELS),
        TensorSpec("encoder.timbre_encoder.special_token", (1, 1, width), 1.0),
        *_linear("tokenizer.audio_acoustic_proj", width, LATENT_CHANNELS),
        *_encoder("tokenizer.attention_pooler", sizes.encoders, sizes.pooler_layers, width),
        TensorSpec("tokenizer.attention_pooler.special_token", (1, 1, width), 1.0),
        *_linear("tokenizer.quantizer.project_in", _FSQ_DIMS, width),
        *_linear("tokenizer.quantizer.project_out", width, _FSQ_DIMS, gain=1.4),
        *_encoder("detokenizer", sizes.encoders, sizes.pooler_layers, width),
        TensorSpec("detokenizer.special_tokens", (1, POOL_WINDOW, width), 0.7),
        *_linear("detokenizer.proj_out", LATENT_CHANNELS, width),
    ]
    return sorted(specs, key=lambda spec: spec.name)


def qwen_tensors(sizes: QwenSizes, vocabulary: int) -> list[TensorSpec]:
    """All tensors of a Qwen3 folder, sorted by name."""
    width, prefix = sizes.stack.width, "model." if sizes.model_prefix else ""
    specs = [
        TensorSpec(f"{prefix}embed_tokens.weight", (vocabulary, width), 1.0),
        _norm(f"{prefix}norm", width),
        *(
            spec
            for index in range(sizes.layers)
            for spec in _encoder_layer(f"{prefix}layers.{index}", sizes.stack)
        ),
    ]
    if not sizes.is_tied:
        specs.append(TensorSpec("lm_head.weight", (vocabulary, width), 1.0))
    return sorted(specs, key=lambda spec: spec.name)


def vae_tensors(sizes: VaeSizes) -> list[TensorSpec]:
    """All tensors of the VAE, sorted by name."""
    return sorted([*_vae_encoder(sizes), *_vae_decoder(sizes)], key=lambda spec: spec.name)


def _decoder(sizes: DitSizes) -> Iterator[TensorSpec]:
    width = sizes.stack.width
    yield TensorSpec("decoder.scale_shift_table", (1, 2, width), 0.25)
    fan_in = _DIT_CHANNELS * PATCH_SIZE
    yield TensorSpec(
        "decoder.proj_in.1.weight", (width, _DIT_CHANNELS, PATCH_SIZE), 1 / sqrt(fan_in)
    )
    yield TensorSpec("decoder.proj_in.1.bias", (width,), 0.1)
    for time_embed in ("decoder.time_embed", "decoder.time_embed_r"):
        yield from _linear(f"{time_embed}.linear_1", width, _TIME_FEATURES)
        yield from _linear(f"{time_embed}.linear_2", width, width)
        yield from _linear(f"{time_embed}.time_proj", 6 * width, width, gain=0.6)
    yield from _linear("decoder.condition_embedder", width, sizes.encoders.width)
    for index in range(sizes.layers):
        yield from _decoder_layer(f"decoder.layers.{index}", sizes.stack)
    yield _norm("decoder.norm_out", width)
    # ConvTranspose1d keeps (in, out, kernel); each output sample sees one tap of every input.
    yield TensorSpec(
        "decoder.proj_out.1.weight", (width, LATENT_CHANNELS, PATCH_SIZE), 0.8 / sqrt(width)
    )
    yield TensorSpec("decoder.proj_out.1.bias", (LATENT_CHANNELS,), 0.07)


def _decoder_layer(prefix: str, stack: StackSizes) -> Iterator[TensorSpec]:
    yield TensorSpec(f"{prefix}.scale_shift_table", (1, 6, stack.width), 0.25)
    for norm in ("self_attn_norm", "cross_attn_norm", "mlp_norm"):
        yield _norm(f"{prefix}.{norm}", stack.width)
    yield from _attention(f"{prefix}.self_attn", stack)
    yield from _attention(f"{prefix}.cross_attn", stack)
    yield from _mlp(f"{prefix}.mlp", stack)


def _encoder(prefix: str, stack: StackSizes, layers: int, input_width: int) -> Iterator[TensorSpec]:
    yield from _linear(f"{prefix}.embed_tokens", stack.width, input_width)
    yield _norm(f"{prefix}.norm", stack.width)
    for index in range(layers):
        yield from _encoder_layer(f"{prefix}.layers.{index}", stack)


def _encoder_layer(prefix: str, stack: StackSizes) -> Iterator[TensorSpec]:
    yield _norm(f"{prefix}.input_layernorm", stack.width)
    yield _norm(f"{prefix}.post_attention_layernorm", stack.width)
    yield from _attention(f"{prefix}.self_attn", stack)
    yield from _mlp(f"{prefix}.mlp", stack)


def _attention(prefix: str, stack: StackSizes) -> Iterator[TensorSpec]:
    yield from _linear(f"{prefix}.q_proj", stack.query, stack.width, bias=False)
    yield from _linear(f"{prefix}.k_proj", stack.key, stack.width, bias=False)
    yield from _linear(f"{prefix}.v_proj", stack.key, stack.width, bias=False)
    yield from _linear(f"{prefix}.o_proj", stack.width, stack.query, gain=0.8, bias=False)
    yield _norm(f"{prefix}.q_norm", stack.head_dim)
    yield _norm(f"{prefix}.k_norm", stack.head_dim)


def _mlp(prefix: str, stack: StackSizes) -> Iterator[TensorSpec]:
    yield from _linear(f"{prefix}.gate_proj", stack.mlp, stack.width, bias=False)
    yield from _linear(f"{prefix}.up_proj", stack.mlp, stack.width, bias=False)
    yield from _linear(f"{prefix}.down_proj", stack.width, stack.mlp, gain=0.8, bias=False)


def _linear(
    prefix: str, rows: int, columns: int, *, gain: float = 1.0, bias: bool = True
) -> Iterator[TensorSpec]:
    yield TensorSpec(f"{prefix}.weight", (rows, columns), gain / sqrt(columns))
    if bias:
        yield TensorSpec(f"{prefix}.bias", (rows,), 0.1)


def _norm(prefix: str, width: int) -> TensorSpec:
    return TensorSpec(f"{prefix}.weight", (width,), 0.15, 1.0)


def _vae_encoder(sizes: VaeSizes) -> Iterator[TensorSpec]:
    widths = [sizes.encoder_width * multiple for multiple in (1, *sizes.multiples)]
    yield from _conv("encoder.conv1", widths[0], 2, 7, gain=5.0)
    for index, stride in enumerate(sizes.strides):
        prefix, width = f"encoder.block.{index}", widths[index]
        yield from _residual_units(prefix, width)
        yield from _snake(f"{prefix}.snake1", width)
        yield from _conv(f"{prefix}.conv1", widths[index + 1], width, 2 * stride, gain=0.7)
    yield from _snake("encoder.snake1", widths[-1])
    yield from _conv("encoder.conv2", sizes.encoder_width, widths[-1], 3, gain=1.2)


def _vae_decoder(sizes: VaeSizes) -> Iterator[TensorSpec]:
    widths = [sizes.decoder_width * multiple for multiple in reversed((1, *sizes.multiples))]
    yield from _conv("decoder.conv1", widths[0], LATENT_CHANNELS, 7, gain=1.0)
    for index, stride in enumerate(reversed(sizes.strides)):
        prefix, width, after = f"decoder.block.{index}", widths[index], widths[index + 1]
        yield from _snake(f"{prefix}.snake1", width)
        yield from _transposed_conv(f"{prefix}.conv_t1", width, after, stride, gain=0.7)
        yield from _residual_units(prefix, after)
    yield from _snake("decoder.snake1", widths[-1])
    yield from _conv("decoder.conv2", 2, widths[-1], 7, gain=0.12, bias=False)


def _residual_units(prefix: str, width: int) -> Iterator[TensorSpec]:
    for index in (1, 2, 3):
        unit = f"{prefix}.res_unit{index}"
        yield from _snake(f"{unit}.snake1", width)
        yield from _conv(f"{unit}.conv1", width, width, 7, gain=0.75)
        yield from _snake(f"{unit}.snake2", width)
        yield from _conv(f"{unit}.conv2", width, width, 1, gain=0.45)


def _conv(
    prefix: str, rows: int, columns: int, kernel: int, *, gain: float, bias: bool = True
) -> Iterator[TensorSpec]:
    # With weight norm the gain of a white input is weight_g, whatever the size of weight_v.
    yield TensorSpec(f"{prefix}.weight_g", (rows, 1, 1), 0.05 * gain, gain)
    yield TensorSpec(f"{prefix}.weight_v", (rows, columns, kernel), 1.0)
    if bias:
        yield TensorSpec(f"{prefix}.bias", (rows,), 0.05)


def _transposed_conv(
    prefix: str, columns: int, rows: int, stride: int, *, gain: float
) -> Iterator[TensorSpec]:
    # Dimension 0 is the input here: its norm is shared by rows * 2 * stride taps, and each output
    # sample adds two taps of every input.
    norm = gain * sqrt(rows * stride / columns)
    yield TensorSpec(f"{prefix}.weight_g", (columns, 1, 1), 0.05 * norm, norm)
    yield TensorSpec(f"{prefix}.weight_v", (columns, rows, 2 * stride), 1.0)
    yield TensorSpec(f"{prefix}.bias", (rows,), 0.05)


def _snake(prefix: str, width: int) -> Iterator[TensorSpec]:
    yield TensorSpec(f"{prefix}.alpha", (1, width, 1), 0.3)
    yield TensorSpec(f"{prefix}.beta", (1, width, 1), 0.3, 0.2)
