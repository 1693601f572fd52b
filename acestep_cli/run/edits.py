"""What an edit needs before torch is there: its sounds, what they say of themselves, how long the
result is, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from acestep_cli.audio.formats import Encoding, find_format
from acestep_cli.config import Resolved
from acestep_cli.errors import UsageError
from acestep_cli.pipeline.edit import FRAME_SECONDS, Edit, Extent, Morph
from acestep_cli.pipeline.plan import Wish
from acestep_cli.pipeline.planning import Planning, planning_of
from acestep_cli.request import SOURCE_TASKS, SongRequest
from acestep_cli.request.codes import CODES_PER_SECOND
from acestep_cli.request.regions import placed_regions
from acestep_cli.run.source import STDIN, Source, open_source

CHANNELS = 2
SAMPLE_RATE = 48_000
Tracks = tuple[str | None, ...]
_LOSSLESS = ("wav", "flac")
# What stands for one audio code in the planner's text.
HEARD_BYTES = 3
# Origins of what somebody meant for this very job.
_TYPED = ("flag", "preset", "plan")
_PLANNED = ("use_format", "use_cot_caption", "use_cot_language", "use_cot_metas", "use_cot_lyrics")
_LEVEL = ("loudness", "normalization_db", "fade_in_duration", "fade_out_duration")


@dataclass(frozen=True, slots=True)
class Sounds:
    """What was read for a job: the source of an edit and the reference of its timbre."""

    source: Source | None = None
    reference: Source | None = None

    def hashes(self) -> dict[str, str]:
        """SHA-256 of each sound, and of kept latents, by what it is to the request."""
        found: dict[str, str] = {}
        if self.source is not None:
            found["src_audio"] = self.source.sha256
            if self.source.latents_sha256 is not None:
                found["src_latents"] = self.source.latents_sha256
        if self.reference is not None:
            found["reference_audio"] = self.reference.sha256
        return found

    def recorded(self) -> dict[str, dict[str, str | None]]:
        """What a record keeps of each sound by its parameter: its file, None for stdin, and the
        SHA-256 of that."""
        sounds = {"src_audio": self.source, "reference_audio": self.reference}
        return {
            name: {
                "path": None if one.path is None else str(one.path.absolute()),
                "sha256": one.sha256,
            }
            for name, one in sounds.items()
            if one is not None
        }

    def paths(self) -> tuple[Path, ...]:
        """The files that were read, and that nothing may be written over."""
        sounds = (self.source, self.reference)
        return tuple(one.path for one in sounds if one is not None and one.path is not None)


@dataclass(frozen=True, slots=True)
class Written:
    """How a result is written: encoding, and the rate (Hz) and channels that it has before that."""

    encoding: Encoding
    rate: int = SAMPLE_RATE
    channels: int = CHANNELS


def is_edit(request: SongRequest) -> bool:
    """Whether the task of `request` starts from a source."""
    return request.task_type in SOURCE_TASKS or request.flow_edit_morph


def mixes(request: SongRequest) -> bool:
    """Whether the result is the source with a new track on top of it."""
    return request.mix and request.task_type == "lego"


def checkpoint_task(request: SongRequest) -> str:
    """The task that a checkpoint has to be able to do: a continuation is a repaint."""
    return "repaint" if request.task_type == "continuation" else request.task_type


def open_sounds(request: SongRequest, folder: Path) -> Sounds:
    """The sounds of `request`; jobs are looked for in `folder`. Errors as `open_source`."""
    source = request.src_audio if is_edit(request) else None
    reference = request.reference_audio
    if source == reference == STDIN:
        raise UsageError(
            "the source and the reference both ask for stdin, which can be read only once",
            "give one of them as a file",
        )
    return Sounds(
        source=None if source is None else open_source(source, folder),
        reference=None if reference is None else open_source(reference, folder, "the reference"),
    )


def with_values_of(
    source: Source | None, resolved: Resolved
) -> tuple[SongRequest, Mapping[str, str]]:
    """The request and its origins, what nobody gave filled from the source (origin `source`).

    A morph takes the source's words for those that it starts from, and its lyrics for those it ends
    with. The language goes with the lyrics: typed ones may have another, and without any it was a
    guess.
    """
    request, origins = resolved.request, dict(resolved.origins)
    values = dict(source.values) if source is not None else {}
    if request.flow_edit_morph:
        values["flow_edit_source_caption"] = values.pop("caption", "")
        values["flow_edit_source_lyrics"] = values.get("lyrics", "")
    if request.instrumental:
        values.pop("lyrics", None)
    if request.lyrics or not values.get("lyrics"):
        values.pop("vocal_language", None)
    filled = {name: value for name, value in values.items() if value and not resolved.given(name)}
    return request.replace(**filled), origins | dict.fromkeys(filled, "source")


def edit_of(request: SongRequest, source: Source | None) -> Edit | None:
    """The edit that `request` asks for, its samples and latents still to come; None for none.

    UsageError for a continuation that adds nothing.
    """
    if not is_edit(request):
        return None
    codes = request.audio_codes[0] if request.audio_codes else ()
    seconds = source.seconds if source is not None else len(codes) / CODES_PER_SECOND
    task = "morph" if request.flow_edit_morph else checkpoint_task(request)
    return Edit(
        task=task,  # type: ignore[arg-type]  # validated
        regions=placed_regions(request, seconds),
        mask_mode=request.chunk_mask_mode,  # type: ignore[arg-type]  # validated
        mode=request.repaint_mode,  # type: ignore[arg-type]  # validated
        strength=request.repaint_strength,
        tracks=request.track_classes if task == "complete" else request.track_name,
        morph=_morph(request),
    )


def _morph(request: SongRequest) -> Morph | None:
    if not request.flow_edit_morph:
        return None
    return Morph(
        caption=request.flow_edit_source_caption,
        lyrics=request.flow_edit_source_lyrics,
        n_min=request.flow_edit_n_min,
        n_max=request.flow_edit_n_max,
        n_avg=request.flow_edit_n_avg,
        ground=request.task_type,  # type: ignore[arg-type]  # validated
    )


def extent_of(edit: Edit, source: Source | None, codes: int = 0) -> Extent:
    """What lies where in the result; the source may be as many audio codes. Errors as
    `Extent.of`."""
    seconds = source.seconds if source is not None else codes * 5 * FRAME_SECONDS
    return Extent.of(seconds, edit.regions)


def items_of(request: SongRequest, wishes: tuple[Wish, ...]) -> tuple[tuple[Wish, ...], Tracks]:
    """The wishes of all items and the track of each: every song once for each track that is
    extracted, one behind the other."""
    tracks = request.track_name if request.task_type == "extract" else ()
    if not tracks:
        return wishes, (None,) * len(wishes)
    return tuple(wish for wish in wishes for _ in tracks), tracks * len(wishes)


def timed(wishes: tuple[Wish, ...], edit: Edit | None, source: Source | None) -> tuple[Wish, ...]:
    """`wishes` with the length that the source of `edit` gives them."""
    if edit is None:
        return wishes
    return tuple(
        replace(wish, duration=round(extent_of(edit, source, len(wish.audio_codes)).total, 3))
        for wish in wishes
    )


def written_as(
    resolved: Resolved, request: SongRequest, edit: Edit | None, source: Source | None
) -> Written:
    """How the result of an edit is written, and of what is no edit.

    A lossless source keeps its container (flac where that is none that can be written), rate,
    channels and depth; where parts of it are kept, so do the rate and channels of any. What was
    typed wins; UsageError for a format that cannot hold the channels.
    """
    if edit is None or source is None:
        return Written(_encoding(request, request.audio_format))
    audio = source.audio
    lossless = audio.bit_depth is not None or audio.format in _LOSSLESS
    typed = resolved.origins["audio_format"] == "flag"
    name = request.audio_format if typed or not lossless else _container(source)
    channels = audio.samples.shape[0]
    kept = edit.keeps or mixes(request)
    if not kept:
        channels = min(channels, CHANNELS)
    rate = audio.sample_rate
    if not (lossless or kept):
        rate, channels = SAMPLE_RATE, CHANNELS
    if not typed and channels > find_format(name).max_channels:
        name = "flac"
    encoding = _encoding(request, name)
    if resolved.origins["mp3_sample_rate"] == "default":
        encoding = replace(encoding, sample_rate=None)
    if encoding.spec.lossless and resolved.origins["bit_depth"] != "flag":
        encoding = _as_deep(encoding, source)
    encoding.check_channels(channels)
    return Written(encoding, rate, channels)


def planning_for(request: SongRequest, resolved: Resolved) -> tuple[Planning, bool]:
    """The planner's tasks for `request`, and whether it listens to the source first.

    For an edit it thinks where that was typed, as `resolved` tells: it hears the source and fills
    what is open. Beyond that it refines the caption, and reads the language of the words, only
    where that was asked for. Settings that say `thinking` are meant for new songs.
    """
    if is_edit(request) and not _is_thinking_typed(resolved):
        request = request.replace(thinking=None)
    planning = planning_of(request)
    if not is_edit(request) or request.no_lm or not request.thinking:
        return planning, False
    caption, language = request.use_cot_caption is True, request.use_cot_language is True
    own = replace(planning, metas=caption or language, caption=caption, language=language)
    return own, request.use_cot_metas is not False


def _is_thinking_typed(resolved: Resolved) -> bool:
    return bool(resolved.request.thinking) and resolved.origins["thinking"] in _TYPED


def planner_warnings(request: SongRequest, resolved: Resolved) -> list[tuple[str, str]]:
    """(code, message) of what was typed for a planner that an edit does not use."""
    if not is_edit(request) or request.no_lm or _is_thinking_typed(resolved):
        return []
    return [
        ("unused_parameter", f"{name} has no effect: an edit asks no planner without --thinking")
        for name in _PLANNED
        if resolved.origins[name] == "flag" and getattr(request, name)
    ]


def level_warnings(
    resolved: Resolved, edit: Edit | None, source: Source | None
) -> list[tuple[str, str]]:
    """(code, message) of what cannot be done to sound that is to stay as it is."""
    if edit is None or source is None or not edit.keeps or extent_of(edit, source).whole:
        return []
    return [
        ("unused_parameter", f"{name} has no effect: what is kept of the source stays as it is")
        for name in _LEVEL
        if resolved.origins[name] == "flag"
    ]


def _encoding(request: SongRequest, name: str) -> Encoding:
    is_mp3 = name == "mp3"
    return Encoding.choose(
        name,
        bit_depth=request.bit_depth,
        bitrate_kbps=request.mp3_bitrate if is_mp3 else None,
        sample_rate=request.mp3_sample_rate if is_mp3 else None,
    )


def _container(source: Source) -> str:
    """flac for what is no wav, where it can hold the source."""
    audio, flac = source.audio, find_format("flac")
    fits = audio.sample_rate in flac.sample_rates and (audio.bit_depth or 0) <= max(flac.bit_depths)
    return "flac" if fits and audio.format != "wav" else "wav"


def _as_deep(encoding: Encoding, source: Source) -> Encoding:
    """`encoding` with the source's depth, else the next one that the format has."""
    depth = source.audio.bit_depth
    if depth is None:
        return encoding
    depths = encoding.spec.bit_depths
    enough = min((one for one in depths if one >= depth), default=max(depths))
    # Doubles hold 32-bit integers, and floats do not.
    integers = enough == 32 and source.audio.samples.dtype == "float64"
    return replace(encoding, bit_depth=enough, integers=integers)
