"""The agent skill, written from the commands themselves, so that it cannot tell of others."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import click

from acestep_cli import guide
from acestep_cli.commands import skill_words as words
from acestep_cli.commands.verb import GroupedOption, VerbGroup, switches

# Of what many commands share, what an agent needs; `acestep generate --help` has the rest.
_MAIN = (
    "lyrics", "instrumental", "vocal_language",
    "bpm", "keyscale", "timesignature", "duration",
    "reference_audio",
    "no_lm", "thinking", "use_format", "use_cot_caption",
    "model", "lm_model_path", "batch_size", "seed",
    "inference_steps", "guidance_scale",
    "loudness", "fade_out_duration",
    "audio_format", "bit_depth", "save_dir",
    "output_file", "force", "dry_run", "no_wait", "events", "preset", "strict",
)  # fmt: skip
# These take every parameter there is, so that it is none of their own.
_WHOLE = ("generate", "random", "replay")
# What an agent has no use for, or holds in its hands.
_LEFT_OUT = ("completions", "skill", "help")
# An option that more commands have is none of their own.
_MOST_OWNERS = 2
_MOST_OPTIONS = 9
_MOST_EXAMPLES = 2
_SWITCHES = frozenset(param.name for param in switches())
_GUIDES = ("captions", "lyrics")


def document(root: click.Context) -> str:
    """The text of SKILL.md for the program of `root`."""
    commands = list(_commands(root))
    parts = [
        words.FRONT,
        words.USES,
        words.RULES,
        _shared(dict(commands)["generate"]),
        _described(commands),
        _results(),
        words.JOBS,
        words.CHECKPOINTS,
        *(_page(name) for name in _GUIDES),
    ]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def _commands(root: click.Context) -> Iterator[tuple[str, click.Context]]:
    """Each command of the program with a context that knows its path."""
    group = root.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(root):
        command = group.get_command(root, name)
        assert command is not None
        yield name, click.Context(command, info_name=name, parent=root)


def _shared(generate: click.Context) -> str:
    options = {option.name: option for option in _options(generate)}
    groups: dict[str, list[str]] = {}
    for name in _MAIN:
        option = options[name]
        groups.setdefault(option.group, []).append(_told(option, generate))
    lines = "\n".join(f"- {group}: {'; '.join(told)}" for group, told in groups.items())
    return f"## Options that most commands share\n\n{lines}\n"


def _described(commands: Sequence[tuple[str, click.Context]]) -> str:
    owners = Counter(
        str(option.name)
        for name, context in commands
        if name not in _WHOLE
        for option in _options(context)
    )
    generate = {option.name for option in _options(dict(commands)["generate"])}
    blocks = []
    for name, context in commands:
        if name not in _LEFT_OUT:
            shared = generate if name in _WHOLE[1:] else set(_MAIN)
            blocks.append(_block(context, owners, {*shared, "output_dir"}))
    more = ", ".join(f"`acestep {name}`" for name in _LEFT_OUT)
    intro = f"`acestep COMMAND --help` tells all options of a command. There are also {more}.\n"
    return "\n".join(("## Commands\n", intro, *blocks))


def _block(context: click.Context, owners: Counter[str], told_of: set[str]) -> str:
    """What a command is for, its own options (but those `told_of`), its verbs and examples."""
    purpose, examples = _help(context.command)
    limit = 0 if context.info_name in _WHOLE else _MOST_OWNERS
    own = [
        option
        for option in _options(context)
        if owners[str(option.name)] <= limit and option.name not in told_of
    ]
    lines = [f"**`{_usage(context)}`** {purpose}"]
    if own:
        told = "; ".join(_told(option, context) for option in own[:_MOST_OPTIONS])
        lines.append(f"Its own options: {told}.")
    if isinstance(context.command, VerbGroup):
        lines += _verbs(context, context.command)
    shown = "\n".join(islice(examples, _MOST_EXAMPLES))
    return "\n".join(lines) + f"\n```sh\n{shown}\n```\n"


def _verbs(context: click.Context, group: VerbGroup) -> Iterator[str]:
    for name, verb in group.commands.items():
        below = click.Context(verb, info_name=name, parent=context)
        yield f"- `{_usage(below)}`: {verb.get_short_help_str(200)}"


def _help(command: click.Command) -> tuple[str, list[str]]:
    """The paragraphs of a command's help on one line, and its examples."""
    text = inspect.cleandoc(command.help or "")
    prose, _, examples = text.partition("\b\nExamples:\n")
    paragraphs = [part for part in prose.split("\n\n") if not part.startswith("\b")]
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    return " ".join(" ".join(paragraphs).split()), lines


def _usage(context: click.Context) -> str:
    pieces = [
        piece for piece in context.command.collect_usage_pieces(context) if piece != "[OPTIONS]"
    ]
    return " ".join(filter(None, (context.command_path, *pieces)))


def _options(context: click.Context) -> list[GroupedOption]:
    """The options that the help shows, without those that every command has."""
    return [
        param
        for param in context.command.params
        if isinstance(param, GroupedOption) and not param.hidden and param.name not in _SWITCHES
    ]


def _told(option: GroupedOption, context: click.Context) -> str:
    record = option.get_help_record(context)
    assert record is not None
    flags, help_ = record
    return f"`{flags}` {help_.replace(';', ',')}"


def _results() -> str:
    """The JSON of an answer and the keys of a record, from their schemas."""
    from acestep_cli.jobs.schema import record_schema
    from acestep_cli.term.schema import EXIT_CODES, result_schema

    record = record_schema()["properties"]
    item = record["items"]["items"]["properties"]
    codes = "; ".join(f"{code.value} {told}" for code, told in EXIT_CODES.items())
    return f"""\
## What comes back

`--json` writes {_keys(result_schema()["properties"])}. `error` is null or an object of `code`,
`message` and `hint`. For commands that make sound `data` is the record:

- keys: {_keys(record)}
- each of `items`: {_keys(item)}
- its `metas`: {_keys(item["metas"]["properties"])}
- `status`: {_keys(record["status"]["enum"])}

{words.ANSWERS}
```sh
acestep generate "CAPTION" --json | jq -r '.data.audio_paths[]'
acestep schema record
```

Exit codes: {codes}.
"""


def _keys(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _page(name: str) -> str:
    """A page of the guide, one level deeper."""
    lines = guide.topic(name).splitlines()
    return "\n".join(f"#{line}" if line.startswith("#") else line for line in lines)
