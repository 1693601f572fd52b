"""Which tokens a metadata field may be written with, read from the tokenizer (planner facts 3).

No id is known beforehand: names, numbers, keys and languages are encoded with the checkpoint's own
tokenizer, so that any byte-level vocabulary works.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from acestep_cli.errors import CheckpointError
from acestep_cli.request.codes import MAX_CODE
from acestep_cli.request.languages import LANGUAGES
from acestep_cli.request.music import TIME_SIGNATURES
from acestep_cli.weights.tokenizer import Tokenizer

FIELDS = ("bpm", "caption", "duration", "genres", "keyscale", "language", "timesignature")
THINK, THINK_END = "<think>", "</think>"
END, PAD = "<|im_end|>", "<|endoftext|>"
MODEL_KEYS = tuple(
    f"{note}{accidental} {mode}"
    for note in "ABCDEFG"
    for accidental in ("", "#", "b", "♯", "♭")
    for mode in ("major", "minor")
)
BPM = (30, 300)
SHORTEST, LONGEST = 10, 600  # seconds that the model may choose


@dataclass(frozen=True, slots=True, eq=False)
class Allowed:
    """What may come next: `ids` int64 [n], sorted. `greedy`: take the likeliest of them whatever
    the temperature. Large sets are the same object each time they come up."""

    ids: Tensor
    greedy: bool = False


def name_state(field: str) -> str:
    """The state in which the name of `field` is written (planner facts 3.1)."""
    return f"{_state(field)}_NAME"


def value_state(field: str) -> str:
    """The state in which the value of `field` is written."""
    return f"{_state(field)}_VALUE"


def _state(field: str) -> str:
    return "TIMESIG" if field == "timesignature" else field.upper()


class Tree:
    """Token sequences that end with a newline, as a prefix tree: path to allowed next ids."""

    def __init__(self, values: Iterable[Sequence[int]], end: int, *, greedy: bool = False) -> None:
        self.nodes: dict[tuple[int, ...], set[int]] = {}
        self._greedy = greedy
        self._made: dict[tuple[int, ...], Allowed] = {}
        for value in values:
            for length, token in enumerate((*value, end)):
                self.nodes.setdefault(tuple(value[:length]), set()).add(token)

    def allowed(self, path: tuple[int, ...]) -> Allowed:
        """What may follow `path`, which must be in the tree."""
        made = self._made.get(path)
        if made is None:
            ids = torch.tensor(sorted(self.nodes[path]))
            made = self._made[path] = Allowed(ids, self._greedy)
        return made


class Tables:
    """The ids of one tokenizer that every grammar needs, each found when it is first asked for.

    CheckpointError for a tokenizer that is not byte-level or lacks a token of the planner.
    """

    def __init__(self, tokenizer: Tokenizer, max_duration: int = LONGEST) -> None:
        if not SHORTEST <= max_duration <= LONGEST:
            raise ValueError(f"max_duration {max_duration} is not within {SHORTEST}..{LONGEST}")
        self.tokenizer, self.max_duration = tokenizer, max_duration
        self.end = tokenizer.require(END)
        self.think, self.think_end = tokenizer.require(THINK), tokenizer.require(THINK_END)
        newline = tokenizer.encode_plain("\n")
        if len(newline) != 1:
            raise CheckpointError(
                f"the tokenizer of {tokenizer.folder} writes a newline with {len(newline)} tokens",
                "the checkpoint is not one of this model; fetch it again",
            )
        self.newline = newline[0]
        self._single: dict[int, Allowed] = {}

    def one(self, token: int) -> Allowed:
        """`token` alone."""
        made = self._single.get(token)
        if made is None:
            made = self._single[token] = Allowed(torch.tensor([token]))
        return made

    def spelled(self, text: str) -> tuple[int, ...]:
        """A fixed text, each time the longest beginning that is one token (planner facts 3.3).

        `bpm:` is therefore `bp`, `m`, `:` in the published vocabulary.
        """
        ids: list[int] = []
        while text:
            for length in range(len(text), 0, -1):
                encoded = self.tokenizer.encode_plain(text[:length])
                if len(encoded) == 1:
                    break
            ids += encoded
            text = text[length:]
        return tuple(ids)

    @cached_property
    def names(self) -> dict[str, tuple[int, ...]]:
        """The name of every field with its colon."""
        return {field: self.spelled(f"{field}:") for field in FIELDS}

    @cached_property
    def trees(self) -> dict[str, Tree]:
        """The values of the five fields that have a list of them, by field."""
        durations = map(str, range(SHORTEST, self.max_duration + 1))
        return {
            "bpm": self._tree("bpm", map(str, range(BPM[0], BPM[1] + 1))),
            "duration": self._tree("duration", durations),
            "keyscale": self._tree("keyscale", MODEL_KEYS),
            "language": self._tree("language", LANGUAGES, greedy=True),
            "timesignature": self._tree("timesignature", TIME_SIGNATURES),
        }

    @cached_property
    def codes(self) -> Tensor:
        """Sorted ids int64 [64000] of the valid audio codes; CheckpointError where one lacks."""
        table = self.tokenizer.vocabulary(added=True)
        try:
            ids = [table[f"<|audio_code_{code}|>"] for code in range(MAX_CODE + 1)]
        except KeyError as error:
            raise CheckpointError(
                f"the tokenizer of {self.tokenizer.folder} has no token {error.args[0]}",
                "the checkpoint is not one of this model; fetch it again",
            ) from error
        return torch.tensor(sorted(ids))

    @cached_property
    def code(self) -> Allowed:
        """Any audio code."""
        return Allowed(self.codes)

    @cached_property
    def code_or_end(self) -> Allowed:
        """Any audio code, or the end of the turn."""
        return Allowed(torch.cat([self.codes, torch.tensor([self.end])]).sort().values)

    def _tree(self, field: str, values: Iterable[str], *, greedy: bool = False) -> Tree:
        name = self.tokenizer.encode_plain(f"{field}:")
        encoded = [self.tokenizer.encode_plain(f"{field}: {value}") for value in values]
        return Tree(
            [ids[len(name) :] for ids in encoded if ids[: len(name)] == name],
            self.newline,
            greedy=greedy,
        )
