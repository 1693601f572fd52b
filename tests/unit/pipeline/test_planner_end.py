"""What the token is that ends an answer."""

from __future__ import annotations

import pytest

from acestep_cli.pipeline.generation import Generated
from acestep_cli.pipeline.parity import Parity
from tests.unit.pipeline.test_planner import Failing, language


@pytest.mark.parametrize(
    ("parity", "caption"),
    [(Parity(upstream_grammar=True), "It lingers<|im_end|>"), (None, "It lingers")],
)
def test_an_end_within_the_caption_is_part_of_it_in_the_original(
    parity: Parity | None, caption: str
) -> None:
    tokenizer = language().tokenizer
    text = tokenizer.encode_plain("<think>\nbpm: 90\ncaption: It lingers")
    ended = Generated(tuple(text), tokenizer.require("<|im_end|>"))
    thought = Failing(ended).plan(parity)
    assert thought.metadata is not None
    assert thought.metadata["caption"] == caption
