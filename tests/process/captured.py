"""`python -m tests.process.captured COMMANDS.json OUT`: acestep, keeping what its DiT is given.

COMMANDS.json holds a list of [name, arguments, draw]; each is run by `main` as a command line of
its own, one after another. Nothing is sampled: OUT/NAME.safetensors takes what the sampler received
for each item instead. `draw` names a file with what the autoencoder is to draw (`noise` [n, 64]),
as the original does, where acestep takes the posterior's mean.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from acestep_cli import cli
from acestep_cli.models.vae import Posterior
from acestep_cli.models.vae_fast_encoder import FastEncoder
from acestep_cli.pipeline import scene, song
from acestep_cli.pipeline.edit import HOP
from acestep_cli.pipeline.flow_edit import FlowEditInputs
from acestep_cli.pipeline.sampler import SamplerInputs

_encode, _write = scene.encode_song, song.write_words
_posterior = FastEncoder.encode
_heard: dict[tuple[bytes, int, int], Posterior] = {}


class Capture:
    """Stands where the samplers stand, and where words are written."""

    def __init__(self, draw: Tensor | None) -> None:
        self._draw = draw
        self._words: list[Tensor] = []
        self._items: list[dict[str, Tensor]] = []

    def encode(self, vae: Any, audio: Tensor, tiling: Any, **rest: Any) -> Tensor:
        """The source's latents, with the given draw."""
        return _encode(vae, audio, tiling, **{**rest, "noise": self._draw})

    def decode(self, vae: Any, latents: Tensor, *_: Any, **__: Any) -> Tensor:
        """Any sound of the right length."""
        return 0.1 * torch.randn(2, len(latents) * HOP)

    def write(self, *arguments: Any) -> Any:
        """The words of an item."""
        words = _write(*arguments)
        self._words.append(torch.tensor(words.caption_ids))
        return words

    def sample(self, dit: Any, inputs: SamplerInputs, *_: Any) -> Tensor:
        """What would be sampled from."""
        kept = {
            "context": inputs.condition.context,
            "states": inputs.condition.states,
            "noise": inputs.noise,
            "source": inputs.source,
        }
        if inputs.second is not None:
            kept |= {"later": inputs.second.context, "later_states": inputs.second.states}
        if inputs.repaint is not None:
            kept |= {"region": inputs.repaint.mask, "clean": inputs.repaint.source}
        self._items.append({name: tensor for name, tensor in kept.items() if tensor is not None})
        return inputs.noise

    def flow_edit(self, dit: Any, inputs: FlowEditInputs, *_: Any) -> Tensor:
        """What would be carried elsewhere."""
        self._items.append(
            {
                "source": inputs.source,
                "context": inputs.target_condition.context,
                "states": inputs.target_condition.states,
                "later": inputs.source_condition.context,
                "later_states": inputs.source_condition.states,
            }
        )
        return torch.randn_like(inputs.source)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that was kept: `NAME.ITEM`, and `words.N` as they were written."""
        told = {f"words.{number}": ids for number, ids in enumerate(self._words)}
        items = {
            f"{name}.{index}": tensor.clone().contiguous()
            for index, item in enumerate(self._items)
            for name, tensor in item.items()
        }
        return told | items


def heard_once(self: FastEncoder, audio: Tensor, start: int, stop: int, *_: Any) -> Posterior:
    """What the encoder says of a part of a sound; the same sound is not heard again."""
    key = audio.numpy().tobytes(), start, stop
    if key not in _heard:
        _heard[key] = _posterior(self, audio, start, stop)
    return _heard[key]


def run(name: str, arguments: list[str], draw: str | None, out: Path) -> None:
    """One command line, and what it gave to the DiT."""
    capture = Capture(load_file(draw)["noise"] if draw else None)
    scene.encode_song = capture.encode
    song.write_words = capture.write
    song.decode_song = capture.decode
    song.sample = capture.sample
    song.flow_edit = capture.flow_edit
    try:
        cli.main(arguments)
    except SystemExit as left:
        assert left.code == 0, (name, left.code)
    save_file(capture.tensors(), out / f"{name}.safetensors")


if __name__ == "__main__":
    FastEncoder.encode = heard_once  # type: ignore[method-assign]
    for entry in json.loads(Path(sys.argv[1]).read_text("utf-8")):
        run(*entry, Path(sys.argv[2]))
