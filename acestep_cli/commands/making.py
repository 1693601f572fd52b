"""What all commands that make songs share: their options, and one run from values to a result."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acestep_cli import __version__
from acestep_cli.commands.completing import complete_file, complete_preset
from acestep_cli.commands.delivery import Delivery, delivery, format_of, played, record_loss
from acestep_cli.commands.options import field_options
from acestep_cli.commands.texts import read_texts
from acestep_cli.commands.verb import RUN, GroupedOption, config_option
from acestep_cli.config import SETTINGS, Resolved, resolve
from acestep_cli.errors import PartialFailure, UsageError
from acestep_cli.events import Observer, silent
from acestep_cli.files import is_file
from acestep_cli.term.output import Output, Result

if TYPE_CHECKING:
    from acestep_cli.pipeline.plan import Wish
    from acestep_cli.request import SongRequest
    from acestep_cli.run import RunSpec
    from acestep_cli.run.pinned import Pinned

# Texts long enough to come from a file.
TEXTS = (
    "caption",
    "lyrics",
    "description",
    "instruction",
    "global_caption",
    "flow_edit_source_caption",
    "flow_edit_source_lyrics",
    "lm_negative_prompt",
    "audio_codes",
)


@dataclass(frozen=True, slots=True)
class RunChoices:
    """The options of a run that are no parameters of a song, as typed."""

    output_file: str | None = None
    config_file: str | None = None
    no_config: bool | None = None
    preset: str | None = None
    force: bool | None = None
    strict: bool | None = None
    plan_only: bool | None = None
    dry_run: bool | None = None
    no_wait: bool | None = None
    events: str | None = None
    play: bool | None = None
    plot: str | None = None


@dataclass(frozen=True, slots=True)
class Songs:
    """What is to be made: a resolved request, a wish for each item (none: the request's own), those
    for the case that there is no planner, and what an earlier job fixes."""

    resolved: Resolved
    wishes: tuple[Wish, ...] = ()
    without_planner: Callable[[], tuple[Wish, ...]] | None = None
    pinned: Pinned | None = None


def typed(values: dict[str, Any], choices: RunChoices) -> dict[str, Any]:
    """The values that were given, texts read from where they lie, the format from FILE's ending."""
    given = {name: value for name, value in values.items() if value is not None}
    flags = read_texts(_codes_read(given), TEXTS, (*TEXTS, "src_audio", "reference_audio"))
    if not _is_format_typed(flags) and (ending := format_of(choices.output_file)) is not None:
        flags["audio_format"] = ending
    return flags


def _codes_read(values: dict[str, Any]) -> dict[str, Any]:
    """`values` with audio codes given as the name of a file marked as one."""
    codes = values.get("audio_codes")
    is_name = isinstance(codes, str) and "<|" not in codes and is_file(Path(codes))
    return {**values, "audio_codes": f"@{codes}"} if is_name else values


def resolved_with(
    flags: dict[str, Any], choices: RunChoices, plan: dict[str, Any] | None = None
) -> Resolved:
    """All layers of settings below `flags`."""
    return resolve(
        flags,
        config_file=choices.config_file,
        environ=os.environ,
        preset=choices.preset,
        plan=plan,
        use_files=not choices.no_config,
    )


def for_one_answer(resolved: Resolved) -> Resolved:
    """`resolved` for a command that answers once: with one seed, the first that was given or a
    drawn one. UsageError where several were typed."""
    from acestep_cli.pipeline.settle import draw_seeds

    seeds = resolved.request.seed
    if len(seeds) > 1 and resolved.origins["seed"] == "flag":
        raise UsageError(f"{len(seeds)} seeds are given and there is one answer", "give one --seed")
    return with_request(resolved, seed=draw_seeds(seeds[:1], 1), batch_size=1)


def make_songs(output: Output, songs: Songs, choices: RunChoices) -> Result:
    """Run `songs` as one job and show what came of it."""
    request = songs.resolved.request
    items = _items(request)
    with delivery(choices, output, items=items, ending=request.audio_format) as target:
        # The person reads this line while torch is being imported.
        output.say(opening(request, output.verbs))
        spec = _spec(output, songs, choices, target)
        if choices.dry_run:
            from acestep_cli.commands.dry_run import shown

            return shown(spec)
        if choices.no_wait:
            return _started(output, spec)
        return _made(output, spec, choices, items)


def _spec(output: Output, songs: Songs, choices: RunChoices, target: Delivery) -> RunSpec:
    from acestep_cli.run import RunSpec

    return RunSpec(
        resolved=songs.resolved,
        command=("acestep", *output.arguments),
        wishes=songs.wishes,
        without_planner=songs.without_planner,
        pinned=songs.pinned,
        output_file=target.file,
        to_stdout=target.to_stdout,
        plot_file=target.picture,
        force=bool(choices.force),
        strict=bool(choices.strict),
        plan_only=bool(choices.plan_only),
    )


def _started(output: Output, spec: RunSpec) -> Result:
    from acestep_cli.run.worker import start_worker

    started = start_worker(spec)
    output.say(f"follow it with `acestep status {started.job_id}`")
    return Result(data=started.record, lines=(started.job_id,), warnings=started.warnings)


def _made(output: Output, spec: RunSpec, choices: RunChoices, items: int) -> Result:
    """Make the songs while the user waits."""
    from acestep_cli.run import run_job

    with (
        _event_log(choices.events) as log,
        output.voice(items=items) as voice,
        output.stop.polled(),
    ):
        outcome = run_job(spec, (voice, log), output.stop.cancelled)
    lines = () if spec.to_stdout else tuple(str(path) for path in outcome.paths)
    if choices.plan_only and isinstance(outcome.error, PartialFailure | None):
        lines = (plan_text(outcome.record),)
    payload = outcome.paths[0].read_bytes() if spec.to_stdout and outcome.paths else b""
    if choices.play and outcome.paths and (reason := played(outcome.paths)):
        output.say(f"note: {reason}")
    return Result(
        data=outcome.record,
        lines=lines,
        payload=payload,
        warnings=outcome.warnings,
        error=outcome.error,
        exit_code=outcome.exit_code,
        # What went wrong first is what the record keeps.
        lost=None if outcome.error else partial(record_loss, _folder(spec), outcome.record),
    )


def _folder(spec: RunSpec) -> Path:
    return Path(spec.resolved.request.save_dir or spec.resolved.settings.output_dir)


def _event_log(target: str | None) -> AbstractContextManager[Observer]:
    if target is None:
        return nullcontext(silent)
    from acestep_cli.term.eventlog import open_events

    return open_events(target)


def plan_text(record: dict[str, Any]) -> str:
    """The plan in `record` as JSON that `--plan` takes back."""
    import json

    kept = ("seed", "metas", "audio_codes")
    items = [{name: item[name] for name in kept} for item in record["items"]]
    return json.dumps({"items": items}, ensure_ascii=False, indent=2)


def opening(request: SongRequest, verbs: Sequence[str] = ("generate",)) -> str:
    """The first line of a run: program, seeds and length as far as they are known."""
    seeds = [seed for seed in request.seed if seed >= 0]
    parts = [f"acestep {__version__}", " ".join(verbs)]
    parts.append(f"seed {', '.join(map(str, seeds))}" if seeds else "random seed")
    if request.batch_size > 1:
        parts.append(f"{request.batch_size} songs")
    if request.duration is not None:
        parts.append(f"{request.duration:g} s")
    return " · ".join(parts)


def run_options() -> list[click.Parameter]:
    """The options of `RunChoices` and the settings of a run."""
    file = click.Path(readable=False)
    return [
        GroupedOption(
            ["output_file", "-o", "--output"], RUN, type=file, metavar="FILE",
            help="write the audio here; its ending sets the format; - is stdout; parts such as "
            "{title} and {seed} are filled in",
        ),
        GroupedOption(["--force"], RUN, is_flag=True, help="overwrite FILE"),
        GroupedOption(
            ["--plan-only"], RUN, is_flag=True, help="stop after planning and print the plan"
        ),
        GroupedOption(
            ["--dry-run"], RUN, is_flag=True, help="only show what would be made and with what"
        ),
        GroupedOption(
            ["--no-wait"], RUN, is_flag=True, help="print the job id and go on in the background"
        ),
        GroupedOption(["--play"], RUN, is_flag=True, help="play the songs when they are made"),
        GroupedOption(
            ["--plot"], RUN, type=file, metavar="FILE.png",
            help="draw waveform and spectrogram with the sections of the lyrics",
        ),
        GroupedOption(
            ["--events"], RUN, metavar="FD|FILE", shell_complete=complete_file,
            help="write what happens as JSON lines to a descriptor or file",
        ),
        *settings_options(),
        GroupedOption(["--strict"], RUN, is_flag=True, help="take warnings as errors"),
        # Other programs give two switches this one name; the value tells which is meant.
        GroupedOption(["--format"], RUN, hidden=True),
    ]  # fmt: skip


def settings_options() -> list[click.Parameter]:
    """Where and how a run computes, and which settings apply."""
    # The output folder is among the parameters of a song.
    settings = [row for row in SETTINGS if row.group == RUN and row.name != "output_dir"]
    return [
        *field_options(settings),
        config_option(),
        GroupedOption(
            ["--no-config"], RUN, is_flag=True, help="leave the settings files unread"
        ),
        GroupedOption(
            ["--preset"], RUN, metavar="NAME", shell_complete=complete_preset,
            help="draft or quality or consistent or one of a file",
        ),
    ]  # fmt: skip


def verb_callback(make: Callable[..., Result], *own: str) -> Callable[..., Result]:
    """A callback that hands `make` the run's choices, its `own` arguments and the song's values."""
    names = tuple(RunChoices.__dataclass_fields__)

    def callback(output: Output, **values: Any) -> Result:
        choices = RunChoices(**{name: values.pop(name, None) for name in names})
        return make(output, choices, *(values.pop(name) for name in own), values)

    return callback


def with_request(resolved: Resolved, **changes: Any) -> Resolved:
    """`resolved` with typed changes of its request."""
    return replace(resolved, request=resolved.request.replace(**changes))


def _items(request: SongRequest) -> int:
    """How many files come of `request`: each song once for each track that is extracted."""
    tracks = len(request.track_name) if request.task_type == "extract" else 0
    return request.batch_size * max(tracks, 1)


def _is_format_typed(flags: dict[str, Any]) -> bool:
    return "audio_format" in flags or isinstance(flags.get("format"), str)
