"""What a record says must happen for its song to come again, with changes laid over it.

A record is only a text: each value is read with the care that a plan gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from acestep_cli.config import Resolved, resolve
from acestep_cli.config.schema import SETTINGS_BY_NAME
from acestep_cli.config.sources import read_given
from acestep_cli.errors import AceStepError, InputError, UsageError
from acestep_cli.files import is_file
from acestep_cli.jobs import is_job_id
from acestep_cli.jobs.history import KnownJob
from acestep_cli.pipeline.plan import Wish
from acestep_cli.request import BY_NAME, SongRequest, check_makeable, validate
from acestep_cli.request.problems import error_of
from acestep_cli.request.values import complete
from acestep_cli.run.pinned import Pinned, recorded
from acestep_cli.run.wishes import read_wishes, with_typed
from acestep_cli.weights.catalog import Kind
from acestep_cli.weights.demonstration import DEMO

_SOUNDS = ("src_audio", "reference_audio")
_KINDS: tuple[Kind, ...] = ("dit", "vae", "text_encoder", "planner")
_HARDWARE = ("device", "dtype", "threads", "lm_quantization")
# These say where something lies and nothing of how it sounds.
_PLACES = frozenset(("output_dir", "checkpoints", "offload_to_cpu"))
# What the checkpoint decided where nobody else did.
_OF_THE_MODEL = ("inference_steps", "guidance_scale", "shift", "lm_cfg_scale")
_OF_THE_PLANNER = frozenset(
    (
        "description", "sample_mode", "no_lm", "thinking", "use_format", "use_cot_caption",
        "use_cot_language", "use_cot_metas", "use_cot_lyrics", "lm_model_path",
    )
)  # fmt: skip
_ORIGINS = frozenset(("default", "file", "env", "flag", "preset", "plan", "source"))


@dataclass(frozen=True, slots=True)
class Replay:
    """A job to be made again: what it is asked to do now, what is given for its songs, what stays
    fixed, and the names of what was typed to be different."""

    resolved: Resolved
    wishes: tuple[Wish, ...]
    pinned: Pinned
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Typed:
    """What was typed: settings and parameters of a song, with the origin of each of those."""

    settings: Mapping[str, Any]
    song: Mapping[str, Any]
    origins: Mapping[str, str]
    now: Resolved


def replay_of(
    job: KnownJob,
    flags: Mapping[str, Any],
    *,
    environ: Mapping[str, str],
    config_file: str | None = None,
    preset: str | None = None,
    use_files: bool = True,
) -> Replay:
    """How `job` is made again with `flags`, raw values under any spelling, laid over its record.

    Seeds stay unless typed, and what was given for each song unless typed too. Of the settings of
    today those count that say where things lie. UsageError for what does not go together,
    InputError for a record that cannot be.
    """
    asked, items = _request(job), _seeds(job)
    today = {"environ": environ, "config_file": config_file, "preset": preset}
    typed = _typed(asked, flags, {**today, "use_files": use_files})
    origins = _origins(job) | dict(typed.origins)
    base = _without_source(asked, origins) if "src_audio" in typed.song else asked
    if "model" in typed.song:
        base = _without_defaults(base, origins)
    request = _merged(base, typed, items).replace(save_dir=typed.now.request.save_dir)
    request = _at_home(request, job, typed)
    names = frozenset(typed.song)
    resolved = Resolved(
        request=request,
        settings=typed.now.settings,
        origins={**typed.now.origins, **origins, "save_dir": typed.now.origins["save_dir"]},
        ignored=tuple(dict.fromkeys((*_texts(job.record.get("ignored")), *_ignored(typed)))),
        warnings=tuple(validate(request)),
        where={**typed.now.where, **dict.fromkeys(names, "flag")},
        by_family=_for_families(typed),
    )
    wishes = _wishes(job, request, names)
    if not wishes:
        check_makeable(request)
    changes = sorted({*names, *typed.settings} - _PLACES)
    return Replay(resolved, wishes, _pinned(job, typed), tuple(changes))


def _request(job: KnownJob) -> SongRequest:
    raw = job.record.get("request")
    if not isinstance(raw, Mapping):
        raise _unusable(job, "it holds no request")
    try:
        return SongRequest.from_values(raw)
    except AceStepError as error:
        raise _unusable(job, error.message) from error


def _seeds(job: KnownJob) -> tuple[int, ...]:
    """The seed of every item."""
    seeds = [item.get("seed") for item in job.items()]
    if not seeds or not all(type(seed) is int and 0 <= seed < 2**32 for seed in seeds):
        raise _unusable(job, "it does not hold the seed of every song")
    return tuple(cast(list[int], seeds))


def _origins(job: KnownJob) -> dict[str, str]:
    """Where the record says that each parameter came from."""
    told = job.record.get("origins")
    known = told if isinstance(told, Mapping) else {}
    found = {name: known.get(name) for name in BY_NAME}
    return {
        name: origin if isinstance(origin, str) and origin in _ORIGINS else "default"
        for name, origin in found.items()
    }


def _typed(asked: SongRequest, flags: Mapping[str, Any], today: Mapping[str, Any]) -> _Typed:
    """`flags` and the preset apart: the layers of `today`, as `resolve` takes them, count for
    settings alone."""
    layer, problems = read_given("flag", flags)
    if problems:
        raise error_of(problems)
    settings = {name: value for name, value in layer.values.items() if name in SETTINGS_BY_NAME}
    now = resolve(settings, **today)
    chosen = [name for name in BY_NAME if now.origins[name] == "preset"]
    song = {name: getattr(now.request, name) for name in chosen}
    song |= {name: value for name, value in layer.values.items() if name in BY_NAME}
    # An edit stays what it is, whatever its new source or region would mean by itself.
    task = {} if asked.task_type == SongRequest().task_type else {"task_type": asked.task_type}
    implied = complete({**task, **song}).values
    if "task_type" not in song and task:
        implied.pop("task_type")
    origins = {name: "preset" if name in chosen else "flag" for name in implied}
    origins |= {name: "flag" for name in layer.values if name in song}
    return _Typed(settings, implied, origins, now)


def _for_families(typed: _Typed) -> dict[str, dict[str, Any]]:
    """What the preset gives to checkpoints of one family, without what was typed beside it."""
    return {
        family: {name: value for name, value in values.items() if name not in typed.song}
        for family, values in typed.now.by_family.items()
    }


def _merged(base: SongRequest, typed: _Typed, seeds: tuple[int, ...]) -> SongRequest:
    """`base` with what was typed and what has to give way to it."""
    changes = dict(typed.song)
    if changes.get("lyrics") and "instrumental" not in changes:
        changes["instrumental"] = False
    if "regions" in changes:
        changes = {"repainting_start": 0.0, "repainting_end": None, **changes}
    elif "repainting_start" in changes or "repainting_end" in changes:
        changes["regions"] = ()
    if changes.get("use_random_seed"):
        changes.setdefault("seed", SongRequest().seed)
    elif "seed" not in changes:
        # The tracks of one song share its seed.
        songs = min(base.batch_size, len(seeds))
        each = seeds[:: max(1, len(seeds) // songs)]
        changes["seed"] = each[: changes.get("batch_size", songs)]
    return base.replace(**changes)


def _without_source(asked: SongRequest, origins: dict[str, str]) -> SongRequest:
    """`asked` without the values that its source gave, as there is another one."""
    given = [name for name, origin in origins.items() if origin == "source"]
    origins.update(dict.fromkeys(given, "default"))
    blank = SongRequest()
    return asked.replace(**{name: getattr(blank, name) for name in given})


def _without_defaults(asked: SongRequest, origins: Mapping[str, str]) -> SongRequest:
    """`asked` without the numbers that its checkpoint decided, as there is another one."""
    open_ = (name for name in _OF_THE_MODEL if origins[name] == "default")
    blank = SongRequest()
    return asked.replace(**{name: getattr(blank, name) for name in open_})


def _at_home(request: SongRequest, job: KnownJob, typed: _Typed) -> SongRequest:
    """`request` with the whole paths of its sounds, which were written as the folder of that run
    saw them; what is a job stays one where it is still here. InputError for one that is gone."""
    folder = typed.now.settings.output_dir
    found = {}
    for name in _SOUNDS:
        text, path = getattr(request, name), _source(job, name).get("path")
        if name in typed.song or not text or not isinstance(path, str):
            continue
        job_id = text.partition("_")[0]
        if is_job_id(job_id) and is_file(folder / f"{job_id}.json"):
            continue
        if is_file(Path(path)):
            found[name] = path
        elif not is_file(Path(text)):
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"the sound {path} of {job.job_id} is not there any more",
                             f"say where it lies now with {option}", code="not_found")  # fmt: skip
    return request.replace(**found)


def _source(job: KnownJob, name: str) -> Mapping[str, Any]:
    sources = job.record.get("sources")
    one = sources.get(name) if isinstance(sources, Mapping) else None
    return one if isinstance(one, Mapping) else {}


def _wishes(job: KnownJob, request: SongRequest, typed: frozenset[str]) -> tuple[Wish, ...]:
    wishes = read_wishes(job.record.get("wishes") or [])
    if not wishes:
        return ()
    if len(wishes) == 1:
        wishes *= request.batch_size
    if len(wishes) != request.batch_size:
        raise UsageError(
            f"the job {job.job_id} holds {len(wishes)} songs and batch_size is "
            f"{request.batch_size}",
            "leave out --batch and give as many seeds",
        )
    return with_typed(wishes, request, typed)


def _pinned(job: KnownJob, typed: _Typed) -> Pinned:
    folders = {kind: one for kind in _KINDS if (one := recorded(job.record, kind)) is not None}
    plans = bool(folders)
    roots = dict.fromkeys(one.path.parent for one in folders.values() if one.path is not None)
    demo = DEMO in (typed.song.get("model"), folders["dit"].name if "dit" in folders else None)
    if "model" in typed.song:
        folders = {kind: one for kind, one in folders.items() if kind == "planner" and not demo}
        plans = plans and not demo
    if demo:
        roots = {}  # the demonstration is used as a whole: nothing of it stands beside others
    if "lm_model_path" in typed.song or (
        "planner" not in folders and _OF_THE_PLANNER & typed.song.keys()
    ):
        folders.pop("planner", None)
        plans = False
    if "checkpoints" in typed.settings:
        folders = {kind: replace(one, path=None) for kind, one in folders.items()}
        roots = {}
    hardware = job.record.get("hardware")
    digests = {name: _source(job, name).get("sha256") for name in _SOUNDS}
    return Pinned(
        job_id=job.job_id,
        checkpoints=folders,
        plans=plans,
        hardware=hardware if isinstance(hardware, Mapping) else None,
        roots=tuple(roots),
        typed=frozenset(_HARDWARE) & typed.settings.keys(),
        sources={
            name: digest
            for name, digest in digests.items()
            if isinstance(digest, str) and name not in typed.song
        },
    )


def _ignored(typed: _Typed) -> list[str]:
    """What was typed, or set for this machine, and has no effect."""
    typed_names = [name for name in typed.song if BY_NAME[name].ignored]
    return [*typed_names, *(name for name in typed.now.ignored if name in SETTINGS_BY_NAME)]


def _texts(found: object) -> list[str]:
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _unusable(job: KnownJob, reason: str) -> InputError:
    return InputError(
        f"the job {job.job_id} cannot be made again from its record: {reason}",
        "make the song anew with `acestep generate`",
        code="bad_record",
    )
