"""Layers: which source wins, what the origins say, and that flags, files and variables agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acestep_cli import config
from acestep_cli.errors import InputError, SettingsError, UsageError
from acestep_cli.request import FIELDS, SongRequest
from tests.unit.config.conftest import Place


def test_nothing_given(place: Place) -> None:
    resolved = place.resolve()
    assert resolved.request == SongRequest()
    assert resolved.settings == config.Settings()
    assert set(resolved.origins) == {field.name for field in (*FIELDS, *config.SETTINGS)}
    assert set(resolved.origins.values()) == {"default"}
    assert (resolved.ignored, resolved.warnings, dict(resolved.where)) == ((), (), {})
    assert not resolved.given("bpm")


def test_each_layer_wins_over_those_before_it(place: Place) -> None:
    preset = "\n[presets.mine]\nbpm = 104\n"
    steps: list[tuple[str, dict[str, Any], int, str, str]] = []
    place.user("[generation]\nbpm = 101\n" + preset)
    steps.append(("file", {}, 101, "file", str(place.home / "config.toml")))
    options: dict[str, Any] = {}
    for grow, value, origin, where in (
        (lambda: place.here("bpm = 102\n"), 102, "file", str(place.project / "acestep.toml")),
        (lambda: options.update(named="generation.bpm = 103"), 103, "file", str(place.named)),
        (lambda: options.update(preset="mine"), 104, "preset", "preset mine in"),
        (lambda: options.update(environ={"ACESTEP_BPM": "105"}), 105, "env", "ACESTEP_BPM"),
        (lambda: options.update(plan={"bpm": 106}), 106, "plan", "plan"),
        (lambda: options.update(flags={"bpm": "107"}), 107, "flag", "flag"),
    ):
        grow()
        resolved = place.resolve(**options)
        assert resolved.request.bpm == value
        assert resolved.origins["bpm"] == origin and resolved.given("bpm")
        assert resolved.where["bpm"].startswith(where)


def test_layers_are_merged_key_by_key(place: Place) -> None:
    place.user("[generation]\nbpm = 101\nthinking = false\n")
    place.here("[generation]\nbpm = 102\nshift = 2.0\n")
    resolved = place.resolve({"shift": None, "caption": "rain"})
    request = resolved.request
    assert (request.bpm, request.thinking, request.shift) == (102, False, 2.0)
    assert resolved.origins["thinking"] == "file" and resolved.origins["caption"] == "flag"
    assert resolved.origins["lyrics"] == "default"


def test_the_nearest_project_file_counts(place: Place) -> None:
    place.here("bpm = 100\nshift = 2.0\n")
    (place.inside / "acestep.toml").write_text("bpm = 90\n", "utf-8")
    request = place.resolve().request
    assert (request.bpm, request.shift) == (90, None)


def test_flags_may_take_a_value_back(place: Place) -> None:
    place.user("[generation]\nduration = 120\nseed = 7\nkeyscale = 'Am'\nthinking = true\n")
    resolved = place.resolve({"duration": "-1", "seed": "-1", "key": "", "thinking": "auto"})
    request = resolved.request
    assert (request.duration, request.seed, request.keyscale, request.thinking) == (
        None,
        (),
        "",
        None,
    )
    assert resolved.origins["duration"] == "flag"


def test_what_follows_has_the_origin_of_its_cause(place: Place) -> None:
    place.user("[generation]\nseeds = [1, 2]\n")
    resolved = place.resolve({"src_audio": "song.wav"}, environ={"ACESTEP_LYRICS": "[inst]"})
    assert resolved.request.batch_size == 2 and resolved.origins["batch_size"] == "file"
    assert resolved.request.task_type == "cover" and resolved.origins["task_type"] == "flag"
    assert resolved.request.instrumental and resolved.origins["instrumental"] == "env"
    assert resolved.where["instrumental"] == "ACESTEP_LYRICS"


def test_new_lyrics_replace_instrumental_ones(place: Place) -> None:
    place.user("[generation]\nlyrics = '[Instrumental]'\n")
    request = place.resolve({"lyrics": "la la"}).request
    assert (request.lyrics, request.instrumental) == ("la la", False)


@pytest.mark.parametrize(
    ("flags", "environ", "wish", "origin"),
    [
        ({}, {}, "optional", "default"),
        ({"no_lm": True}, {}, "off", "flag"),
        ({"thinking": False}, {}, "optional", "default"),
        ({"thinking": True}, {}, "required", "default"),
        ({"use_format": True}, {}, "required", "default"),
        ({"lm": "acestep-5Hz-lm-4B"}, {}, "required", "default"),
        ({}, {"ACESTEP_LM_MODEL_PATH": "acestep-5Hz-lm-4B"}, "required", "default"),
        ({}, {"ACESTEP_INIT_LLM": "auto"}, "optional", "default"),
        ({}, {"ACESTEP_INIT_LLM": " Auto "}, "optional", "default"),
        ({}, {"ACESTEP_INIT_LLM": ""}, "optional", "default"),
        ({}, {"ACESTEP_INIT_LLM": "true"}, "required", "env"),
        ({}, {"ACESTEP_INIT_LLM": "Yes"}, "required", "env"),
        ({"thinking": False}, {"ACESTEP_INIT_LLM": "1"}, "required", "env"),
        ({"no_lm": True}, {"ACESTEP_INIT_LLM": "true"}, "off", "flag"),
        ({}, {"ACESTEP_NO_LM": "false"}, "optional", "env"),
        ({}, {"ACESTEP_INIT_LLM": "false"}, "off", "env"),
        ({}, {"ACESTEP_INIT_LLM": "OFF"}, "off", "env"),
        ({}, {"ACESTEP_INIT_LLM": "0", "ACESTEP_LM_MODEL_PATH": "x"}, "off", "env"),
        ({"no_lm": False}, {"ACESTEP_INIT_LLM": "false"}, "optional", "flag"),
        ({"lm": "x"}, {"ACESTEP_INIT_LLM": "false"}, "required", "flag"),
        ({"thinking": True}, {"ACESTEP_INIT_LLM": "false"}, "required", "flag"),
        ({"thinking": False}, {"ACESTEP_INIT_LLM": "false"}, "off", "env"),
        ({"lm": ""}, {"ACESTEP_INIT_LLM": "false"}, "off", "env"),
        ({"no_lm": True, "lm": "x"}, {}, "off", "flag"),
    ],
)
def test_whether_the_planner_is_wanted(
    place: Place, flags: dict[str, Any], environ: dict[str, str], wish: str, origin: str
) -> None:
    resolved = place.resolve(flags, environ=environ)
    assert (resolved.planner_wish, resolved.origins["no_lm"]) == (wish, origin)
    assert resolved.request.no_lm == (wish == "off")


def test_later_sources_may_ask_for_the_planner_again(place: Place) -> None:
    place.user("[generation]\nno_lm = true\n[presets.think]\nthinking = true\n")
    assert place.resolve(environ={"ACESTEP_BPM": "90"}).planner_wish == "off"
    resolved = place.resolve(preset="think")
    assert (resolved.planner_wish, resolved.origins["no_lm"]) == ("optional", "preset")
    assert resolved.where["no_lm"].startswith("preset think in ")
    place.here("[generation]\nlm_model_path = 'x'\n")
    resolved = place.resolve()
    assert resolved.planner_wish == "required"
    assert resolved.where["no_lm"] == str(place.project / "acestep.toml")
    assert place.resolve(environ={"ACESTEP_INIT_LLM": "no"}).planner_wish == "off"


def test_the_typed_planner_wins(place: Place) -> None:
    place.user("[generation]\nlm = 'from-file'\n")
    named = {"ACESTEP_LM_MODEL_PATH": "from-env", "ACESTEP_INIT_LLM": "true"}
    assert place.resolve().request.lm_model_path == "from-file"
    assert place.resolve(environ=named).request.lm_model_path == "from-env"
    resolved = place.resolve({"lm_model_path": "typed"}, environ=named)
    assert resolved.request.lm_model_path == "typed"
    assert resolved.origins["lm_model_path"] == "flag"


def test_ignored_and_warnings(place: Place) -> None:
    place.user("use_flash_attention = true\n[generation]\nlm_backend = 'vllm'\n")
    resolved = place.resolve({"duration": 5}, environ={"ACESTEP_COT_BPM": "90"})
    assert set(resolved.ignored) == {"use_flash_attention", "lm_backend", "cot_bpm"}
    assert [code for code, _ in resolved.warnings] == ["short_duration"]


def test_settings_and_their_types(place: Place) -> None:
    place.user('api_key = "secret"\napi_mode = "completion"\nthreads = 3\n')
    resolved = place.resolve(
        {"device": "CUDA:1", "dtype": "bf16", "checkpoints": "~/models", "offload": True}
    )
    settings = resolved.settings
    assert (settings.device, settings.dtype, settings.threads) == ("cuda:1", "bfloat16", 3)
    assert settings.checkpoints == Path.home() / "models" and settings.offload_to_cpu is True
    assert (settings.api_key, settings.api_mode) == ("secret", "completion")
    assert resolved.origins["device"] == "flag" and resolved.origins["threads"] == "file"


@pytest.mark.parametrize("key", ["output_dir", "save_dir", "generation.save_dir", "output-dir"])
def test_the_output_folder_has_two_names(place: Place, key: str) -> None:
    resolved = place.resolve({key: "songs"})
    assert resolved.settings.output_dir == Path("songs")
    assert resolved.request.save_dir == "songs"
    assert resolved.origins["output_dir"] == resolved.origins["save_dir"] == "flag"
    assert place.resolve().request.save_dir is None


def test_relative_folders_belong_to_the_project_file(place: Place) -> None:
    (place.project / "voice.wav").touch()
    text = (
        'output_dir = "songs"\nreference_audio = "voice.wav"\nsrc_audio = "20240101-120000-abcd"\n'
    )
    place.here(text)
    resolved = place.resolve()
    assert resolved.settings.output_dir == place.project / "songs"
    assert resolved.request.reference_audio == str(place.project / "voice.wav")
    assert resolved.request.src_audio == "20240101-120000-abcd"
    place.here("")
    place.user(text)
    resolved = place.resolve()
    assert resolved.settings.output_dir == Path("songs")
    assert resolved.request.reference_audio == "voice.wav"


@pytest.mark.parametrize(
    ("flags", "kind", "words"),
    [
        ({"bmp": 1}, UsageError, ("'bmp'", "generation.bpm")),
        ({"devise": "cpu"}, UsageError, ("'devise'", "device")),
        ({"device": "tpu"}, UsageError, ("'tpu'", "cuda:N")),
        ({"dtype": "int4"}, UsageError, ("'int4'", "bfloat16")),
        ({"threads": 0}, UsageError, ("threads 0", "1 to 1024")),
        ({"threads": "many"}, UsageError, ("'many'",)),
        ({"api_url": "ftp://x"}, UsageError, ("ftp://x", "http://127.0.0.1:8001")),
        ({"bpm": 20}, UsageError, ("bpm 20", "30 to 300")),
        ({"bpm": 20, "shift": 0}, UsageError, ("bpm 20", "shift 0")),
        ({"codes": "1 x"}, InputError, ("'x'",)),
        ({"cfg_interval_start": 0.9, "cfg_interval_end": 0.1}, UsageError, ("0.9", "0.1")),
        ({"checkpoints": "a\0b"}, UsageError, ("checkpoints", "NUL")),
        ({"output_dir": "~nobody-of-that-name/x"}, UsageError, ("home folder",)),
    ],
)
def test_bad_flags(place: Place, flags: dict[str, Any], kind: type, words: tuple[str, ...]) -> None:
    with pytest.raises(kind) as caught:
        place.resolve(flags)
    for word in words:
        assert word in f"{caught.value} | {caught.value.hint}"


def test_a_folder_that_is_gone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.inside)
    place.inside.rmdir()
    with pytest.raises(SettingsError, match="current folder"):
        config.resolve(environ={"ACESTEP_HOME": str(place.home)})


def test_the_users_folder_without_acestep_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    for folder, name in (
        (config.user_config_file({}), "config.toml"),
        (config.user_data_folder({}), "acestep"),
        (config.user_cache_folder({}), "acestep"),
    ):
        assert folder.is_relative_to(tmp_path) and folder.name == name
        assert "acestep" in folder.parts


def test_settings_that_repeat_a_default_do_not_demand_a_planner(place: Place) -> None:
    place.user("[generation]\nthinking = true\nuse_format = true\n")
    assert place.resolve().planner_wish == "optional"


def test_without_files_only_the_named_one_is_read(place: Place) -> None:
    place.user("[generation]\nbpm = 90\n")
    place.here("shift = 2.0\n")
    resolved = place.resolve(use_files=False, environ={"ACESTEP_STEPS": "4"})
    assert set(resolved.where) == {"inference_steps"}
    named = place.resolve(use_files=False, named="bpm = 91\n")
    assert named.request.bpm == 91 and set(named.where) == {"bpm"}
    place.user("x = = 1")
    assert place.resolve(use_files=False).request.bpm is None


def test_all_keys_are_whole_and_mean_something() -> None:
    keys = config.all_keys()
    assert len(set(keys)) == len(keys) and "generation.bpm" in keys and "device" in keys
    for key in keys:
        field = config.find_key(key)
        assert field is not None and config.full_key(field) == key and not field.ignored
