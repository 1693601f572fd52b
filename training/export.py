"""Write the trained networks as a checkpoint set in the published layout, in bfloat16."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from acestep_cli.demo import configs
from acestep_cli.demo.sizes import AUDIO_CODES
from acestep_cli.demo.vocabulary import write_tokenizer
from acestep_cli.files import atomic_folder
from training.autoencoder.decoder import train_decoder
from training.autoencoder.encoder import train_encoder
from training.autoencoder.export import VAE, vae_tensors
from training.autoencoder.layers import Decoder, Encoder
from training.codes import Codes, train_codes
from training.loop import Run
from training.planner.network import PLANNER, Planner
from training.planner.train import train_planner
from training.renderer.network import Renderer
from training.renderer.sizes import DIT, SILENCE_FRAMES, TEXT_ENCODER
from training.renderer.train import train_renderer
from training.silence import silence

NOTICE = """\
The built-in demonstration checkpoint of acestep: a toy band.

Its networks are small and were trained by `training/` of this project on songs that a program
composes and plays: drums, bass, keys, guitar, pad, a lead and a voice of five vowels. They know
that band, its eight styles, its tempos and its keys, and nothing else. What each latent channel
means was assigned, not learnt, so the autoencoder renders other music badly. For real music:
acestep models pull recommended
"""


# What lies in a set, and nothing else.
_DIT, _TEXT, _VAE, _PLANNER = "demo", "Qwen3-Embedding-0.6B", "vae", "acestep-5Hz-lm-demo"
_NOTICE = "DEMO.txt"
CONTENT = frozenset({_DIT, _TEXT, _VAE, _PLANNER, _NOTICE})


def write_set(
    folder: Path, run: Run, start: Path | None = None, trained: Collection[str] = ()
) -> None:
    """Write the whole set from the networks of `run`, which are trained where they are not yet;
    what none of the stages `trained` changes is copied from the set `start`, where there is one.

    It is written beside `folder` and takes its place, an earlier set's included, when it is whole.
    """
    with atomic_folder(folder.resolve()) as part:
        for stages, names, write in _WRITERS:
            if start is None or stages & set(trained):
                write(part, run)
                continue
            for name in names:
                shutil.copytree(start / name, part / name)
        write_notice(part)


def write_renderer(folder: Path, renderer: Renderer, codes: Codes) -> None:
    """Write `demo` and `Qwen3-Embedding-0.6B` into `folder`."""
    dit = folder / _DIT
    dit.mkdir(parents=True, exist_ok=True)
    tensors = dict(renderer.model.state_dict())
    tensors |= codes.state_dict()
    _write_json(dit / "config.json", configs.dit_config(DIT))
    _save(tensors, dit / "model.safetensors")
    latent = torch.from_numpy(silence(SILENCE_FRAMES)).T[None].to(torch.bfloat16)
    torch.save(latent.contiguous(), dit / "silence_latent.pt")
    text = folder / _TEXT
    text.mkdir(parents=True, exist_ok=True)
    words = write_tokenizer(text, base=None, audio_codes=0, appends_end=True)
    end = words.end_of_text
    _write_json(
        text / "config.json",
        configs.qwen_config(TEXT_ENCODER, words.tokens, pad_id=end, eos_id=end),
    )
    _save(dict(renderer.text.state_dict()), text / "model.safetensors")


def write_autoencoder(folder: Path, encoder: Encoder, decoder: Decoder) -> None:
    """Write `vae` into `folder`."""
    vae = folder / _VAE
    vae.mkdir(parents=True, exist_ok=True)
    _write_json(vae / "config.json", configs.vae_config(VAE))
    _save(vae_tensors(encoder, decoder), vae / "diffusion_pytorch_model.safetensors")


def write_planner(folder: Path, planner: Planner) -> None:
    """Write `acestep-5Hz-lm-demo` into `folder`."""
    place = folder / _PLANNER
    place.mkdir(parents=True, exist_ok=True)
    words = write_tokenizer(place, base=None, audio_codes=AUDIO_CODES, appends_end=False)
    config = configs.qwen_config(
        PLANNER, words.tokens, pad_id=words.end_of_text, eos_id=words.end_of_turn
    )
    _write_json(place / "config.json", config)
    _save(planner.tensors(), place / "model.safetensors")


def write_notice(folder: Path) -> None:
    """Say in `folder` what the set is."""
    (folder / _NOTICE).write_text(NOTICE, encoding="utf-8")


def _save(tensors: dict[str, Tensor], path: Path) -> None:
    kept = {name: value.detach().to(torch.bfloat16).contiguous() for name, value in tensors.items()}
    save_file(kept, str(path), metadata={"format": "pt"})


def _write_json(path: Path, config: dict[str, Any]) -> None:
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


# The folders of a set, which stages change them, and what writes them.
_WRITERS: tuple[tuple[frozenset[str], tuple[str, ...], Callable[[Path, Run], None]], ...] = (
    (
        frozenset({"renderer", "codes"}),
        (_DIT, _TEXT),
        lambda part, run: write_renderer(part, train_renderer(run), train_codes(run)),
    ),
    (
        frozenset({"encoder", "decoder"}),
        (_VAE,),
        lambda part, run: write_autoencoder(part, train_encoder(run), train_decoder(run)),
    ),
    (
        frozenset({"planner"}),
        (_PLANNER,),
        lambda part, run: write_planner(part, train_planner(run)),
    ),
)
