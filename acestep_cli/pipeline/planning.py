"""What the planner is to do for a request (planner facts 5). Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from acestep_cli.lyrics import is_instrumental
from acestep_cli.pipeline.plan import Wish
from acestep_cli.request import SOURCE_TASKS, SongRequest


@dataclass(frozen=True, slots=True)
class Planning:
    """The planner's tasks and how it draws.

    codes: compose audio codes; metas: the first phase, which writes what is missing of tempo, key,
    meter and length, and on the way refines the `caption` and detects the `language`; rewrite: a
    pass over caption and lyrics before it; write_lyrics: words for a caption that has none.
    constrained: hold it to the grammar. temperature 0 takes the likeliest token; top_k 0 and
    top_p 1 are off; guidance 1 is off.
    """

    codes: bool = True
    metas: bool = True
    caption: bool = True
    language: bool = True
    rewrite: bool = False
    write_lyrics: bool = False
    constrained: bool = True
    temperature: float = 0.85
    top_k: int = 0
    top_p: float = 0.9
    repetition_penalty: float = 1.0
    guidance: float = 2.0
    negative: str = ""

    def wants(self, wish: Wish) -> bool:
        """Whether there is anything to do for `wish`."""
        return (
            wish.query is not None
            or self.writes_lyrics(wish)
            or self.rewrites(wish)
            or self.thinks(wish)
            or self.composes(wish)
        )

    def writes_lyrics(self, wish: Wish) -> bool:
        """Whether lyrics are to be written for the caption of `wish`."""
        return self.write_lyrics and bool(wish.caption) and not wish.lyrics

    def rewrites(self, wish: Wish) -> bool:
        """Whether caption and lyrics of `wish` get a pass of their own."""
        return self.rewrite and bool(wish.caption or wish.lyrics) and not wish.final_caption

    def thinks(self, wish: Wish) -> bool:
        """Whether the first phase has anything to find out for `wish`."""
        refines = self.caption and not wish.final_caption
        detects = self.language and wish.language is None and not is_instrumental(wish.lyrics)
        return self.metas and (lacks_metas(wish) or refines or detects)

    def composes(self, wish: Wish) -> bool:
        """Whether codes are to be composed for `wish`."""
        return self.codes and not wish.audio_codes


def planning_of(request: SongRequest) -> Planning:
    """The planner's tasks for `request`; nothing with `no_lm`.

    Thinking, caption, language and metadata are on, but off for tasks with a source unless asked
    for; there codes are never composed. The pass of its own over caption and lyrics runs where it
    is asked for: otherwise the first phase refines the caption, and typed lyrics stay.
    """
    source = request.task_type in SOURCE_TASKS or request.flow_edit_morph
    if request.no_lm or (source and not request.thinking):
        return Planning(False, False, False, False)
    return Planning(
        codes=request.thinking is not False and not source,
        metas=request.use_cot_metas is not False,
        caption=request.use_cot_caption is not False,
        language=request.use_cot_language is not False,
        rewrite=request.use_format is True,
        write_lyrics=request.use_cot_lyrics,
        constrained=request.constrained_decoding,
        temperature=request.lm_temperature,
        top_k=request.lm_top_k,
        top_p=request.lm_top_p,
        repetition_penalty=request.lm_repetition_penalty,
        guidance=request.lm_cfg_scale,
        negative=request.lm_negative_prompt,
    )


def lacks_metas(wish: Wish) -> bool:
    """Whether tempo, key, meter or length is open."""
    return None in (wish.bpm, wish.keyscale, wish.timesignature, wish.duration)
