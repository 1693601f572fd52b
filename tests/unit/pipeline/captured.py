"""What the networks of a whole run are told: read off the real modules while songs are made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from acestep_cli.pipeline.edit import Edit
from acestep_cli.pipeline.prepare import sampling_of, schedule_of
from acestep_cli.pipeline.scene import Item, SongJob
from acestep_cli.pipeline.settle import settle
from acestep_cli.pipeline.song import Song
from tests.parity.arguments import plans_of, request_of
from tests.parity.handler import integers
from tests.parity.rendered import UPSTREAM
from tests.parity.sources import edit_of
from tests.unit.pipeline.songs import GOLDEN, Watched, handler_case, job_of, songs_of


@dataclass(slots=True)
class Told:
    """texts: token ids [1, L] of the caption prompts; states: conditions [1, L, E] that the DiT
    embeds; calls: (latents, context) of each of its calls."""

    texts: list[Tensor] = field(default_factory=list)
    states: list[Tensor] = field(default_factory=list)
    calls: list[tuple[Tensor, Tensor]] = field(default_factory=list)


def captured(job: SongJob, networks: Watched) -> tuple[list[Song], Told]:
    """The songs of `job` and what the networks were told on the way."""
    told = Told()
    text_encoder, dit = networks.text_encoder, networks.dit

    def reading() -> Any:
        module = text_encoder()
        module.register_forward_pre_hook(lambda _, given: told.texts.append(given[0]))
        return module

    def composing() -> Any:
        module = dit()
        module.register_forward_pre_hook(lambda _, given: told.calls.append(given[:2]))
        embed = module.condition
        module.condition = lambda states: told.states.append(states) or embed(states)
        return module

    networks.text_encoder, networks.dit = reading, composing  # type: ignore[method-assign]
    try:
        return songs_of(job, networks), told
    finally:
        networks.text_encoder, networks.dit = text_encoder, dit  # type: ignore[method-assign]


def golden_job(name: str, turbo: bool, **changes: Any) -> tuple[SongJob, dict[str, Tensor]]:
    """The job that a case of golden/handler is, with the original's own draw of the source's
    latents, and its tensors. `changes` are those of the edit. Instructions are left to us."""
    arguments, golden = handler_case(name)
    edit = edit_of(GOLDEN, arguments)
    assert edit is not None and edit.samples is not None
    extent = edit.extent(upstream=True)
    first = round(extent.before * 25)
    latents = golden["target_latents_in"][0][first:]
    edit = replace(edit, latents=latents, **changes)
    seeds = integers(arguments["seed"])
    plans = plans_of(arguments, len(seeds))
    asked = request_of(arguments, turbo=turbo, morphed=edit.morph is not None)
    settled, _ = settle(asked, "turbo" if turbo else "base", "")
    job = SongJob(
        items=tuple(Item(i, seed, plans[i]) for i, seed in enumerate(seeds)),
        schedule=schedule_of(settled, turbo=turbo, parity=UPSTREAM),
        sampling=sampling_of(settled, turbo=turbo, parity=UPSTREAM),
        edit=edit,
        parity=UPSTREAM,
    )
    return job, golden


def edit_job(edit: Edit, *plans: Any, tracks: tuple[str, ...] = (), **options: Any) -> SongJob:
    """`job_of` with an edit, and with a track for each item."""
    job = job_of(*plans, **options)
    named = [*tracks, *[None] * len(plans)]
    items = tuple(
        Item(item.index, item.seed, item.plan, track)
        for item, track in zip(job.items, named, strict=False)
    )
    return replace(job, items=items, edit=edit)
