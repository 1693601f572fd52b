"""What is given for a song, in a record and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from acestep_cli.errors import InputError
from acestep_cli.pipeline.plan import Wish, wish_of
from acestep_cli.request import BY_NAME, SongRequest, format_codes
from acestep_cli.request.problems import BadValue
from acestep_cli.request.validate import check
from acestep_cli.request.values import read_value

_MOST = 8
# Parts of a wish and the parameters that they are values of.
_PARAMETERS = {
    "caption": "caption",
    "lyrics": "lyrics",
    "query": "description",
    "instrumental": "instrumental",
    "language": "vocal_language",
    "bpm": "bpm",
    "keyscale": "keyscale",
    "timesignature": "timesignature",
    "duration": "duration",
    "audio_codes": "audio_codes",
}


def plain_wishes(wishes: Sequence[Wish]) -> list[dict[str, Any]]:
    """`wishes` for a record, audio codes as a text."""
    return [{**wish.as_dict(), "audio_codes": format_codes(wish.audio_codes)} for wish in wishes]


def read_wishes(plain: object) -> tuple[Wish, ...]:
    """The wishes of a record; InputError for what no record holds."""
    if not isinstance(plain, list) or len(plain) > _MOST:
        raise _odd("wishes", plain)
    return tuple(_wish(one) for one in plain)


def with_typed(
    wishes: Sequence[Wish], request: SongRequest, typed: frozenset[str]
) -> tuple[Wish, ...]:
    """`wishes` with the parameters `typed` as `request` gives them: what was typed wins.

    A typed caption is not invented from anything, and may be refined.
    """
    return tuple(_over(wish, wish_of(request, n), typed) for n, wish in enumerate(wishes))


def _over(wish: Wish, given: Wish, typed: frozenset[str]) -> Wish:
    changes = {part: getattr(given, part) for part, name in _PARAMETERS.items() if name in typed}
    if "caption" in typed:
        changes |= {"query": given.query, "final_caption": False}
    if "audio_codes" in typed and "duration" not in typed:
        changes["duration"] = given.duration
    return replace(wish, **changes)


def _wish(plain: object) -> Wish:
    if not isinstance(plain, Mapping):
        raise _odd("wishes", plain)
    values: dict[str, Any] = {}
    for part, name in _PARAMETERS.items():
        raw = plain.get(part)
        if raw is None or raw == "" or raw is False:
            continue
        values[part] = _value(name, raw)
    genres, final = plain.get("genres"), plain.get("final_caption")
    if not isinstance(genres, str | None) or not isinstance(final, bool | None):
        raise _odd("wishes", plain)
    if plain.get("query") == "":
        values["query"] = ""  # anything will do
    if codes := values.get("audio_codes"):
        values["audio_codes"] = codes[0]
    return Wish(**values, genres=genres, final_caption=bool(final))


def _value(name: str, raw: object) -> Any:
    row = BY_NAME[name]
    try:
        value = read_value(row, [raw] if name == "audio_codes" else raw)[name]
    except BadValue as bad:
        raise _odd(name, raw) from bad
    if list(check(row, value)):
        raise _odd(name, raw)
    return str(value) if name == "timesignature" else value


def _odd(name: str, raw: object) -> InputError:
    return InputError(
        f"the record gives {name} as {str(raw)[:40]!r}, which no job has",
        "make the song anew with `acestep generate`",
        code="bad_record",
    )
