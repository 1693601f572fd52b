"""The loop that writes: network, grammar and the choice of a token, over and over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from acestep_cli.errors import Cancelled, UnusableResult
from acestep_cli.models.decoding import PIECE, Decoder, Head
from acestep_cli.pipeline.grammar import Allowed, Run
from acestep_cli.pipeline.sampler import never, unheard
from acestep_cli.pipeline.tokens import Draws, TokenOptions, guided, pick
from acestep_cli.pipeline.velocity import Cancelling

CODES = "CODES_GENERATION"
# Heads for fewer tokens are built anew each time; that costs less than looking after them.
KEPT_HEAD = 256
# How many codes may wait on a GPU to be read back together. Reading stops it, so it is not done
# after each of them.
UNREAD = {"cuda": 16}


@dataclass(frozen=True, slots=True)
class Generated:
    """tokens: what was written, without the end token; end: which one came, None where the limit
    was reached."""

    tokens: tuple[int, ...]
    end: int | None


@torch.no_grad()
def generate(
    decoder: Decoder,
    prompts: Sequence[Sequence[int]],
    run: Run,
    options: TokenOptions,
    draws: Draws,
    *,
    end_ids: Collection[int],
    limit: int,
    on_token: Callable[[int, int], None] = unheard,
    cancelled: Cancelling = never,
) -> Generated:
    """Continue `prompts` by what `run` allows until one of `end_ids`, `limit` tokens at most (an
    end counts).

    prompts: one, or for guidance the conditional and the unconditional one. Both go on with the
    same tokens; the repetition penalty looks at the conditional one. A token without alternative
    takes no draw. on_token(done, token) after every token but the end, for codes on a GPU several
    times in a row. cancelled is polled before every token and every call of the network.

    The result depends on the arguments alone, not on what `decoder` did before. Raises Cancelled;
    UnusableResult when scores are not finite; ValueError when prompts and `limit` do not fit into
    the decoder.
    """
    writer = _Writer(decoder, prompts, options, draws, frozenset(end_ids), on_token, cancelled)
    most_unread = UNREAD.get(decoder.device.type, 1)
    for _ in range(limit):
        writer.poll()
        allowed = run.allowed(writer.look() if run.needs_scores else None)
        may_end = writer.choose(allowed)
        if run.state == CODES and not may_end:
            # The grammar only counts codes, so that any of them stands for the chosen one.
            run.advance(int(allowed.ids[0]))
            if len(writer.unread) >= most_unread:
                writer.read()
            continue
        token = writer.read()
        if token in writer.ends:
            return Generated(tuple(writer.tokens), token)
        run.advance(token)
    writer.read()
    return Generated(tuple(writer.tokens), None)


@dataclass(frozen=True, slots=True)
class _Choice:
    """Tokens to choose from: `listed` as the grammar gave them, the same `ids` on the device,
    their head, and whether an end is among them."""

    listed: Tensor
    ids: Tensor
    head: Head
    may_end: bool


class _Writer:
    """What lives from token to token. A chosen token waits until the network is next asked, so
    that the last one never costs a step."""

    def __init__(
        self,
        decoder: Decoder,
        prompts: Sequence[Sequence[int]],
        options: TokenOptions,
        draws: Draws,
        ends: frozenset[int],
        on_token: Callable[[int, int], None],
        cancelled: Cancelling,
    ) -> None:
        self.decoder, self.prompts, self.options, self.draws = decoder, prompts, options, draws
        self.ends, self.on_token, self.cancelled = ends, on_token, cancelled
        self.tokens: list[int] = []
        self.unread: list[int | Tensor] = []
        self._waiting: list[int | Tensor] = []
        self._hidden: Tensor | None = None
        self._everything: Tensor | None = None
        self._kept: dict[int, _Choice] = {}
        # Sums of probabilities need float64, which not every GPU has.
        self._device = decoder.device if decoder.device.type == "cuda" else torch.device("cpu")
        self._seen = self._occurring() if options.repetition_penalty != 1 else None

    def poll(self) -> None:
        """Raise Cancelled when that is wanted."""
        code = self.cancelled()
        if code is not None:
            raise Cancelled(code)

    def look(self) -> Tensor:
        """Scores of the whole vocabulary, float32 [vocabulary] on the CPU."""
        whole = self._everything = self._scores(self._all)
        return whole.cpu()

    def choose(self, allowed: Allowed) -> bool:
        """Choose the next token; whether it could be an end."""
        if len(allowed.ids) == 1:
            token = int(allowed.ids[0])
            self._take(token)
            return token in self.ends
        choice = self._choice(allowed.ids)
        if self._everything is None:
            scores = self._scores(choice)
        else:
            scores = self._everything.index_select(0, choice.ids)
        if allowed.greedy:
            position = pick(scores, choice.ids, self.options, None, None)
        else:
            uniform = self.draws.next() if self.options.temperature > 0 else None
            position = pick(scores, choice.ids, self.options, self._seen, uniform)
        chosen = choice.ids.index_select(0, position.clamp(min=0)[None])
        self._take(torch.where(position < 0, -1, chosen))
        return choice.may_end

    def read(self) -> int:
        """Ask the device which tokens were chosen; the last of them. UnusableResult where the
        scores of one were not finite."""
        token = -1
        for waiting in self.unread:
            token = int(waiting)
            if token < 0:
                raise UnusableResult(
                    f"the planner's scores for token {len(self.tokens) + 1} are not finite",
                    "try --dtype float32; if that does not help, the checkpoint is damaged",
                )
            if token not in self.ends:
                self.tokens.append(token)
                self.on_token(len(self.tokens), token)
        self.unread.clear()
        return token

    def _take(self, token: int | Tensor) -> None:
        self.unread.append(token)
        # -1, where nothing could be chosen, is found out when it is read.
        usable = token if isinstance(token, int) else token.clamp(min=0)
        self._waiting.append(usable)
        self._everything = None
        if self._seen is not None:
            self._seen.index_fill_(0, torch.as_tensor(usable, device=self._device).view(1), True)

    def _scores(self, choice: _Choice) -> Tensor:
        """Guided scores [n] of the ids of `choice`, after all tokens so far."""
        rows = choice.head(self._advanced())
        return guided(rows, self.options.guidance).to(self._device)

    def _advanced(self) -> Tensor:
        """Hidden [streams, hidden] after the tokens that waited."""
        hidden = self._hidden
        if hidden is None:
            hidden = self.decoder.start(self.prompts)
        while self._waiting:
            self.poll()
            hidden = self.decoder.extend(self._waiting[:PIECE])
            del self._waiting[:PIECE]
        self._hidden = hidden
        return hidden

    def _choice(self, ids: Tensor) -> _Choice:
        known = self._kept.get(id(ids))
        if known is None:
            may_end = not self.ends.isdisjoint(ids.tolist())
            known = _Choice(ids, ids.to(self._device), self.decoder.head(ids), may_end)
            if len(ids) >= KEPT_HEAD:
                self._kept[id(ids)] = known
        return known

    @cached_property
    def _all(self) -> _Choice:
        return self._choice(torch.arange(self.decoder.vocabulary))

    def _occurring(self) -> Tensor:
        seen = torch.zeros(self.decoder.vocabulary, dtype=torch.bool, device=self._device)
        seen[torch.tensor(self.prompts[0], device=self._device)] = True
        return seen
