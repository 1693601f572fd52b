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
from training.loop import is_borrowed
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


@pytest.fixture(scope="module")
def networks(
    planner: Planner, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, nn.Module]]:
    """A set, and what was written into it."""
    torch.manual_seed(0)
    renderer, codes = Renderer(tokenizer().get_vocab_size()), Codes()
    set_first_weights(renderer, 0)
    lay_clockwork(renderer.model, renderer.sense)
    set_first_weights(codes, 0)
    # The file has one tokenizer, and it is that of the codes.
    renderer.model.tokenizer.load_state_dict(codes.tokenizer.state_dict())
    renderer.model.detokenizer.load_state_dict(codes.detokenizer.state_dict())
    folder = tmp_path_factory.mktemp("set")
    encoder, decoder = write(folder, renderer, codes, planner)
    return folder, {
        "renderer": renderer,
        "codes": codes,
        "encoder": encoder,
        "decoder": decoder,
        "planner": planner,
    }


@pytest.mark.parametrize(
    ("trained", "lent"),
    [(("renderer",), {"codes"}), (("encoder", "export"), {"decoder"}), (tuple(PLANS), set())],
)
def test_the_weights_of_a_set_come_back(
    trained: tuple[str, ...],
    lent: set[str],
    networks: tuple[Path, dict[str, nn.Module]],
    tmp_path: Path,
) -> None:
    folder, written = networks
    start_from(folder, tmp_path, trained)
    expected = lent | set(trained) - {"export"}
    assert {path.stem for path in tmp_path.iterdir()} == expected
    for name in expected:
        path = tmp_path / f"{name}.pt"
        saved = torch.load(path, weights_only=True)
        assert saved["step"] == (PLANS[name].steps if name in lent else 0)
        assert is_borrowed(path) == (name in lent)
        for key, value in written[name].state_dict().items():
            if key.startswith(NOT_WRITTEN):
                continue
            assert torch.allclose(saved["module"][key], value, atol=0.02, rtol=0.01), key


def test_what_was_trained_on_is_kept_and_what_was_lent_is_trained_where_it_is_named(
    networks: tuple[Path, dict[str, nn.Module]], tmp_path: Path
) -> None:
    folder, _ = networks
    start_from(folder, tmp_path, ("encoder",))
    torch.save({"step": 7, "module": {}, "mean": {}}, tmp_path / "encoder.pt")
    start_from(folder, tmp_path, ("encoder", "decoder"))
    assert torch.load(tmp_path / "encoder.pt", weights_only=True)["step"] == 7
    assert torch.load(tmp_path / "decoder.pt", weights_only=True)["step"] == 0
    assert not is_borrowed(tmp_path / "decoder.pt")


def test_codes_that_are_not_those_of_the_set_are_refused(
    networks: tuple[Path, dict[str, nn.Module]], tmp_path: Path
) -> None:
    folder, _ = networks
    start_from(folder, tmp_path, ("renderer",))
    start_from(folder, tmp_path, ("renderer",))  # the set's own are none of these
    others = Codes()
    set_first_weights(others, 3)
    torch.save({"step": 9, "mean": others.state_dict()}, tmp_path / "codes.pt")
    refused = f"{tmp_path} has other codes than {folder}: name codes too"
    with pytest.raises(ValueError, match=refused):
        start_from(folder, tmp_path, ("renderer", "export"))


def test_a_set_whose_decoder_cannot_tell_vowels_learns_to(planner: Planner, tmp_path: Path) -> None:
    torch.manual_seed(0)
    renderer = Renderer(tokenizer().get_vocab_size())
    set_first_weights(renderer, 0)
    lay_clockwork(renderer.model, renderer.sense)
    _, decoder = write(tmp_path / "set", renderer, Codes(), planner, tells_vowels=False)
    state = tmp_path / "state"
    start_from(tmp_path / "set", state, ("decoder",))
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
    start_from(PACKAGED, tmp_path, ("renderer", "decoder"))
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
