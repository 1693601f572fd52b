"""Values for the options and arguments of a fuzzed command line: good ones by kind, and odd ones.

Paths are relative to the working folder that `fuzz_world` lays out.
"""

from __future__ import annotations

import random

import click

from acestep_cli.config.schema import SETTINGS_BY_NAME
from acestep_cli.request import BY_NAME, Field

INPUTS = "../inputs"
JOBS = {
    "succeeded": "20260101-120000-aaaa",
    "failed": "20260102-120000-bbbb",
    "cancelled": "20260103-120000-cccc",
    "running": "20260104-120000-dddd",
    "queued": "20260105-120000-eeee",
}
SOUNDS = tuple(
    f"{INPUTS}/{name}" for name in ("song.wav", "song.mp3", "song.flac", "mono.wav", "short.wav")
)
_NO_SOUNDS = tuple(
    f"{INPUTS}/{name}"
    for name in ("silent.wav", "cut.wav", "empty.wav", "words.txt", "folder", "missing.wav")
)
_CHECKPOINTS = ("acestep-v15-turbo", "acestep-v15-base", "acestep-v15-xl-turbo", "vae")

GOOD_BY_KIND: dict[str, tuple[str, ...]] = {
    "text": ("lofi hip hop", "[verse]\nhold the light", "slow soul, female voice"),
    "path": ("out", "../inputs/folder"),
    "seconds": ("1", "2", "1.5", "0:03", "-1"),
    "bpm": ("30", "120", "300"),
    "keyscale": ("C major", "F# minor", "Am"),
    "timesignature": ("3/4", "4", "6/8"),
    "language": ("en", "ja", "unknown"),
    "seeds": ("7", "7,8", "-1", "0", "4294967295"),
    "timesteps": ("1,0.5,0.2,0", "[1.0, 0.6, 0.3, 0]"),
    "codes": ("1,2,3,4,5", "<|audio_code_1|><|audio_code_63999|>", f"@{INPUTS}/codes.txt"),
    "bitrate": ("192k", "320", "32"),
    "tracks": ("vocals", "drums,bass", "backing_vocals"),
    "regions": ("0:00-0:01", "0.5-", "0-1"),
}
# What the names of parameters say about them where no table does.
GOOD_BY_NAME: dict[str, tuple[str, ...]] = {
    "checkpoints": ("../checkpoints",),
    "device": ("cpu", "auto"),
    "model": (*_CHECKPOINTS[:3], "acestep-v15-sft"),
    "lm_model_path": ("acestep-5Hz-lm-0.6B", "../checkpoints/acestep-5Hz-lm-0.6B"),
    "dcw_wavelet": ("haar", "db4"),
    "src_audio": SOUNDS,
    "reference_audio": SOUNDS,
    "source": (*SOUNDS, JOBS["succeeded"], "1,2,3"),
    "words": GOOD_BY_KIND["text"],
    "tracks": GOOD_BY_KIND["tracks"][::2],
    "output_file": ("made.wav", "sub/made.mp3", "made", "{title}-{seed}.{ext}", "-"),
    "config_file": (f"{INPUTS}/good.toml",),
    "preset": ("draft", "quality", "consistent", "mine"),
    "plan_file": (f"{INPUTS}/plan.json", f"acestep_output/{JOBS['succeeded']}.json"),
    "events": ("events.jsonl", "2"),
    "plot": ("plot.png",),
    "file": (f"{INPUTS}/words.txt", "-"),
    "job": (*JOBS.values(), "last", "20260101"),
    "jobs": (*JOBS.values(), "last"),
    "names": (*_CHECKPOINTS, "recommended"),
    "name": _CHECKPOINTS,
    "shell": ("bash", "zsh", "fish"),
    "folder": ("skills", "../inputs/folder"),
    "topic": ("captions", "lyrics", "generate", "models"),
    "timeout": ("0", "0.1", "1"),
    "limit": ("1", "10"),
    "revision": ("main",),
    "key": ("generation.bpm", "device", "api_key", "bpm", "presets.mine.bpm"),
    "value": ("true", "90", "mp3"),
    "kind": ("record", "result", "events"),
}
GENERIC = ("1", "x", "last", "true", "generation.thinking", "captions")

ODD: tuple[str, ...] = (
    "", " ", "-", "--", "---", "@", "@@", "@missing.txt", "@@words", f"@{INPUTS}/words.txt",
    f"@{INPUTS}/latin.txt", f"@{INPUTS}/zeros.txt", f"@{INPUTS}/folder", f"{INPUTS}/broken.toml",
    f"{INPUTS}/broken.json", "-1", "0", "-0", "1e999", "1e-999", "9" * 400, "-" + "9" * 40, "nan",
    "inf", "-inf", "0x10", "1_000", "٣", "1,5", "1,,2", "7;", "1:99", "a:b", "5-2", "0:10-0:05",
    "é", "日本語", "\u202egnp.exe", "\u200b", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x07\x08",
    "\r", "a\nb", "a\tb", "\x7f", "\x9b31m", "\udcff", "a\udc80b", "🎵" * 40, "x" * 5000, "ﷺ" * 300,
    "a/" * 200 + "x", "x" * 300 + ".wav", ".", "..", "../..", "missing/deep/x.wav", "/dev/null",
    "/dev/full", "/proc/x/y", "~nobody/x", "~", "$HOME", "`id`", "; ls", "{title}", "{", "}{",
    "{seed:>9999}", "{nothing}", "{title!r}.wav", "%s%n", "[red]x[/red]", "CON", "nul.wav", "last",
    "20", "generate", "--json", "--help", "-h", "-q", "true", "false", "null", "[]", "{}", '"',
    "'", "\\", "<|im_end|>", "<|audio_code_5|>", "<|audio_code_99999|>", "NO USER INPUT", "*", "?",
    "song.xyz", "song.wav", "acestep_output", "generation", "generation.", ".bpm", "a.b.c.d",
    *SOUNDS, *_NO_SOUNDS, *JOBS.values(),
)  # fmt: skip


def good(param: click.Parameter, drawn: random.Random) -> str:
    """A value that `param` may well take."""
    name = str(param.name)
    if name in GOOD_BY_NAME:
        return drawn.choice(GOOD_BY_NAME[name])
    if isinstance(param.type, click.Choice):
        return str(drawn.choice(list(param.type.choices)))
    row = BY_NAME.get(name) or SETTINGS_BY_NAME.get(name)
    return drawn.choice(GENERIC) if row is None else _of_row(row, drawn)


def odd(drawn: random.Random) -> str:
    """Anything that a person, a script or an attacker might give."""
    return drawn.choice(ODD)


def _of_row(row: Field, drawn: random.Random) -> str:
    if row.choices and row.kind not in GOOD_BY_KIND:
        return str(drawn.choice(row.choices))
    if row.kind in GOOD_BY_KIND:
        return drawn.choice(GOOD_BY_KIND[row.kind])
    low = 0 if row.minimum is None else row.minimum
    # No song of a fuzzed line should take long.
    high = min(10.0 if row.maximum is None else row.maximum, low + 4)
    if row.kind == "int":
        return str(drawn.randint(int(low), int(high)))
    return f"{drawn.uniform(low + (high - low) * 0.01, high):.3g}"
