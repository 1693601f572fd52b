"""How far the planner's rounded weights lead away from bfloat16, on a small trained checkpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from acestep_cli.config import Settings
from acestep_cli.hardware.policy import choose_policy
from acestep_cli.models.decoding import Decoder
from acestep_cli.pipeline.language import LanguageModel, open_language
from acestep_cli.weights.folder import open_folder

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
CHECKPOINT = GOLDEN / "checkpoints" / "acestep-5Hz-lm-0.6B"
TRACES = GOLDEN / "lm" / "generation_traces.json"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of `tokens` tokens, each told all before it: the share whose likeliest successor is the
    same, and the mean divergence of the distributions in nats."""

    tokens: int
    same: float
    divergence: float


@torch.no_grad()
def agreement(form: str, most: int | None = None) -> Agreement:
    """int8 or int4 beside bfloat16, on the first `most` recorded runs of the golden planner."""
    plain, rounded = _open("none"), _open(form)
    same, divergence, count = 0.0, 0.0, 0
    for prompt, tokens in islice(_runs(plain), most):
        wanted, found = (_log_odds(language, prompt, tokens) for language in (plain, rounded))
        same += float((wanted.argmax(-1) == found.argmax(-1)).sum())
        divergence += float((wanted.exp() * (wanted - found)).sum(dtype=torch.float64))
        count += len(wanted)
    return Agreement(count, same / count, divergence / count)


def _open(form: str) -> LanguageModel:
    settings = Settings(device="cpu", dtype="bfloat16", lm_quantization=form)  # type: ignore[arg-type]
    policy, _ = choose_policy(settings, {"planner": 1})
    return open_language(open_folder(CHECKPOINT.name, "planner", CHECKPOINT), policy)


def _runs(language: LanguageModel) -> Iterator[tuple[list[int], list[int]]]:
    recorded = json.loads(TRACES.read_text("utf-8"))
    for run in recorded["runs"]:
        for call in run["calls"]:
            yield language.tokenizer.encode_plain(call["prompt"]), call["ids"]


def _log_odds(language: LanguageModel, prompt: list[int], tokens: list[int]) -> Tensor:
    """Log-probabilities [len(tokens), vocabulary] of each token from what comes before it."""
    decoder: Decoder = language.decoder(1, len(prompt) + len(tokens))
    head = decoder.head(torch.arange(language.config.vocabulary))
    rows = [head(decoder.start([prompt]))]
    rows += [head(decoder.step(token)) for token in tokens[:-1]]
    return torch.cat(rows).log_softmax(-1)
