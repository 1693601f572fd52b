"""The stages of a training: one after the other, or two at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

import torch

from training.autoencoder.decoder import train_decoder
from training.autoencoder.encoder import train_encoder
from training.codes import train_codes
from training.loop import Run
from training.planner.train import train_planner
from training.renderer.train import train_renderer

TRAINERS: Mapping[str, Callable[[Run], object]] = {
    "decoder": train_decoder,
    "encoder": train_encoder,
    "codes": train_codes,
    "renderer": train_renderer,
    "planner": train_planner,
}


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
    wanted = {*stages, "codes"} if {"renderer", "planner"} & set(stages) else set(stages)

    def begin(*part: str) -> SpawnProcess:
        kept = [stage for stage in part if stage in wanted]
        process = context.Process(
            target=_train_while_wanted,
            args=(kept, run, torch.get_num_threads()),
            name=" and ".join(kept),
        )
        process.start()
        begun.append(process)
        return process

    try:
        codes, autoencoder = begin("codes"), begin("decoder", "encoder")
        _await_one_of((codes,), begun)
        renderer = begin("renderer")
        _await_one_of((autoencoder, renderer), begun)
        planner = begin("planner")
        for process in (autoencoder, renderer, planner):
            _await_one_of((process,), begun)
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


def _await_one_of(awaited: Sequence[SpawnProcess], begun: Sequence[SpawnProcess]) -> None:
    """Wait until one of `awaited` is done. Raises ChildProcessError where one of `begun` failed."""
    while True:
        is_done = not all(process.is_alive() for process in awaited)
        for process in begun:
            if process.exitcode:
                raise ChildProcessError(f"the training of {process.name} failed")
        if is_done:
            return
        wait([process.sentinel for process in begun if process.is_alive()])
