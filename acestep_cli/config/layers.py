"""Defaults, files, preset, environment, plan and flags, laid over one another key by key."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from acestep_cli.config import paths, schema, sources
from acestep_cli.config.presets import find_preset, known_presets
from acestep_cli.config.rivals import displaced
from acestep_cli.config.schema import Settings
from acestep_cli.config.sources import Layer
from acestep_cli.request import BY_NAME, SongRequest, validate
from acestep_cli.request.problems import error_of
from acestep_cli.request.values import complete

PlannerWish = Literal["off", "optional", "required"]
# Parameters that make no sense without the planner: to give one is to ask for it.
_ASKING = ("lm_model_path", "thinking", "use_format", "use_cot_lyrics")
# What brings back a planner that is switched off further below; what cannot do without one says so
# better by itself.
_REVIVING = (*_ASKING, "description", "sample_mode")


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a run is asked to do, and where each value came from.

    `origins` maps every key (parameters by their bare name) to default, file, preset, env, plan or
    flag; `where` names the file, variable or preset behind each key that is no default, and the
    file behind each further checkpoint, as `models.NAME`. `ignored`
    lists given parameters without effect; `warnings` are (code, message) pairs. `by_family` is what
    the preset gives to checkpoints of one family and no stronger layer has, see `for_family`.
    """

    request: SongRequest
    settings: Settings
    origins: Mapping[str, str]
    ignored: tuple[str, ...]
    warnings: tuple[tuple[str, str], ...]
    where: Mapping[str, str]
    by_family: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def given(self, name: str) -> bool:
        """Whether anything but the defaults gave `name` its value."""
        return self.origins[name] != "default"

    @property
    def families(self) -> tuple[str, ...]:
        """The families of checkpoints that the preset prefers, the best first, where none is named;
        empty where it does not matter."""
        return tuple(self.by_family)

    def for_family(self, family: str) -> Resolved:
        """This, with what the preset gives to checkpoints of `family`."""
        found = {
            name: value
            for name, value in self.by_family.get(family, {}).items()
            # Typed times replace steps and shift, and would only be told of.
            if not (name in ("inference_steps", "shift") and self.request.timesteps)
        }
        if not found:
            return self
        named = (place for name, place in self.where.items() if self.origins.get(name) == "preset")
        return replace(
            self,
            request=self.request.replace(**found),
            origins={**self.origins, **dict.fromkeys(found, "preset")},
            where={**self.where, **dict.fromkeys(found, next(named, "preset"))},
        )

    @property
    def unheard(self) -> tuple[str, ...]:
        """Parameters of the planner that were typed beside `no_lm`, which leaves them no effect."""
        if not self.request.no_lm or self.origins["no_lm"] != "flag":
            return ()
        names = (name for name in _ASKING if self.origins[name] == "flag")
        return tuple(name for name in names if getattr(self.request, name))

    @property
    def planner_wish(self) -> PlannerWish:
        """Whether the planner is wanted: `off`; `optional`, so that the song is made without one
        where none is installed; or `required`, since one was named, switched on by its variable, or
        asked for on the command line. Settings that say `thinking` only repeat the default."""
        if self.request.no_lm:
            return "off"
        switched_on = self.where.get("no_lm") == sources.INIT_LLM_VARIABLE
        named = self.request.lm_model_path is not None
        typed = any(
            getattr(self.request, name) and self.origins[name] == "flag" for name in _ASKING
        )
        return "required" if switched_on or named or typed else "optional"


def resolve(
    flags: Mapping[str, Any] | None = None,
    *,
    config_file: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    preset: str | None = None,
    plan: Mapping[str, Any] | None = None,
    use_files: bool = True,
) -> Resolved:
    """Lay all sources over one another and check the whole.

    `flags` and `plan` hold raw values under any spelling, None for what was not typed. Order, the
    later winning: defaults, user file, nearest `acestep.toml`, `config_file`, `preset`,
    environment, plan, flags. Without `use_files` neither the user's nor the project's file is read.
    A SettingsError, UsageError or InputError names the first problem and lists the others.
    """
    environ = os.environ if environ is None else environ
    named = None if config_file is None else Path(config_file)
    layers = [
        sources.read_file(path, relative_to_file=relative)
        for path, relative in settings_files(named, environ, cwd, use_files=use_files)
    ]
    if preset is not None:
        layers.append(find_preset(preset, layers))
    layers.append(sources.read_environment(environ))
    for origin, raw in (("plan", plan), ("flag", flags)):
        layer, problems = sources.read_given(origin, raw or {})
        if problems:
            raise error_of(problems)
        layers.append(layer)
    return _combine(layers)


def find_presets(
    *,
    config_file: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> dict[str, dict[str, Any]]:
    """All presets by name, those of the package first: typed values by canonical name, without what
    is meant for checkpoints of one family."""
    found = read_presets(config_file, os.environ if environ is None else environ, cwd)
    return {name: layer.values for name, layer in found.items()}


def read_presets(
    config_file: str | os.PathLike[str] | None,
    environ: Mapping[str, str],
    cwd: Path | None = None,
) -> dict[str, Layer]:
    """All presets by name, those of the package first."""
    named = None if config_file is None else Path(config_file)
    files = settings_files(named, environ, cwd)
    return known_presets(
        sources.read_file(path, relative_to_file=relative) for path, relative in files
    )


def settings_files(
    config_file: Path | None,
    environ: Mapping[str, str],
    cwd: Path | None = None,
    *,
    use_files: bool = True,
) -> list[tuple[Path, bool]]:
    """The settings files that apply, the strongest last, and whether paths in each are taken from
    the file's own folder. `config_file` need not exist."""
    files = []
    if use_files:
        user = paths.user_config_file(environ)
        if os.path.lexists(user):
            files.append((user, False))
        project = paths.project_file(cwd or paths.current_folder())
        if project is not None:
            files.append((project, True))
    if config_file is not None:
        files.append((config_file, True))
    return files


def _combine(layers: Iterable[Layer]) -> Resolved:
    values: dict[str, Any] = {}
    models: dict[str, schema.FurtherModel] = {}
    by_family: Mapping[str, Mapping[str, Any]] = {}
    origins = dict.fromkeys((*schema.SETTINGS_BY_NAME, *BY_NAME), "default")
    where: dict[str, str] = {}
    for layer in layers:
        cause = _planner_again(layer.values, values)
        for name in displaced(layer.values, values):
            del values[name]
            where.pop(name, None)
            origins[name] = "default"
        values.update(layer.values)
        origins.update(dict.fromkeys(layer.values, layer.origin))
        where.update(layer.where)
        models |= {model.name: model for model in layer.models}
        by_family = layer.by_family or by_family
        if cause:
            values["no_lm"], origins["no_lm"] = False, layer.origin
            where["no_lm"] = layer.where[cause]
    if "output_dir" in values:
        values["save_dir"] = values["output_dir"]
        origins["save_dir"], where["save_dir"] = origins["output_dir"], where["output_dir"]
    completed = complete({name: value for name, value in values.items() if name in BY_NAME})
    for name, cause in completed.implied.items():
        origins[name], where[name] = origins[cause], where[cause]
    request = SongRequest(**completed.values)
    return Resolved(
        request,
        replace(_settings(values), models=tuple(models.values())),
        origins,
        tuple(name for name in where if _is_ignored(name)),
        tuple(validate(request)),
        where,
        _without_stronger(by_family, origins),
    )


def _without_stronger(
    by_family: Mapping[str, Mapping[str, Any]], origins: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """`by_family` without what a layer above the preset has given."""
    weaker = ("default", "file", "preset")
    return {
        family: {name: value for name, value in values.items() if origins[name] in weaker}
        for family, values in by_family.items()
    }


def _planner_again(new: Mapping[str, Any], below: Mapping[str, Any]) -> str | None:
    """Which of the `new` values asks for the planner that a source `below` switched off, while
    they say nothing of the switch itself."""
    if not below.get("no_lm") or "no_lm" in new:
        return None
    return next((name for name in _REVIVING if new.get(name)), None)


def _settings(values: Mapping[str, Any]) -> Settings:
    given = {field.name: values[field.name] for field in fields(Settings) if field.name in values}
    for name in ("checkpoints", "output_dir"):
        if given.get(name):
            given[name] = paths.expand(given[name])
        else:
            given.pop(name, None)
    return Settings(**given)


def _is_ignored(name: str) -> bool:
    field = schema.SETTINGS_BY_NAME.get(name) or BY_NAME.get(name)
    return field is not None and bool(field.ignored)
