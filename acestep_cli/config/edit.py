"""A TOML text with a few keys changed and everything else as it was, comments and order too.

Knows nothing about which keys there are.
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from acestep_cli.config.statements import Path, Statement, statements
from acestep_cli.config.tomlfile import TomlFile, toml_value

# Replace the characters from the first number up to the second.
_Change = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to change: `puts` gives keys new values, `drops` are keys that go away.

    Keys are whole paths of one or two parts. A table whose last key goes away goes with it.
    """

    puts: Mapping[Path, Any] = field(default_factory=dict)
    drops: Collection[Path] = ()


def edited(file: TomlFile, edit: Edit) -> str:
    """The text of `file` after `edit`.

    Where it cannot be changed line by line, the whole is written anew, without its comments.
    """
    import tomli_w

    wanted = _wanted(file.table, edit)
    text = _line_by_line(file.text, edit, wanted)
    if text is None or not _means(text, wanted):
        text = tomli_w.dumps(wanted)
    return f"\ufeff{text}" if file.has_mark else text


def _wanted(table: Mapping[str, Any], edit: Edit) -> dict[str, Any]:
    wanted: dict[str, Any] = copy.deepcopy(dict(table))
    for path in edit.drops:
        parent = _parent(wanted, path)
        del parent[path[-1]]
    for path, value in edit.puts.items():
        _parent(wanted, path)[path[-1]] = value
    for emptied in {path[0] for path in edit.drops if len(path) > 1}:
        if not wanted[emptied]:
            del wanted[emptied]
    return wanted


def _parent(table: dict[str, Any], path: Path) -> dict[str, Any]:
    for part in path[:-1]:
        table = table.setdefault(part, {})
    return table


def _means(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except ValueError:
        return False


def _line_by_line(text: str, edit: Edit, wanted: Mapping[str, Any]) -> str | None:
    """`text` with single lines changed; None where a key has no line of its own."""
    found = list(statements(text))
    values = {statement.path: statement for statement in found if statement.key}
    inline = {path[:1] for path in (*edit.puts, *edit.drops) if len(path) > 1} & values.keys()
    changes = [_inline(values[table], wanted) for table in inline]
    edit = Edit(
        {path: value for path, value in edit.puts.items() if path[:-1] not in inline},
        [path for path in edit.drops if path[:-1] not in inline],
    )
    if any(path not in values for path in edit.drops):
        return None
    changes += [(values[path].start, values[path].end, "") for path in edit.drops]
    changes += _headers_without_keys(found, edit, wanted)
    new: dict[Path, Any] = {}
    for path, value in edit.puts.items():
        if path in values:
            changes.append((values[path].first, values[path].last, toml_value(value)))
        else:
            new[path] = value
    changes += _insertions(text, found, new)
    result = _changed(text, changes)
    return result if result.strip() else ""


def _inline(statement: Statement, wanted: Mapping[str, Any]) -> _Change:
    """A table that is the value of one line, as it is `wanted`."""
    (name,) = statement.path
    if name not in wanted:
        return statement.start, statement.end, ""
    return statement.first, statement.last, toml_value(wanted[name])


def _headers_without_keys(
    found: Iterable[Statement], edit: Edit, wanted: Mapping[str, Any]
) -> Iterator[_Change]:
    gone = {path[0] for path in edit.drops if len(path) > 1 and path[0] not in wanted}
    for statement in found:
        if not statement.key and len(statement.table) == 1 and statement.table[0] in gone:
            yield statement.start, statement.end, ""


def _insertions(text: str, found: list[Statement], new: Mapping[Path, Any]) -> Iterator[_Change]:
    newline = "\r\n" if "\r\n" in text else "\n"
    unended = {len(text)} if text and not text.endswith("\n") else set()
    # Keys outside all tables come first: behind the header of a new one they would be in it.
    for table in sorted(dict.fromkeys(path[:-1] for path in new), key=len):
        place, opening, dotted = _place(text, found, table)
        lines = [opening] if opening else []
        for path, value in new.items():
            if path[:-1] == table:
                key = ".".join(path) if dotted else path[-1]
                lines.append(f"{key} = {toml_value(value)}")
        before = newline if place in unended else ""
        unended.discard(place)
        blank = newline if opening and text else ""
        is_first = not table and not any(not one.table for one in found)
        after = newline if is_first and text[place:].strip() else ""
        yield place, place, before + blank + "".join(line + newline for line in lines) + after


def _place(text: str, found: list[Statement], table: Path) -> tuple[int, str, bool]:
    """Where new keys of `table` belong, the header that they need there, if any, and whether the
    key is to be written with the name of its table."""
    inside = [statement.end for statement in found if statement.table == table]
    if inside:
        return inside[-1], "", False
    if not table:
        return _top(text, found), "", False
    dotted = [one.end for one in found if not one.table and one.key[:-1] == table]
    if dotted:
        return dotted[-1], "", True
    return len(text), f"[{'.'.join(table)}]", False


def _top(text: str, found: list[Statement]) -> int:
    """Where the first key outside all tables belongs: below a comment that stands by itself."""
    limit = found[0].start if found else len(text)
    at = 0
    for line in text[:limit].splitlines(keepends=True):
        if not line.startswith("#"):
            return at + len(line) if at and not line.strip() else 0
        at += len(line)
    return 0 if found else at


def _changed(text: str, changes: Iterable[_Change]) -> str:
    parts, at = [], 0
    # What is put in at one place stays in its order.
    for start, end, new in sorted(changes, key=lambda change: change[:2]):
        parts += [text[at:start], new]
        at = end
    return "".join((*parts, text[at:]))
