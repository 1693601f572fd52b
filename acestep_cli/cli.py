"""The program `acestep`: its table of commands, and `main`, where all errors end.

Commands are imported when they are called; `--help` reads the table alone. Only this file catches
errors and exits.
"""

from __future__ import annotations

import gc
import importlib
import io
import itertools
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any, NoReturn, TextIO

import click
from click.shell_completion import CompletionItem, shell_complete

from acestep_cli import __version__
from acestep_cli.errors import (
    AceStepError,
    Cancelled,
    ExitCode,
    OutOfMemory,
    OutputError,
    UsageError,
)
from acestep_cli.term.output import Output, Result
from acestep_cli.term.signals import StopSignals
from acestep_cli.term.streams import guarded_stdout, write_talk
from acestep_cli.term.words import complaint

# Name to module and short help, by heading of the help. Short help has no commas: the completion
# script of fish splits there.
SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Make": {
        "generate": ("generate", "Make a song from words"),
        "random": ("random", "Make a song from an idea drawn by seed"),
        "replay": ("replay", "Make an earlier song again; the same or with changes"),
    },
    "Edit": {
        "cover": ("cover", "Make a song anew in another style"),
        "repaint": ("repaint", "Make parts of a song anew"),
        "extend": ("extend", "Make a song longer"),
        "extract": ("extract", "Take single tracks out of a song"),
        "lego": ("lego", "Make a new track that goes with a song"),
        "complete": ("complete", "Make a whole song around a track"),
        "morph": ("morph", "Carry a song from its own words towards others"),
    },
    "Plan": {
        "format": ("format", "Improve a caption and lyrics"),
        "lyrics": ("lyrics", "Find what a model would misread in lyrics"),
        "understand": ("understand", "Describe a song in words"),
    },
    "Manage": {
        "status": ("status", "Show how far a job came"),
        "jobs": ("jobs", "List jobs; show or cancel or await or remove them"),
        "models": ("models", "List checkpoints; fetch or check or remove them"),
        "config": ("config", "Show settings and change them"),
        "health": ("health", "Check what works on this machine"),
        "completions": ("completions", "Print a completion script for a shell"),
        "skill": ("skill", "Write the skill that lets an agent use acestep"),
        "schema": ("schema", "Print the JSON schemas of what acestep writes"),
        "help": ("help", "Explain a command or a topic"),
    },
}
# Other names, which the help leaves out.
ALIASES = {"doctor": "health"}
COMMANDS: dict[str, tuple[str, str]] = {
    name: row for section in SECTIONS.values() for name, row in section.items()
}

HELP = """Run the ACE-Step 1.5 music model on your own machine.

Songs and the records of their jobs are written to acestep_output in the current folder.

\b
Examples:
  acestep generate "upbeat indie rock, bright guitars" --duration 30 --seed 7
  acestep cover song.mp3 "solo piano"
  acestep status last
"""


_COMPLETION_VARIABLE = "_ACESTEP_COMPLETE"
# How alike two names of options must be, from 0 to 1, for one to be taken for the other.
_NEAR = 0.7


class Commands(click.Group):
    """The group of all verbs, each imported when it is called."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """`-h` in the words of the other switches."""
        from acestep_cli.commands.verb import in_own_words

        return in_own_words(super().get_help_option(ctx))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of `cmd_name`; None for an unknown name."""
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS:
            return None
        command = importlib.import_module(f"acestep_cli.commands.{COMMANDS[name][0]}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that `args` name; UsageError with the nearest name for an unknown one."""
        from acestep_cli.commands.verb import resolve_verb

        named = [ALIASES.get(args[0], args[0]), *args[1:]]
        return resolve_verb(self, super().resolve_command, ctx, named)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, and the topics that `acestep help` explains."""
        from acestep_cli.guide import TOPICS

        spacing = max(map(len, (*COMMANDS, *TOPICS)))
        for heading, section in SECTIONS.items():
            with formatter.section(heading):
                rows = [(name.ljust(spacing), words) for name, (_, words) in section.items()]
                formatter.write_dl(rows)
        with formatter.section("Topics of acestep help"):
            formatter.write_dl([(name.ljust(spacing), words) for name, words in TOPICS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete names from the table."""
        found = [
            CompletionItem(name, help=words)
            for name, (_, words) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the program and exit; with `argv` given, leave the process as it was before raising."""
    arguments = tuple(sys.argv[1:] if argv is None else argv)
    stop = StopSignals()
    try:
        with stop.installed(), guarded_stdout(restore=argv is not None) as answer:
            status = _run(Output(answer, arguments, stop))
    except BrokenPipeError:
        status = ExitCode.PIPE
    except Cancelled as stopped:
        # The signal came when the work was done and its answer was on the way out.
        status = stopped.exit_code
    except OSError as error:
        reason = error.strerror or type(error).__name__
        lost = OutputError(f"cannot write the answer to stdout: {reason}")
        write_talk(complaint(lost, colour=False))
        status = lost.exit_code
    if stop.at_once:
        # Threads that are still computing would otherwise be waited for.
        os._exit(status)
    sys.exit(int(status))


def _run(output: Output) -> int:
    """Run the command of `output` and emit its result; the process status.

    Raises OSError when stdout cannot take the answer.
    """
    # Until the arguments are parsed, this is all that can be known of the two switches.
    switches = list(itertools.takewhile(lambda word: word != "--", output.arguments))
    output.json, output.debug = "--json" in switches, "--debug" in switches
    # Kept until the command has ended: a full disk behind stdout is no error of the command.
    kept = io.BytesIO()
    printed = io.TextIOWrapper(kept, output.answer.encoding, output.answer.errors)
    try:
        returned = _dispatch(output, printed)
    except BrokenPipeError:
        raise
    except click.exceptions.NoArgsIsHelpError as error:
        write_talk(error.format_message() + "\n")
        return ExitCode.USAGE
    except click.exceptions.Exit as exit_:
        returned = exit_.exit_code
    except (Exception, KeyboardInterrupt) as error:
        returned = Result(error=_told(error, output))
    printed.flush()
    output.answer.buffer.write(kept.getvalue())
    if not isinstance(returned, Result):
        return int(returned or ExitCode.OK)
    output.emit(returned)
    return returned.status()


def _dispatch(output: Output, printed: TextIO) -> Any:
    """What the command of `output` returns; `printed` takes what click prints by itself."""
    from acestep_cli.commands.verb import switches

    version = click.version_option(
        __version__, prog_name="acestep", message="%(prog)s %(version)s", help="show the version"
    )
    group = Commands(
        help=HELP,
        params=switches(),
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    group = version(group)
    # Help, version and completions are printed while arguments are parsed: they are answers.
    with redirect_stdout(printed):
        if instruction := os.environ.get(_COMPLETION_VARIABLE):
            # Looking for garbage would take some milliseconds, and this process soon ends.
            gc.disable()
            return shell_complete(group, {}, "acestep", _COMPLETION_VARIABLE, instruction)
        with group.make_context("acestep", list(output.arguments), obj=output) as context:
            return group.invoke(context)


def _told(error: BaseException, output: Output) -> AceStepError:
    """`error` as a sentence for people, with its trace kept for `--debug`."""
    if isinstance(error, AceStepError):
        return error
    if isinstance(error, click.UsageError):
        told: AceStepError = _usage_error(error, output)
    elif isinstance(error, (KeyboardInterrupt, click.Abort)):
        told = Cancelled()
    elif isinstance(error, MemoryError):
        told = OutOfMemory(
            "there is not enough memory", "ask for a shorter song or a smaller batch"
        )
    else:
        sentence = f"unexpected {type(error).__name__}"
        if lines := str(error).strip().splitlines():
            sentence += f": {lines[0]}"
        told = AceStepError(sentence, "run it again with --debug to see where it comes from")
    told.__cause__ = error
    return told


def _usage_error(error: click.UsageError, output: Output) -> UsageError:
    # Where an option lacks its value, click does not say whose it is.
    path = error.ctx.command_path if error.ctx else " ".join(("acestep", *output.verbs))
    help_hint = f"see `{path} --help`"
    if isinstance(error, click.NoSuchOption):
        near = _likest(error.option_name, error.possibilities or ())
        hint = f"did you mean {near}?" if near else help_hint
        return UsageError(f"there is no option {error.option_name}", hint)
    return UsageError(error.format_message().rstrip("."), help_hint)


def _likest(typed: str, flags: Sequence[str]) -> str:
    """The only flag that begins like `typed`, or else the one that it was probably meant to be, by
    its letters alone: two dashes and a common ending make no likeness. Empty without one."""
    from difflib import get_close_matches

    letters, word = {flag.strip("-"): flag for flag in flags}, typed.strip("-")
    begun = [one for one in letters if one.startswith(word)]
    near = begun if len(begun) == 1 else get_close_matches(word, letters, n=1, cutoff=_NEAR)
    return letters[near[0]] if near else ""
