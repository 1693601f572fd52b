"""Which audio files this program can write, what each allows, and what was chosen for one file.

The command line validates with this module, so it imports nothing but the standard library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from acestep_cli.audio import external
from acestep_cli.errors import UsageError

COMMON_RATES = (
    8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000,
)  # fmt: skip
MP3_BITRATES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # MPEG-1 layer III

# Nominal kb/s of stereo at 44.1 and 48 kHz -> quality of libvorbis.
VORBIS_QUALITY = {
    64: 0.0, 80: 0.1, 96: 0.2, 112: 0.3, 128: 0.4, 160: 0.5, 192: 0.6, 224: 0.7, 256: 0.8,
    320: 0.9, 500: 1.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Format:
    """One row of the table: what a container with its codec can hold.

    `bit_depths` is empty for lossy formats (32 means float, 64 doubles), `bitrates` (kb/s) for
    lossless ones.
    `channel_kbps` caps the bit rate of one channel. No `sample_rates`: the encoder decides.
    `tag_kind` is `id3`, `vorbis`, `mp4`, `riff` or empty; `writer` `soundfile`, `av` or `ffmpeg`.
    """

    name: str
    extension: str
    tag_kind: str
    writer: str
    aliases: tuple[str, ...] = ()
    other_extensions: tuple[str, ...] = ()
    bit_depths: tuple[int, ...] = ()
    bitrates: Sequence[int] = ()
    default_bitrate: int | None = None
    channel_kbps: int | None = None
    sample_rates: Sequence[int] = ()
    max_channels: int = 2

    @property
    def lossless(self) -> bool:
        """Whether the samples come back as they were written, but for rounding to the depth."""
        return bool(self.bit_depths)

    @property
    def default_bit_depth(self) -> int | None:
        """24 where the format has depths, else None."""
        return 24 if self.bit_depths else None

    def nearest_rate(self, sample_rate: int) -> int:
        """`sample_rate` where the format has it, else the next higher rate, else its highest."""
        if not self.sample_rates or sample_rate in self.sample_rates:
            return sample_rate
        higher = [rate for rate in self.sample_rates if rate > sample_rate]
        return min(higher) if higher else max(self.sample_rates)


FORMATS = (
    Format(
        "mp3", "mp3", "id3", "soundfile",
        bitrates=MP3_BITRATES, default_bitrate=192, sample_rates=(44100, 48000),
    ),
    Format(
        "flac", "flac", "vorbis", "soundfile",
        bit_depths=(16, 24), sample_rates=COMMON_RATES, max_channels=8,
    ),
    Format(
        "wav", "wav", "riff", "soundfile",
        aliases=("wave", "wav32"), other_extensions=("wave",),
        bit_depths=(16, 24, 32, 64), sample_rates=range(4000, 384_001), max_channels=8,
    ),
    Format(
        "ogg", "ogg", "vorbis", "soundfile",
        aliases=("vorbis", "oga"), other_extensions=("oga",),
        bitrates=tuple(VORBIS_QUALITY), default_bitrate=192, sample_rates=(44100, 48000),
    ),
    Format(
        "opus", "opus", "vorbis", "av",
        bitrates=range(32, 511), default_bitrate=160, channel_kbps=256, sample_rates=(48000,),
    ),
    Format(
        "m4a", "m4a", "mp4", "av",
        aliases=("aac", "mp4"), other_extensions=("mp4",),
        bitrates=range(32, 513), default_bitrate=256, channel_kbps=256, sample_rates=(44100, 48000),
    ),
)  # fmt: skip

_BY_NAME = {name: row for row in FORMATS for name in (row.name, *row.aliases)}
_BY_EXTENSION = {name: row for row in FORMATS for name in (row.extension, *row.other_extensions)}
_DEPTH_OF_SPELLING = {"wav32": 32}
FORMAT_NAMES = tuple(row.name for row in FORMATS)


def find_format(name: str) -> Format:
    """The format that `name` means: a name or alias in any case, with or without a leading dot.

    A name outside the table is taken when the user's own ffmpeg can write it; else UsageError.
    """
    word = name.strip().lower().removeprefix(".")
    return _BY_NAME.get(word) or _from_ffmpeg(word) or _refuse(name, word)


def format_of_path(path: Path) -> Format:
    """The format that the extension of `path` stands for; UsageError when there is none."""
    word = path.suffix.lower().removeprefix(".")
    if not word:
        raise UsageError(
            f"{path} has no extension that names an audio format",
            f"end it with .{', .'.join(FORMAT_NAMES)} or pass --audio-format",
        )
    if word == "aac":
        raise UsageError(
            f"{path} asks for a bare AAC stream, and AAC is written into .m4a files only",
            f"name it {path.with_suffix('.m4a').name}",
        )
    return _BY_EXTENSION.get(word) or _from_ffmpeg(word) or _refuse(str(path), word)


def _from_ffmpeg(word: str) -> Format | None:
    extension = external.writable_extension(word)
    if extension is None:
        return None
    return Format(word, extension, "", "ffmpeg", bitrates=range(8, 1537), max_channels=8)


def _refuse(shown: str, word: str) -> Format:
    import difflib  # needed only for people who mistype

    known = (*_BY_NAME, *_BY_EXTENSION)
    near = difflib.get_close_matches(word, known, n=1)
    raise UsageError(
        f"{shown} is no audio format that can be written; "
        f"the formats are {', '.join(FORMAT_NAMES)}, aac and wav32",
        f"did you mean {near[0]}?" if near else "an ffmpeg on the PATH adds the formats it knows",
    )


@dataclass(frozen=True)
class Encoding:
    """How one file is written: format, bit depth, bit rate (kb/s) and sample rate (Hz).

    None takes the format's default: 24 bits, the table's bit rate, the sample rate of the samples
    where the format has it. `integers` makes the 32 bits of a wav integers instead of floats.
    `format` may be any spelling of the table and is kept as its name; `wav32` is wav with a depth
    of 32. A value that the format does not have is a UsageError.
    """

    format: str = "mp3"
    bit_depth: int | None = None
    bitrate_kbps: int | None = None
    sample_rate: int | None = None
    integers: bool = False

    def __post_init__(self) -> None:
        spec = find_format(self.format)
        fixed = _DEPTH_OF_SPELLING.get(self.format.strip().lower())
        if fixed and self.bit_depth not in (None, fixed):
            raise UsageError(
                f"{self.format} means {fixed} bits and not {self.bit_depth}",
                f"say {spec.name} with --bit-depth {self.bit_depth}",
            )
        settled = {
            "format": spec.name,
            "bit_depth": self.bit_depth or fixed or spec.default_bit_depth,
            "bitrate_kbps": self.bitrate_kbps or spec.default_bitrate,
        }
        _check(spec, "bit depth", self.bit_depth, spec.bit_depths, "bits")
        _check(spec, "bit rate", self.bitrate_kbps, spec.bitrates, "kb/s")
        if spec.sample_rates:
            _check(spec, "sample rate", self.sample_rate, spec.sample_rates, "Hz")
        for name, value in settled.items():
            object.__setattr__(self, name, value)

    @classmethod
    def choose(
        cls,
        name: str,
        *,
        bit_depth: int | None = None,
        bitrate_kbps: int | None = None,
        sample_rate: int | None = None,
    ) -> Encoding:
        """An Encoding from general settings: those that mean nothing to the format are left out.

        A lossy format leaves out the depth, a lossless one the bit rate, and a spelling that says
        its depth (`wav32`) leaves out the general one.
        """
        spec = find_format(name)
        fixed = name.strip().lower() in _DEPTH_OF_SPELLING
        return cls(
            name,
            bit_depth=bit_depth if spec.bit_depths and not fixed else None,
            bitrate_kbps=bitrate_kbps if spec.bitrates else None,
            sample_rate=sample_rate,
        )

    @property
    def spec(self) -> Format:
        """The row of the table."""
        return find_format(self.format)

    @property
    def extension(self) -> str:
        """The file name's extension, without the dot."""
        return self.spec.extension

    def rate_for(self, sample_rate: int) -> int:
        """The rate of the file (Hz) when the samples have `sample_rate`."""
        return self.sample_rate or self.spec.nearest_rate(sample_rate)

    def check_channels(self, channels: int) -> None:
        """UsageError where the file cannot hold so many channels, or not at its bit rate."""
        spec = self.spec
        if channels > spec.max_channels:
            raise UsageError(
                f"{spec.name} takes {spec.max_channels} channels and the audio has {channels}",
                "mix it down or choose wav or flac",
            )
        most = None if spec.channel_kbps is None else spec.channel_kbps * channels
        if most is not None and (self.bitrate_kbps or 0) > most:
            raise UsageError(
                f"{spec.name} takes at most {most} kb/s for {channels} channel and not "
                f"{self.bitrate_kbps}",
                f"choose {most} or less",
            )


def _check(spec: Format, what: str, value: int | None, allowed: Sequence[int], unit: str) -> None:
    if value is None or value in allowed:
        return
    if not allowed:
        kind = "lossless" if spec.lossless else "lossy"
        raise UsageError(
            f"a {what} of {value} {unit} means nothing to {spec.name}, which is {kind}",
            f"leave the {what} out or choose another format",
        )
    near = min(allowed, key=lambda choice: abs(choice - value))
    raise UsageError(
        f"{spec.name} has no {what} of {value} {unit}; it has {_listing(allowed)}",
        f"the nearest is {near}",
    )


def _listing(allowed: Sequence[int]) -> str:
    if isinstance(allowed, range):
        return f"{allowed[0]} to {allowed[-1]}"
    return ", ".join(str(value) for value in allowed)
