"""Job ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from acestep_cli.jobs import is_job_id, new_job_id


def test_an_id_tells_the_moment_in_utc() -> None:
    moment = datetime(2026, 2, 3, 1, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    job_id = new_job_id(moment)
    assert job_id.startswith("20260202-230405-")
    assert is_job_id(job_id)


def test_ids_of_one_second_differ() -> None:
    moment = datetime(2026, 2, 3, tzinfo=UTC)
    assert len({new_job_id(moment) for _ in range(50)}) > 45


@pytest.mark.parametrize(
    "text",
    ["", "20260203-010203", "20260203-010203-ABCD", "20260203-010203-ab1d",
     "../20260203-010203-abcd", "20260203-010203-abcde", "20260203-010203-abcd\n",
     "٢٠٢٦٠٢٠٣-010203-abcd"],
)  # fmt: skip
def test_what_is_no_id(text: str) -> None:
    assert not is_job_id(text)
