"""Do a device and a dtype work? Each stage run once on a tiny checkpoint. Imports torch.

Knows nothing about which checkpoints people have: what is tried is the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acestep_cli.config import Settings
from acestep_cli.errors import AceStepError, Cancelled, DeviceError, OutOfMemory, UnusableResult
from acestep_cli.events import Event, StageStarted
from acestep_cli.hardware.devices import Device
from acestep_cli.hardware.policy import Policy, choose_policy
from acestep_cli.pipeline.plan import Wish, plan_of
from acestep_cli.weights.locate import find_set
from acestep_cli.weights.places import Place
from acestep_cli.weights.sets import CheckpointSet

DTYPES = ("float32", "bfloat16", "float16")

_TEXT = "slow piano, warm and close"
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of trying `dtype` on `device` (torch's name) for `seconds`.

    `failed` is the stage that did not work, None where all did; `reason` says why, on one line.
    """

    device: str
    dtype: str
    seconds: float
    failed: str | None = None
    reason: str = ""


def offered(devices: list[Device]) -> Iterator[tuple[Device, str]]:
    """Every device with every dtype that the hardware policy offers on it."""
    for device in devices:
        for dtype in DTYPES:
            try:
                _policy(device, dtype, devices)
            except OutOfMemory:
                yield device, dtype
            except DeviceError:
                continue
            else:
                yield device, dtype


def try_out(folder: Path, device: Device, dtype: str, devices: list[Device]) -> Trial:
    """Run each stage once with the checkpoint set in `folder`."""
    begun, stages = time.perf_counter(), ["load"]
    failed, reason = None, ""
    try:
        checkpoints = find_set(None, "text2music", (Place(folder, "the trial"),))
        policy = _policy(device, dtype, devices)
        for attempt in (_plan, _words, _song):
            attempt(checkpoints, policy, stages.append)
    except Cancelled:
        raise
    except Exception as crash:
        # Whatever a device makes of a network is the answer here.
        failed, reason = stages[-1], _reason(crash)
    return Trial(device.torch_name, dtype, time.perf_counter() - begun, failed, reason)


def _policy(device: Device, dtype: str, devices: list[Device]) -> Policy:
    return choose_policy(Settings(device=device.torch_name, dtype=dtype), {}, devices=devices)[0]


def _plan(checkpoints: CheckpointSet, policy: Policy, begin: Callable[[str], None]) -> None:
    """A prompt and one token after it, with guidance."""
    import torch

    from acestep_cli.hardware.threads import set_threads
    from acestep_cli.pipeline.language import open_language

    begin("plan")
    assert checkpoints.planner is not None  # the tiny set has one
    set_threads(policy.threads)
    language = open_language(checkpoints.planner, policy)
    prompt = language.tokenizer.encode_plain(_TEXT)
    decoder = language.decoder(2, len(prompt) + 1)
    head = decoder.head(torch.arange(language.config.vocabulary))
    _check_finite("scores of the planner", head(decoder.start([prompt, prompt])))
    _check_finite("scores of the planner", head(decoder.step(prompt[-1])))


def _words(checkpoints: CheckpointSet, policy: Policy, begin: Callable[[str], None]) -> None:
    """The text encoder on a caption."""
    import torch

    from acestep_cli.pipeline.conditioner import read_words, write_words
    from acestep_cli.pipeline.networks import Networks
    from acestep_cli.pipeline.parity import Parity

    begin("words")
    networks = Networks(checkpoints, policy)
    plan = plan_of(Wish(caption=_TEXT))
    words = write_words(plan, "", plan.duration, networks.tokenizer, Parity())
    with torch.no_grad():
        _check_finite("features of the words", read_words(words, networks.text_encoder()).caption)


def _song(checkpoints: CheckpointSet, policy: Policy, begin: Callable[[str], None]) -> None:
    """The shortest song in one step: condition, DiT and the decoder of the sound."""
    import torch

    from acestep_cli.pipeline.networks import Networks
    from acestep_cli.pipeline.sampler import SamplingOptions, never
    from acestep_cli.pipeline.schedule import turbo_schedule
    from acestep_cli.pipeline.song import Item, SongJob, make_songs

    def observe(event: Event) -> None:
        if isinstance(event, StageStarted):
            begin(event.stage)

    wish = Wish(caption=_TEXT, lyrics="la la", duration=1.0)
    items = (Item(index=0, seed=1, plan=plan_of(wish)),)
    job = SongJob(items, turbo_schedule(1, 3.0), SamplingOptions())
    try:
        for song in make_songs(job, Networks(checkpoints, policy), observe, never):
            _check_finite("samples of the sound", torch.from_numpy(song.samples))
    except UnusableResult:
        begin("compose")  # what the decoder was given, and not its own work, was not finite
        raise


def _check_finite(what: str, values: Any) -> None:
    import torch

    bad = int((~torch.isfinite(values)).sum())
    if bad:
        raise ArithmeticError(f"{bad} of {values.numel()} {what} are not finite")


def _reason(crash: Exception) -> str:
    """What `crash` says, on one line."""
    told = crash.message if isinstance(crash, AceStepError) else str(crash)
    lines = told.strip().splitlines()
    text = lines[0] if lines else ""
    named = text if isinstance(crash, (AceStepError, ArithmeticError)) else type(crash).__name__
    sentence = f"{named}: {text}" if text and named != text else named
    return sentence[:_LONGEST_REASON]
