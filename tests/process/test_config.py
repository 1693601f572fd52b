"""`acestep config` as a process: what it answers, what it writes, what it refuses."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.process.programs import ROOT, acestep, environment, run

GOLDEN = ROOT / "tests" / "golden" / "checkpoints"
WRITERS, SETS = 8, 5
# Sets keys of its own one after the other, each as the command does.
WRITER = """
import sys
from acestep_cli.cli import main
for pair in sys.argv[1:]:
    try:
        main(["config", "--set", *pair.split("=")])
    except SystemExit as left:
        if left.code:
            raise
"""


class Home:
    """A user with a folder for settings, and a folder to work in."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "work"
        self.folder.mkdir()
        self.file = root / "home" / "config.toml"
        self.environment = environment(root, ACESTEP_HOME=str(self.file.parent))

    def write(self, text: str) -> None:
        self.file.parent.mkdir(exist_ok=True)
        self.file.write_text(text, "utf-8")

    def __call__(self, *words: str, status: int = 0, **variables: str) -> tuple[str, str]:
        """stdout and stderr of `acestep config WORDS`."""
        env = {**self.environment, **variables}
        done = run(acestep("config", *words), self.folder, env=env)
        assert done.returncode == status, (words, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done.stdout, done.stderr

    def data(self, *words: str, status: int = 0, **variables: str) -> dict[str, Any]:
        """The envelope of `acestep config WORDS --json`."""
        out, _ = self(*words, "--json", status=status, **variables)
        envelope: dict[str, Any] = json.loads(out)
        assert out.count("\n") == 1 and envelope["command"] == ["config"]
        assert envelope["exit_code"] == status and envelope["ok"] is (status == 0)
        return envelope


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
    assert found["device"] == ["cpu", str(config.file)]
    assert found["generation.bpm"] == ["90", str(config.folder / "acestep.toml")]
    assert found["generation.shift"] == ["2.0", str(named)]
    assert found["generation.seed"] == ["7", "preset", "consistent"]
    assert found["generation.batch_size"] == ["2", "ACESTEP_BATCH_SIZE"]
    assert found["generation.audio_format"] == ["mp3", "default"]
    assert found["generation.duration"] == ["default"]
    assert found["models.mine.repo"] == ["me/mine", str(config.file)]
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
    assert "generation.bpm =  # default" in out.splitlines()
    assert "\x1b" not in out
    lines = [line for line in out.splitlines() if "=  #" not in line]
    table = tomllib.loads("\n".join(lines))
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
    assert config.file.read_text().strip() == ""
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


def test_words_do_what_their_options_do(config: Home) -> None:
    assert config("set", "generation.bpm", "90")[0] == "Set generation.bpm = 90\n"
    assert config("get", "bpm")[0] == "90\n"
    assert config("list")[0] == config("--list")[0]
    assert config("check-key")[0] == "api_key: empty\n"
    assert config("unset", "bpm")[0] == "Unset generation.bpm\n"
    assert config("set", "--", "generation.latent_shift", "-1")[0].endswith("-1.0\n")
    assert config("reset")[0] == "Configuration reset to defaults.\n"
    assert config("path")[0] == f"{config.file}\n"


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
    assert "note: with a base checkpoint the preset also sets" in talk


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
    assert "no effect here" in config("--set", "lm_backend", "vllm")[1]
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


def test_two_writers_lose_nothing(config: Home) -> None:
    """Eight processes set five keys each at the same time, in one file with comments."""
    config.write("# Mine.\n\n[presets.fine]\nsteps = 20\n")
    numbers = [
        "bpm=90", "shift=2.0", "lm_top_p=0.8", "lm_temperature=0.7", "lm_cfg_scale=1.5",
        "inference_steps=7", "guidance_scale=6.0", "batch_size=2", "thinking=false", "use_adg=true",
        "duration=60.0", "lm_top_k=5", "retake_variance=0.5", "latent_shift=0.5",
        "latent_rescale=0.9", "audio_cover_strength=0.5", "cfg_interval_end=0.9",
        "cfg_interval_start=0.1", "velocity_ema_factor=0.5", "dcw_scaler=0.1",
    ]  # fmt: skip
    texts = [
        "caption=a", "global_caption=b", "instruction=c", "keyscale=C major", "vocal_language=de",
        "infer_method=sde", "sampler_mode=heun", "audio_format=flac", "dcw_mode=low",
        "repaint_mode=balanced", "lm_negative_prompt=d", "dcw_wavelet=db4", "lyrics=e",
        "device=cpu", "dtype=float32", "threads=2", "api_mode=completion", "api_key=f",
        "lm_quantization=int8", "output_dir=g",
    ]  # fmt: skip
    pairs = [*numbers, *texts]
    assert len(pairs) == WRITERS * SETS
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, *pairs[first::WRITERS]],
            cwd=config.folder, env=config.environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )
        for first in range(WRITERS)
    ]  # fmt: skip
    for process in started:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert out.count("Set ") == SETS
    text = config.file.read_text()
    table = tomllib.loads(text)
    assert text.startswith("# Mine.\n\n") and table.pop("presets") == {"fine": {"steps": 20}}
    flat = {**table.pop("generation"), **table}
    assert len(flat) == len(pairs)
    for pair in pairs:
        key, value = pair.split("=")
        written = flat[key]
        assert (str(written).lower() if isinstance(written, bool) else str(written)) == value
    assert [path.name for path in config.file.parent.iterdir()] == ["config.toml"]


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX")
def test_killed_writers_leave_a_whole_file_and_no_lock(config: Home) -> None:
    config.write("# Mine.\nbpm = 90\n")
    pairs = [f"bpm={90 + number % 100}" for number in range(400)]
    chance = random.Random(7)
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, *pairs],
            cwd=config.folder, env=config.environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        text = config.file.read_text()
        assert text.startswith("# Mine.\nbpm = ") and 90 <= tomllib.loads(text)["bpm"] < 190
    config("--set", "shift", "2")
    assert tomllib.loads(config.file.read_text())["generation"] == {"shift": 2.0}
