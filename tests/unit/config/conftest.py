"""A place to lay out settings files in, apart from the machine's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acestep_cli import config


class Place:
    """A user's folder, a project with a folder inside it, an environment that knows only them."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.project = root / "project"
        self.inside = self.project / "a" / "b"
        self.home.mkdir()
        self.inside.mkdir(parents=True)
        self.named = root / "named.toml"

    def user(self, text: str) -> None:
        (self.home / "config.toml").write_text(text, "utf-8")

    def here(self, text: str) -> None:
        (self.project / "acestep.toml").write_text(text, "utf-8")

    def resolve(
        self, flags: dict[str, Any] | None = None, *, named: str | None = None, **options: Any
    ) -> config.Resolved:
        if named is not None:
            self.named.write_text(named, "utf-8")
            options["config_file"] = self.named
        variables = {"ACESTEP_HOME": str(self.home), **options.pop("environ", {})}
        return config.resolve(flags, environ=variables, cwd=self.inside, **options)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)
