"""Names of jobs: `YYYYMMDD-HHMMSS-xxxx`, in UTC, so that they sort by time on every machine."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_SHAPE = re.compile(r"\d{8}-\d{6}-[a-z2-7]{4}", re.ASCII)


def new_job_id(now: datetime | None = None) -> str:
    """A fresh id for a job that begins `now`; whether it is taken is for the record to find out."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    ending = "".join(secrets.choice(_BASE32) for _ in range(4))
    return f"{moment:%Y%m%d-%H%M%S}-{ending}"


def is_job_id(text: str) -> bool:
    """Whether `text` has the form of a job id."""
    return _SHAPE.fullmatch(text) is not None
