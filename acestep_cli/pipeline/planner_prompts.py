"""The exact texts that the language model was trained on (planner facts 1.4, 2).

Every prompt is one chat: the system message holds an instruction, the user message what a person
gave, and the model writes on behind the header of its own turn. The functions put texts in as they
are; what a person typed goes through `plain_texts` first.
"""

from __future__ import annotations

from typing import Protocol

from acestep_cli.lyrics import INSTRUMENTAL
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.prompts import neutralise

GENERATE = "Generate audio semantic tokens based on the given conditions:"
UNDERSTAND = "Understand the given musical conditions and describe the audio semantics accordingly:"
EXPAND = "Expand the user's input into a more detailed and specific musical description:"
REWRITE = "Format the user's input into a more detailed and specific musical description:"

# What training put in place of the user message, or of a part that nobody wrote.
NO_INPUT = "NO USER INPUT"
EMPTY_REASONING = "<think>\n\n</think>"


class SpecialTokens(Protocol):
    """What `plain_texts` needs of a tokenizer."""

    def added_in(self, text: str) -> list[str]:
        """The special tokens that `text` spells out, in order."""


def plain_texts(
    tokenizer: SpecialTokens, parity: Parity, *texts: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`texts` in which special tokens are plain words, and the tokens that were found (once each).

    Chat marks, `<think>`, `</think>` and audio codes in a caption, in lyrics or in a plan would
    otherwise end a message or pass for the model's own words.
    """
    if parity.prompts_as_typed:
        return texts, ()
    found = tuple(dict.fromkeys(token for text in texts for token in tokenizer.added_in(text)))
    return tuple(neutralise(text, found) for text in texts), found


def cot_prompt(caption: str, lyrics: str) -> str:
    """First phase: the model answers with its reasoning, the metadata."""
    return chat(GENERATE, conditions(caption, lyrics))


def codes_prompt(caption: str, lyrics: str, reasoning: str) -> str:
    """Second phase: behind `reasoning` (metadata.cot_text) the model writes audio codes."""
    return chat(GENERATE, conditions(caption, lyrics), f"{reasoning}\n\n")


def unconditional_prompt(negative: str) -> str:
    """The second phase's prompt for guidance; a negative prompt is the whole user message."""
    user = negative if is_meaningful(negative) else NO_INPUT
    return chat(GENERATE, user, f"{EMPTY_REASONING}\n\n")


def understand_prompt(codes: str) -> str:
    """Audio codes (text form, not empty) to metadata and lyrics."""
    return chat(UNDERSTAND, codes)


def inspiration_prompt(query: str, *, instrumental: bool) -> str:
    """A few words to a whole song; blank words leave everything to the model."""
    said = query if query.strip() else NO_INPUT
    return chat(EXPAND, f"{said}\n\ninstrumental: {'true' if instrumental else 'false'}")


def format_prompt(caption: str, lyrics: str) -> str:
    """A caption and lyrics to better ones."""
    return chat(
        REWRITE,
        f"# Caption\n{caption if caption.strip() else NO_INPUT}\n\n"
        f"# Lyric\n{lyrics if lyrics.strip() else INSTRUMENTAL}",
    )


def conditions(caption: str, lyrics: str) -> str:
    """The user message of both phases of generation; either text may be empty."""
    return f"# Caption\n{caption}\n\n# Lyric\n{lyrics}\n"


def is_meaningful(negative: str) -> bool:
    """Whether a negative prompt says anything."""
    return negative.strip() not in ("", NO_INPUT)


def chat(instruction: str, user: str, reply: str = "") -> str:
    """The chat template around one instruction and one message, with the reply begun."""
    return (
        f"<|im_start|>system\n# Instruction\n{instruction}\n\n<|im_end|>\n"
        f"<|im_start|>user\n{user}<|im_end|>\n"
        f"<|im_start|>assistant\n{reply}"
    )
