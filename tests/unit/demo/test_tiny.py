"""The tiny set: complete, repeatable, atomic, readable by everybody, and audible."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from acestep_cli.demo import tiny as builder
from acestep_cli.demo.__main__ import main
from acestep_cli.demo.sizes import TINY, DitSizes, QwenSizes, Sizes, StackSizes, VaeSizes
from acestep_cli.demo.tiny import NOTICE_NAME, build_qwen, build_set, build_vae
from acestep_cli.errors import OutputError
from acestep_cli.models.acestep import AceStepModel
from acestep_cli.models.config import AceStepConfig
from acestep_cli.models.vae import Vae
from acestep_cli.models.vae_config import VaeConfig
from acestep_cli.weights.index import read_index
from acestep_cli.weights.load import load_silence_latent, load_weights
from acestep_cli.weights.locate import find_set
from acestep_cli.weights.places import Place
from acestep_cli.weights.tokenizer import Tokenizer

_STACK = StackSizes(width=16, mlp=24, heads=2, kv_heads=1, head_dim=8)
SMALL = Sizes(
    dits={"acestep-v15-mine": DitSizes(_STACK, 2, 4, 1, 1, 1, 16, 20, is_turbo=True)},
    text_encoder=QwenSizes(_STACK, 1),
    vae=VaeSizes(decoder_width=2, multiples=(1, 1, 1, 1, 1)),
)


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_it_is_a_complete_set_of_a_few_megabytes(tiny: Path) -> None:
    found = find_set(None, "text2music", [Place(tiny, "test")])
    assert found.dit.is_turbo
    assert found.planner is not None
    assert find_set("acestep-v15-base", "lego", [Place(tiny, "test")]).dit.family == "base"
    assert {path.name for path in tiny.iterdir()} == {*TINY.folders(), NOTICE_NAME}
    assert "noise, not music" in (tiny / NOTICE_NAME).read_text()
    assert sum(file.stat().st_size for file in tiny.rglob("*") if file.is_file()) < 26_000_000


def test_one_seed_one_set_of_bytes_in_any_process(tiny: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "acestep_cli.demo", "tiny", str(tmp_path / "again")]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert done.stdout == f"{tmp_path / 'again'}\n"
    assert "noise, not music" in done.stderr
    assert _digests(tmp_path / "again") == _digests(tiny)


def test_another_seed_changes_all_weights_and_no_config(tmp_path: Path) -> None:
    first = _digests(build_set(tmp_path / "a", SMALL, 0))
    second = _digests(build_set(tmp_path / "b", SMALL, 1))
    changed = {name for name in first if first[name] != second[name]}
    assert first.keys() == second.keys()
    assert {Path(name).suffix for name in changed} == {".safetensors", ".pt", ".txt"}


def test_a_folder_in_use_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(OutputError) as caught:
            build_set(tmp_path, SMALL, force=force)
        assert caught.value.code == "exists"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_force_replaces_an_earlier_set(tmp_path: Path) -> None:
    folder = build_set(tmp_path / "set", SMALL)
    before = _digests(folder)
    with pytest.raises(OutputError, match="is not empty"):
        build_set(folder, SMALL, 1)
    assert _digests(folder) == before
    build_set(folder, SMALL, 1, force=True)
    assert _digests(folder) != before
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_real_checkpoints_are_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    build_set(folder, SMALL)
    (folder / NOTICE_NAME).unlink()
    with pytest.raises(OutputError, match="may hold real checkpoints"):
        build_set(folder, SMALL, force=True)
    assert (folder / "vae" / "config.json").is_file()


def test_the_command_run_again_finds_its_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "set"
    assert main(["tiny", str(folder)]) == 0
    made = (folder / "vae" / "config.json").stat().st_mtime_ns
    assert main(["tiny", str(folder)]) == 0
    assert (folder / "vae" / "config.json").stat().st_mtime_ns == made
    assert main(["tiny", str(folder), "--seed", "1"]) == 6
    assert capsys.readouterr().out.splitlines() == [str(folder)] * 2


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    build_set(tmp_path / "a" / "b", SMALL)
    build_set(tmp_path / "new" / "deep", SMALL)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space"), KeyboardInterrupt()])
def test_a_failed_build_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    folder = build_set(tmp_path / "set", SMALL)
    before = _digests(folder)

    def fail(*_: Any, **__: Any) -> None:
        raise failure

    monkeypatch.setattr(builder, "build_vae", fail)
    with pytest.raises((OutputError, KeyboardInterrupt)) as caught:
        build_set(folder, SMALL, 1, force=True)
    assert isinstance(caught.value, KeyboardInterrupt) or caught.value.code == "disk_full"
    assert _digests(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_the_command_reports_errors_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x").touch()
    assert main(["tiny", str(tmp_path)]) == 6
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines()[0] == f"error: {tmp_path} is not empty"
    assert main(["tiny", str(tmp_path / "x")]) == 6
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2


def test_tokenizers_end_texts_as_the_published_ones_do(tiny: Path) -> None:
    text = Tokenizer(tiny / "Qwen3-Embedding-0.6B")
    planner = Tokenizer(tiny / "acestep-5Hz-lm-0.6B")
    end = text.require("<|endoftext|>")
    assert text.encode("a song")[-1] == end == planner.require("<|endoftext|>")
    assert planner.encode("a song") == text.encode("a song")[:-1]
    assert text.encode_plain("\n") == [198]
    assert len(text.added) == 26
    first, last = planner.require("<|audio_code_0|>"), planner.require("<|audio_code_65534|>")
    assert (first, last - first) == (planner.require("</think>") + 1, 65_534)
    for sample in ("naïve 歌 🎵\n\t x", "<think>\nbpm: 120\n</think>", "<|audio_code_7|>"):
        assert planner.decode(planner.encode(sample)) == sample
    prompt = "# Instruction\nFill the audio semantic mask based on the given conditions:\n\n"
    assert len(text.encode(prompt)) < 30


def test_configs_and_tokenizers_agree(tiny: Path) -> None:
    for name in ("Qwen3-Embedding-0.6B", "acestep-5Hz-lm-0.6B"):
        config = json.loads((tiny / name / "config.json").read_text())
        tokenizer = Tokenizer(tiny / name)
        assert config["vocab_size"] == tokenizer.size
        assert read_index(tiny / name).tensors["embed_tokens.weight"].shape[0] == tokenizer.size
        assert config["pad_token_id"] == tokenizer.require("<|endoftext|>")
    assert config["eos_token_id"] == tokenizer.require("<|im_end|>")


def test_a_published_vocabulary_size_gives_the_published_ids(tmp_path: Path) -> None:
    build_qwen(tmp_path, replace(SMALL.text_encoder, base_vocabulary=151_643, audio_codes=9))
    tokenizer = Tokenizer(tmp_path)
    assert tokenizer.require("<|endoftext|>") == 151_643
    assert tokenizer.require("<|im_end|>") == 151_645
    assert tokenizer.require("</think>") == 151_668
    assert tokenizer.require("<|audio_code_0|>") == 151_669
    assert max(tokenizer.encode("unused:1500 unused")) < 2000


def test_others_read_the_tokenizer_too(tiny: Path) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoTokenizer.from_pretrained(tiny / "acestep-5Hz-lm-0.6B")
    ours = Tokenizer(tiny / "acestep-5Hz-lm-0.6B")
    sample = "<|im_start|>user\nsing <|audio_code_3|><|im_end|>\n"
    assert theirs(sample)["input_ids"] == ours.encode(sample)
    rendered = theirs.apply_chat_template(
        [{"role": "user", "content": "sing"}], tokenize=False, add_generation_prompt=True
    )
    assert rendered == "<|im_start|>user\nsing<|im_end|>\n<|im_start|>assistant\n"


def _vae(folder: Path) -> Vae:
    config = VaeConfig.from_json(json.loads((folder / "config.json").read_text()))
    with torch.device("meta"):
        vae = Vae(config)
    load_weights(vae, read_index(folder), dtype=torch.float32)
    return vae


@pytest.mark.parametrize("latent_std", [0.5, 1.5])
@pytest.mark.parametrize(
    "sizes", [TINY.vae, VaeSizes(decoder_width=8, multiples=(1, 1, 2, 2, 4))], ids=str
)
def test_the_vae_gives_audible_noise(tmp_path: Path, sizes: VaeSizes, latent_std: float) -> None:
    build_vae(tmp_path, sizes)
    noise = torch.randn(1, 64, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        audio = _vae(tmp_path).decode(noise * latent_std)
    assert audio.shape == (1, 2, 8 * 1920)
    assert torch.isfinite(audio).all()
    assert 0.1 < audio.abs().max().item() < 3
    assert 0.02 < audio.std().item() < 0.6


def test_velocities_stay_near_unit_size(tiny: Path) -> None:
    for name in ("acestep-v15-turbo", "acestep-v15-base"):
        config = AceStepConfig.from_json(json.loads((tiny / name / "config.json").read_text()))
        with torch.device("meta"):
            model = AceStepModel(config)
        load_weights(model, read_index(tiny / name), dtype=torch.float32)
        silence = load_silence_latent(tiny / name / "silence_latent.pt")
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            states = torch.randn(1, 9, config.encoder.hidden, generator=generator)
            velocity = model.decoder(
                torch.randn(1, 50, 64, generator=generator),
                torch.cat((silence[:, :50], torch.ones(1, 50, 64)), dim=2),
                model.decoder.condition(states),
                model.decoder.modulation(torch.tensor([0.7])),
            )
        assert torch.isfinite(velocity).all()
        assert 0.2 < velocity.std().item() < 3
