"""One row of the table of parameters: its name, spellings, kind, range and words for people.

Knows nothing about where values come from; `parse` turns raw values into typed ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "text", "path", "bool", "int", "float", "seconds", "choice", "bpm", "keyscale",
    "timesignature", "language", "seeds", "timesteps", "codes", "bitrate", "tracks", "regions",
]  # fmt: skip

# Any batch of 8 from here still fits the generators of all devices.
MAX_SEED = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter. `default` None means "not given": a later stage decides.

    `aliases` are further names; case, dashes and underscores never matter. `minimum` and `maximum`
    are inclusive, except that `above_minimum` excludes the minimum itself. `spellings` are the
    documented command-line forms where they differ from `--name-in-kebab-case`; `flagless`
    parameters exist everywhere but on the command line, `hidden` ones are left out of its help.
    `ignored` is the reason why the parameter has no effect here, empty where it has one.
    """

    name: str
    kind: Kind
    help: str
    group: str
    default: Any = None
    aliases: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    above_minimum: bool = False
    choices: tuple[str | int, ...] = ()
    spellings: tuple[str, ...] = ()
    ignored: str = ""
    hidden: bool = False
    flagless: bool = False

    @property
    def flags(self) -> tuple[str, ...]:
        """Declarations for `click.option`: the documented spellings, shown in the help."""
        if self.spellings or self.flagless:
            return self.spellings
        kebab = kebab_case(self.name)
        return (f"--{kebab}/--no-{kebab}",) if self.kind == "bool" else (f"--{kebab}",)

    @property
    def alias_flags(self) -> tuple[str, ...]:
        """Further declarations for `click.option`: canonical name and aliases, not for the help."""
        if self.flagless:
            return ()
        shown = {part.strip() for flag in self.flags for part in flag.split("/")}
        declared = []
        for spelling in dict.fromkeys(kebab_case(name) for name in (self.name, *self.aliases)):
            yes, no = f"--{spelling}", f"--no-{spelling}"
            if self.kind != "bool" or spelling.startswith("no-"):
                declared += [yes] * (yes not in shown)
            elif yes not in shown or no not in shown:
                new = [flag if flag not in shown else " " for flag in (yes, no)]
                declared.append("/".join(new) if new[1] != " " else yes)
        return tuple(declared)

    @property
    def range(self) -> str:
        """The accepted values in words, such as `30 to 300`; empty where anything goes."""
        if self.choices:
            return ", ".join(str(choice) for choice in self.choices)
        low = f"{self.minimum:.12g}" if self.minimum is not None else ""
        high = f"{self.maximum:.12g}" if self.maximum is not None else ""
        if low and high:
            return f"above {low} and up to {high}" if self.above_minimum else f"{low} to {high}"
        if low:
            return f"above {low}" if self.above_minimum else f"{low} or more"
        return f"up to {high}" if high else ""


def kebab_case(name: str) -> str:
    """`useFormat` and `use_format` as `use-format`."""
    words = "".join(f"-{char.lower()}" if char.isupper() else char for char in name)
    return words.replace("_", "-").strip("-")


def squeeze(spelling: str) -> str:
    """The form under which spellings are compared: lower case, without `-`, `_` and blanks."""
    return "".join(char for char in spelling.lower() if char not in "-_ ")
