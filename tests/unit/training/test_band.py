"""The band plays what its recipes say, always the same, and its stems add up."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from training.band.captions import caption_of
from training.band.compose import _ONE_VOWEL, compose
from training.band.lyrics import lyrics_of
from training.band.recipes import BANDS, FASTEST, SLOWEST, draw_recipe, is_withheld
from training.band.score import VOWELS, Recipe, Score, Tone
from training.band.singing import line_of, sing_line, sung_beats
from training.band.styles import STYLES
from training.band.synth import _FORMANTS, breaths, render, stems
from training.band.tuning import (
    BASE_HERTZ,
    BASS_MULTIPLES,
    FRAME_SAMPLES,
    LOWEST_PITCH_CLASS,
    PERIOD_SAMPLES,
    SAMPLE_RATE,
    on_grid,
    played_bpm,
)

BAND = ("drums", "bass", "keys", "guitar", "pad", "vocals")


def recipe(**changes: object) -> Recipe:
    values: dict[str, object] = {
        "style": "rock", "bpm": 97, "root": 2, "mode": "minor", "meter": 4, "parts": BAND,
    }  # fmt: skip
    return Recipe(**(values | changes))  # type: ignore[arg-type]


def test_the_same_generator_plays_the_same_song() -> None:
    first, second = (
        compose(draw_recipe(random), 6.0, random)
        for random in (np.random.default_rng(4), np.random.default_rng(4))
    )
    assert first == second
    assert np.array_equal(render(first), render(second))


@pytest.mark.parametrize(
    ("style", "meter"), [(name, meter) for name, style in STYLES.items() for meter in style.bars]
)
def test_stems_add_up_and_stay_within_reach(style: str, meter: int) -> None:
    score = compose(recipe(style=style, meter=meter), 5.0, np.random.default_rng(1))
    parts = stems(score)
    assert set(parts) == set(BAND)
    mix = render(score)
    assert mix.shape == (2, 5 * SAMPLE_RATE)
    assert np.allclose(sum(parts.values()), mix, atol=1e-6)
    assert 0.2 < np.abs(mix).max() < 2.0
    assert np.allclose(render(score.only("bass", "drums")), parts["bass"] + parts["drums"])


def test_bars_hold_as_many_beats_as_the_meter_says() -> None:
    for meter in (3, 4):
        score = compose(recipe(meter=meter, bpm=120), 12.0, np.random.default_rng(0))
        strong = [hit.onset for hit in score.hits if hit.drum == "kick" and hit.velocity > 0.89]
        bars = {round(onset / 0.5) for onset in strong if (onset / 0.5) % meter == 0}
        assert set(range(0, int(12 / 0.5) - meter, meter)) <= bars
        # A pad takes each chord once, and a chord lasts a bar.
        chords = {tone.onset / 0.5 for tone in score.tones if tone.part == "pad"}
        assert chords == set(range(0, 24, meter))


def test_tones_belong_to_the_key() -> None:
    score = compose(recipe(), 20.0, np.random.default_rng(3))
    harmonic_minor = {(2 + step) % 12 for step in (0, 2, 3, 5, 7, 8, 10, 11)}
    assert {tone.pitch_class for tone in score.tones} <= harmonic_minor
    assert {tone.pitch_class for tone in score.tones if tone.onset == 0} >= {2, 5, 9}


def test_onsets_keep_the_grid_and_the_tempo() -> None:
    score = compose(recipe(bpm=137), 10.0, np.random.default_rng(5))
    onsets = np.array([hit.onset for hit in score.hits])
    assert np.allclose(onsets * 100, np.round(onsets * 100))
    eighth = 60 / played_bpm(137) / 2
    eighths = onsets / eighth
    assert np.abs(eighths - np.round(eighths)).max() < 0.005 / eighth + 1e-6


def test_every_tempo_is_played_within_the_room_between_two_clocks() -> None:
    off = [played_bpm(bpm) / bpm - 1 for bpm in range(SLOWEST, FASTEST + 1)]
    assert max(map(abs, off)) < 0.021
    assert played_bpm(60) == pytest.approx(60) and played_bpm(120) == pytest.approx(120)


def test_tones_repeat_after_16_frames_and_are_in_tune() -> None:
    assert PERIOD_SAMPLES * BASE_HERTZ == SAMPLE_RATE
    ordered = [BASS_MULTIPLES[(LOWEST_PITCH_CLASS + step) % 12] for step in range(12)]
    cents = 1200 * np.log2(np.array(ordered) / ordered[0]) - 100 * np.arange(12)
    assert np.abs(cents - cents.mean()).max() < 8


def test_what_is_withheld_is_never_drawn_for_training() -> None:
    random = np.random.default_rng(8)
    trained = [draw_recipe(random) for _ in range(200)]
    kept = [draw_recipe(random, withheld=True) for _ in range(50)]
    assert not any(map(is_withheld, trained))
    assert all(map(is_withheld, kept))
    names = {(r.style, r.bpm, r.keyscale) for r in trained}
    assert not names & {(r.style, r.bpm, r.keyscale) for r in kept}


def test_captions_name_the_style_and_what_plays() -> None:
    random = np.random.default_rng(2)
    for name, parts in BANDS.items():
        captions = {caption_of(recipe(parts=parts), random) for _ in range(40)}
        assert len(captions) > 20
        assert all("rock" in caption for caption in captions)
        assert any(name in caption for caption in captions)


@pytest.mark.parametrize(("meter", "beats"), [(4, 4), (3, 3), (6, 2)])
def test_lyrics_have_a_line_for_each_bar_and_a_syllable_for_each_beat(
    meter: int, beats: int
) -> None:
    line = (1, 0, 4, 2)[:beats]
    song = recipe(style="folk", meter=meter, bpm=120)
    score = sing_line(compose(song, 10.0, np.random.default_rng(6)), line)
    head, *lines = lyrics_of(score).splitlines()
    assert head == "[verse]"
    assert len(lines) == min(8, math.ceil(10 / song.beat_seconds / beats))
    assert len(set(lines)) == 1
    assert tuple(VOWELS.index(syllable[-1]) for syllable in lines[0].split()) == line
    assert lyrics_of(score.only("drums")) == "[Instrumental]"


def test_a_voice_sings_the_vowel_of_the_beat_and_again_where_a_note_goes_on() -> None:
    beat = recipe().beat_seconds
    held = Tone("vocals", 4, beat, 1.7 * beat, 0.9)
    other = Tone("bass", 0, 0.0, 3 * beat, 0.9)
    sung = sing_line(Score(recipe(), 4.0, (other, held), ()), (3, 1, 2, 0))
    assert sung.tones[0] == other
    first, second = sung.tones[1:]
    assert (first.vowel, second.vowel) == (1, 2)
    assert first.onset == held.onset
    assert second.onset == on_grid(2 * beat)
    assert first.onset + first.length < second.onset
    assert second.onset + second.length == pytest.approx(held.onset + held.length)
    assert (line_of(sung), sung_beats(sung)) == ((1, 1, 2, 1), [1, 2])
    assert (line_of(score := sung.only("bass")), sung_beats(score)) == ((), [])


def test_a_voice_sings_one_vowel_or_one_for_each_beat() -> None:
    songs = [compose(recipe(), 6.0, np.random.default_rng(seed)) for seed in range(80)]
    sung = [{tone.vowel for tone in song.tones if tone.part == "vocals"} for song in songs]
    alone = [vowels for vowels in sung if len(vowels) == 1]
    assert len(alone) == pytest.approx(80 * _ONE_VOWEL, abs=4)
    assert {vowel for vowels in alone for vowel in vowels} == set(range(len(VOWELS)))
    for song in songs:
        line = line_of(song)
        for tone in song.tones:
            if tone.part == "vocals":
                assert tone.vowel == line[int((tone.onset + 0.01) / recipe().beat_seconds) % 4]


def test_one_vowel_is_the_same_song_on_it() -> None:
    score = compose(recipe(), 6.0, np.random.default_rng(6))
    changed = score.on_vowel(3)
    assert {tone.vowel for tone in changed.tones if tone.part == "vocals"} == {3}
    assert [replace(tone, vowel=0) for tone in changed.tones] == [
        replace(tone, vowel=0) for tone in score.tones
    ]
    assert changed.hits == score.hits
    assert all("o" in syllable for syllable in lyrics_of(changed).split()[1:])


@pytest.mark.parametrize(("pitch_class", "distinct"), [(4, 1), (5, 4)])
def test_one_vowel_is_a_refrain_or_has_many_consonants(pitch_class: int, distinct: int) -> None:
    tones = tuple(Tone("vocals", pitch_class, 0.5 * n, 0.4, 0.9, 2) for n in range(3))
    score = Score(recipe(), 2.0, tones, ())
    assert len(set(lyrics_of(score).split()[1:])) == distinct


def test_a_voice_is_the_lead_over_the_breath_of_its_vowel() -> None:
    # Slow and long, where the attacks of both are over.
    sung = Score(recipe(), 2.0, (Tone("vocals", 4, 0.0, 2.0, 0.9, 1),), ())
    played = replace(sung, tones=(replace(sung.tones[0], part="lead"),))
    voice, breath, lead = stems(sung)["vocals"], breaths(sung), stems(played)["lead"]
    steady = slice(48_000, 90_000)
    tone = (voice - breath)[0, steady]
    assert np.corrcoef(tone, lead[0, steady])[0, 1] > 0.9999
    assert (breath**2).mean() / (voice**2).mean() == pytest.approx(0.49, abs=0.03)


@pytest.mark.parametrize("vowel", range(len(VOWELS)))
def test_a_breath_repeats_with_every_frame_and_is_loudest_at_its_formants(vowel: int) -> None:
    # A soft tone breathes as loud as a loud one.
    soft, loud = (
        breaths(Score(recipe(), 2.0, (Tone("vocals", 4, 0.0, 2.0, velocity, vowel),), ()))[0]
        for velocity in (0.5, 1.0)
    )
    steady = soft[24 * FRAME_SAMPLES : 48 * FRAME_SAMPLES]
    assert np.allclose(steady, loud[24 * FRAME_SAMPLES : 48 * FRAME_SAMPLES], atol=1e-6)
    assert np.allclose(steady[:FRAME_SAMPLES], steady[-FRAME_SAMPLES:], atol=1e-6)
    power = np.abs(np.fft.rfft(steady[:FRAME_SAMPLES])) ** 2
    hertz = np.fft.rfftfreq(FRAME_SAMPLES, 1 / SAMPLE_RATE)
    first, second = _FORMANTS[VOWELS[vowel]]
    assert abs(hertz[power.argmax()] - first) <= 12.5  # lines lie 25 Hz apart
    above = np.where(hertz > (first + second) / 2, power, 0)
    assert abs(hertz[above.argmax()] - second) <= 25
