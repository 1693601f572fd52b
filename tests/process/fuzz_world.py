"""Where fuzzed command lines run: sounds, texts, jobs and checkpoints to name, and a look at what a
line did to them.

Everything lies in one folder, deep enough that `..` does not lead out of it:
`FOLDER/deep/{checkpoints,inputs,home,cwd}`. The working folder and the home are new for each line.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acestep_cli.cli import ALIASES
from acestep_cli.errors import ExitCode
from tests.conftest import GOLDEN
from tests.process.fuzz_values import JOBS
from tests.process.fuzzing import Line

ENVELOPE = ["schema", "command", "ok", "exit_code", "data", "warnings", "error"]
OFFLINE = "http://127.0.0.1:9"  # the port where everything is thrown away, and nobody listens
# No process has this number.
NOBODY = 2**22 + 1
# These tell what is wrong, on stdout, and say in their status that something is.
_ANSWER_AND_FAIL = (
    ("lyrics", "check"), ("health",), ("config",), ("models", "verify"), ("jobs", "wait"),
)  # fmt: skip
_DOCUMENTED = {int(code) for code in ExitCode} - {ExitCode.INTERNAL}
_SIGNALLED = {int(ExitCode.INTERRUPTED), int(ExitCode.PIPE), int(ExitCode.TERMINATED)}
_OUTPUT = re.compile(
    r"\d{8}-\d{6}-[a-z2-7]{4}"
    r"(_\d+(_[a-z_]+)?\.(mp3|flac|wav|ogg|opus|m4a|png|latents\.safetensors)|\.json|\.log)?"
)
_LEFT = re.compile(r".*\.(part|partial|lock|tmp|incomplete)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Answer:
    """What a line came to."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """stdout as text."""
        return self.stdout.decode("utf-8", "replace")


class World:
    """The folder in which lines run, one after another."""

    def __init__(self, folder: Path) -> None:
        self.deep = folder / "deep"
        self.inputs, self.cwd = self.deep / "inputs", self.deep / "cwd"
        self.home, self.checkpoints = self.deep / "home", self.deep / "checkpoints"
        self._jobs = folder / "jobs"
        self._before: dict[str, tuple[int, int]] = {}

    def build(self, record: dict[str, Any], song: bytes) -> None:
        """Make it all; `record` is that of a job that succeeded, `song` its sound."""
        self.deep.mkdir(parents=True)
        self._lay_inputs(song)
        self._lay_jobs(record, song)

    def fresh(self, line: Line) -> None:
        """Lay out the working folder and the home that `line` finds."""
        for folder in (self.cwd, self.home):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        shutil.copytree(self._jobs, self.cwd / "acestep_output")
        shutil.copy(self.inputs / "song.wav", self.cwd / "song.wav")
        if not self.checkpoints.exists():
            shutil.copytree(GOLDEN / "checkpoints", self.checkpoints)
        if line.settings:
            shutil.copy(self.inputs / line.settings, self.home / "config.toml")
        if line.project:
            shutil.copy(self.inputs / line.project, self.cwd / "acestep.toml")
        self._before = self._everything()

    def environ(self, line: Line) -> dict[str, str]:
        """The variables of `line`, beside those of every process."""
        return {
            "ACESTEP_HOME": str(self.home),
            "ACESTEP_CHECKPOINTS_DIR": str(self.checkpoints),
            "ACESTEP_PLAYER": "true",
            "HF_HOME": str(self.deep / "hub"),
            "HF_ENDPOINT": OFFLINE,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_COLOR": "1",
            "SHELL": "/bin/bash",
            **line.environ,
        }

    def faults(self, line: Line, answer: Answer) -> list[str]:
        """What is wrong with how the program took `line`."""
        return [*_said(line, answer), *self._left(line, answer)]

    def mend(self) -> None:
        """Lay out anew what lines share, where one changed it."""
        after = self._everything()
        shared = {name for name in self._before | after if not name.startswith("cwd/")}
        if any(self._before.get(name) != after.get(name) for name in shared):
            shutil.rmtree(self.checkpoints, ignore_errors=True)

    def new_records(self) -> list[Path]:
        """The records of jobs that the line made in the folder where they are looked for."""
        made = (self.cwd / "acestep_output").glob("*.json")
        return sorted(path for path in made if str(path.relative_to(self.deep)) not in self._before)

    def _left(self, line: Line, answer: Answer) -> list[str]:
        after = self._everything()
        changed = {name for name in after if self._before.get(name) != after[name]}
        gone = self._before.keys() - after.keys()
        # Checkpoints that are fetched or removed are guarded by a lock that stays.
        locks = {name for name in after if name.startswith("checkpoints/.") and ".lock" in name}
        left = [name for name in after.keys() - locks if _LEFT.fullmatch(Path(name).name)]
        found = [f"left {name!r}" for name in left]
        strange = [name for name in changed - locks if not _is_asked_for(name, line)]
        found += [f"wrote {name!r}" for name in strange]
        if gone and "remove" not in line.arguments:
            found.append(f"removed {sorted(gone)}")
        if answer.code == ExitCode.USAGE and changed and "--strict" not in line.arguments:
            found.append(f"a usage error wrote {sorted(changed)}")
        if "--no-wait" not in line.arguments:
            for path in self.new_records():
                found += _record_faults(path, answer)
        return found

    def _everything(self) -> dict[str, tuple[int, int]]:
        """Size and date of all files but those that may be made again."""
        found = {}
        for path in self.deep.rglob("*"):
            name = str(path.relative_to(self.deep))
            if path.is_file() and not name.startswith(("hub/", "home/cache/", "home/config.toml")):
                status = path.stat()
                found[name] = (status.st_size, status.st_mtime_ns)
        return found

    def _lay_inputs(self, song: bytes) -> None:
        folder = self.inputs
        (folder / "folder").mkdir(parents=True)
        for name in ("song.wav", "mono.wav", "short.wav", "silent.wav"):
            _sound(folder / name)
        data = (folder / "song.wav").read_bytes()
        texts = {
            "song.mp3": song, "song.flac": song, "cut.wav": data[: len(data) // 3],
            "empty.wav": b"", "words.txt": b"[verse]\nhold the light\n[chorus]\nsing\n",
            "codes.txt": b"<|audio_code_1|><|audio_code_2|>\n", "zeros.txt": b"la\0la",
            "latin.txt": "M\u00fctter".encode("latin-1"), "broken.toml": b"bpm = = 3",
            "good.toml": b"[generation]\nduration = 2\n[presets.mine]\nbpm = 90\n",
            "odd.toml": b"unknown = 1\n[presets.mine]\nbpm = 9000\n", "broken.json": b"{",
            "plan.json": b'{"items": [{"caption": "slow folk", "bpm": 70, "duration": 2}]}',
        }  # fmt: skip
        for name, content in texts.items():
            (folder / name).write_bytes(content)

    def _lay_jobs(self, record: dict[str, Any], song: bytes) -> None:
        self._jobs.mkdir()
        for state, job_id in JOBS.items():
            path = f"acestep_output/{job_id}_1.mp3"
            done = state == "succeeded"
            values = {**record, "job_id": job_id, "status": state, "pid": NOBODY}
            values["audio_paths"] = [path] if done else []
            values["items"] = [{**record["items"][0], "path": path if done else None}]
            if not done:
                values["finished_at"] = None
            (self._jobs / f"{job_id}.json").write_text(json.dumps(values), "utf-8")
        (self._jobs / f"{JOBS['succeeded']}_1.mp3").write_bytes(song)
        (self._jobs / "20260106-120000-ffff.json").write_bytes(b'{"job_id": ')
        (self._jobs / "foreign.json").write_text('{"name": "package"}', "utf-8")


def _said(line: Line, answer: Answer) -> list[str]:
    found = []
    # What a job died of is nobody's to know; its exit code is that of `jobs wait`.
    is_dead = line.verb == ("jobs", "wait") and "told of no end" in answer.stderr
    codes = _DOCUMENTED - _SIGNALLED | ({ExitCode.INTERNAL} if is_dead else set())
    if answer.code not in codes:
        found.append(f"exit code {answer.code}")
    debug = "--debug" in line.arguments or "ACESTEP_DEBUG" in line.environ
    if "Traceback" in answer.stderr and not debug:
        found.append("a traceback")
    if "unexpected " in answer.stderr:
        found.append("an unexpected error")
    if _CONTROL.search(answer.stderr):
        found.append(f"control characters on stderr: {_CONTROL.findall(answer.stderr)}")
    errors = [row for row in answer.stderr.splitlines() if row.startswith("error: ")]
    if answer.code and "Usage: " not in answer.stderr and len(errors) != 1:
        found.append("not one error")
    return found + _stdout_faults(line, answer)


def _stdout_faults(line: Line, answer: Answer) -> list[str]:
    text, is_json = answer.text, line.as_json
    if answer.code == 0 and text.startswith("Usage: "):
        return []
    sound = any(word in ("-", "-o-", "--output=-") for word in line.arguments)
    if _CONTROL.search(text) and not sound:
        return [f"control characters on stdout: {_CONTROL.findall(text)}"]
    if is_json or (text.startswith('{"schema"') and "--json" in line.arguments):
        return _envelope_faults(line, answer)
    verb = tuple(ALIASES.get(word, word) for word in line.verb)
    if answer.code and text and answer.code != ExitCode.PARTIAL and verb not in _ANSWER_AND_FAIL:
        return [f"failed and answered {text[:200]!r}"]
    return []


def _envelope_faults(line: Line, answer: Answer) -> list[str]:
    try:
        values = json.loads(answer.stdout)
    except ValueError as error:
        return [f"stdout is not one object ({error}): {answer.text[:200]!r}"]
    found = []
    if list(values) != ENVELOPE or answer.stdout.count(b"\n") != 1:
        found.append(f"envelope {answer.text[:200]!r}")
    elif (values["exit_code"], values["ok"]) != (answer.code, answer.code == 0):
        found.append(f"the envelope says {values['exit_code']}")
    elif (values["error"] is None) != (answer.code == 0):
        found.append(f"the error is {values['error']}")
    return found


def _is_asked_for(name: str, line: Line) -> bool:
    """Whether a new file lies where the line says, or where jobs and skills are kept."""
    parts = Path(name).parts
    if _OUTPUT.fullmatch(parts[-1]) or parts[:3] == ("cwd", ".claude", "skills"):
        return True
    for word in (*line.arguments, *line.environ.values()):
        _, _, value = word.rpartition("=")
        named = os.path.normpath(f"cwd/{value}")
        stem = named.removesuffix(Path(named).suffix) if len(named) < 4000 else named
        if value and ("{" in value or name.startswith(stem)):
            return True
    return False


def _record_faults(path: Path, answer: Answer) -> list[str]:
    try:
        status = json.loads(path.read_text("utf-8"))["status"]
    except (ValueError, KeyError) as error:
        return [f"the record is broken: {error}"]
    right = ("succeeded",) if answer.code == 0 else ("failed", "succeeded")
    return [] if status in right else [f"exit {answer.code} and the record says {status}"]


def _sound(path: Path) -> None:
    """A second of a square wave; the name says what is special about it."""
    channels = 1 if path.stem == "mono" else 2
    frames = 300 if path.stem == "short" else 48_000
    high = 0 if path.stem == "silent" else 9000
    one = b"".join(
        (high if (frame // 60) % 2 else -high).to_bytes(2, "little", signed=True) * channels
        for frame in range(frames)
    )
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(one)
