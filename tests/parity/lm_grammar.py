"""The planner's grammar in the original's mode, without the network: tables, scripted runs and the
recorded tokens of complete runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from acestep_cli.pipeline.grammar import Allowed, Grammar, Run, Settings
from acestep_cli.pipeline.grammar_tables import BPM, LONGEST, MODEL_KEYS, SHORTEST, Tree
from acestep_cli.pipeline.grammar_upstream import FIXED, UpstreamTables, transitions
from acestep_cli.request.languages import LANGUAGES
from acestep_cli.request.music import TIME_SIGNATURES
from tests.parity.base import Case, Check, equal
from tests.parity.checkpoints import planner_tokenizer

CAPTION, GENRES = "CAPTION_VALUE", "GENRES_VALUE"
MOST_TRIES = 2000
Json = Mapping[str, Any]


def cases(folder: Path) -> list[Case]:
    """The grammar's cases of FOLDER/lm."""
    tables, scripts, traces = (
        _read(folder, name) for name in ("constraint_tables", "fsm_scripts", "generation_traces")
    )
    checks: list[tuple[str, Callable[[], list[Check]]]] = [
        ("grammar-ids", lambda: _ids(folder, tables)),
        ("grammar-trees", lambda: _trees(folder, tables)),
        ("grammar-masks", lambda: _masks(folder, tables)),
        ("grammar-transitions", lambda: _transitions(tables)),
        ("grammar-genres", lambda: _genres(folder, tables)),
    ]
    for script in scripts["scripts"]:
        checks.append((f"grammar-script-{script['name']}", _Script(folder, script, scripts)))
    for run in traces["runs"]:
        checks.append((f"grammar-trace-{run['name']}", _Trace(folder, run)))
    return [Case("lm", name, run) for name, run in checks]


class _Script:
    """One hand-driven run: the allowed set and the state at every step."""

    def __init__(self, folder: Path, script: Json, scripts: Json) -> None:
        self.folder, self.script, self.sets = folder, script, scripts["sets"]

    def __call__(self) -> list[Check]:
        settings = self.script["settings"]
        grammar = open_grammar(self.folder, settings["max_duration"], settings["genres_vocab"])
        run = start(grammar, settings, self.script["prompt"])
        ours, theirs = [], []
        for boost, wanted, token, masked, after in self.script["steps"]:
            before = run.state
            scores = _made_up(grammar, boost) if run.needs_scores else None
            found = _digest(run.allowed(scores))
            changed = run.state if run.state != before else None
            run.advance(token)
            ours.append((*found, changed, run.state))
            theirs.append((self.sets[wanted]["n"], self.sets[wanted]["sha256"], masked, after))
        return [_first_difference(ours, theirs)]


class _Trace:
    """The recorded tokens of one complete run: states, and the sets' sizes where nothing but the
    grammar limits them.

    What the original read off the network's scores is not recorded. A language is taken for the
    likeliest where it came; behind a newline in the caption, and at one in free genres, either way
    of going on is tried, until one explains the whole record.
    """

    def __init__(self, folder: Path, run: Json) -> None:
        self.folder, self.run = folder, run

    def __call__(self) -> list[Check]:
        longest = _read(self.folder, "constraint_tables")["duration_max_on_this_machine"]
        grammar = open_grammar(self.folder, longest, self.run["genres_vocab"])
        return [
            check
            for number, call in enumerate(self.run["calls"])
            for check in _explain(grammar, call, f"call {number}")
        ]


def _explain(grammar: Grammar, call: Json, what: str) -> list[Check]:
    guesses: list[bool] = []
    for _ in range(MOST_TRIES):
        checks, guesses = _follow(grammar, call, what, guesses)
        if all(check.passed for check in checks):
            break
        while guesses and not guesses[-1]:
            guesses.pop()
        if not guesses:
            break
        guesses[-1] = False
    return checks


def _follow(
    grammar: Grammar, call: Json, what: str, guesses: Sequence[bool]
) -> tuple[list[Check], list[bool]]:
    """What differs from the record, up to the first difference, and the guesses made on the way:
    `guesses`, then True each time."""
    tables = grammar.tables
    run = start(grammar, call["settings"], call["prompt"])
    (space,) = tables.tokenizer.encode_plain(" ")
    expected = [state for state, count in call["states"] for _ in range(count)]
    counted = not call["settings"]["top_k"] and not call["settings"]["top_p"]
    made: list[bool] = []
    for step, (token, state) in enumerate(zip(call["ids"], expected, strict=True)):
        likeliest = token
        if run.needs_scores and (
            run.state == CAPTION or (run.state == GENRES and token == tables.newline)
        ):
            made.append(guesses[len(made)] if len(made) < len(guesses) else True)
            likeliest = tables.newline if made[-1] else space
        allowed = run.allowed(_made_up(grammar, likeliest) if run.needs_scores else None)
        found = [
            equal(f"{what}: {run.state} for {state} in step {step}", run.state, state),
            equal(
                f"{what}: token {token} in step {step}", bool((allowed.ids == token).any()), True
            ),
        ]
        if counted:
            size = call["n_allowed"][step]
            found.append(equal(f"{what}: size in step {step}", len(allowed.ids), size))
        if not all(check.passed for check in found):
            return found, made
        run.advance(token)
    return [equal(f"{what}: states, tokens, sizes", True, True)], made


def _ids(folder: Path, tables: Json) -> list[Check]:
    golden, grammar = tables["tokenizer"], open_grammar(folder)
    ours = grammar.tables
    return [
        equal("eos", ours.end, golden["eos"]),
        equal("newline", ours.newline, golden["newline"]),
        equal("think", [ours.think], golden["think"]),
        equal("think_end", [ours.think_end], golden["think_end"]),
        equal("audio_code_0", int(ours.codes[0]), golden["audio_code_0"]),
        equal("languages", sorted(LANGUAGES), sorted(tables["languages"])),
        equal("keyscales", sorted(MODEL_KEYS), sorted(tables["keyscales"])),
        equal("bpm", list(BPM), tables["bpm"]),
        equal("duration", [SHORTEST, LONGEST], tables["duration"]),
        equal("timesignatures", list(TIME_SIGNATURES), list(map(str, tables["timesignatures"]))),
        *(
            equal(
                f"{state} {entry['string']!r}",
                [FIXED[state], [[token] for token in ours.spelled(entry["string"])]],
                [entry["string"], entry["allowed"]],
            )
            for state, entry in tables["fixed_strings"].items()
        ),
    ]


def _trees(folder: Path, tables: Json) -> list[Check]:
    checks = []
    for key, golden in tables.items():
        name, _, rest = key.partition("_tree")
        if key == name:
            continue
        longest = int(rest.removeprefix("_")) if rest else LONGEST
        ours = _written(open_grammar(folder, longest).tables.trees[name])
        checks.append(equal(f"{key} nodes", len(ours), golden["nodes"]))
        if "tree" in golden:
            checks.append(equal(key, ours, golden["tree"]))
        if "sha256" in golden:
            text = json.dumps(ours, sort_keys=True, separators=(",", ":"))
            found = hashlib.sha256(text.encode()).hexdigest()
            checks.append(equal(f"{key} sha256", found, golden["sha256"]))
    return checks


def _masks(folder: Path, tables: Json) -> list[Check]:
    ours, blocked = open_grammar(folder).tables, tables["audio_code_mask"]
    codes = tables["codes_generation_allowed"]
    return [
        equal(
            "blocked in text",
            _digest(ours.code),
            (blocked["blocked"], blocked["sha256_blocked"]),
        ),
        equal("codes phase", _digest(ours.code_or_end), (codes["n"], codes["sha256"])),
    ]


def _transitions(tables: Json) -> list[Check]:
    checks = []
    for flags, golden in tables["transitions"].items():
        skips = {name: value == "1" for name, value in (f.split("=") for f in flags.split(","))}
        # The original lists an end of the codes phase that no run ever takes.
        expected = {state: to for state, to in golden.items() if state != "CODES_GENERATION"}
        checks.append(equal(flags, transitions(Settings(**skips)), expected))
    return checks


def _genres(folder: Path, tables: Json) -> list[Check]:
    entries = _genre_lines(folder)
    ours = UpstreamTables(open_grammar(folder).tables, entries)
    return [
        equal("entries", ours.entries, frozenset(tables["genres_entries"])),
        *(
            equal(
                f"after {golden['accumulated']!r}",
                ours.genre(golden["accumulated"]).ids.tolist(),
                golden["ids"],
            )
            for golden in tables["genres_allowed"]
        ),
    ]


def start(grammar: Grammar, settings: Json, prompt: str) -> Run:
    """A run with the settings that golden files record."""
    ids = grammar.tables.tokenizer.encode_plain(prompt)
    return grammar.run(
        Settings(
            phase=settings["generation_phase"],
            given=settings["user_metadata"] or {},
            stop_at_reasoning=settings["stop_at_reasoning"],
            skip_genres=settings["skip_genres"],
            skip_caption=settings["skip_caption"],
            skip_language=settings["skip_language"],
            target=settings["target_duration"],
            thought=grammar.tables.think_end in ids,
        )
    )


@cache
def open_grammar(folder: Path, max_duration: int = LONGEST, with_genres: bool = False) -> Grammar:
    """The original's grammar for the planner of a golden folder."""
    genres = _genre_lines(folder) if with_genres else ()
    return Grammar(
        planner_tokenizer(folder), max_duration=max_duration, genres=genres, upstream=True
    )


@cache
def _read(folder: Path, name: str) -> Json:
    content: Json = json.loads((folder / "lm" / f"{name}.json").read_text("utf-8"))
    return content


def _genre_lines(folder: Path) -> list[str]:
    path = folder / "lm" / "genres_vocab.txt"
    return path.read_text("utf-8").splitlines() if path.is_file() else []


def _made_up(grammar: Grammar, boost: int | None) -> Tensor:
    """The scores of `fsm_scripts.json`: lower for each higher id, 5 for `boost`."""
    size = grammar.tables.tokenizer.size
    scores = -torch.arange(1, size + 1, dtype=torch.float32) / size
    if boost is not None:
        scores[boost] = 5.0
    return scores


@cache
def _digest(allowed: Allowed) -> tuple[int, str]:
    text = json.dumps(allowed.ids.tolist(), separators=(",", ":"))
    return len(allowed.ids), hashlib.sha256(text.encode()).hexdigest()


def _written(tree: Tree) -> dict[str, list[int]]:
    return {",".join(map(str, path)): sorted(after) for path, after in tree.nodes.items()}


def _first_difference(ours: Sequence[Any], theirs: Sequence[Any]) -> Check:
    for step, (mine, golden) in enumerate(zip(ours, theirs, strict=True)):
        if mine != golden:
            return equal(f"{mine} for {golden} in step {step}", mine, golden)
    return equal("steps", True, True)
