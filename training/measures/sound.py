"""Sound as the measures take it, and the pictures of it that several of them look at."""

from __future__ import annotations

import librosa
import numpy as np
from numpy.typing import NDArray

from training.band.tuning import SAMPLE_RATE

Sound = NDArray[np.float32]
Floats = NDArray[np.floating]

_WINDOW, _HOP = 4096, 960
# Tones last long and lie close together, so that a third of a second is looked at in one piece.
CHROMA_WINDOW, CHROMA_HOP = 16384, 4096
# The chords' fundamentals and first harmonics; below is the kick, above are noise and edges.
_LOWEST_HERTZ, _HIGHEST_HERTZ = 90.0, 2000.0
# Of a drum much sounds at once and shortly, of a tone little and long: how far the eye looks along
# time (frames) and along pitch (bins) to tell them apart.
_ALONG_TIME, _ALONG_PITCH = 9, 31


def mono(sound: Sound) -> Sound:
    """Mean of both channels, [samples]."""
    return np.asarray(sound.mean(axis=0), np.float32)


def power_spectra(sound: Sound) -> tuple[Floats, Floats]:
    """Power [bins, frames] of both channels' mean in windows of 85 ms every 20 ms, and the hertz of
    each bin [bins]."""
    power = np.abs(librosa.stft(mono(sound), n_fft=_WINDOW, hop_length=_HOP)) ** 2
    return power, np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)


def chroma(sound: Sound) -> Floats:
    """Strength of the pitch classes from C, [12, frames], one frame each 4096 samples, every frame
    with maximum 1 (or all 0 where nothing sounds). The tuning is estimated from the sound."""
    picture = np.abs(librosa.stft(mono(sound), n_fft=CHROMA_WINDOW, hop_length=CHROMA_HOP))
    hertz = np.fft.rfftfreq(CHROMA_WINDOW, 1 / SAMPLE_RATE)
    heard = (hertz >= _LOWEST_HERTZ) & (hertz <= _HIGHEST_HERTZ)
    kernel = (min(_ALONG_TIME, picture.shape[1]), _ALONG_PITCH)
    tones, _ = librosa.decompose.hpss(picture[heard], kernel_size=kernel)
    picture[:] = 0
    picture[heard] = tones
    if not picture.any():
        return np.zeros((12, picture.shape[1]), np.float32)
    found = librosa.feature.chroma_stft(S=picture**2, sr=SAMPLE_RATE, n_fft=CHROMA_WINDOW)
    return np.asarray(found, np.float32)
