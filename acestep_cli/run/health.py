"""All checks of this machine in their order. Torch is imported only to try devices out.

None reaches into the network, and none stops the ones after it.
"""

from __future__ import annotations

import importlib
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from acestep_cli import __version__
from acestep_cli.audio.play import PLAYER_VARIABLE, players_for
from acestep_cli.config import resolve
from acestep_cli.errors import AceStepError, DeviceError
from acestep_cli.files import prove_writable
from acestep_cli.hardware.cpu import usable_cores
from acestep_cli.hardware.cuda import cuda_devices, torch_has_cuda
from acestep_cli.hardware.devices import Device, available_devices
from acestep_cli.hardware.memory import GIB, in_gib
from acestep_cli.hardware.policy import Policy, choose_policy
from acestep_cli.run.check import Check, Findings, Look, checked
from acestep_cli.run.fitness import find_checkpoints, find_planner, work_out_memory

if TYPE_CHECKING:
    from acestep_cli.run.trial import Trial

LIBRARIES = (
    "av", "click", "huggingface_hub", "matplotlib", "mutagen", "numpy", "platformdirs", "psutil",
    "pydub", "PyWavelets", "PyYAML", "rich", "safetensors", "soundfile", "tokenizers", "tomli-w",
    "torch", "torchaudio", "transformers",
)  # fmt: skip
# Those with compiled parts, without which there is no song.
_LOADED = ("torch", "numpy", "safetensors", "tokenizers", "soundfile", "av")
_OLDEST, _NEWEST = (3, 11), (3, 13)
# A lossless song of ten minutes and what is written beside it.
_LITTLE_SPACE = GIB
_PATIENCE_SECONDS = 10.0

Build = Callable[[Path], Path]
Say = Callable[[str], None]


def examine(findings: Findings, build: Build | None, say: Say) -> Iterator[Check]:
    """All checks, each as soon as it is done.

    `build` writes the tiny checkpoint set with which devices are tried out into a folder that it
    is given; None leaves that, and with it torch, out. `say` is told what takes long.
    """
    for name, look in _LOOKS:
        yield from checked(name, look, findings)
    if build is not None:
        yield from checked("trial", lambda found: _try_devices(found, build, say), findings)


def _python(findings: Findings) -> Iterator[Check]:
    version = sys.version_info[:2]
    system = f"{platform.system()} {platform.machine()}".strip()
    detail = f"{platform.python_version()} on {system}; acestep {__version__}"
    facts = {"version": platform.python_version(), "system": system, "acestep": __version__}
    if _OLDEST <= version <= _NEWEST:
        yield Check("python", "ok", detail, facts=facts)
    else:
        yield Check("python", "warn", detail, "3.11 to 3.13 are supported", facts=facts)


def _libraries(findings: Findings) -> Iterator[Check]:
    found: dict[str, str | None] = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    missing = [name for name, version in found.items() if version is None]
    facts = {"versions": found}
    if missing:
        sentence = f"not installed: {', '.join(missing)}"
        error = AceStepError(sentence, code="library_missing")
        yield Check("libraries", "fail", sentence, "install acestep again", error, facts)
        return
    shown = ", ".join(f"{name} {version}" for name, version in found.items())
    yield Check("libraries", "ok", shown, facts=facts)


def _settings(findings: Findings) -> Iterator[Check]:
    resolved = resolve(
        findings.flags,
        config_file=findings.config_file,
        environ=findings.environ,
        cwd=findings.cwd,
        preset=findings.preset,
    )
    findings.settings, findings.request = resolved.settings, resolved.request
    findings.no_planner = resolved.planner_wish == "off"
    sources = [place for place in dict.fromkeys(resolved.where.values()) if place != "flag"]
    detail = f"read from {', '.join(sources)}" if sources else "the defaults"
    said = [message for _, message in resolved.warnings]
    yield Check(
        "settings", "warn" if said else "ok", "; ".join([detail, *said]),
        facts={"sources": sources},
    )  # fmt: skip


def _devices(findings: Findings) -> Iterator[Check]:
    findings.devices = available_devices(findings.environ)
    for device in findings.devices:
        yield Check(f"device {device.torch_name}", "ok", _described(device), facts=_facts(device))
    if not torch_has_cuda() and cuda_devices():
        detail = "there is an NVIDIA card, and the installed torch is built without CUDA"
        yield Check("device cuda", "warn", detail, "install a torch that is built with CUDA")
    policy, _ = choose_policy(
        findings.settings, {}, devices=findings.devices, environ=findings.environ
    )
    findings.policy = policy
    detail = f"{policy.device.torch_name} in {policy.dtype} (sound in {policy.vae_dtype})"
    facts = {
        "device": policy.device.torch_name,
        "dtype": policy.dtype,
        "vae_dtype": policy.vae_dtype,
        "threads": policy.threads,
    }
    yield Check("device", "ok", f"{detail}, {policy.threads} CPU threads", facts=facts)


def _described(device: Device) -> str:
    memory = f"{in_gib(device.memory.free)} of {in_gib(device.memory.total)} free"
    cores = f", {usable_cores()} cores" if device.kind == "cpu" else ""
    return f"{device.name}{cores}, {memory}"


def _facts(device: Device) -> dict[str, object]:
    return {
        **device.as_dict(),
        "device": device.torch_name,
        "total_bytes": device.memory.total,
        "free_bytes": device.memory.free,
        "bfloat16": device.bfloat16,
    }


def _output(findings: Findings) -> Iterator[Check]:
    folder = Path(findings.request.save_dir or findings.settings.output_dir)
    folder = findings.cwd / folder
    prove_writable(folder)
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(nearest).free
    facts = {"path": str(folder), "free_bytes": free}
    detail = f"{folder} can be written, {in_gib(free)} free"
    if free < _LITTLE_SPACE:
        yield Check("output folder", "warn", detail, "free some space", facts=facts)
    else:
        yield Check("output folder", "ok", detail, facts=facts)


def _ffmpeg(findings: Findings) -> Iterator[Check]:
    program = shutil.which("ffmpeg", path=findings.environ.get("PATH"))
    if program is None:
        detail = "none; only formats outside the package's own need it"
        yield Check("ffmpeg", "ok", detail, facts={"path": None, "version": None})
        return
    try:
        done = subprocess.run(
            [program, "-hide_banner", "-version"], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, errors="replace", timeout=_PATIENCE_SECONDS, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        # Songs are made without it.
        facts = {"path": program, "version": None}
        detail = f"{program} does not work: {_failure(error)}"
        yield Check("ffmpeg", "warn", detail, "install it again", facts=facts)
        return
    first = (done.stdout.splitlines() or [""])[0].removeprefix("ffmpeg version ")
    version = first.split(" ")[0] or "of unknown version"
    facts = {"path": program, "version": version}
    yield Check("ffmpeg", "ok", f"{version} ({program})", facts=facts)


def _failure(error: OSError | subprocess.SubprocessError) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"it ended with {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it says nothing within {error.timeout:g} s"
    return getattr(error, "strerror", None) or type(error).__name__


def _player(findings: Findings) -> Iterator[Check]:
    song = Path(f"song.{findings.request.audio_format}")
    found = players_for(song, findings.environ)
    facts = {"command": list(found[0]) if found else None}
    if found and shutil.which(found[0][0], path=findings.environ.get("PATH")) is None:
        detail = f"{PLAYER_VARIABLE} names {found[0][0]!r}, which is no program here"
        yield Check("player", "warn", detail, f"correct {PLAYER_VARIABLE} or unset it", facts=facts)
        return
    if found:
        yield Check("player", "ok", found[0][0], facts=facts)
        return
    hint = f"install ffplay or mpv, or set {PLAYER_VARIABLE}"
    yield Check("player", "ok", f"none; only --play needs one ({hint})", facts=facts)


def _broken_libraries() -> Iterator[Check]:
    """What is installed and cannot be loaded, a part of the system that it needs being absent."""
    for name in _LOADED:
        try:
            importlib.import_module(name)
        except (ImportError, OSError) as error:
            sentence = f"{name} cannot be loaded: {(str(error).splitlines() or ['?'])[0]}"
            failure = AceStepError(sentence, code="library_broken")
            yield Check(name, "fail", sentence, "install it again", failure)


def _try_devices(findings: Findings, build: Build, say: Say) -> Iterator[Check]:
    """Each stage on each device in each dtype."""
    broken = list(_broken_libraries())
    yield from broken
    if broken:
        return
    devices = findings.devices or available_devices(findings.environ)
    say("trying each device: a tiny checkpoint is built first")
    with tempfile.TemporaryDirectory(prefix="acestep-", ignore_cleanup_errors=True) as folder:
        tiny = build(Path(folder) / "tiny")
        from acestep_cli.run.trial import offered, try_out

        for device, dtype in offered(devices):
            say(f"trying {device.torch_name} in {dtype}")
            yield _told(try_out(tiny, device, dtype, devices), findings.policy)


def _told(trial: Trial, used: Policy | None) -> Check:
    """What came of a trial; a device and dtype that no song would take (`used`) may fail."""
    name = f"{trial.device} {trial.dtype}"
    facts = {
        "device": trial.device,
        "dtype": trial.dtype,
        "seconds": round(trial.seconds, 3),
        "failed_stage": trial.failed,
    }
    if trial.failed is None:
        return Check(name, "ok", f"every stage works ({trial.seconds:.1f} s)", facts=facts)
    detail = f"does not work: {trial.failed} failed: {trial.reason}"
    hint = "choose another --dtype or --device"
    if used is None or (used.device.torch_name, used.dtype) != (trial.device, trial.dtype):
        return Check(name, "warn", detail, hint, facts=facts)
    error = DeviceError(f"{trial.dtype} does not work on {trial.device}: {trial.reason}", hint)
    return Check(name, "fail", detail, hint, error, facts)


_LOOKS: tuple[tuple[str, Look], ...] = (
    ("python", _python),
    ("libraries", _libraries),
    ("settings", _settings),
    ("checkpoints", find_checkpoints),
    ("planner", find_planner),
    ("device", _devices),
    ("memory", work_out_memory),
    ("output folder", _output),
    ("ffmpeg", _ffmpeg),
    ("player", _player),
)
