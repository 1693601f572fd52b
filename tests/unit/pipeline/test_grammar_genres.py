from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from acestep_cli.pipeline.grammar import Grammar
from acestep_cli.pipeline.grammar_genres import GenreTree, clean_entries
from acestep_cli.pipeline.metadata import parse_output
from tests.unit.pipeline.grammar_models import GENRES, models, planner_words, write

WORDS = planner_words()
SETS = Grammar(WORDS.tokenizer).sets


def test_comments_and_blank_lines_are_no_entries() -> None:
    assert clean_entries(["# list", "", "  ", " Pop Rock ", "k-pop"]) == ["pop rock", "k-pop"]


def test_every_genre_is_one_of_the_list() -> None:
    grammar, seen = Grammar(WORDS.tokenizer, genres=GENRES), set()
    for seed in range(60):
        run = grammar.cot({"caption": "a"}, skip_genres=False)
        text = WORDS.tokenizer.decode(write(run, models(WORDS)["anything"], random.Random(seed)))
        seen.add(str(parse_output(text).fields["genres"]).lower())
    assert seen <= set(clean_entries(GENRES))
    assert len(seen) > 10


def test_entries_that_text_cannot_hold_are_left_out() -> None:
    assert not GenreTree(["a<b", "a`b", "a\\b", "a\nb", "a\x07"], SETS)
    grammar = Grammar(WORDS.tokenizer, genres=["a<b"])
    run = grammar.cot({"caption": "a"}, skip_genres=False)
    text = WORDS.tokenizer.decode(write(run, models(WORDS)["anything"], random.Random(0)))
    assert parse_output(text).fields["genres"]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.text("ab pop,-éß京", min_size=1).filter(str.strip), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_what_may_follow_is_what_an_entry_goes_on_with(
    entries: list[str], rng: random.Random
) -> None:
    tree = GenreTree(entries, SETS)
    wanted = [f" {entry.strip().lower()}".encode() for entry in entries]
    prefix, text = "", b""
    while True:
        ids = tree.allowed(prefix).ids.tolist()
        expected = {
            token
            for token, piece in WORDS.text.items()
            if piece and any(entry.startswith((text + piece).lower()) for entry in wanted)
        }
        if text.lower() in wanted:
            expected.add(WORDS.newline)
        assert ids == sorted(expected)
        token = rng.choice(ids)
        if token == WORDS.newline:
            break
        prefix, text = prefix + tree.spelling(token), text + WORDS.text[token]
    assert text.lower() in wanted
