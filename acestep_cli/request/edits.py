"""The part of the check that is about sources: what an edit needs, and what its task cannot use."""

from __future__ import annotations

from collections.abc import Iterator

from acestep_cli.request.fields import BY_NAME
from acestep_cli.request.problems import Problem
from acestep_cli.request.regions import REGION_TASKS, asked_regions
from acestep_cli.request.request import SongRequest

CodedMessage = tuple[str, str]

SOURCE_TASKS = ("repaint", "cover", "cover-nofsq", "extract", "lego", "complete", "continuation")
TRACK_TASKS = ("extract", "lego", "complete")
MORPH_TASKS = ("text2music", "cover", "cover-nofsq")

# Parameters that mean something to some tasks alone.
_BELONGS = {
    "src_audio": SOURCE_TASKS,
    "regions": REGION_TASKS,
    "repainting_start": REGION_TASKS,
    "repainting_end": REGION_TASKS,
    "extend_before": ("continuation",),
    "extend_after": ("continuation",),
    "track_name": ("extract", "lego"),
    "track_classes": ("complete",),
    "mix": ("lego",),
}


def edit_misfits(request: SongRequest) -> Iterator[Problem]:
    """What cannot be meant together."""
    task = request.task_type
    yield from _region_misfits(request)
    edits = task in SOURCE_TASKS or request.flow_edit_morph
    if request.src_audio and request.audio_codes and edits:
        what = "a morph" if request.flow_edit_morph else f"the task {task}"
        yield Problem(
            "audio_codes", f"{what} has two sources, audio and audio codes",
            "give one of them",
        )  # fmt: skip
    if task == "lego" and len(request.track_name) > 1:
        yield Problem(
            "track_name", f"lego adds one track and {len(request.track_name)} are named: "
            f"{', '.join(request.track_name)}", "add them one after another",
        )  # fmt: skip
    if request.flow_edit_morph and task not in MORPH_TASKS:
        yield Problem(
            "flow_edit_morph", f"a morph cannot be part of the task {task}",
            "use text2music, cover or cover-nofsq",
        )  # fmt: skip


def _region_misfits(request: SongRequest) -> Iterator[Problem]:
    start, end = request.repainting_start, request.repainting_end
    one = start != 0.0 or end is not None
    if request.regions and one:
        yield Problem(
            "regions", "the region is given twice, by its start or end and as a region",
            "give --region, or a start and an end",
        )  # fmt: skip
    if request.regions and request.task_type == "continuation":
        yield Problem(
            "regions", "a continuation takes no regions", "say with --after what is added"
        )
    if end is not None and end <= start:
        yield Problem(
            "repainting_end",
            f"the region ends at {end:g} s and starts at {start:g} s",
            "give the earlier time first; -1 as the end is that of the source",
        )


def edit_needs(request: SongRequest) -> Iterator[Problem]:
    """What the task cannot do without."""
    task, morph = request.task_type, request.flow_edit_morph
    if (task in SOURCE_TASKS and not (request.src_audio or request.audio_codes)) or (
        morph and not request.src_audio
    ):
        yield Problem(
            "src_audio",
            f"{'a morph' if morph else f'the task {task}'} needs a source",
            "name an audio file or a job as SOURCE (with generate: --src-audio FILE)",
        )
    if morph and not (request.caption.strip() or request.lyrics.strip()):
        yield Problem(
            "caption", "a morph needs the words that the source is to follow", "give a caption"
        )
    if request.mix and task == "lego" and not request.src_audio:
        yield Problem(
            "mix", "audio codes are no sound that a track could be mixed with",
            "name an audio file or a job as SOURCE",
        )  # fmt: skip
    if task == "continuation" and not _is_longer(request):
        yield Problem(
            "extend_after", "nothing says how much is added to the source",
            "give --after SECONDS or --before SECONDS (with generate: --extend-after)",
        )  # fmt: skip
    if task in TRACK_TASKS and not (
        request.track_name or request.track_classes or request.instruction
    ):
        yield Problem(
            "track_name", f"the task {task} needs a track",
            f"name one or more with --track: {BY_NAME['track_name'].range}",
        )  # fmt: skip


def _is_longer(request: SongRequest) -> bool:
    ends = request.repainting_end is not None or request.duration is not None
    return bool(
        ends or request.extend_before or request.extend_after or request.repainting_start < 0
    )


def edit_warnings(request: SongRequest) -> Iterator[CodedMessage]:
    """(code, message) of what has no effect on the task, and of a task that changes all."""
    task = request.task_type
    for name, tasks in _BELONGS.items():
        used = task in tasks or (name == "src_audio" and request.flow_edit_morph)
        if not used and getattr(request, name) != BY_NAME[name].default:
            yield "unused_parameter", f"{name} has no effect on the task {task}"
    keeps_length = task in SOURCE_TASKS and task != "continuation"
    if (
        request.duration is not None
        and request.src_audio
        and (keeps_length or request.flow_edit_morph)
    ):
        yield "unused_parameter", "duration has no effect: the source decides the length"
    if request.duration is not None and request.extend_after:
        yield "unused_parameter", "duration has no effect: extend_after says what is added"
    if task == "repaint" and request.src_audio and not asked_regions(request):
        yield "no_region", "all of the source is painted anew, as no part of it is named"
