"""Tables `[models.NAME]`: checkpoints that the settings add to the published ones.

Whether a name is that of a published checkpoint is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from acestep_cli.config.schema import MODELS, FurtherModel
from acestep_cli.request import near_miss
from acestep_cli.request.problems import Problem, shown

_KINDS = ("dit", "planner", "vae", "text_encoder")
_FAMILIES = ("turbo", "sft", "base")
_KEYS = ("repo", "kind", "family", "folder", "revision")
_DIT = "dit"

# They become names of folders and parts of addresses, so nothing in them may lead elsewhere.
_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]|\.(?!\.)){0,95}(?<!\.)"
_NAME = re.compile(_PART, re.ASCII)
_REPO = re.compile(f"{_PART}/{_PART}", re.ASCII)
_FOLDER = re.compile(f"{_PART}(?:/{_PART}){{0,7}}", re.ASCII)
_REVISION = _FOLDER


def read_models(table: object, problems: list[Problem]) -> tuple[FurtherModel, ...]:
    """The valid checkpoints of `table`, the value of `models` in a file; what is wrong with the
    others is added to `problems`."""
    if not isinstance(table, dict):
        problems.append(Problem(MODELS, "models is not a table", "write [models.NAME]"))
        return ()
    models = []
    for name, entry in table.items():
        faults = list(_faults(name, entry))
        problems += faults
        if not faults:
            kind = entry.get("kind", _DIT)
            models.append(FurtherModel(name=name, **{"kind": kind, **entry}))
    return tuple(models)


def _faults(name: str, entry: Any) -> Iterator[Problem]:
    if not isinstance(entry, dict) or not _NAME.fullmatch(name):
        yield Problem(
            name,
            f"models.{shown(name)} is no checkpoint",
            "write [models.NAME] with letters, digits, -, _ and . in NAME",
        )
        return
    where = f"models.{name}"
    for key in entry:
        if key not in _KEYS:
            close = near_miss(key, _KEYS)
            hint = f"did you mean {close}?" if close else f"choose from {', '.join(_KEYS)}"
            yield Problem(where, f"{where} has no key {shown(key)}", hint)
    yield from _malformed(where, entry)
    if "repo" not in entry:
        yield Problem(where, f"{where} has no repo", 'write repo = "OWNER/NAME"')
    kind = entry.get("kind", _DIT)
    if "family" in entry and kind != _DIT:
        yield Problem(where, f"{where} is a {kind}, which has no family", "leave family out of it")


def _malformed(where: str, entry: dict[str, Any]) -> Iterator[Problem]:
    shapes = {"repo": (_REPO, "OWNER/NAME"), "folder": (_FOLDER, "a folder inside the repository"),
              "revision": (_REVISION, "a branch, tag or commit")}  # fmt: skip
    for key, (pattern, meaning) in shapes.items():
        value = entry.get(key, "main/main")
        if not isinstance(value, str) or not pattern.fullmatch(value):
            yield Problem(
                where, f"{where}: {key} {shown(value)} is not {meaning}", f"write {key} as text"
                f" without .. and blanks: {meaning}"
            )  # fmt: skip
    for key, words in (("kind", _KINDS), ("family", _FAMILIES)):
        if key in entry and entry[key] not in words:
            yield Problem(
                where,
                f"{where}: {key} {shown(entry[key])} is not one of {', '.join(words)}",
                f"choose one of {', '.join(words)}",
            )
