"""The parts that a sentence of the default grammar is made of, one after another.

Every part ends after a bounded number of tokens whatever is chosen, except free lyrics.
"""

from __future__ import annotations

from typing import Protocol

from acestep_cli.pipeline.grammar_genres import GenreTree
from acestep_cli.pipeline.grammar_tables import Allowed, Tables, Tree
from acestep_cli.pipeline.grammar_text import BREAK, TEXT, WORD, TextSets


class Part(Protocol):
    """A stretch of the output."""

    @property
    def state(self) -> str:
        """Its name as in planner facts 3.1."""

    def allowed(self) -> Allowed:
        """What may come next."""

    def advance(self, token: int) -> bool:
        """Take a token; True when the part is complete. ValueError for one that derails it."""


class Forced:
    """Tokens without a choice."""

    def __init__(self, state: str, tokens: tuple[int, ...], tables: Tables) -> None:
        self.state, self.tokens = state, tokens
        self._tables, self._place = tables, 0

    def allowed(self) -> Allowed:
        """The next of them."""
        return self._tables.one(self.tokens[self._place])

    def advance(self, token: int) -> bool:
        """As `Part`."""
        if token != self.tokens[self._place]:
            raise unexpected(token, self.state)
        self._place += 1
        return self._place == len(self.tokens)


class Choice:
    """One value of a list, and the newline behind it."""

    def __init__(self, state: str, tree: Tree, tables: Tables) -> None:
        self.state = state
        self._tree, self._end = tree, tables.newline
        self._path: tuple[int, ...] = ()

    def allowed(self) -> Allowed:
        """As `Part`."""
        return self._tree.allowed(self._path)

    def advance(self, token: int) -> bool:
        """As `Part`."""
        if token not in self._tree.nodes[self._path]:
            raise unexpected(token, self.state)
        self._path += (token,)
        return token == self._end


class Genre:
    """One entry of the list of genres behind a space, and a newline."""

    def __init__(self, state: str, tree: GenreTree, tables: Tables) -> None:
        self.state = state
        self._tree, self._end = tree, tables.newline
        self._prefix = ""

    def allowed(self) -> Allowed:
        """As `Part`."""
        return self._tree.allowed(self._prefix)

    def advance(self, token: int) -> bool:
        """As `Part`."""
        if token == self._end:
            return True
        self._prefix += self._tree.spelling(token)
        return False


class Line:
    """Free text of at most `limit` tokens and its newline: no line without a word, no tags.

    The first token begins with a space. A line ends with a token that ends with newlines, once it
    has a word. With `follow`, the name of the next field, the text may go on in lines that begin
    with a space or a tab; instead of such a line comes the name, which belongs to this part. The
    limit counts all lines; where only one token is left no line begins.
    """

    def __init__(
        self, state: str, sets: TextSets, limit: int, follow: Forced | None = None
    ) -> None:
        self._state, self._sets, self._limit, self._follow = state, sets, limit, follow
        self._spent = 0
        self._has_word = False  # the line has
        self._at_margin = self._named = False  # behind a newline; inside the name
        self._allowed = sets.opening

    @property
    def state(self) -> str:
        """Of the text, then of the name behind it."""
        return self._follow.state if self._follow and self._named else self._state

    def allowed(self) -> Allowed:
        """As `Part`."""
        return self._follow.allowed() if self._follow and self._named else self._allowed

    def advance(self, token: int) -> bool:
        """As `Part`."""
        follow = self._follow
        if follow and (self._named or (self._at_margin and token == follow.tokens[0])):
            self._named = True
            return follow.advance(token)
        kind = self._sets.kind(token)
        if not kind & TEXT:
            raise unexpected(token, self._state)
        self._spent += 1
        self._at_margin = bool(kind & BREAK)
        self._has_word = not self._at_margin and (self._has_word or bool(kind & WORD))
        if self._at_margin and follow is None:
            return True
        self._allowed = self._next(follow)
        return False

    def _next(self, follow: Forced | None) -> Allowed:
        left = self._limit - self._spent
        if self._at_margin and follow:
            return self._sets.margin(follow.tokens[0]) if left > 1 else follow.allowed()
        if not self._has_word:
            return self._sets.wordless if left > 1 else self._sets.word
        return self._sets.inside if left > 0 else self._sets.newline


class Codes:
    """Audio codes: exactly `count` of them, or 1 to `most`, then the end of the turn."""

    state = "CODES_GENERATION"

    def __init__(self, tables: Tables, count: int | None, most: int) -> None:
        self._tables, self._written = tables, 0
        self._least = 1 if count is None else count
        self._most = most if count is None else count

    def allowed(self) -> Allowed:
        """As `Part`."""
        if self._written < self._least:
            return self._tables.code
        if self._written < self._most:
            return self._tables.code_or_end
        return self._tables.one(self._tables.end)

    def advance(self, token: int) -> bool:
        """As `Part`."""
        self._written += 1
        return token == self._tables.end


class Lyrics:
    """Free text until the end of the turn; how much of it is the caller's affair."""

    state = "COMPLETED"

    def __init__(self, sets: TextSets) -> None:
        self._sets = sets

    def allowed(self) -> Allowed:
        """As `Part`."""
        return self._sets.lyrics

    def advance(self, token: int) -> bool:
        """As `Part`."""
        return token == self._sets.tables.end


def unexpected(token: int, state: str) -> ValueError:
    """The error for a token that was not among the allowed ones."""
    return ValueError(f"token {token} cannot follow in state {state}")
