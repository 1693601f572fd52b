"""Recipes to the token ids of the very prompts that the package writes."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from acestep_cli.demo.vocabulary import write_tokenizer
from acestep_cli.pipeline.plan import Plan
from acestep_cli.pipeline.prompts import caption_prompt, instruction_for, lyric_prompt, metas_text
from training.band.bars import BEATS
from training.band.captions import caption_of
from training.band.lyrics import lyrics_of
from training.band.score import VOWELS, Score

TEXT_ROOM, LYRIC_ROOM = 112, 88
PLACES = max(BEATS.values())  # of syllables in a line: one for each beat of a bar
_NEWLINE = "\u010a"  # as byte-level vocabularies spell it
_UNSAID = 0.08  # how often tempo, key or meter is left to the model
_BARE = {"extract": 0.5, "repaint": 0.2, "lego": 0.2, "complete": 0.2}  # how often all words are


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids of the caption's and the lyrics' prompt; for each of the latter, where it ends a
    syllable, which of VOWELS that has, else -1, and the place of the syllable in its line, -1 from
    PLACES on."""

    text: tuple[int, ...]
    lyrics: tuple[int, ...]
    vowels: tuple[int, ...]
    places: tuple[int, ...]


@cache
def tokenizer() -> Tokenizer:
    """The text encoder's tokenizer."""
    with tempfile.TemporaryDirectory() as folder:
        write_tokenizer(Path(folder), base=None, audio_codes=0, appends_end=True)
        return Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))


def prompt_of(
    score: Score,
    random: np.random.Generator,
    task: str = "text2music",
    tracks: tuple[str, ...] = (),
    *,
    named: bool = True,
) -> Prompt:
    """The prompts of a song, with a caption drawn for it, which names its instruments or not."""
    recipe = score.recipe
    caption = caption_of(recipe, random, named=named)
    is_bare = random.random() < _BARE.get(task, 0.0)
    said = (random.random(3) >= _UNSAID) & (not is_bare)
    plan = Plan(
        caption="" if is_bare else caption,
        lyrics=lyrics_of(score),
        bpm=recipe.bpm if said[0] else None,
        keyscale=recipe.keyscale if said[1] else "",
        timesignature=str(recipe.meter) if said[2] else "",
        language="en",
        duration=score.seconds,
    )
    return encode_prompt(plan, score.seconds, instruction_for(task, tracks))


def encode_prompt(plan: Plan, seconds: float, instruction: str) -> Prompt:
    """Token ids of a plan, as the package writes its prompts."""
    text = caption_prompt(instruction, plan.caption, metas_text(plan, seconds))
    sung = lyric_prompt(plan.language, plan.lyrics)
    encode = tokenizer().encode
    lyrics = encode(sung)
    vowels, places = _syllables(lyrics.tokens[:LYRIC_ROOM])
    return Prompt(
        tuple(encode(text).ids[:TEXT_ROOM]), tuple(lyrics.ids[:LYRIC_ROOM]), vowels, places
    )


def _syllables(tokens: list[str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Vowels and places as `Prompt` has them, of lyrics made of syllables that end in a vowel: all
    behind the line that names the section."""
    vowels, places = [-1] * len(tokens), [-1] * len(tokens)
    count, is_sung = 0, False
    for at, token in enumerate(tokens):
        if token.endswith(_NEWLINE):
            is_sung, count = is_sung or tokens[at - 1].endswith("]"), 0
        elif is_sung and token[-1] in VOWELS:
            vowels[at] = VOWELS.index(token[-1])
            places[at] = count if count < PLACES else -1
            count += 1
    return tuple(vowels), tuple(places)


def padded(rows: list[tuple[int, ...]], room: int, nothing: int = 0) -> tuple[Tensor, Tensor]:
    """Ids [B, L], where there are none `nothing`, and which are there, bool [B, L]; L as small as
    the rows allow, at most `room`."""
    room = min(room, max(len(row) for row in rows))
    ids = torch.full((len(rows), room), nothing, dtype=torch.int64)
    mask = torch.zeros(len(rows), room, dtype=torch.bool)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        mask[index, : len(row)] = True
    return ids, mask
