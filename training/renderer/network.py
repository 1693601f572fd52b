"""The package's own networks, set up to be trained: first weights, and a forward pass that sees no
padding."""

from __future__ import annotations

import math
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
from training.latents import MIDDLE_BPM, TEMPO_SCALE
from training.renderer.attention import plain_attend
from training.renderer.sizes import DIT, TEXT_ENCODER

_SPREAD = 0.02
_READING = 1.0  # weight of the error of the tempo that was read
_REACHES = (4.0, 16.0, 64.0)  # frames


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step is trained on.

    text, lyrics: token ids [B, L] with bool masks; timbre: reference latents, one for all
    [1, F, 64]; context: source and mask [B, T, 128]; latents: the truth [B, T, 64]; noise: as
    large; times: [B]; dropped: bool [B], whose condition is left out; weight: [B, T, 64] of each
    error; told: token ids [M, L] of other prompts, with their mask, and their tempos [M].
    """

    text: Tensor
    text_mask: Tensor
    lyrics: Tensor
    lyric_mask: Tensor
    timbre: Tensor
    context: Tensor
    latents: Tensor
    noise: Tensor
    times: Tensor
    dropped: Tensor
    weight: Tensor
    told: Tensor
    told_mask: Tensor
    tempos: Tensor


class Renderer(nn.Module):
    """Text encoder and DiT checkpoint together, under the names of their tensors."""

    sense: Tensor

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.model = AceStepModel(AceStepConfig.from_json(configs.dit_config(DIT)))
        text = configs.qwen_config(TEXT_ENCODER, vocabulary, pad_id=0, eos_id=0)
        self.text = Qwen3Model(Qwen3Config.from_json(text))
        self.register_buffer("sense", _directions(TEXT_ENCODER.stack.width), persistent=False)

    def condition(self, batch: Batch, read: Tensor) -> PackedCondition:
        """Lyrics, timbre and the text that was `read` [B, L, width] as one sequence; a dropped one
        is the null condition."""
        encoder = self.model.encoder
        timbre = encoder.timbre_encoder(batch.timbre)[:, None].expand(len(batch.text), -1, -1)
        there = torch.ones(len(batch.text), 1, dtype=torch.bool)
        lyrics = encoder.lyric_encoder(self.text.embed(batch.lyrics), batch.lyric_mask)
        packed = pack(PackedCondition(lyrics, batch.lyric_mask), PackedCondition(timbre, there))
        text = encoder.text_projector(read)
        packed = pack(packed, PackedCondition(text, batch.text_mask))
        null = self.model.null_condition_emb.to(packed.states.dtype)
        states = torch.where(batch.dropped[:, None, None], null, packed.states)
        return PackedCondition(states, packed.mask)

    def velocity(
        self, noisy: Tensor, times: Tensor, context: Tensor, words: PackedCondition
    ) -> Tensor:
        """The DiT's velocity [B, T, 64], attending to what `words` says is there alone."""
        dit: DiT = self.model.decoder
        embedded = dit.embed_condition(words.states)
        modulation: Modulation = dit.modulation(times)
        h = dit.patchify(noisy, context)
        block = dit.block
        rope = rope_table(
            h.shape[1], block.head_dim, block.theta, device=h.device, dtype=torch.float32
        )
        for layer in dit.blocks():
            h = _layer(layer, h, rope, embedded, words.mask, modulation.projection)
        shift, scale = (dit.scale_shift_table + modulation.embedding[:, None]).chunk(2, dim=1)
        return dit.unpatchify(dit.norm_out(h) * (1 + scale) + shift, noisy.shape[1]).float()

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Weighted mean square error of the velocity noise - latents and of tempos as the text
        encoder reads them, which it learns much sooner so; and the error of each channel [64]."""
        times = batch.times[:, None, None]
        noisy = times * batch.noise + (1 - times) * batch.latents
        with torch.autocast("cpu", torch.bfloat16):
            read = self.text(batch.text)
            told = self.text(batch.told)
            words = self.condition(batch, read)
            made = self.velocity(noisy, batch.times, batch.context, words)
        error = (made - (batch.noise - batch.latents)).square()
        last = told[torch.arange(len(told)), batch.told_mask.sum(1) - 1].float()
        misread = (last @ self.sense.T - turns(batch.tempos)).square().mean()
        return (error * batch.weight).mean() + _READING * misread, error.detach().mean((0, 1))


def turns(tempos: Tensor) -> Tensor:
    """What the text encoder is to say of tempos [n] as in the TEMPO latent: the same number, and
    cosine and sine of how far the beat turns in each of `_REACHES` frames: [n, 7]."""
    beats = MIDDLE_BPM * 2 ** (tempos / TEMPO_SCALE) / 60 / 25
    angles = 2 * math.pi * beats[:, None] * torch.tensor(_REACHES)
    return torch.cat([tempos[:, None], angles.cos(), angles.sin()], dim=1)


def _directions(width: int) -> Tensor:
    """Fixed orthonormal directions [7, width]."""
    count = 1 + 2 * len(_REACHES)
    drawn = torch.randn(count, width, generator=torch.Generator().manual_seed(9))
    return torch.linalg.qr(drawn.T).Q.T.contiguous()


def _layer(
    layer: DiTLayer, h: Tensor, rope: object, words: Tensor, mask: Tensor, projection: Tensor
) -> Tensor:
    """One block as in the package, whose cross-attention knows no padding."""
    table = layer.scale_shift_table + projection
    shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = table.chunk(6, dim=1)
    h = h + gate * layer.self_attn(layer.self_attn_norm(h) * (1 + scale) + shift, rope)
    cross = layer.cross_attn
    key, value = cross.keys_values(words)
    mixed = plain_attend(cross.queries(layer.cross_attn_norm(h)), key, value, key_mask=mask)
    h = h + cross.o_proj(mixed.transpose(1, 2).flatten(2))
    return h + mlp_gate * layer.mlp(layer.mlp_norm(h) * (1 + mlp_scale) + mlp_shift)


@torch.no_grad()
def set_first_weights(renderer: nn.Module, seed: int) -> None:
    """Small random weights; norms 1; the ways into the residual stream small, the gates open."""
    generator = torch.Generator().manual_seed(seed)
    depth = 1 / math.sqrt(2 * DIT.layers)
    for name, parameter in renderer.named_parameters():
        if name.endswith("norm.weight") or ("norm" in name and parameter.ndim == 1):
            parameter.fill_(1.0)
        elif name.endswith("bias") or "proj_out.1" in name or "time_proj" in name:
            parameter.zero_()
        elif name.endswith("scale_shift_table"):
            parameter.zero_()
            if parameter.shape[1] == 6:
                parameter[:, [2, 5]] = 1.0
        elif "embed_tokens.weight" in name and name.startswith("text."):
            parameter.normal_(0, 0.5, generator=generator)
        elif parameter.ndim >= 2:
            spread = 1 / math.sqrt(parameter[0].numel())
            quiet = name.endswith(("o_proj.weight", "down_proj.weight"))
            parameter.normal_(0, spread * (depth if quiet else 1.0), generator=generator)
        else:
            parameter.normal_(0, _SPREAD, generator=generator)
