"""The switches that make a stage do what the original code does where we do something else.

Every default is our own behaviour; only `tests/parity` sets a switch. Draws that the original takes
from an unseeded generator are no switches: they are handed to the stage as data (given noise, given
crops, the draw of an encoded source). Nor is what a request can ask for: a mask of all ones is its
`chunk_mask_mode`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parity:
    """The quirks that have a switch. What tests hand over as data, such as seeds and one plan for
    several items, needs none.

    linear_sde_times: SDE of the base family renoises to 1 - (i+1)/n, whatever the schedule says.
    cover_steps_before_override: the plain base model counts the steps of `audio_cover_strength`
        before a custom schedule replaces the number of steps.
    turbo_step_limit: most steps of a turbo checkpoint (the original's handler: 8).
    unplanned_duration: without a known duration the prompt says 30 seconds, audio codes go on until
        the planner ends them, and without codes 120 s are made.
    untrimmed: at least 128 frames (5.12 s) are made and nothing is cut.
    regions_in_lego: step injection, blend and splice act on lego too.
    cover_strength_everywhere: `audio_cover_strength` below 1 acts on every task.
    cropped_prompts: the non-cover prompt is cropped to the cover prompt's length.
    prompts_as_typed: key, tempo, meter and special tokens go into prompts as typed, and long
        captions push the metadata out of the token limit.
    metas_decide_thinking: the planner's first phase runs exactly when tempo, key, meter or length
        is open, whatever the caption and the language need.
    upstream_grammar: parsed values keep YAML quotes, the traps of the field order stay, and a
        detected language never arrives.
    """

    linear_sde_times: bool = False
    cover_steps_before_override: bool = False
    turbo_step_limit: int = 20
    unplanned_duration: bool = False
    untrimmed: bool = False
    regions_in_lego: bool = False
    cover_strength_everywhere: bool = False
    cropped_prompts: bool = False
    prompts_as_typed: bool = False
    metas_decide_thinking: bool = False
    upstream_grammar: bool = False
