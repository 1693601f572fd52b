"""The package's own networks, set up to be trained: first weights, and a forward pass that sees no
padding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from acestep_cli.demo import configs
from acestep_cli.models.acestep import AceStepModel
from acestep_cli.models.config import AceStepConfig
from acestep_cli.models.dit import DiT, DiTLayer, Modulation
from acestep_cli.models.encoders import PackedCondition, pack
from acestep_cli.models.layers import rope_table
from acestep_cli.models.qwen3 import Qwen3Config, Qwen3Model
from training.band.score import VOWELS
from training.entropy import mean_entropy
from training.renderer.attention import plain_attend
from training.renderer.following import BLOCK, strayed, wanted
from training.renderer.reading import Told, directions, misread
from training.renderer.sizes import DIT, TEXT_ENCODER
from training.renderer.text import PLACES

# Weights of the errors of what was read, of the syllables and of where these are heard.
_READING, _SPELLING, _FOLLOWING = 0.02, 0.1, 0.05
# Is shown queries [B, H, positions, d] and keys [B, K, tokens, d] of an attention.
Watch = Callable[[Tensor, Tensor], None]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step is trained on.

    text, lyrics: token ids [B, L] with bool masks; vowels, places [B, L]: of the syllables that end
    at a token of the lyrics, -1 elsewhere; timbre: latents of silence and of references
    [R, F, 64], of which each song has the one at `timbre_of` [B]; context: source and mask
    [B, T, 128]; latents: the truth [B, T, 64]; noise: as large; times: [B]; dropped: bool [B],
    whose condition is left out; weight: [B, T, 64] of each error; told: other
    prompts, and what they say; beats: [B, T], which syllable of its line each frame sings, -1 where
    that is not to be learnt.
    """

    text: Tensor
    text_mask: Tensor
    lyrics: Tensor
    lyric_mask: Tensor
    vowels: Tensor
    places: Tensor
    timbre: Tensor
    timbre_of: Tensor
    context: Tensor
    latents: Tensor
    noise: Tensor
    times: Tensor
    dropped: Tensor
    weight: Tensor
    told: Told
    beats: Tensor


class Renderer(nn.Module):
    """Text encoder and DiT checkpoint together, under the names of their tensors. `syllables` tells
    vowel and place of each syllable from the states of the lyrics, in training alone."""

    sense: Tensor

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.model = AceStepModel(AceStepConfig.from_json(configs.dit_config(DIT)))
        text = configs.qwen_config(TEXT_ENCODER, vocabulary, pad_id=0, eos_id=0)
        self.text = Qwen3Model(Qwen3Config.from_json(text))
        width = self.model.null_condition_emb.shape[-1]
        self.syllables = nn.Linear(width, len(VOWELS) + PLACES)
        self.register_buffer("sense", directions(TEXT_ENCODER.stack.width), persistent=False)

    def sung(self, batch: Batch) -> Tensor:
        """The states [B, L, width] of the lyrics."""
        return self.model.encoder.lyric_encoder(self.text.embed(batch.lyrics), batch.lyric_mask)

    def condition(self, batch: Batch, read: Tensor, lyrics: Tensor) -> PackedCondition:
        """States of `lyrics` [B, L, width], timbre and the text that was `read` [B, L, width] as
        one sequence; a dropped one is the null condition."""
        encoder = self.model.encoder
        timbre = encoder.timbre_encoder(batch.timbre)[batch.timbre_of, None]
        there = batch.text_mask.new_ones(len(batch.text), 1)
        packed = pack(PackedCondition(lyrics, batch.lyric_mask), PackedCondition(timbre, there))
        text = encoder.text_projector(read)
        packed = pack(packed, PackedCondition(text, batch.text_mask))
        null = self.model.null_condition_emb.to(packed.states.dtype)
        states = torch.where(batch.dropped[:, None, None], null, packed.states)
        return PackedCondition(states, packed.mask)

    def velocity(
        self,
        noisy: Tensor,
        times: Tensor,
        context: Tensor,
        words: PackedCondition,
        watch: Watch | None = None,
    ) -> Tensor:
        """The DiT's velocity [B, T, 64], attending to what `words` says is there alone. watch: is
        shown queries and keys of the cross-attention that is guided."""
        dit: DiT = self.model.decoder
        embedded = dit.embed_condition(words.states)
        modulation: Modulation = dit.modulation(times)
        h = dit.patchify(noisy, context)
        block = dit.block
        rope = rope_table(
            h.shape[1], block.head_dim, block.theta, device=h.device, dtype=torch.float32
        )
        for number, layer in enumerate(dit.blocks()):
            seen = watch if number == BLOCK else None
            h = _layer(layer, h, rope, embedded, words.mask, modulation.projection, seen)
        shift, scale = (dit.scale_shift_table + modulation.embedding[:, None]).chunk(2, dim=1)
        return dit.unpatchify(dit.norm_out(h) * (1 + scale) + shift, noisy.shape[1]).float()

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Weighted mean square error of the velocity noise - latents, of what the text encoder
        reads and of the syllables that the lyric encoder does, and of where the DiT looks
        in the lyrics, all of which they learn much sooner so; and the error of each channel [64].
        """
        times = batch.times[:, None, None]
        noisy = times * batch.noise + (1 - times) * batch.latents
        astray: list[Tensor] = []

        def watch(query: Tensor, key: Tensor) -> None:
            sung_there = wanted(beats, batch.places, key.shape[2])
            astray.append(strayed(query, key, words.mask, sung_there))

        beats = batch.beats.masked_fill(batch.dropped[:, None], -1)
        with torch.autocast(noisy.device.type, torch.bfloat16):
            read = self.text(batch.text)
            told = self.text(batch.told.ids)
            sung = self.sung(batch)
            words = self.condition(batch, read, sung)
            made = self.velocity(noisy, batch.times, batch.context, words, watch)
        error = (made - (batch.noise - batch.latents)).square()
        loss = (error * batch.weight).mean() + _READING * misread(told, batch.told, self.sense)
        loss = loss + _SPELLING * self.misspelt(sung, batch) + _FOLLOWING * astray[0]
        return loss, error.detach().mean((0, 1))

    def misspelt(self, sung: Tensor, batch: Batch) -> Tensor:
        """Mean cross entropy, vowel and place added, of what states `sung` [B, L, width] say of the
        syllables of a batch; 0 where none are sung."""
        vowel, place = self.syllables(sung.float()).split([len(VOWELS), PLACES], dim=-1)
        return mean_entropy(vowel, batch.vowels) + mean_entropy(place, batch.places)


def _layer(
    layer: DiTLayer,
    h: Tensor,
    rope: object,
    words: Tensor,
    mask: Tensor,
    projection: Tensor,
    watch: Watch | None = None,
) -> Tensor:
    """One block as in the package, whose cross-attention knows no padding."""
    table = layer.scale_shift_table + projection
    shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = table.chunk(6, dim=1)
    h = h + gate * layer.self_attn(layer.self_attn_norm(h) * (1 + scale) + shift, rope)
    cross = layer.cross_attn
    key, value = cross.keys_values(words)
    query = cross.queries(layer.cross_attn_norm(h))
    if watch is not None:
        watch(query, key)
    mixed = plain_attend(query, key, value, key_mask=mask)
    h = h + cross.o_proj(mixed.transpose(1, 2).flatten(2))
    return h + mlp_gate * layer.mlp(layer.mlp_norm(h) * (1 + mlp_scale) + mlp_shift)
