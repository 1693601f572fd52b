"""The planner: from what is given for a song to everything that is decided before sound is made.

The order is that of the original (planner facts 5): a song may be invented from a description, or
its words be rewritten; the first phase writes the metadata that is open, refines the caption and
detects the language; the second composes the audio codes. Each writes only into what is open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from acestep_cli.errors import UnusableResult
from acestep_cli.events import Observer
from acestep_cli.hardware.memory import is_shortage
from acestep_cli.lyrics import is_instrumental
from acestep_cli.pipeline.grammar import Grammar
from acestep_cli.pipeline.metadata import Entry, Metadata, cot_text, forced_fields, scalar_text
from acestep_cli.pipeline.metadata_hints import hints
from acestep_cli.pipeline.noise import derive_seed
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.pen import Pen, Tools, Unfinished
from acestep_cli.pipeline.plan import INSTRUMENTAL, Wish, plan_of
from acestep_cli.pipeline.planner_prompts import (
    codes_prompt,
    cot_prompt,
    format_prompt,
    inspiration_prompt,
    plain_texts,
    unconditional_prompt,
    understand_prompt,
)
from acestep_cli.pipeline.planning import Planning, lacks_metas
from acestep_cli.pipeline.tokens import Draws, TokenOptions
from acestep_cli.pipeline.writer import Writer
from acestep_cli.request import format_codes
from acestep_cli.request.codes import CODES_PER_SECOND
from acestep_cli.weights.tokenizer import Tokenizer

# A second try draws from another stream of the same seed.
_STREAMS = ("planner", "planner, second try")
_OTHER_DRAWS = "try another --seed, a lower --lm-temperature or another --lm"

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Thought:
    """What came of a wish: its gaps filled, and what metadata the model wrote, None for none."""

    wish: Wish
    metadata: dict[str, Any] | None = None


class Planner:
    """Plans songs with what `writer` writes.

    Special tokens in what a person typed are read as plain words, with a warning to `observer`.
    """

    def __init__(
        self,
        writer: Writer,
        tokenizer: Tokenizer,
        planning: Planning,
        observer: Observer,
        *,
        grammar: Grammar | None = None,
        parity: Parity | None = None,
    ) -> None:
        self.planning, self.parity = planning, parity or Parity()
        self.tools = Tools(
            writer=writer,
            tokenizer=tokenizer,
            grammar=grammar or Grammar(tokenizer, upstream=self.parity.upstream_grammar),
            options=TokenOptions(
                planning.temperature,
                planning.top_k,
                planning.top_p,
                planning.repetition_penalty,
                planning.guidance,
            ),
            constrained=planning.constrained,
            observer=observer,
            parity=self.parity,
        )

    def plan(self, wish: Wish, seed: int, item: int | None = None) -> Thought:
        """Fill the gaps of `wish` as far as the planner's tasks go. UnusableResult when it fails
        twice."""
        without = "--no-lm does without it"
        return self._tried(seed, item, lambda pen: self._plan(pen, wish), without)

    def rewrite(self, wish: Wish, seed: int) -> Thought:
        """Better caption and lyrics, and the metadata that goes with them."""
        return self._tried(seed, None, lambda pen: self._rewrite(pen, wish))

    def understand(self, codes: tuple[int, ...], seed: int) -> Thought:
        """Caption, lyrics and metadata of 5 Hz audio codes (at least one)."""

        def described(pen: Pen) -> Thought:
            written = pen.text(understand_prompt(format_codes(codes)), {})
            length = len(codes) / CODES_PER_SECOND
            return _thought(Wish(duration=length), written)

        return self._tried(seed, None, described)

    def _tried(
        self, seed: int, item: int | None, ask: Callable[[Pen], Answer], way_out: str = ""
    ) -> Answer:
        failure: Exception | None = None
        for stream in _STREAMS:
            try:
                return ask(Pen(self.tools, Draws(derive_seed(seed, stream)), item))
            except Unfinished as reason:
                failure = reason
            except (MemoryError, RuntimeError) as crash:
                if not is_shortage(crash):
                    raise
                failure = Unfinished("ran out of memory")
        raise UnusableResult(
            f"the planner {failure}, twice",
            "; ".join(filter(None, (_OTHER_DRAWS, way_out))),
        ) from failure

    def _plan(self, pen: Pen, wish: Wish) -> Thought:
        tasks = self.planning
        thought = Thought(wish)
        if wish.query is not None:
            thought = self._invent(pen, wish, wish.query)
        elif tasks.writes_lyrics(wish):
            thought = self._invent(pen, wish, wish.caption)
        if tasks.rewrites(thought.wish):
            thought = self._rewrite(pen, thought.wish)
        reasoning = None
        if self._thinks(thought.wish):
            thought = self._think(pen, thought.wish)
            reasoning = thought.metadata
        if tasks.composes(thought.wish):
            thought = self._compose(pen, wish, thought, reasoning)
        return thought

    def _thinks(self, wish: Wish) -> bool:
        if self.parity.metas_decide_thinking:
            return self.planning.metas and lacks_metas(wish)
        return self.planning.thinks(wish)

    def _invent(self, pen: Pen, wish: Wish, query: str) -> Thought:
        """A song from a description."""
        language, instrumental = hints(query)
        instrumental = wish.instrumental or (instrumental and not wish.lyrics)
        asked = wish.filled(language=None if instrumental else language)
        (plain,) = pen.plain(query)
        prompt = inspiration_prompt(plain, instrumental=instrumental)
        written = pen.text(prompt, self._forced("draft", "expand", asked))
        lyrics = written.lyrics or (INSTRUMENTAL if instrumental else None)
        thought = _thought(asked, replace(written, lyrics=lyrics))
        return replace(thought, wish=replace(thought.wish, query=None, final_caption=True))

    def _rewrite(self, pen: Pen, wish: Wish) -> Thought:
        """Better words: they take the place of those typed, but nobody's words are struck out, and
        a song without a voice gets none."""
        caption, lyrics = pen.plain(wish.caption, wish.lyrics)
        forced = self._forced("rewrite", "rewrite", wish)
        written = pen.text(format_prompt(caption, lyrics), forced)
        better = replace(wish, caption=written.caption or wish.caption)
        silenced = wish.lyrics and is_instrumental(written.lyrics or "")
        if written.lyrics and not silenced and not is_instrumental(wish.lyrics):
            better = replace(better, lyrics=written.lyrics)
        thought = _thought(better, written)
        return replace(thought, wish=replace(thought.wish, final_caption=True))

    def _think(self, pen: Pen, wish: Wish) -> Thought:
        """The first phase."""
        caption, lyrics = pen.plain(wish.caption, wish.lyrics)
        refines = self.planning.caption and not wish.final_caption
        forced = self._forced("generate", "generate", wish)
        if not self.planning.language:
            forced.pop("language", None)
        written = pen.reasoning(
            cot_prompt(caption, lyrics),
            forced,
            skip_caption=not refines,
            skip_language=not self.planning.language,
        )
        if not (self.tools.constrained or self.parity.upstream_grammar):
            # Nothing held the model to what is given, and the codes follow its reasoning.
            written = replace(written, **forced)
        thought = _thought(wish, replace(written, lyrics=None))
        if not (refines and written.caption):
            return thought
        return replace(thought, wish=replace(thought.wish, caption=written.caption))

    def _compose(
        self, pen: Pen, asked: Wish, thought: Thought, reasoning: Mapping[str, Any] | None
    ) -> Thought:
        """The second phase: codes behind the caption that was asked for and what was reasoned;
        without a first phase that is the metadata as given."""
        duration = thought.wish.duration
        if not self.parity.unplanned_duration:
            duration = plan_of(thought.wish).duration
        known = replace(thought.wish, duration=duration)
        words = known if known.final_caption else replace(known, caption=asked.caption)
        caption, lyrics = pen.plain(words.caption, words.lyrics)
        reasoned = self._reasoning_text(pen, reasoning or _given(known))
        prompts = [codes_prompt(caption, lyrics, reasoned)]
        if self.planning.guidance > 1:
            prompts.append(unconditional_prompt(pen.plain(self.planning.negative)[0]))
        codes = pen.codes(tuple(prompts), duration)
        return replace(thought, wish=replace(known, audio_codes=codes))

    def _reasoning_text(self, pen: Pen, fields: Mapping[str, Any]) -> str:
        plain = {
            name: pen.plain(value)[0] if isinstance(value, str) else value
            for name, value in fields.items()
        }
        return cot_text(plain)

    def _forced(self, entry: Entry, original: Entry, wish: Wish) -> dict[str, Any]:
        """What `wish` gives, as the grammar takes it; `original` is the entry of the original."""
        known = Metadata(
            bpm=wish.bpm,
            caption=wish.caption or None,
            duration=wish.duration,
            keyscale=wish.keyscale,
            language=wish.language,
            timesignature=wish.timesignature,
        )
        upstream = self.parity.upstream_grammar
        forced: dict[str, Any] = forced_fields(
            original if upstream else entry, known, upstream=upstream
        )
        if "caption" in forced:
            (caption,), _ = plain_texts(self.tools.tokenizer, self.parity, str(forced["caption"]))
            forced["caption"] = scalar_text("caption", caption)
        return forced


def _thought(wish: Wish, written: Metadata) -> Thought:
    """`wish` with its gaps filled from what was written."""
    duration = None if written.duration is None else float(written.duration)
    filled = wish.filled(
        caption=written.caption or "",
        lyrics=written.lyrics or "",
        language=written.language,
        bpm=written.bpm,
        keyscale=written.keyscale,
        timesignature=written.timesignature,
        duration=duration,
        genres=written.genres,
    )
    metadata: dict[str, Any] = dict(written.cot_fields)
    if written.genres:
        metadata["genres"] = written.genres
    return Thought(filled, metadata)


def _given(wish: Wish) -> dict[str, Any]:
    """The metadata of a wish that had no first phase, as the second phase reads it."""
    return Metadata(
        bpm=wish.bpm,
        duration=wish.duration,
        keyscale=wish.keyscale,
        timesignature=wish.timesignature,
    ).cot_fields
