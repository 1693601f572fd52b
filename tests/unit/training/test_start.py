"""Training can begin from what was written, when its own state is gone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from training import export
from training.autoencoder.layers import Decoder, Encoder
from training.autoencoder.sizes import DECODER_WIDTHS, ENCODER_WIDTHS, STRIDES
from training.codes import Codes
from training.renderer.clockwork import lay_clockwork
from training.renderer.network import Renderer
from training.renderer.text import tokenizer
from training.renderer.weights import set_first_weights
from training.start import start_from


def write(folder: Path, renderer: Renderer, codes: Codes) -> tuple[Encoder, Decoder]:
    encoder, decoder = Encoder(ENCODER_WIDTHS, STRIDES), Decoder(DECODER_WIDTHS, STRIDES[::-1])
    export.write_renderer(folder, renderer, codes)
    export.write_autoencoder(folder, encoder, decoder)
    return encoder, decoder


@pytest.mark.parametrize("has_state", [False, True])
def test_the_weights_of_a_set_come_back(has_state: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    renderer, codes = Renderer(tokenizer().get_vocab_size()), Codes()
    set_first_weights(renderer, 0)
    lay_clockwork(renderer.model, renderer.sense)
    set_first_weights(codes, 0)
    # The file has one tokenizer, and it is that of the codes.
    renderer.model.tokenizer.load_state_dict(codes.tokenizer.state_dict())
    renderer.model.detokenizer.load_state_dict(codes.detokenizer.state_dict())
    encoder, decoder = write(tmp_path / "set", renderer, codes)
    state = tmp_path / "state"
    state.mkdir()
    if has_state:
        (state / "codes.pt").write_bytes(b"mine")
    start_from(tmp_path / "set", state)
    trained: dict[str, nn.Module] = {"renderer": renderer, "encoder": encoder, "decoder": decoder}
    if has_state:
        assert (state / "codes.pt").read_bytes() == b"mine"
    else:
        trained["codes"] = codes
    for name, module in trained.items():
        saved = torch.load(state / f"{name}.pt", weights_only=True)
        assert saved["step"] == 0
        for key, value in module.state_dict().items():
            assert torch.allclose(saved["module"][key], value, atol=0.02, rtol=0.01), key


def test_a_set_without_the_clockwork_is_refused(tmp_path: Path) -> None:
    renderer, codes = Renderer(tokenizer().get_vocab_size()), Codes()
    set_first_weights(renderer, 0)
    write(tmp_path / "set", renderer, codes)
    with pytest.raises(ValueError, match="without the clockwork"):
        start_from(tmp_path / "set", tmp_path / "state")
    assert not (tmp_path / "state").exists()
