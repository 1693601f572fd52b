"""Which token may come next while the planner writes.

A plan is one block of text: `<think>`, the fields in their fixed order, one `name: value` a line,
then the end of the turn, or `</think>` and what follows it. The default grammar (below) holds any
model to it: every field is there once, in order and valid, and everything but free lyrics ends
after a bounded number of tokens. With `upstream` the original's state machine decides instead,
traps included (grammar_upstream).

    bpm 30..300, duration 10..max_duration, keyscale one of 70, language one of 51 (the likeliest
    tokens, whatever the temperature), timesignature 2, 3, 4 or 6: one of the list, then a
    newline.
    caption: free text (`grammar_parts.Line`) of at most 512 tokens; it may go on in indented lines.
    genres: an entry of the list where there is one, else one line of free text, 64 tokens.
    A value that is given is written as ` value` and a newline, whatever it says.

Names are spelled with the longest single tokens, as the original does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Protocol

from torch import Tensor

from acestep_cli.pipeline.grammar_genres import GenreTree
from acestep_cli.pipeline.grammar_parts import Choice, Codes, Forced, Genre, Line, Lyrics, Part
from acestep_cli.pipeline.grammar_settings import Settings
from acestep_cli.pipeline.grammar_tables import (
    FIELDS,
    LONGEST,
    Allowed,
    Tables,
    name_state,
    value_state,
)
from acestep_cli.pipeline.grammar_text import TextSets
from acestep_cli.pipeline.grammar_upstream import UpstreamRun, UpstreamTables
from acestep_cli.request.codes import CODES_PER_SECOND
from acestep_cli.weights.tokenizer import Tokenizer

__all__ = ["CAPTION_TOKENS", "GENRES_TOKENS", "Allowed", "Grammar", "Run", "Settings"]

CAPTION_TOKENS = 512
GENRES_TOKENS = 64


class Run(Protocol):
    """One text being written: ask `allowed`, choose, `advance`; until the end of the turn."""

    @property
    def needs_scores(self) -> bool:
        """Whether the next `allowed` depends on the scores of the whole vocabulary (upstream)."""

    @property
    def state(self) -> str:
        """What is being written, as in planner facts 3.1."""

    def allowed(self, scores: Tensor | None = None) -> Allowed:
        """What may come next. `scores`: float32 [vocabulary], needed where `needs_scores`."""

    def advance(self, token: int) -> None:
        """Take the chosen token. ValueError for one that the grammar cannot go on from."""


class Grammar:
    """The grammar of one tokenizer; its tables are found once, when they are first needed.

    max_duration: the longest duration in seconds that the model may choose, 10 to 600; genres: the
    entries that it may choose from, none for free text. ValueError for a wrong max_duration,
    CheckpointError for a tokenizer that is none of this model.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        max_duration: int = LONGEST,
        genres: Sequence[str] = (),
        upstream: bool = False,
    ) -> None:
        self.tables = Tables(tokenizer, max_duration)
        self.entries, self.upstream = tuple(genres), upstream

    def cot(
        self,
        given: Mapping[str, object] | None = None,
        *,
        stop_at_reasoning: bool = True,
        skip_genres: bool = True,
        skip_caption: bool = False,
        skip_language: bool = False,
    ) -> Run:
        """Phase 1: the metadata."""
        return self.run(
            Settings(
                "cot", given or {}, stop_at_reasoning, skip_genres, skip_caption, skip_language
            )
        )

    def understand(
        self,
        given: Mapping[str, object] | None = None,
        *,
        skip_genres: bool = False,
        skip_caption: bool = False,
        skip_language: bool = False,
    ) -> Run:
        """Metadata, `</think>` and lyrics: for audio codes, a wish, or a caption with lyrics."""
        return self.run(
            Settings("understand", given or {}, False, skip_genres, skip_caption, skip_language)
        )

    def codes(self, target: float | None = None) -> Run:
        """Phase 2: audio codes, of `target` seconds where that is known."""
        return self.run(Settings("codes", target=target))

    def run(self, settings: Settings) -> Run:
        """Begin a text. ValueError for settings that contradict themselves."""
        if self.upstream:
            return UpstreamRun(self._upstream_tables, settings)
        return _DefaultRun(self, settings)

    @cached_property
    def sets(self) -> TextSets:
        """The sets for free text."""
        return TextSets(self.tables)

    @cached_property
    def genres(self) -> GenreTree:
        """The list of genres, empty without one."""
        return GenreTree(self.entries, self.sets)

    @cached_property
    def _upstream_tables(self) -> UpstreamTables:
        return UpstreamTables(self.tables, self.entries)


class _DefaultRun:
    """A run through the parts of one sentence."""

    needs_scores = False

    def __init__(self, grammar: Grammar, settings: Settings) -> None:
        self._tables = grammar.tables
        self._parts = _sentence(grammar, settings)[::-1]

    @property
    def state(self) -> str:
        """As `Run`; COMPLETED after the end."""
        return self._parts[-1].state if self._parts else "COMPLETED"

    def allowed(self, scores: Tensor | None = None) -> Allowed:
        """As `Run`; after the end, the end of the turn again."""
        return self._parts[-1].allowed() if self._parts else self._tables.one(self._tables.end)

    def advance(self, token: int) -> None:
        """As `Run`."""
        if self._parts and self._parts[-1].advance(token):
            self._parts.pop()


def _sentence(grammar: Grammar, settings: Settings) -> list[Part]:
    tables = grammar.tables
    if settings.phase == "codes":
        return [_codes(tables, settings.target)]
    given = _given(settings.given)
    parts: list[Part] = [
        Forced("THINK_TAG", (tables.think,), tables),
        Forced("NEWLINE_AFTER_THINK", (tables.newline,), tables),
    ]
    fields = [name for name in FIELDS if name in given or not settings.skips(name)]
    named = [Forced(name_state(name), tables.names[name], tables) for name in fields]
    bridged = "caption" in fields and "caption" not in given  # the caption's part ends with a name
    for index, (name, part) in enumerate(zip(fields, named, strict=True)):
        if not (bridged and index and fields[index - 1] == "caption"):
            parts.append(part)
        follow = named[index + 1] if name == "caption" else None
        parts.append(_value(grammar, name, given.get(name), follow))
    if settings.phase == "understand":
        return [*parts, Forced("THINK_END_TAG", (tables.think_end,), tables), Lyrics(grammar.sets)]
    if settings.stop_at_reasoning:
        return [*parts, Forced("THINK_END_TAG", (tables.end,), tables)]
    closing = (tables.think_end, *tables.tokenizer.encode_plain("\n\n"))
    return [
        *parts,
        Forced("THINK_END_TAG", closing, tables),
        _codes(tables, settings.target),
    ]


def _value(grammar: Grammar, name: str, given: str | None, follow: Forced | None) -> Part:
    state, tables = value_state(name), grammar.tables
    if given is not None:
        return Forced(state, _plain_ids(f" {given}\n", grammar), tables)
    if name == "caption":
        return Line(state, grammar.sets, CAPTION_TOKENS, follow)
    if name == "genres" and grammar.genres:
        return Genre(state, grammar.genres, tables)
    if name == "genres":
        return Line(state, grammar.sets, GENRES_TOKENS)
    return Choice(state, tables.trees[name], tables)


def _codes(tables: Tables, target: float | None) -> Codes:
    most = tables.max_duration * CODES_PER_SECOND
    if target is None:
        return Codes(tables, None, most)
    if not math.isfinite(target) or target <= 0:
        raise ValueError(f"a target of {target} seconds is not a positive number")
    return Codes(tables, max(1, int(target * CODES_PER_SECOND)), most)


def _given(values: Mapping[str, object]) -> dict[str, str]:
    """The given values as text, without those that say nothing. ValueError as `Settings` says."""
    unknown = values.keys() - set(FIELDS)
    if unknown:
        raise ValueError(f"{min(unknown)!r} is not a field of the plan")
    texts = {}
    for name, value in values.items():
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        text = "" if value is None else str(value).strip()
        lines = text.split("\n")
        if name != "caption" and len(lines) > 1:
            raise ValueError(f"a given {name} must be one line")
        if not all(line[:1] in ("", " ", "\t") for line in lines[1:]):
            raise ValueError("a given caption may only continue on indented lines")
        if text:
            texts[name] = text
    return texts


def _plain_ids(text: str, grammar: Grammar) -> tuple[int, ...]:
    """The ids of `text`, in which added tokens are spelled out with plain ones."""
    encode = grammar.tables.tokenizer.encode_plain
    ids: list[int] = []
    for token in encode(text):
        if token in grammar.sets.plain:
            ids.append(token)
        else:
            spelled = grammar.tables.tokenizer.decode([token])
            ids += encode(spelled[0]) + encode(spelled[1:])
    return tuple(ids)
