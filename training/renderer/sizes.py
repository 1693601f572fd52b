"""The dimensions of the demonstration's DiT and text encoder."""

from __future__ import annotations

from acestep_cli.demo.sizes import DitSizes, QwenSizes, StackSizes

SILENCE_FRAMES = 6_000  # 240 s; longer songs hear it again

# Of the width, 128 are taken by the noisy latents of two frames, which come out again as part of
# the velocity; source, clocks and all that is worked out share the rest.
DIT = DitSizes(
    stack=StackSizes(width=288, mlp=640, heads=6, kv_heads=3, head_dim=32),
    layers=6,
    sliding_window=24,
    lyric_layers=2,
    timbre_layers=2,
    pooler_layers=2,
    text_width=128,
    silence_frames=SILENCE_FRAMES,
    is_turbo=False,
    encoder=StackSizes(width=128, mlp=320, heads=4, kv_heads=2, head_dim=32),
)
TEXT_ENCODER = QwenSizes(StackSizes(width=128, mlp=320, heads=4, kv_heads=2, head_dim=32), layers=3)
