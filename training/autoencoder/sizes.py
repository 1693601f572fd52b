"""The dimensions of the demonstration's autoencoder."""

from __future__ import annotations

STRIDES = (2, 4, 4, 6, 10)
MULTIPLES = (1, 1, 2, 2, 4)
DECODER_CHANNELS = 32
DECODER_WIDTHS = (*(DECODER_CHANNELS * m for m in MULTIPLES[::-1]), DECODER_CHANNELS)
# The published layout ties the encoder to 128 channels and more; what is trained is narrower.
ENCODER_WIDTHS = (16, 24, 32, 64, 128, 256)
