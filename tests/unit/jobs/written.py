"""Records as they lie in a folder, of jobs that nobody ran."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

NOW = datetime(2026, 11, 21, 9, 30, 12, tzinfo=UTC)
# A process that lives as long as the test does.
ALIVE: dict[str, Any] = {"pid": os.getpid(), "host": platform.node()}
# More than any system gives.
GONE: dict[str, Any] = {"pid": (1 << 31) - 2, "host": platform.node()}


def job_id(number: int) -> str:
    """The id of a job that began `number` seconds later than the first one."""
    return f"{NOW + timedelta(seconds=number):%Y%m%d-%H%M%S}-aaa{'abcdefgh'[number % 8]}"


def write_record(folder: Path, number: int = 0, **changes: Any) -> Path:
    """The record of a job with one song, as `changes` have it."""
    folder.mkdir(exist_ok=True)
    name = changes.pop("job_id", job_id(number))
    created = (NOW + timedelta(seconds=number)).isoformat().replace("+00:00", "Z")
    values: dict[str, Any] = {
        "schema": "acestep.record/1",
        "job_id": name,
        "status": "succeeded",
        "stage": "write",
        "progress": 1.0,
        "created_at": created,
        "exit_code": 0,
        "command": ["acestep", "generate", "warm lofi"],
        "request": {"caption": "warm lofi"},
        "digest": "abcdefgh",
        "items": [{"index": 0, "seed": 7, "metas": {"caption": "warm lofi", "duration": 30.0}}],
        "audio_paths": [],
        "error": None,
        **ALIVE,
        **changes,
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(values))
    return path
