"""What the planner does with words alone: better ones, and words for sound. No job, no record."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acestep_cli.config import Resolved, Settings
from acestep_cli.errors import CheckpointMissing
from acestep_cli.events import Noted, Observer, stage
from acestep_cli.hardware.planner import Hardware, choose_hardware, context_positions
from acestep_cli.pipeline.plan import Wish, plan_of, wish_of
from acestep_cli.pipeline.planning import planning_of
from acestep_cli.pipeline.settle import draw_seeds
from acestep_cli.request import format_codes
from acestep_cli.run.edits import HEARD_BYTES
from acestep_cli.run.make import CancelPoll
from acestep_cli.run.planned import open_planner
from acestep_cli.weights.demonstration import DEMO, DEMO_PLANNER, remark
from acestep_cli.weights.folder import Folder
from acestep_cli.weights.index import read_index
from acestep_cli.weights.load import prefetch
from acestep_cli.weights.locate import find_ears, holds_any
from acestep_cli.weights.places import Place, search_places
from acestep_cli.weights.planners import find_planners, planner_size
from acestep_cli.weights.sets import EarSet

if TYPE_CHECKING:
    from acestep_cli.pipeline.planner import Planner


@dataclass(frozen=True, slots=True)
class Desk:
    """A run of the planner on its own: the seed of its draws, who listens, who may stop it, and
    what was told already."""

    resolved: Resolved
    observer: Observer
    cancelled: CancelPoll
    told: set[str] = field(default_factory=set)

    @property
    def seed(self) -> int:
        """The seed that was given, or a drawn one."""
        return draw_seeds(self.resolved.request.seed[:1], 1)[0]

    def say_demo(self) -> None:
        """Say, once, that the demonstration serves."""
        message = remark(named=self.resolved.request.model is not None)
        if message not in self.told:
            self.told.add(message)
            self.observer(Noted(message))


def improve(desk: Desk) -> dict[str, Any]:
    """Better words for the caption and lyrics of the request: the song in words and numbers.

    What else the request gives (tempo, language, ...) stays as it is.
    """
    wish, seed = wish_of(desk.resolved.request), desk.seed
    words = len(f"{wish.caption}{wish.lyrics}".encode("utf-8", "replace"))
    folder, hardware = _planner(desk, context_positions(words, 0))
    planner = _opened(desk, folder, hardware)
    return _song(planner.rewrite(wish, seed).wish, seed)


def describe(desk: Desk, codes: Sequence[int]) -> dict[str, Any]:
    """What a song with these audio codes (1 or more) is like, in words and numbers."""
    seed = desk.seed
    folder, hardware = _planner(desk, context_positions(HEARD_BYTES * len(codes), 0))
    planner = _opened(desk, folder, hardware)
    thought = planner.understand(tuple(codes), seed)
    return {**_song(thought.wish, seed), "audio_codes": format_codes(codes)}


def require_planner(desk: Desk) -> None:
    """CheckpointMissing or CheckpointError when no planner is there to describe what is heard:
    better said before the listening, which takes its time, than after it."""
    _planners(desk)


def listen(desk: Desk, source: Path | bytes) -> tuple[int, ...]:
    """The audio codes, five a second, of an audio file or of its bytes."""
    from acestep_cli.audio import load_for_model

    settings, request = desk.resolved.settings, desk.resolved.request
    ears = find_ears(request.model, _hearing_places(desk))
    if ears.is_demo:
        desk.say_demo()
    indexes = [read_index(folder.path) for folder in ears.folders()]
    prefetch(indexes)
    sizes: dict[str, int] = {
        part.kind: index.values() for part, index in zip(ears.folders(), indexes, strict=True)
    }
    hardware = choose_hardware(settings, sizes, (), positions=0)
    for adjusted in hardware.adjusted:
        desk.observer(adjusted)
    return _heard(desk, ears, hardware, load_for_model(source))


def _heard(desk: Desk, ears: EarSet, hardware: Hardware, samples: Any) -> tuple[int, ...]:
    with stage(desk.observer, "load"):
        from acestep_cli.hardware.threads import set_threads
        from acestep_cli.pipeline.hints import codes_of_audio
        from acestep_cli.pipeline.networks import Ears
        from acestep_cli.pipeline.tasks import SAMPLE_RATE

        set_threads(hardware.policy.threads)
        networks = Ears(ears, hardware.policy)
    seconds = samples.shape[-1] / SAMPLE_RATE
    with stage(desk.observer, "listen", total=seconds, unit="s"):
        return codes_of_audio(samples, networks, _progress(desk.observer, seconds), desk.cancelled)


def _progress(observer: Observer, total: float) -> Any:
    from acestep_cli.events import StageProgress

    return lambda done: observer(StageProgress("listen", min(done, total), total))


def _places(settings: Settings) -> tuple[Place, ...]:
    return search_places(
        settings.checkpoints, environ=os.environ, cwd=Path.cwd(), further=settings.models
    )


def _hearing_places(desk: Desk) -> Sequence[Place]:
    """Where the ears of `desk` are looked for. Codes mean something to the planner of their own
    set: a real planner is never told what the demonstration hears."""
    places, request = _places(desk.resolved.settings), desk.resolved.request
    real = [place for place in places if not place.is_demo]
    if request.model is not None or request.lm_model_path == DEMO_PLANNER:
        return places
    return real if request.lm_model_path or holds_any("planner", real) else places


def _planning_places(desk: Desk) -> Sequence[Place]:
    """Where the planner of `desk` is looked for: the demonstration's serves no other model."""
    places, request = _places(desk.resolved.settings), desk.resolved.request
    if request.model is None or request.lm_model_path is not None:
        return places
    return [place for place in places if place.is_demo == (request.model == DEMO)]


def _planners(desk: Desk) -> tuple[Folder, ...]:
    """The planners to choose from, at least one."""
    name = desk.resolved.request.lm_model_path
    return tuple(find_planners(name, _planning_places(desk), required=True))


def _planner(desk: Desk, positions: int) -> tuple[Folder, Hardware]:
    """The planner to use and the policy for it alone."""
    settings = desk.resolved.settings
    folders = _planners(desk)
    sizes = [planner_size(folder) for folder in folders]
    hardware = choose_hardware(settings, {}, sizes, positions=positions, required=True)
    if hardware.planner is None:
        raise CheckpointMissing(f"no planner can be used: {hardware.reason}", "see `--lm`")
    folder = folders[hardware.planner]
    if folder.name == DEMO_PLANNER:
        desk.say_demo()
    prefetch([read_index(folder.path)])
    for adjusted in hardware.adjusted:
        desk.observer(adjusted)
    return folder, hardware


def _opened(desk: Desk, folder: Folder, hardware: Hardware) -> Planner:
    """The planner, on even where it is switched off: the command is about nothing else."""
    planning = planning_of(desk.resolved.request.replace(no_lm=False))
    with stage(desk.observer, "load"):
        return open_planner(folder, hardware.policy, planning, desk.observer, desk.cancelled)


def _song(wish: Wish, seed: int) -> dict[str, Any]:
    song = plan_of(wish).metas
    return {**song, "duration": wish.duration, "seed": seed}
