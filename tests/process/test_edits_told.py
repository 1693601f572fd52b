"""What the commands of edits give to the DiT, caught in a process, against the original."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.conftest import GOLDEN
from tests.process.programs import environment, run

HANDLER = GOLDEN / "handler"
CASES: dict[str, Any] = json.loads((HANDLER / "cases.json").read_text("utf-8"))
STEREO, MONO = (str(GOLDEN / "audio" / f"{name}.wav") for name in ("src_stereo48k", "src_mono44k"))
TOLERANCE = 1e-5
Told = dict[str, dict[str, Tensor]]
COMMON = ["--device", "cpu", "--dtype", "float32", "--checkpoints", str(GOLDEN / "checkpoints")]
# Each case of the handler as a person would write it; the words and seeds are those of the case.
COMMANDS: dict[str, list[str]] = {
    "cover": ["cover", STEREO, "--steps", "4"],
    "cover_strength_noise_batch2": [
        "cover", MONO, "--strength", "0.5", "--noise-strength", "0.3", "--bpm", "140",
        "--batch", "2",
    ],
    "cover_nofsq": ["cover", STEREO, "--faithful"],
    "repaint_inside_explicit_mask": [
        "repaint", STEREO, "--region", "2-4", "--mode", "conservative",
    ],
    "repaint_before_start": [
        "repaint", STEREO, "--region", "-1.2-1", "--mode", "aggressive", "--mask-mode", "auto",
    ],
    "extract": ["extract", STEREO, "vocals", "--guidance", "4"],
    "lego_region": [
        "lego", STEREO, "--track", "drums", "--from", "1", "--to", "5", "--mask-mode", "auto",
    ],
    "complete": ["complete", STEREO, "--track", "guitar", "--track", "bass"],
    "flow_edit_t2m": ["morph", STEREO, "--from-caption", "dark organ", "--from-lyrics",
                      "[Instrumental]"],
}  # fmt: skip
# The original tells the source's length where ours tells the result's.
LENGTHENED = ("repaint_before_start",)
# A cover follows codes, a morph nothing: the source is only what they start from.
BY_OTHER_MEANS = ("cover", "cover_strength_noise_batch2", "flow_edit_t2m")
MORE: dict[str, list[str]] = {
    "extend": ["extend", STEREO, "outro", "--after", "2", "--before", "1", "--seed", "7"],
    "painted": ["repaint", STEREO, "outro", "--region", "-1-0,5.4-7.4", "--seed", "7"],
    "generated": [
        "generate", "outro", "--task", "continuation", "--src-audio", STEREO, "--seed", "7",
        "--extend-before", "1", "--extend-after", "2",
    ],
    "tracks": ["extract", STEREO, "vocals", "fx", "--seed", "7", "--guidance", "4"],
}  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Tensor]]:
    """What each command gives to the DiT: one process runs them all."""
    folder = tmp_path_factory.mktemp("told")
    entries: list[list[Any]] = []
    for name, command in COMMANDS.items():
        draw = str(folder / f"{name}.draw.safetensors")
        noise = load_file(HANDLER / f"{name}.safetensors")["vae_noise_0"]
        save_file({"noise": noise[0].t().contiguous()}, draw)
        entries.append([name, [*command, *words_of(name), *COMMON], draw])
    entries += [[name, [*command, *COMMON], None] for name, command in MORE.items()]
    (folder / "commands.json").write_text(json.dumps(entries), encoding="utf-8")
    program = [sys.executable, "-m", "tests.process.captured", "commands.json", str(folder)]
    done = run(program, folder, env=environment(folder, OMP_NUM_THREADS="1"))
    assert done.returncode == 0, done.stderr
    return {name: load_file(folder / f"{name}.safetensors") for name, *_ in entries}


def words_of(name: str) -> list[str]:
    """Caption, lyrics, language and seeds of a case."""
    arguments = CASES[name]["handler_kwargs"]
    return [
        *("--caption", arguments["captions"], "--lyrics", arguments.get("lyrics", "")),
        *("--seed", arguments["seed"], "--language", arguments.get("vocal_language", "en")),
    ]


def error(ours: Tensor, golden: Tensor) -> float:
    assert ours.shape == golden.shape
    return float((ours - golden).abs().max() / golden.abs().max().clamp_min(1e-12))


def row(golden: Tensor, index: int) -> Tensor:
    """What is equal for all items is stored once."""
    return golden[:1] if len(golden) == 1 else golden[index : index + 1]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_dit_is_given_what_the_original_gave_it(name: str, told: Told) -> None:
    ours, golden = told[name], load_file(HANDLER / f"{name}.safetensors")
    encoded = golden["target_latents_in"]
    for index in range(CASES[name]["handler_kwargs"]["batch_size"]):
        followed, mask = ours[f"context.{index}"].tensor_split(2, dim=-1)
        assert (mask == row(golden["chunk_masks"], index).float()[..., None]).all()
        assert (
            error(ours[f"source.{index}"], row(golden.get("src_latents", encoded), index))
            < TOLERANCE
        )
        if name not in BY_OTHER_MEANS:
            assert error(followed, ours[f"source.{index}"]) == 0
        if "noise" in golden:
            assert (ours[f"noise.{index}"] == row(golden["noise"], index)).all()
        if name.startswith("repaint"):
            assert (ours[f"region.{index}"] == row(golden["repaint_mask"], index).bool()).all()
            assert error(ours[f"clean.{index}"], row(encoded, index)) < TOLERANCE
        if name not in LENGTHENED:
            assert ours["words.0"].tolist() == golden["text_token_ids"][0].tolist()
            states = row(golden["encoder_hidden_states"], index)
            assert error(ours[f"states.{index}"], states) < TOLERANCE


def test_after_the_switch_nothing_is_followed(told: Told) -> None:
    ours = told["cover_strength_noise_batch2"]
    followed, mask = ours["context.0"].tensor_split(2, dim=-1)
    later, later_mask = ours["later.0"].tensor_split(2, dim=-1)
    assert (later_mask == mask).all() and error(later, followed) > TOLERANCE
    assert ours["words.0"].tolist() != ours["words.1"].tolist()


def test_a_cover_follows_what_its_codes_tell(told: Told) -> None:
    by_codes, by_sound = told["cover"], told["cover_nofsq"]
    assert error(by_codes["context.0"], by_sound["context.0"]) > TOLERANCE


def test_a_longer_song_is_a_repaint_beyond_the_source(told: Told) -> None:
    extended = told["extend"]
    assert extended["context.0"].shape[1] == round((1 + 5.4 + 2) * 25)
    for name in ("painted", "generated"):
        assert told[name].keys() == extended.keys()
        assert all((told[name][key] == extended[key]).all() for key in extended), name


def test_each_track_has_words_of_its_own_and_the_same_start(told: Told) -> None:
    ours = told["tracks"]
    assert (ours["noise.0"] == ours["noise.1"]).all()
    assert (ours["context.0"] == ours["context.1"]).all()
    assert ours["words.0"].tolist() != ours["words.1"].tolist()
