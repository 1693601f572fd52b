"""Family `networks`: every network alone, and the tokenizers, against golden/modules."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from acestep_cli.models.acestep import AceStepModel
from acestep_cli.models.encoders import unpack_references
from acestep_cli.weights.tokenizer import Tokenizer
from tests.parity.base import Case, Check, equal, no_grad, relative
from tests.parity.checkpoints import (
    checkpoint_of,
    load_acestep,
    load_text_encoder,
    load_vae,
)

DIT, CONDITION, VAE, VAE_STD = 2e-5, 1e-5, 2e-5, 4e-5


def cases(folder: Path) -> list[Case]:
    """One case a file of FOLDER/modules; a file of an unknown kind is a failing case."""
    found = [_case(folder, path) for path in sorted((folder / "modules").glob("*.safetensors"))]
    vectors = folder / "modules" / "tokenizer_vectors.json"
    if vectors.exists():
        found.append(Case("networks", "tokenizer_vectors", partial(_tokenizers, folder, vectors)))
    return found


def _case(folder: Path, path: Path) -> Case:
    name = path.stem
    for pattern, compare in _KINDS.items():
        match = re.fullmatch(pattern, name)
        if match:
            run = partial(compare, folder, path, **match.groupdict())
            return Case("networks", name, no_grad(run))
    return Case("networks", name, lambda: [Check("a kind nobody compares", float("inf"), 0)])


def _dit(folder: Path, path: Path, model: str) -> list[Check]:
    golden = load_file(path)
    dit = load_acestep(checkpoint_of(folder, model)).decoder
    seen: dict[str, Tensor] = {}
    hooks = [
        _record(dit.layers[0].self_attn, "layer_0_self_attn", seen),
        _record(dit.layers[0].cross_attn.o_proj, "layer_0_cross_attn", seen),
        *(_record(layer, f"layer_{i}", seen) for i, layer in enumerate(dit.layers)),
    ]
    latents, context = golden["hidden_states"], golden["context_latents"]
    states, times = golden["encoder_hidden_states"], golden["timestep"]
    modulation = dit.modulation(times, golden["timestep_r"])
    velocity = dit(latents, context, dit.condition(states), modulation)
    for hook in hooks:
        hook.remove()
    seen["patches"] = dit.patchify(latents, context)
    seen["condition"] = dit.embed_condition(states)
    gaps = times - golden["timestep_r"]
    for name, embed, values in (("t", dit.time_embed, times), ("r", dit.time_embed_r, gaps)):
        embedding, projection = embed(values, torch.float32)
        seen[f"temb_{name}"], seen[f"timestep_proj_{name}"] = embedding, projection
    checks = [relative("velocity", velocity, golden["velocity"], DIT)]
    return checks + [
        relative(key, seen[key.removeprefix("mid.")], value, DIT)
        for key, value in golden.items()
        if key.startswith("mid.")
    ]


def _condition(folder: Path, path: Path, model: str) -> list[Check]:
    golden = load_file(path)
    encoder = load_acestep(checkpoint_of(folder, model)).encoder
    text, text_mask = golden["text_hidden_states"], golden["text_attention_mask"].bool()
    lyrics, lyric_mask = golden["lyric_hidden_states"], golden["lyric_attention_mask"].bool()
    references, order = golden["refer_latents_packed"], golden["refer_order"]
    packed = encoder(text, text_mask, lyrics, lyric_mask, references, order)
    mask = golden["encoder_attention_mask"].bool()
    timbre, timbre_mask = unpack_references(
        encoder.timbre_encoder(references), order, text.shape[0]
    )
    wanted_mask = golden["timbre_mask"].bool()
    lyric_states = encoder.lyric_encoder(lyrics, lyric_mask)
    return [
        equal("mask", packed.mask, mask),
        relative(
            "valid rows", packed.states[mask], golden["encoder_hidden_states"][mask], CONDITION
        ),
        relative(
            "text_projected", encoder.text_projector(text), golden["text_projected"], CONDITION
        ),
        relative(
            "lyric_encoded",
            lyric_states[lyric_mask],
            golden["lyric_encoded"][lyric_mask],
            CONDITION,
        ),
        equal("timbre_mask", timbre_mask, wanted_mask),
        relative("timbre", timbre[wanted_mask], golden["timbre_unpacked"][wanted_mask], CONDITION),
    ]


def _audio_tokenizer(folder: Path, path: Path, model: str) -> list[Check]:
    golden = load_file(path)
    networks = load_acestep(checkpoint_of(folder, model))
    latents = golden["latents"]
    missing = -latents.shape[1] % networks.config.pool_window
    silence = golden["pad_latent"][None, :missing].expand(latents.shape[0], -1, -1)
    tokens = networks.tokenizer(torch.cat([latents, silence], dim=1))
    return [
        relative("pooled", tokens.pooled, golden["pooled"], CONDITION),
        relative("fsq_projected", tokens.projected, golden["fsq_projected"], CONDITION),
        equal("indices", tokens.indices[..., None], golden["indices"]),
        relative("quantized", tokens.quantized, golden["quantized"], CONDITION),
        relative(
            "detokenized",
            networks.detokenizer(tokens.quantized),
            golden["detokenized"],
            CONDITION,
        ),
    ]


def _audio_codes(folder: Path, path: Path, model: str) -> list[Check]:
    golden = load_file(path)
    networks: AceStepModel = load_acestep(checkpoint_of(folder, model))
    quantizer, indices = networks.tokenizer.quantizer, golden["indices"]
    quantized = quantizer.from_indices(indices[None])
    detokenized = networks.detokenizer(quantized)
    return [
        relative("codebook", quantizer.codebook_values(indices), golden["codebook"], CONDITION),
        relative("quantized", quantized[0], golden["quantized"], CONDITION),
        relative("detokenized", detokenized[0], golden["detokenized"], CONDITION),
    ]


def _text_encoder(folder: Path, path: Path) -> list[Check]:
    golden = load_file(path)
    encoder = load_text_encoder(folder)
    seen: dict[str, Tensor] = {}
    hooks = [
        layer.register_forward_pre_hook(_keep_input(f"layer_input_{index}", seen))
        for index, layer in enumerate(encoder.layers)
    ]
    ids = golden["input_ids"]
    last = encoder(ids)
    for hook in hooks:
        hook.remove()
    checks = [
        relative("embed_tokens", encoder.embed(ids), golden["embed_tokens"], CONDITION),
        relative("last_hidden_state", last, golden["last_hidden_state"], CONDITION),
    ]
    return checks + [
        relative(key, seen[key], value, CONDITION)
        for key, value in golden.items()
        if key.startswith("layer_input_")
    ]


def _vae_decode(folder: Path, path: Path) -> list[Check]:
    golden = load_file(path)
    audio = load_vae(folder).decode(golden["latents"])
    return [relative("audio", audio, golden["audio"], VAE)]


def _vae_encode(folder: Path, path: Path) -> list[Check]:
    golden = load_file(path)
    posterior = load_vae(folder).encode(golden["audio"])
    sample = posterior.mean + posterior.std * golden["noise"]
    return [
        relative("mean", posterior.mean, golden["mean"], VAE),
        relative("std", posterior.std, golden["std"], VAE_STD),
        relative("sample", sample, golden["sample"], VAE_STD),
    ]


_KINDS: dict[str, Callable[..., list[Check]]] = {
    r"dit_(?P<model>\w+)_\d+": _dit,
    r"condition_(?P<model>\w+)_\d+": _condition,
    r"audio_tokenizer_(?P<model>\w+)_\d+": _audio_tokenizer,
    r"audio_codes_(?P<model>\w+)": _audio_codes,
    r"text_encoder_\d+": _text_encoder,
    r"vae_decode_\d+": _vae_decode,
    r"vae_encode_\d+": _vae_encode,
}


def _tokenizers(folder: Path, path: Path) -> list[Check]:
    vectors = json.loads(path.read_text("utf-8"))
    text = Tokenizer(folder / "checkpoints" / "Qwen3-Embedding-0.6B")
    checks = [_truncation(text, entry) for entry in _entries(vectors["truncation"])]
    planners = sorted((folder / "checkpoints").glob("acestep-5Hz-lm-*"))
    planner = Tokenizer(planners[0]) if planners else None
    for entry in vectors["strings"]:
        checks += _string(text, planner, entry)
    return checks


def _truncation(tokenizer: Tokenizer, entry: dict[str, Any]) -> Check:
    ids = tokenizer.encode(entry["text"], max_length=entry["max_length"])
    return equal("truncation", ids, entry["text_encoder_ids"])


def _string(text: Tokenizer, planner: Tokenizer | None, entry: dict[str, Any]) -> list[Check]:
    label, written = repr(entry["text"][:24]), entry["text"]
    ids, plain = entry["text_encoder_ids"], entry["text_encoder_ids_no_special"]
    checks = [
        equal(f"ids of {label}", text.encode(written), ids),
        equal(f"plain ids of {label}", text.encode_plain(written), plain),
        equal(f"decoded {label}", text.decode(ids), entry["text_encoder_decoded"]),
    ]
    if planner is not None:
        lm_ids = entry["lm_ids"]
        checks.append(equal(f"lm ids of {label}", planner.encode_plain(written), lm_ids))
        checks.append(equal(f"lm decoded {label}", planner.decode(lm_ids), entry["lm_decoded"]))
    return checks


def _entries(value: Any) -> list[dict[str, Any]]:
    return value if isinstance(value, list) else [value]


def _record(module: nn.Module, name: str, seen: dict[str, Tensor]) -> Any:
    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        seen[name] = output

    return module.register_forward_hook(keep)


def _keep_input(name: str, seen: dict[str, Tensor]) -> Callable[..., None]:
    def keep(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen[name] = inputs[0]

    return keep
