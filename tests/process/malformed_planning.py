"""Ways to ask the planner wrongly: plans, codes, ideas, sources, seeds, switches, folders."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.process.malformed import CHECKPOINT, INPUT, USAGE, Malformed

PLANNER = "acestep-5Hz-lm-0.6B"
_SONG = {"caption": "slow folk", "duration": 2, "seed": 3}


def invocations(folder: Path, checkpoints: Path) -> list[Malformed]:
    """All of them; files they need are made in `folder`, `checkpoints` is a usable set."""
    found = [*texts_that_are_no_plan(), *values(), *songs(), *files(folder)]
    found += [*switches(), *sources(folder), *planners(folder, checkpoints)]
    return [_in(case, checkpoints) for case in found]


def texts_that_are_no_plan() -> Iterator[Malformed]:
    """JSON that is none, or that holds no songs."""
    for text in (
        "[]", "3", "null", '"x"', "{", '{"items": []}', '{"items": {}}', '{"items": null}',
        '{"items": [1]}', '{"items": [null]}', '{"items": [[]]}', "[" * 100_000,
        json.dumps({"items": [_SONG] * 9}), '{"caption": "x",}', "{'caption': 'x'}",
        '{"caption": "a", "caption": "b"}', '{"caption": "x", "bpm": 1' + "0" * 5000 + "}",
        '{"caption": "x", "metas": []}', '{"caption": "x", "metas": "y"}',
        '{"data": {"ideas": []}}',
        '{"items": [{"caption": "x"}], "bpm": 90}',
    ):  # fmt: skip
        yield _plan(text, INPUT)


def values() -> Iterator[Malformed]:
    """Songs with one value that cannot be."""
    unfit: tuple[tuple[dict[str, Any], int], ...] = (
        ({"caption": 5}, USAGE), ({"caption": ["a"]}, USAGE), ({"caption": "\ud800"}, USAGE),
        ({"caption": "a\0b"}, USAGE), ({"caption": float("nan")}, USAGE), ({"lyrics": 5}, USAGE),
        ({"lyrics": "la " * 7000}, INPUT), ({"bpm": "fast"}, USAGE), ({"bpm": 29}, USAGE),
        ({"bpm": True}, USAGE), ({"bpm": 90.5}, USAGE), ({"bpm": float("inf")}, USAGE),
        ({"keyscale": "H"}, USAGE), ({"keyscale": 7}, USAGE), ({"timesignature": 7}, USAGE),
        ({"duration": 601}, USAGE), ({"duration": [2]}, USAGE), ({"language": "klingon"}, USAGE),
        ({"language": 5}, USAGE), ({"instrumental": 5}, USAGE),
        ({"instrumental": True, "lyrics": "la"}, USAGE), ({"genres": ["a", "b"]}, USAGE),
        ({"genres": {}}, USAGE), ({"genres": "a\0b"}, USAGE), ({"seed": -2}, USAGE),
        ({"seed": 2**32}, USAGE), ({"seed": [1, 2]}, USAGE), ({"seed": "abc"}, USAGE),
        ({"audio_codes": "hello"}, INPUT), ({"audio_codes": [64_000]}, INPUT),
        ({"audio_codes": [1] * 3001}, INPUT), ({"audio_codes": [1, None]}, INPUT),
        ({"audio_codes": [[1], [2]]}, USAGE), ({"audio_codes": "1\n2"}, USAGE),
        ({"audio_codes": 5}, USAGE),
        ({"key": "Am", "keyscale": "C major"}, INPUT), ({"prompt": "other"}, INPUT),
        ({"metas": {"bpm": 99}, "bpm": 77}, INPUT), ({"thinking": False}, INPUT),
        ({"": 1}, INPUT), ({"x" * 100: 1}, INPUT), ({"metas": {"foo": 1}}, INPUT),
    )  # fmt: skip
    for more, code in unfit:
        yield _plan(json.dumps({**_SONG, **more}), code)


def songs() -> Iterator[Malformed]:
    """Songs of nothing, and plans beside flags that cannot be."""
    for text in ("{}", '{"items": [{"caption": "a"}, {}]}', '{"bpm": 90}', '{"caption": ""}'):
        yield _plan(text, USAGE)
    two = json.dumps({"items": [_SONG, _SONG]})
    for more in (("--batch", "3"), ("--seed", "x"), ("--bpm", "1"), ("--no-lm", "-d", "y")):
        yield _plan(two, USAGE, *more)
    yield _plan(two, INPUT, "--codes", "hello")
    yield _case(("generate", "-", "--plan", "-"), INPUT, USAGE)


def files(folder: Path) -> Iterator[Malformed]:
    """Plans that are no texts."""
    contents = {
        "empty": b"", "blank": b" \n", "bytes": bytes(range(256)), "zeros": b'{"caption":\0}',
        "wide": json.dumps(_SONG).encode("utf-16"), "large": b" " * (1 << 20) + b"{}",
    }  # fmt: skip
    for name, data in contents.items():
        path = folder / f"plan {name}.json"
        path.write_bytes(data)
        yield _case(("generate", "--plan", str(path)), INPUT)
    for path in (folder, folder / "no plan.json", Path("x" * 300), Path()):
        yield _case(("generate", "--plan", str(path)), INPUT)


def switches() -> Iterator[Malformed]:
    """Switches and numbers of the planner."""
    arguments: tuple[str, ...]
    for arguments in (
        ("-d", "spring", "--no-lm"), ("--sample-mode", "--no-lm"),
        ("x", "--sample-mode", "--no-lm"),
        ("x", "--lm-temperature", "2.1"), ("x", "--lm-top-p", "0"), ("x", "--lm-top-k", "-1"),
        ("x", "--lm-cfg-scale", "0.5"), ("x", "--lm-repetition-penalty", "0"),
        ("x", "--lm-negative-prompt", "la " * 7000), ("x", "--duration", "0.2"),
        ("x", "--thinking=yes"), ("x", "--no-lm", "--thinking", "--strict"),
        ("x", "--codes", "1 2 3", "--duration", "60", "--no-lm", "--strict"),
    ):  # fmt: skip
        yield _case(("generate", *arguments), USAGE)
    for arguments in (
        ("--language", "klingon"), ("--batch", "9"), ("--seed", "-5"), ("-d", "x"), ("words",),
        ("--src-audio", "x.wav"), ("--task", "cover"), ("--lyrics", "la"),
        ("--language", "sa", "--no-lm"), ("--language", "sa", "--no-lm", "--print"),
    ):  # fmt: skip
        yield _case(("random", *arguments), USAGE)
    for arguments in ((), ("",), (" ",), ("x", "y"), ("x", "-c", "y"), ("x", "--seed", "1,2"),
                      ("x", "--bpm", "1"), ("x", "--no-lm"), ("x", "--batch", "2"),
                      ("-", "--lyrics", "-")):  # fmt: skip
        yield _case(("format", *arguments), USAGE)
    yield _case(("format", "@none"), INPUT)
    variables = {"ACESTEP_LM_TEMPERATURE": "hot", "ACESTEP_INIT_LLM": "perhaps"}
    for name, value in variables.items():
        yield _case(("generate", "x"), USAGE, environ={name: value})


def sources(folder: Path) -> Iterator[Malformed]:
    """What `understand` cannot take for a song."""
    two = folder / "codes of two.txt"
    two.write_text("<|audio_code_1|>\n<|audio_code_2|>\n")
    for source in ("none.wav", "64000", "<|audio_code_|>", "<|audio_code_5|> hello", "[]", "5,x",
                   str(two), str(folder), "/dev/null", "x" * 300, "9" * 30):  # fmt: skip
        yield _case(("understand", source), INPUT)
    for arguments in ((), ("",), (" ",), ("-1",), ("5", "6"), ("5", "--seed", "1,2")):
        yield _case(("understand", *arguments), USAGE)
    yield _case(("understand", "-"), INPUT)


def planners(folder: Path, checkpoints: Path) -> Iterator[Malformed]:
    """Planners that are missing, named wrongly or broken."""
    spoilt: dict[str, tuple[str, bytes]] = {
        "no JSON": ("config.json", b"{"), "list": ("config.json", b"[]"),
        "nothing": ("config.json", b"{}"), "junk": ("model.safetensors", b"junk" * 100),
        "cut": ("model.safetensors", b""),
    }  # fmt: skip
    for name, (file, data) in spoilt.items():
        place = _with_own_planner(folder / f"planner {name}", checkpoints)
        (place / PLANNER / file).unlink()
        (place / PLANNER / file).write_bytes(data)
        for verb in ("generate", "format"):
            yield _case((verb, "x", "--checkpoints", str(place)), CHECKPOINT)
    place = _with_own_planner(folder / "planner in part", checkpoints)
    (place / PLANNER / "model.safetensors").unlink()
    for arguments in (("format", "x"), ("generate", "x", "--thinking"), ("generate", "-d", "x")):
        yield _case((*arguments, "--checkpoints", str(place)), CHECKPOINT)
    for arguments in (("format", "x"), ("understand", "5")):
        yield _case((*arguments, "--checkpoints", str(folder / "none")), CHECKPOINT)
    for name in ("none", "../../etc", "🎵", "a" * 300):
        yield _case(("format", "x", "--lm", name), CHECKPOINT)


def _plan(text: str, code: int, *more: str) -> Malformed:
    arguments = ("generate", "--plan", "-", *more)
    return Malformed(f"plan {text[:60]} {more}", arguments, frozenset((code,)), stdin=text.encode())


def _case(
    arguments: tuple[str, ...], *codes: int, environ: dict[str, str] | None = None
) -> Malformed:
    label = " ".join(arguments)[:60]
    return Malformed(f"{label} {environ or ''}", arguments, frozenset(codes), environ or {})


def _in(case: Malformed, checkpoints: Path) -> Malformed:
    if "--checkpoints" in case.arguments:
        return case
    arguments = (*case.arguments, "--checkpoints", str(checkpoints))
    return Malformed(case.name, arguments, case.codes, case.environ, case.stdin)


def _with_own_planner(place: Path, checkpoints: Path) -> Path:
    """The set of links, but for the planner's files, each of which can be replaced."""
    (place / PLANNER).mkdir(parents=True)
    for part in checkpoints.iterdir():
        if part.name != PLANNER:
            (place / part.name).symlink_to(part)
    for file in (checkpoints / PLANNER).iterdir():
        os.link(file, place / PLANNER / file.name)
    return place
