"""Every task's examples are what the package will put before the DiT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from acestep_cli.pipeline.plan import Plan
from acestep_cli.pipeline.prompts import instruction_for
from tests.unit.training.test_band import recipe
from training.band.recipes import draw_recipe, in_eighths, is_withheld
from training.band.score import VOWELS, Score
from training.band.styles import STYLES as BAND
from training.latents import BAR, BASS, CHORDS, CLOCK, MELODY, PULSE, STROKES, VOWEL
from training.renderer import tasks
from training.renderer.batches import SHOWN, make_batch, weights_of
from training.renderer.network import Renderer
from training.renderer.text import LYRIC_ROOM, TEXT_ROOM, Prompt, encode_prompt, tokenizer
from training.renderer.weights import set_first_weights
from training.silence import silence

STYLES = ("rock", "folk")


def example(task: str, seed: int = 0) -> tasks.Example:
    random = np.random.default_rng(seed)
    return tasks.draw_example(random, 150, STYLES, lambda latents: latents / 2, {task: 1.0})


@pytest.mark.parametrize("shares", [tasks.SHARES, tasks.LATE_SHARES])
def test_every_task_has_its_share(shares: Mapping[str, float]) -> None:
    assert set(shares) == set(tasks.SHARES)
    assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize("task", list(tasks.SHARES))
def test_words_source_and_mask(task: str) -> None:
    instructions = {
        "text2music": "Fill the audio semantic mask",
        "repaint": "Repaint the mask area",
        "extract": "Extract the",
        "lego": "Generate the",
        "complete": "Complete the input track with",
        "cover": "Generate audio semantic tokens",
    }
    for seed in range(4):
        made = example(task, seed)
        words, target, context = made.prompt, made.truth, made.context
        text = tokenizer().decode(words.text)
        assert text.startswith(f"# Instruction\n{instructions[task]}")
        assert "- duration: 6 seconds" in text
        assert len(words.text) < TEXT_ROOM
        assert len(words.lyrics) <= LYRIC_ROOM
        assert target.shape == (150, 64)
        assert context.shape == (150, 128)
        mask = context[:, 64:]
        assert set(np.unique(mask)) <= {0.0, 1.0}
        assert (mask.min() == 0) == (task == "repaint")
        assert target[:, PULSE].any() == (task != "extract")


@pytest.mark.parametrize("task", list(tasks.SHARES))
def test_what_is_withheld_is_in_no_task(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    described = []

    def noted(score: Score, *rest: Any, **more: Any) -> Prompt:
        described.append(score.recipe)
        return prompt_of(score, *rest, **more)

    prompt_of = tasks.prompt_of
    monkeypatch.setattr(tasks, "prompt_of", noted)
    random = np.random.default_rng(3)
    for _ in range(120):
        tasks.draw_example(random, 25, STYLES, lambda latents: latents, {task: 1.0})
    assert len(described) == 120
    assert not any(is_withheld(recipe) for recipe in described)


def test_a_repaint_keeps_what_is_outside() -> None:
    made = example("repaint")
    target, context = made.truth, made.context
    kept = context[:, 64] == 0
    assert np.array_equal(target[kept], context[kept, :64])
    assert not target[kept][:, PULSE].any()
    assert target[~kept][:, PULSE].any()
    assert np.array_equal(context[~kept, :64], silence(150)[~kept])


def test_a_reference_stands_for_instruments_that_no_word_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "_REFERRED", 1.0)
    monkeypatch.setattr(tasks, "_UNNAMED", 1.0)
    for seed in range(6):
        made = example("text2music", seed)
        assert made.reference is not None
        assert made.reference.shape == (tasks.TIMBRE_FRAMES, 64)
        assert not made.reference[:, PULSE].any()
        for channels in (STROKES, BASS, CHORDS, MELODY):
            plays = np.abs(made.truth[:, channels]).max() > 0.5
            assert (np.abs(made.reference[:, channels]).max() > 0.8) == plays
        caption = tokenizer().decode(made.prompt.text).split("# Caption\n")[1].split("\n\n")[0]
        assert not {"drums", "bass", "piano", "guitar"} & set(caption.replace(",", "").split())


def test_only_a_bass_note_of_an_odd_multiple_tells_the_halves_of_the_clock() -> None:
    frames, odd, even = 160, 7, 5  # G has multiple 63, F 112
    song = np.zeros((frames, 64), np.float32)
    turns = 2 * np.pi * np.arange(frames)[:, None] * np.arange(1, 8) / 16
    song[:, 0:7], song[:, 7:14] = np.cos(turns), np.sin(turns)
    song[:80, BASS.start + even] = 2
    song[80:, BASS.start + odd] = 2
    clock = tasks.heard(song, np.random.default_rng(0))[:, CLOCK]
    for column in range(14):
        is_odd = column % 7 % 2 == 0
        assert (np.abs(clock[:70, column]).max() < 0.6) == is_odd
        assert np.abs(clock[90:, column] - song[90:, column]).max() < 0.6


def test_errors_of_a_copy_count_more() -> None:
    assert (np.delete(example("text2music").counts, (BAR, VOWEL)) == 1).all()
    added, copy = (example(task).counts for task in ("lego", "extract"))
    assert added.min() == added.max() > 1
    assert copy.min() > added.max()


def test_errors_of_the_part_that_is_taken_out_count_most() -> None:
    for seed in range(8):
        made = example("extract", seed)
        sounding = np.abs(made.truth[:, BASS.start : STROKES.stop]).max(axis=0) > 0
        counts = made.counts[BASS.start : STROKES.stop]
        assert sounding.any()
        assert (counts[sounding] == counts.max()).all()
        assert counts.max() > counts.min()


def test_extractions_are_learnt_at_the_time_at_which_they_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "_AT_ONCE", 1.0)
    extractions = {"extract": 1.0}
    batch = make_batch(0, STYLES, shapes=((60, 3, 1.0),), shares=extractions)
    assert (batch.times == 1).all()
    monkeypatch.setattr(tasks, "_AT_ONCE", 0.0)
    assert (make_batch(0, STYLES, shapes=((60, 3, 1.0),), shares=extractions).times < 1).all()


def test_a_weight_is_that_of_its_time_and_of_its_example() -> None:
    batch = make_batch(0, STYLES, shapes=((60, 3, 1.0),), shares={"lego": 1.0})
    count = tasks._COUNTS["lego"]
    assert torch.equal(batch.weight[:, 0], weights_of(batch.times) * count)


def test_the_bar_counts_by_its_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    for meter, count in tasks._BARS.items():
        monkeypatch.setattr(
            tasks, "draw_recipe", lambda *_, meter=meter: recipe(style="folk", meter=meter)
        )
        monkeypatch.setattr(tasks, "in_eighths", lambda recipe, _: recipe)
        counts = example("text2music").counts
        assert counts[BAR] == count
        assert (np.delete(counts, (BAR, VOWEL)) == 1).all()


def test_the_vowel_counts_where_there_is_a_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_SUNG", 0.0)
    for parts, count in ((("bass", "vocals"), tasks._VOICE), (("bass", "lead"), 1.0)):
        monkeypatch.setattr(tasks, "draw_recipe", lambda *_, parts=parts: recipe(parts=parts))
        counts = example("text2music").counts
        assert counts[VOWEL] == count
        assert (np.delete(counts, VOWEL) == 1).all()


def test_many_songs_from_words_are_given_a_voice_for_their_melody() -> None:
    random = np.random.default_rng(0)
    plain = recipe(parts=("drums", "bass", "lead"))
    songs = [tasks._sung(plain, random) for _ in range(200)]
    changed = [song for song in songs if song != plain]
    assert len(changed) == pytest.approx(200 * tasks._SUNG, abs=15)
    assert {song.parts for song in changed} == {("drums", "bass", "vocals")}


def test_each_song_of_a_batch_has_its_own_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_REFERRED", 0.5)
    batch = make_batch(1, STYLES, shapes=((60, 8, 1.0),))
    referred = batch.timbre_of[batch.timbre_of > 0]
    assert referred.tolist() == list(range(1, len(batch.timbre)))
    assert np.array_equal(batch.timbre[0], silence(tasks.TIMBRE_FRAMES))


def test_batches_are_a_function_of_their_number() -> None:
    first, again, other = make_batch(3), make_batch(3), make_batch(4)
    assert torch.equal(first.latents, again.latents)
    assert torch.equal(first.noise, again.noise)
    assert first.latents.shape != other.latents.shape or not torch.equal(
        first.latents, other.latents
    )


def test_each_syllable_of_the_lyrics_has_its_vowel_and_place() -> None:
    plan = Plan(
        caption="rock", lyrics="[verse]\nla ne di tu sa\nmo ri", language="en", duration=10.0
    )
    told = encode_prompt(plan, 10.0, instruction_for("text2music"))
    assert len(told.vowels) == len(told.places) == len(told.lyrics)
    syllables = [pair for pair in zip(told.vowels, told.places, strict=True) if pair[0] >= 0]
    vowels = [VOWELS.index(letter) for letter in "aeiuaoi"]
    assert syllables == list(zip(vowels, [0, 1, 2, 3, -1, 0, 1], strict=True))
    for lyrics in ("[Instrumental]", "la la"):  # nothing is sung, or no section says that it is
        none = encode_prompt(replace(plan, lyrics=lyrics), 10.0, instruction_for("text2music"))
        assert set(none.vowels) | set(none.places) == {-1}


def test_what_the_states_say_of_syllables_is_an_error_of_its_own() -> None:
    renderer = Renderer(tokenizer().get_vocab_size())
    set_first_weights(renderer, 0)
    batch = make_batch(0, STYLES, shapes=((60, 4, 1.0),))
    length = batch.lyrics.shape[1]
    batch = replace(batch, vowels=torch.full((4, length), -1), places=torch.full((4, length), -1))
    batch.vowels[1, 2], batch.places[1, 2] = 3, 2
    states = torch.zeros(4, length, renderer.syllables.in_features)
    states[1, 2, :] = 1.0
    with torch.no_grad():
        renderer.syllables.weight.zero_()
        chance = float(renderer.misspelt(states, batch))
        renderer.syllables.weight[3], renderer.syllables.weight[5 + 2] = 1.0, 1.0
        known = float(renderer.misspelt(states, batch))
        nothing = replace(batch, vowels=-torch.ones_like(batch.lyrics), places=batch.places * 0 - 1)
        assert float(renderer.misspelt(states, nothing)) == 0
    assert chance == pytest.approx(np.log(5) + np.log(4), abs=1e-4)
    assert known == pytest.approx(0, abs=1e-4)


def test_padding_is_never_seen() -> None:
    renderer = Renderer(tokenizer().get_vocab_size())
    set_first_weights(renderer, 0)
    batch = make_batch(0, STYLES, shapes=((60, 3, 1.0),))
    with torch.no_grad():
        words = renderer.condition(batch, renderer.text(batch.text), renderer.sung(batch))
        whole = renderer.velocity(batch.noise, batch.times, batch.context, words)
        longest = words.states.shape[1]
        for item, count in enumerate(words.mask.sum(1).tolist()):
            assert count <= longest
            alone = type(words)(
                words.states[item : item + 1, :count], words.mask[item : item + 1, :count]
            )
            one = slice(item, item + 1)
            made = renderer.velocity(batch.noise[one], batch.times[one], batch.context[one], alone)
            assert torch.allclose(made[0], whole[item], atol=1e-4)


def test_what_words_alone_tell_counts_most_near_time_one() -> None:
    late, early = weights_of(torch.tensor([0.5, 0.95]))
    grown = (early / late).tolist()
    assert set(grown[PULSE]) == {3.0}
    assert set(grown[STROKES]) == {4.0}
    others = torch.ones(64, dtype=torch.bool)
    others[PULSE] = others[STROKES] = False
    assert torch.equal(early[others], late[others])


def test_six_eighths_are_shown_more_often_than_asked_for() -> None:
    random = np.random.default_rng(5)
    shown = {style: [_meter(style, random) for _ in range(120)] for style in ("folk", "jazz")}
    assert 35 < shown["folk"].count(6) < 65
    assert 6 not in shown["jazz"]


def test_every_style_is_shown_and_those_learnt_last_twice() -> None:
    assert {style: SHOWN.count(style) for style in BAND} == dict.fromkeys(BAND, 1) | {
        "ballad": 2,
        "jazz": 2,
    }


def _meter(style: str, random: np.random.Generator) -> int:
    return in_eighths(draw_recipe(random, (style,)), random).meter
