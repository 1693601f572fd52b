"""Every allowed set of the default grammar against the whole vocabulary, token by token."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from acestep_cli.pipeline.grammar import Allowed, Grammar, Run, Settings
from tests.unit.pipeline.grammar_models import (
    GENRES,
    MOST,
    Model,
    check_plan,
    listed,
    models,
    planner_words,
    write,
    write_tokenizer,
)
from tests.unit.pipeline.grammar_reference import Reference, Vocabulary

TRACES = 200
KINDS: tuple[tuple[int, tuple[str, ...]], ...] = ((600, ()), (31, ()), (240, tuple(GENRES)))
GIVEN: dict[str, tuple[Any, ...]] = {
    "bpm": (120, "999", 7),
    "caption": ("A calm piano.", "'quoted: it''s'", "Two\n  lines: of it", "1984"),
    "duration": (5, 12.5, "200"),
    "genres": ("pop", "never heard of"),
    "keyscale": ("C Major", "F# minor"),
    "language": ("en", "xx", "yue"),
    "timesignature": ("4/4", 6),
}


@cache
def grammar(longest: int, genres: tuple[str, ...]) -> Grammar:
    return Grammar(planner_words().tokenizer, max_duration=longest, genres=genres)


def settings_of(rng: random.Random) -> Settings:
    share = rng.choice((0.0, 0.3, 1.0))
    return Settings(
        phase=rng.choice(("cot", "understand")),
        given={name: rng.choice(all_) for name, all_ in GIVEN.items() if rng.random() < share},
        stop_at_reasoning=True,
        skip_genres=rng.random() < 0.5,
        skip_caption=rng.random() < 0.2,
        skip_language=rng.random() < 0.5,
    )


class Watch:
    """Asks the reference at every step; equal questions about equal sets are asked once."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.sets: dict[Allowed, frozenset[int]] = {}

    def __call__(self, run: Run, output: Sequence[int]) -> None:
        assert not run.needs_scores
        allowed = run.allowed()
        if allowed not in self.sets:
            ids = listed(allowed)
            self.sets[allowed] = frozenset(ids)
            assert ids == sorted(self.sets[allowed])
        if len(allowed.ids) > 1:
            assert allowed.greedy == (run.state == "LANGUAGE_VALUE")
        expected = self.reference.allowed(output)
        assert self.sets[allowed] == expected, (
            run.state,
            self.reference.words.tokenizer.decode(list(output)),
            sorted(self.sets[allowed] ^ expected)[:20],
        )


def ask_throughout(
    words: Vocabulary, grammar: Grammar, reference: Reference, model: Model, rng: random.Random
) -> None:
    """Let `model` write, ask at every step, and look at the whole plan."""
    chosen = reference.settings
    watch = Watch(reference)
    output = write(grammar.run(chosen), model, rng, limit=MOST + 20, watch=watch)
    assert len(output) <= MOST or chosen.phase == "understand"
    plan, closed, _ = words.tokenizer.decode(output).partition("</think>")
    check_plan(plan + closed, chosen, reference.fields, reference.longest)


@pytest.mark.parametrize("part", range(8))
def test_every_allowed_set_is_what_the_rules_say(part: int) -> None:
    words = planner_words()
    kinds = sorted(models(words))
    for number in range(part, TRACES, 8):
        rng = random.Random(number)
        longest, genres = KINDS[number % len(KINDS)]
        # Most models end their captions soon, so that there are steps of every kind.
        name = "some newlines" if number % 4 else kinds[number // 4 % len(kinds)]
        reference = Reference(words, settings_of(rng), longest, genres)
        ask_throughout(words, grammar(longest, genres), reference, models(words)[name], rng)


def test_tokens_with_newlines_anywhere(tmp_path: Path) -> None:
    merges = [
        ("\n", "\n"), ("\n", " "), ("\n ", "x"), ("\n ", "\n"), ("\n\n", "f"), (".", "\n"),
        (".\n", "\n"), (" ", "\n"), (" \n", "a"), ("a", "\n"), (" ", "a"), (" a", "\n"),
        (" ", " "), ("\t", "a"), ("d", "u"), ("\n", "d"), ("\n", "<"), (" ", "<"),
    ]  # fmt: skip
    words = Vocabulary(write_tokenizer(tmp_path, merges))
    grammar = Grammar(words.tokenizer)
    for name in ("some newlines", "newlines", "anything", "new lines without end"):
        for seed in range(6):
            rng = random.Random(seed)
            reference = Reference(words, settings_of(rng), 600, ())
            ask_throughout(words, grammar, reference, models(words)[name], rng)
