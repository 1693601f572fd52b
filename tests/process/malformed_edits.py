"""A hundred ways to ask for an edit wrongly."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.process.malformed import CHECKPOINT, INPUT, OUTPUT, USAGE, Malformed
from tests.unit.audio.sounds import music

# A second of sound is enough for everything that is refused.
SECONDS, RATE = 4.0, 8_000
JOB = "20260101-000000-aaaa"


@dataclass(frozen=True)
class Place:
    """A folder with sources in it, and a set of checkpoints (turbo and base)."""

    folder: Path
    checkpoints: Path

    def path(self, name: str) -> str:
        return str(self.folder / name)

    @property
    def good(self) -> str:
        return self.path("good.wav")


def invocations(place: Place) -> list[Malformed]:
    """All of them; files they need are made first."""
    make_files(place.folder)
    found = [
        *sources(place),
        *references(place),
        *regions(place),
        *lengths(place),
        *tracks(place),
        *numbers_and_words(place),
        *contradictions(place),
        *outputs(place),
        *models(place),
    ]
    assert len({case.name for case in found}) == len(found)
    return found


def make_files(folder: Path) -> None:
    """Good sound, and what is none."""
    import soundfile

    sound = music(SECONDS, channels=1, rate=RATE)[0]
    soundfile.write(folder / "good.wav", sound, RATE, subtype="PCM_16")
    soundfile.write(folder / "good.mp3", music(SECONDS)[0], 48_000)
    soundfile.write(folder / "silent.wav", np.zeros(RATE), RATE, subtype="PCM_16")
    soundfile.write(folder / "long.wav", np.zeros(601 * 4_000), 4_000, subtype="PCM_U8")
    soundfile.write(folder / "none.wav", np.zeros(0), RATE, subtype="PCM_16")
    soundfile.write(folder / "nan.wav", np.array([0.5, np.nan] * 4_000), RATE, subtype="FLOAT")
    soundfile.write(folder / "many.wav", np.zeros((800, 9)), RATE, subtype="PCM_16")
    soundfile.write(folder / "slow.wav", sound, 1_000, subtype="PCM_16")
    whole = (folder / "good.mp3").read_bytes()
    (folder / "cut.mp3").write_bytes(whole[: len(whole) // 2])
    (folder / "head.wav").write_bytes((folder / "good.wav").read_bytes()[:40])
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("la la la\n" * 100, encoding="utf-8")
    (folder / "noise.mp3").write_bytes(np.random.default_rng(0).bytes(5_000))
    (folder / "picture.flac").write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) * 200)
    (folder / "folder.wav").mkdir()
    (folder / "astray.wav").symlink_to("nowhere.wav")
    (folder / "link.wav").symlink_to("good.wav")
    os.mkfifo(folder / "pipe.wav")
    (folder / "song.wav").write_bytes(b"somebody's song")
    jobs = folder / "jobs"
    jobs.mkdir()
    (jobs / f"{JOB}.json").write_text("{", encoding="utf-8")
    lost = {"schema": "acestep.record/1", "job_id": f"{JOB[:-1]}b", "status": "succeeded"}
    lost["items"] = [{"index": 0, "path": "gone.wav"}]  # type: ignore[assignment]
    (jobs / f"{JOB[:-1]}b.json").write_text(json.dumps(lost), encoding="utf-8")


def case(
    name: str, place: Place, code: int, *arguments: str, stdin: bytes = b"", more: int | None = None
) -> Malformed:
    """One invocation with the checkpoints of `place`; `more` is a second code that would do."""
    codes = frozenset((code,) if more is None else (code, more))
    return Malformed(
        name, (*arguments, "--checkpoints", str(place.checkpoints)), codes, stdin=stdin
    )


def sources(place: Place) -> Iterator[Malformed]:
    """What is no source."""
    for name in (
        "cut.mp3", "head.wav", "empty.wav", "text.wav", "noise.mp3", "picture.flac", "folder.wav",
        "missing.wav", "astray.wav", "pipe.wav", "silent.wav", "long.wav", "none.wav", "nan.wav",
        "many.wav", "slow.wav",
    ):  # fmt: skip
        yield case(f"source {name}", place, INPUT, "cover", place.path(name), "choir")
    for name, command in (
        ("cut.mp3", ("repaint", "--from", "1")),
        ("silent.wav", ("extract", "--track", "vocals")),
        ("text.wav", ("lego", "--track", "drums")),
        ("empty.wav", ("complete", "--track", "drums")),
        ("folder.wav", ("extend", "--after", "3")),
        ("missing.wav", ("morph", "--caption", "choir")),
    ):
        verb, *options = command
        yield case(f"{verb} {name}", place, INPUT, verb, place.path(name), *options)
    for text in ("/dev/null", "/dev/zero", "x" * 300, "\0", "a\nb", "https://example.org/a.mp3"):
        yield case(f"source {text[:9]!r}", place, INPUT, "cover", text, more=USAGE)
    yield case("source of bytes", place, USAGE, "cover", "\udcff.wav", more=INPUT)
    yield case("source missing", place, USAGE, "cover")
    yield case("source blank", place, USAGE, "repaint", "", "choir", "--to", "3")
    for name, data in (("empty", b""), ("text", b"la la la"), ("zeros", bytes(5_000))):
        yield case(f"stdin {name}", place, INPUT, "cover", "-", stdin=data)
    jobs = ("--output-dir", place.path("jobs"))
    yield case("job unknown", place, USAGE, "cover", "20260101-000000-zzzz", *jobs, more=INPUT)
    yield case("job broken", place, INPUT, "cover", JOB, *jobs)
    yield case("job lost", place, INPUT, "cover", f"{JOB[:-1]}b", *jobs)


def references(place: Place) -> Iterator[Malformed]:
    """What no timbre can be heard in."""
    good = place.good
    for name in ("missing.wav", "silent.wav", "cut.mp3", "folder.wav", "text.wav", "none.wav"):
        reference = ("--reference", place.path(name))
        yield case(f"reference {name}", place, INPUT, "cover", good, *reference)
    words = ("generate", "x", "--no-lm", "--duration", "10", "--reference")
    yield case("generate by silence", place, INPUT, *words, place.path("silent.wav"))
    yield case("generate by nothing", place, INPUT, *words, place.path("missing.wav"))


def regions(place: Place) -> Iterator[Malformed]:
    """Parts of a source that are none."""
    for options in (
        "--from 100 --to 120", "--from 3 --to 2", "--from 2 --to 2", "--from nan", "--to inf",
        "--from abc", "--from 1:99", "--to -3", "--from -700", "--to 5000", "--from 4",
        "--from 2 --to 2.01", "--region 3-2", "--region 1-3,2-4", "--region 1-2 --region 1-2",
        "--region nan-3", "--region -", "--region a-b", "--region 5-9", "--region 1-2,7-8",
        "--region 1-2 --from 1", "--region 1-2,2-3.5 --to 3", "--region 1-2-3", "--region 12",
        "--region -30--20", "--region 1-599 --from 0:01", "--region -400-1,2-400",
        "--from 1 --from", "--region",
    ):  # fmt: skip
        yield case(f"repaint {options}", place, USAGE, "repaint", place.good, *options.split())
    for options in ("--from 9 --to 12", "--region 2-1", "--region 1-3,2-4"):
        lego = ("lego", place.good, "--track", "drums", *options.split())
        yield case(f"lego {options}", place, USAGE, *lego)
    generate = ("generate", "--task", "repainting", "--src-audio", place.good, "--repaint-start")
    yield case("generate 9", place, USAGE, *generate, "9")


def lengths(place: Place) -> Iterator[Malformed]:
    """Continuations that continue nothing."""
    for options in (
        "", "--after 0", "--after -3", "--after nan", "--before 601", "--after 600", "--before x",
        "--after 3 --region 1-2", "--duration 5",
    ):  # fmt: skip
        yield case(f"extend {options}", place, USAGE, "extend", place.good, *options.split())
    task = ("generate", "--task", "continuation", "--src-audio", place.good)
    yield case("continue to 3", place, USAGE, *task, "--duration", "3")
    yield case("continue nothing", place, USAGE, *task)


def tracks(place: Place) -> Iterator[Malformed]:
    """Instruments that no checkpoint knows."""
    good = place.good
    for options in (
        "vocls", "drums kazoo", "", "drums,,bass", "all", "--all drums", "🎵", "drums|voice",
    ):  # fmt: skip
        yield case(
            f"extract {options}", place, USAGE, "extract", good, *options.split(), more=INPUT
        )
    for options in ("", "--track gutiar", "--track drums,bass", "--track bass --track drums"):
        yield case(f"lego {options}", place, USAGE, "lego", good, "x", *options.split())
    for options in ("", "--track drum,guitars", "--track ''"):
        yield case(f"complete {options}", place, USAGE, "complete", good, "x", *options.split())


def numbers_and_words(place: Place) -> Iterator[Malformed]:
    """Values outside their ranges."""
    for options in (
        "cover --strength 1.5", "cover --strength nan", "cover --noise-strength -0.1",
        "repaint --to 2 --mode wild", "repaint --to 2 --strength 2", "repaint --to 2 --mask-mode x",
        "morph -c x --n-avg 0", "morph -c x --n-max 1.5", "morph -c x --n-min 0.9 --n-max 0.1",
        "cover --steps 0", "cover --steps 100 --model acestep-v15-turbo", "cover --bpm 3",
        "cover --batch 99", "cover --codes 1,2", "cover --duration 30", "cover --plan-only",
        "repaint --to 2 --loudness -14", "extend --after 3 --from 1", "cover --all",
    ):  # fmt: skip
        verb, *rest = options.split()
        yield case(options, place, USAGE, verb, place.good, *rest)


def contradictions(place: Place) -> Iterator[Malformed]:
    """Values that are right alone and wrong together."""
    good = place.good
    yield case("caption twice", place, USAGE, "cover", good, "x", "-c", "y")
    yield case("source twice", place, USAGE, "cover", good, "x", "--src-audio", good)
    yield case("source and codes", place, USAGE, "cover", good, "x", "--codes", "1,2")
    yield case("three words", place, USAGE, "cover", good, "x", "y")
    yield case("stdin twice", place, USAGE, "cover", "-", "--lyrics", "-")
    yield case("stdin for two sounds", place, USAGE, "cover", "-", "--reference", "-")
    yield case("words and none", place, USAGE, "cover", good, "--instrumental", "--lyrics", "la")
    yield case("faithful value", place, USAGE, "cover", good, "--faithful=yes")
    yield case("morph nowhere", place, USAGE, "morph", good, "--from-caption", "x")
    yield case("morph of a repaint", place, USAGE, "generate", "x", "--flow-edit-morph", "--task",
               "repaint", "--src-audio", good)  # fmt: skip
    yield case("two sources", place, USAGE, "generate", "--task", "cover", "--src-audio", good,
               "--codes", "1,2")  # fmt: skip
    yield case("strict", place, USAGE, "repaint", good, "--strict")
    yield case("random source", place, USAGE, "random", "--src-audio", good)
    yield case("description", place, USAGE, "generate", "-d", "x", "--src-audio", good)


def outputs(place: Place) -> Iterator[Malformed]:
    """Places that cannot take the result, the source before all."""
    good = place.good
    cover = ("cover", good, "--no-lm", "-o")
    yield case("onto the source", place, OUTPUT, *cover, good)
    yield case("onto the source by force", place, OUTPUT, *cover, good, "--force")
    yield case("onto a link to it", place, OUTPUT, *cover, place.path("link.wav"), "--force")
    yield case(
        "another way to it", place, OUTPUT, *cover, place.path("jobs/../good.wav"), "--force"
    )
    yield case("onto a song", place, OUTPUT, *cover, place.path("song.wav"))
    yield case("onto the reference", place, OUTPUT, "cover", place.path("good.mp3"), "--reference",
               good, "--force", "-o", good)  # fmt: skip
    yield case("into a folder", place, OUTPUT, *cover, place.path("folder.wav"))
    yield case("below a file", place, OUTPUT, *cover, place.path("good.wav/a.wav"))


def models(place: Place) -> Iterator[Malformed]:
    """Checkpoints that cannot do it."""
    turbo = ("--model", "acestep-v15-turbo")
    for verb, options in (
        ("extract", ("vocals",)), ("lego", ("--track", "fx")), ("complete", ("--track", "fx")),
    ):  # fmt: skip
        yield case(f"{verb} by turbo", place, CHECKPOINT, verb, place.good, *options, *turbo)
    yield case("cover by nobody", place, CHECKPOINT, "cover", place.good, "--model", "nobody")
