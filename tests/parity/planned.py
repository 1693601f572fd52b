"""The planner's part of a whole call: what it is asked, what it writes, what the renderer gets.

Greedy calls are written by the real planner; sampled ones too, with numbers that lead it along the
recorded tokens. One first phase serves all items of a batch, as in the original. Where a song was
invented first (`create_sample`), that call is written anew as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from acestep_cli.events import silent
from acestep_cli.lyrics import INSTRUMENTAL
from acestep_cli.pipeline.generation import Generated
from acestep_cli.pipeline.metadata import parse_output, read_metadata
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.plan import Plan, Wish, plan_of
from acestep_cli.pipeline.planner import Planner
from acestep_cli.pipeline.planning import Planning
from acestep_cli.pipeline.sampler import never
from acestep_cli.pipeline.tokens import Draws
from acestep_cli.pipeline.writer import LanguageWriter, Task
from tests.parity.arguments import plans_of, read_codes
from tests.parity.base import Check, equal
from tests.parity.lm_forward import planner as language_of
from tests.parity.lm_grammar import open_grammar
from tests.parity.lm_traces import Leading, recorded, rewritten, steps_of

UPSTREAM = Parity(
    unplanned_duration=True,
    prompts_as_typed=True,
    metas_decide_thinking=True,
    upstream_grammar=True,
)
# Without a file that says otherwise: the original on a machine without a GPU.
LONGEST = 240
Json = Mapping[str, Any]


def planned(folder: Path, entry: Json, items: int) -> tuple[list[Plan], list[Check]]:
    """One plan for each of `items`, and how it compares with what the original's renderer got."""
    handed_over = plans_of(entry["dit_arguments"], items)
    calls = [call for call in entry["lm_calls"] if _phase(call) in ("cot", "codes")]
    asked, checks = request_of(folder, entry)
    if not calls:
        return handed_over, checks
    plans = list[Plan]()
    for index, expected in enumerate(handed_over):
        writer = _Dictated(folder, calls, index)
        thought = _planner(folder, writer, asked).plan(_wish(asked), 0, index)
        # A language or genres that were found out never arrive there, nor is a length left open.
        open_length = thought.wish.duration is None
        duration = expected.duration if open_length else thought.wish.duration
        filled = replace(thought.wish, duration=duration)
        plan = replace(plan_of(filled), language=expected.language, genres=expected.genres)
        checks += [*writer.checks, equal(f"plan {index}", plan, expected)]
        if writer.has("cot"):
            checks.append(equal(f"metadata {index}", thought.metadata, entry["lm_metadata"]))
        plans.append(plan)
    return plans, checks


def request_of(folder: Path, entry: Json) -> tuple[Json, list[Check]]:
    """What was asked of the song: as recorded, or what an invented song said with its overrides;
    and the calls that invented it, written anew."""
    recorded, sample = entry["generation_params"], entry.get("create_sample")
    if not sample:
        return recorded, []
    invented: dict[str, Any] = {}
    checks = list[Check]()
    for call in entry["lm_calls"]:
        if _phase(call) == "understand":
            invented, found = _invented(folder, call)
            checks += found
    if recorded.get("caption"):  # what came of it is recorded
        return recorded, checks
    return {**invented, **(sample.get("override") or {}), **recorded}, checks


def _invented(folder: Path, call: Json) -> tuple[dict[str, Any], list[Check]]:
    """The song of one call. Whether there was a list of genres is not recorded: either will do."""
    checks = list[Check]()
    for with_genres in (True, False):
        grammar = open_grammar(folder, _longest(folder), with_genres)
        checks = rewritten(folder, grammar, call, list(steps_of(folder, grammar, call)))
        if all(check.passed for check in checks):
            break
    text = language_of(folder).tokenizer.decode(call["ids"])
    output = parse_output(text, upstream=True)
    read = read_metadata({**output.fields, "lyrics": output.lyrics}, upstream=True).metadata
    return {
        "caption": read.caption or "",
        "lyrics": read.lyrics or ("" if "instrumental: false" in call["prompt"] else INSTRUMENTAL),
        "bpm": read.bpm,
        "keyscale": read.keyscale or "",
        "timesignature": read.timesignature or "",
        "duration": read.duration or -1.0,
    }, checks


class _Dictated:
    """A writer that compares what it is asked with the recorded calls, and is led along them."""

    def __init__(self, folder: Path, calls: list[Any], item: int) -> None:
        self._folder, self._language = folder, language_of(folder)
        codes = [call for call in calls if _phase(call) == "codes"]
        self._calls = {"tokens": [call for call in calls if _phase(call) == "cot"]}
        self._calls["codes"] = codes[item : item + 1]
        self.checks: list[Check] = []

    def has(self, phase: str) -> bool:
        """Whether there is a call of `phase`."""
        return bool(self._calls["tokens" if phase == "cot" else phase])

    def write(self, task: Task, draws: Draws) -> Generated:
        """As `Writer`."""
        call = self._calls[task.unit][0]
        told = [call["prompt"]]
        if call["settings"]["cfg_scale"] > 1:
            told.append(call["unconditional_prompt"])
        grammar = open_grammar(self._folder, _longest(self._folder))
        steps = list(steps_of(self._folder, grammar, call))
        leading = Leading(steps, call["settings"]["temperature"])
        written = LanguageWriter(self._language, silent, never).write(task, leading)
        expected = recorded(call)
        self.checks += [
            equal(f"{task.unit}: prompts", list(task.prompts), told),
            equal(f"{task.unit}: tokens", written, expected),
        ]
        return written


def _planner(folder: Path, writer: _Dictated, asked: Json) -> Planner:
    planning = Planning(
        codes=asked.get("thinking", True) and not read_codes(asked.get("audio_codes") or ""),
        metas=asked.get("use_cot_metas", True),
        caption=asked.get("use_cot_caption", True),
        language=asked.get("use_cot_language", True),
        temperature=asked.get("lm_temperature", 0.85),
        top_k=asked.get("lm_top_k") or 0,
        top_p=asked.get("lm_top_p", 0.9) or 1.0,
        guidance=asked.get("lm_cfg_scale", 2.0),
        negative=asked.get("lm_negative_prompt", "NO USER INPUT"),
    )
    return Planner(
        writer,
        language_of(folder).tokenizer,
        planning,
        silent,
        grammar=open_grammar(folder, _longest(folder)),
        parity=UPSTREAM,
    )


def _wish(asked: Json) -> Wish:
    duration = asked.get("duration") or 0
    language = asked.get("vocal_language") or "unknown"
    return Wish(
        caption=asked.get("caption", ""),
        lyrics=asked.get("lyrics", ""),
        language=None if language == "unknown" else language,
        bpm=asked.get("bpm"),
        keyscale=asked.get("keyscale") or None,
        timesignature=asked.get("timesignature") or None,
        duration=duration if duration > 0 else None,
        audio_codes=read_codes(asked.get("audio_codes") or ""),
    )


def _phase(call: Json) -> str:
    phase: str = call["settings"]["generation_phase"]
    return phase


def _longest(folder: Path) -> int:
    tables = folder / "lm" / "constraint_tables.json"
    if not tables.is_file():
        return LONGEST
    found: int = json.loads(tables.read_text("utf-8"))["duration_max_on_this_machine"]
    return found
