"""Family `end_to_end`: plan, codes, latents and waveform of whole calls, against golden/end_to_end.

The planner's part is in `planned`; here its plan is rendered.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from acestep_cli.audio.level import fade, normalize_peak, peak
from acestep_cli.pipeline.plan import Plan
from acestep_cli.pipeline.tasks import SAMPLE_RATE
from tests.parity.arguments import plans_of
from tests.parity.base import Case, Check, equal, no_grad, relative
from tests.parity.checkpoints import open_networks
from tests.parity.handler import (
    WAVE,
    compare_conditioning,
    compare_latents,
    compare_wave,
    draw,
    integers,
    task_of,
)
from tests.parity.planned import planned
from tests.parity.rendered import Rendered
from tests.parity.sources import given_of


def cases(folder: Path) -> list[Case]:
    """One case an entry of FOLDER/end_to_end/cases.json."""
    entries = json.loads((folder / "end_to_end" / "cases.json").read_text("utf-8"))
    return [_case(folder, name, entry) for name, entry in entries.items()]


def _case(folder: Path, name: str, entry: dict[str, Any]) -> Case:
    # What was asked for has a task; the codes that the planner adds do not change it.
    task = task_of(entry["generation_params"])
    return Case("end_to_end", name, no_grad(partial(_songs, folder, name, entry)), task)


def _songs(folder: Path, name: str, entry: dict[str, Any]) -> list[Check]:
    golden = load_file(folder / "end_to_end" / f"{name}.safetensors")
    received = entry["sampler_arguments"]
    seeds, retakes = integers(received["seed"]), integers(received.get("retake_seed"))
    handed_over = plans_of(entry["dit_arguments"], len(seeds))
    plans, found = planned(folder, entry, len(seeds))
    arguments = entry["dit_arguments"]
    given = given_of(folder, arguments, golden)
    ours = Rendered(open_networks(folder, entry["model"]), arguments, plans, given)
    checks = [
        *found,
        _prompts(ours, entry["dit_prompts"]),
        equal("frames", ours.frames, entry["latent_frames"]),
    ]
    for index, (plan, seed) in enumerate(zip(plans, seeds, strict=True)):
        checks.append(_codes(plan, golden, handed_over[index], index))
        checks += compare_conditioning(ours, golden, index)
        drawn, checked = draw(ours, golden, index, seed, retakes)
        latents = ours.latents(index, drawn)
        checks += [*checked, compare_latents(ours, latents, golden, index)]
        checks += _sound(ours.wave(latents), entry, golden, index)
    return checks


def _prompts(ours: Rendered, told: list[str]) -> Check:
    """Caption and lyric prompt of every item; a second caption prompt, where there is one, stands
    among them."""
    first, later = ours.words
    expected = [first.caption_prompt, first.lyric_prompt] * len(ours.plans)
    switches = ours.sampling.audio_cover_strength < 1
    left_out = {later.caption_prompt} - {first.caption_prompt} if switches else set()
    return equal("prompts", expected, [prompt for prompt in told if prompt not in left_out])


def _codes(plan: Plan, golden: dict[str, Tensor], handed_over: Plan, index: int) -> Check:
    """Recorded for sure where the planner wrote them."""
    told = golden.get(f"codes.{index}", torch.tensor(handed_over.audio_codes, dtype=torch.int64))
    ours = torch.tensor(plan.audio_codes, dtype=torch.int64)
    return equal(f"codes {index}", ours, told.flatten())


def _sound(
    wave: Tensor, entry: dict[str, Any], golden: dict[str, Tensor], index: int
) -> list[Check]:
    """The waveform [2, S] as it is saved: levelled, then faded (pipeline facts 2.5)."""
    asked, told = entry["generation_params"], entry["wav"][index]
    samples = wave.numpy()
    before = torch.tensor(peak(samples)), torch.tensor(told["peak_before_normalisation"])
    level = asked.get("normalization_db", -1.0)
    if asked.get("enable_normalization", True) and level <= 0:
        samples = normalize_peak(samples, level)
    samples = fade(
        samples,
        SAMPLE_RATE,
        asked.get("fade_in_duration", 0.0),
        asked.get("fade_out_duration", 0.0),
    )
    return [
        relative(f"peak before {index}", *before, WAVE),
        *compare_wave(torch.from_numpy(samples), golden, index, told),
    ]
