"""The silence latent, which the DiT is given where a song is to be made: a bank of metronomes.

A transformer that must turn a tempo and the number of a frame into a place in the beat multiplies
the two badly: without help the beat wanders from bar to bar. So all tempos of the band run through
the silence latent, and the DiT has only to choose the two that the words ask for: beat and bar.

| channels | in even frames | in odd frames |
|---|---|---|
| 2 i, 2 i + 1 for i < 31 | cosine and sine of clock 2 i | of clock 2 i + 1 |
| 63 | the same everywhere: no song is here | the same |

Frame 0 is marked in channels 60 and 62. The clocks are soft, a quarter as loud as latents: where a
source is to be copied it stands in the same place, and what copies it should not copy them.

The DiT takes two frames at once, so each of its positions sees all 62 clocks.
"""

from __future__ import annotations

import numpy as np

from training.band.tuning import CLOCKS, FRAME_SAMPLES, SAMPLE_RATE, clock_bpm
from training.latents import CHANNELS, Latents

LOUDNESS = 0.25
_MARK, _MARKED = (60, 62), float(np.sqrt(2))
_EMPTY, _EMPTINESS = CHANNELS - 1, 0.5


def silence(frames: int) -> Latents:
    """The silence latent [frames, 64], float32; the place in a beat is that of a frame's middle."""
    out = np.zeros((frames, CHANNELS), np.float32)
    seconds = (np.arange(frames) + 0.5) * FRAME_SAMPLES / SAMPLE_RATE
    for clock in range(CLOCKS):
        first, column = clock % 2, clock - clock % 2
        angle = 2 * np.pi * seconds[first::2] * clock_bpm(clock) / 60
        out[first::2, column] = LOUDNESS * np.cos(angle)
        out[first::2, column + 1] = LOUDNESS * np.sin(angle)
    out[:, _EMPTY] = _EMPTINESS
    out[0, _MARK] = _MARKED
    return out
