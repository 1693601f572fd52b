"""Which tokens free text may be made of, and where a line of it may begin and end.

A byte-level vocabulary spells every byte of a token as one character, so that all of this is read
off the spelling, without decoding.
"""

from __future__ import annotations

import re
from functools import cached_property

import torch
from torch import Tensor

from acestep_cli.errors import CheckpointError
from acestep_cli.pipeline.grammar_tables import END, PAD, THINK, THINK_END, Allowed, Tables

ADDED = (END, PAD, THINK, THINK_END)
WORD, CONTENT, BREAK, SPACE, INDENT, TEXT = 1, 2, 4, 8, 16, 32


def byte_spelling() -> list[str]:
    """How each of the 256 bytes is spelled in a byte-level vocabulary: a visible Latin-1 character
    as itself, the others from U+0100 on, in their order."""
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spelled, spare = [], 0x100
    for byte in range(256):
        spelled.append(chr(byte if byte in visible else spare))
        spare += byte not in visible
    return spelled


SPELLED = byte_spelling()
NEWLINE, BLANK, TAB = (SPELLED[ord(character)] for character in "\n \t")
_WHITESPACE = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
_CONTROL = "".join(map(chr, (*range(9), *range(11, 32), *range(0x7F, 0xA0))))
# A token with a byte that belongs to nothing blank or unprintable is neither, whatever stands
# around it: tokens of half a character cannot add up to a blank line.
_BLANKS = frozenset(_WHITESPACE.encode())
_SILENT = _BLANKS | frozenset(_CONTROL.encode())
_BLANK_SPELLED = "".join(SPELLED[byte] for byte in _BLANKS)
_WORDS = "".join(
    SPELLED[byte]
    for byte in range(256)
    if (chr(byte).isalnum() if byte < 0x80 else byte not in _SILENT)
)
_WORD = re.compile(f"[{_WORDS}]")
# What could spell a tag, an escape in quotes or code; control characters; a newline that more text
# follows.
_UNFIT_BYTES = {ord(character) for character in (*"<`\\", *_CONTROL) if character.isascii()}
_UNFIT = re.compile(
    f"[{''.join(re.escape(SPELLED[byte]) for byte in _UNFIT_BYTES)}]|{NEWLINE}[^{NEWLINE}]"
)


class TextSets:
    """The sets that free text is chosen from.

    Captions and genres are made of `TEXT`: no added token, no `<` (a tag could be spelled out with
    it), no backslash (in quotes it could spell anything, or nothing), no backtick, no control
    character but tabs and, at a token's end, newlines: a token such as `.\\n` or `\\n\\n` ends its
    line, one that goes on after a newline is left out. No line ends before it holds a word: an
    ASCII letter or digit, or a character beyond ASCII. Until then only its first token may be
    blank.
    """

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.spelling = tables.tokenizer.vocabulary(added=False)
        if self.spelling.get(NEWLINE) != tables.newline:
            raise CheckpointError(
                f"the tokenizer of {tables.tokenizer.folder} is not byte-level",
                "the checkpoint is not one of this model; fetch it again",
            )
        for text in ADDED:  # some tokenizers list these twice
            self.spelling.pop(text, None)
        self._margins: dict[int, Allowed] = {}

    @property
    def newline(self) -> Allowed:
        """The newline alone."""
        return self.tables.one(self.tables.newline)

    @cached_property
    def plain(self) -> frozenset[int]:
        """All ids but those of added tokens."""
        return frozenset(self.spelling.values())

    @cached_property
    def flags(self) -> Tensor:
        """What each id is, uint8 [largest id + 1]: 0, or TEXT with what else fits: WORD (it has
        one), CONTENT (not blank), BREAK (ends with a newline), SPACE (begins with one), INDENT
        (begins with a space or tab)."""
        indents = {"": 0, BLANK: SPACE | INDENT, TAB: INDENT}
        flags = torch.zeros(max(self.spelling.values()) + 1, dtype=torch.uint8)
        kinds = [
            0
            if not text or _UNFIT.search(text)
            else TEXT
            | (CONTENT if text.strip(_BLANK_SPELLED) else 0)
            | (WORD if _WORD.search(text) else 0)
            | (BREAK if text[-1] == NEWLINE else 0)
            | indents.get(text[0], 0)
            for text in self.spelling
        ]
        flags[torch.tensor(list(self.spelling.values()))] = torch.tensor(kinds, dtype=torch.uint8)
        return flags

    def kind(self, token: int) -> int:
        """The flags of one id, 0 for an unknown one."""
        return int(self.flags[token]) if 0 <= token < len(self.flags) else 0

    @cached_property
    def opening(self) -> Allowed:
        """What begins with a space: right after the colon of a name."""
        return _where(self._unfinished & (self.flags & SPACE != 0))

    @cached_property
    def wordless(self) -> Allowed:
        """Text that is not blank: on a line that has no word."""
        return _where(self._unfinished & (self.flags & CONTENT != 0))

    @cached_property
    def word(self) -> Allowed:
        """Text with a word: on a line that has none, for want of room."""
        return _where(self.flags & WORD != 0)

    @cached_property
    def inside(self) -> Allowed:
        """Any text: on a line that has a word."""
        return _where(self.flags & TEXT != 0)

    def margin(self, name: int) -> Allowed:
        """An indented line, or `name`, the first token of the next field's name."""
        made = self._margins.get(name)
        if made is None:
            mask = self._unfinished & (self.flags & INDENT != 0)
            mask[name] = True
            made = self._margins[name] = _where(mask)
        return made

    @cached_property
    def lyrics(self) -> Allowed:
        """Anything but added tokens, and the end of the turn."""
        ids = [*(token for text, token in self.spelling.items() if text), self.tables.end]
        return Allowed(torch.tensor(ids).sort().values)

    @property
    def _unfinished(self) -> Tensor:
        """The text that does not leave a line without a word, bool like `flags`."""
        return (self.flags & WORD != 0) | (self.flags & (TEXT | BREAK) == TEXT)


def _where(mask: Tensor) -> Allowed:
    return Allowed(torch.nonzero(mask).flatten())
