"""What the planner is shown: the package's own prompts, with the answers that songs give."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from acestep_cli.demo.sizes import AUDIO_CODES
from acestep_cli.demo.vocabulary import END_OF_TURN, write_tokenizer
from acestep_cli.pipeline.grammar_tables import FIELDS, Tables
from acestep_cli.pipeline.metadata import cot_text
from acestep_cli.pipeline.planner_prompts import (
    codes_prompt,
    cot_prompt,
    format_prompt,
    inspiration_prompt,
    unconditional_prompt,
    understand_prompt,
)
from acestep_cli.weights.tokenizer import Tokenizer as PlannerTokenizer
from training.band.captions import caption_of
from training.band.lyrics import lyrics_of
from training.band.score import Recipe, Score
from training.band.styles import STYLES
from training.renderer.reading import beat_of

Shares = Mapping[str, float]
# How often each kind of text is shown, with codes and without.
WITH_CODES: Shares = {"generate": 0.55, "unconditional": 0.05, "understand": 0.4}
WITHOUT_CODES: Shares = {"generate": 0.6, "expand": 0.24, "format": 0.16}
_UNNAMED = 0.3  # how often a caption names no instruments
_TELLING = 0.6  # how often it tells mood, and how often speed
_TOLD = 0.4  # how often a caption says key, meter or tempo in words of its own
_NAME = re.compile(f"^({'|'.join(FIELDS)}):", re.MULTILINE)
_KEPT = 0.6  # how often a plan keeps the caption as it was asked: copying is how reading is learnt


@dataclass(frozen=True, slots=True)
class Sequence:
    """Token ids; the place from which on they are the planner's own; the place of the last one
    before codes that follow a tempo, and which beat of the band that is, -1 where there is none."""

    ids: tuple[int, ...]
    answer: int
    before_codes: int = -1
    beat: int = -1


@cache
def _vocabulary() -> tuple[Tokenizer, dict[str, tuple[int, ...]]]:
    """The planner's tokenizer, and the name of every field as the grammar spells it, which is not
    how a text is encoded."""
    with tempfile.TemporaryDirectory() as folder:
        write_tokenizer(Path(folder), base=None, audio_codes=AUDIO_CODES, appends_end=False)
        names = Tables(PlannerTokenizer(Path(folder))).names
        return Tokenizer.from_file(str(Path(folder) / "tokenizer.json")), names


def tokenizer() -> Tokenizer:
    """The planner's tokenizer."""
    return _vocabulary()[0]


@cache
def first_code_id() -> int:
    """The id of `<|audio_code_0|>`; all codes follow."""
    return tokenizer().get_vocab()["<|audio_code_0|>"]


@cache
def end_id() -> int:
    """The id that ends a turn."""
    return tokenizer().get_vocab()[END_OF_TURN]


def sequence_of(
    score: Score,
    codes: tuple[int, ...],
    heard: tuple[int, ...],
    random: np.random.Generator,
    shares: Shares = WITH_CODES,
) -> Sequence:
    """A text of a kind drawn by its share, about a song and its codes: those of its score where the
    planner writes them, those that are `heard` of its sound where it reads them."""
    kind = str(random.choice(list(shares), p=list(shares.values())))
    recipe, lyrics = score.recipe, lyrics_of(score)
    named = bool(random.random() >= _UNNAMED)
    asked = told_caption(recipe, random, named=named)
    fields: dict[str, object] = {
        "bpm": recipe.bpm,
        "caption": caption_of(recipe, random, asides=False),
        "duration": int(score.seconds),
        "keyscale": recipe.keyscale,
        "language": "en",
        "timesignature": str(recipe.meter),
    }
    if kind == "generate":
        # Instruments that nobody named are not made up.
        if not named or random.random() < _KEPT:
            fields["caption"] = asked
        composed = _composed(asked, lyrics, cot_text(fields), codes)
        return replace(composed, beat=beat_of(recipe.bpm))
    if kind == "unconditional":
        prompt = unconditional_prompt("")
        return _sung(prompt, codes)
    answer = f"{_with_genres(cot_text(fields), recipe)}\n\n# Lyric\n{lyrics}"
    if kind == "expand":
        instrumental = lyrics == "[Instrumental]"
        return _described(inspiration_prompt(asked, instrumental=instrumental), answer)
    if kind == "format":
        return _described(format_prompt(asked, lyrics), answer)
    return _described(understand_prompt(codes_text(heard)), answer)


def text_of(score: Score, random: np.random.Generator) -> Sequence:
    """A text without codes: where codes would follow, it ends before them."""
    return sequence_of(score, (), (), random, WITHOUT_CODES)


def told_caption(recipe: Recipe, random: np.random.Generator, *, named: bool = True) -> str:
    """A caption that may also say key, meter and tempo, and that names its instruments or not."""
    said = [caption_of(recipe, random, named=named, telling=_TELLING)]
    if random.random() < _TOLD:
        said.append(f"in {recipe.keyscale}")
    if random.random() < _TOLD:
        waltz = recipe.meter == 3 and random.random() < 0.5
        said.append("waltz" if waltz else f"in {recipe.meter}/{8 if recipe.meter == 6 else 4}")
    if random.random() < _TOLD / 2:
        said.append(f"{recipe.bpm} bpm")
    if random.random() < 0.5:
        random.shuffle(said)
    return (", " if random.random() < 0.7 else " ").join(said)


def codes_text(codes: tuple[int, ...]) -> str:
    """Codes as text."""
    return "".join(f"<|audio_code_{code}|>" for code in codes)


def _composed(caption: str, lyrics: str, reasoning: str, codes: tuple[int, ...]) -> Sequence:
    """Both phases in one: the answer begins with the reasoning, and ends the turn behind codes."""
    whole = _sung(codes_prompt(caption, lyrics, reasoning), codes)
    before = len(tokenizer().encode(cot_prompt(caption, lyrics)).ids)
    text = len(whole.ids) - len(codes) - 1
    return Sequence(whole.ids if codes else whole.ids[:text], before, text - 1)


def _sung(prompt: str, codes: tuple[int, ...]) -> Sequence:
    """Codes behind a prompt."""
    ids, first = tokenizer().encode(prompt).ids, first_code_id()
    return Sequence((*ids, *(first + code for code in codes), end_id()), len(ids))


def _described(prompt: str, answer: str) -> Sequence:
    """An answer that the grammar writes, name by name."""
    words, names = _vocabulary()
    encode = words.encode
    ids = list(encode(prompt).ids)
    start, done = len(ids), 0
    for name in _NAME.finditer(answer):
        ids += [*encode(answer[done : name.start()]).ids, *names[name[1]]]
        done = name.end()
    return Sequence((*ids, *encode(answer[done:]).ids, end_id()), start)


def _with_genres(reasoning: str, recipe: Recipe) -> str:
    """The reasoning with the style as its genre, where the grammar of descriptions has it."""
    genre = STYLES[recipe.style].words[0]
    return reasoning.replace("\nkeyscale:", f"\ngenres: {genre}\nkeyscale:", 1)
