"""Prompts to tokens: the language model at work, with progress, and room for what it writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from acestep_cli.events import Observer, StageProgress, stage
from acestep_cli.models.decoding import Decoder
from acestep_cli.pipeline.generation import Generated, generate
from acestep_cli.pipeline.grammar import Run
from acestep_cli.pipeline.grammar_tables import END, PAD
from acestep_cli.pipeline.language import LanguageModel
from acestep_cli.pipeline.tokens import Draws, TokenOptions
from acestep_cli.pipeline.velocity import Cancelling

# The cache is a whole multiple of this many tokens long, so that few songs need another one.
_ROUNDED_TO = 512


@dataclass(frozen=True, slots=True)
class Task:
    """One text to be written: `prompts` (with guidance the conditional and the unconditional one),
    the rules for it, how tokens are chosen, at most how many. `total` tokens are expected where
    that is known; `item` is the song's place in a batch."""

    prompts: tuple[str, ...]
    run: Run
    options: TokenOptions
    limit: int
    unit: str = "tokens"
    total: int | None = None
    item: int | None = None


class Writer(Protocol):
    """Whoever writes for the planner."""

    def write(self, task: Task, draws: Draws) -> Generated:
        """The tokens of `task`, drawn with `draws`."""


class LanguageWriter:
    """Writes with a language model; `observer` hears of every token, `cancelled` is polled before
    each one and its code raised as Cancelled."""

    def __init__(self, language: LanguageModel, observer: Observer, cancelled: Cancelling) -> None:
        self._language, self._observer, self._cancelled = language, observer, cancelled
        self._decoder: Decoder | None = None
        tokenizer = language.tokenizer
        self._ends = (tokenizer.require(END), tokenizer.require(PAD))

    def write(self, task: Task, draws: Draws) -> Generated:
        """As `Writer`."""
        prompts = [self._language.tokenizer.encode_plain(prompt) for prompt in task.prompts]
        longest = max(len(prompt) for prompt in prompts)

        def told(done: int, token: int) -> None:
            self._observer(StageProgress("plan", done, task.total, task.item))

        with stage(self._observer, "plan", total=task.total, unit=task.unit, item=task.item):
            return generate(
                self._sized(prompts, longest + task.limit),
                prompts,
                task.run,
                task.options,
                draws,
                end_ids=self._ends,
                limit=task.limit,
                on_token=told,
                cancelled=self._cancelled,
            )

    def _sized(self, prompts: Sequence[Sequence[int]], tokens: int) -> Decoder:
        """A decoder with room for `tokens`, the last one where it has just that.

        Its length depends on the task alone: on some devices it decides how sums are split, and so
        the last bits of what a song is planned to be.
        """
        limit = -(-tokens // _ROUNDED_TO) * _ROUNDED_TO
        old = self._decoder
        if old is None or old.limit != limit or old.streams != len(prompts):
            self._decoder = None  # the old cache goes before the new one comes
            old = self._language.decoder(len(prompts), limit)
        self._decoder = old
        return old
