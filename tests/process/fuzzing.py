"""Command lines drawn from a seed, over every verb: well meant ones, odd ones, and noise.

A line is drawn from its number alone, so that one of them can be had again without the others.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import click

from acestep_cli.config.schema import SETTINGS_BY_NAME
from acestep_cli.request import BY_NAME
from tests.process.fuzz_values import INPUTS, ODD, good, odd
from tests.process.tree import Spoken

# Verbs that take seconds even with the stand-in are drawn more rarely.
_RARE = {("health",): 0.2, ("models", "pull"): 0.25}
# What a verb cannot do without, and no argument asks for.
_NEEDED = {
    ("lego",): ("--track", "guitar"),
    ("complete",): ("--track", "drums"),
    ("extend",): ("--after", "1"),
    ("repaint",): ("--from", "0.2"),
    ("config",): ("--list",),
    ("jobs", "remove"): ("--yes",),
    ("models", "remove"): ("--yes",),
}
_STDIN = (b"", b"la la la\n", b"\xff\xfe\x00", b"1,2,3\n", b'{"caption": "x"}', b"y\n", b"n\n")
_FILES = ("good.toml", "broken.toml", "odd.toml", "latin.txt")


@dataclass(frozen=True)
class Line:
    """One command line and what surrounds it. `settings` and `project` name files of the inputs
    that lie where the user's and the project's settings are looked for. `as_json`: `--json` stands
    where nothing else can take it."""

    number: int
    arguments: tuple[str, ...]
    verb: tuple[str, ...]
    as_json: bool
    stdin: bytes = b""
    environ: dict[str, str] = field(default_factory=dict)
    settings: str = ""
    project: str = ""


def line(seed: int, number: int, verbs: Sequence[Spoken]) -> Line:
    """The line `number` of `seed`."""
    drawn = random.Random(f"{seed}:{number}")
    weights = [_RARE.get(verb.words, 1.0) for verb in verbs]
    # Each verb has its turn, whatever the number of lines.
    verb = verbs[number] if number < len(verbs) else drawn.choices(verbs, weights)[0]
    make = drawn.choices((_meant, _odd, _noise), (0.5, 0.38, 0.12))[0]
    words = make(verb, drawn)
    if drawn.random() < 0.7:
        words = [*_NEEDED.get(verb.words, ()), *words]
    as_json = drawn.random() < 0.4
    switches = ["--json"] * as_json + drawn.choices(([], ["--quiet"], ["-q"], ["--debug"]), k=1)[0]
    before = drawn.random() < 0.5
    head = [*switches, *verb.words] if before else [*verb.words, *switches]
    return Line(
        number=number,
        arguments=(*head, *words),
        verb=verb.words,
        as_json=as_json,
        stdin=drawn.choice(_STDIN),
        environ=_environ(drawn),
        settings=drawn.choice(_FILES) if drawn.random() < 0.08 else "",
        project=drawn.choice(_FILES) if drawn.random() < 0.05 else "",
    )


def _meant(verb: Spoken, drawn: random.Random) -> list[str]:
    """What each place asks for, and up to four options."""
    return _filled(verb, drawn, good, at_most=4)


def _odd(verb: Spoken, drawn: random.Random) -> list[str]:
    """A line that was well meant, with one to three things wrong."""

    def sometimes_odd(param: click.Parameter, drawn: random.Random) -> str:
        return odd(drawn) if drawn.random() < 0.5 else good(param, drawn)

    words = _filled(verb, drawn, sometimes_odd, at_most=4)
    for _ in range(drawn.randint(0, 2)):
        _spoil(words, verb, drawn)
    return words


def _noise(verb: Spoken, drawn: random.Random) -> list[str]:
    """Words in any order."""
    flags = [flag for option in verb.options for flag in (*option.opts, *option.secondary_opts)]
    return [
        drawn.choice(flags) if drawn.random() < 0.4 else odd(drawn)
        for _ in range(drawn.randint(0, 7))
    ]


def _filled(
    verb: Spoken,
    drawn: random.Random,
    value: Callable[[click.Parameter, random.Random], str],
    *,
    at_most: int,
) -> list[str]:
    words: list[str] = []
    for argument in verb.arguments:
        count = drawn.choice((1, 1, 2)) if argument.nargs == -1 else argument.nargs
        if argument.required or drawn.random() < 0.85:
            words += [value(argument, drawn) for _ in range(count)]
    options = drawn.sample(verb.options, min(drawn.randint(0, at_most), len(verb.options)))
    for option in options:
        words[0:0] = _option(option, drawn, value)
    return words


def _option(
    option: click.Option,
    drawn: random.Random,
    value: Callable[[click.Parameter, random.Random], str],
) -> list[str]:
    flag = drawn.choice((*option.opts, *option.secondary_opts))
    if option.is_flag:
        return [flag]
    values = [value(option, drawn) for _ in range(option.nargs)]
    if len(values) == 1 and flag.startswith("--") and drawn.random() < 0.3:
        return [f"{flag}={values[0]}"]
    return [flag, *values]


def _spoil(words: list[str], verb: Spoken, drawn: random.Random) -> None:
    """Change `words` in one of the ways in which lines go wrong."""
    place = drawn.randint(0, len(words))
    way = drawn.randrange(6)
    if way == 0:
        words.insert(place, odd(drawn))
    elif way == 1:
        words.insert(place, drawn.choice(("--", "--no-such-flag", "-Z", "--=3", "---", "-qZ")))
    elif way == 2 and verb.options:
        words.insert(place, _near(drawn.choice(drawn.choice(verb.options).opts), drawn))
    elif way == 3 and words:
        words.insert(place, drawn.choice(words))
    elif way == 4 and words:
        del words[drawn.randrange(len(words)) :]
    else:
        drawn.shuffle(words)


def _near(flag: str, drawn: random.Random) -> str:
    """`flag` as somebody mistypes it."""
    at = drawn.randrange(1, len(flag))
    changed = (
        flag[:at] + flag[at + 1 :],
        flag[:at] + flag[at] + flag[at:],
        flag[:at],
        flag.upper(),
        flag.replace("-", "_"),
        f"{flag}=",
    )
    return drawn.choice(changed)


def _environ(drawn: random.Random) -> dict[str, str]:
    if drawn.random() < 0.85:
        return {}
    row = drawn.choice([*BY_NAME.values(), *SETTINGS_BY_NAME.values()])
    value = drawn.choice([text for text in ODD if "\0" not in text])
    extra = {"NO_COLOR": "", "ACESTEP_DEBUG": "1", "ACESTEP_CONFIG": f"{INPUTS}/good.toml"}
    name = drawn.choice(list(extra))
    return drawn.choice(({f"ACESTEP_{row.name.upper()}": value}, {name: extra[name]}))
