"""matplotlib as pictures need it: the same for everybody, and silent. Knows nothing about sound."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_BACKEND_VARIABLE = "MPLBACKEND"
# Whoever has one of these sees letters that the first one lacks.
_FONTS = (
    "DejaVu Sans", "Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR",
    "Source Han Sans SC", "PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo", "Microsoft YaHei",
    "Yu Gothic", "Malgun Gothic", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Noto Sans Arabic",
    "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Tamil",
    "Noto Sans Telugu", "Noto Sans Gurmukhi", "Noto Sans Thai", "Arial Unicode MS", "Symbola",
)  # fmt: skip


@contextmanager
def plain_matplotlib() -> Iterator[None]:
    """matplotlib without the settings of whoever runs this, and without its remarks."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            matplotlib = _imported()
            standard = dict(matplotlib.rcParamsDefault)
            standard.pop("backend", None)
            with matplotlib.rc_context(standard):
                matplotlib.rcParams["font.family"] = _fonts()
                yield
    finally:
        logger.setLevel(level)


def _imported() -> Any:
    """The library; the window that the environment asks for, which may not exist, is no matter."""
    backend = os.environ.pop(_BACKEND_VARIABLE, None)
    try:
        import matplotlib

        return matplotlib
    finally:
        if backend is not None:
            os.environ[_BACKEND_VARIABLE] = backend


def _fonts() -> list[str]:
    from matplotlib import font_manager

    present = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in _FONTS if name in present]
