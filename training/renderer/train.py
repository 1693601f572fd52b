"""Train the DiT with its text encoder: words to latents."""

from __future__ import annotations

import torch
from torch import Tensor

from training.codes import train_codes
from training.latents import BEAT, CLOCK, MELODY, STROKES, TEMPO, VOWEL, Latents
from training.loop import Plan, Run, train
from training.renderer.attention import use_plain_attention
from training.renderer.batches import make_batch
from training.renderer.clockwork import hold_clockwork, lay_clockwork
from training.renderer.network import Batch, Renderer
from training.renderer.reading import train_reader
from training.renderer.tasks import LATE_SHARES, SHARES
from training.renderer.text import tokenizer
from training.renderer.weights import set_first_weights

PLAN = Plan("renderer", steps=25000, rate=1e-3, warmup=200, decay=0.998, restart=14000)


def train_renderer(run: Run) -> Renderer:
    """The trained networks; their state lies where `run` says."""
    use_plain_attention()
    renderer = Renderer(tokenizer().get_vocab_size())
    set_first_weights(renderer, 0)
    begun = run.path(PLAN)
    if begun.is_file():
        renderer.load_state_dict(torch.load(begun, weights_only=True, map_location="cpu")["module"])
    else:
        renderer.text.load_state_dict(train_reader(run).text.state_dict())
        lay_clockwork(renderer.model, renderer.sense)
    renderer.to(run.device)  # before the hold, which keeps where it was made
    put_back = hold_clockwork(renderer.model)
    codes, late = train_codes(run), run.part_of(PLAN).restart

    def hints(latents: Latents) -> Latents:
        return codes.hints(torch.from_numpy(latents)[None])[0].numpy()

    def draw(step: int) -> Batch:
        return make_batch(step, hints=hints, shares=SHARES if step < late else LATE_SHARES)

    def loss(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        value, channels = renderer.loss(batch)
        parts = {
            "clock": CLOCK,
            "melody": MELODY,
            "strokes": STROKES,
            "vowel": slice(VOWEL, VOWEL + 1),
            "beat": BEAT,
            "tempo": slice(TEMPO, TEMPO + 1),
        }
        return value, {name: channels[part].mean() for name, part in parts.items()}

    return train(renderer, PLAN, draw, loss, run, after_step=put_back)  # type: ignore[return-value]
