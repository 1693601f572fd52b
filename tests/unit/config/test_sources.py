"""Settings files and variables: every fault is one clear sentence that says where it lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from acestep_cli.config import find_key, full_key, resolve
from acestep_cli.config.sources import read_environment, read_file
from acestep_cli.errors import SettingsError


def fault(path: Path, content: str | bytes) -> SettingsError:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(SettingsError) as caught:
        read_file(path, relative_to_file=True)
    assert str(path) in caught.value.message and caught.value.hint
    assert caught.value.code == "settings" and caught.value.exit_code == 2
    return caught.value


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[generation]\nbmp = 3\n", ("generation.bmp", "did you mean generation.bpm?")),
        ("devise = 'cpu'\n", ("'devise'", "did you mean device?")),
        ("zzzzz = 1\n", ("'zzzzz'", "acestep config")),
        ("[zzzzz]\na = 1\n", ("'zzzzz'",)),
        ("[generation]\ndevice = 'cpu'\n", ("device is no parameter", "outside [generation]")),
        ("[generation]\nbpm = 20\n", ("generation.bpm", "bpm 20", "30 to 300")),
        ("bpm = 20\n", ("bpm 20 is not within 30 to 300",)),
        ("[generation]\nbpm = 'fast'\n", ("'fast'",)),
        ("[generation]\nbpm = true\n", ("True",)),
        ("[generation]\nbpm = 1979-05-27\n", ("bpm",)),
        ("[generation]\nbpm = nan\n", ("nan",)),
        ("[generation]\nshift = inf\n", ("inf",)),
        ("[generation]\ncaption = 5\n", ("caption", "5")),
        ("[generation]\ncaption = ['a']\n", ("caption",)),
        ("[generation]\ncaption = {a = 1}\n", ("caption",)),
        ("[generation]\ntask_type = 'covr'\n", ("covr", "did you mean cover?")),
        ("[generation]\naudio_codes = '1 99999'\n", ("99999", "63999")),
        ('[generation]\nlyrics = "a\\u0000"\n', ("NUL",)),
        ("bpm = 90\n[generation]\nbpm = 91\n", ("twice", "90", "91")),
        ("[generation]\nprompt = 'a'\ncaption = 'b'\n", ("twice",)),
        ("bpm = 20\nshift = 0\n", ("bpm 20", "shift 0")),
        ("generation = 3\n", ("generation is not a table",)),
        ("presets = 3\n", ("presets is not a table",)),
        ("[presets]\nx = 3\n", ("presets.x",)),
        ("[presets.'a b']\n", ("presets.a b",)),
        ("[presets.x]\nbpm = 20\n", ("presets.x", "bpm 20")),
        ("[presets.x]\ndevice = 'cpu'\n", ("presets.x", "device")),
        ("device = 'tpu'\n", ("'tpu'", "cuda:N")),
        ("device = 3\n", ("device",)),
        ("threads = 0.5\n", ("0.5",)),
        ("offload_to_cpu = 'perhaps'\n", ("perhaps",)),
        ("api_url = 'x'\n", ("'x'",)),
        ("api_key = 3\n", ("api_key",)),
        ("a = 1\nb = \n", (", line 2:",)),
        ("[generation\n", (", line 1:",)),
        ("bpm = 90\nbpm = 91\n", (", line 2:",)),
        ("bpm = " + "9" * 5000, ("named.toml",)),
        ("a = " + "[" * 5000, ("deeply",)),
        (b"# fine\ncaption = '\xff'\n", (", line 2: not UTF-8",)),
        (b"caption = '\x00'\n", (", line 1:",)),
        (b"#" * (1 << 20) + b"##", ("larger than 1 MiB",)),
    ],
)
def test_bad_file(tmp_path: Path, content: str | bytes, words: tuple[str, ...]) -> None:
    error = fault(tmp_path / "named.toml", content)
    for word in words:
        assert word in f"{error.message} | {error.hint}"
    assert "\n" not in error.message and len(error.message) < 1000


@pytest.mark.parametrize(
    "content",
    ["", "\ufeffbpm = 90\n", "bpm = 90\r\n", "[generation]\n", "[presets]\n", "[presets.a]\n"],
)
def test_good_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(content.encode())
    read_file(path, relative_to_file=True)


def test_the_flat_form_of_the_wizard(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(
        "project_root = '.'\nconfig_path = 'acestep-v15-base'\nbackend = 'pt'\ndevice = 'cpu'\n"
        "checkpoint_dir = 'ckpt'\noffload_dit_to_cpu = false\nsave_dir = 'out'\nprompt = 'rock'\n"
        "duration = -1\nlego_track = 'bass'\ncomplete_tracks = 'drums,bass'\nseeds = [1, 2]\n"
        "timesteps = '[1.0, 0.5]'\nuse_constrained_decoding = true\nlog_level = 'INFO'\n"
        "sample_query = ''\n",
        "utf-8",
    )
    layer = read_file(path, relative_to_file=True)
    assert layer.values["model"] == "acestep-v15-base" and layer.values["caption"] == "rock"
    assert layer.values["checkpoints"] == str(tmp_path / "ckpt")
    assert layer.values["output_dir"] == str(tmp_path / "out")
    assert layer.values["track_classes"] == ("drums", "bass")
    assert layer.values["timesteps"] == (1.0, 0.5) and layer.values["duration"] is None


@pytest.mark.parametrize("name", ["missing.toml", "folder"])
def test_unreadable_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(SettingsError, match=f"cannot read the settings file .*{name}: "):
        resolve(config_file=tmp_path / name, environ={"ACESTEP_HOME": str(tmp_path)}, cwd=tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_forbidden_file(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.touch(0o000)
    with pytest.raises(SettingsError, match="Permission denied"):
        read_file(path, relative_to_file=True)


def test_a_users_file_that_is_a_broken_link_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.toml").symlink_to(tmp_path / "gone")
    with pytest.raises(SettingsError, match="cannot read"):
        resolve(environ={"ACESTEP_HOME": str(tmp_path)}, cwd=tmp_path)


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("ACESTEP_CHECKPOINTS_DIR", "ckpt", "checkpoints", "ckpt"),
        ("ACESTEP_OFFLOAD_TO_CPU", "1", "offload_to_cpu", True),
        ("ACESTEP_OFFLOAD_TO_CPU", "auto", "offload_to_cpu", None),
        ("ACESTEP_DEVICE", "cuda:0", "device", "cuda:0"),
        ("ACESTEP_CONFIG_PATH", "acestep-v15-sft", "model", "acestep-v15-sft"),
        ("ACESTEP_LM_MODEL_PATH", "acestep-5Hz-lm-1.7B", "lm_model_path", "acestep-5Hz-lm-1.7B"),
        ("ACESTEP_LM_BACKEND", "vllm", "lm_backend", "vllm"),
        ("ACESTEP_LM_QUANTIZATION", "INT8", "lm_quantization", "int8"),
        ("ACESTEP_INIT_LLM", "false", "no_lm", True),
        ("ACESTEP_INIT_LLM", "TRUE", "no_lm", False),
        ("ACESTEP_OUTPUT_DIR", "o", "output_dir", "o"),
        ("ACESTEP_API_KEY", "k", "api_key", "k"),
        ("ACESTEP_SEED", "7,8", "seed", (7, 8)),
        ("ACESTEP_KEY", "Am", "keyscale", "A minor"),
        ("ACESTEP_FORMAT", "wav", "audio_format", "wav"),
        ("ACESTEP_FORMAT", "no", "use_format", False),
        ("ACESTEP_COT_CAPTION", "off", "use_cot_caption", False),
        ("ACESTEP_CAPTION", "  two blanks ", "caption", "  two blanks "),
        ("ACESTEP_SRC_AUDIO", "a" * 5000, "src_audio", "a" * 5000),
    ],
)
def test_variables(variable: str, text: str, name: str, value: object) -> None:
    layer = read_environment({variable: text})
    assert layer.values == {name: value} and layer.where == {name: variable}


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("ACESTEP_NONSENSE", "1"), ("ACESTEP_INIT_LLM", "auto"), ("ACESTEP_BPM", ""),
        ("ACESTEP_BPM", "  "), ("ACESTEP_", "1"), ("ACESTEP_HOME", "/x"), ("BPM", "fast"),
        ("acestep_bpm", "fast"), ("ACESTEP_USE_FLASH_ATTENTION", "true"), ("ACESTEP_API_PORT", "1"),
    ],
)  # fmt: skip
def test_variables_that_say_nothing(variable: str, text: str) -> None:
    assert read_environment({variable: text}).values == {}


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"ACESTEP_BPM": "fast"}, ("ACESTEP_BPM", "'fast'")),
        ({"ACESTEP_BPM": "20"}, ("ACESTEP_BPM", "30 to 300")),
        ({"ACESTEP_INIT_LLM": "maybe"}, ("ACESTEP_INIT_LLM", "'maybe'")),
        ({"ACESTEP_LM_QUANTIZATION": "int2"}, ("ACESTEP_LM_QUANTIZATION", "'int2'", "int8")),
        ({"ACESTEP_DEVICE": "xpu"}, ("ACESTEP_DEVICE", "'xpu'")),
        ({"ACESTEP_CAPTION": "\udcff"}, ("ACESTEP_CAPTION", "UTF-8")),
        ({"ACESTEP_BPM": "20", "ACESTEP_SHIFT": "0"}, ("ACESTEP_BPM", "ACESTEP_SHIFT")),
        ({"ACESTEP_MODEL": "a", "ACESTEP_CONFIG_PATH": "b"}, ("model", "twice", "'a'", "'b'")),
        ({"ACESTEP_NO_LM": "false", "ACESTEP_INIT_LLM": "false"}, ("no_lm", "twice")),
    ],
)  # fmt: skip
def test_bad_variables(environ: dict[str, str], words: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError) as caught:
        read_environment(environ)
    for word in words:
        assert word in f"{caught.value.message} | {caught.value.hint}"


@pytest.mark.parametrize(
    ("key", "full"),
    [
        ("device", "device"), ("generation.thinking", "generation.thinking"),
        ("thinking", "generation.thinking"), ("generation.key", "generation.keyscale"),
        ("save_dir", "output_dir"), ("generation.save-dir", "output_dir"),
        ("checkpoint_dir", "checkpoints"),
    ],
)  # fmt: skip
def test_keys(key: str, full: str) -> None:
    field = find_key(key)
    assert field is not None and full_key(field) == full


@pytest.mark.parametrize("key", ["", "generation.", "generation.device", "x.bpm", "a.b.c", "bmp"])
def test_no_keys(key: str) -> None:
    assert find_key(key) is None
