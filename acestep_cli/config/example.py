"""`config.example.toml`, written from the table of settings and parameters.

`python -m acestep_cli.config.example FILE` writes it; without FILE it goes to stdout.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from acestep_cli.config import schema
from acestep_cli.config.presets import built_in
from acestep_cli.config.tomlfile import toml_value
from acestep_cli.config.view import preset_tables
from acestep_cli.files import replace_bytes
from acestep_cli.request import FIELDS, Field, as_plain

_INTRODUCTION = """\
# Settings of acestep. Copy this to the user's settings file (`acestep config --path` names it) or
# to acestep.toml in a project's folder, and take the # away before the keys you want to set.
#
# Later sources win: defaults, user file, nearest acestep.toml, --config FILE, --preset NAME,
# environment, flags. Each key is also an environment variable, such as ACESTEP_DEVICE and
# ACESTEP_BPM. Lines show the default, or an example where there is none.
"""
_PRESETS = """\
# --- Presets ---

# Presets for --preset NAME hold keys of [generation]. Some come with the package, and a preset of
# the same name in a file takes their place:
#
"""
_OWN_PRESET = """\
#[presets.sketch]
#duration = 60
#thinking = false
#inference_steps = 4
"""
_MODELS = """\
# --- Further checkpoints ---

# A checkpoint beside the published ones, for --model and `acestep models pull`. repo is OWNER/NAME
# on the hub; kind is dit or planner or vae or text_encoder; family, for a dit, turbo or sft or
# base. folder, inside the repository, and revision, a branch or tag or commit, may be left out.
#[models.my-style]
#repo = "someone/my-style"
#kind = "dit"
#family = "base"
#folder = "checkpoints/last"
#revision = "main"
"""
# What to show for parameters that are not given by default.
_EXAMPLES: dict[str, Any] = {
    "checkpoints": "checkpoints",
    "offload_to_cpu": True,
    "threads": 8,
    "bpm": 120,
    "duration": 120,
    "keyscale": "F# minor",
    "timesignature": "4/4",
    "repainting_end": 20.0,
    "model": "acestep-v15-turbo",
    "lm_model_path": "acestep-5Hz-lm-0.6B",
    "seed": [7, 8],
    "inference_steps": 8,
    "guidance_scale": 7.0,
    "shift": 3.0,
    "timesteps": [1.0, 0.75, 0.5, 0.25],
    "retake_seed": 7,
    "loudness": -14.0,
    "regions": ["10-20", "45.5-"],
    "track_name": ["guitar"],
    "track_classes": ["drums", "bass"],
    "audio_codes": ["<|audio_code_7|><|audio_code_8|>"],
    "src_audio": "source.wav",
    "reference_audio": "voice.wav",
    "thinking": True,
    "use_format": True,
    "use_cot_caption": True,
    "use_cot_language": True,
    "use_cot_metas": True,
}


def example_toml() -> str:
    """The text of the example file: every key that has an effect, commented out, by group."""
    return "\n".join(
        (
            _INTRODUCTION,
            *_groups(schema.SETTINGS),
            f"[{schema.GENERATION}]\n",
            *_groups(field for field in FIELDS if field.name != "save_dir"),
            _PRESETS + _built_in() + _OWN_PRESET,
            _MODELS,
        )
    )


def _built_in() -> str:
    """The presets of the package as comments."""
    lines = [line for table in preset_tables(built_in()) for line in table.lines()]
    return "".join(f"# {line.removeprefix('# ')}\n" for line in lines) + "\n"


def _groups(fields: Iterable[Field]) -> Iterator[str]:
    shown = (field for field in fields if not field.hidden)
    for group, members in groupby(shown, key=lambda field: field.group):
        yield f"# --- {group} ---\n"
        yield from (_entry(field) for field in members)


def _entry(field: Field) -> str:
    default = field.default
    if field.name not in schema.SETTINGS_BY_NAME:
        default = as_plain(field.name, default)
    given = default not in (None, "", [])
    value = default if given else _EXAMPLES.get(field.name, "")
    note = "" if given or value == "" else " (not set)"
    return f"# {field.help}{note}\n#{field.name} = {toml_value(value)}\n"


def main(arguments: list[str]) -> None:
    """Write the example to the named file, or print it."""
    if arguments:
        replace_bytes(Path(arguments[0]), example_toml().encode())
    else:
        sys.stdout.write(example_toml())


if __name__ == "__main__":
    main(sys.argv[1:])
