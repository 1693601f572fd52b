"""One try of the planner at one song: what is asked of the model, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acestep_cli.events import Noted, Observer, Warned
from acestep_cli.pipeline.generation import Generated
from acestep_cli.pipeline.grammar import Grammar, Run
from acestep_cli.pipeline.grammar_free import FreeRun
from acestep_cli.pipeline.metadata import Metadata, code_budget, parse_output, read_metadata
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.planner_prompts import plain_texts
from acestep_cli.pipeline.tokens import Draws, TokenOptions
from acestep_cli.pipeline.writer import Task, Writer
from acestep_cli.request.codes import CODES_PER_SECOND, MAX_CODE
from acestep_cli.weights.tokenizer import Tokenizer

# Most tokens of metadata with lyrics, or of codes where nobody knows a length (planner facts 4.4).
TEXT_TOKENS = 3500


class Unfinished(Exception):
    """The model's answer is no use: what it did, to be said behind "the planner"."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What every try uses: who writes, under which rules (only where `constrained`), how tokens are
    chosen, who hears of what is read differently."""

    writer: Writer
    tokenizer: Tokenizer
    grammar: Grammar
    options: TokenOptions
    constrained: bool
    observer: Observer
    parity: Parity


class Pen:
    """One try at one song: `item` is its place in a batch. Every method raises Unfinished for an
    answer of no use."""

    def __init__(self, tools: Tools, draws: Draws, item: int | None) -> None:
        self.tools, self.draws, self.item = tools, draws, item

    def plain(self, *texts: str) -> tuple[str, ...]:
        """`texts` without special tokens, which are told of."""
        plain, found = plain_texts(self.tools.tokenizer, self.tools.parity, *texts)
        if found:
            self.tools.observer(
                Warned("special_tokens", f"{found[0]} in the text is read as plain words")
            )
        return plain

    def reasoning(
        self, prompt: str, forced: Mapping[str, Any], *, skip_caption: bool, skip_language: bool
    ) -> Metadata:
        """The metadata of the first phase."""
        run = self.tools.grammar.cot(forced, skip_caption=skip_caption, skip_language=skip_language)
        return self._metadata(self._text(prompt, run))

    def text(self, prompt: str, forced: Mapping[str, Any]) -> Metadata:
        """Metadata and lyrics."""
        return self._metadata(self._text(prompt, self.tools.grammar.understand(forced)))

    def codes(self, prompts: tuple[str, ...], seconds: float | None) -> tuple[int, ...]:
        """Audio codes of `seconds`; None: until the model ends them, at most 700 s."""
        budget, total = TEXT_TOKENS, None
        if seconds is not None:
            budget, total = code_budget(seconds), int(seconds * CODES_PER_SECOND)
        run = self.tools.grammar.codes(seconds if self.tools.constrained else None)
        written = self._write(prompts, run, budget, unit="codes", total=total)
        first = self.tools.tokenizer.require("<|audio_code_0|>")
        codes = tuple(token - first for token in written.tokens if 0 <= token - first <= MAX_CODE)
        if not codes:
            raise Unfinished("wrote no audio code")
        return codes

    def _text(self, prompt: str, run: Run) -> Generated:
        rules = run if self.tools.constrained else FreeRun(self.tools.grammar)
        written = self._write((prompt,), rules, TEXT_TOKENS)
        if written.end is None:
            raise Unfinished(f"came to no end within {TEXT_TOKENS} tokens")
        return written

    def _write(
        self,
        prompts: tuple[str, ...],
        run: Run,
        limit: int,
        *,
        unit: str = "tokens",
        total: int | None = None,
    ) -> Generated:
        task = Task(prompts, run, self.tools.options, limit, unit, total, self.item)
        return self.tools.writer.write(task, self.draws)

    def _metadata(self, written: Generated) -> Metadata:
        upstream = self.tools.parity.upstream_grammar
        tokens = written.tokens
        if upstream and written.end is not None:
            # The original's parser reads it too: where a caption is ended by it, as part of that.
            tokens = (*tokens, written.end)
        output = parse_output(self.tools.tokenizer.decode(tokens), upstream=upstream)
        fields = {**output.fields, "lyrics": output.lyrics}
        read = read_metadata(fields, upstream=upstream)
        for reason in read.dropped:
            self.tools.observer(Noted(f"left out of the planner's answer: {reason}"))
        if not read.metadata.cot_fields:
            raise Unfinished("wrote nothing that can be read")
        return read.metadata
