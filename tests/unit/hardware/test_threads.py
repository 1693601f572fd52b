"""Threads that wait give up their core where somebody else could use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from acestep_cli.hardware.threads import share_cores


@pytest.mark.parametrize(
    ("load", "shares"),
    [
        ("0.10 0.20 0.30 3/412 9912\n", True),
        ("7.10 5.20 3.30 1/412 9912\n", False),
        ("something else\n", False),
        ("", False),
        (None, False),
    ],
)
def test_waits_are_short_where_others_are_running(
    load: str | None, shares: bool, tmp_path: Path
) -> None:
    told = tmp_path / "loadavg"
    if load is not None:
        told.write_text(load, "ascii")
    environ: dict[str, str] = {}
    share_cores(environ, told)
    assert environ == ({"GOMP_SPINCOUNT": "2000"} if shares else {})


@pytest.mark.parametrize("name", ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"])
def test_what_somebody_chose_stays(name: str, tmp_path: Path) -> None:
    told = tmp_path / "loadavg"
    told.write_text("9.0 9.0 9.0 9/99 1\n", "ascii")
    environ = {name: "active"}
    share_cores(environ, told)
    assert environ == {name: "active"}
