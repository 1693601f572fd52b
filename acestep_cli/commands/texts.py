"""Texts that are given as `@file` or `-`: read with care, because a file can be anything."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from acestep_cli.errors import InputError, UsageError
from acestep_cli.files import is_folder

# Room for the longest texts the model can take, and for 600 s of codes in each of 8 songs.
LIMIT_BYTES = 1 << 20


def read_texts(
    values: dict[str, Any], names: Iterable[str], claimants: Iterable[str] = ()
) -> dict[str, Any]:
    """`values` with `@file` and `-` under `names` replaced by what the file or stdin holds.

    `@@text` means the text `@text`. `claimants` are all values that mean stdin by `-`, by default
    the texts. UsageError when two of them do; InputError for a source that cannot be read, is
    empty, is over 1 MiB or is not text.
    """
    asked = [name for name in names if isinstance(values.get(name), str)]
    claims = [name for name in (tuple(claimants) or asked) if values.get(name) == "-"]
    if len(claims) > 1:
        raise UsageError(
            f"{' and '.join(claims)} both ask for stdin, which can be read only once",
            "give one of them as a file",
        )
    return {**values, **{name: _text(name, values[name]) for name in asked}}


def read_file(value: str, name: str) -> str:
    """What the file `value` holds, with or without an @ before it, or stdin for `-`: all of it, so
    that its lines keep their numbers.

    InputError as in `read_texts`.
    """
    if value == "-":
        return _decode(_read_stdin(name), "stdin", name)
    path = value.removeprefix("@")
    _refuse_no_file(value, name)
    return _decode(_read_file(Path(path), name), path, name)


def _text(name: str, value: str) -> str:
    if value.startswith("@@"):
        return value[1:]
    if value == "-" or value.startswith("@"):
        return read_file(value, name).strip("\r\n")
    return value


def _read_stdin(name: str) -> bytes:
    if sys.stdin is None:
        raise InputError(f"{name} is to come from stdin, which is closed", "give it as @FILE")
    try:
        return _read(sys.stdin.buffer)
    except OSError as error:
        raise _unreadable("stdin", name, error) from error


def _refuse_no_file(value: str, name: str) -> None:
    """InputError where `value` has no name of a file, or the name of a folder."""
    path = value.removeprefix("@")
    if not value:
        raise InputError(f"the name of the file with {name} is empty", "give FILE, or - for stdin")
    if not path:
        raise InputError(
            f"{name} is '@' without a file name", "write @FILE, or @@ for a text that starts with @"
        )
    if is_folder(Path(path)):
        raise InputError(f"cannot read {name} from {path}: it is a folder", "name a file in it")


def _read_file(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            return _read(file)
    except OSError as error:
        raise _unreadable(str(path), name, error) from error


def _read(file: BinaryIO) -> bytes:
    return file.read(LIMIT_BYTES + 1)


def _decode(data: bytes, source: str, name: str) -> str:
    if len(data) > LIMIT_BYTES:
        raise InputError(f"{source} is over {LIMIT_BYTES} bytes, too much for {name}", "shorten it")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{source} is not UTF-8 text (byte {error.start}), as {name} must be",
            "save it as UTF-8",
        ) from error
    if "\0" in text:
        raise InputError(
            f"{source} holds zero bytes, so it is no text for {name}", "check the file"
        )
    if not text.strip():
        raise InputError(f"{source} is empty, so {name} is missing", "write something into it")
    return text


def _unreadable(source: str, name: str, error: OSError) -> InputError:
    reason = error.strerror or type(error).__name__
    return InputError(
        f"cannot read {name} from {source}: {reason}", "check the name and its rights"
    )
