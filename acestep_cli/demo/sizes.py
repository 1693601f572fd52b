"""The dimensions of a checkpoint set: the published ones, and tiny ones for trials and tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FSQ_LEVELS = (8, 8, 8, 5, 5, 5)
LATENT_CHANNELS = 64
AUDIO_CODES = 65_535
PATCH_SIZE = 2
POOL_WINDOW = 5


@dataclass(frozen=True, slots=True)
class StackSizes:
    """One stack of transformer blocks; `heads * head_dim` need not equal `width`."""

    width: int
    mlp: int
    heads: int
    kv_heads: int
    head_dim: int

    @property
    def query(self) -> int:
        """Rows of the query projection."""
        return self.heads * self.head_dim

    @property
    def key(self) -> int:
        """Rows of the key projection and of the value projection."""
        return self.kv_heads * self.head_dim


@dataclass(frozen=True, slots=True)
class DitSizes:
    """A folder `acestep-v15-*`: the DiT, the condition encoders and the FSQ tokenizer.

    `encoder` None means that the encoders share the DiT's width, as the 2B models do. `text_width`
    is the width of the text encoder. `silence_frames` is the length n of `silence_latent.pt`
    [1, 64, n]; the published one has 15000.
    """

    stack: StackSizes
    layers: int
    sliding_window: int
    lyric_layers: int
    timbre_layers: int
    pooler_layers: int
    text_width: int
    silence_frames: int
    is_turbo: bool
    encoder: StackSizes | None = None

    @property
    def encoders(self) -> StackSizes:
        """The stack of the lyric, timbre, pooling and detokenizing encoders."""
        return self.encoder or self.stack


@dataclass(frozen=True, slots=True)
class QwenSizes:
    """A Qwen3 folder: the text encoder, or the planner when `audio_codes` is not 0.

    `base_vocabulary` counts the byte-level tokens before the 26 added ones; None means as many as
    the small built-in vocabulary has, a larger number is filled up with tokens no text produces.
    `is_tied`: the embedding is the output head too; else the planner has one of its own.
    `model_prefix`: tensor names begin with `model.`, as in some of the published files.
    """

    stack: StackSizes
    layers: int
    base_vocabulary: int | None = None
    audio_codes: int = 0
    max_positions: int = 32_768
    is_tied: bool = True
    model_prefix: bool = False


@dataclass(frozen=True, slots=True)
class VaeSizes:
    """The VAE. The encoder's width is twice the latent channels: mean and scale of each."""

    decoder_width: int
    multiples: tuple[int, ...]
    encoder_width: int = 2 * LATENT_CHANNELS
    strides: tuple[int, ...] = (2, 4, 4, 6, 10)


@dataclass(frozen=True, slots=True)
class Sizes:
    """A whole set. `dits` maps folder names to sizes; `planner` None leaves the planner out."""

    dits: Mapping[str, DitSizes]
    text_encoder: QwenSizes
    vae: VaeSizes
    planner: QwenSizes | None = None
    text_encoder_name: str = "Qwen3-Embedding-0.6B"
    planner_name: str = "acestep-5Hz-lm-0.6B"

    def folders(self) -> tuple[str, ...]:
        """The names of all folders of the set."""
        planner = () if self.planner is None else (self.planner_name,)
        return (*self.dits, self.text_encoder_name, *planner, "vae")


_TINY_TURBO = DitSizes(
    stack=StackSizes(width=64, mlp=160, heads=4, kv_heads=2, head_dim=16),
    layers=4,
    sliding_window=12,
    lyric_layers=2,
    timbre_layers=2,
    pooler_layers=2,
    text_width=48,
    silence_frames=1600,
    is_turbo=True,
)
_TINY_BASE = DitSizes(
    stack=StackSizes(width=48, mlp=128, heads=3, kv_heads=1, head_dim=32),
    layers=3,
    sliding_window=9,
    lyric_layers=3,
    timbre_layers=1,
    pooler_layers=1,
    text_width=48,
    silence_frames=800,
    is_turbo=False,
)
TINY = Sizes(
    dits={"acestep-v15-turbo": _TINY_TURBO, "acestep-v15-base": _TINY_BASE},
    text_encoder=QwenSizes(StackSizes(width=48, mlp=112, heads=4, kv_heads=2, head_dim=16), 3),
    planner=QwenSizes(
        StackSizes(width=32, mlp=128, heads=4, kv_heads=2, head_dim=16),
        layers=2,
        audio_codes=AUDIO_CODES,
        max_positions=40_960,
    ),
    vae=VaeSizes(decoder_width=16, multiples=(1, 1, 1, 1, 1)),
)

_ENCODERS_2B = StackSizes(width=2048, mlp=6144, heads=16, kv_heads=8, head_dim=128)
DIT_2B = DitSizes(
    stack=_ENCODERS_2B,
    layers=24,
    sliding_window=128,
    lyric_layers=8,
    timbre_layers=4,
    pooler_layers=2,
    text_width=1024,
    silence_frames=15_000,
    is_turbo=True,
)
DIT_XL = DitSizes(
    stack=StackSizes(width=2560, mlp=9728, heads=32, kv_heads=8, head_dim=128),
    layers=32,
    sliding_window=128,
    lyric_layers=8,
    timbre_layers=4,
    pooler_layers=2,
    text_width=1024,
    silence_frames=15_000,
    is_turbo=True,
    encoder=_ENCODERS_2B,
)
_QWEN_06B = StackSizes(width=1024, mlp=3072, heads=16, kv_heads=8, head_dim=128)
_QWEN_VOCABULARY = 151_643
VAE_FULL = VaeSizes(decoder_width=128, multiples=(1, 2, 4, 8, 16))
FULL_2B = Sizes(
    dits={"acestep-v15-turbo": DIT_2B},
    text_encoder=QwenSizes(_QWEN_06B, 28, _QWEN_VOCABULARY),
    planner=QwenSizes(_QWEN_06B, 28, _QWEN_VOCABULARY, AUDIO_CODES, 40_960),
    vae=VAE_FULL,
)
