"""The command lines of the users' skill document, and what each of them leaves.

They run unchanged, each in a folder of its own that holds `song.wav`. JOB stands for the id of a
job that was made there before.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acestep_cli.audio import read_audio


@dataclass(frozen=True)
class Ran:
    """A line that ran in `folder` with the home `home`: its exit code and its two streams."""

    folder: Path
    home: Path
    code: int
    stdout: str
    stderr: str

    @property
    def record(self) -> dict[str, Any]:
        """The newest record."""
        newest = max((self.folder / "acestep_output").glob("*.json"))
        values: dict[str, Any] = json.loads(newest.read_text("utf-8"))
        return values

    @property
    def settings(self) -> dict[str, Any]:
        """What the user's settings file holds."""
        path = self.home / "config.toml"
        return tomllib.loads(path.read_text("utf-8")) if path.exists() else {}


Check = Callable[[Ran], None]


@dataclass(frozen=True)
class Documented:
    """A command line, what to make sure of afterwards, and the lines that run before it."""

    line: str
    check: Check
    before: tuple[str, ...] = field(default=())
    code: int = 0


def song(seconds: float = 2, songs: int = 1, ending: str = "mp3", **request: Any) -> Check:
    """The line made `songs` of `seconds`, and its record tells of this `request`."""

    def check(ran: Ran) -> None:
        record = ran.record
        assert record["status"] == "succeeded", record
        _holds(record["request"], request)
        paths = [f"acestep_output/{record['job_id']}_{n}.{ending}" for n in range(1, songs + 1)]
        assert record["audio_paths"] == ran.stdout.splitlines() == paths, (paths, ran)
        for path in paths:
            audio = read_audio(ran.folder / path)
            assert abs(audio.samples.shape[1] / audio.sample_rate - seconds) < 0.1

    return check


def planned(*, codes: bool, **request: Any) -> Check:
    """As `song`; the planner composed audio codes, or it did not, but chose a tempo."""

    def check(ran: Ran) -> None:
        song(**request)(ran)
        for item in ran.record["items"]:
            assert bool(item["audio_codes"]) == codes, item
            assert item["metas"]["caption"], item
            assert item["metas"]["bpm"], item

    return check


def started(**request: Any) -> Check:
    """The line printed the id of a job, and `jobs wait` saw it end well."""

    def check(ran: Ran) -> None:
        record = ran.record
        assert ran.stdout.splitlines()[0] == record["job_id"], ran.stdout
        assert record["status"] == "succeeded", record
        assert (ran.folder / record["audio_paths"][0]).stat().st_size > 1000
        _holds(record["request"], request)

    return check


def stored(key: str, value: object) -> Check:
    """The user's settings hold `value` under the dotted `key`, or nothing where it is None."""

    def check(ran: Ran) -> None:
        found: Any = ran.settings
        for part in key.split("."):
            found = found.get(part, {}) if isinstance(found, dict) else {}
        assert (found or None if value is None else found) == value, ran.settings

    return check


def said(*words: str, exactly: str | None = None) -> Check:
    """stdout holds `words`, or is `exactly` this line."""

    def check(ran: Ran) -> None:
        if exactly is not None:
            assert ran.stdout == f"{exactly}\n", ran.stdout
        missing = [word for word in words if word not in ran.stdout]
        assert not missing, ran.stdout

    return check


def refused(*words: str) -> Check:
    """stdout is empty and stderr holds `words`."""

    def check(ran: Ran) -> None:
        assert ran.stdout == "", ran.stdout
        assert all(word in ran.stderr for word in words), ran.stderr

    return check


def warned(code: str) -> Check:
    """The record holds a warning `code`."""

    def check(ran: Ran) -> None:
        told = [warning["code"] for warning in ran.record["warnings"]]
        assert code in told, told

    return check


def both(*checks: Check) -> Check:
    """All of `checks`."""

    def check(ran: Ran) -> None:
        for one in checks:
            one(ran)

    return check


def _holds(found: dict[str, Any], expected: dict[str, Any]) -> None:
    told = {name: found[name] for name in expected}
    assert told == expected, told


_COVERED: dict[str, Any] = {"ending": "wav", "task_type": "cover", "src_audio": "song.wav"}
_POP = 'acestep generate "Pop music with guitar"'
_QUICK = 'acestep generate "x" --no-lm'

MADE = (
    Documented(_POP, planned(codes=True, caption="Pop music with guitar")),
    Documented(
        'acestep generate -c "Lyrical pop" -l "[Verse] Lyrics content"',
        planned(codes=True, caption="Lyrical pop", lyrics="[Verse] Lyrics content"),
    ),
    Documented(
        'acestep generate -d "A cheerful song about spring"',
        planned(codes=True, description="A cheerful song about spring"),
    ),
    Documented(
        'acestep generate "EDM" --no-thinking', planned(codes=False, caption="EDM", thinking=False)
    ),
    Documented(
        'acestep generate "Classical piano" --no-format',
        planned(codes=True, caption="Classical piano", use_format=False),
    ),
    Documented(
        'acestep generate "Jazz" --steps 16 --guidance 8.0',
        # The default checkpoint runs without guidance, and says so.
        both(song(caption="Jazz", inference_steps=16), warned("unused_parameter")),
    ),
    Documented(
        'acestep generate --caption "Folk" --lyrics "[verse] la la" --use-format --language en'
        ' --seed 7 --bpm 120 --key "C major" --time-signature 4 --batch 2',
        song(songs=2, use_format=True, vocal_language="en", seed=[7], bpm=120,
             keyscale="C major", timesignature="4", batch_size=2),
    ),
    Documented(
        'acestep generate --description "rain" --thinking --vocal-language fr --duration 3',
        planned(codes=True, seconds=3, thinking=True, vocal_language="fr", duration=3.0),
    ),
    Documented(
        'acestep generate "Folk" -t -m acestep-v15-turbo --key-scale Am --time-sig 3/4',
        planned(codes=True, thinking=True, model="acestep-v15-turbo", keyscale="A minor",
                timesignature="3"),
    ),
    Documented(
        'acestep generate "Folk" --model acestep-v15-base --guidance 7 --no-wait',
        started(model="acestep-v15-base", guidance_scale=7.0),
    ),
    Documented(
        'acestep generate "Orchestral" --src-audio song.wav --task-type cover --cover-strength 0.7',
        song(**_COVERED, audio_cover_strength=0.7),
    ),
    Documented('acestep generate "Orchestral" --src-audio song.wav', song(**_COVERED)),
    Documented(
        'acestep generate "Piano" --src-audio song.wav --task-type repaint --repaint-start 0.5'
        " --repaint-end 1.5",
        song(ending="wav", task_type="repaint", repainting_start=0.5, repainting_end=1.5),
    ),
    Documented('acestep cover song.wav "Jazz trio"', song(**_COVERED, caption="Jazz trio")),
    Documented('acestep cover --src-audio song.wav "Jazz trio"', song(**_COVERED)),
    Documented("acestep random", planned(codes=True)),
    Documented("acestep random --thinking", planned(codes=True, thinking=True)),
    Documented("acestep random --no-thinking", planned(codes=False, thinking=False)),
    Documented("acestep random -t --no-wait", started(thinking=True)),
)  # fmt: skip
ASKED = (
    Documented("acestep status JOB", said("succeeded", "_1.mp3"), (_QUICK,)),
    Documented("acestep status", refused("error: ", "job"), code=2),
    Documented("acestep models", said("acestep-v15-turbo", "acestep-5Hz-lm-0.6B", "vae")),
    Documented("acestep health", said("Status: OK")),
    Documented("acestep help", said("Usage: acestep", "generate", "random")),
    Documented("acestep --help", said("Usage: acestep", "generate", "random")),
    Documented("acestep -h", said("Usage: acestep", "generate", "random")),
    Documented("acestep", refused("Usage: acestep"), code=2),
    Documented("acestep nonsense", refused("nonsense"), code=2),
    Documented("acestep generate", refused("error: "), code=2),
    Documented("acestep config", said("generation.thinking", "api_url", "http://127.0.0.1:8001")),
    Documented("acestep config --list", said("generation.audio_format = ", "api_mode = ")),
)
_KEYS: dict[str, tuple[str, str, object]] = {
    "api_url": ("http://127.0.0.1:8001", "http://127.0.0.1:8002", "http://127.0.0.1:8002"),
    "generation.thinking": ("true", "false", False),
    "generation.use_format": ("true", "false", False),
    "generation.use_cot_caption": ("true", "false", False),
    "generation.use_cot_language": ("true", "false", False),
    "generation.batch_size": ("1", "2", 2),
    "generation.audio_format": ("mp3", "wav", "wav"),
    "generation.vocal_language": ("unknown", "ja", "ja"),
    "api_mode": ("native", "completion", "completion"),
}
SET = (
    Documented(
        "acestep config --set generation.thinking false",
        both(stored("generation.thinking", False), stored("generation.duration", 2)),
    ),
    Documented(
        "acestep config --get generation.thinking",
        said(exactly="false"),
        ("acestep config --set generation.thinking false",),
    ),
    Documented(
        'acestep generate "Pop"',
        planned(codes=False, thinking=False),
        ("acestep config --set generation.thinking false",),
    ),
    Documented(
        "acestep config --set api_url http://127.0.0.1:8001",
        stored("api_url", "http://127.0.0.1:8001"),
    ),
    Documented("acestep config --set api_key secret", stored("api_key", "secret")),
    Documented("acestep config --check-key", said(exactly="api_key: empty")),
    Documented(
        "acestep config --check-key",
        said(exactly="api_key: configured"),
        ("acestep config --set api_key secret",),
    ),
    Documented(
        "acestep config --reset",
        both(stored("generation", None), stored("api_url", None)),
        ("acestep config --set api_url http://127.0.0.1:8002",),
    ),
    Documented("acestep config --get generation.thinkin", refused("generation.thinking"), code=2),
    *(
        Documented(f"acestep config --set {key} {text}", stored(key, value))
        for key, (_, text, value) in _KEYS.items()
    ),
    *(
        Documented(f"acestep config --get {key}", said(exactly=default))
        for key, (default, _, _) in _KEYS.items()
    ),
)
