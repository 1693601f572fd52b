"""Prompts, parsing and serialising of the planner, against golden/lm/{prompts,parse_cases}.json.

What the original has and never uses, or decides by a rule that is not ours (guidance prompts of
other phases, a length limit that hangs on the GPU), is put together here from the product's pieces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from acestep_cli.pipeline import planner_prompts as prompts
from acestep_cli.pipeline.metadata import (
    NUMBERS,
    Entry,
    Metadata,
    code_budget,
    cot_text,
    forced_fields,
    parse_output,
    read_metadata,
)
from acestep_cli.pipeline.metadata_text import join_lines
from acestep_cli.pipeline.planning import planning_of
from acestep_cli.request import SongRequest, find
from tests.parity.base import Case, Check, equal
from tests.parity.checkpoints import planner_tokenizer

Entries = list[dict[str, Any]]

SHORTEST, LONGEST, MOST_TOKENS = 10, 600, 3500
# Beyond the tokens of the codes phase where text is written; what is kept free of the context.
TEXT_TOKENS, FREE_CONTEXT = 490, 64
WITHOUT_PLANNER = ("cover", "cover-nofsq", "repaint", "extract")
GIVEN_LYRICS = "given lyrics"


def cases(folder: Path) -> list[Case]:
    """One case for each list of the two files."""
    return [
        *(
            Case("lm", f"prompts_{name}", partial(_prompts, folder, name, entries))
            for name, entries in _lists(folder, "prompts")
        ),
        *(
            Case("lm", f"parse_{name}", partial(_parsed, folder, name, entries))
            for name, entries in _lists(folder, "parse_cases")
        ),
    ]


def _read(folder: Path, file: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "lm" / f"{file}.json").read_text("utf-8"))
    return found


def _lists(folder: Path, file: str) -> list[tuple[str, Entries]]:
    return [item for item in _read(folder, file).items() if isinstance(item[1], list) and item[1]]


def _prompts(folder: Path, name: str, entries: Entries) -> list[Check]:
    checks = []
    for index, entry in enumerate(entries):
        if name == "generate_music_to_lm":
            checks += _handed_over(index, entry)
            continue
        prompt = WRITERS[name](entry["inputs"])
        checks += [
            equal(f"{index} prompt", prompt, entry["prompt"]),
            equal(f"{index} ids", planner_tokenizer(folder).encode_plain(prompt), entry["ids"]),
        ]
        checks += _beside(index, name, entry)
    return checks


def _beside(index: int, name: str, entry: Mapping[str, Any]) -> list[Check]:
    """What an entry tells beside its prompt."""
    checks, inputs = [], entry["inputs"]
    if "cot_text" in entry:
        ours = cot_text(inputs["metadata"])
        checks.append(equal(f"{index} reasoning", ours, entry["cot_text"]))
    if "meaningful" in entry:
        ours = prompts.is_meaningful(inputs["negative_prompt"])
        checks.append(equal(f"{index} meaningful", ours, entry["meaningful"]))
    if "settings" in entry:
        ours = FORCED[name](inputs) or None
        checks.append(equal(f"{index} given", ours, entry["settings"]["user_metadata"]))
    return checks


def _two_texts(write: Callable[[str, str], str]) -> Callable[[Mapping[str, Any]], str]:
    return lambda inputs: write(inputs["caption"] or "", inputs["lyrics"] or "")


def _codes(inputs: Mapping[str, Any]) -> str:
    reasoning = cot_text(inputs["metadata"])
    return prompts.codes_prompt(inputs["caption"] or "", inputs["lyrics"] or "", reasoning)


def _unused_cot(inputs: Mapping[str, Any]) -> str:
    negative, lyrics = inputs["negative_prompt"], inputs["lyrics"]
    if prompts.is_meaningful(negative):
        return prompts.cot_prompt(negative, lyrics)
    return prompts.chat(prompts.GENERATE, f"# Lyric\n{lyrics}\n")


def _legacy(inputs: Mapping[str, Any]) -> str:
    negative = inputs["negative_prompt"]
    caption = negative if prompts.is_meaningful(negative) else inputs["caption"]
    return prompts.codes_prompt(caption, inputs["lyrics"], prompts.EMPTY_REASONING)


def _unused_understand(inputs: Mapping[str, Any]) -> str:
    negative = inputs["negative_prompt"]
    return prompts.understand_prompt(negative if negative.strip() else "")


WRITERS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "cot": _two_texts(prompts.cot_prompt),
    "cot_unconditional_unreachable": _unused_cot,
    "codes": _codes,
    "codes_unconditional": lambda inputs: prompts.unconditional_prompt(inputs["negative_prompt"]),
    "codes_unconditional_legacy": _legacy,
    "understand": lambda inputs: prompts.understand_prompt(
        inputs["audio_codes"] or prompts.NO_INPUT
    ),
    "understand_unconditional_unreachable": _unused_understand,
    "inspiration": lambda inputs: prompts.inspiration_prompt(
        inputs["query"] or "", instrumental=inputs["instrumental"]
    ),
    "format": _two_texts(prompts.format_prompt),
}


def _forced_query(inputs: Mapping[str, Any]) -> dict[str, int | str]:
    language = (inputs["vocal_language"] or "").strip()
    known = Metadata(language=language if language.lower() not in ("", "unknown") else None)
    return forced_fields("expand", known)


FORCED: dict[str, Callable[[Mapping[str, Any]], Mapping[str, int | str]]] = {
    "understand": lambda _: {},
    "inspiration": _forced_query,
    "format": lambda inputs: _forced("rewrite", inputs["user_metadata"] or {}),
}


def _forced(entry: Entry, typed: Mapping[str, Any]) -> dict[str, int | str]:
    """What the original hands on of metadata as typed: nothing normalised, blanks left out."""
    known = {
        "bpm": _positive(typed.get("bpm")),
        "duration": _positive(typed.get("duration")),
        **{name: _said(typed.get(name)) for name in ("keyscale", "language", "timesignature")},
    }
    return forced_fields(entry, Metadata(**known), upstream=True)


def _positive(typed: Any) -> int | None:
    try:
        number = int(float(typed))
    except (TypeError, ValueError):
        return None
    return number if number > 0 else None


def _said(typed: str | None) -> str | None:
    text = (typed or "").strip()
    return text if text.lower() not in ("", "n/a") else None


def _handed_over(index: int, entry: Mapping[str, Any]) -> list[Check]:
    """The way from a request to the planner's arguments."""
    typed, golden = entry["params"], entry["lm_arguments"]
    task = typed.get("task_type", "text2music")
    morphs = task == "text2music" and typed.get("flow_edit_morph", False)
    skipped = morphs or task in WITHOUT_PLANNER
    switches = ("thinking", "use_cot_caption", "use_cot_language", "use_cot_metas")
    called = not skipped and any(typed.get(name, True) for name in switches)
    checks = [equal(f"{index} called", called, entry["lm_called"])]
    if not called:
        return checks
    # Ranges and sources are not looked at here, and tasks with a source think in the original.
    asked = {
        name: value
        for name, value in typed.items()
        if name.startswith(("lm_", "use_")) and find(name, value)
    }
    planning = planning_of(SongRequest.from_values(asked))
    composes = typed.get("thinking", True) and not (typed.get("audio_codes") or "").strip()
    ours = {
        "caption": typed.get("caption", ""),
        "lyrics": typed.get("lyrics", ""),
        "infer_type": "llm_dit" if composes else "dit",
        "temperature": planning.temperature,
        "cfg_scale": planning.guidance,
        "negative_prompt": planning.negative,
        "top_k": planning.top_k or None,
        "top_p": planning.top_p if typed.get("lm_top_p", True) and planning.top_p < 1 else None,
        "target_duration": typed.get("duration", -1),
        "user_metadata": _forced("generate", typed) or None,
        "use_cot_caption": planning.caption,
        "use_cot_language": planning.language,
        "use_cot_metas": planning.metas,
        "use_constrained_decoding": planning.constrained,
    }
    return checks + [equal(f"{index} {name}", ours[name], golden[name]) for name in ours]


def _parsed(folder: Path, name: str, entries: Entries) -> list[Check]:
    checks = []
    for index, entry in enumerate(entries):
        if name == "max_new_tokens":
            note = _read(folder, "parse_cases")["max_new_tokens_note"]
            checks.append(equal(f"{index} limit", _most_tokens(entry, note), entry["result"]))
        else:
            checks += [
                # Types count as well: 30 is not 30.0.
                equal(f"{index} {what}", repr(ours), repr(entry[what]))
                for what, ours in PARSERS[name](entry).items()
            ]
    return checks


def _parse(entry: Mapping[str, Any]) -> dict[str, Any]:
    output = parse_output(entry["text"], upstream=True)
    fields = {name: output.fields[name] for name in entry["metadata"] if name in output.fields}
    more = {name: value for name, value in output.fields.items() if name not in fields}
    return {"metadata": fields | more, "audio_codes": output.audio_codes}


def _serialise(entry: Mapping[str, Any]) -> dict[str, Any]:
    try:
        for value in entry["metadata"].values():
            # The original makes a number of all that it takes for digits, or fails.
            if isinstance(value, str) and value.isdigit():
                int(value)
        return {"text": cot_text(entry["metadata"])}
    except (AttributeError, TypeError, ValueError) as error:
        kind = type(error).__name__
        raised = entry.get("error", "")
        return {"error": raised if raised.startswith(kind) else kind}


def _public(entry: Mapping[str, Any]) -> dict[str, Any]:
    metadata = entry["metadata"]
    read = read_metadata(metadata, upstream=True).metadata
    success = bool(metadata)
    common = {
        "caption": read.caption or "",
        "lyrics": read.lyrics or "",
        "bpm": read.bpm,
        "duration": read.duration,
        "keyscale": read.keyscale or "",
        "language": read.language or "",
        "timesignature": read.timesignature or "",
    }
    ending = {
        "status_message": "status",
        "success": success,
        "error": None if success else "status",
    }
    kept = common["lyrics"] or (GIVEN_LYRICS if success else "")
    sung = {"instrumental": metadata.get("instrumental", True) if success else False}
    return {
        "understand_music": common | ending,
        "create_sample": common | sung | ending,
        "format_sample": common | {"lyrics": kept} | ending,
    }


PARSERS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "parse_lm_output": _parse,
    "extract_lyrics": lambda entry: {"lyrics": parse_output(entry["text"], upstream=True).lyrics},
    "format_metadata_as_cot": _serialise,
    "has_all_metas": lambda entry: {"result": set(NUMBERS) <= set(entry["metadata"] or ())},
    "postprocess_caption": lambda entry: {"result": join_lines(entry["text"])},
    "public_results": _public,
}


def _most_tokens(entry: Mapping[str, Any], note: str) -> int:
    longest, context = (int(number) for number in re.findall(r"\d+", note))
    target = entry["target_duration"]
    if target is not None and target > 0:
        limit = code_budget(max(SHORTEST, min(target, longest, LONGEST)))
        limit += TEXT_TOKENS if entry["generation_phase"] != "codes" else 0
    else:
        limit = min(entry["fallback_max"] or context, MOST_TOKENS)
    return min(limit, context - FREE_CONTEXT)
