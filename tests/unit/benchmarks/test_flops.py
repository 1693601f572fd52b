"""The formulas against the documented sizes and against torch's own counter."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from acestep_cli.demo import configs, sizes
from acestep_cli.models.config import AceStepConfig
from acestep_cli.models.dit import DiT
from acestep_cli.models.encoders import LyricEncoder, TimbreEncoder
from acestep_cli.models.qwen3 import Qwen3Config, Qwen3Model
from acestep_cli.models.vae import Vae, VaeConfig
from benchmarks import flops
from benchmarks.sizes import CONDITION_TOKENS, frames_of

DIT = configs.dit_config(sizes.DIT_2B)
VAE = configs.vae_config(sizes.VAE_FULL)
TEXT = configs.qwen_config(sizes.FULL_2B.text_encoder, 1000, pad_id=0, eos_id=1)


@pytest.mark.parametrize(("seconds", "tera"), [(30, 1.1), (240, 9.7)])
def test_a_step_of_the_2b_model_costs_what_is_known(seconds: float, tera: float) -> None:
    counted = flops.dit_step(DIT, frames_of(seconds), CONDITION_TOKENS)
    assert counted / 1e12 == pytest.approx(tera, rel=0.03)


def test_decoding_a_second_costs_what_is_known() -> None:
    assert flops.vae_decode(VAE, 25) / 1e9 == pytest.approx(122, rel=0.005)


def test_work_on_the_song_is_linear_but_for_full_attention() -> None:
    assert flops.vae_decode(VAE, 250) == pytest.approx(10 * flops.vae_decode(VAE, 25))
    narrow = DIT | {"layer_types": ["sliding_attention"] * 24}
    short, long = (flops.dit_step(narrow, frames, 100) for frames in (2000, 4000))
    assert long == pytest.approx(2 * short)
    assert flops.dit_step(DIT, 4000, 100) > 1.02 * long


def counted(call: Any) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        call()
    return float(counter.get_total_flops())


def test_a_step_agrees_with_torchs_counter() -> None:
    config = AceStepConfig.from_json(DIT)
    frames, tokens = 120, 33
    with torch.device("meta"):
        dit = DiT(config)
        cross = dit.condition(torch.empty(1, tokens, config.encoder.hidden))
        times = dit.modulation(torch.empty(1))
        latents, context = torch.empty(1, frames, 64), torch.empty(1, frames, 128)
        found = counted(lambda: dit(latents, context, cross, times))
    assert flops.dit_step(DIT, frames, tokens) == pytest.approx(found, rel=0.001)


def test_decoding_agrees_with_torchs_counter() -> None:
    with torch.device("meta"):
        vae = Vae(VaeConfig.from_json(VAE)).fold(torch.float32)
        found = counted(lambda: vae.decode(torch.empty(1, 64, 25)))
    assert flops.vae_decode(VAE, 25) == pytest.approx(found, rel=0.001)


def test_the_text_encoder_agrees_with_torchs_counter() -> None:
    with torch.device("meta"):
        encoder = Qwen3Model(Qwen3Config.from_json(TEXT))
        found = counted(lambda: encoder(torch.zeros(1, 64, dtype=torch.long)))
    # The counter takes causal attention for full attention, which is little at this length.
    assert flops.text_features(TEXT, 64) == pytest.approx(found, rel=0.01)


def test_conditions_agree_with_torchs_counter() -> None:
    config = AceStepConfig.from_json(DIT)
    caption, lyrics = 20, 100
    with torch.device("meta"):
        lyric_encoder, timbre_encoder = LyricEncoder(config), TimbreEncoder(config)
        words, reference = torch.empty(1, lyrics, 1024), torch.empty(1, 750, 64)
        sung = counted(lambda: lyric_encoder.run(lyric_encoder.embed_tokens(words)))
        heard = counted(lambda: timbre_encoder.run(timbre_encoder.embed_tokens(reference)))
    projected = 2.0 * caption * 1024 * 2048
    without = flops.conditions(DIT, caption, lyrics, timbre=False)
    assert without == pytest.approx(sung + projected, rel=0.001)
    # The plain form works out sliding layers as full ones.
    with_timbre = flops.conditions(DIT, caption, lyrics, timbre=True)
    assert 0.97 * heard < with_timbre - without <= 1.001 * heard


def test_encoders_of_their_own_width_are_counted_by_it() -> None:
    large = configs.dit_config(sizes.DIT_XL)
    assert flops.conditions(large, 20, 100, timbre=True) == flops.conditions(
        DIT, 20, 100, timbre=True
    )
