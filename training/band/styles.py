"""All styles of the band by name."""

from __future__ import annotations

from collections.abc import Mapping

from training.band.acoustic import BALLAD, FOLK, JAZZ
from training.band.bars import Style
from training.band.electric import FUNK, HOUSE, POP, REGGAE, ROCK

STYLES: Mapping[str, Style] = {
    "rock": ROCK,
    "house": HOUSE,
    "ballad": BALLAD,
    "folk": FOLK,
    "jazz": JAZZ,
    "funk": FUNK,
    "reggae": REGGAE,
    "pop": POP,
}
