"""Forward passes of the planner's network, with and without the cache, against golden/lm."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from acestep_cli.config import Settings
from acestep_cli.hardware.policy import choose_policy
from acestep_cli.models.causal import CausalLM
from acestep_cli.pipeline.language import LanguageModel, open_language
from acestep_cli.weights.folder import open_folder
from tests.parity.base import Case, Check, no_grad
from tests.parity.checkpoints import planner_folder

TOLERANCE = 1e-3
_FAMILY = "lm"


def cases(folder: Path) -> list[Case]:
    """One case a pass of FOLDER/lm/lm_forward.safetensors."""
    path = folder / "lm" / "lm_forward.safetensors"
    end = ".input_ids"
    names = sorted(key.removesuffix(end) for key in load_file(path) if key.endswith(end))
    return [
        Case(_FAMILY, f"forward_{name}", no_grad(partial(_compare, folder, path, name)))
        for name in names
    ]


@cache
def planner(folder: Path, *, plain: bool = False) -> LanguageModel:
    """The planner of a golden folder by the real loading code, in float32 on the CPU; `plain`
    with the modules as they are."""
    path = planner_folder(folder)
    policy, _ = choose_policy(Settings(device="cpu", dtype="float32"), {})
    if plain:
        policy = replace(policy, kernels={})
    return open_language(open_folder(path.name, "planner", path), policy)


def _compare(folder: Path, path: Path, name: str) -> list[Check]:
    tensors = load_file(path)
    golden = {
        key.removeprefix(f"{name}."): value
        for key, value in tensors.items()
        if key.startswith(f"{name}.")
    }
    checks = []
    for row, mask in enumerate(golden["attention_mask"].bool()):
        valid = {
            key: value[row] if key.startswith("next_") else value[row][mask]
            for key, value in golden.items()
        }
        plain = planner(folder, plain=True)
        checks += _whole(plain, valid, tensors["columns"], row)
        for language in (plain, planner(folder)):
            checks += _cached(language, valid, tensors["columns"], row)
    return checks


def _whole(
    language: LanguageModel, golden: dict[str, Tensor], ids: Tensor, row: int
) -> list[Check]:
    """All positions at once."""
    model = language.model
    assert isinstance(model, CausalLM)
    scores = model(golden["input_ids"][None])[0]
    found = {
        "last_hidden_state": model.model(golden["input_ids"][None])[0],
        "logits_columns": scores[:, ids],
        "logsumexp": scores.logsumexp(-1),
        "top8_values": scores.topk(golden["top8_values"].shape[-1]).values,
    }
    checks = [_close(f"{key}, row {row}", found[key], golden[key]) for key in found]
    of_their_ids = scores.gather(1, golden["top8_ids"])
    checks.append(_close(f"scores of top8_ids, row {row}", of_their_ids, golden["top8_values"]))
    return checks


def _cached(
    language: LanguageModel, golden: dict[str, Tensor], ids: Tensor, row: int
) -> list[Check]:
    """The prompt into the cache, then one token more."""
    prompt = golden["input_ids"].tolist()
    decoder = language.decoder(1, len(prompt) + 1)
    head = decoder.head(ids)
    hidden = decoder.start([prompt])
    checks = [_close(f"prompt, row {row}", hidden, golden["last_hidden_state"][-1:])]
    scores = head(decoder.step(int(golden["next_input_ids"][0])))
    checks.append(_close(f"next, row {row}", scores, golden["next_logits_columns"]))
    return checks


def _close(what: str, ours: Tensor, golden: Tensor) -> Check:
    """Largest absolute difference; a wrong shape is infinitely far off."""
    if ours.shape != golden.shape:
        return Check(f"{what} {tuple(ours.shape)} for {tuple(golden.shape)}", float("inf"), 0)
    error = (ours.double() - golden.double()).abs().max().item() if golden.numel() else 0.0
    return Check(what, error, TOLERANCE)
