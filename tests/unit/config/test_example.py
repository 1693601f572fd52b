"""`config.example.toml` is what the table says, and every line of it works."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from acestep_cli.config import SETTINGS, resolve
from acestep_cli.config.example import example_toml, main
from acestep_cli.request import FIELDS

FILE = Path(__file__).parents[3] / "config.example.toml"


def test_the_file_is_current() -> None:
    command = "python -m acestep_cli.config.example config.example.toml"
    assert FILE.read_text("utf-8") == example_toml(), f"run: {command}"


def test_it_changes_nothing_as_it_stands(tmp_path: Path) -> None:
    nothing = resolve(environ={"ACESTEP_HOME": str(tmp_path)}, cwd=tmp_path)
    assert (
        resolve(config_file=FILE, environ={"ACESTEP_HOME": str(tmp_path)}, cwd=tmp_path) == nothing
    )


def test_every_key_is_there_and_every_value_valid(tmp_path: Path) -> None:
    text = re.sub(r"^#(?! )", "", example_toml(), flags=re.MULTILINE)
    table = tomllib.loads(text)
    text = re.sub(r"^repainting_(start|end)", "# \\g<0>", text, flags=re.MULTILINE)
    shown = {field.name for field in SETTINGS if not field.hidden}
    assert set(table) == {*shown, "generation", "presets", "models"}
    parameters = {field.name for field in FIELDS if not field.hidden} - {"save_dir"}
    assert set(table["generation"]) == parameters
    path = tmp_path / "all.toml"
    path.write_text(text, "utf-8")
    resolved = resolve(config_file=path, environ={"ACESTEP_HOME": str(tmp_path)}, cwd=tmp_path)
    assert resolved.request.timesignature == "4" and resolved.settings.threads == 8
    assert [model.name for model in resolved.settings.models] == ["my-style"]
    # A region is said in one of two ways.
    parameters -= {"repainting_start", "repainting_end"}
    assert {resolved.origins[name] for name in parameters} == {"file"}


def test_the_command_writes_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(tmp_path / "x.toml")])
    assert (tmp_path / "x.toml").read_text("utf-8") == example_toml()
    main([])
    assert capsys.readouterr().out == example_toml()


def test_the_rooms_import_nothing_heavy() -> None:
    program = (
        "import sys, time; import dataclasses, typing, re, enum, pathlib, click;"
        "start = time.process_time();"
        "import acestep_cli.request, acestep_cli.config, acestep_cli.lyrics;"
        "print(time.process_time() - start);"
        "print(*sorted(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    seconds, modules = run.stdout.splitlines()
    loaded = {name.split(".")[0] for name in modules.split()}
    heavy = "torch numpy transformers rich soundfile av tomllib tomli_w platformdirs difflib"
    assert not loaded & set(heavy.split())
    # Without bytecode files twice the usual 13 ms; a busy machine doubles it again.
    assert float(seconds) < 0.1
