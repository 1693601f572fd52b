"""The optimised DiT against the plain one and the golden vectors."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from acestep_cli.models import fast
from acestep_cli.models.dit import DiT, Modulation
from acestep_cli.models.kernels import Kernels, optimize
from tests.unit.models.transformers import MODELS, acestep, difference, rms_difference, vectors

CASES = [(model, index) for model in MODELS for index in range(5)]


def run(dit: DiT, golden: dict[str, Tensor]) -> Tensor:
    own = dit.scale_shift_table.dtype
    modulation = dit.modulation(golden["timestep"], golden["timestep_r"])
    cross = dit.condition(golden["encoder_hidden_states"].to(own))
    latents, context = golden["hidden_states"].to(own), golden["context_latents"].to(own)
    velocity: Tensor = dit(latents, context, cross, modulation)
    return velocity


def dits(model: str, dtype: torch.dtype) -> tuple[DiT, DiT]:
    """Plain, then optimised."""
    return acestep(model, dtype, rows=False).decoder, acestep(model, dtype, rows=True).decoder


@pytest.mark.parametrize(("model", "index"), CASES)
def test_in_float32_it_equals_the_plain_one_and_the_original(model: str, index: int) -> None:
    golden = vectors(f"dit_{model}_{index}")
    plain, optimised = (run(dit, golden) for dit in dits(model, torch.float32))
    assert difference(optimised, plain) <= 2e-6
    assert difference(optimised, golden["velocity"]) <= 2e-5


@pytest.mark.parametrize("model", MODELS)
def test_in_bfloat16_it_is_as_near_to_the_original(model: str) -> None:
    errors = torch.zeros(2)
    for index in range(5):
        golden = vectors(f"dit_{model}_{index}")
        for side, dit in enumerate(dits(model, torch.bfloat16)):
            errors[side] += rms_difference(run(dit, golden), golden["velocity"])
    assert 0 < errors[1] <= 1.1 * errors[0]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("most", [8, 16, 40])
def test_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch, model: str, most: int) -> None:
    golden = vectors(f"dit_{model}_2")  # two items of 22 patches, each at a time of its own
    plain, optimised = dits(model, torch.float32)
    monkeypatch.setattr(fast, "TILE_ROWS", most)
    assert difference(run(optimised, golden), run(plain, golden)) <= 2e-6


def test_one_time_for_all_items_equals_one_time_an_item() -> None:
    golden = vectors("dit_turbo_0")
    dit = acestep("turbo", torch.float32, rows=True).decoder
    cross = dit.condition(golden["encoder_hidden_states"])
    inputs = golden["hidden_states"], golden["context_latents"], cross
    one = dit.modulation(torch.tensor([0.4]))
    each = Modulation(one.embedding.expand(2, -1), one.projection.expand(2, -1, -1))
    assert difference(dit(*inputs, one), dit(*inputs, each)) <= 1e-6


def test_items_of_a_batch_do_not_meet() -> None:
    golden = vectors("dit_base_2")
    dit = acestep("base", torch.float32, rows=True).decoder
    alone = {name: tensor[1:] for name, tensor in golden.items() if not name.startswith("mid.")}
    assert difference(run(dit, alone), run(dit, golden)[1:]) <= 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_same_input_gives_the_same_bytes(dtype: torch.dtype) -> None:
    dit = acestep("turbo", dtype, rows=True).decoder
    first = run(dit, vectors("dit_turbo_0"))
    run(dit, vectors("dit_turbo_4"))  # another length through the same scratch memory
    assert torch.equal(run(dit, vectors("dit_turbo_0")), first)


def test_a_result_is_not_overwritten_by_the_next_call() -> None:
    dit = acestep("turbo", torch.float32, rows=True).decoder
    golden = vectors("dit_turbo_0")
    first = run(dit, golden)
    kept = first.clone()
    run(dit, golden | {"hidden_states": golden["hidden_states"] + 1})
    assert torch.equal(first, kept)


def test_parameters_stay_as_they_were_loaded() -> None:
    plain, optimised = dits("xl", torch.float32)
    wanted = plain.state_dict()
    found = optimised.state_dict()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())


def test_it_can_be_taken_back() -> None:
    with torch.device("meta"):
        dit = DiT(acestep("base", torch.float32, rows=False).config)
    assert optimize(dit, Kernels()).fast is None, "only the CPU has fast stacks"
    dit.load_state_dict(dits("base", torch.float32)[0].state_dict(), assign=True)
    assert optimize(dit, Kernels()).fast is not None
    assert optimize(dit, Kernels(rows=False)).fast is None
