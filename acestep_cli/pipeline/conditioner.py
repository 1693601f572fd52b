"""Words to what the DiT attends to: prompts, tokens, text features, packed condition.

Two steps, because they need different weights: `read_words` runs the text encoder, `pack_condition`
the condition encoder. Items run one at a time, so nothing is ever padded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from acestep_cli.models.encoders import ConditionEncoder
from acestep_cli.models.qwen3 import Qwen3Model
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.plan import Plan
from acestep_cli.pipeline.prompts import (
    CAPTION_TOKENS,
    LYRIC_TOKENS,
    StemWords,
    caption_prompt,
    fit_caption,
    lyric_prompt,
    metas_text,
    neutralise,
)


class TextTokenizer(Protocol):
    """What the conditioner needs of a tokenizer."""

    def encode(self, text: str, max_length: int | None = None) -> list[int]:
        """Token ids with the tokenizer's own end token; at most `max_length`, cut on the right."""

    def added_in(self, text: str) -> list[str]:
        """The special tokens that `text` spells out, in order."""


@dataclass(frozen=True, slots=True)
class Words:
    """The prompts of one song and their tokens; `warnings` are (code, sentence) pairs."""

    caption_prompt: str
    lyric_prompt: str
    caption_ids: tuple[int, ...]
    lyric_ids: tuple[int, ...]
    warnings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """caption: [1, Lt, text_hidden] last hidden states; lyrics: [1, Ll, text_hidden] embeddings."""

    caption: Tensor
    lyrics: Tensor


def write_words(
    plan: Plan,
    instruction: str,
    seconds: float,
    tokenizer: TextTokenizer,
    parity: Parity,
    stem: StemWords | None = None,
) -> Words:
    """Prompts and tokens of `plan`; `seconds` is the length that the prompt tells, `stem` what a
    checkpoint trained on stems reads beside the caption.

    A caption too long for 256 tokens is shortened so that the metadata stays; lyrics beyond 2048
    tokens cannot be read: both with a warning.
    """
    caption, lyrics, song = plan.caption, plan.lyrics, stem.song if stem is not None else ""
    warnings = []
    smuggled = [token for text in (caption, lyrics, song) for token in tokenizer.added_in(text)]
    if smuggled and not parity.prompts_as_typed:
        caption, lyrics, song = (neutralise(text, smuggled) for text in (caption, lyrics, song))
        stem = None if stem is None else replace(stem, song=song)
        warnings.append(("special_tokens", f"{smuggled[0]} in the text is read as plain words"))
    metas = metas_text(plan, seconds)
    if parity.prompts_as_typed:
        prompt, lost = caption_prompt(instruction, caption, metas, stem), 0
    else:
        prompt, lost = fit_caption(instruction, caption, metas, tokenizer.encode, stem=stem)
    if lost:
        warnings.append(
            (
                "caption_shortened",
                f"the caption is longer than the model reads ({CAPTION_TOKENS} tokens with the "
                f"metadata): its last {lost} characters are left out",
            )
        )
    sung = lyric_prompt(plan.language, lyrics)
    lyric_ids = tokenizer.encode(sung, max_length=LYRIC_TOKENS)
    length = len(tokenizer.encode(sung))
    if length > LYRIC_TOKENS:
        warnings.append(
            (
                "lyrics_cut",
                f"the lyrics have {length} tokens and the model reads {LYRIC_TOKENS}: "
                "what is over is left out; shorten them",
            )
        )
    return Words(
        caption_prompt=prompt,
        lyric_prompt=sung,
        caption_ids=tuple(tokenizer.encode(prompt, max_length=CAPTION_TOKENS)),
        lyric_ids=tuple(lyric_ids),
        warnings=tuple(warnings),
    )


def read_words(words: Words, encoder: Qwen3Model) -> TextFeatures:
    """The text encoder on the caption prompt; its embedding table alone on the lyrics."""
    device = encoder.norm.weight.device
    caption = torch.tensor([words.caption_ids], device=device)
    lyrics = torch.tensor([words.lyric_ids], device=device)
    return TextFeatures(caption=encoder(caption), lyrics=encoder.embed(lyrics))


def pack_condition(features: TextFeatures, timbre: Tensor, encoder: ConditionEncoder) -> Tensor:
    """Lyrics, timbre, text as one sequence [1, L, E]. `timbre`: [1, R, E], already encoded."""
    caption_mask = torch.ones(features.caption.shape[:2], dtype=torch.bool, device=timbre.device)
    lyric_mask = torch.ones(features.lyrics.shape[:2], dtype=torch.bool, device=timbre.device)
    timbre_mask = torch.ones(timbre.shape[:2], dtype=torch.bool, device=timbre.device)
    packed = encoder.combine(
        features.caption, caption_mask, features.lyrics, lyric_mask, timbre, timbre_mask
    )
    return packed.states
