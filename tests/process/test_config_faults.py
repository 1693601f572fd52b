"""What `acestep config` refuses, and how it tells of faults in files and environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.process.settings_home import Home


@pytest.fixture
def config(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--set", "generation.bpm", "20"), ("bpm 20", "30 to 300")),
        (("--set", "generation.batch_size", "many"), ("'many'", "batch_size")),
        (("--set", "generation.thinking", "perhaps"), ("'perhaps'", "true or false")),
        (("--set", "api_mode", "other"), ("'other'", "native, completion")),
        (("--set", "api_url", "ftp://x"), ("'ftp://x'", "http")),
        (("--set", "device", "tpu"), ("'tpu'", "cuda:N")),
        (("--set", "generation.audio_format", "mp4"), ("'mp4'", "mp3")),
        (("--set", "generation.nonsense", "1"), ("generation.nonsense", "config --list")),
        (("--set", "generation.device", "cpu"), ("outside [generation]",)),
        (("--set", "bpm", "20", "--set", "stpes", "4"), ("bpm 20", "'stpes'", "inference_steps")),
        (("--set", "bpm", "90", "--set", "generation.bpm", "91"), ("given twice",)),
        (("--set", "cfg_interval_end", "0.1", "--set", "cfg_interval_start", "0.9"), ("0.9",)),
        (("--set", "bpm"), ("--set", "2 arguments")),
        (("--unset", "stpes"), ("'stpes'", "inference_steps")),
        (("--get", "bpm", "--get", "shift"), ("--get", "one")),
        (("--get", "bpm", "--set", "bpm", "90"), ("--get and --set", "one at a time")),
        (("--list", "--reset"), ("--list and --reset",)),
        (("--reset", "--preset", "draft"), ("--preset", "--reset")),
        (("--config", "x.toml", "--set", "bpm", "90"), ("--config", "only read")),
        (("--list", "--preset", "drfat"), ("'drfat'", "draft, quality, consistent")),
        (("--list", "--config", "nowhere.toml"), ("nowhere.toml",)),
        (("set", "bpm"), ("KEY VALUE",)),
        (("gte", "bpm"), ("'gte'", "--get")),
        (("get", "bpm", "--list"), ("--list and --get",)),
    ],
)
def test_what_is_refused_changes_nothing(
    config: Home, words: tuple[str, ...], told: tuple[str, ...]
) -> None:
    config.write("# Mine.\nbpm = 100\n")
    out, talk = config(*words, status=2)
    assert out == "" and talk.startswith("error: ")
    for word in told:
        assert word in talk
    assert config.file.read_text() == "# Mine.\nbpm = 100\n"
    assert [path.name for path in config.file.parent.iterdir()] == ["config.toml"]


def test_the_same_refusal_as_json(config: Home) -> None:
    envelope = config.data("--set", "generation.bpm", "20", status=2)
    assert envelope["data"] is None and envelope["error"]["code"] == "settings"
    assert "30 to 300" in envelope["error"]["message"]
    assert config.data("--list", "--reset", status=2)["error"]["code"] == "usage"


def test_broken_files_are_told_and_kept(config: Home) -> None:
    config.write("[generation]\nbpm = = 3\n")
    for words in (("--set", "bpm", "90"), ("--unset", "bpm"), ("--reset",), ("--list",), ()):
        out, talk = config(*words, status=2)
        assert out == "" and f"{config.file}, line 2" in talk
    assert config.file.read_text() == "[generation]\nbpm = = 3\n"
    assert config("--path")[0] == f"{config.file}\n"


def test_every_fault_is_listed(config: Home, tmp_path: Path) -> None:
    out, _ = config("--check")
    assert out == "The settings are fine.\n"
    config.write("bpm = 5\nstpes = 3\n[models.x]\nrepo = 3\n[presets.p]\nshift = 99\n")
    (config.folder / "acestep.toml").write_text("a = = b\n")
    named = tmp_path / "named.toml"
    named.write_text("generation = 4\n")
    out, talk = config("--check", "--config", str(named), ACESTEP_DEVICE="tpu", status=2)
    lines = out.splitlines()
    parts = ("bpm 5", "'stpes'", "repo 3", "presets.p", "acestep.toml, line 1", "named.toml",
             "ACESTEP_DEVICE")  # fmt: skip
    for part in parts:
        assert sum(part in line for line in lines) == 1, part
    assert len(lines) == len(parts) and f"the settings have {len(parts)} faults" in talk
    envelope = config.data("--check", "--config", str(named), ACESTEP_DEVICE="tpu", status=2)
    assert len(envelope["data"]["faults"]) == len(parts) and len(envelope["data"]["files"]) == 3


def test_faults_that_only_the_whole_shows(config: Home) -> None:
    config.write("cfg_interval_start = 0.9\n")
    assert "0.1" in config("--check", ACESTEP_CFG_INTERVAL_END="0.1", status=2)[0]
    config.write('[models.acestep-v15-turbo]\nrepo = "evil/turbo"\n')
    out, _ = config("--check", status=2)
    assert "published" in out
    config.write("")
    assert "drfat" in config("--check", "--preset", "drfat", status=2)[0]
