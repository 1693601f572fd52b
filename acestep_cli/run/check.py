"""A finding about this machine, and how a check that breaks becomes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from acestep_cli.config import Settings
from acestep_cli.errors import AceStepError, Cancelled
from acestep_cli.hardware.devices import Device
from acestep_cli.hardware.policy import Policy
from acestep_cli.request import SongRequest
from acestep_cli.weights.places import Place
from acestep_cli.weights.sets import CheckpointSet

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: `detail` says what was found, `hint` what to do about it.

    `error` is what a failed check ends the command with; `facts` are for programs.
    """

    name: str
    status: Status
    detail: str
    hint: str = ""
    error: AceStepError | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON; `code` is that of the error."""
        return {
            "name": self.name,
            "status": self.status,
            "detail": self.detail,
            "hint": self.hint or None,
            "code": None if self.error is None else self.error.code,
            "facts": dict(self.facts),
        }


@dataclass(slots=True)
class Findings:
    """What earlier checks found out for later ones.

    `flags`, `config_file` and `preset` are as typed; settings are the defaults until they could be
    read; `policy` says how a song would use the machine, None where it cannot.
    """

    environ: Mapping[str, str]
    cwd: Path
    flags: Mapping[str, Any] = field(default_factory=dict)
    config_file: str | None = None
    preset: str | None = None
    settings: Settings = field(default_factory=Settings)
    request: SongRequest = field(default_factory=SongRequest)
    no_planner: bool = False
    devices: list[Device] = field(default_factory=list)
    policy: Policy | None = None
    places: tuple[Place, ...] = ()
    checkpoints: CheckpointSet | None = None


Look = Callable[[Findings], Iterable[Check]]


def checked(name: str, look: Look, findings: Findings) -> Iterator[Check]:
    """What `look` finds; where it raises, a failed check `name` that says so."""
    try:
        yield from look(findings)
    except Cancelled:
        raise
    except AceStepError as failure:
        yield Check(name, "fail", failure.message, failure.hint, failure)
    except Exception as crash:
        # A check that breaks is a finding like others, and the next ones may tell why.
        lines = str(crash).strip().splitlines()
        error = AceStepError(f"unexpected {type(crash).__name__}: {lines[0] if lines else ''}")
        error.__cause__ = crash
        hint = "run it again with --debug to see where it comes from"
        yield Check(name, "fail", error.message, hint, error)
