"""What the decoder is trained on: whole songs, and bare drums of every kind."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tests.unit.training.test_band import recipe
from training.autoencoder.decoder import _bared
from training.band.compose import compose
from training.band.score import DRUMS, Score


def _drawn(count: int) -> tuple[Score, list[Score]]:
    song = compose(recipe(), 4.0, np.random.default_rng(0))
    random = np.random.default_rng(1)
    return song, [_bared(song, random) for _ in range(count)]


def test_claps_are_heard_alone_in_styles_that_have_none() -> None:
    song, drawn = _drawn(300)
    assert "clap" not in {hit.drum for hit in song.hits}
    alone = Counter(kinds.pop() for one in drawn if len(kinds := {h.drum for h in one.hits}) == 1)
    assert set(alone) == set(DRUMS)
    assert min(alone.values()) > 10


def test_a_drum_alone_strikes_once_at_a_time() -> None:
    song, drawn = _drawn(100)
    moments = sorted({hit.onset for hit in song.hits})
    alone = [one for one in drawn if len({hit.drum for hit in one.hits}) == 1]
    assert alone
    for one in alone:
        assert not one.tones
        assert [hit.onset for hit in one.hits] == moments


def test_songs_stay_whole_more_often_than_not_at_all() -> None:
    song, drawn = _drawn(300)
    whole = sum(one is song for one in drawn)
    bare = sum(one == song.only("drums") for one in drawn)
    assert 90 < whole < 150
    assert 45 < bare < 100


def test_without_drums_nothing_is_bared() -> None:
    song = compose(recipe(), 4.0, np.random.default_rng(0)).only("bass", "keys")
    assert _bared(song, np.random.default_rng(0)) is song
