"""The package's language model, whose rows for audio codes are worked out from the codes' levels.

64,000 rows could not be learnt one by one from a few thousand songs. A small network maps the six
levels of a code to its row, so that codes that sound alike are alike; the export writes the rows.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acestep_cli.demo import configs
from acestep_cli.demo.sizes import AUDIO_CODES, FSQ_LEVELS, QwenSizes, StackSizes
from acestep_cli.models.layers import rope_table
from acestep_cli.models.qwen3 import Qwen3Config, Qwen3Model
from training.entropy import mean_entropy
from training.renderer.reading import BEATS

PLANNER = QwenSizes(
    StackSizes(width=96, mlp=320, heads=4, kv_heads=2, head_dim=32),
    layers=6,
    audio_codes=AUDIO_CODES,
    max_positions=40_960,
)
_CODES = math.prod(FSQ_LEVELS)


class Planner(nn.Module):
    """Text rows, code rows and transformer; `texts` is the number of rows before the codes.
    `clocks` tells the beat from a state in the middle, in training alone."""

    code_levels: Tensor

    def __init__(self, texts: int) -> None:
        super().__init__()
        self.texts = texts
        config = configs.qwen_config(PLANNER, texts, pad_id=0, eos_id=0)
        self.model = Qwen3Model(Qwen3Config.from_json(config))
        width, levels = PLANNER.stack.width, sum(FSQ_LEVELS)
        self.rows = nn.Sequential(nn.Linear(levels, 192), nn.SiLU(), nn.Linear(192, width))
        self.clocks = nn.Linear(width, BEATS)
        self.register_buffer("code_levels", _one_hot_levels(), persistent=False)

    def code_rows(self, codes: Tensor) -> Tensor:
        """Rows [n, width] of codes [n]."""
        return self.rows(self.code_levels[codes])

    def hidden(self, ids: Tensor) -> Tensor:
        """Last states [B, L, width] of ids [B, L], in which code c has the id texts + c."""
        return self.states(ids)[1]

    def states(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """States in the middle and last states, [B, L, width] each, of ids [B, L]."""
        is_code = ids >= self.texts
        table = self.model.embed_tokens.weight
        h = F.embedding(ids.where(~is_code, torch.zeros_like(ids)), table)
        codes = (ids[is_code] - self.texts).clamp(max=_CODES - 1)
        h = h.masked_scatter(is_code[..., None], self.code_rows(codes).to(h.dtype))
        block = self.model.config.block
        rope = rope_table(
            ids.shape[1], block.head_dim, block.theta, device=h.device, dtype=torch.float32
        )
        middle = h
        for number, layer in enumerate(self.model.layers, 1):
            h = layer(h, rope)
            if number == PLANNER.layers // 2:
                middle = h
        return middle, self.model.norm(h)

    def loss(self, ids: Tensor, targets: Tensor, beats: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean cross entropy of text among text rows and of codes among code rows, where the
        grammar leaves no other choice, and of the beat's clock, which the middle of the network is
        to tell before the first code: from three digits alone it is learnt late. targets and
        beats [B, L] hold -1 where nothing is asked."""
        with torch.autocast(ids.device.type, torch.bfloat16):
            middle, h = self.states(ids)
            is_text = (targets >= 0) & (targets < self.texts)
            text_scores = h[is_text] @ self.model.embed_tokens.weight.T.to(h.dtype)
            is_code = targets >= self.texts
            rows = self.rows(self.code_levels)
            code_scores = h[is_code] @ rows.T.to(h.dtype)
            beat_scores = self.clocks(middle[beats >= 0])
        beat = mean_entropy(beat_scores, beats[beats >= 0])
        codes = mean_entropy(code_scores, targets[is_code] - self.texts)
        return mean_entropy(text_scores, targets[is_text]), codes, beat

    @torch.no_grad()
    def tensors(self) -> dict[str, Tensor]:
        """The tensors of the planner's folder; reserved codes get rows of zeros."""
        found = dict(self.model.state_dict().items())
        reserved = torch.zeros(AUDIO_CODES - _CODES, PLANNER.stack.width)
        rows = self.rows(self.code_levels)
        found["embed_tokens.weight"] = torch.cat([found["embed_tokens.weight"], rows, reserved])
        return {f"model.{name}": value for name, value in found.items()}


def _one_hot_levels() -> Tensor:
    """Which level each dimension of each code has: [64000, 39] of 0 and 1."""
    codes, columns, step = torch.arange(_CODES), [], 1
    for count in FSQ_LEVELS:
        columns.append(F.one_hot(codes // step % count, count))
        step *= count
    return torch.cat(columns, dim=1).float()
