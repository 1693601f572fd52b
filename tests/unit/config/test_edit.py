"""Single keys of a TOML text changed: what it means afterwards, and what of it stays as it was."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from acestep_cli.config.edit import Edit, edited
from acestep_cli.config.statements import statements
from acestep_cli.config.tomlfile import TomlFile, toml_value

ODD = '''\
# At the top.
a = 1 # one
"b.c" = 'two # no comment'  # two
d.e = 3
lists = [
  1, # first ]
  "]", 2,
]
text = """
x = 5
[not.a.table]
\\""" still """  # after
raw = \'\'\'
'quoted''\'\'\'
inline = { k = [1, { v = "}" }], "#" = '#' }
when = 1979-05-27 07:32:00

[ generation ]   # header
bpm=120
    shift   =   3.0   # kept

# About presets.
[presets."a b"]
steps = 4
[[many.rows]]
bpm = 7
'''


def changed(text: str, edit: Edit) -> str:
    return edited(TomlFile(text, tomllib.loads(text)), edit)


def test_every_statement_of_an_odd_text_is_found() -> None:
    found = {
        one.path: ODD[one.first : one.last]
        for one in statements(ODD)
        if one.key and one.table != ("many", "rows")
    }
    means = {path: tomllib.loads(f"x = {value}")["x"] for path, value in found.items()}
    table = tomllib.loads(ODD)
    for path, value in means.items():
        place: Any = table
        for part in path:
            place = place[part]
        assert place == value, path
    assert found[("generation", "shift")] == "3.0"
    assert found[("presets", "a b", "steps")] == "4"
    headers = [one.table for one in statements(ODD) if not one.key]
    assert headers == [("generation",), ("presets", "a b"), ("many", "rows")]


@pytest.mark.parametrize(
    ("edit", "old", "new"),
    [
        (Edit({("a",): 2}), "a = 1 # one", "a = 2 # one"),
        (Edit({("b.c",): "x"}), "'two # no comment'  # two", '"x"  # two'),
        (Edit({("generation", "bpm"): 90}), "bpm=120", "bpm=90"),
        (Edit({("generation", "shift"): 2.5}), "shift   =   3.0   # kept",
         "shift   =   2.5   # kept"),
        (Edit({("text",): "y"}), ODD[ODD.index('"""') : ODD.index("  # after")], '"y"'),
        (Edit({("lists",): [7]}), '[\n  1, # first ]\n  "]", 2,\n]', "[7]"),
        (Edit(drops=[("a",)]), "a = 1 # one\n", ""),
        (Edit(drops=[("generation", "bpm")]), "bpm=120\n", ""),
        (Edit(drops=[("generation", "bpm"), ("generation", "shift")]),
         "[ generation ]   # header\nbpm=120\n    shift   =   3.0   # kept\n", ""),
        (Edit({("new",): True}), "07:32:00\n", "07:32:00\nnew = true\n"),
        (Edit({("generation", "steps"): 8}), "# kept\n", "# kept\nsteps = 8\n"),
        (Edit({("a",): 5, ("generation", "steps"): 8}, [("raw",)]), "", ""),
    ],
)  # fmt: skip
def test_one_key_changes_and_nothing_else(edit: Edit, old: str, new: str) -> None:
    text = changed(ODD, edit)
    if old:
        assert text == ODD.replace(old, new, 1)
    assert "# About presets." in text and "# At the top." in text
    table = tomllib.loads(text)
    for path, value in edit.puts.items():
        assert (table[path[0]] if len(path) == 1 else table[path[0]][path[1]]) == value


@pytest.mark.parametrize(
    ("before", "edit", "after"),
    [
        ("", Edit({("a",): 1}), "a = 1\n"),
        ("", Edit({("g", "a"): 1, ("b",): "x"}), 'b = "x"\n\n[g]\na = 1\n'),
        ("# Mine.\n", Edit({("a",): 1}), "# Mine.\na = 1\n"),
        ("# Mine.\n", Edit({("g", "a"): 1, ("b",): 2}), "# Mine.\nb = 2\n\n[g]\na = 1\n"),
        ("x = 1 # Why.", Edit({("y",): 2, ("g", "a"): 1}), "x = 1 # Why.\ny = 2\n\n[g]\na = 1\n"),
        ("x = 1\r\n", Edit({("y",): 2, ("g", "a"): 1}), "x = 1\r\ny = 2\r\n\r\n[g]\r\na = 1\r\n"),
        ("# Mine.\n\n# Of t.\n[t]\nx = 1\n", Edit({("a",): 1}),
         "# Mine.\n\na = 1\n# Of t.\n[t]\nx = 1\n"),
        ("# Of t.\n[t]\nx = 1\n", Edit({("a",): 1}), "a = 1\n# Of t.\n[t]\nx = 1\n"),
        ("x = 1", Edit({("y",): 2}), "x = 1\ny = 2\n"),
        ("x = 1", Edit({("g", "y"): 2}), "x = 1\n\n[g]\ny = 2\n"),
        ("[g]", Edit({("g", "y"): 2}), "[g]\ny = 2\n"),
        ("[g]\r\nx = 1\r\n", Edit({("g", "y"): 2}), "[g]\r\nx = 1\r\ny = 2\r\n"),
        ("g.x = 1 # dotted\n", Edit({("g", "y"): 2}), "g.x = 1 # dotted\ng.y = 2\n"),
        ("g.x = 1\nz = 2\n", Edit(drops=[("g", "x")]), "z = 2\n"),
        ("[g]\n# Why.\nx = 1\n", Edit(drops=[("g", "x")]), "# Why.\n"),
        ("[p.q]\nx = 1\n", Edit({("g", "y"): 2}), "[p.q]\nx = 1\n\n[g]\ny = 2\n"),
        # No line of its own: the table is written anew.
        ("# A.\ng = {x=1} # B.\n", Edit({("g", "y"): 2}), "# A.\ng = { x = 1, y = 2 } # B.\n"),
        ("# A.\ng = {x=1, y=[{'k l'={}}]}\n", Edit(drops=[("g", "x")]),
         '# A.\ng = { y = [{ "k l" = {} }] }\n'),
        ("# A.\ng = { x = 1 }\nz = 2\n", Edit(drops=[("g", "x")]), "# A.\nz = 2\n"),
    ],
)  # fmt: skip
def test_where_keys_go(before: str, edit: Edit, after: str) -> None:
    def spread(text: str) -> list[str]:
        return [line for line in text.splitlines() if line.strip()]

    text = changed(before, edit)
    assert spread(text) == spread(after)
    assert text.count("\r\n") == (text.count("\n") if "\r\n" in before else 0)


def test_the_mark_at_the_beginning_stays() -> None:
    file = TomlFile("a = 1\n", {"a": 1}, has_mark=True)
    assert edited(file, Edit({("a",): 2})) == "\ufeffa = 2\n"


PLAIN = (
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
)  # fmt: skip
NAMES = st.sampled_from(["a", "b", "c d", "e.f", 'g"h', "é"])
VALUES = st.recursive(
    PLAIN | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=4,
)
TABLES = st.dictionaries(NAMES, VALUES, max_size=5)


@settings(max_examples=60)
@given(TABLES, NAMES, st.none() | NAMES, PLAIN | st.lists(PLAIN, max_size=3))
def test_any_file_means_what_was_asked_for(
    table: dict[str, Any], name: str, inner: str | None, value: Any
) -> None:
    """Whatever a file holds: the key has its value afterwards, and all others theirs."""
    if inner is not None and not isinstance(table.get(name, {}), dict):
        return
    path = (name,) if inner is None else (name, inner)
    text = tomli_w.dumps(table)
    # Not everything that a file holds can be spelled in one line by hand.
    result = tomllib.loads(changed(text, Edit({path: value})))
    expected = tomllib.loads(text)
    holder = expected if inner is None else expected.setdefault(name, {})
    holder[path[-1]] = tomllib.loads(f"x = {toml_value(value)}")["x"]
    assert result == expected
    gone = tomllib.loads(changed(text, Edit(drops=[path]))) if _has(table, path) else None
    if gone is not None:
        del holder[path[-1]]
        if inner is not None and not holder:
            del expected[name]
        assert gone == expected


def _has(table: dict[str, Any], path: tuple[str, ...]) -> bool:
    holder = table if len(path) == 1 else table.get(path[0], {})
    return path[-1] in holder
