"""A cheap name for the content of a checkpoint folder: part of a song's request digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

from acestep_cli.errors import CheckpointError

BLOCKS = 16
BLOCK_BYTES = 64 * 1024
_LARGEST_HEADER = 100_000_000
_SMALL_FILES = ("config.json", "silence_latent.pt", "tokenizer.json", "vocab.json", "merges.txt")


def fingerprint(folder: Path) -> str:
    """SHA-256 (hex) over `config.json` and, for each weight file, its name, size, safetensors
    header and 16 evenly spaced blocks of 64 KiB.

    The silence latent and the tokenizer shape the sound too and are sampled alike, without a
    header. Reads at most about a megabyte a file. CheckpointError when a file cannot be read.
    """
    digest = hashlib.sha256()
    for file in _files(folder):
        try:
            _add(digest, file)
        except OSError as error:
            raise CheckpointError(
                f"{file} cannot be read: {error.strerror or error}", "check its permissions"
            ) from error
    return digest.hexdigest()


def _files(folder: Path) -> list[Path]:
    small = [folder / name for name in _SMALL_FILES if (folder / name).is_file()]
    return small + sorted(folder.glob("*.safetensors"))


def _add(digest: hashlib._Hash, file: Path) -> None:
    with file.open("rb") as stream:
        size = stream.seek(0, 2)
        digest.update(f"{file.name}\n{size}\n".encode())
        if file.suffix == ".safetensors":
            stream.seek(0)
            length = int.from_bytes(stream.read(8), "little")
            digest.update(stream.read(min(length, _LARGEST_HEADER)))
        if file.name == "config.json" or size <= BLOCKS * BLOCK_BYTES:
            stream.seek(0)
            digest.update(stream.read())
            return
        for block in range(BLOCKS):
            stream.seek((size - BLOCK_BYTES) * block // (BLOCKS - 1))
            digest.update(stream.read(BLOCK_BYTES))
