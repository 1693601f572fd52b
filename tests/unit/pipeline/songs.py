"""Small jobs on the tiny golden checkpoints, and networks that tell what was loaded when."""

from __future__ import annotations

import json
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from acestep_cli.config import Settings
from acestep_cli.errors import ExitCode
from acestep_cli.events import Observer, silent
from acestep_cli.hardware.policy import choose_policy
from acestep_cli.pipeline.networks import Networks
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.plan import Plan
from acestep_cli.pipeline.prepare import sampling_of, schedule_of
from acestep_cli.pipeline.settle import settle
from acestep_cli.pipeline.song import Item, Song, SongJob, make_songs
from acestep_cli.request import SongRequest
from acestep_cli.weights.locate import find_set
from acestep_cli.weights.places import Place

GOLDEN = Path(__file__).parents[2] / "golden"
LOADERS = (
    "text_encoder",
    "condition_encoder",
    "dit",
    "encoder",
    "decoder",
    "detokenizer",
    "audio_tokenizer",
)
PLAN = Plan("warm lofi piano", "[verse]\nhold the light", 1.0, "en")
CODES = tuple(range(13, 64_000, 2_461))  # 27 codes: 5.4 s
OTHER_CODES = tuple(reversed(CODES))


class Watched(Networks):
    """Notes every network that is loaded, and those that were still there at that moment."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.loaded: list[str] = []
        self.crowds: list[tuple[str, ...]] = []
        self._alive: list[tuple[str, weakref.ref[Any]]] = []
        for name in LOADERS:
            setattr(self, name, self._noting(name, getattr(super(), name)))

    def _noting(self, name: str, load: Any) -> Any:
        def noted() -> Any:
            crowd = tuple(other for other, found in self._alive if found() is not None)
            network = load()
            self.loaded.append(name)
            self.crowds.append(crowd)
            self._alive.append((name, weakref.ref(network)))
            return network

        return noted


def networks_of(model: str = "acestep-v15-turbo") -> Watched:
    """The networks of a golden checkpoint, float32 on the CPU."""
    policy, _ = choose_policy(Settings(device="cpu", dtype="float32"), {})
    places = [Place(GOLDEN / "checkpoints", "a test")]
    return Watched(find_set(model, "text2music", places), policy)


def job_of(
    *plans: Plan, seeds: tuple[int, ...] = (7, 8, 9), turbo: bool = True, **request: Any
) -> SongJob:
    """A job with one item a plan, two steps unless told otherwise."""
    parity = request.pop("parity", Parity())
    asked = SongRequest(**{"inference_steps": 2, "shift": 3.0, **request})
    settled, _ = settle(asked, "turbo" if turbo else "base", "")
    return SongJob(
        items=tuple(Item(index, seeds[index], plan) for index, plan in enumerate(plans)),
        schedule=schedule_of(settled, turbo=turbo, parity=parity),
        sampling=sampling_of(settled, turbo=turbo, parity=parity),
        instruction=request.get("instruction", ""),
        parity=parity,
    )


def nobody() -> ExitCode | None:
    """The poll of a run that nobody cancels."""
    return None


def songs_of(job: SongJob, networks: Networks, observer: Observer = silent) -> list[Song]:
    """All songs of a job."""
    return list(make_songs(job, networks, observer, nobody))


def with_codes(codes: tuple[int, ...] = CODES, **changes: Any) -> Plan:
    """The usual plan with audio codes."""
    return replace(PLAN, audio_codes=codes, **changes)


def handler_case(name: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The arguments of a case of golden/handler and its tensors."""
    entries = json.loads((GOLDEN / "handler" / "cases.json").read_text("utf-8"))
    arguments: dict[str, Any] = entries[name]["handler_kwargs"]
    return arguments, load_file(GOLDEN / "handler" / f"{name}.safetensors")
