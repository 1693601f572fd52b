"""Which files of a published folder are needed: what is read, and nothing that could be run."""

from __future__ import annotations

import re
from collections.abc import Iterable

from acestep_cli.weights.catalog import Kind
from acestep_cli.weights.index import SHARD_INDEXES, SINGLE_FILES
from acestep_cli.weights.tokenizer import FILE_NAME as TOKENIZER_FILE
from acestep_cli.weights.tokenizer import SLOW_FILES

CONFIG = "config.json"
SILENCE = "silence_latent.pt"
# What a tokenizer that must be converted may refer to.
_BESIDE_SLOW = ("tokenizer_config.json", "added_tokens.json", "special_tokens_map.json")
_SHARD = r"-\d{1,6}-of-\d{1,6}\.safetensors"


def needed_names(present: Iterable[str], kind: Kind) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of the names `present` in a folder of `kind`, those that are needed, and what is lacking.

    `config.json` is the last: where files arrive one by one, a folder is complete when it is there.
    """
    names = sorted(set(present))
    needed = list(_weights(names))
    lacks = [] if needed else [SINGLE_FILES[0]]
    wanted = [SILENCE] if kind == "dit" else []
    if kind in ("text_encoder", "planner"):
        slow = TOKENIZER_FILE not in names and all(name in names for name in SLOW_FILES)
        wanted += SLOW_FILES if slow else [TOKENIZER_FILE]
        needed += [name for name in _BESIDE_SLOW if slow and name in names]
    for name in (*wanted, CONFIG):
        (needed if name in names else lacks).append(name)
    return tuple(needed), tuple(lacks)


def _weights(names: list[str]) -> list[str]:
    """The weight files in the form that reading them prefers; shards before their index."""
    for name in SINGLE_FILES:
        if name in names:
            return [name]
    for index in SHARD_INDEXES:
        stem = re.escape(index.removesuffix(".safetensors.index.json"))
        shards = [name for name in names if re.fullmatch(stem + _SHARD, name)]
        if index in names and shards:
            return [*shards, index]
    return []
