"""The published folders in diffusers' pipeline layout, tensors copied byte for byte.

Names and components: pipeline facts 1.8. What stays as it is (autoencoder, text encoder) is linked,
or copied where links cannot be made.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from acestep_cli.weights.index import TensorEntry, read_index

SILENCE_FRAMES = 15_000
_WEIGHTS = "diffusion_pytorch_model.safetensors"
_NEW_NAMES = (
    (".q_proj.", ".to_q."),
    (".k_proj.", ".to_k."),
    (".v_proj.", ".to_v."),
    (".o_proj.", ".to_out.0."),
    (".q_norm.", ".norm_q."),
    (".k_norm.", ".norm_k."),
)
_MODULES = {
    "condition_encoder": ["ace_step", "AceStepConditionEncoder"],
    "audio_tokenizer": ["ace_step", "AceStepAudioTokenizer"],
    "audio_token_detokenizer": ["ace_step", "AceStepAudioTokenDetokenizer"],
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "Qwen3Model"],
    "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
    "transformer": ["diffusers", "AceStepTransformer1DModel"],
    "vae": ["diffusers", "AutoencoderOobleck"],
}
_BLOCK = (
    "num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size", "hidden_size",
    "rope_theta", "attention_bias", "attention_dropout", "rms_norm_eps", "sliding_window",
    "layer_types",
)  # fmt: skip
_OWN = {
    "transformer": (
        "num_hidden_layers", "in_channels", "audio_acoustic_hidden_dim", "patch_size",
        "encoder_hidden_size", "is_turbo", "model_version",
    ),
    "condition_encoder": (
        "text_hidden_dim", "timbre_hidden_dim", "num_lyric_encoder_hidden_layers",
        "num_timbre_encoder_hidden_layers",
    ),
    "audio_tokenizer": (
        "audio_acoustic_hidden_dim", "pool_window_size", "fsq_dim", "fsq_input_levels",
        "fsq_input_num_quantizers", "num_attention_pooler_hidden_layers",
    ),
    "audio_token_detokenizer": (
        "audio_acoustic_hidden_dim", "pool_window_size", "num_attention_pooler_hidden_layers",
    ),
}  # fmt: skip

Rename = Callable[[str], str | None]


def write_pipeline(checkpoints: Path, dit: str, text_encoder: str, folder: Path) -> None:
    """Write `folder` so that `AceStepPipeline.from_pretrained` reads it.

    `dit` and `text_encoder` name folders below `checkpoints`. `model_index.json` comes last: a
    folder that has it is whole.
    """
    folder.mkdir(parents=True)
    source = checkpoints / dit
    config = json.loads((source / "config.json").read_text("utf-8"))
    tensors = read_index(source).tensors
    for name, rename in _PARTS.items():
        part = folder / name
        _write_json(part / "config.json", component_config(name, config))
        extra = {}
        if name == "condition_encoder":
            extra["silence_latent"] = _silence(source / "silence_latent.pt")
        _copy_tensors(part / _WEIGHTS, _renamed(tensors, rename), extra)
    for file in ("config.json", _WEIGHTS):
        _link(checkpoints / "vae" / file, folder / "vae" / file)
    for file in ("config.json", "model.safetensors"):
        _link(checkpoints / text_encoder / file, folder / "text_encoder" / file)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        _link(checkpoints / text_encoder / file, folder / "tokenizer" / file)
    scheduler = {
        "_class_name": _MODULES["scheduler"][1],
        "num_train_timesteps": 1,
        "shift": 1.0,
    }
    _write_json(folder / "scheduler" / "scheduler_config.json", scheduler)
    _write_json(folder / "model_index.json", {"_class_name": "AceStepPipeline", **_MODULES})


def component_config(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """`config.json` of one component, from the DiT folder's; only `transformer` has the DiT's own
    block sizes where the encoders have theirs."""
    values = {key: config[key] for key in (*_BLOCK, *_OWN[name]) if key in config}
    if name != "transformer":
        for key in ("hidden_size", "intermediate_size", "num_attention_heads"):
            values[key] = config.get(f"encoder_{key}", config[key])
        kv_heads = config.get("encoder_num_key_value_heads", config["num_key_value_heads"])
        values["num_key_value_heads"] = kv_heads
    return {"_class_name": _MODULES[name][1], **values}


def _attention_names(name: str) -> str:
    for old, new in _NEW_NAMES:
        name = name.replace(old, new)
    return name


def _below(prefix: str) -> Rename:
    def rename(name: str) -> str | None:
        return _attention_names(name.removeprefix(prefix)) if name.startswith(prefix) else None

    return rename


def _transformer_name(name: str) -> str | None:
    short = _below("decoder.")(name)
    if short is None:
        return None
    return short.replace("proj_in.1.", "proj_in_conv.").replace("proj_out.1.", "proj_out_conv.")


def _condition_name(name: str) -> str | None:
    return name if name == "null_condition_emb" else _below("encoder.")(name)


_PARTS: dict[str, Rename] = {
    "transformer": _transformer_name,
    "condition_encoder": _condition_name,
    "audio_tokenizer": _below("tokenizer."),
    "audio_token_detokenizer": _below("detokenizer."),
}


def _renamed(tensors: Mapping[str, TensorEntry], rename: Rename) -> dict[str, TensorEntry]:
    named = ((rename(name), entry) for name, entry in tensors.items())
    return {name: entry for name, entry in named if name is not None}


def _silence(path: Path) -> bytes:
    """The silence latent as diffusers keeps it: [1, 15000, 64] float32, repeated if shorter."""
    import torch

    latent = torch.load(path, weights_only=True).float().transpose(1, 2)
    copies = -(-SILENCE_FRAMES // latent.shape[1])
    whole = latent.repeat(1, copies, 1)[:, :SILENCE_FRAMES].contiguous()
    return bytes(whole.numpy().tobytes())


def _copy_tensors(
    path: Path, tensors: Mapping[str, TensorEntry], silence: Mapping[str, bytes]
) -> None:
    """A safetensors file with the bytes of `tensors`, then of silence latents."""
    table: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, entry in tensors.items():
        offsets = [end, end := end + entry.nbytes]
        table[name] = {
            "dtype": entry.dtype,
            "shape": list(entry.shape),
            "data_offsets": offsets,
        }
    for name, data in silence.items():
        offsets = [end, end := end + len(data)]
        table[name] = {"dtype": "F32", "shape": [1, SILENCE_FRAMES, 64], "data_offsets": offsets}
    header = json.dumps(table, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for entry in tensors.values():
            _copy_bytes(entry, file)
        file.writelines(silence.values())


def _copy_bytes(entry: TensorEntry, file: BinaryIO, block: int = 1 << 24) -> None:
    with entry.file.open("rb") as source:
        source.seek(entry.start)
        left = entry.nbytes
        while left:
            data = source.read(min(left, block))
            file.write(data)
            left -= len(data)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
