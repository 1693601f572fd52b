"""Every key that settings may hold: the run's own settings beside all parameters of a song.

Keys of songs are `generation.NAME` (or the bare name), the run's settings stand at the top level.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from acestep_cli.request import FIELDS, Field, find, near_miss
from acestep_cli.request.field import squeeze
from acestep_cli.request.parse import parse
from acestep_cli.request.problems import BadValue, Problem, shown
from acestep_cli.request.validate import check
from acestep_cli.request.values import merge, read_value

Quantization = Literal["none", "int8", "int4"]
GENERATION = "generation"
PRESETS = "presets"
MODELS = "models"
TABLES = (GENERATION, PRESETS, MODELS)
SECRETS = frozenset(("api_key",))

_RUN = "Run"
_SERVER = "Server"
_OTHER = "it belongs to other programs"

SETTINGS: tuple[Field, ...] = (
    Field(
        "checkpoints", "path", "folder that holds the checkpoint folders", _RUN,
        aliases=("checkpoints_dir", "checkpoint_dir"),
    ),
    Field(
        "output_dir", "path", "folder of songs and records", _RUN, default="acestep_output",
        aliases=("save_dir",),
    ),
    Field("device", "text", "auto or cpu or cuda or cuda:N or mps", _RUN, default="auto"),
    Field(
        "dtype", "choice", "auto or float32 or bfloat16 or float16", _RUN, default="auto",
        choices=("auto", "float32", "bfloat16", "float16"),
    ),
    Field(
        "offload_to_cpu", "bool", "keep only the stage that runs on the device", _RUN,
        aliases=("offload",), spellings=("--offload/--no-offload",),
    ),
    Field("threads", "int", "CPU threads; 1 to 1024", _RUN, minimum=1, maximum=1024),
    Field(
        "lm_quantization", "choice", "planner weights on the CPU: none or int8 or int4", _RUN,
        default="none", choices=("none", "int8", "int4"),
    ),
    Field("api_url", "text", "address of the server", _SERVER, default="http://127.0.0.1:8001"),
    Field("api_key", "text", "key of the server; kept secret", _SERVER, default=""),
    Field(
        "api_mode", "choice", "native or completion", _SERVER, default="native",
        choices=("native", "completion"),
    ),
    *(
        Field(name, "text", "setting of other programs", "Accepted without effect", default="",
              ignored=_OTHER, hidden=True, flagless=True)
        for name in ("project_root", "log_level", "use_flash_attention", "offload_dit_to_cpu",
                     "compile_model")
    ),
)  # fmt: skip
SETTINGS_BY_NAME: dict[str, Field] = {field.name: field for field in SETTINGS}

_BY_SPELLING = {
    squeeze(spelling): field for field in SETTINGS for spelling in (field.name, *field.aliases)
}
_DTYPES = {"bf16": "bfloat16", "fp16": "float16", "half": "float16", "fp32": "float32"}
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class FurtherModel:
    """A checkpoint that is not among the published ones, from a table `[models.NAME]`.

    `repo` is OWNER/NAME on the hub, `kind` dit, planner, vae or text_encoder; `family` is turbo,
    sft or base for a dit and None for others. `folder` is the checkpoint's folder inside the
    repository, None for its top; `revision` a branch, tag or commit, None for the newest.
    """

    name: str
    repo: str
    kind: str
    family: str | None = None
    folder: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How and where a job runs. None means "decided by the machine" (`threads`, `offload_to_cpu`)
    or "looked for in the usual places" (`checkpoints`). `models` are further checkpoints."""

    checkpoints: Path | None = None
    output_dir: Path = Path("acestep_output")
    device: str = "auto"
    dtype: str = "auto"
    offload_to_cpu: bool | None = None
    threads: int | None = None
    lm_quantization: Quantization = "none"
    api_url: str = "http://127.0.0.1:8001"
    api_key: str = ""
    api_mode: str = "native"
    models: tuple[FurtherModel, ...] = ()


def all_keys() -> tuple[str, ...]:
    """The dotted keys of all settings and parameters that have an effect, in the order of the
    tables."""
    rows = (*SETTINGS, *(field for field in FIELDS if field.name != "save_dir"))
    return tuple(full_key(row) for row in rows if not row.hidden and not row.ignored)


def find_key(key: str, value: object = None) -> Field | None:
    """The row that `key` means: a setting, or a parameter with or without `generation.`"""
    table, _, name = key.rpartition(".")
    setting = _BY_SPELLING.get(squeeze(name))
    if table == GENERATION:
        return setting if setting and squeeze(name) in _SHARED else find(name, value)
    return None if table else setting or find(name, value)


def full_key(field: Field) -> str:
    """The dotted key under which `field` is shown and stored: `device`, `generation.bpm`."""
    return field.name if field.name in SETTINGS_BY_NAME else f"{GENERATION}.{field.name}"


def unknown_key(key: str) -> Problem:
    """The problem that nothing is called `key`, with the nearest key."""
    table, _, name = key.rpartition(".")
    if table == GENERATION and squeeze(name) in _BY_SPELLING:
        setting = _BY_SPELLING[squeeze(name)].name
        return Problem(
            key, f"{setting} is no parameter of a song", f"write {setting} outside [{GENERATION}]"
        )
    known = FIELDS if table == GENERATION else (*SETTINGS, *FIELDS)
    close = near_miss(name, tuple(word for row in known for word in (row.name, *row.aliases)))
    field = find_key(close) if close else None
    remedy = f"did you mean {full_key(field)}?" if field else "see `acestep config --list`"
    return Problem(key, f"there is no setting {shown(key)}", remedy)


def read_key(field: Field, raw: object) -> dict[str, Any]:
    """The typed, range-checked values that `raw` gives `field`; BadValue names value and limit."""
    if field.name in SECRETS and not isinstance(raw, str):
        # A sentence that names the value would tell the secret.
        raise BadValue(f"{field.name} is not text", f"write {field.name} as text")
    if field.name in SETTINGS_BY_NAME:
        return {field.name: _read_setting(field, raw)}
    values = read_value(field, raw)
    _raise_first(check(field, values[field.name]))
    return values


def add_values(values: dict[str, Any], new: Mapping[str, Any], spelling: str) -> None:
    """Add the `new` values that `spelling` gave to `values`; BadValue where another spelling said
    something else."""
    try:
        merge(values, new, spelling)
    except BadValue:
        for secret in SECRETS.intersection(new):
            raise BadValue(f"{secret} is given twice", f"give {secret} once") from None
        raise


def _read_setting(field: Field, raw: object) -> Any:
    if field.ignored:
        return str(raw)
    if field.name == "dtype" and isinstance(raw, str):
        raw = _DTYPES.get(raw.strip().lower(), raw)
    value = parse(field, raw)
    _raise_first(check(field, value))
    if field.name == "device":
        return _device(value)
    if field.name == "api_url" and not value.startswith(("http://", "https://")):
        raise BadValue(
            f"api_url {shown(value)} is no http address", "write it like http://127.0.0.1:8001"
        )
    return value


def _device(text: str) -> str:
    device = text.strip().lower()
    if not _DEVICE.fullmatch(device):
        raise BadValue(
            f"device {shown(text)} is not one of auto, cpu, cuda, cuda:N, mps",
            "choose auto, cpu, cuda, cuda:N or mps",
        )
    return device


def _raise_first(problems: Iterator[Problem]) -> None:
    for problem in problems:
        raise BadValue(problem.message, problem.remedy, content=problem.content)


# The output folder is a parameter of the song in the users' documents and a setting here.
_SHARED = frozenset(map(squeeze, ("output_dir", "save_dir")))
