"""A small byte-level vocabulary with the published added tokens, written as `tokenizer.json`.

The merges are learnt from prompt words, so that prompts stay within their token limits.
Ids of bytes are the published ones (a newline is 198); those of added tokens follow the base.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from acestep_cli.demo.words import learnt_vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

END_OF_TEXT = "<|endoftext|>"
END_OF_TURN = "<|im_end|>"
_SPECIAL = (
    END_OF_TEXT,
    "<|im_start|>",
    END_OF_TURN,
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
_ADDED = (
    "<tool_call>",
    "</tool_call>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
)
_WORD_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a written tokenizer counts: all its tokens, and the ids that end texts and turns."""

    tokens: int
    end_of_text: int
    end_of_turn: int


def write_tokenizer(
    folder: Path, *, base: int | None, audio_codes: int, appends_end: bool
) -> Vocabulary:
    """Write `tokenizer.json` and `tokenizer_config.json` into `folder`.

    `base` is the number of byte-level tokens (None: as many as were learnt); `audio_codes` tokens
    `<|audio_code_N|>` follow the 26 added ones; `appends_end` makes the post-processor append
    `<|endoftext|>` to every text, as the text encoder's does.
    """
    from tokenizers import AddedToken

    tokenizer = _base_tokenizer(base)
    end_of_text: int = tokenizer.get_vocab_size()
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in _SPECIAL])
    codes = [f"<|audio_code_{code}|>" for code in range(audio_codes)]
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in (*_ADDED, *codes)])
    _set_post_processor(tokenizer, end_of_text if appends_end else None)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = {
        "tokenizer_class": "Qwen2Tokenizer",
        "pad_token": END_OF_TEXT,
        "eos_token": END_OF_TEXT if appends_end else END_OF_TURN,
        "additional_special_tokens": list(_SPECIAL[1:]),
        "chat_template": _CHAT_TEMPLATE,
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 131_072,
    }
    (folder / "tokenizer_config.json").write_text(
        json.dumps(config, indent=2) + "\n", encoding="utf-8"
    )
    return Vocabulary(
        tokens=tokenizer.get_vocab_size(),
        end_of_text=end_of_text,
        end_of_turn=end_of_text + _SPECIAL.index(END_OF_TURN),
    )


def _base_tokenizer(base: int | None) -> Tokenizer:
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    tokens, merges = learnt_vocabulary()
    vocabulary = {token: index for index, token in enumerate(tokens)}
    for index in range(len(vocabulary), base or 0):
        vocabulary[f"unused:{index}"] = index  # no merge leads here, so no text produces it
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=list(merges)))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORD_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _set_post_processor(tokenizer: Tokenizer, appended: int | None) -> None:
    from tokenizers import processors

    plain = processors.ByteLevel(trim_offsets=False, add_prefix_space=False, use_regex=False)
    if appended is None:
        tokenizer.post_processor = plain
        return
    end = processors.TemplateProcessing(
        single=f"$A {END_OF_TEXT}",
        pair=f"$A {END_OF_TEXT} $B:1 {END_OF_TEXT}:1",
        special_tokens=[(END_OF_TEXT, appended)],
    )
    tokenizer.post_processor = processors.Sequence([plain, end])
