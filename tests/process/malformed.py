"""Two hundred ways to ask for a song wrongly, drawn from a seed."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from acestep_cli.request import FIELDS, Field

USAGE, CHECKPOINT, INPUT, OUTPUT = 2, 3, 5, 6


@dataclass(frozen=True)
class Malformed:
    """One invocation of `generate`, what surrounds it, and the exit codes that would be right."""

    name: str
    arguments: tuple[str, ...]
    codes: frozenset[int]
    environ: dict[str, str] = field(default_factory=dict)
    stdin: bytes = b""


_WORDS = ("abc", "nan", "-inf", "0x10", "1,5", "٣", "1_000", "9" * 400, "1e999", "--", "{}", "7;")
_BAD_VALUES: dict[str, tuple[str, ...]] = {
    "int": (*_WORDS, "7.5", "99999999999"),
    "float": (*_WORDS, "1e9", "-1e9"),
    "seconds": (*_WORDS[:-1], "1:99", "1:2:3", "a:b"),
    "bpm": (*_WORDS, "29", "301", "fast"),
    "choice": ("nonsense", "../../etc", "mp3;rm", "🎵"),
    "keyscale": ("H major", "C nothing", "🎵", "7"),
    "timesignature": ("5/0", "seven", "4/4/4", "-4"),
    "language": ("klingon", "e", "xx-yy-zz", "🎵"),
    "seeds": ("a", "1,,x", "-2", "4294967296", "1.5", "7 8"),
    "timesteps": ("0,1", "1,1", "a,b", "nan", "2,1,0"),
    "codes": ("hello", "<|audio_code_99999|>", "64000", "-1", "<|audio_code_|>"),
    "bitrate": ("1000k", "fast", "0", "-192", "192 apples"),
    "tracks": ("drums,kazoo", "🎵"),
    "bool": ("=yes", "=", "=true"),
}
_BAD_TOML = ("[1, 2]", "{ a = 1 }", "1979-05-27", '"\\u0000"', "inf", "nan", '"🎵"')
_EXPECTED = {"codes": frozenset((USAGE, INPUT))}
_USAGE = frozenset((USAGE,))


def invocations(folder: Path, checkpoints: Path, *, count: int = 200) -> Iterator[Malformed]:
    """`count` invocations; files they need are made in `folder`, `checkpoints` is a usable set."""
    drawn = random.Random(20)
    fixed = [
        *spellings(),
        *texts(folder),
        *settings_files(folder),
        *checkpoint_folders(folder, checkpoints),
        *output_folders(folder, checkpoints),
        *contradictions(),
        *(bad_value(row, drawn) for row in FIELDS if row.flags and row.kind in _BAD_VALUES),
    ]
    yield from fixed
    makers: tuple[Callable[[random.Random, Path, int], Malformed], ...] = (
        drawn_value,
        drawn_setting,
        drawn_variable,
        drawn_flag,
    )
    for number in range(len(fixed), count):
        yield drawn.choice(makers)(drawn, folder, number)


def spellings() -> Iterator[Malformed]:
    """Flags that do not exist, and words where none belong."""
    for arguments in (
        ("x", "--no-such-flag"), ("x", "-Z"), ("x", "---"), ("x", "--=3"), ("x", "-qZ"),
        ("x", "--seed"), ("x", "--force=1"), ("x", "y"), ("x", "-c", "y"), ("x", "--", "--json"),
        (), ("",), ("--no-lm",), ("x", "--duratio", "3"), ("x", "--format", "nonsense"),
        ("x", "-o", "-"), ("x", "-o", ""), ("x", "-o", "song.xyz"), ("x", "--preset", "none"),
        ("x", "--device", "abacus"), ("x", "--dtype", "int4"), ("x", "--threads", "0"),
        ("-", "--lyrics", "-"), ("x\udcff",), ("x", "--lyrics", "la " * 20_000),
    ):  # fmt: skip
        codes = frozenset((USAGE, INPUT)) if "--lyrics" in arguments else _USAGE
        yield Malformed(f"spelling {arguments!r:.40}", arguments, codes)


def texts(folder: Path) -> Iterator[Malformed]:
    """Files and streams that hold no text."""
    contents = {
        "empty": b"", "blank": b" \n\t\n", "binary": bytes(range(256)),
        "latin": "Mütter".encode("latin-1"), "zeros": b"la\0la", "large": b"la " * 500_000,
    }  # fmt: skip
    for name, data in contents.items():
        path = folder / f"{name}.txt"
        path.write_bytes(data)
        for arguments, stdin in (
            ((f"@{path}",), b""),
            (("x", "--lyrics", f"@{path}"), b""),
            (("x", "--lyrics", "-"), data),
        ):
            label = f"text {name} {arguments[-1][:1]}"
            yield Malformed(label, arguments, frozenset((INPUT,)), stdin=stdin)
    for source in ("@", "@missing.txt", f"@{folder}", f"@{folder}/empty.txt/x", "@" + "x" * 300):
        yield Malformed(f"text {source[:20]}", (source,), frozenset((INPUT,)))


def settings_files(folder: Path) -> Iterator[Malformed]:
    """TOML that is none, or that holds what no setting takes."""
    contents: dict[str, str | bytes] = {
        "syntax": "bpm = = 3", "unknown": "no_such_key = 1", "table": "generation = 3",
        "nested": "[generation.bpm]\nx = 1", "twice": "bpm = 90\nbpm = 91",
        "deep": "x = " + "[" * 5000, "bytes": bytes(range(256)), "large": "#" * (2 << 20),
        "preset": "presets = 3",
        "preset name": "[presets.'a b']\nbpm = 3", "preset value": "[presets.a]\nbpm = 3",
        "device": 'device = "abacus"', "nul": 'output_dir = "a\\u0000b"', "url": 'api_url = "ftp:"',
    }  # fmt: skip
    for name, text in contents.items():
        path = folder / f"{name}.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        yield Malformed(f"settings {name}", ("x", "--config", str(path)), _USAGE)
    for path in (folder, folder / "missing.toml", Path("/dev/null/x.toml")):
        yield Malformed(f"settings {path.name}", ("x", "--config", str(path)), _USAGE)


def checkpoint_folders(folder: Path, checkpoints: Path) -> Iterator[Malformed]:
    """Checkpoints that are missing, named wrongly or broken."""
    codes = frozenset((CHECKPOINT,))
    empty = folder / "no checkpoints"
    empty.mkdir()
    (folder / "a file").write_text("no folder")
    for place in (
        empty,
        folder / "missing",
        folder / "a file",
        folder / "a file" / "below",
        Path("x" * 300),
    ):
        # In an empty place the built-in demonstration would serve, had nobody named a model.
        named = ("--model", "acestep-v15-turbo") if place == empty else ()
        arguments = ("x", "--checkpoints", str(place), *named)
        yield Malformed(f"place {place.name}", arguments, codes)
    for model in (
        "acestep-v15-nonsense",
        "../../etc",
        "/",
        ".",
        "x/" + "a" * 300,
        "~nobody/x",
        "a" * 300,
        "🎵",
    ):
        arguments = ("x", "--checkpoints", str(checkpoints), "--model", model)
        yield Malformed(f"model {model[:20]}", arguments, codes)


def output_folders(folder: Path, checkpoints: Path) -> Iterator[Malformed]:
    """Places that cannot take the song."""
    codes = frozenset((OUTPUT,))
    existing = folder / "song.mp3"
    existing.write_bytes(b"somebody's song")
    (folder / "folder.mp3").mkdir()
    os.mkfifo(folder / "pipe.mp3")
    good = ("x", "--no-lm", "--duration", "10", "--checkpoints", str(checkpoints))
    for place in (
        folder / "a file",
        folder / "a file" / "below",
        Path("/proc/self"),
        folder / "pipe.mp3",
    ):
        yield Malformed(f"output {place}", (*good, "--output-dir", str(place)), codes)
    long = folder / ("x" * 300)
    yield Malformed("output long", (*good, "--output-dir", str(long)), codes)
    for target in (
        existing,
        folder / "folder.mp3",
        Path("/proc/self/song.mp3"),
        long / "a.mp3",
        Path("x" * 250),
        folder / "pipe.mp3",
    ):
        yield Malformed(f"target {target.name[:20]}", (*good, "-o", str(target)), codes)


def contradictions() -> Iterator[Malformed]:
    """Values that are right alone and wrong together."""
    for arguments in (
        ("x", "--audio-format", "flac", "--bit-depth", "32"),
        ("x", "--cfg-interval-start", "0.9", "--cfg-interval-end", "0.1"),
        ("x", "--flow-edit-n-min", "0.9", "--flow-edit-n-max", "0.1"),
        ("x", "--repaint-start", "20", "--repaint-end", "10", "--src-audio", "a.wav"),
        ("x", "--instrumental", "--lyrics", "[verse]\nla la la"),
        ("x", "--task", "cover"), ("x", "--task", "lego"), ("x", "--flow-edit-morph"),
        ("--description", "a song", "--task", "repaint", "--src-audio", "a.wav"),
        ("x", "--analysis-only"), ("x", "--extract-codes-only"),
        ("x", "--format", "false", "--use-format"), ("x", "--timesteps", "1,0", "--batch", "0"),
    ):  # fmt: skip
        yield Malformed(f"together {' '.join(arguments)[:40]}", arguments, _USAGE)


def bad_value(row: Field, drawn: random.Random) -> Malformed:
    """A value on the command line that `row` cannot take."""
    value = drawn.choice(_unfit(row))
    flag = row.flags[0].split("/")[0].strip()
    arguments = ("x", f"{flag}{value}") if row.kind == "bool" else ("x", flag, value)
    return Malformed(f"{row.name} {value[:20]}", arguments, _EXPECTED.get(row.kind, _USAGE))


def drawn_value(drawn: random.Random, folder: Path, number: int) -> Malformed:
    """A bad value of a drawn parameter."""
    rows = [row for row in FIELDS if row.flags and row.kind in _BAD_VALUES]
    return bad_value(drawn.choice(rows), drawn)


def drawn_setting(drawn: random.Random, folder: Path, number: int) -> Malformed:
    """A value of another kind in a settings file."""
    rows = [row for row in FIELDS if row.kind in _BAD_VALUES and not row.ignored]
    row, value = drawn.choice(rows), drawn.choice(_BAD_TOML)
    path = folder / f"drawn {number}.toml"
    path.write_text(f"[generation]\n{row.name} = {value}\n", encoding="utf-8")
    arguments = ("x", "--config", str(path))
    codes = _EXPECTED.get(row.kind, _USAGE)
    return Malformed(f"{row.name} = {value} in a file", arguments, codes)


def drawn_variable(drawn: random.Random, folder: Path, number: int) -> Malformed:
    """A bad value in an environment variable."""
    rows = [row for row in FIELDS if row.kind in _BAD_VALUES and row.kind != "bool"]
    row = drawn.choice([row for row in rows if not row.ignored])
    value = drawn.choice(_unfit(row))
    variable = f"ACESTEP_{row.name.upper()}"
    codes = _EXPECTED.get(row.kind, _USAGE)
    return Malformed(f"{variable}={value[:20]}", ("x",), codes, environ={variable: value})


def drawn_flag(drawn: random.Random, folder: Path, number: int) -> Malformed:
    """A flag with letters lost or swapped."""
    row = drawn.choice([row for row in FIELDS if row.flags and row.kind != "bool"])
    letters = list(row.flags[-1].removeprefix("--"))
    place = drawn.randrange(len(letters))
    letters.insert(place, drawn.choice("qzx"))
    return Malformed(f"flag {''.join(letters)}", ("x", f"--{''.join(letters)}", "1"), _USAGE)


def _unfit(row: Field) -> tuple[str, ...]:
    """Values that `row` cannot take; without those that its range allows."""
    return tuple(value for value in _BAD_VALUES[row.kind] if not _fits(row, value))


def _fits(row: Field, value: str) -> bool:
    try:
        number = float(value)
    except ValueError:
        return False
    if row.kind == "int" and not number.is_integer():
        return False
    low = row.minimum if row.minimum is not None else float("-inf")
    high = row.maximum if row.maximum is not None else float("inf")
    return "_" not in value and value.isascii() and low <= number <= high
