"""A picture of a song: its wave above, its spectrogram below, over one axis of time.

Knows nothing about lyrics: where sections begin is told. The same sound gives the same bytes.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acestep_cli.audio import spectrum
from acestep_cli.audio.canvas import plain_matplotlib
from acestep_cli.files import atomic_target

WIDTH, HEIGHT = 1800, 1050  # pixels

_DPI = 150
_COLUMNS, _ROWS = 1536, 420
_RANGE_DB = 80.0
# The quietest sound whose loudest band gets the brightest colour; below, silence stays dark.
_QUIETEST_TOP_DB = -60.0
_TICKS_HZ = (20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
_STEPS_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600)
_MOST_TICKS = 13
_TITLE_LENGTH, _LABEL_LENGTH, _LEAST_LETTERS = 96, 24, 7
# Of the width of the picture: the title at most, a letter of a label, the least distance between
# two labels.
_TITLE_WIDTH, _LETTER, _GAP = 0.775, 0.0066, 0.008

_INK, _GREY, _PAPER = "#1d1b26", "#6f6b7d", "#ffffff"
_WAVE, _CORE, _MARK = "#b9a5d8", "#5b2a86", "#d1495b"
_COLOURS = "magma"

Sections = Sequence[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class _Label:
    """A section's name as far as there is room for it, where it begins (seconds), and in which of
    the two lines above the wave it stands."""

    text: str
    start: float
    line: int


def plot_song(
    path: Path,
    samples: Any,
    rate: int,
    *,
    title: str,
    sections: Sections = (),
    overwrite: bool = False,
) -> None:
    """Draw `samples` [C, S] (floats, full scale at 1.0) at `rate` (Hz) into the PNG file `path`.

    sections: names and starts in seconds, which the picture calls estimates; those that begin
    outside the sound are left out. The file appears whole or not at all: OutputError where it
    cannot be written, or exists without `overwrite`.
    """
    sound = spectrum.as_sound(samples)
    with plain_matplotlib():
        figure = _drawn(sound, rate, title, sections)
        with atomic_target(path, overwrite=overwrite) as temporary:
            # Nothing of version or date: the same sound, the same bytes.
            figure.savefig(temporary, format="png", dpi=_DPI, metadata={"Software": None})


def _drawn(sound: Any, rate: int, title: str, sections: Sections) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    seconds = sound.shape[1] / rate
    figure = Figure(figsize=(WIDTH / _DPI, HEIGHT / _DPI), dpi=_DPI, facecolor=_PAPER)
    FigureCanvasAgg(figure)
    labels = _labels(sections, seconds, 0.865)
    # The names of sections take their room from the wave.
    wave = figure.add_axes((0.062, 0.635, 0.865, 0.225 if labels else 0.265))
    image = figure.add_axes((0.062, 0.085, 0.865, 0.525))
    scale = figure.add_axes((0.938, 0.085, 0.011, 0.525))
    _draw_wave(wave, sound, seconds)
    _draw_bands(image, scale, sound, rate, seconds)
    for axes in (wave, image):
        axes.set_xlim(0, seconds)
        ticks = _time_ticks(seconds)
        axes.set_xticks(ticks, [_clock(tick) for tick in ticks])
        _restyle(axes)
    wave.tick_params(labelbottom=False)
    image.set_xlabel("time (min:s)", color=_GREY, fontsize=8.5)
    _draw_title(figure, title, f"{_clock(seconds, 1)} · {rate / 1000:g} kHz")
    _draw_sections(figure, (wave, image), labels)
    return figure


def _draw_wave(axes: Any, sound: Any, seconds: float) -> None:
    import numpy as np

    shape = spectrum.outline(sound, _COLUMNS)
    reach = max(1.0, float(np.max(np.abs([shape.low, shape.high]))))
    times = np.linspace(0, seconds, len(shape.low) + 1)
    for low, high, colour in (
        (shape.low, shape.high, _WAVE),
        (np.maximum(-shape.rms, shape.low), np.minimum(shape.rms, shape.high), _CORE),
    ):
        axes.fill_between(
            times, np.append(low, low[-1]), np.append(high, high[-1]),
            step="post", color=colour, linewidth=0,
        )  # fmt: skip
    axes.axhline(0, color=_CORE, linewidth=0.5, alpha=0.6)
    axes.set_ylim(-1.05 * reach, 1.05 * reach)
    axes.set_yticks((-1, 0, 1))
    axes.set_ylabel("amplitude", color=_GREY, fontsize=8.5)


def _draw_bands(axes: Any, scale: Any, sound: Any, rate: int, seconds: float) -> None:
    bands = spectrum.band_levels(sound, rate, _COLUMNS, _ROWS)
    top = max(_QUIETEST_TOP_DB, 5 * math.ceil(float(bands.levels.max()) / 5))
    low, high = math.log10(bands.lowest), math.log10(bands.highest)
    drawn = axes.imshow(
        bands.levels,
        origin="lower",
        aspect="auto",
        extent=(0, seconds, low, high),
        cmap=_COLOURS,
        vmin=top - _RANGE_DB,
        vmax=top,
        interpolation="bilinear",
    )
    ticks = [tick for tick in _TICKS_HZ if tick <= bands.highest]
    axes.set_yticks([math.log10(tick) for tick in ticks], [_hertz(tick) for tick in ticks])
    axes.set_ylabel("frequency (Hz)", color=_GREY, fontsize=8.5)
    bar = axes.figure.colorbar(drawn, cax=scale)
    bar.outline.set_visible(False)
    bar.set_label("level (dB)", color=_GREY, fontsize=8.5)
    scale.tick_params(labelsize=8, colors=_GREY, length=2.5, width=0.6)


def _restyle(axes: Any) -> None:
    axes.tick_params(labelsize=8.5, colors=_GREY, length=3, width=0.6)
    axes.set_facecolor(_PAPER)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_GREY)
        axes.spines[side].set_linewidth(0.6)


def _draw_title(figure: Any, title: str, facts: str) -> None:
    shown = _on_one_line(title, _TITLE_LENGTH)
    drawn = figure.text(
        0.062, 0.945, shown, color=_INK, fontsize=14, fontweight="bold", va="center",
        parse_math=False,
    )  # fmt: skip
    wide = drawn.get_window_extent(figure.canvas.get_renderer()).width / WIDTH
    if wide > _TITLE_WIDTH:
        drawn.set_fontsize(14 * _TITLE_WIDTH / wide)
    figure.text(0.949, 0.945, facts, color=_GREY, fontsize=9, ha="right", va="center")


def _draw_sections(figure: Any, both: tuple[Any, Any], labels: list[_Label]) -> None:
    if not labels:
        return
    wave, image = both
    for label in labels:
        wave.axvline(label.start, color=_MARK, linewidth=0.9)
        image.axvline(label.start, color=_PAPER, linewidth=0.9, alpha=0.75, linestyle=(0, (5, 3)))
        wave.annotate(
            label.text,
            (label.start, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3.5 + 11.5 * label.line),
            textcoords="offset points",
            color=_MARK,
            fontsize=8.5,
            va="bottom",
            parse_math=False,
        )
    figure.text(
        0.949, 0.022, "sections: estimated from the lyrics", color=_GREY, fontsize=8, ha="right"
    )


def _labels(sections: Sections, seconds: float, width: float) -> list[_Label]:
    """The sections of a sound whose axis takes `width` of the picture, named where there is room:
    a label that would run into the next goes to a second line, or is left out; it is shortened
    where that makes room for the one after the next."""
    begun = sorted((start, name) for name, start in sections if 0 <= start < seconds)
    places = [start / seconds * width for start, _ in begun]
    free = [0.0, 0.0]
    found = []
    for number, (start, name) in enumerate(begun):
        line = next((line for line in (0, 1) if free[line] <= places[number]), None)
        if line is None:
            found.append(_Label("", start, 0))
            continue
        later = places[number + 2] if number + 2 < len(begun) else width
        room = int((later - places[number] - _GAP) / _LETTER)
        text = _on_one_line(name, room if _LEAST_LETTERS <= room < _LABEL_LENGTH else _LABEL_LENGTH)
        free[line] = places[number] + _letters(text) * _LETTER + _GAP
        found.append(_Label(text, start, line))
    return found


def _time_ticks(seconds: float) -> list[float]:
    """Whole steps of time within the sound, at most 13."""
    fitting = (step for step in _STEPS_SECONDS if seconds / step < _MOST_TICKS)
    step = next(fitting, float(_STEPS_SECONDS[-1] * math.ceil(seconds / 7200)))
    return [round(number * step, 1) for number in range(math.floor(seconds / step + 1e-9) + 1)]


def _clock(seconds: float, digits: int = 0) -> str:
    """`1:05`, with tenths where they are not whole or where `digits` asks for one."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    fraction = f".{rest % 10}" if rest % 10 or digits else ""
    return f"{minutes}:{rest // 10:02d}{fraction}"


def _hertz(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _letters(text: str) -> int:
    """How many Latin letters `text` takes the room of."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _on_one_line(text: str, most: int) -> str:
    """`text` on one line of at most `most` characters, without what no font can draw."""
    drawable = (char if char.isprintable() else " " for char in text)
    words = " ".join("".join(drawable).split())
    return words if len(words) <= most else f"{words[: most - 1].rstrip()}…"
