"""Any value of a run as what JSON can hold."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence, Set
from enum import Enum
from typing import Any


def plain(value: Any) -> Any:
    """A deep copy of `value` made of dicts, lists, texts, numbers, booleans and None.

    Numbers that are not finite become None, because JSON has no word for them. TypeError names a
    value of any other kind.
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (Sequence, Set)) and not isinstance(value, (bytes, bytearray)):
        return [plain(entry) for entry in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"a record cannot hold {type(value).__name__}")


def as_json(values: Mapping[str, Any]) -> bytes:
    """Plain `values` as a readable JSON file in UTF-8."""
    text = json.dumps(values, ensure_ascii=False, allow_nan=False, indent=2)
    # A file name that is no text has lone surrogates; JSON's own escape keeps them.
    return text.encode("utf-8", "backslashreplace") + b"\n"
