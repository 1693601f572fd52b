"""What is given stays given, whatever the planner writes."""

from __future__ import annotations

import pytest

from acestep_cli.pipeline.plan import Wish
from acestep_cli.pipeline.planning import Planning
from tests.unit.pipeline.test_planner import Room


@pytest.mark.parametrize("seed", range(4))
def test_a_song_without_a_voice_gets_none_by_rewriting(seed: int) -> None:
    wish = Wish(caption="calm piano", lyrics="[Instrumental]", duration=2.0, instrumental=True)
    room = Room(Planning(rewrite=True, codes=False))
    assert room.plan(wish, seed).wish.lyrics == "[Instrumental]"
    assert room.planner().rewrite(wish, seed).wish.lyrics == "[Instrumental]"


def test_codes_follow_what_is_given_where_nothing_held_the_model_to_it() -> None:
    room = Room(Planning(constrained=False))
    wish = Wish(caption="calm", bpm=61, keyscale="F# minor", language="fi", duration=2.5)
    thought = room.plan(wish)
    reasoning = room.prompts[1].split("<think>")[1]
    for line in ("bpm: 61", "keyscale: F# minor", "language: fi", "duration: 2"):
        assert f"{line}\n" in reasoning
    assert thought.metadata is not None and thought.metadata["bpm"] == 61
