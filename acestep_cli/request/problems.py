"""What is wrong with a request: problems are collected and reported together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from acestep_cli.errors import InputError, UsageError

_SHOWN = 40
_HUGE = 10**30


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: a sentence naming value and limit, and the remedy.

    `content` marks what lyrics or codes hold, as opposed to how a parameter is used.
    """

    name: str
    message: str
    remedy: str = ""
    content: bool = False


class BadValue(ValueError):
    """Raised inside this room by a reader of one value; carries what is wrong."""

    def __init__(self, message: str, remedy: str = "", *, content: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.content = content


def shown(value: object) -> str:
    """`value` for a message: quoted when it is text, on one line, at most 40 characters."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _HUGE:
        value = int(value)
    if isinstance(value, int) and abs(value) >= _HUGE:
        return "a huge number"  # Python refuses to print the longest of them.
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def error_of(problems: Iterable[Problem]) -> UsageError | InputError:
    """All problems as one error, the first one first; InputError when only content is at fault."""
    found = list(problems)
    message = ". ".join(dict.fromkeys(problem.message for problem in found))
    hint = "; ".join(dict.fromkeys(problem.remedy for problem in found if problem.remedy))
    if all(problem.content for problem in found):
        return InputError(message, hint)
    return UsageError(message, hint)
