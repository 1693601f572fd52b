"""The exact texts that the text encoder was trained on (pipeline facts 3.3, 3.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from acestep_cli.pipeline.plan import Plan

CAPTION_TOKENS = 256
LYRIC_TOKENS = 2048

TEXT2MUSIC = "Fill the audio semantic mask based on the given conditions:"
_REPAINT = "Repaint the mask area based on the given conditions:"
_COVER = "Generate audio semantic tokens based on the given conditions:"

Encode = Callable[[str], Sequence[int]]


@dataclass(frozen=True, slots=True)
class StemWords:
    """What checkpoints trained on single stems (`is_lego_sft`) read around a caption: `song`, the
    style of the whole song, and whether the mask says where to make sound (facts 3.5)."""

    song: str
    masked: bool

    def around(self, caption: str, instruction: str) -> str:
        """The lines that stand for `caption`; an instruction about a segment has no whole song."""
        lines = [f"Local: {caption}", f"Mask Control: {str(self.masked).lower()}"]
        if "a segment" not in instruction.lower():
            lines.insert(0, f"Global: {self.song}")
        return "\n".join(lines)


def instruction_for(task: str, tracks: Sequence[str] = ()) -> str:
    """The instruction of a task; `tracks` are the track names of extract, lego and complete."""
    names = " | ".join(track.upper() for track in tracks)
    if task == "repaint":
        return _REPAINT
    if task in ("cover", "cover-nofsq"):
        return _COVER
    if task == "extract":
        return f"Extract the {names} track from the audio:".replace("  ", " ")
    if task == "lego":
        return f"Generate the {names} track based on the audio context:".replace("  ", " ")
    if task == "complete":
        return f"Complete the input track with {names}:" if names else "Complete the input track:"
    return TEXT2MUSIC


def metas_text(plan: Plan, seconds: float) -> str:
    """The four metadata lines; what nobody chose reads `N/A`. `seconds` is cut to whole ones."""
    return (
        f"- bpm: {plan.bpm or 'N/A'}\n"
        f"- timesignature: {plan.timesignature or 'N/A'}\n"
        f"- keyscale: {plan.keyscale or 'N/A'}\n"
        f"- duration: {int(seconds)} seconds\n"
    )


def caption_prompt(
    instruction: str, caption: str, metas: str, stem: StemWords | None = None
) -> str:
    """The caption prompt; an instruction without a final colon gets one."""
    if not instruction.endswith(":"):
        instruction += ":"
    body = _caption_body(caption)
    if stem is not None:
        body = stem.around(body, instruction)
    return f"# Instruction\n{instruction}\n\n# Caption\n{body}\n\n# Metas\n{metas}<|endoftext|>\n"


def lyric_prompt(language: str, lyrics: str) -> str:
    """The lyric prompt; `language` is one of the 51 codes, `lyrics` may be empty."""
    return f"# Languages\n{language}\n\n# Lyric\n{lyrics}<|endoftext|>"


def fit_caption(
    instruction: str,
    caption: str,
    metas: str,
    encode: Encode,
    limit: int = CAPTION_TOKENS,
    stem: StemWords | None = None,
) -> tuple[str, int]:
    """The caption prompt within `limit` tokens and the number of characters that had to go.

    The prompt is cut on the right by the encoder, where the metadata stands: so the caption is
    shortened instead, word by word, and the metadata stays.
    """
    write = partial(caption_prompt, instruction, metas=metas, stem=stem)
    prompt = write(caption)
    if len(encode(prompt)) <= limit:
        return prompt, 0
    ends = [match.end() for match in re.finditer(r"\S+", caption)]
    low, high = 0, len(ends)  # words kept: `low` always fits (nothing left), `high` never
    while high - low > 1:
        middle = (low + high) // 2
        shorter = write(caption[: ends[middle - 1]])
        low, high = (middle, high) if len(encode(shorter)) <= limit else (low, middle)
    kept = caption[: ends[low - 1]] if low else ""
    return write(kept), len(caption) - len(kept)


def neutralise(text: str, special: Sequence[str]) -> str:
    """User text in which the tokenizer's special tokens are plain characters again.

    A blank behind the first character is enough: the token is no longer found, a reader still sees
    what was meant.
    """
    for token in special:
        if token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def _caption_body(caption: str) -> str:
    """A caption that is itself a whole prompt stands for the caption inside it (facts 3.5)."""
    if "# Instruction" not in caption or "# Caption" not in caption:
        return caption
    body = caption.split("# Caption", 1)[1]
    return body.split("# Metas", 1)[0].strip()
