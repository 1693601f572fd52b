"""`acestep skill`: the skill that lets an agent use acestep."""

from __future__ import annotations

from pathlib import Path

import click

from acestep_cli.commands import skill_words
from acestep_cli.commands.verb import RUN, GroupedOption, Verb, VerbGroup
from acestep_cli.errors import OutputError
from acestep_cli.files import create_exclusively, is_file, replace_bytes
from acestep_cli.term.output import Output, Result

GROUP_HELP = """Write the skill that lets an agent use acestep.

A skill is a file, SKILL.md, that tells an agent when to use which command, what comes back and how
to write for the model.

\b
Examples:
  acestep skill install
  acestep skill show
"""
INSTALL_HELP = """Write FOLDER/acestep/SKILL.md.

FOLDER is where an agent looks for skills; without it, .claude/skills in the current folder. A skill
that was written before is written anew.

\b
Examples:
  acestep skill install
  acestep skill install ~/.claude/skills
"""
SHOW_HELP = """Print the skill.

\b
Examples:
  acestep skill show
  acestep skill show > SKILL.md
"""
DEFAULT_FOLDER = ".claude/skills"

_FILE = "SKILL.md"


def install(output: Output, folder: str | None, force: bool | None) -> Result:
    """Write the skill below `folder`; a file that is not ours only with `force`."""
    path = Path(DEFAULT_FOLDER if folder is None else folder) / skill_words.NAME / _FILE
    text = _document().encode("utf-8")
    try:
        replaced = _write(path, text, force=bool(force))
    except OutputError as error:
        raise OutputError(error.message, _remedy(error), code=error.code) from error
    data = {"path": str(path), "replaced": replaced}
    return Result(data=data, lines=(str(path),))


def show(output: Output) -> Result:
    """Print the skill."""
    text = _document()
    return Result(data={"text": text}, lines=tuple(text.splitlines()))


def _write(path: Path, text: bytes, *, force: bool) -> bool:
    """Write `text`; whether there was a file before."""
    if not (force or _is_ours(path)):
        if not create_exclusively(path, text):
            raise OutputError(f"{path} exists and is not by acestep", code="exists")
        return False
    replaced = is_file(path)
    replace_bytes(path, text)
    return replaced


def _is_ours(path: Path) -> bool:
    try:
        return skill_words.MARK.encode() in path.read_bytes()
    except OSError:
        return False


def _remedy(error: OutputError) -> str:
    if error.code == "exists":
        return "write over it with --force, or name another FOLDER"
    return "name another FOLDER"


def _document() -> str:
    from acestep_cli.commands.skill_document import document

    return document(click.get_current_context().find_root())


command = VerbGroup(
    "skill",
    [
        Verb(
            "install",
            [
                click.Argument(
                    ["folder"],
                    required=False,
                    metavar="[FOLDER]",
                    type=click.Path(file_okay=False, readable=False),
                ),
                GroupedOption(
                    ["--force"], RUN, is_flag=True, help="write over a file of another origin"
                ),
            ],
            callback=install,
            help=INSTALL_HELP,
            short_help="Write the skill where an agent finds it",
        ),
        Verb("show", [], callback=show, help=SHOW_HELP, short_help="Print the skill"),
    ],
    help=GROUP_HELP,
    short_help="Write the skill that lets an agent use acestep",
)
