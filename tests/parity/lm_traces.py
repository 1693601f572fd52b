"""Complete runs of the planner against golden/lm/generation_traces.json.

Every step is repeated behind the recorded tokens: what may come next, the odds of the recorded
token, the first choices. Sampled runs are drawn anew as the original drew them, one
`torch.multinomial` over the whole vocabulary a token, from `torch.manual_seed`. Then the real loop
writes every run from its prompt: greedy ones by themselves, sampled ones led by fitting draws.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from acestep_cli.pipeline.generation import Generated, generate
from acestep_cli.pipeline.grammar import Grammar
from acestep_cli.pipeline.tokens import Draws, TokenOptions, guided, kept, penalized
from tests.parity.base import Case, Check, equal, no_grad
from tests.parity.lm_forward import planner
from tests.parity.lm_grammar import open_grammar, start

LOGITS = 1e-3
# The original adds up a whole vocabulary of probabilities in float32, so that where top-p cuts is
# off by as much: one token more or less of thousands.
SHARE = 5e-5
# Without MKL torch makes exponential numbers in another way.
_SAME_NUMBERS = torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
Json = Mapping[str, Any]


def cases(folder: Path) -> list[Case]:
    """One case a run of FOLDER/lm/generation_traces.json."""
    lm = folder / "lm"
    runs = json.loads((lm / "generation_traces.json").read_text("utf-8"))["runs"]
    tables = json.loads((lm / "constraint_tables.json").read_text("utf-8"))
    longest = tables["duration_max_on_this_machine"]
    return [
        Case("lm", f"trace-{run['name']}", no_grad(partial(_run, folder, run, longest)))
        for run in runs
    ]


def _run(folder: Path, run: Json, longest: int) -> list[Check]:
    grammar = open_grammar(folder, longest, run["genres_vocab"])
    source = _Source(run, planner(folder).config.vocabulary)
    checks: list[Check] = []
    for number, call in enumerate(run["calls"]):
        steps = list(steps_of(folder, grammar, call))
        found = [*_compare(call, steps), *source.compare(call, steps)]
        found += rewritten(folder, grammar, call, steps)
        checks += [Check(f"call {number}: {c.what}", c.error, c.tolerance) for c in found]
    return checks


@dataclass(frozen=True)
class Step:
    """One recorded token: its state, the ids that could come, their scores after all filters and
    before the temperature, the same before top-p, and where in `ids` the token is (None:
    nowhere)."""

    token: int
    state: str
    ids: Tensor
    scores: Tensor
    uncut: Tensor
    place: int | None


def _options(settings: Json) -> TokenOptions:
    return TokenOptions(
        temperature=settings["temperature"],
        top_k=settings["top_k"] or 0,
        top_p=settings["top_p"] or 1.0,
        repetition_penalty=settings["repetition_penalty"],
        guidance=settings["cfg_scale"],
    )


def _prompts(grammar: Grammar, call: Json) -> list[list[int]]:
    texts = [call["prompt"]]
    if call["settings"]["cfg_scale"] > 1:
        texts.append(call["unconditional_prompt"])
    return [grammar.tables.tokenizer.encode_plain(text) for text in texts]


def steps_of(folder: Path, grammar: Grammar, call: Json) -> Iterator[Step]:
    """Every step behind the recorded tokens."""
    options, prompts = _options(call["settings"]), _prompts(grammar, call)
    language, run = planner(folder), start(grammar, call["settings"], call["prompt"])
    decoder = language.decoder(len(prompts), max(map(len, prompts)) + len(call["ids"]))
    head = decoder.head(torch.arange(decoder.vocabulary))
    seen = torch.zeros(decoder.vocabulary, dtype=torch.bool)
    seen[torch.tensor(prompts[0])] = True
    hidden = decoder.start(prompts)
    for token in call["ids"]:
        scores = guided(head(hidden), options.guidance)
        ids = run.allowed(scores).ids
        uncut = penalized(scores[ids], ids, options.repetition_penalty, seen)
        uncut = kept(uncut, replace(options, top_p=1.0))
        left = kept(uncut, replace(options, top_k=0))
        places = (ids == token).nonzero().flatten().tolist()
        yield Step(token, run.state, ids, left, uncut, places[0] if places else None)
        run.advance(token)
        seen[token] = True
        hidden = decoder.step(token)


def _compare(call: Json, steps: list[Step]) -> list[Check]:
    warmth = call["settings"]["temperature"] or 1.0
    states = [state for state, count in call["states"] for _ in range(count)]
    odds = [
        float((step.scores / warmth).log_softmax(0)[step.place])
        if step.place is not None
        else -math.inf
        for step in steps
    ]
    gaps = [_gap(step.scores) for step in steps]
    share = call["settings"]["top_p"]
    counts = zip(steps, call["n_allowed"], strict=True)
    off = max(_miscounted(step, count, share) for step, count in counts)
    return [
        equal("states", [step.state for step in steps], states),
        Check("n_allowed, by the share of top-p", off, SHARE),
        _furthest("logprob", odds, call["logprob"], LOGITS / warmth),
        _furthest("margin", gaps, [gap or 0.0 for gap in call["margin"]], LOGITS),
        *(_first_choice(steps[choice["step"]], choice, warmth) for choice in call["first_choices"]),
    ]


def _miscounted(step: Step, count: int, share: float | None) -> float:
    """0 where `count` tokens are left; else how much another top-p would have left as many."""
    if int(step.scores.isfinite().sum()) == count:
        return 0.0
    if share is None or not 1 <= count <= int(step.uncut.isfinite().sum()):
        return math.inf
    sums = step.uncut.double().softmax(0).sort(descending=True).values.cumsum(0)
    before = float(sums[count - 2]) if count > 1 else 0.0
    return max(before - share, share - float(sums[count - 1]))


def _gap(scores: Tensor) -> float:
    """The likeliest score minus the next, 0 where there is one alone."""
    top = scores[scores.isfinite()].topk(min(2, int(scores.isfinite().sum()))).values
    return float(top[0] - top[1]) if len(top) == 2 else 0.0


def _first_choice(step: Step, choice: Json, warmth: float) -> Check:
    """The recorded best tokens by their scores; and all scores together."""
    where = torch.searchsorted(step.ids, torch.tensor(choice["top_ids"]))
    ours = step.scores[where.clamp(max=len(step.ids) - 1)].tolist()
    ours.append(float((step.scores / warmth).logsumexp(0)) * warmth)
    golden = [*choice["top_logits"], choice["logsumexp"] * warmth]
    return _furthest(f"first choices in step {choice['step']}", ours, golden, LOGITS)


def _furthest(what: str, ours: list[float], golden: list[float], tolerance: float) -> Check:
    differences = [abs(a - b) for a, b in zip(ours, golden, strict=True)]
    return Check(what, max(differences, default=0.0), tolerance)


class Leading(Draws):
    """Numbers that fall in the middle of the stretches of the recorded tokens."""

    def __init__(self, steps: list[Step], warmth: float) -> None:
        super().__init__(0)
        self.numbers = [_middle(s, warmth) for s in steps if warmth and len(s.ids) > 1]

    def next(self) -> float:
        return self.numbers.pop(0) if self.numbers else super().next()


def _middle(step: Step, warmth: float) -> float:
    if step.place is None:
        return 0.0
    odds = (step.scores / warmth).double().softmax(0)
    return float(odds[: step.place].sum() + odds[step.place] / 2)


def rewritten(folder: Path, grammar: Grammar, call: Json, steps: list[Step]) -> list[Check]:
    """The whole run by the real loop, which may go one token further than the record."""
    prompts, tokenizer = _prompts(grammar, call), grammar.tables.tokenizer
    options = _options(call["settings"])
    limit = min(call["max_new_tokens"], len(call["ids"]) + 1)
    ours = generate(
        planner(folder).decoder(len(prompts), max(map(len, prompts)) + limit),
        prompts,
        start(grammar, call["settings"], call["prompt"]),
        options,
        Leading(steps, options.temperature),
        end_ids=(tokenizer.require("<|im_end|>"), tokenizer.require("<|endoftext|>")),
        limit=limit,
    )
    return [
        equal("length of the prompt", len(prompts[0]), call["n_prompt_ids"]),
        equal("tokens of the loop", ours, recorded(call)),
    ]


def recorded(call: Json) -> Generated:
    """What the original wrote in a call."""
    ids = tuple(call["ids"])
    return Generated(ids, None) if call["hit_max_new_tokens"] else Generated(ids[:-1], ids[-1])


class _Source:
    """The original's random numbers: one stream for a run; of a batch, one for each item."""

    def __init__(self, run: Json, vocabulary: int) -> None:
        self.vocabulary = vocabulary
        self.seed = run["torch_manual_seed"]
        items = run["arguments"].get("batch_size") or 1
        self.seeds = list(run["arguments"].get("seeds") or []) if items > 1 else []
        self.generator = torch.Generator().manual_seed(self.seed or 0)

    def compare(self, call: Json, steps: list[Step]) -> list[Check]:
        """How far the drawn tokens are from having been the recorded ones."""
        if call["settings"]["generation_phase"] == "codes" and self.seeds:
            self.generator.manual_seed(self.seeds.pop(0))
        warmth = call["settings"]["temperature"]
        if self.seed is None or warmth == 0 or not _SAME_NUMBERS:
            return []
        errors = [self._draw(step, warmth) for step in steps]
        return [Check("tokens from torch.multinomial", max(errors), 2 * LOGITS / warmth)]

    def _draw(self, step: Step, warmth: float) -> float:
        """0 where the recorded token is drawn; else how far its lot was behind the drawn one's,
        as a share of that."""
        odds = torch.zeros(self.vocabulary)
        odds[step.ids] = (step.scores / warmth).softmax(0)
        before = self.generator.get_state()
        if int(torch.multinomial(odds, 1, generator=self.generator)) == step.token:
            return 0.0
        self.generator.set_state(before)
        lots = odds / torch.empty_like(odds).exponential_(1, generator=self.generator)
        return 1 - float(lots[step.token] / lots.max())
