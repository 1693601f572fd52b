"""Writing `Tags` into encoded files in memory and reading them from any file."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any, BinaryIO

from acestep_cli.audio import riff, tags
from acestep_cli.audio.source import Source, name_of, opened
from acestep_cli.audio.tags import Tags


def embed(encoded: BytesIO, kind: str, container: str, content: Tags) -> None:
    """Put `content` into the complete file `encoded`, in place.

    `kind` is a Format's `tag_kind`; `container` tells `flac`, `ogg` and `opus` apart.
    """
    texts = content.as_text()
    if not texts:
        return
    if kind == "id3":
        _id3(texts).save(_rewound(encoded), v1=0, v2_version=4, padding=_no_padding)
    elif kind == "riff":
        _write_riff(encoded, texts)
    elif kind == "vorbis":
        _write_vorbis(encoded, container, texts)
    elif kind == "mp4":
        _write_mp4(encoded, texts)


def read_tags(source: Source) -> Tags:
    """The tags of an audio file (a path or its bytes); empty where it has none that can be read.

    InputError where there is no file.
    """
    with opened(source, name_of(source, None)) as stream:
        return tags_of(stream)


def tags_of(stream: BinaryIO) -> Tags:
    """As `read_tags`, for a seekable stream."""
    from mutagen import MutagenError

    try:
        return Tags.from_text(_read(stream))
    except (MutagenError, EOFError):
        return Tags()


def _read(stream: BinaryIO) -> dict[str, str]:
    import mutagen
    from mutagen.id3 import ID3
    from mutagen.mp4 import MP4Tags

    stream.seek(0)
    found = mutagen.File(stream)
    content = None if found is None else found.tags
    if isinstance(content, ID3):
        return _read_info(stream) | _read_id3(content)
    if isinstance(content, MP4Tags):
        return _read_mp4(content)
    if content is not None and hasattr(content, "as_dict"):
        return _read_vorbis(content.as_dict())
    return _read_info(stream)


def _id3(texts: Mapping[str, str]) -> Any:
    from mutagen import id3

    frames = id3.ID3()
    for name, frame in tags.ID3_TEXT.items():
        if name in texts:
            text = tags.short_key(texts[name]) if name == "key" else texts[name]
            frames.add(getattr(id3, frame)(encoding=3, text=[text]))
    for name, description in tags.OWN_NAMES.items():
        if name in texts:
            frames.add(id3.TXXX(encoding=3, desc=description, text=[texts[name]]))
    if "caption" in texts:  # XXX is ID3's word for a language that is not known
        frames.add(id3.COMM(encoding=3, lang="XXX", desc="", text=[texts["caption"]]))
    if "lyrics" in texts:
        frames.add(id3.USLT(encoding=3, lang="XXX", desc="", text=texts["lyrics"]))
    return frames


def _read_id3(frames: Any) -> dict[str, str]:
    texts = {
        name: str(frames[frame].text[0])
        for name, frame in tags.ID3_TEXT.items()
        if frame in frames and frames[frame].text
    }
    if "key" in texts:
        texts["key"] = tags.long_key(texts["key"])
    for name, description in tags.OWN_NAMES.items():
        if own := frames.get(f"TXXX:{description}"):
            texts[name] = str(own.text[0])
    if comments := [frame for frame in frames.getall("COMM") if frame.text and not frame.desc]:
        texts["caption"] = str(comments[0].text[0])
    if lyrics := frames.getall("USLT"):
        texts["lyrics"] = str(lyrics[0].text)
    return texts


def _write_vorbis(encoded: BytesIO, container: str, texts: Mapping[str, str]) -> None:
    from mutagen.flac import FLAC
    from mutagen.oggopus import OggOpus
    from mutagen.oggvorbis import OggVorbis

    kind = {"flac": FLAC, "ogg": OggVorbis, "opus": OggOpus}[container]
    file = kind(_rewound(encoded))
    if file.tags is None:
        file.add_tags()
    for name, comment in tags.VORBIS_NAMES.items():
        if name in texts:
            file.tags[comment] = texts[name]
    file.save(_rewound(encoded), padding=_no_padding)


def _read_vorbis(comments: Mapping[str, list[Any]]) -> dict[str, str]:
    """Vorbis comments, and the like-named attributes of WMA files."""
    by_name = {name.upper(): str(values[0]) for name, values in comments.items() if values}
    texts = {
        name: by_name[comment] for name, comment in tags.VORBIS_NAMES.items() if comment in by_name
    }
    if "caption" not in texts and "COMMENT" in by_name:
        texts["caption"] = by_name["COMMENT"]
    return texts


def _write_mp4(encoded: BytesIO, texts: Mapping[str, str]) -> None:
    from mutagen.mp4 import MP4, AtomDataType, MP4FreeForm

    file = MP4(_rewound(encoded))
    if file.tags is None:
        file.add_tags()
    for name, atom in tags.MP4_ATOMS.items():
        if name in texts:
            file.tags[atom] = [int(texts[name]) if name == "bpm" else texts[name]]
    for name, description in tags.MP4_OWN.items():
        if name in texts:
            value = MP4FreeForm(texts[name].encode(), dataformat=AtomDataType.UTF8)
            file.tags[f"----:{tags.FREEFORM_OWNER}:{description}"] = [value]
    file.save(_rewound(encoded), padding=_no_padding)


def _read_mp4(atoms: Any) -> dict[str, str]:
    texts = {name: str(atoms[atom][0]) for name, atom in tags.MP4_ATOMS.items() if atoms.get(atom)}
    for name, description in tags.MP4_OWN.items():
        if values := atoms.get(f"----:{tags.FREEFORM_OWNER}:{description}"):
            texts[name] = bytes(values[0]).decode("utf-8", "replace")
    return texts


def _write_riff(encoded: BytesIO, texts: Mapping[str, str]) -> None:
    """A LIST INFO chunk for simple players and an ID3 chunk with everything."""
    from mutagen.wave import WAVE

    entries = {code: texts[name] for name, code in tags.RIFF_INFO.items() if name in texts}
    riff.append_info(encoded, entries)
    file = WAVE(_rewound(encoded))
    file.add_tags()
    for frame in _id3(texts).values():
        file.tags.add(frame)
    file.save(_rewound(encoded), v1=0, v2_version=4, padding=_no_padding)


def _read_info(stream: BinaryIO) -> dict[str, str]:
    entries = riff.read_info(stream)
    return {name: entries[code] for name, code in tags.RIFF_INFO.items() if code in entries}


def _rewound(stream: BytesIO) -> BytesIO:
    stream.seek(0)
    return stream


def _no_padding(info: object) -> int:
    return 0
