"""Golden-like vectors computed by diffusers and transformers, for a checkpoint set of any sizes.

An implementation that shares nothing with ours answers; ours must agree through the same
`python -m tests.parity` that reads the original's vectors. diffusers forgets the class token of
XL's timbre encoder, so for XL it is put in front by hand here.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmarks.planner_sides import cache_name
from tests.parity.peer import Peer, read_json

SEED = 20_000


def write_vectors(folder: Path, models: dict[str, str]) -> None:
    """Fill FOLDER/modules and FOLDER/samplers for FOLDER/checkpoints; `models` maps the short names
    of files (`turbo`, `base`, `xl`) to checkpoint folders."""
    torch.manual_seed(SEED)
    (folder / "modules").mkdir()
    (folder / "samplers").mkdir()
    with torch.no_grad():
        for short, name in models.items():
            peer = Peer(folder / "checkpoints" / name)
            _write_dit(folder, short, peer)
            _write_condition(folder, short, peer)
            _write_tokenizer(folder, short, peer)
            _write_sampler(folder, short, peer)
        _write_text_encoder(folder)
        _write_vae(folder)


def _write_dit(folder: Path, short: str, peer: Peer) -> None:
    width = peer.condition.config.hidden_size
    for index, (batch, frames, tokens) in enumerate([(2, 61, 23), (1, 90, 40), (1, 1, 3)]):
        tensors = {
            "hidden_states": torch.randn(batch, frames, 64),
            "context_latents": torch.randn(batch, frames, 128),
            "encoder_hidden_states": torch.randn(batch, tokens, width),
            "timestep": torch.rand(batch),
            "timestep_r": torch.rand(batch),
        }
        velocity = peer.dit(**tensors, return_dict=False)[0]
        _save(folder / "modules" / f"dit_{short}_{index}", tensors | {"velocity": velocity})


def _write_condition(folder: Path, short: str, peer: Peer) -> None:
    text, lyrics = peer.config["text_hidden_dim"], peer.config["text_hidden_dim"]
    tensors = {
        "text_hidden_states": torch.randn(2, 11, text),
        "text_attention_mask": _lengths([11, 7], 11),
        "lyric_hidden_states": torch.randn(2, 30, lyrics),
        "lyric_attention_mask": _lengths([19, 30], 30),
        "refer_latents_packed": torch.randn(3, 40, 64),
        "refer_order": torch.tensor([0, 0, 1]),
    }
    masks = {key: tensors[key] for key in ("text_attention_mask", "lyric_attention_mask")}
    timbre, timbre_mask = peer.timbre(tensors["refer_latents_packed"], tensors["refer_order"])
    lyric_encoded = peer.condition.lyric_encoder(
        inputs_embeds=tensors["lyric_hidden_states"], attention_mask=masks["lyric_attention_mask"]
    )
    projected = peer.condition.text_projector(tensors["text_hidden_states"])
    parts = [
        (lyric_encoded, masks["lyric_attention_mask"]),
        (timbre, timbre_mask),
        (projected, masks["text_attention_mask"]),
    ]
    packed, packed_mask = _pack(parts)
    tensors |= {
        "encoder_hidden_states": packed,
        "encoder_attention_mask": packed_mask,
        "text_projected": projected,
        "lyric_encoded": lyric_encoded,
        "timbre_unpacked": timbre,
        "timbre_mask": timbre_mask.bool(),
    }
    _save(folder / "modules" / f"condition_{short}_0", tensors)


def _write_tokenizer(folder: Path, short: str, peer: Peer) -> None:
    latents = torch.randn(2, 35, 64)
    windows = latents.unflatten(1, (-1, 5))
    pooled = peer.tokenizer.attention_pooler(peer.tokenizer.audio_acoustic_proj(windows))
    quantized, indices = peer.tokenizer(windows)
    tensors = {
        "latents": latents,
        "pad_latent": torch.zeros(5, 64),
        "pooled": pooled,
        "fsq_projected": peer.tokenizer.quantizer.project_in(pooled),
        "indices": indices.reshape(2, 7, 1),
        "quantized": quantized,
        "detokenized": peer.detokenizer(quantized),
    }
    _save(folder / "modules" / f"audio_tokenizer_{short}_0", tensors)


def _write_sampler(folder: Path, short: str, peer: Peer) -> None:
    """A plain Euler run of four steps along the shift-3 schedule."""
    batch, frames = 2, 37
    seeds, shift, steps = [4, 5], 3.0, 4
    noise = torch.cat(
        [torch.randn(1, frames, 64, generator=torch.Generator().manual_seed(s)) for s in seeds]
    )
    text = peer.config["text_hidden_dim"]
    inputs = {
        "text_hidden_states": torch.randn(batch, 9, text),
        "text_attention_mask": _lengths([9, 9], 9),
        "lyric_hidden_states": torch.randn(batch, 14, text),
        "lyric_attention_mask": _lengths([14, 14], 14),
        "refer_latents_packed": torch.randn(batch, 20, 64),
        "refer_order": torch.tensor([0, 1]),
        "silence_src": torch.randn(batch, frames, 64),
        "chunk_masks": torch.ones(batch, frames, 64),
        "noise": noise,
    }
    timbre, mask = peer.timbre(inputs["refer_latents_packed"], inputs["refer_order"])
    lyric_encoded = peer.condition.lyric_encoder(
        inputs_embeds=inputs["lyric_hidden_states"], attention_mask=inputs["lyric_attention_mask"]
    )
    projected = peer.condition.text_projector(inputs["text_hidden_states"])
    states = torch.cat([lyric_encoded, timbre, projected], dim=1)
    assert mask.all()
    context = torch.cat([inputs["silence_src"], inputs["chunk_masks"]], dim=-1)
    times = torch.linspace(1, 0, steps + 1)
    times = shift * times / (1 + (shift - 1) * times)
    latents = noise
    for time, after in itertools.pairwise(times):
        at = time.expand(batch)
        velocity = peer.dit(
            hidden_states=latents,
            timestep=at,
            timestep_r=at,
            encoder_hidden_states=states,
            context_latents=context,
            return_dict=False,
        )[0]
        latents = latents - velocity * (time - after)
    case = {
        "shift": shift,
        "infer_steps": steps,
        "diffusion_guidance_scale": 1.0,
        "src_latents": "silence_src",
        "is_covers": [False] * batch,
        "seed": seeds,
        "dcw": None,
        "decoder_timesteps": times[:-1].tolist(),
    }
    (folder / "samplers" / f"cases_{short}.json").write_text(json.dumps({"euler": case}))
    _save(folder / "samplers" / f"inputs_{short}", inputs)
    _save(folder / "samplers" / f"{short}_euler", {"target_latents": latents})


def _write_text_encoder(folder: Path) -> None:
    from transformers import Qwen3Config, Qwen3Model

    path = folder / "checkpoints" / "Qwen3-Embedding-0.6B"
    config = Qwen3Config(**read_json(path / "config.json"))
    model = Qwen3Model(config).eval()
    weights = load_file(path / "model.safetensors")
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    ids = torch.randint(0, 250, (1, 33))
    tensors = {
        "input_ids": ids,
        "embed_tokens": model.embed_tokens(ids),
        "last_hidden_state": model(input_ids=ids).last_hidden_state,
    }
    _save(folder / "modules" / "text_encoder_0", tensors)


def write_planner(folder: Path, name: str, tokens: int) -> tuple[list[int], list[int]]:
    """Fill FOLDER/lm with forward passes of the planner `name`, one of them left-padded; a prompt,
    and the likeliest `tokens` behind it."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    path = folder / "checkpoints" / name
    model = Qwen3ForCausalLM(Qwen3Config(**read_json(path / "config.json"))).eval()
    weights = {
        key if key.startswith(("model.", "lm_head.")) else f"model.{key}": tensor.float()
        for key, tensor in load_file(path / "model.safetensors").items()
    }
    missing, unknown = model.load_state_dict(weights, strict=False)
    assert not unknown
    assert missing in ([], ["lm_head.weight"])
    model.tie_weights()
    torch.manual_seed(SEED)
    vocabulary = model.config.vocab_size
    ids, pair = torch.randint(0, vocabulary, (1, 150)), torch.randint(0, vocabulary, (2, 40))
    tensors = {"columns": torch.arange(3, vocabulary, 11)}
    with torch.no_grad():
        tensors |= _passes(model, "single", ids, torch.ones_like(ids), tensors["columns"])
        mask = _lengths([29, 40], 40).flip(1)
        tensors |= _passes(model, "padded", pair, mask, tensors["columns"])
        written = model.generate(ids, max_new_tokens=tokens, do_sample=False, eos_token_id=None)
    (folder / "lm").mkdir()
    _save(folder / "lm" / "lm_forward", tensors)
    return ids[0].tolist(), written[0, ids.shape[1] :].tolist()


def _passes(model: Any, name: str, ids: Tensor, mask: Tensor, columns: Tensor) -> dict[str, Tensor]:
    """A pass over `ids` [B, L], then one token more with the cache."""
    seen = model(ids, attention_mask=mask, output_hidden_states=True, use_cache=True)
    following = seen.logits[:, -1:].argmax(-1)
    whole = torch.cat([mask, torch.ones_like(following)], dim=1)
    kept = {cache_name(model): seen.past_key_values}
    after = model(following, attention_mask=whole, **kept)
    best = seen.logits.topk(8)
    tensors = {
        "input_ids": ids,
        "attention_mask": mask,
        "last_hidden_state": seen.hidden_states[-1],
        "logits_columns": seen.logits[..., columns],
        "logsumexp": seen.logits.logsumexp(-1),
        "top8_values": best.values,
        "top8_ids": best.indices,
        "next_input_ids": following,
        "next_logits_columns": after.logits[..., columns],
    }
    return {f"{name}.{key}": tensor for key, tensor in tensors.items()}


def _write_vae(folder: Path) -> None:
    from diffusers import AutoencoderOobleck

    path = folder / "checkpoints" / "vae"
    known = {key: value for key, value in read_json(path / "config.json").items() if key[0] != "_"}
    vae = AutoencoderOobleck(**known).eval()
    weights = load_file(path / "diffusion_pytorch_model.safetensors")
    vae.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    latents, audio = torch.randn(2, 64, 9), 0.3 * torch.randn(1, 2, 1920 * 6 + 7)
    posterior = vae.encode(audio).latent_dist
    noise = torch.randn_like(posterior.mean)
    decoded = {"latents": latents, "audio": vae.decode(latents).sample}
    encoded = {
        "audio": audio,
        "mean": posterior.mean,
        "std": posterior.std,
        "noise": noise,
        "sample": posterior.mean + posterior.std * noise,
    }
    _save(folder / "modules" / "vae_decode_0", decoded)
    _save(folder / "modules" / "vae_encode_0", encoded)


def _pack(parts: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Valid rows of every part in order, then padding of zeros."""
    batch, length = parts[0][0].shape[0], sum(part.shape[1] for part, _ in parts)
    rows = [
        torch.cat([part[item][mask[item].bool()] for part, mask in parts]) for item in range(batch)
    ]
    packed = torch.stack(
        [torch.nn.functional.pad(row, (0, 0, 0, length - len(row))) for row in rows]
    )
    return packed, _lengths([len(row) for row in rows], length).bool()


def _lengths(valid: list[int], total: int) -> Tensor:
    return (torch.arange(total)[None] < torch.tensor(valid)[:, None]).long()


def _save(path: Path, tensors: dict[str, Tensor]) -> None:
    kept = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
    save_file(kept, path.with_suffix(".safetensors"))
