"""Edits as whole runs: what changes, what does not, what is loaded when, how long the result is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from acestep_cli.errors import Cancelled, ExitCode, InputError, UsageError
from acestep_cli.events import Event, StageProgress, StageStarted
from acestep_cli.pipeline import scene
from acestep_cli.pipeline.edit import Edit, Morph
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.scene import source_latents
from acestep_cli.pipeline.song import make_songs
from acestep_cli.pipeline.tasks import silence_frames
from tests.unit.pipeline.captured import captured, edit_job
from tests.unit.pipeline.songs import CODES, PLAN, Watched, networks_of, songs_of, with_codes

STAGES = ["text_encoder", "condition_encoder", "dit", "decoder"]
SECONDS = 5.5
NOISE = np.random.default_rng(5).standard_normal((2, round(SECONDS * 48_000)))
SOUND = (0.1 * NOISE).astype(np.float32)
SHORT = SOUND[:, :20_000]  # what is encoded costs time: 11 frames and a bit
KEPT = torch.randn(138, 64, generator=torch.Generator().manual_seed(6))
FADE = 12  # frames of the ramp of a balanced repaint


@pytest.fixture(scope="module")
def turbo() -> Watched:
    return networks_of()


def kept(task: Any, **options: Any) -> Edit:
    """An edit of a source whose latents were kept."""
    return Edit(task, SOUND, KEPT, **options)


def latents_of(networks: Watched, edit: Edit, **options: Any) -> Tensor:
    (song,) = songs_of(edit_job(edit, PLAN, **options), networks)
    return song.latents


def test_several_regions_are_painted_and_the_rest_is_the_source(turbo: Watched) -> None:
    edit = kept("repaint", regions=((0.0, 0.5), (2.0, 2.4), (4.0, math.inf)))
    (song,), told = captured(edit_job(edit, PLAN, inference_steps=4), turbo)
    painted = torch.zeros(138, dtype=torch.bool)
    painted[0:13] = painted[50:60] = painted[100:138] = True
    source, mask = told.calls[0][1][0].split(64, dim=-1)
    silence = silence_frames(turbo.silence, 138)[0]
    assert torch.equal(mask[:, 0] == 1, painted) and torch.equal(mask[:, 0] == 0, ~painted)
    assert torch.equal(source, torch.where(painted[:, None], silence, KEPT))
    assert ((song.latents - KEPT)[painted].abs().amax(1) > 0.1).all()
    far = torch.tensor([*range(13 + FADE, 50 - FADE), *range(60 + FADE, 100 - FADE)])
    assert torch.equal(song.latents[far], KEPT[far])
    near = (song.latents - KEPT)[60 : 60 + FADE].norm(dim=1)
    assert (near > 0).all() and near[-1] < near[0]
    assert song.samples.shape == (2, 264_000)


def test_a_mask_left_to_the_model_is_all_ones(turbo: Watched) -> None:
    for task in ("repaint", "lego"):
        edit = kept(task, regions=((2.0, 2.4),), mask_mode="auto")
        _, told = captured(edit_job(edit, PLAN, inference_steps=1), turbo)
        context = told.calls[0][1][0]
        assert (context[:, 64:] == 1).all()
        hole = torch.equal(context[50:60, :64], turbo.silence[0, 50:60])
        assert hole == (task == "repaint")


def test_lego_hears_its_source_and_keeps_nothing_of_it(turbo: Watched) -> None:
    edit = kept("lego", regions=((2.0, 3.0),))
    (song,), told = captured(edit_job(edit, PLAN), turbo)
    source, mask = told.calls[0][1][0].split(64, dim=-1)
    assert torch.equal(source, KEPT)
    assert mask[:, 0].nonzero().flatten().tolist() == list(range(50, 75))
    assert ((song.latents - KEPT).abs().amax(1) > 0.1).all()
    job = edit_job(edit, PLAN, parity=Parity(regions_in_lego=True))
    (upstream,) = songs_of(job, turbo)
    assert torch.equal(upstream.latents[:38], KEPT[:38])


@pytest.mark.parametrize(
    ("task", "regions", "before", "seconds"),
    [
        ("repaint", ((5.5, 7.25),), 0, 7.25),
        ("repaint", ((-1.0, 0.0),), 25, 6.5),
        ("lego", ((-0.8, 6.0),), 20, 6.8),
        ("complete", (), 0, 5.5),
    ],
)
def test_silence_is_added_where_a_region_leaves_the_source(
    turbo: Watched, task: Any, regions: Any, before: int, seconds: float
) -> None:
    (song,), told = captured(edit_job(kept(task, regions=regions), PLAN), turbo)
    frames = math.ceil(seconds * 25)
    assert song.latents.shape == (frames, 64)
    assert song.samples.shape == (2, round(seconds * 48_000))
    source = told.calls[0][1][0, :, :64]
    inside = slice(before, before + 137)
    assert torch.equal(source[inside], KEPT[:137])
    assert torch.equal(source[:before], turbo.silence[0, :before])


@pytest.mark.parametrize("samples", [1, 96_000, 245_761, 264_001])
def test_the_result_is_as_long_as_the_source(turbo: Watched, samples: int) -> None:
    edit = Edit("cover-nofsq", np.resize(SOUND, (2, samples)), KEPT)
    (song,) = songs_of(edit_job(edit, PLAN, inference_steps=1), turbo)
    assert song.samples.shape == (2, samples)
    assert song.latents.shape[0] == max(128, math.ceil(samples / 1920))


def test_the_source_is_heard_once_and_its_networks_go() -> None:
    networks = networks_of()
    heard: list[Event] = []
    edit = Edit("cover", SHORT)
    songs_of(edit_job(edit, PLAN, replace(PLAN, caption="metal")), networks, heard.append)
    assert networks.loaded == ["encoder", "audio_tokenizer", "detokenizer", *STAGES]
    assert networks.crowds == [()] * 7
    started = [event.stage for event in heard if isinstance(event, StageStarted)]
    assert started == ["listen", "hints", "words", "compose", "compose", "render", "render"]
    listened = next(event for event in heard if isinstance(event, StageProgress))
    assert (listened.stage, listened.done, listened.total) == ("listen", 20 / 48, 20 / 48)


def test_nothing_is_loaded_that_a_task_does_not_need() -> None:
    networks = networks_of()
    songs_of(edit_job(Edit("extract", SHORT), PLAN), networks)
    assert networks.loaded == ["encoder", *STAGES]
    networks = networks_of()
    songs_of(edit_job(kept("repaint", regions=((1.0, 2.0),)), PLAN), networks)
    assert networks.loaded == STAGES


def test_kept_latents_off_the_frames_are_encoded_anew() -> None:
    networks = networks_of()
    edit = Edit("repaint", SHORT, KEPT, regions=((-0.41, 0.0),))
    found = source_latents(edit, edit.extent(), networks)
    assert networks.loaded == ["encoder"] and found.shape == (1, 21, 64)
    # Too few latents for the sound are another song's.
    other = replace(edit, latents=KEPT[:10], regions=())
    assert source_latents(other, other.extent(), networks).shape == (1, 11, 64)
    assert networks.loaded == ["encoder"] * 2


def test_the_last_frame_hears_the_end_of_the_source(turbo: Watched) -> None:
    """A source that fills no frame ends in silence and not a frame early."""
    edit = Edit("complete", SHORT)
    found = source_latents(edit, edit.extent(), turbo)
    padded = np.pad(SHORT, ((0, 0), (0, 11 * 1920 - 20_000)))
    whole = source_latents(replace(edit, samples=padded), edit.extent(), turbo)
    assert found.shape == (1, 11, 64) and torch.equal(found, whole)
    assert source_latents(edit, edit.extent(), turbo, upstream=True).shape == (1, 10, 64)


def test_the_same_source_has_the_same_latents_and_a_draw_others(turbo: Watched) -> None:
    edit = Edit("complete", SHORT)
    mean, again = (source_latents(edit, edit.extent(), turbo) for _ in range(2))
    noise = torch.randn(11, 64, generator=torch.Generator().manual_seed(1))
    drawn = source_latents(edit, edit.extent(), turbo, noise=noise)
    assert torch.equal(mean, again) and not torch.allclose(mean, drawn, atol=1e-3)


def heard_by(samples: Any, seeds: Sequence[int], *_: Any, **__: Any) -> list[Tensor]:
    """Stands in for 30 s through the autoencoder: latents that belong to sound and seed."""
    loud = float(np.abs(samples).max())
    return [torch.full((1, 750, 64), loud * seed) for seed in seeds]


@pytest.mark.parametrize("task", ["cover", "repaint", "extract"])
def test_an_item_alone_is_the_item_of_a_batch(
    turbo: Watched, task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene, "reference_latents", heard_by)
    edit = kept(task, regions=((1.0, 2.0),), tracks=("drums",))
    plans = (PLAN, replace(PLAN, caption="metal"), PLAN)
    options: dict[str, Any] = {"audio_cover_strength": 0.5, "infer_method": "sde"}
    job = edit_job(edit, *plans, tracks=("vocals", "bass"), **options)
    job = replace(job, reference=SOUND)
    batch = songs_of(job, turbo)
    for index, item in enumerate(job.items):
        (song,) = songs_of(replace(job, items=(item,)), turbo)
        assert torch.equal(song.latents, batch[index].latents)
        assert (song.samples == batch[index].samples).all()


def test_tracks_decide_what_is_told(turbo: Watched) -> None:
    def texts(edit: Edit, track: str | None = None, instruction: str = "") -> str:
        tracks = (track,) if track else ()
        job = replace(edit_job(edit, PLAN, tracks=tracks, inference_steps=1))
        _, told = captured(replace(job, instruction=instruction), turbo)
        return turbo.tokenizer.decode(told.texts[0][0].tolist())

    assert "Extract the BACKING_VOCALS track from" in texts(kept("extract"), "backing_vocals")
    assert "Generate the BASS track based" in texts(kept("lego", tracks=("drums",)), "bass")
    assert "track with GUITAR | BASS:" in texts(kept("complete", tracks=("guitar", "bass")))
    told = texts(kept("extract"), "vocals", "Take away the voice:")
    assert "Take away the voice:" in told and "Extract" not in told


def test_the_prompt_tells_the_length_of_the_result(turbo: Watched) -> None:
    job = edit_job(kept("repaint", regions=((5.5, 8.6),)), PLAN, inference_steps=1)
    _, told = captured(job, turbo)
    assert "- duration: 8 seconds" in turbo.tokenizer.decode(told.texts[0][0].tolist())


def test_codes_stand_for_a_source(turbo: Watched) -> None:
    from acestep_cli.pipeline.hints import hints_of

    hints = hints_of(CODES, turbo.detokenizer())[0]
    for task in ("cover", "cover-nofsq", "extract", "repaint"):
        edit = Edit(task, regions=((1.0, 2.0),))  # type: ignore[arg-type]
        (song,), told = captured(edit_job(edit, with_codes(), inference_steps=1), turbo)
        source = told.calls[0][1][0, :, :64]
        assert torch.equal(source[60:], hints[60:])
        assert torch.equal(source[25:50], hints[25:50]) == (task != "repaint")
        assert song.samples.shape == (2, 27 * 9600)
    with pytest.raises(UsageError, match="needs a source"):
        songs_of(edit_job(Edit("cover"), PLAN), turbo)
    with pytest.raises(InputError):
        songs_of(edit_job(Edit("cover"), with_codes((64_000,))), turbo)


def test_a_strength_below_one_lets_the_source_go(turbo: Watched) -> None:
    options: dict[str, Any] = {"inference_steps": 4, "audio_cover_strength": 0.5}
    for task in ("cover", "extract"):
        _, told = captured(edit_job(kept(task), PLAN, **options), turbo)
        silent = [torch.equal(call[1][0, :, :64], turbo.silence[0, :138]) for call in told.calls]
        assert silent == [False, False, True, True]
        assert len(told.texts) == 2


def test_noise_strength_starts_from_the_source_itself(turbo: Watched) -> None:
    from acestep_cli.pipeline.noise import song_noise

    job = edit_job(kept("cover"), PLAN, inference_steps=8, cover_noise_strength=0.5)
    _, told = captured(job, turbo)
    time = job.schedule.starting_near(0.5).exact[0]
    wanted = time * song_noise(7, 138) + (1 - time) * KEPT
    assert torch.allclose(told.calls[0][0], wanted, atol=1e-6)


def test_a_morph_moves_from_its_source(turbo: Watched) -> None:
    def morphed(**options: Any) -> Tensor:
        edit = kept("morph", morph=Morph("dark organ", "[Instrumental]", **options))
        return latents_of(turbo, edit, flow_edit_morph=True, inference_steps=4)

    assert torch.equal(morphed(n_min=1.0), KEPT)
    moved, late, averaged = morphed(), morphed(n_min=0.5), morphed(n_avg=2)
    assert not torch.equal(moved, KEPT) and not torch.equal(moved, averaged)
    assert (late - KEPT).norm() < (moved - KEPT).norm()
    # The same words on both sides lead nowhere.
    same = kept("morph", morph=Morph(PLAN.caption, PLAN.lyrics))
    stayed = latents_of(turbo, same, flow_edit_morph=True, inference_steps=4)
    assert torch.allclose(stayed, KEPT, atol=1e-5)


def test_a_morph_over_a_cover_has_its_source_below(turbo: Watched) -> None:
    edit = kept("morph", morph=Morph("dark organ", ground="cover"))
    job = edit_job(edit, PLAN, flow_edit_morph=True)
    _, told = captured(job, turbo)
    contexts = [call[1][0, :, :64] for call in told.calls]
    assert all(torch.equal(context, contexts[0]) for context in contexts)
    assert not torch.equal(contexts[0], turbo.silence[0, :138])


def test_a_reference_and_a_retake_change_an_edit(
    turbo: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene, "reference_latents", heard_by)
    job = edit_job(kept("cover-nofsq"), PLAN)
    plain, retaken, voiced = (
        songs_of(one, turbo)[0].latents
        for one in (job, replace(job, retake_variance=0.5), replace(job, reference=SOUND))
    )
    assert not torch.equal(plain, retaken) and not torch.equal(plain, voiced)


def test_a_signal_while_listening_stops_the_song(turbo: Watched) -> None:
    heard: list[Event] = []
    job = edit_job(Edit("cover", SOUND), PLAN)
    with pytest.raises(Cancelled) as stopped:
        next(make_songs(job, turbo, heard.append, lambda: ExitCode.INTERRUPTED))
    assert stopped.value.exit_code == ExitCode.INTERRUPTED
    assert [event.stage for event in heard if isinstance(event, StageStarted)] == ["listen"]
