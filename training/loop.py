"""The loop that every network here is trained in: a fixed number of steps, saved and resumed.

What a step sees depends on its number alone, so a run that was interrupted goes on as if it had not
been.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from training.feed import Drawn, batches
from training.optimizer import Optimizer

SAVE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How a network is trained.

    name: of its file of state; steps; rate: the highest learning rate, reached after `warmup` steps
    and left on a cosine to a hundredth; betas: of AdamW, which moves what Muon does not; decay: of
    the running mean of the weights that is kept; stretch: how many times its share is run in a
    trial, at most the whole: more than 1 for what is short and others build upon; restart: the step
    at which the rate rises to half its height and falls once more, 0 for none (a warm restart, as
    in SGDR, arXiv 1608.03983).
    """

    name: str
    steps: int
    rate: float
    warmup: int = 200
    decay: float = 0.998
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float = 1.0
    stretch: float = 1.0
    restart: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """Where the networks of a training lie, and how much of it is run.

    folder: holds a file of state for each; share: of the steps of every plan, in (0, 1]: below 1 it
    is a trial of the whole chain, whose networks have learnt little; device: of torch, where they
    are trained; workers: processes that make batches ahead, 0 for none.
    """

    folder: Path
    share: float = 1.0
    device: str = "cpu"
    workers: int = 0

    def path(self, plan: Plan) -> Path:
        """The file of the state of the network of `plan`."""
        return self.folder / f"{plan.name}.pt"

    def part_of(self, plan: Plan) -> Plan:
        """The share of `plan` that is run, at least one step."""
        share = min(1.0, self.share * plan.stretch)
        steps, warmup = (max(1, round(share * own)) for own in (plan.steps, plan.warmup))
        return replace(plan, steps=steps, warmup=warmup, restart=math.ceil(share * plan.restart))


Loss = Callable[[Drawn], tuple[Tensor, Mapping[str, Tensor]]]


def train(
    module: nn.Module,
    plan: Plan,
    draw: Callable[[int], Drawn],
    loss: Loss[Drawn],
    run: Run,
    after_step: Callable[[], None] | None = None,
) -> nn.Module:
    """Train `module` in place, on the device of `run`, and return the running mean of its weights,
    on the CPU.

    draw: maps the number of a step to its batch, with a generator seeded with that number; loss:
    maps a batch to a scalar and to figures for the log. run: where the state lies from which an
    earlier one goes on; a finished one is only loaded. after_step: what is done with the weights
    once they have moved.
    """
    plan, path = run.part_of(plan), run.path(plan)
    module.to(run.device)
    mean = copy.deepcopy(module)
    optimizer = Optimizer(module, plan.rate, plan.betas, plan.weight_decay)
    first = _resume(path, module, mean, optimizer)
    saved = time.monotonic()
    began, figures = saved, dict[str, Tensor]()
    steps = range(first, plan.steps)
    for step, batch in zip(steps, batches(draw, steps, run.workers, run.device), strict=True):
        optimizer.set_rate(_rate(plan, step))
        value, told = loss(batch)
        module.zero_grad()
        value.backward()
        norm = nn.utils.clip_grad_norm_(module.parameters(), plan.clip)
        if torch.isfinite(norm):
            optimizer.step()
            if after_step is not None:
                after_step()
        _follow(mean, module, min(plan.decay, (step + 1) / (step + 10)))
        for key, figure in {**told, "loss": value}.items():
            figures[key] = figure.detach().lerp(figures.get(key, figure).detach(), 0.98)
        if step % 50 == 0 or step == plan.steps - 1:
            pace = (step + 1 - first) / (time.monotonic() - began)
            words = " ".join(f"{key} {float(figure):.4f}" for key, figure in figures.items())
            print(f"{plan.name} {step}/{plan.steps} {words} | {pace:.2f} steps/s", flush=True)
        if time.monotonic() - saved > SAVE_SECONDS or step == plan.steps - 1:
            _save(path, module, mean, optimizer, step + 1)
            saved = time.monotonic()
    return mean.cpu()


def is_finished(plan: Plan, run: Run) -> bool:
    """Whether the network of `plan` has taken all of its steps. ValueError for what is no state."""
    path = run.path(plan)
    return path.is_file() and int(_read(path)["step"]) >= run.part_of(plan).steps


def begin(path: Path, module: nn.Module) -> None:
    """A state of no steps with the weights of `module`, unless one that was trained is there."""
    if not path.is_file() or is_borrowed(path):
        weights = module.state_dict()
        _write(path, {"module": weights, "mean": weights, "step": 0})


def borrow(path: Path, module: nn.Module, plan: Plan) -> None:
    """A finished state of `plan` with the weights of `module`, which others need, unless there is
    a state."""
    if not path.is_file():
        weights = module.state_dict()
        _write(path, {"module": weights, "mean": weights, "step": plan.steps, "borrowed": True})


def is_borrowed(path: Path) -> bool:
    """Whether the state there was not trained, but holds weights of a set. ValueError for what is
    no state."""
    return path.is_file() and "borrowed" in _read(path)


def holds(path: Path, module: nn.Module) -> bool:
    """Whether the state there has the weights of `module`. ValueError for what is no state."""
    kept = _read(path)["mean"]
    own = module.state_dict()
    return kept.keys() == own.keys() and all(torch.equal(kept[name], own[name]) for name in own)


def _rate(plan: Plan, step: int) -> float:
    rise = min(1.0, (step + 1) / plan.warmup)
    again = 0 < plan.restart <= step
    first, last = (plan.restart, plan.steps) if again else (0, plan.restart or plan.steps)
    fall = 0.5 * (1 + math.cos(math.pi * (step - first) / (last - first)))
    return plan.rate * (0.5 if again else rise) * max(fall, 0.01)


@torch.no_grad()
def _follow(mean: nn.Module, module: nn.Module, decay: float) -> None:
    mine: list[Tensor] = list(mean.parameters())
    theirs: list[Tensor] = list(module.parameters())
    torch._foreach_lerp_(mine, theirs, 1 - decay)


def _resume(path: Path, module: nn.Module, mean: nn.Module, optimizer: Optimizer) -> int:
    if not path.is_file():
        return 0
    state = _read(path, mapped=False)  # an optimizer goes on in the same memory
    module.load_state_dict(state["module"])
    mean.load_state_dict(state["mean"])
    if "optimizers" in state:
        optimizer.load_state_dict(state["optimizers"])
    return int(state["step"])


def _save(path: Path, module: nn.Module, mean: nn.Module, optimizer: Optimizer, step: int) -> None:
    _write(
        path,
        {
            "module": module.state_dict(),
            "mean": mean.state_dict(),
            "optimizers": optimizer.state_dict(),
            "step": step,
        },
    )


def _read(path: Path, *, mapped: bool = True) -> dict[str, Any]:
    """The state at `path`, `mapped` where little of it is needed. ValueError for what is none."""
    try:
        # Onto the CPU, from where each part goes where it belongs: an optimizer's count of steps on
        # an accelerator would make every step wait for it.
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu", mmap=mapped)
    except (EOFError, RuntimeError, UnpicklingError) as problem:
        raise ValueError(f"{path} is no state of a training: delete it") from problem
    return state


def _write(path: Path, state: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(dict(state), part)
    part.replace(path)
