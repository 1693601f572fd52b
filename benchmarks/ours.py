"""Our side: each stage as the command runs it, through the same rooms."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from torch import Tensor

from acestep_cli.config import Settings
from acestep_cli.hardware.policy import Policy, choose_policy
from acestep_cli.hardware.threads import set_threads
from acestep_cli.models.dit import DiT
from acestep_cli.models.encoders import ConditionEncoder
from acestep_cli.models.vae import Vae
from acestep_cli.models.vae_fast import FastDecoder
from acestep_cli.pipeline.conditioner import TextFeatures, Words, pack_condition, read_words
from acestep_cli.pipeline.decoder import decode_song
from acestep_cli.pipeline.networks import Networks
from acestep_cli.pipeline.sampler import never
from acestep_cli.pipeline.schedule import turbo_schedule
from acestep_cli.pipeline.timbre import silent_timbre
from acestep_cli.pipeline.velocity import Condition, VelocityField
from acestep_cli.weights.index import read_index
from acestep_cli.weights.locate import find_set
from acestep_cli.weights.places import search_places
from acestep_cli.weights.sets import CheckpointSet
from benchmarks.build import Folders
from benchmarks.inputs import Inputs
from benchmarks.side import Options
from benchmarks.sizes import CONDITION_TOKENS, SONG_STEPS

Stage = Callable[[], Tensor]

_SHIFT = 3.0


class Ours:
    """The stages of acestep on the set in `folders`; networks are loaded when first asked for.

    `scratch` keeps the timbre token of silence, as the program's cache does from run to run.
    """

    def __init__(self, folders: Folders, options: Options, scratch: Path) -> None:
        self.folders, self.inputs, self.scratch = folders, Inputs(folders), scratch
        self.checkpoints = _checkpoints(folders)
        self.policy = _policy(self.checkpoints, options)
        set_threads(self.policy.threads)

    @cached_property
    def networks(self) -> Networks:
        """All headers read, nothing loaded."""
        kept = self.scratch / "timbre.safetensors"
        return Networks(self.checkpoints, self.policy, kept)

    def load(self) -> object:
        """Every network that a song needs, ready to compute; what is returned keeps them alive."""
        networks = self.networks
        return (
            networks.tokenizer,
            networks.silence,
            networks.text_encoder(),
            networks.condition_encoder(),
            networks.dit(),
            networks.decoder(),
        )

    def stages(self) -> dict[str, Callable[[float], Stage]]:
        """The measured stages by name; each takes its size and returns what is timed."""
        return {
            "text": self.text,
            "condition": self.condition,
            "dit": self.dit_step,
            "vae": self.vae_decode,
        }

    def text(self, size: float) -> Stage:
        """The text encoder on a long caption; `size` is unused."""
        encoder = self.networks.text_encoder()
        ids = tuple(self.inputs.caption_ids()[0].tolist())
        words = Words("", "", caption_ids=ids, lyric_ids=ids[:1])
        return lambda: read_words(words, encoder).caption

    def condition(self, size: float) -> Stage:
        """The condition encoder on `size` lyric tokens; the timbre of silence is kept."""
        encoder, inputs = self._condition_encoder, self.inputs
        features = TextFeatures(
            caption=self._own(inputs.caption_features()),
            lyrics=self._own(inputs.lyric_features(int(size))),
        )

        def run() -> Tensor:
            return pack_condition(features, silent_timbre(self.networks, encoder), encoder)

        return run

    def dit_step(self, size: float) -> Stage:
        """The first step of a song of `size` seconds, all that is the song's already worked out."""
        schedule = turbo_schedule(SONG_STEPS, _SHIFT)
        field = VelocityField(self._dit, schedule, cancelled=never)
        states, context = self.inputs.states(CONDITION_TOKENS), self.inputs.context(size)
        prepared = field.prepare(Condition(states, context))
        latents = self.inputs.latents(size).to(self.networks.device)
        return lambda: field.conditional(latents, prepared, 0)

    def vae_decode(self, size: float) -> Stage:
        """Audio of `size` seconds [1, 2, S]."""
        vae, networks = self._decoder, self.networks
        latents = self.inputs.latents(size)[0]
        return lambda: decode_song(vae, latents, networks.tiling)[None]

    @cached_property
    def _condition_encoder(self) -> ConditionEncoder:
        return self.networks.condition_encoder()

    @cached_property
    def _dit(self) -> DiT:
        return self.networks.dit()

    @cached_property
    def _decoder(self) -> Vae | FastDecoder:
        return self.networks.decoder()

    def _own(self, x: Tensor) -> Tensor:
        return x.to(self.networks.device, self.networks.dtype)


def _checkpoints(folders: Folders) -> CheckpointSet:
    places = search_places(folders.checkpoints, environ=os.environ, cwd=folders.root)
    return find_set(None, "text2music", places)


def _policy(checkpoints: CheckpointSet, options: Options) -> Policy:
    """The policy that the command would choose with the same flags."""
    settings = Settings(device=options.device, dtype=options.dtype, threads=options.threads)
    folders = (checkpoints.text_encoder, checkpoints.dit, checkpoints.vae)
    sizes: dict[str, int] = {folder.kind: read_index(folder.path).values() for folder in folders}
    return choose_policy(settings, sizes)[0]
