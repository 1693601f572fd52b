"""What was installed when a job ran; read from package metadata, so that nothing is imported."""

from __future__ import annotations

import platform

from acestep_cli import __version__

# The packages whose numbers can change a song or its file.
_PACKAGES = ("torch", "numpy", "safetensors", "tokenizers", "soundfile", "av")


def versions() -> dict[str, str | None]:
    """Versions of acestep, Python and the packages that shape the sound; None: not there."""
    # Every look at a job passes this module, and only a new record needs what it costs.
    from importlib import metadata

    found: dict[str, str | None] = {"acestep": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found
