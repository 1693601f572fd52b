"""The original's state machine, step for step and with its traps (planner facts 3, 7, 8).

For comparisons only: fields can be lost, states can be left never, captions may hold any token.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from acestep_cli.pipeline.grammar_genres import clean_entries
from acestep_cli.pipeline.grammar_settings import Settings
from acestep_cli.pipeline.grammar_tables import (
    FIELDS,
    THINK,
    THINK_END,
    Allowed,
    Tables,
    name_state,
    value_state,
)
from acestep_cli.request.codes import CODES_PER_SECOND

_CAPTION_LIMIT = 512
_NAMED = {name_state(name): name for name in FIELDS}
_VALUED = {value_state(name): name for name in FIELDS}
FIXED = {
    "THINK_TAG": THINK,
    "NEWLINE_AFTER_THINK": "\n",
    **{state: f"{name}:" for state, name in _NAMED.items()},
    "THINK_END_TAG": THINK_END,
}
# What the caption may be left for by writing its name.
_JUMPS = ("duration", "genres", "keyscale", "language", "timesignature")


class UpstreamTables:
    """The original's masks, and its reading of a list of genres."""

    def __init__(self, tables: Tables, genres: Sequence[str]) -> None:
        self.tables = tables
        self.entries = frozenset(clean_entries(genres))
        self._texts: dict[int, str] = {}
        self._forced: dict[str, Allowed] = {}
        self._genres: dict[str, Allowed] = {}

    def text(self, token: int) -> str:
        """What a token reads."""
        text = self._texts.get(token)
        if text is None:
            text = self._texts[token] = self.tables.tokenizer.decode([token])
        return text

    def forced(self, rest: str) -> Allowed:
        """The longest beginning of `rest` that is one token."""
        if rest not in self._forced:
            self._forced[rest] = self.tables.one(self.tables.spelled(rest)[0])
        return self._forced[rest]

    @cached_property
    def everything(self) -> Allowed:
        """Every id."""
        return Allowed(torch.arange(self._size))

    @cached_property
    def caption(self) -> Allowed:
        """All but the backtick and the valid audio codes."""
        (backtick,) = self.tables.tokenizer.encode_plain("`")
        return self._without(torch.cat([self.tables.codes, torch.tensor([backtick])]))

    @cached_property
    def no_codes(self) -> Allowed:
        """All but the valid audio codes."""
        return self._without(self.tables.codes)

    @cached_property
    def no_newline(self) -> Allowed:
        """All but the newline."""
        return self._without(torch.tensor([self.tables.newline]))

    def genre(self, accumulated: str) -> Allowed:
        """What may follow `accumulated` in an entry of the list; spaces at its ends do not count,
        so that more of them are always welcome where one is."""
        prefix = accumulated.lower().strip()
        if prefix not in self._genres:
            self._genres[prefix] = self._after_genre(prefix)
        return self._genres[prefix]

    def _after_genre(self, prefix: str) -> Allowed:
        following = {text[len(prefix)] for text in self._beginnings if text[:-1] == prefix}
        ids = {self.tables.newline} if prefix in self.entries else set[int]()
        for letter in following:
            for token in self._by_letter.get(letter, ()):
                text = self.text(token).lower().rstrip()
                if not text or prefix + text in self._beginnings:
                    ids.add(token)
        # Where no token goes on, as none begins with that letter alone, the field ends.
        return Allowed(torch.tensor(sorted(ids or {self.tables.newline})))

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        return frozenset(
            entry[: length + 1] for entry in self.entries for length in range(len(entry))
        )

    @cached_property
    def _by_letter(self) -> dict[str, list[int]]:
        by_letter: dict[str, list[int]] = {}
        for token in self.tables.tokenizer.vocabulary(added=False).values():
            by_letter.setdefault(self.text(token).lower()[:1], []).append(token)
        return by_letter

    @cached_property
    def _size(self) -> int:
        return max(self.tables.tokenizer.vocabulary(added=True).values()) + 1

    def _without(self, ids: Tensor) -> Allowed:
        mask = torch.ones(self._size, dtype=torch.bool)
        mask[ids] = False
        return Allowed(torch.nonzero(mask).flatten())


class UpstreamRun:
    """One run of the original's state machine."""

    def __init__(self, upstream: UpstreamTables, settings: Settings) -> None:
        self._upstream, self._tables, self._settings = upstream, upstream.tables, settings
        self._following = transitions(settings)
        self._state = "THINK_TAG"
        self._offset = 0  # characters of a fixed string
        self._path: tuple[int, ...] = ()  # tokens of a value
        self._written = ""  # text of a genre, or of a name behind the caption
        self._queue: list[int] = []  # tokens of a given value
        self._after_newline = self._ending = False
        self._caption_tokens = self._codes = 0

    @property
    def state(self) -> str:
        """As `Run`; asking for what is allowed can change it."""
        return self._state

    @property
    def needs_scores(self) -> bool:
        """As `Run`: behind a newline in the caption, for a language, in free genres."""
        if self._queue:
            return False
        if self._state == "CAPTION_VALUE":
            return self._after_newline
        if self._state == "LANGUAGE_VALUE":
            return not self._path
        free = self._state == "GENRES_VALUE" and not self._upstream.entries
        return free and bool(self._written.strip())

    def allowed(self, scores: Tensor | None = None) -> Allowed:
        """As `Run`. ValueError without scores where they are needed."""
        if self.needs_scores and scores is None:
            raise ValueError(f"state {self._state} needs the scores of the whole vocabulary")
        phase = self._settings.phase
        if self._state == "THINK_TAG" and phase == "codes" and self._settings.thought:
            self._state = "CODES_GENERATION"
        if self._queue:
            return self._tables.one(self._queue[0])
        if self._state == "COMPLETED":
            understands = phase == "understand"
            return self._upstream.no_codes if understands else self._upstream.everything
        if self._state == "CODES_GENERATION":
            return self._code()
        if self._state == "THINK_END_TAG" and self._settings.stop_at_reasoning:
            return self._tables.one(self._tables.end)
        if self._state in FIXED:
            return self._upstream.forced(FIXED[self._state][self._offset :])
        return self._value(_VALUED[self._state], scores)

    def advance(self, token: int) -> None:
        """As `Run`."""
        if self._queue:
            self._queue.pop(0)
            if not self._queue:
                self._enter(_next_name(_VALUED[self._state], self._settings))
        elif self._state == "CODES_GENERATION":
            self._codes += 1
        elif self._state in FIXED:
            self._offset += len(self._upstream.text(token))
            if self._offset >= len(FIXED[self._state]):
                self._leave()
        elif self._state == "CAPTION_VALUE":
            self._advance_caption(self._upstream.text(token))
        elif self._state in _VALUED:
            if token == self._tables.newline:
                self._leave()
            else:
                self._path += (token,)
                self._written += self._upstream.text(token)

    def _code(self) -> Allowed:
        target = self._settings.target
        if target is None or target <= 0:
            return self._tables.code_or_end
        short = self._codes < int(target * CODES_PER_SECOND)
        return self._tables.code if short else self._tables.one(self._tables.end)

    def _value(self, name: str, scores: Tensor | None) -> Allowed:
        if name == "caption":
            return self._caption(scores)
        if name == "genres":
            return self._genre(scores)
        tree = self._tables.trees[name]
        if name == "duration" and self._settings.target is not None:
            return self._target_digit(str(int(self._settings.target)))
        if self._path not in tree.nodes:
            return self._tables.one(self._tables.newline)
        allowed = tree.allowed(self._path)
        if name == "language" and not self._path and scores is not None:
            ids = allowed.ids.to(scores.device)
            return self._tables.one(int(ids[scores[ids].argmax()]))
        return Allowed(allowed.ids)

    def _target_digit(self, digits: str) -> Allowed:
        """Digit by digit, whatever longer numbers the vocabulary has; without a space before."""
        written = sum(character.isdigit() for character in self._written)
        if written >= len(digits):
            return self._tables.one(self._tables.newline)
        return self._upstream.forced(digits[written])

    def _caption(self, scores: Tensor | None) -> Allowed:
        if self._after_newline and scores is not None:
            likeliest = self._upstream.text(int(scores.argmax()))
            if likeliest[:1] not in ("", " ", "\t"):
                # Each such newline begins the name anew, one inside a name too.
                self._ending, self._written = True, ""
        if self._ending:
            return self._upstream.everything
        if self._caption_tokens >= _CAPTION_LIMIT:
            return self._tables.one(self._tables.newline)
        return self._upstream.caption

    def _advance_caption(self, text: str) -> None:
        self._caption_tokens += 1
        self._after_newline = "\n" in text
        if not self._ending:
            return
        self._written += text
        if ":" not in text:
            return
        name = self._written.strip().rstrip(":").strip().lower()
        self._ending = False
        self._enter(value_state(name) if name in _JUMPS else _next_name("caption", self._settings))

    def _genre(self, scores: Tensor | None) -> Allowed:
        if self._upstream.entries:
            return self._upstream.genre(self._written)
        if not self._written.strip():
            return self._upstream.no_newline
        newline = self._tables.newline
        if scores is not None and int((scores >= scores[newline]).sum()) == 1:
            self._leave()  # before the newline is taken: it passes for the next name's first letter
            return self._tables.one(newline)
        return self._upstream.everything

    def _leave(self) -> None:
        following = self._following.get(self._state)
        if following is not None:
            self._enter(following)

    def _enter(self, state: str) -> None:
        self._state, self._offset, self._path, self._written = state, 0, (), ""
        given = self._settings.given.get(_VALUED.get(state, ""))
        if given is not None:
            self._queue = self._tables.tokenizer.encode_plain(f" {given}\n")


def _next_name(name: str, settings: Settings) -> str:
    """The state behind the value of a field: the name of the next one that is not skipped."""
    for following in FIELDS[FIELDS.index(name) + 1 :]:
        if not settings.skips(following):
            return name_state(following)
    return "THINK_END_TAG"


def transitions(settings: Settings) -> dict[str, str]:
    """The state behind each state; the value of a skipped field has none."""
    ends = settings.phase == "understand" or settings.stop_at_reasoning
    written = [name for name in FIELDS if not settings.skips(name)]
    return {
        "THINK_TAG": "NEWLINE_AFTER_THINK",
        "NEWLINE_AFTER_THINK": name_state("bpm"),
        "THINK_END_TAG": "COMPLETED" if ends else "CODES_GENERATION",
        **{name_state(name): value_state(name) for name in written},
        **{value_state(name): _next_name(name, settings) for name in written},
    }
