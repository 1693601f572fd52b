"""Audio files and levels. Samples are numpy float32 [channels, samples], full scale at 1.0."""

from acestep_cli.audio.formats import FORMAT_NAMES, Encoding, Format, find_format, format_of_path
from acestep_cli.audio.read import Audio, load_for_model, read_audio
from acestep_cli.audio.tags import Tags
from acestep_cli.audio.write import Written, encode_audio, write_audio

__all__ = [
    "FORMAT_NAMES",
    "Audio",
    "Encoding",
    "Format",
    "Tags",
    "Written",
    "encode_audio",
    "find_format",
    "format_of_path",
    "load_for_model",
    "read_audio",
    "write_audio",
]
