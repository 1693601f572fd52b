"""`acestep config` as a process: what it answers, what it writes, what it refuses."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest

from tests.process.programs import ROOT, acestep, run
from tests.process.settings_home import Home

GOLDEN = ROOT / "tests" / "golden" / "checkpoints"


@pytest.fixture
def config(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_everything_with_its_origin(config: Home, tmp_path: Path) -> None:
    config.write('device = "cpu"\napi_key = "unspoken2"\n[models.mine]\nrepo = "me/mine"\n')
    (config.folder / "acestep.toml").write_text("[generation]\nbpm = 90\n")
    named = tmp_path / "named.toml"
    named.write_text("[generation]\nshift = 2.0\n")
    words = ("--config", str(named), "--preset", "consistent")
    out, talk = config(*words, ACESTEP_BATCH_SIZE="2")
    found = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert found["device"] == ["cpu", "user", "file"]
    assert found["generation.bpm"] == ["90", str(config.folder / "acestep.toml")]
    assert found["generation.shift"] == ["2.0", str(named)]
    assert found["generation.seed"] == ["7", "preset", "consistent"]
    assert found["generation.batch_size"] == ["2", "ACESTEP_BATCH_SIZE"]
    assert found["generation.audio_format"] == ["mp3", "default"]
    assert found["generation.duration"] == ["default"]
    assert found["models.mine.repo"] == ["me/mine", "user", "file"]
    assert found["api_key"][0] == "***" and "unspoken2" not in out + talk
    assert f"settings file: {config.file}" in talk
    data = config.data(*words, ACESTEP_BATCH_SIZE="2")["data"]
    rows = {row["key"]: row for row in data["settings"]}
    assert rows["generation.seed"] == {
        "key": "generation.seed", "value": 7, "origin": "preset", "where": "preset consistent",
    }  # fmt: skip
    assert rows["generation.duration"]["value"] is None
    assert rows["generation.duration"]["where"] is None
    assert rows["api_key"]["value"] == "***"
    assert data["models"][0]["repo"] == "me/mine" and data["file"] == str(config.file)


def test_the_list_is_toml_with_origins(config: Home) -> None:
    config.write('[generation]\nthinking = false\ncaption = "a\\u001b[2J \\"b\\""\n')
    out, talk = config("--list")
    assert "generation.thinking = false  # " + str(config.file) in out.splitlines()
    assert 'generation.audio_format = "mp3"  # default' in out.splitlines()
    assert "# generation.bpm =  # default" in out.splitlines()
    assert "\x1b" not in out
    table = tomllib.loads(out)
    assert "bpm" not in table["generation"] and "checkpoints" not in table
    assert table["generation"]["caption"] == 'a\x1b[2J "b"'
    assert table["output_dir"] == "acestep_output"
    assert config("--list", "--quiet") == (out, "")
    assert "settings file:" in talk


def test_one_value_alone(config: Home) -> None:
    config.write('api_key = "unspoken2"\n[generation]\nseed = [7, 8]\nlyrics = "a\\nb"\n')
    for key, value in (
        ("generation.thinking", "true"),
        ("thinking", "true"),
        ("audio_format", "mp3"),
        ("generation.bpm", ""),
        ("generation.seed", "[7, 8]"),
        ("lyrics", "a\\nb"),
        ("api_key", "***"),
        ("save_dir", "acestep_output"),
    ):
        assert config("--get", key) == (value + "\n", ""), key
    assert config("--get", "api_key", ACESTEP_HOME="nowhere")[0] == "\n"
    assert config("--get", "bpm", "--preset", "draft", ACESTEP_BPM="90")[0] == "90\n"
    assert config.data("--get", "bpm")["data"]["value"] is None
    for key, near in (("generation.thinkng", "generation.thinking"), ("devce", "device")):
        out, talk = config("--get", key, status=2)
        assert out == "" and f"'{key}'" in talk and f"did you mean {near}?" in talk
    error = config.data("--get", "generation.thinkng", status=2)["error"]
    assert error["code"] == "settings" and "generation.thinking" in error["hint"]


def test_setting_and_forgetting(config: Home) -> None:
    assert config("--path")[0] == f"{config.file}\n"
    assert config.data("--path")["data"] == {"path": str(config.file), "exists": False}
    assert config("--get", "generation.thinking")[0] == "true\n"
    assert config("--set", "generation.thinking", "false") == (
        "Set generation.thinking = false\n", "",
    )  # fmt: skip
    assert config.file.read_text() == "[generation]\nthinking = false\n"
    assert config("--get", "generation.thinking")[0] == "false\n"
    config(
        "--set", "api_url", "http://127.0.0.1:8002", "--set", "steps", "8", "--set", "shift", "2"
    )
    assert tomllib.loads(config.file.read_text()) == {
        "api_url": "http://127.0.0.1:8002",
        "generation": {"thinking": False, "inference_steps": 8, "shift": 2.0},
    }
    assert config.data("--set", "latent_shift", "-1.5")["data"] == {
        "file": str(config.file), "set": {"generation.latent_shift": -1.5},
    }  # fmt: skip
    assert config("--set", "shift", "auto")[0] == "Unset generation.shift\n"
    out, talk = config("--unset", "steps", "--unset", "generation.bpm")
    assert out == "Unset generation.inference_steps\nUnset generation.bpm\n"
    assert "note: generation.bpm was not set" in talk
    assert config("--reset") == ("Configuration reset to defaults.\n", "")
    assert config.file.read_text() == ""
    assert config.data("--reset")["data"] == {"file": str(config.file), "unset": []}


def test_a_secret_is_kept_and_never_shown(config: Home) -> None:
    assert config("--check-key")[0] == "api_key: empty\n"
    out, talk = config("--set", "api_key", "unspoken2")
    assert (out, talk) == ("Set api_key = ***\n", "")
    assert config.data("--set", "api_key", "unspoken2")["data"]["set"] == {"api_key": "***"}
    if os.name == "posix":
        assert config.file.stat().st_mode & 0o077 == 0
    assert config("--check-key")[0] == "api_key: configured\n"
    assert config.data("--check-key")["data"] == {"api_key": "configured"}
    config.write('api_key = "unspoken2"\nApiKey = "unspoken"\n')
    out, talk = config("--check", status=2)
    assert "api_key is given twice" in out and "unspoken" not in out + talk
    config.write('api_key = ["unspoken2"]\n')
    assert "unspoken2" not in "".join(config("--get", "api_key", status=2))


def test_words_do_what_their_options_do(config: Home) -> None:
    assert config("set", "generation.bpm", "90")[0] == "Set generation.bpm = 90\n"
    assert config("get", "bpm")[0] == "90\n"
    assert config("list")[0] == config("--list")[0]
    assert config("check-key")[0] == "api_key: empty\n"
    assert config("unset", "bpm")[0] == "Unset generation.bpm\n"
    assert config("set", "--", "generation.latent_shift", "-1")[0].endswith("-1.0\n")
    assert config("reset")[0] == "Configuration reset to defaults.\n"
    assert config("path")[0] == f"{config.file}\n"


def test_presets_are_shown(config: Home) -> None:
    config.write("[presets.fine]\nsteps = 20\n")
    out, _ = config("--presets")
    for line in (
        "# draft: soon done, to try an idea",
        "presets.draft.thinking = false",
        'presets.quality.audio_format = "flac"',
        "presets.quality.use_adg = true  # for base checkpoints",
        "presets.consistent.seed = 7",
        "# fine: from a settings file",
        "presets.fine.inference_steps = 20",
    ):
        assert line in out.splitlines()
    data = config.data("--presets")["data"]
    assert data["fine"]["values"] == {"inference_steps": 20}
    assert data["quality"]["by_family"]["base"]["guidance_scale"] == 7.0
    _, talk = config("--list", "--preset", "quality")
    assert "note: with base checkpoints the preset also sets" in talk


def test_a_value_that_something_hides_is_said(config: Home) -> None:
    _, talk = config("--set", "generation.bpm", "90", ACESTEP_BPM="100")
    assert "note: generation.bpm stays 100: ACESTEP_BPM decides" in talk
    (config.folder / "acestep.toml").write_text("bpm = 110\n")
    envelope = config.data("--set", "generation.bpm", "91")
    assert [warning["code"] for warning in envelope["warnings"]] == ["hidden"]
    assert "acestep.toml decides" in envelope["warnings"][0]["message"]
    _, talk = config("--unset", "bpm")
    assert "generation.bpm is still 110" in talk
    assert config("--set", "generation.bpm", "110")[1] == ""
    assert config("--set", "bpm", "90", "--quiet", ACESTEP_BPM="100")[1] == ""
    assert config("--set", "lm_backend", "vllm")[1] == (
        "note: lm_backend has no effect here: nothing here depends on it\n"
    )
    _, talk = config("--set", "generation.cot_bpm", "90")
    assert "note: cot_bpm has no effect here: it is a result, not a request\n" in talk
    assert "the folder in which acestep runs" in config("--set", "checkpoints", "./here")[1]
    (config.folder / "acestep.toml").write_text("bpm = = 1\n")
    assert "cannot be used yet" in config("--set", "bpm", "92")[1]
    assert "bpm = 92" in config.file.read_text()


def test_what_is_set_takes_effect_in_a_song(config: Home) -> None:
    config("--set", "generation.thinking", "false", "--set", "generation.audio_format", "wav",
           "--set", "checkpoints", str(GOLDEN), "--set", "output_dir", "songs")  # fmt: skip
    before = config.file.read_bytes()
    words = ("x", "--no-lm", "--duration", "10", "--steps", "1", "--seed", "3", "--json")
    env = {**config.environment, "OMP_NUM_THREADS": "1"}
    done = run(acestep("generate", *words), config.folder, env=env)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)["data"]
    assert record["request"]["thinking"] is False and record["origins"]["thinking"] == "file"
    assert record["audio_paths"][0].endswith(".wav") and "songs" in record["audio_paths"][0]
    assert config.file.read_bytes() == before, "flags never change files"
