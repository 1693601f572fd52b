"""What `--dry-run` shows: the job as it would be made, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from acestep_cli.request import BY_NAME, as_text
from acestep_cli.term.output import Result
from acestep_cli.term.table import table
from acestep_cli.term.words import on_one_line

if TYPE_CHECKING:
    from acestep_cli.run import RunSpec

_GIB, _MIB = 1 << 30, 1 << 20
_LONGEST_TEXT = 60
_NOUNS = {"dit": "model", "text_encoder": "text encoder", "vae": "VAE"}


def shown(spec: RunSpec) -> Result:
    """The resolved request with origins, checkpoints, memory plan, seeds and paths of `spec`."""
    from acestep_cli.run.dry import dry_run

    data, warnings = dry_run(spec)
    lines = [line for section in _sections(data) for line in section]
    lines += [f"warning: {on_one_line(warning.message)}" for warning in warnings]
    return Result(data=data, lines=tuple(lines), warnings=warnings)


def _sections(data: Mapping[str, Any]) -> Iterator[list[str]]:
    yield _section("request", _request(data))
    yield _section("checkpoints", _checkpoints(data))
    yield _section("hardware", _hardware(data))
    yield _section("songs", _songs(data))
    yield _section("files", [(path,) for path in [*data["paths"], data["record"]]])
    if data["adjustments"]:
        yield _section("adjusted", [
            (one["what"], f"{one['before']} -> {one['after']}: {one['reason']}")
            for one in data["adjustments"]
        ])  # fmt: skip
    if data["notes"]:
        yield _section("notes", [(note,) for note in data["notes"]])


def _section(name: str, rows: list[tuple[str, ...]]) -> list[str]:
    return [f"{name}:", *(f"  {line}" for line in table(rows))] if rows else []


def _request(data: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What is no default, and what the checkpoint decided, with where it came from."""
    rows: list[tuple[str, ...]] = []
    for name, value in data["request"].items():
        origin = data["origins"][name]
        if origin == "default" and _says_nothing(name, value):
            continue
        rows.append((name, _text(name, value), f"({origin})"))
    for name, one in data["settings"].items():
        if one["origin"] != "default":
            value = one["value"]
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            rows.append((name, shown, f"({one['origin']})"))
    return rows


def _says_nothing(name: str, value: Any) -> bool:
    # A plan without codes gives each song an empty text of them.
    if BY_NAME[name].kind == "codes":
        return not any(value)
    return value in (BY_NAME[name].default, [], "", None)


def _text(name: str, value: Any) -> str:
    if BY_NAME[name].kind == "codes":
        return f"{len(value)} lists of codes" if value else ""
    # A list is plain already: its regions are texts and no pairs of times.
    text = ",".join(map(str, value)) if isinstance(value, list) else as_text(name, value)
    flat = " / ".join(text.splitlines())
    return flat if len(flat) <= _LONGEST_TEXT else f"{flat[: _LONGEST_TEXT - 1]}…"


def _checkpoints(data: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (_NOUNS.get(one["kind"], one["kind"]), one["name"], _size(one["bytes"]), one["path"])
        for one in data["checkpoints"]
    ]
    if data["planner"] is None:
        rows.insert(0, ("planner", "none", "", ""))
    return rows


def _hardware(data: Mapping[str, Any]) -> list[tuple[str, ...]]:
    used, memory = data["hardware"], data["memory"]
    stages = ", ".join(
        f"{_NOUNS.get(stage, stage)} {_size(size)}" for stage, size in memory["weights"].items()
    )
    kept = "all stay loaded" if used["residency"] == "all" else "one at a time"
    return [
        ("device", f"{used['device']} ({used['name']}), {used['threads']} CPU threads"),
        ("dtype", f"{used['dtype']}, VAE {used['vae_dtype']}"),
        ("planner weights", used["lm_quantization"]),
        ("memory", f"{_size(memory['needed'])} needed of {_size(memory['free'])} free"),
        ("weights", f"{stages}; {kept}"),
        ("tiles", f"{used['tile_frames']} frames, {used['tile_overlap']} of overlap"),
    ]


def _songs(data: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for item, seed in zip(data["items"], data["seeds"], strict=True):
        drawn = " (drawn: another one next time)" if seed["drawn"] else ""
        length = item["metas"]["duration"]
        known = f"{length:g} s" if length is not None else "as long as the planner decides"
        track = f"{item['track']}, " if item["track"] else ""
        rows.append((str(item["index"] + 1), f"{track}seed {seed['seed']}{drawn}", known))
    return rows


def _size(count: int) -> str:
    return f"{count / _GIB:.2f} GiB" if count >= _GIB else f"{count / _MIB:.1f} MiB"
