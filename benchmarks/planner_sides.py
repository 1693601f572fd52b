"""The planner's codes phase by ours and by transformers, token by token, in a process of its own.

`python -m benchmarks.planner_sides SIDE FOLDER SCRATCH DEVICE DTYPE THREADS` answers requests as
`benchmarks.worker` does: `{"tokens"}` gives `{"seconds", "load", "prompt"}` for so many more codes;
the side `memory` gives `{"rate"}`, bytes that the processor can read in a second.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from acestep_cli.config import Settings
from acestep_cli.hardware.policy import choose_policy
from acestep_cli.pipeline.language import open_language
from acestep_cli.pipeline.tokens import Draws, TokenOptions, guided, pick
from acestep_cli.weights.folder import open_folder
from acestep_cli.weights.tokenizer import Tokenizer
from benchmarks.ceiling import synchronise
from benchmarks.side import Options
from benchmarks.worker import serve

# Caption, lyrics and metadata of a song; the same without words.
PROMPTS = (300, 33)
MOST_TOKENS = 1024
CODES = 64_000
OPTIONS = TokenOptions(temperature=0.85, top_p=0.9, guidance=2.0)
_READ_BYTES = 1 << 29
_READ_SECONDS = 0.7


class Writer(Protocol):
    """A language model in the middle of a song."""

    def begin(self, prompts: list[list[int]]) -> None:
        """Read the conditional and the unconditional prompt."""

    def scores(self) -> Tensor:
        """float32 [2, codes + 1] of the next token."""

    def take(self, token: int) -> None:
        """Append a token to both."""


class Ours:
    """acestep with the weights in the form `quantization`."""

    def __init__(self, path: Path, options: Options, quantization: str, ids: Tensor) -> None:
        settings = Settings(
            device=options.device,
            dtype=options.dtype,
            threads=options.threads,
            lm_quantization=quantization,  # type: ignore[arg-type]
        )
        policy, _ = choose_policy(settings, {"planner": 1})
        language = open_language(open_folder(path.name, "planner", path), policy)
        self.decoder = language.decoder(2, PROMPTS[0] + MOST_TOKENS)
        self.head = self.decoder.head(ids)

    def begin(self, prompts: list[list[int]]) -> None:
        """As `Writer.begin`."""
        self.hidden = self.decoder.start(prompts)

    def scores(self) -> Tensor:
        """As `Writer.scores`."""
        return self.head(self.hidden)

    def take(self, token: int) -> None:
        """As `Writer.take`."""
        self.hidden = self.decoder.step(token)


class Theirs:
    """transformers with a static cache, guidance as a batch of two, the whole head."""

    def __init__(self, path: Path, options: Options, ids: Tensor) -> None:
        from transformers import Qwen3ForCausalLM, StaticCache

        self.device, dtype = options.device, getattr(torch, options.dtype)
        model = Qwen3ForCausalLM.from_pretrained(path, dtype=dtype)
        self.model, self.ids = model.eval().to(self.device), ids.to(self.device)
        self.cache_name = cache_name(model)
        self.cache = StaticCache(config=model.config, max_cache_len=PROMPTS[0] + MOST_TOKENS)

    def begin(self, prompts: list[list[int]]) -> None:
        """As `Writer.begin`."""
        length = max(map(len, prompts))
        padded = [[0] * (length - len(prompt)) + prompt for prompt in prompts]
        self.mask = torch.ones(2, length, dtype=torch.int64, device=self.device)
        for row, prompt in enumerate(prompts):
            self.mask[row, : length - len(prompt)] = 0
        self.places = self.mask.sum(1, keepdim=True)
        ids = torch.tensor(padded, device=self.device)
        self._run(ids, (self.mask.cumsum(1) - 1).clamp_min(0))

    def scores(self) -> Tensor:
        """As `Writer.scores`."""
        scores: Tensor = self.logits[:, self.ids].float()
        return scores

    def take(self, token: int) -> None:
        """As `Writer.take`."""
        self.mask = torch.cat([self.mask, self.mask.new_ones(2, 1)], dim=1)
        self._run(torch.full((2, 1), token, device=self.device), self.places)
        self.places = self.places + 1

    def _run(self, ids: Tensor, positions: Tensor) -> None:
        found = self.model(
            input_ids=ids,
            attention_mask=self.mask,
            position_ids=positions,
            use_cache=True,
            logits_to_keep=1,
            **{self.cache_name: self.cache},
        )
        self.logits = found.logits[:, -1]


def cache_name(model: Any) -> str:
    """What `model.forward` of this version of transformers calls its cache of keys and values."""
    return "cache" if "cache" in signature(model.forward).parameters else "past_key_values"


def main(arguments: list[str]) -> None:
    """Answer requests until standard input ends."""
    side, folder, _, device, dtype, threads = arguments
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    options = Options(device, dtype, int(threads))
    torch.set_num_threads(options.threads)
    with torch.no_grad():
        if side == "memory":
            serve(sys.stdin, replies, lambda request: {"rate": read_rate(torch.device(device))})
        else:
            serve(sys.stdin, replies, _answers(side, Path(folder), options))


def read_rate(device: torch.device) -> float:
    """Bytes a second at which a sum reads memory; the best of several runs."""
    data = torch.ones(_READ_BYTES // 8, dtype=torch.int64, device=device)
    best, end = 0.0, time.perf_counter() + _READ_SECONDS
    while time.perf_counter() < end:
        synchronise(device)
        start = time.perf_counter()
        data.sum()
        synchronise(device)
        best = max(best, _READ_BYTES / (time.perf_counter() - start))
    return best


def _answers(side: str, path: Path, options: Options) -> Callable[[dict[str, Any]], dict[str, Any]]:
    device, draws = torch.device(options.device), Draws(7)
    ids = code_ids(path)
    if side == "theirs":
        import_module("transformers.models.qwen3.modeling_qwen3")
    start = time.perf_counter()
    writer: Writer = (
        Theirs(path, options, ids) if side == "theirs" else Ours(path, options, side, ids)
    )
    synchronise(device)
    loaded = time.perf_counter()
    writer.begin(_prompts())
    synchronise(device)
    told = {"load": loaded - start, "prompt": time.perf_counter() - loaded}
    ids = ids.to(device)

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        begun = time.perf_counter()
        for _ in range(request["tokens"]):
            scores = guided(writer.scores(), OPTIONS.guidance)
            place = pick(scores, ids, OPTIONS, None, draws.next())
            writer.take(int(ids[place]))
        synchronise(device)
        return {"seconds": time.perf_counter() - begun, **told}

    return answer


def code_ids(path: Path) -> Tensor:
    """The codes and the end, ascending."""
    tokenizer = Tokenizer(path)
    end, first = tokenizer.require("<|im_end|>"), tokenizer.require("<|audio_code_0|>")
    return torch.cat([torch.tensor([end]), torch.arange(first, first + CODES)])


def _prompts() -> list[list[int]]:
    generator = torch.Generator().manual_seed(11)
    return [torch.randint(0, 250, (count,), generator=generator).tolist() for count in PROMPTS]


if __name__ == "__main__":
    main(sys.argv[1:])
