"""The stages of a training: one after the other, or two at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

import torch

from training.autoencoder import decoder, encoder
from training.autoencoder.decoder import train_decoder
from training.autoencoder.encoder import train_encoder
from training.codes import PLAN as CODES
from training.codes import train_codes
from training.loop import Plan, Run, is_borrowed, is_finished
from training.planner.train import PLAN as PLANNER
from training.planner.train import train_planner
from training.renderer.train import PLAN as RENDERER
from training.renderer.train import train_renderer

TRAINERS: Mapping[str, Callable[[Run], object]] = {
    "decoder": train_decoder,
    "encoder": train_encoder,
    "codes": train_codes,
    "renderer": train_renderer,
    "planner": train_planner,
}
PLANS: Mapping[str, Plan] = {
    "decoder": decoder.PLAN,
    "encoder": encoder.PLAN,
    "codes": CODES,
    "renderer": RENDERER,
    "planner": PLANNER,
}
# What a process does from its start to its end, codes first.
_PARTS = (("codes",), ("decoder", "encoder"), ("renderer",), ("planner",))
_BUILT_ON_CODES = {"renderer", "planner"}


def with_codes(stages: Collection[str]) -> set[str]:
    """`stages` and the codes, where one of them needs these."""
    return {*stages, "codes"} if _BUILT_ON_CODES & set(stages) else set(stages)


def unfinished(run: Run, stages: Collection[str]) -> list[str]:
    """Those of `stages`, names in `TRAINERS`, that have steps of `run` before them."""
    plans = {stage: plan for stage, plan in PLANS.items() if stage in stages}
    return [stage for stage, plan in plans.items() if not is_finished(plan, run)]


def borrowed(run: Run, stages: Collection[str]) -> list[str]:
    """Those of `stages`, names in `TRAINERS`, whose state holds weights of a set, not trained."""
    return [name for name, plan in PLANS.items() if name in stages and is_borrowed(run.path(plan))]


def train_stages(stages: Sequence[str], run: Run) -> None:
    """Train `stages`, names in `TRAINERS`, in their order; a finished one is only loaded."""
    for stage in stages:
        TRAINERS[stage](run)


def train_side_by_side(stages: Sequence[str], run: Run) -> None:
    """As `train_stages`, two at once, in processes of their own, each with as many threads as here.

    The codes come first, as renderer and planner need them. Raises ChildProcessError where one of
    them fails, and ends the other, whose state is kept as of its last save.
    """
    begun: list[SpawnProcess] = []
    context = multiprocessing.get_context("spawn")
    wanted = with_codes(stages)
    try:
        for part in _PARTS:
            kept = [stage for stage in part if stage in wanted]
            if not kept:
                continue
            if _BUILT_ON_CODES & set(kept):
                _await(begun[:1], begun)
            _await(begun, begun, most=1)
            process = context.Process(
                target=_train_while_wanted,
                args=(kept, run, torch.get_num_threads()),
                name=" and ".join(kept),
            )
            process.start()
            begun.append(process)
        _await(begun, begun)
    finally:
        for process in begun:
            process.terminate()
            process.join()


def _train_while_wanted(stages: Sequence[str], run: Run, threads: int) -> None:
    """`train_stages`, until who began it is gone: another run would write the same files."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it too, and ends this
    threading.Thread(target=end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    train_stages(stages, run)


def _await(processes: Sequence[SpawnProcess], begun: Sequence[SpawnProcess], most: int = 0) -> None:
    """Wait until at most `most` of `processes` run.

    Raises ChildProcessError where one of `begun`, of which they are some, has failed.
    """
    while True:
        running = [process for process in begun if process.is_alive()]  # before what may end them
        for process in begun:
            if process.exitcode:
                raise ChildProcessError(f"the training of {process.name} failed")
        if sum(process in running for process in processes) <= most:
            return
        wait([process.sentinel for process in running])
