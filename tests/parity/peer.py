"""diffusers' networks with the weights of a published folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

_ATTENTION = {
    ".q_proj.": ".to_q.",
    ".k_proj.": ".to_k.",
    ".v_proj.": ".to_v.",
    ".o_proj.": ".to_out.0.",
    ".q_norm.": ".norm_q.",
    ".k_norm.": ".norm_k.",
    "proj_in.1.": "proj_in_conv.",
    "proj_out.1.": "proj_out_conv.",
}


class Peer:
    """diffusers' networks with the weights of one `acestep-v15-*` folder, float32."""

    def __init__(self, folder: Path) -> None:
        from diffusers import AceStepTransformer1DModel
        from diffusers.pipelines.ace_step import modeling_ace_step as classes

        self.config = read_json(folder / "config.json")
        self.weights = load_file(folder / "model.safetensors")
        self.is_xl = self.config.get("encoder_hidden_size") is not None
        blocks = self._blocks("")
        encoder = self._blocks("encoder_")
        windows = {"sliding_window": self.config["sliding_window"]}
        types = {"layer_types": self.config["layer_types"]}
        text = {"text_hidden_dim": self.config["text_hidden_dim"]}
        layers = {
            key: self.config[key]
            for key in ("num_lyric_encoder_hidden_layers", "num_timbre_encoder_hidden_layers")
        }
        pooler = {
            "num_attention_pooler_hidden_layers": self.config["num_attention_pooler_hidden_layers"]
        }
        self.dit = AceStepTransformer1DModel(
            **blocks,
            **windows,
            **types,
            num_hidden_layers=self.config["num_hidden_layers"],
            encoder_hidden_size=encoder["hidden_size"],
        )
        self.condition = classes.AceStepConditionEncoder(**encoder, **windows, **text, **layers)
        self.tokenizer = classes.AceStepAudioTokenizer(
            **encoder, **windows, **pooler, fsq_dim=self.config["fsq_dim"]
        )
        self.detokenizer = classes.AceStepAudioTokenDetokenizer(**encoder, **windows, **pooler)
        self._fill(self.dit, "decoder.")
        self._fill(self.condition, "encoder.")
        self._fill(self.tokenizer, "tokenizer.")
        self._fill(self.detokenizer, "detokenizer.")

    def timbre(self, references: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        """The timbre tokens; XL reads its class token, which diffusers leaves out."""
        encoder = self.condition.timbre_encoder
        if not self.is_xl:
            return encoder(references, order)
        embed = encoder.embed_tokens
        encoder.embed_tokens = _ClassTokenFirst(embed, encoder.special_token)
        try:
            return encoder(references, order)
        finally:
            encoder.embed_tokens = embed

    def _blocks(self, prefix: str) -> dict[str, Any]:
        def value(key: str) -> Any:
            given = self.config.get(f"{prefix}{key}")
            return self.config[key] if given is None else given

        return {
            "hidden_size": value("hidden_size"),
            "intermediate_size": value("intermediate_size"),
            "num_attention_heads": value("num_attention_heads"),
            "num_key_value_heads": value("num_key_value_heads"),
            "head_dim": self.config["head_dim"],
            "rope_theta": self.config["rope_theta"],
        }

    def _fill(self, module: torch.nn.Module, prefix: str) -> None:
        tensors = {
            _diffusers_name(name.removeprefix(prefix)): tensor.float()
            for name, tensor in self.weights.items()
            if name.startswith(prefix)
        }
        missing, unknown = module.load_state_dict(tensors, strict=False)
        assert not unknown, unknown
        known = ("silence_latent", "null_condition_emb", "quantizer", "inv_freq")
        assert all(any(word in name for word in known) for name in missing), missing
        module.eval()


class _ClassTokenFirst(torch.nn.Module):
    def __init__(self, embed: torch.nn.Module, token: Tensor) -> None:
        super().__init__()
        self.embed, self.token = embed, token

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.token.expand(x.shape[0], -1, -1), self.embed(x)], dim=1)


def _diffusers_name(name: str) -> str:
    for ours, theirs in _ATTENTION.items():
        name = name.replace(ours, theirs)
    return name


def read_json(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded
