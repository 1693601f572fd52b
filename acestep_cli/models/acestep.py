"""All networks of one `acestep-v15-*` folder, under the names of its tensors."""

from __future__ import annotations

import torch
from torch import nn

from acestep_cli.models.codes import AudioDetokenizer, AudioTokenizer
from acestep_cli.models.config import AceStepConfig
from acestep_cli.models.dit import DiT
from acestep_cli.models.encoders import ConditionEncoder


class AceStepModel(nn.Module):
    """The whole checkpoint: `decoder`, `encoder`, `tokenizer`, `detokenizer` and the condition that
    stands for none, `null_condition_emb` [1, 1, E].

    `rounded_tables` rounds RoPE frequencies and timesteps to the run's dtype as upstream on CUDA.
    """

    def __init__(self, config: AceStepConfig, *, rounded_tables: bool = False) -> None:
        super().__init__()
        self.config = config
        self.decoder = DiT(config, rounded_tables=rounded_tables)
        self.encoder = ConditionEncoder(config, rounded_rope=rounded_tables)
        self.tokenizer = AudioTokenizer(config, rounded_rope=rounded_tables)
        self.detokenizer = AudioDetokenizer(config, rounded_rope=rounded_tables)
        self.null_condition_emb = nn.Parameter(torch.empty(1, 1, config.encoder.hidden))
