"""`acestep schema`, and real runs held to what it prints."""

from __future__ import annotations

import json
import random
import wave
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from acestep_cli.commands.schema import schemas
from tests.process.programs import acestep, run

NAMES = ("record", "result", "events")
RESULT, RECORD = (Draft202012Validator(schemas()[name]) for name in ("result", "record"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one run follows the other."""
    return tmp_path_factory.mktemp("runs")


def result_of(arguments: list[str], folder: Path) -> dict[str, Any]:
    """The object that a command writes, which fits the schema, and so does its record."""
    done = run(acestep(*arguments, "--json"), folder)
    values: dict[str, Any] = json.loads(done.stdout)
    RESULT.validate(values)
    assert values["exit_code"] == done.returncode
    return values


def write_noise(path: Path) -> None:
    """A second of noise."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(random.Random(1).randbytes(96_000))


@pytest.mark.parametrize("name", NAMES)
def test_one_schema(name: str, tmp_path: Path) -> None:
    done = run(acestep("schema", name), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == json.loads(json.dumps(schemas()[name]))


def test_all_schemas(tmp_path: Path) -> None:
    printed = json.loads(run(acestep("schema"), tmp_path).stdout)
    assert list(printed) == list(NAMES)
    assert result_of(["schema"], tmp_path)["data"] == printed


def test_an_unknown_schema(tmp_path: Path) -> None:
    values = result_of(["schema", "plan"], tmp_path)
    assert (values["exit_code"], values["error"]["hint"]) == (2, "choose record, result, events")


def test_songs_and_an_edit(folder: Path, checkpoints: Path) -> None:
    here = ["--checkpoints", str(checkpoints)]
    words = ["--lyrics", "[verse]\nla la", "--key", "Am", "--time-sig", "3/4", "--duration", "10"]
    made = result_of(["generate", "x", "--no-lm", "--seed", "4", *words, *here], folder)
    RECORD.validate(made["data"])
    write_noise(folder / "noise.wav")
    edited = result_of(["cover", "noise.wav", "y", "--steps", "2", *here], folder)
    RECORD.validate(edited["data"])
    assert list(edited["data"]["sources"]) == ["src_audio"]


def test_a_plan(folder: Path, checkpoints: Path) -> None:
    planned = result_of(
        ["generate", "-d", "x", "--no-thinking", "--plan-only", "--checkpoints", str(checkpoints)],
        folder,
    )
    RECORD.validate(planned["data"])
    assert planned["data"]["items"][0]["lm_metadata"]


def test_failures(folder: Path, checkpoints: Path) -> None:
    assert result_of(["generate", "x", "--bpm", "9"], folder)["exit_code"] == 2
    assert result_of(["nonsense"], folder)["command"] == []
    assert result_of(["cover", "none.mp3", "y"], folder)["error"]["code"]
    strict = ["generate", "x", "--no-lm", "--duration", "5", "--strict"]
    failed = result_of([*strict, "--checkpoints", str(checkpoints)], folder)
    assert (failed["ok"], failed["exit_code"], failed["data"]) == (False, 2, None)
