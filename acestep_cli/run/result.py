"""A decoded song as it is written: in the source's rate and channels, what is kept of it untouched,
all else at its level. Needs numpy, so it comes after the record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acestep_cli.audio import level
from acestep_cli.events import Noted, Observer
from acestep_cli.run.edits import SAMPLE_RATE, mixes
from acestep_cli.run.spec import Job

if TYPE_CHECKING:
    from acestep_cli.audio.level import Samples
    from acestep_cli.pipeline.song import Song


def finished(job: Job, song: Song, observer: Observer) -> Samples:
    """The samples of `song` at the job's rate and channels, ready to be written.

    Where an edit keeps parts of its source nothing changes the level of the whole, but that a track
    mixed with it may not clip. UnusableResult for what is silent or not finite.
    """
    level.check_usable(song.samples)
    source, extent = job.sounds.source, job.extent
    if source is None or extent is None or job.edit is None:
        return _levelled(job, song.samples, SAMPLE_RATE, observer)
    from acestep_cli.pipeline.splice import at_rate, mixed, splice

    kept, rate = source.audio.samples, source.audio.sample_rate
    if job.edit.keeps and not extent.whole:
        return splice(kept, rate, song.samples, extent, job.edit.crossfade_seconds)
    if mixes(job.request):
        both = mixed(kept, rate, song.samples, extent)
        return _levelled(job, both, rate, observer) if extent.whole else level.anti_clip(both)
    made = at_rate(song.samples, job.written.rate, job.written.channels)
    return _levelled(job, made, job.written.rate, observer)


def _levelled(job: Job, samples: Samples, rate: int, observer: Observer) -> Samples:
    """Anti-clip, then peak or loudness, then fades (pipeline facts 2.5)."""
    request = job.request
    samples = level.anti_clip(samples)
    if request.loudness is not None:
        limit = request.normalization_db
        result = level.normalize_loudness(samples, rate, request.loudness, limit)
        samples = result.samples
        if result.limited and result.reached is not None:
            observer(
                Noted(
                    f"the loudness is {result.reached:.1f} LUFS and not {request.loudness:g}: "
                    f"more would lift the peak above {limit:g} dBFS"
                )
            )
    elif request.enable_normalization:
        samples = level.normalize_peak(samples, request.normalization_db)
    return level.fade(samples, rate, request.fade_in_duration, request.fade_out_duration)
