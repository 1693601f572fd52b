"""From scores to a token: penalty, top-k, top-p, temperature, draw (planner facts 4.3, `pt` order).

Nothing here waits for a GPU: a position stays on the device until somebody asks what it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# From how many scores on a CPU sorts fewer than all, and how often it halves what it sorts.
WORTH_NARROWING, HALVINGS = 4096, 7


@dataclass(frozen=True, slots=True)
class TokenOptions:
    """How tokens are chosen; the defaults are those of the planner.

    temperature: 0 takes the likeliest, the lowest id where several are.
    top_k: only the k likeliest, and what ties with the last of them; 0 is off.
    top_p: only the likeliest until their share of the probability at temperature 1 passes p; 0 and
        1 are off.
    repetition_penalty: scores of tokens that occurred are divided by it where positive and
        multiplied by it elsewhere; 1 is off.
    guidance: what the difference between conditional and unconditional scores counts; acts where
        there are both.
    """

    temperature: float = 0.85
    top_k: int = 0
    top_p: float = 0.9
    repetition_penalty: float = 1.0
    guidance: float = 2.0


class Draws:
    """Uniform numbers of one seed, the same on every device: `derive_seed(seed, "planner")`."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator("cpu").manual_seed(seed)

    def next(self) -> float:
        """The next number in [0, 1), of float64's full width."""
        return torch.rand((), generator=self._generator, dtype=torch.float64).item()


def guided(rows: Tensor, guidance: float) -> Tensor:
    """Scores [n] of conditional and unconditional ones [2, n]: u + guidance * (c - u), float32.

    A single row [1, n] is taken as it is.
    """
    if len(rows) == 1:
        return rows[0].float()
    conditional, unconditional = rows.float()
    return unconditional + guidance * (conditional - unconditional)


def pick(
    logits: Tensor, ids: Tensor, options: TokenOptions, seen: Tensor | None, uniform: float | None
) -> Tensor:
    """The position in `ids` of the token to take: int64 [], -1 where `logits` are not all finite.

    logits: float32 [n] of the tokens `ids` [n], ascending; seen: bool [vocabulary], which tokens
    occurred (None: no penalty); uniform: a number in [0, 1), which falls upon a token where the
    probabilities, added up in the order of ids, pass it (None: the likeliest is taken).
    """
    usable = logits.sum().isfinite()
    scores = penalized(logits, ids, options.repetition_penalty, seen)
    if uniform is None or options.temperature <= 0:
        position = scores.argmax()
    else:
        position = _fall(kept(scores, options), options.temperature, uniform)
    return torch.where(usable, position, -1)


def penalized(logits: Tensor, ids: Tensor, penalty: float, seen: Tensor | None) -> Tensor:
    """Scores [n] of `ids` after the repetition penalty; arguments as for `pick`."""
    if seen is None or penalty == 1:
        return logits
    # Divided where positive, multiplied elsewhere: the lower of the two, below 1 the higher.
    worse = torch.minimum if penalty > 1 else torch.maximum
    changed = worse(logits / penalty, logits * penalty)
    return torch.where(seen.index_select(0, ids), changed, logits)


def kept(scores: Tensor, options: TokenOptions) -> Tensor:
    """Scores [n] after top-k, then top-p: minus infinity for what may not be drawn."""
    if 0 < options.top_k < len(scores):
        scores = _only(scores, scores >= scores.topk(options.top_k).values[-1])
    if 0 < options.top_p < 1:
        quick = scores.device.type == "cpu" and len(scores) >= WORTH_NARROWING
        scores = (narrowed_nucleus if quick else sorted_nucleus)(scores, options.top_p)
    return scores


def sorted_nucleus(scores: Tensor, share: float) -> Tensor:
    """Scores [n], those dropped that have more than `share` of the probability before them, from
    the largest down. Of equal scores the lower id comes first; the largest always stays."""
    top = scores.max()
    bound = (scores - top).exp().sum(dtype=torch.float64) * share
    values = scores.sort(descending=True).values
    before = (values - top).exp().cumsum(0, dtype=torch.float64)[:-1]
    count = 1 + (before <= bound).sum()
    edge = values.index_select(0, (count - 1)[None])
    above, tied = scores > edge, scores == edge
    return _only(scores, above | (tied & (tied.cumsum(0) <= count - above.sum())))


def narrowed_nucleus(scores: Tensor, share: float) -> Tensor:
    """The same as `sorted_nucleus` for many scores on a CPU, in a fifth of its time or less.

    Leaves out what is too unlikely anyway, halves the range (of ratios) in which the last to stay
    is, a few times, and sorts what is left of it. It reads values back all the time: nothing for a
    GPU.
    """
    top = scores.max()
    odds = (scores - top).exp_()
    total = odds.sum(dtype=torch.float64).item()
    if not math.isfinite(total):
        return scores
    # All below this together have half of what may be dropped, at most.
    least = np.float32(total * (1 - share) / (2 * len(scores)))
    likely = scores.masked_select(odds > float(least))
    odds = (likely - top).exp_()
    low, high, before = _bracket(odds, least, total * share)
    inside = likely[(odds > low) & (odds <= high)].sort(descending=True).values
    sums = before + (inside - top).exp_().cumsum(0, dtype=torch.float64)
    count = 1 + int((sums[:-1] <= total * share).sum())
    edge = inside[count - 1]
    left = F.threshold(scores, float(np.nextafter(edge.numpy(), -np.inf)), -math.inf)
    surplus = int((inside >= edge).sum()) - count
    if surplus:
        left[(scores == edge).nonzero()[-surplus:]] = -math.inf
    return left


def _bracket(odds: Tensor, least: np.float32, bound: float) -> tuple[float, float, float]:
    """Limits low < odds <= high of the last to stay, and what those above `high` have together."""
    low, high, before = least, np.float32(1), 0.0
    for _ in range(HALVINGS):
        middle = np.sqrt(low * high)
        mass = F.threshold(odds, float(middle), 0.0).sum(dtype=torch.float64).item()
        if mass > bound:
            low = middle
        else:
            high, before = middle, mass
    return float(low), float(high), before


def _fall(scores: Tensor, temperature: float, uniform: float) -> Tensor:
    """Where `uniform` falls: the first position whose probability, added to all before it, is
    above `uniform`. Probabilities are float32, their sums float64."""
    odds = (scores - scores.max()).div_(temperature).softmax(0)
    sums = odds.cumsum(0, dtype=torch.float64)
    return torch.searchsorted(sums, sums[-1:] * uniform, right=True)[0]


def _only(scores: Tensor, keep: Tensor) -> Tensor:
    return torch.where(keep, scores, -math.inf)
