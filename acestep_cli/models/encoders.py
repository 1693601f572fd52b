"""The condition encoder: caption, lyrics and timbre reference to one sequence for the DiT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from acestep_cli.models.config import AceStepConfig
from acestep_cli.models.fast import FastStack
from acestep_cli.models.layers import Block, Linear, RMSNorm, RopeTable, make_layers, rope_table
from acestep_cli.models.scratch import round_up


@dataclass(frozen=True, slots=True)
class PackedCondition:
    """What the DiT attends to.

    states: [B, L, E], in the order lyrics, timbre, text, then padding; mask: bool [B, L], True for
    valid positions (which come first).
    """

    states: Tensor
    mask: Tensor


class ConditionEncoder(nn.Module):
    """Projects text, encodes lyrics and timbre, packs the three (pipeline facts 4)."""

    def __init__(self, config: AceStepConfig, *, rounded_rope: bool = False) -> None:
        super().__init__()
        self.text_projector = Linear(config.text_hidden, config.encoder.hidden, bias=False)
        self.lyric_encoder = LyricEncoder(config, rounded_rope=rounded_rope)
        self.timbre_encoder = TimbreEncoder(config, rounded_rope=rounded_rope)

    def forward(
        self,
        text: Tensor,
        text_mask: Tensor,
        lyrics: Tensor,
        lyric_mask: Tensor,
        references: Tensor,
        reference_order: Tensor,
    ) -> PackedCondition:
        """text [B, Lt, text_hidden] and lyrics [B, Ll, text_hidden] with bool masks; references
        [N, F, 64] latents, of which row n belongs to item `reference_order[n]`."""
        timbre = self.timbre_encoder(references)
        timbre, timbre_mask = unpack_references(timbre, reference_order, text.shape[0])
        return self.combine(text, text_mask, lyrics, lyric_mask, timbre, timbre_mask)

    def combine(
        self,
        text: Tensor,
        text_mask: Tensor,
        lyrics: Tensor,
        lyric_mask: Tensor,
        timbre: Tensor,
        timbre_mask: Tensor,
    ) -> PackedCondition:
        """As `forward`, with the timbre tokens [B, R, E] (mask [B, R]) already encoded."""
        encoded = self.lyric_encoder(lyrics, lyric_mask)
        packed = pack(PackedCondition(encoded, lyric_mask), PackedCondition(timbre, timbre_mask))
        return pack(packed, PackedCondition(self.text_projector(text), text_mask))


class EncoderStack(nn.Module):
    """Linear input, transformer blocks over the whole sequence, final norm.

    `fast`, set by `kernels.optimize`, takes the place of the plain blocks where nothing is padded.
    """

    fast: FastStack | None = None

    def __init__(
        self, config: AceStepConfig, inputs: int, layers: int, *, rounded_rope: bool
    ) -> None:
        super().__init__()
        self.block, self.rounded_rope = config.encoder, rounded_rope
        self.embed_tokens = Linear(inputs, config.encoder.hidden)
        self.layers = make_layers(config.encoder, layers, config.layer_types)
        self.norm = RMSNorm(config.encoder.hidden, config.encoder.eps)

    def run(self, h: Tensor, key_mask: Tensor | None = None) -> Tensor:
        """Blocks and norm over embedded h [B, L, E]; key_mask bool [B, L]."""
        if self.fast is not None and key_mask is None:
            return self.norm(self.fast(h, self.rope(h, exact=True)))
        rope = self.rope(h)
        for layer in self.layers:
            h = layer(h, rope, key_mask)
        return self.norm(h)

    def run_first(self, h: Tensor) -> Tensor:
        """Position 0 of `run`: [B, E]. The last layer computes no other row."""
        if self.fast is not None:
            return self.norm(self.fast(h, self.rope(h, exact=True), first=True))[:, 0]
        rope, blocks = self.rope(h), self.blocks()
        for layer in blocks[:-1]:
            h = layer(h, rope)
        return self.norm(blocks[-1].first(h, rope))[:, 0]

    def blocks(self) -> list[Block]:
        """The layers in order."""
        return cast(list[Block], list(self.layers))

    def rope(self, h: Tensor, *, exact: bool = False) -> RopeTable:
        """The rotary table for h [B, L, E]; `exact` is the fast path's: float32, rounded up."""
        return rope_table(
            round_up(h.shape[1]) if exact else h.shape[1],
            self.block.head_dim,
            self.block.theta,
            device=h.device,
            dtype=h.dtype,
            rounded=self.rounded_rope,
            exact=exact,
        )


class LyricEncoder(EncoderStack):
    """Token embeddings of the lyrics [B, L, text_hidden] to [B, L, E]; padding is never seen."""

    def __init__(self, config: AceStepConfig, *, rounded_rope: bool = False) -> None:
        super().__init__(config, config.text_hidden, config.lyric_layers, rounded_rope=rounded_rope)

    def forward(self, lyrics: Tensor, mask: Tensor) -> Tensor:
        """mask: bool [B, L], True for valid tokens; rows of padding mean nothing."""
        return self.run(self.embed_tokens(lyrics), None if bool(mask.all()) else mask)


class TimbreEncoder(EncoderStack):
    """Reference latents [N, F, 64] to one vector each [N, E], read at position 0.

    The XL layout prepends a learned class token; the 2B one reads the first frame, and its
    `special_token` is in the file but unused (pipeline facts 4.3).
    """

    def __init__(self, config: AceStepConfig, *, rounded_rope: bool = False) -> None:
        super().__init__(
            config, config.timbre_channels, config.timbre_layers, rounded_rope=rounded_rope
        )
        self.reads_class_token = config.separate_encoder
        self.special_token = nn.Parameter(torch.empty(1, 1, config.encoder.hidden))

    def forward(self, references: Tensor) -> Tensor:
        """references: [N, F, 64] at 25 Hz; returns [N, E]."""
        h = self.embed_tokens(references)
        if self.reads_class_token:
            h = torch.cat([self.special_token.expand(h.shape[0], -1, -1), h], dim=1)
        return self.run_first(h)


def unpack_references(timbre: Tensor, order: Tensor, items: int) -> tuple[Tensor, Tensor]:
    """Spread reference vectors [N, E] over their items: [items, most, E] and a bool mask.

    `order` int64 [N] names the item of each row; rows of one item keep their order, unused places
    are zero.
    """
    counts = torch.bincount(order, minlength=items)
    most = int(counts.max())
    spread = timbre.new_zeros(items, most, timbre.shape[-1])
    for item in range(items):
        rows = timbre[order == item]
        spread[item, : len(rows)] = rows
    mask = torch.arange(most, device=timbre.device)[None, :] < counts[:, None]
    return spread, mask


def pack(first: PackedCondition, second: PackedCondition) -> PackedCondition:
    """Concatenate two padded sequences [B, *, E] and move all padding behind what is valid."""
    states = torch.cat([first.states, second.states], dim=1)
    mask = torch.cat([first.mask, second.mask], dim=1)
    if bool(mask.all()):
        return PackedCondition(states, mask)
    order = mask.int().argsort(dim=1, descending=True, stable=True)
    states = states.gather(1, order[..., None].expand_as(states))
    valid = mask.sum(1, keepdim=True)
    return PackedCondition(states, torch.arange(mask.shape[1], device=mask.device) < valid)
