"""The request digest: the same digest, the same song."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

# Where a song is put and what it is called does not change how it sounds.
_SILENT = frozenset(
    {"save_dir", "save_latents", "src_audio", "reference_audio", "batch_size", "seed"}
)
LENGTH = 16


def request_digest(
    request: Mapping[str, Any],
    *,
    wishes: Sequence[Mapping[str, Any]],
    seeds: tuple[int, ...],
    fingerprints: Mapping[str, str],
    sources: Mapping[str, str],
    hardware: Mapping[str, Any],
) -> str:
    """16 lower-case base-32 characters of SHA-256 over canonical JSON of what shapes the sound.

    request: the settled request as plain values; wishes: what is given for each item; seeds: the
    resolved ones; fingerprints: of each checkpoint folder by its part; sources: SHA-256 of each
    source file by its parameter; hardware: what of the policy shapes the sound.
    """
    shaped = {key: value for key, value in request.items() if key not in _SILENT}
    content = {
        "request": shaped,
        "wishes": [dict(wish) for wish in wishes],
        "seeds": seeds,
        "checkpoints": dict(fingerprints),
        "sources": dict(sources),
        "hardware": dict(hardware),
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).digest()
    return base64.b32encode(digest).decode().lower()[:LENGTH]
