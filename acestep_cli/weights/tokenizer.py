"""Text to token ids and back, as the checkpoint's own `tokenizer.json` says.

Read at the first use, since the planner's file has 8 MB. `transformers` is asked only where a
checkpoint comes without `tokenizer.json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from acestep_cli.errors import CheckpointError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend

FILE_NAME = "tokenizer.json"
SLOW_FILES = ("vocab.json", "merges.txt")


class Tokenizer:
    """The tokenizer of one checkpoint folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def encode(self, text: str, max_length: int | None = None) -> list[int]:
        """Ids of `text`, with what the tokenizer appends to every text (one `<|endoftext|>` for
        the text encoder).

        At most `max_length` ids are given: the text is cut on the right and what is appended
        counts and stays. Added tokens written out in `text` become their single ids.
        """
        encoding = self._backend.encode(text, add_special_tokens=False)
        if max_length is not None:
            appended = self._backend.num_special_tokens_to_add(False)
            encoding.truncate(max(0, max_length - appended))
        ids: list[int] = self._backend.post_process(encoding).ids
        return ids

    def encode_plain(self, text: str) -> list[int]:
        """Ids of `text` alone, with nothing appended."""
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of `ids`, added tokens written out; bytes that are no UTF-8 become U+FFFD."""
        text: str = self._backend.decode(list(ids), skip_special_tokens=False)
        return text

    def token_id(self, token: str) -> int | None:
        """The id of a whole token such as `<think>`, or None."""
        number: int | None = self._backend.token_to_id(token)
        return number

    def require(self, token: str) -> int:
        """The id of a token without which the checkpoint cannot be used; CheckpointError."""
        number = self.token_id(token)
        if number is None:
            raise CheckpointError(
                f"the tokenizer of {self.folder} has no token {token}",
                "the checkpoint is not one of this model; fetch it again",
            )
        return number

    @property
    def size(self) -> int:
        """How many tokens there are, added ones included."""
        count: int = self._backend.get_vocab_size(with_added_tokens=True)
        return count

    def vocabulary(self, *, added: bool) -> dict[str, int]:
        """All tokens by their stored spelling, in which a byte is one character; without the added
        ones unless `added`."""
        table: dict[str, int] = self._backend.get_vocab(with_added_tokens=added)
        return table

    @cached_property
    def added(self) -> dict[int, str]:
        """The added tokens by id: `<|endoftext|>`, `<think>`, `<|audio_code_0|>`, ..."""
        table = self._backend.get_added_tokens_decoder()
        return {number: token.content for number, token in table.items()}

    def added_in(self, text: str) -> list[str]:
        """The added tokens that `text` spells out, in order: what a user must not smuggle in."""
        return [self.added[number] for number in self.encode_plain(text) if number in self.added]

    @cached_property
    def _backend(self) -> Backend:
        backend = _read(self.folder)
        backend.no_truncation()
        backend.no_padding()
        return backend


def _read(folder: Path) -> Backend:
    file = folder / FILE_NAME
    if not file.is_file():
        return _read_slow(folder)
    from tokenizers import Tokenizer as Backend

    try:
        return Backend.from_str(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(
            f"{file} cannot be read: {error.strerror or error}", "check its permissions"
        ) from error
    except Exception as error:  # the library raises plain Exception for whatever is malformed
        raise CheckpointError(
            f"{file} cannot be used: {error}", "fetch the checkpoint again"
        ) from error


def _read_slow(folder: Path) -> Backend:
    if not all((folder / name).is_file() for name in SLOW_FILES):
        raise CheckpointError(
            f"{folder} has neither {FILE_NAME} nor {' and '.join(SLOW_FILES)}",
            "fetch the checkpoint again",
        )
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise CheckpointError(
            f"{folder} comes without {FILE_NAME}, which only the package transformers can mend",
            "pip install transformers, or fetch the checkpoint again",
        ) from error
    try:
        backend: Backend = AutoTokenizer.from_pretrained(
            folder, local_files_only=True
        ).backend_tokenizer
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"the tokenizer of {folder} cannot be used: {error}", "fetch the checkpoint again"
        ) from error
    return backend
