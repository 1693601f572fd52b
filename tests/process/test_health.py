"""`acestep health` as a process: its lines, its exit code, its JSON, and what it leaves alone."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.process.programs import acestep, environment, run

CHECK_KEYS = {"name", "status", "detail", "hint", "code", "facts"}


# What is asked for and is not there.
ABSENT = {"ACESTEP_MODEL": "acestep-v15-turbo"}


def machine(folder: Path, **more: str) -> dict[str, str]:
    """A machine whose user has no checkpoints anywhere."""
    return environment(folder, ACESTEP_HOME=str(folder / "home"), OMP_NUM_THREADS="1", **more)


def test_on_a_whole_machine_every_stage_is_tried(tmp_path: Path, checkpoints: Path) -> None:
    told = run(
        acestep("health", "--checkpoints", str(checkpoints), "--device", "cpu"),
        tmp_path,
        env=machine(tmp_path, TMPDIR=str(tmp_path)),
    )
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert lines[-1] == "Status: OK"
    tried = [" ".join(line.split("(")[0].split()) for line in lines]
    assert "ok cpu float32 every stage works" in tried
    assert "ok cpu bfloat16 every stage works" in tried
    assert {line.split()[0] for line in lines[:-1] if line[0] != " "} <= {"ok", "warn"}
    assert told.stderr.splitlines()[0].startswith("acestep ")
    assert "trying cpu in bfloat16" in told.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_checkpoints_it_is_exit_3_with_a_remedy(tmp_path: Path) -> None:
    told = run(acestep("health", "--brief"), tmp_path, env=machine(tmp_path, **ABSENT))
    assert told.returncode == 3
    assert told.stdout.splitlines()[-1] == "Status: FAILED"
    failed = [line for line in told.stdout.splitlines() if line.startswith("fail")]
    assert len(failed) == 1 and failed[0].split()[1] == "checkpoints"
    assert "error: the model acestep-v15-turbo is not installed" in told.stderr
    assert "hint: fetch it: acestep models pull recommended" in told.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["health", "doctor"])
def test_json_is_one_object_with_every_check(tmp_path: Path, checkpoints: Path, name: str) -> None:
    command = acestep(name, "--brief", "--json", "--quiet", "--checkpoints", str(checkpoints))
    told = run(command, tmp_path, env=machine(tmp_path))
    assert (told.returncode, told.stderr) == (0, "")
    answer = json.loads(told.stdout)
    assert (answer["ok"], answer["error"], answer["data"]["status"]) == (True, None, "ok")
    checks = answer["data"]["checks"]
    assert all(set(check) == CHECK_KEYS for check in checks)
    facts = {check["name"]: check["facts"] for check in checks}
    assert facts["libraries"]["versions"]["torch"]
    assert facts["checkpoints"]["model"] == "acestep-v15-turbo"
    assert facts["device"]["device"] == facts["memory"]["device"]


@pytest.mark.parametrize(
    ("options", "settings", "code", "word"),
    [
        (["--brief"], "bmp = 3", 2, "settings"),
        (["--brief"], "[generation]\nbpm = 3", 2, "settings"),
        (["--brief", "--threads", "0"], "", 2, "usage"),
        (["--brief", "--checkpoints", "nowhere"], "", 3, "checkpoint_missing"),
        (["--brief", "--device", "cuda:77"], "checkpoints = 'all'", 4, "device"),
        (["--brief", "--output-dir", "taken"], "checkpoints = 'all'", 6, "cannot_write"),
        # The first failure decides.
        (["--brief", "--device", "cuda:77"], "model = 'acestep-v15-sft'", 3, "checkpoint_missing"),
    ],
)
def test_the_exit_code_is_that_of_the_first_failure(
    tmp_path: Path, checkpoints: Path, options: list[str], settings: str, code: int, word: str
) -> None:
    (tmp_path / "acestep.toml").write_text(settings, encoding="utf-8")
    (tmp_path / "taken").write_bytes(b"")
    (tmp_path / "all").symlink_to(checkpoints)
    told = run(acestep("health", *options, "--json"), tmp_path, env=machine(tmp_path))
    answer = json.loads(told.stdout)
    assert (told.returncode, answer["exit_code"], answer["error"]["code"]) == (code, code, word)
    assert "Traceback" not in told.stderr
    names = {check["name"] for check in answer["data"]["checks"]}
    assert {"python", "libraries", "output folder", "player"} <= names


def test_brief_loads_nothing_heavy_and_torch_waits_for_the_first_line(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from acestep_cli.cli import main\n"
        "try:\n    main(['health', '--brief'])\n"
        "finally:\n"
        "    heavy = {'torch', 'numpy', 'transformers', 'matplotlib'} & sys.modules.keys()\n"
        "    print('loaded:', *heavy, file=sys.stderr)\n"
    )
    told = run([sys.executable, "-c", program], tmp_path, env=machine(tmp_path, **ABSENT))
    assert told.returncode == 3
    assert told.stderr.splitlines()[-1] == "loaded:"
    program = (
        "import sys\n"
        "from acestep_cli.term import streams\n"
        "def told(text):\n"
        "    sys.exit(50 + ('torch' in sys.modules))\n"
        "streams.write_talk = told\n"
        "from acestep_cli.cli import main\n"
        "main(['health'])\n"
    )
    assert run([sys.executable, "-c", program], tmp_path, env=machine(tmp_path)).returncode == 50


def on_terminal(folder: Path, **variables: str) -> str:
    """What a brief look shows on a terminal of 60 columns."""
    ours, theirs = pty.openpty()
    command = acestep("health", "--brief", "--quiet")
    with subprocess.Popen(
        command,
        cwd=folder,
        env=machine(folder, **{"COLUMNS": "60", **ABSENT, **variables}),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:
            pass  # Linux reports the closed other end of a terminal as an error
    os.close(ours)
    assert process.returncode == 3
    return shown.decode().replace("\r\n", "\n")


def test_a_terminal_gets_lines_that_fit_and_colour_that_says_no_more(tmp_path: Path) -> None:
    shown = on_terminal(tmp_path, NO_COLOR="1")
    assert max(map(len, shown.splitlines())) <= 60
    assert "\x1b" not in shown
    margin = shown.splitlines()[0].index("3.")
    assert any(line.startswith(" " * margin + "hint: ") for line in shown.splitlines())
    coloured = on_terminal(tmp_path)
    assert "\x1b[31mfail\x1b[0m" in coloured
    plain = coloured.replace("\x1b[31m", "").replace("\x1b[33m", "").replace("\x1b[0m", "")
    assert _beginnings(plain) == _beginnings(shown)


def _beginnings(shown: str) -> list[list[str]]:
    """Status and name of every check: what is free changes from one moment to the next."""
    return [line.split()[:2] for line in shown.splitlines() if line[0] != " "]


def test_names_of_files_cannot_command_a_terminal(tmp_path: Path) -> None:
    odd = tmp_path / "odd\x1b[31m\nname"
    odd.mkdir()
    told = run(acestep("health", "--brief"), odd, env=machine(odd, **ABSENT))
    assert told.returncode == 3
    assert "\x1b" not in told.stdout + told.stderr
    assert "odd\\x1b[31m\\nname" in told.stdout


def test_an_interrupt_ends_it_without_a_trace(tmp_path: Path) -> None:
    program = (
        "import os, signal\n"
        "from acestep_cli.run import health\n"
        "def interrupted(*words):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "health.prove_writable = interrupted\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from acestep_cli.cli import main\n"
        "main(['health', '--brief'])\n"
    )
    told = run([sys.executable, "-c", program], tmp_path, env=machine(tmp_path))
    assert (told.returncode, told.stdout) == (130, "")
    assert "Traceback" not in told.stderr
