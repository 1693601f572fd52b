"""Dimensions of the ACE-Step checkpoint, read from its `config.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acestep_cli.models.layers import BlockConfig


@dataclass(frozen=True, slots=True)
class AceStepConfig:
    """Everything the networks of one `acestep-v15-*` folder need to know about their sizes.

    decoder: the DiT's blocks; encoder: blocks of the lyric, timbre, pooling and detokenizing stacks
    (the same widths unless the config has `encoder_*` keys); separate_encoder: the XL layout, whose
    timbre encoder reads a class token; layers: of the DiT; layer_types: of its layers and, by the
    same index, of those of the other stacks, which may be deeper.
    """

    decoder: BlockConfig
    encoder: BlockConfig
    layers: int
    layer_types: tuple[str, ...]
    in_channels: int
    latent_channels: int
    timbre_channels: int
    patch_size: int
    text_hidden: int
    lyric_layers: int
    timbre_layers: int
    pooler_layers: int
    timbre_frames: int
    pool_window: int
    fsq_dim: int
    fsq_levels: tuple[int, ...]
    is_turbo: bool
    is_lego_sft: bool
    separate_encoder: bool
    model_version: str

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> AceStepConfig:
        """Read a parsed `config.json`; ValueError names a missing, ill-typed or unsupported key."""
        reader = ConfigReader(raw)
        decoder = _decoder_blocks(reader)
        layers = reader.integer("num_hidden_layers")
        config = cls(
            decoder=decoder,
            encoder=_encoder_blocks(reader, decoder),
            layers=layers,
            layer_types=_layer_types(reader, layers),
            in_channels=reader.integer("in_channels", 192),
            latent_channels=reader.integer("audio_acoustic_hidden_dim", 64),
            timbre_channels=reader.integer("timbre_hidden_dim", 64),
            patch_size=reader.integer("patch_size", 2),
            text_hidden=reader.integer("text_hidden_dim", 1024),
            lyric_layers=reader.integer("num_lyric_encoder_hidden_layers", 8),
            timbre_layers=reader.integer("num_timbre_encoder_hidden_layers", 4),
            pooler_layers=reader.integer("num_attention_pooler_hidden_layers", 2),
            timbre_frames=reader.integer("timbre_fix_frame", 750),
            pool_window=reader.integer("pool_window_size", 5),
            fsq_dim=reader.integer("fsq_dim", 2048),
            fsq_levels=reader.integers("fsq_input_levels", (8, 8, 8, 5, 5, 5)),
            is_turbo=reader.boolean("is_turbo", default=False),
            is_lego_sft=reader.boolean("is_lego_sft", default=False),
            separate_encoder=raw.get("encoder_hidden_size") is not None,
            model_version=str(raw.get("model_version", "")),
        )
        _refuse_unsupported(reader, config)
        return config


class ConfigReader:
    """Typed access to a parsed JSON object; every failure is a ValueError that names the key."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        if not isinstance(raw, Mapping):
            raise ValueError("the configuration is not a JSON object")
        self.raw = raw

    def integer(self, key: str, default: int | None = None) -> int:
        """A positive integer."""
        value = self.raw.get(key)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
            raise ValueError(f"`{key}` is {value!r} and must be a positive integer")
        return value

    def integers(self, key: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """A non-empty list of positive integers."""
        value = self.raw.get(key)
        value = default if value is None else value
        if (
            not isinstance(value, list | tuple)
            or not value
            or any(isinstance(v, bool) or not isinstance(v, int) or v <= 0 for v in value)
        ):
            raise ValueError(f"`{key}` is {value!r} and must be a list of positive integers")
        return tuple(value)

    def number(self, key: str, default: float | None = None) -> float:
        """A positive finite number."""
        value = self.raw.get(key)
        value = default if value is None else value
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not good or not 0 < value < float("inf"):  # type: ignore[operator]
            raise ValueError(f"`{key}` is {value!r} and must be a positive number")
        return float(value)  # type: ignore[arg-type]

    def boolean(self, key: str, *, default: bool) -> bool:
        """true or false; null means the default."""
        value = self.raw.get(key)
        value = default if value is None else value
        if not isinstance(value, bool):
            raise ValueError(f"`{key}` is {value!r} and must be true or false")
        return value


def _decoder_blocks(reader: ConfigReader) -> BlockConfig:
    heads = reader.integer("num_attention_heads")
    hidden = reader.integer("hidden_size")
    return BlockConfig(
        hidden=hidden,
        heads=heads,
        kv_heads=reader.integer("num_key_value_heads", heads),
        head_dim=reader.integer("head_dim", max(1, hidden // heads)),
        mlp=reader.integer("intermediate_size"),
        eps=reader.number("rms_norm_eps", 1e-6),
        theta=reader.number("rope_theta", 1e6),
        window=reader.integer("sliding_window", 128),
    )


def _encoder_blocks(reader: ConfigReader, decoder: BlockConfig) -> BlockConfig:
    return BlockConfig(
        hidden=reader.integer("encoder_hidden_size", decoder.hidden),
        heads=reader.integer("encoder_num_attention_heads", decoder.heads),
        kv_heads=reader.integer("encoder_num_key_value_heads", decoder.kv_heads),
        head_dim=decoder.head_dim,
        mlp=reader.integer("encoder_intermediate_size", decoder.mlp),
        eps=decoder.eps,
        theta=decoder.theta,
        window=decoder.window,
    )


def _layer_types(reader: ConfigReader, layers: int) -> tuple[str, ...]:
    """At least one entry a layer; absent, even indices slide and odd ones are full (pipeline facts
    1.3)."""
    known = ("sliding_attention", "full_attention")
    given = reader.raw.get("layer_types")
    if given is None:
        given = [known[index % 2] for index in range(layers)]
    if not isinstance(given, list) or len(given) < layers or not all(one in known for one in given):
        raise ValueError(f"`layer_types` must list {layers} or more of {sorted(known)}")
    if not reader.boolean("use_sliding_window", default=True):
        return ("full_attention",) * len(given)
    return tuple(given)


def _refuse_unsupported(reader: ConfigReader, config: AceStepConfig) -> None:
    for block in (config.decoder, config.encoder):
        if block.heads % block.kv_heads:
            raise ValueError(
                f"{block.heads} attention heads are no multiple of {block.kv_heads} key-value heads"
            )
        if block.head_dim % 2:
            raise ValueError(f"`head_dim` is {block.head_dim} and must be even")
    deepest = max(config.lyric_layers, config.timbre_layers, config.pooler_layers)
    if deepest > len(config.layer_types):
        raise ValueError(f"`layer_types` has {len(config.layer_types)} entries, {deepest} needed")
    if reader.raw.get("attention_bias"):
        raise ValueError("`attention_bias` is true, which no ACE-Step 1.5 checkpoint uses")
    if reader.raw.get("rope_scaling"):
        raise ValueError("`rope_scaling` is set, which no ACE-Step 1.5 checkpoint uses")
    if reader.raw.get("hidden_act", "silu") != "silu":
        raise ValueError(f"`hidden_act` is {reader.raw['hidden_act']!r} and must be 'silu'")
    if reader.raw.get("fsq_input_num_quantizers", 1) != 1:
        raise ValueError("`fsq_input_num_quantizers` must be 1")
    if config.in_channels != 3 * config.latent_channels:
        raise ValueError(
            f"`in_channels` is {config.in_channels} and must be three times the "
            f"{config.latent_channels} latent channels (source, mask, noise)"
        )
    if config.fsq_dim != config.encoder.hidden:
        raise ValueError(
            f"`fsq_dim` is {config.fsq_dim} and must equal the encoder width "
            f"{config.encoder.hidden}"
        )
