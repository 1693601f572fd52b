"""Training can begin from what was written, when its own state is gone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from acestep_cli.models.layers import MLP
from training import export
from training.__main__ import PACKAGED
from training.autoencoder.layers import Decoder, Encoder
from training.autoencoder.sizes import DECODER_WIDTHS, ENCODER_WIDTHS, STRIDES
from training.autoencoder.vowels import _WAVES, lay_vowels
from training.codes import Codes
from training.planner import rows
from training.planner.network import Planner
from training.planner.texts import first_code_id
from training.renderer.clockwork import lay_clockwork
from training.renderer.network import Renderer
from training.renderer.text import tokenizer
from training.renderer.weights import set_first_weights
from training.stages import PLANS
from training.start import _fill, start_from

# The planner's file holds the rows of codes, and not what they are made by; no file the probes.
NOT_WRITTEN = ("rows.", "clocks.", "syllables.")


@pytest.fixture(scope="module")
def planner() -> Planner:
    planner = Planner(first_code_id())
    set_first_weights(planner, 1)
    return planner


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "PLAN", replace(rows.PLAN, steps=300))


def write(
    folder: Path, renderer: Renderer, codes: Codes, planner: Planner, *, tells_vowels: bool = True
) -> tuple[Encoder, Decoder]:
    encoder, decoder = Encoder(ENCODER_WIDTHS, STRIDES), Decoder(DECODER_WIDTHS, STRIDES[::-1])
    if tells_vowels:
        lay_vowels(decoder)
    else:
        # Which units say least must not hang on how their weights are rounded.
        with torch.no_grad():
            decoder.block[0].conv_t1.weight[: len(_WAVES)] *= 0.1  # type: ignore[index, union-attr]
    export.write_renderer(folder, renderer, codes)
    export.write_autoencoder(folder, encoder, decoder)
    export.write_planner(folder, planner)
    return encoder, decoder


@pytest.mark.parametrize(
    ("has_state", "trained"), [(False, ()), (False, tuple(PLANS)), (True, ("renderer",))]
)
def test_the_weights_of_a_set_come_back(
    has_state: bool, trained: tuple[str, ...], planner: Planner, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    renderer, codes = Renderer(tokenizer().get_vocab_size()), Codes()
    set_first_weights(renderer, 0)
    lay_clockwork(renderer.model, renderer.sense)
    set_first_weights(codes, 0)
    # The file has one tokenizer, and it is that of the codes.
    renderer.model.tokenizer.load_state_dict(codes.tokenizer.state_dict())
    renderer.model.detokenizer.load_state_dict(codes.detokenizer.state_dict())
    encoder, decoder = write(tmp_path / "set", renderer, codes, planner)
    state = tmp_path / "state"
    state.mkdir()
    if has_state:
        for name in ("codes", "planner"):
            (state / f"{name}.pt").write_bytes(b"mine")
    start_from(tmp_path / "set", state, trained)
    written: dict[str, nn.Module] = {"renderer": renderer, "encoder": encoder, "decoder": decoder}
    if "planner" not in trained and not has_state:
        assert not (state / "planner.pt").exists()
    if has_state:
        for name in ("codes", "planner"):
            assert (state / f"{name}.pt").read_bytes() == b"mine"
    else:
        written |= {"codes": codes}
    if "planner" in trained:
        written |= {"planner": planner}
    for name, module in written.items():
        saved = torch.load(state / f"{name}.pt", weights_only=True)
        assert saved["step"] == (0 if name in trained else PLANS[name].steps)
        for key, value in module.state_dict().items():
            if key.startswith(NOT_WRITTEN):
                continue
            assert torch.allclose(saved["module"][key], value, atol=0.02, rtol=0.01), key


def test_a_set_whose_decoder_cannot_tell_vowels_learns_to(planner: Planner, tmp_path: Path) -> None:
    torch.manual_seed(0)
    renderer = Renderer(tokenizer().get_vocab_size())
    set_first_weights(renderer, 0)
    lay_clockwork(renderer.model, renderer.sense)
    _, decoder = write(tmp_path / "set", renderer, Codes(), planner, tells_vowels=False)
    state = tmp_path / "state"
    start_from(tmp_path / "set", state, ())
    lay_vowels(decoder)
    saved = torch.load(state / "decoder.pt", weights_only=True)["module"]
    for key, value in decoder.state_dict().items():
        assert torch.allclose(saved[key], value, atol=0.02, rtol=0.01), key


def test_a_set_without_the_clockwork_is_refused(planner: Planner, tmp_path: Path) -> None:
    renderer, codes = Renderer(tokenizer().get_vocab_size()), Codes()
    set_first_weights(renderer, 0)
    write(tmp_path / "set", renderer, codes, planner)
    with pytest.raises(ValueError, match="without the clockwork"):
        start_from(tmp_path / "set", tmp_path / "state", ())
    assert not (tmp_path / "state").exists()


def test_a_set_without_a_planner_is_refused(planner: Planner, tmp_path: Path) -> None:
    write(tmp_path / "set", Renderer(tokenizer().get_vocab_size()), Codes(), planner)
    shutil.rmtree(tmp_path / "set" / "acestep-5Hz-lm-demo")
    with pytest.raises(ValueError, match="has no acestep-5Hz-lm-demo"):
        start_from(tmp_path / "set", tmp_path / "state", ())
    assert not (tmp_path / "state").exists()


def test_nothing_of_the_packaged_set_is_laid_anew(tmp_path: Path) -> None:
    start_from(PACKAGED, tmp_path, ())
    renderer = torch.load(tmp_path / "renderer.pt", weights_only=True)["module"]
    text = load_file(PACKAGED / "Qwen3-Embedding-0.6B" / "model.safetensors")
    for name, value in text.items():
        assert torch.equal(renderer[f"text.{name}"], value.float()), name
    for name, value in load_file(PACKAGED / "demo" / "model.safetensors").items():
        # The tokenizer of the file is that of the codes.
        if name.startswith(("encoder.", "decoder.", "null_")):
            assert torch.equal(renderer[f"model.{name}"], value.float()), name
    vae = load_file(PACKAGED / "vae" / "diffusion_pytorch_model.safetensors")
    decoder = torch.load(tmp_path / "decoder.pt", weights_only=True)["module"]
    for name, value in decoder.items():
        if f"decoder.{name}" in vae:
            assert torch.equal(value, vae[f"decoder.{name}"].float()), name


def test_rows_of_codes_come_back_as_a_network_that_makes_them(planner: Planner) -> None:
    wanted = planner.rows(planner.code_levels).detach()
    other = Planner(first_code_id())
    set_first_weights(other, 2)
    rows.fit_rows(other, wanted)
    off = (other.rows(other.code_levels) - wanted).square().mean() / wanted.var(dim=0).mean()
    assert off.sqrt() < 0.25


def test_units_that_a_set_does_not_have_yet_say_nothing() -> None:
    torch.manual_seed(0)
    small, large = MLP(8, 16), MLP(8, 24)
    for one in (*small.parameters(), *large.parameters()):
        torch.nn.init.normal_(one)
    kept = large.gate_proj.weight[16:].clone()
    _fill(large, small.state_dict())
    x = torch.randn(3, 8)
    assert torch.allclose(large(x), small(x), atol=1e-5)
    assert torch.equal(large.gate_proj.weight[16:], kept)  # so that they can learn to
