"""The one table of parameters and the way from any spelling to its row."""

from __future__ import annotations

from acestep_cli.request import table_sound, table_words
from acestep_cli.request.field import Field, squeeze

FIELDS: tuple[Field, ...] = (
    *table_words.WORDS_ROWS,
    *table_words.MUSIC_ROWS,
    *table_sound.EDIT_ROWS,
    *table_words.PLANNER_ROWS,
    *table_words.MODEL_ROWS,
    *table_sound.SAMPLING_ROWS,
    *table_sound.LEVEL_ROWS,
    *table_sound.FILE_ROWS,
    *table_words.MODE_ROWS,
    *table_words.COMPATIBILITY_ROWS,
)
BY_NAME: dict[str, Field] = {field.name: field for field in FIELDS}

_BY_SPELLING: dict[str, Field] = {
    squeeze(spelling): field for field in FIELDS for spelling in (field.name, *field.aliases)
}
# Names that the documents give to a switch and to a text: the value tells which is meant.
_SWITCH_OR_TEXT = {
    "format": ("use_format", "audio_format"),
    "cotcaption": ("use_cot_caption", "cot_caption"),
}
_BOOLEAN_WORDS = frozenset(("true", "false", "1", "0", "yes", "no", "on", "off", "y", "n"))


def find(spelling: str, value: object = None) -> Field | None:
    """The field that `spelling` means, whatever its case, dashes and underscores, or None.

    `format` and `cot_caption` depend on `value`: a boolean (or its text) means the switches
    `use_format` and `use_cot_caption`, anything else `audio_format` and the output `cot_caption`.
    """
    key = squeeze(spelling)
    if key in _SWITCH_OR_TEXT:
        switch, text = _SWITCH_OR_TEXT[key]
        return BY_NAME[switch if _is_boolean(value) else text]
    return _BY_SPELLING.get(key)


def near_miss(spelling: str, among: tuple[str, ...] = ()) -> str:
    """The canonical name (or member of `among`) closest to `spelling`; empty when none is close."""
    import difflib

    if among:
        candidates = {squeeze(name): name for name in among}
    else:
        candidates = {key: field.name for key, field in _BY_SPELLING.items()}
    close = difflib.get_close_matches(squeeze(spelling), candidates, n=1, cutoff=0.6)
    return candidates[close[0]] if close else ""


def _is_boolean(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in _BOOLEAN_WORDS
    return isinstance(value, int)
