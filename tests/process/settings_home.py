"""A user's settings and a folder to work in, for tests of `acestep config`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.process.programs import acestep, environment, run


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
