"""A question before something is done that cannot be undone."""

from __future__ import annotations

import sys

from acestep_cli.errors import UsageError
from acestep_cli.term.streams import write_talk

_YES = ("y", "yes")


def confirm(question: str, flag: str) -> None:
    """Ask on the terminal; UsageError for any answer but yes, and where there is no terminal to ask
    on: then `flag` has to say it."""
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "this asks first, and there is no terminal to ask on",
            f"pass {flag} to do it without a question",
            code="unconfirmed",
        )
    write_talk(f"{question} [y/N] ")
    if sys.stdin.readline().strip().lower() not in _YES:
        raise UsageError("nothing was done", f"answer y, or pass {flag}", code="unconfirmed")
