"""Rows of the parameter table about what the song is: words, metadata, planner, seeds, models."""

from __future__ import annotations

from typing import Any

from acestep_cli.request.field import MAX_SEED, Field, Kind

WORDS = "Words"
MUSIC = "Music"
PLANNER = "Planner"
MODELS = "Models and seeds"
COMPATIBILITY = "Accepted without effect"
MODES = "Other modes"

_OUTPUT_ONLY = "it is a result, not a request"
_NO_EFFECT = "nothing here depends on it"

WORDS_ROWS = (
    Field("caption", "text", "style of the song: genre and mood and instruments and voice", WORDS,
          default="", aliases=("prompt",), spellings=("-c", "--caption")),
    Field("lyrics", "text", "words with [section] tags; [Instrumental] for no voice", WORDS,
          default="", spellings=("-l", "--lyrics")),
    Field("description", "text",
          "what the song should be; the planner writes caption and lyrics", WORDS, default="",
          aliases=("sample_query", "desc", "query"), spellings=("-d", "--description")),
    Field("sample_mode", "bool", "let the planner invent a song", WORDS, default=False),
    Field("instrumental", "bool", "no voice", WORDS, default=False),
    Field("vocal_language", "language", "language of the voice as a code such as en or ja", WORDS,
          default="unknown", aliases=("language",), spellings=("--language", "--vocal-language")),
    Field("global_caption", "text", "style of the whole song when one track of it is made", WORDS,
          default=""),
    Field("instruction", "text", "instruction to the renderer; by default that of the task", WORDS,
          default=""),
)  # fmt: skip

MUSIC_ROWS = (
    Field("bpm", "bpm", "tempo in beats per minute; 30 to 300", MUSIC, minimum=30, maximum=300),
    Field("keyscale", "keyscale", "key such as C major or F# minor or Am", MUSIC, default="",
          aliases=("key",), spellings=("--key", "--key-scale")),
    Field("timesignature", "timesignature", "meter: 2/4 or 3/4 or 4/4 or 6/8", MUSIC, default="",
          aliases=("time_sig",), spellings=("--time-sig", "--time-signature")),
    Field("duration", "seconds",
          "length in seconds or m:ss; 1 to 600; -1 lets the planner choose", MUSIC, minimum=1,
          maximum=600, aliases=("audio_duration", "target_duration")),
)  # fmt: skip

PLANNER_ROWS = (
    Field("no_lm", "bool", "use no planner at all", PLANNER, default=False,
          spellings=("--no-lm/--use-lm",)),
    Field("thinking", "bool", "let the planner compose audio codes before rendering", PLANNER,
          aliases=("use_llm_thinking",), spellings=("--thinking/--no-thinking", "-t")),
    Field("use_format", "bool", "let the planner rewrite caption and lyrics", PLANNER,
          spellings=("--use-format/--no-format", " /--no-use-format")),
    Field("use_cot_caption", "bool", "let the planner refine the caption", PLANNER,
          spellings=("--cot-caption/--no-cot-caption",)),
    Field("use_cot_language", "bool", "let the planner detect the language", PLANNER,
          aliases=("cot-language",), spellings=("--cot-language/--no-cot-language",)),
    Field("use_cot_metas", "bool",
          "let the planner write tempo and key and meter and length", PLANNER,
          aliases=("cot-metas",), spellings=("--cot-metas/--no-cot-metas",)),
    Field("use_cot_lyrics", "bool", "let the planner write lyrics from the caption", PLANNER,
          default=False, spellings=("--write-lyrics/--no-write-lyrics",)),
    Field("lm_temperature", "float", "planner temperature; 0 to 2; 0 takes the likeliest", PLANNER,
          default=0.85, minimum=0, maximum=2),
    Field("lm_cfg_scale", "float", "planner guidance; 1 to 5; 1 is off", PLANNER, default=2.0,
          minimum=1, maximum=5),
    Field("lm_top_k", "int", "planner draws from the K likeliest; 0 is off", PLANNER, default=0,
          minimum=0, maximum=100_000),
    Field("lm_top_p", "float", "planner draws from this share of probability; up to 1", PLANNER,
          default=0.9, minimum=0, maximum=1, above_minimum=True),
    Field("lm_repetition_penalty", "float",
          "planner penalty on repeats; up to 10; 1 is off", PLANNER, default=1.0, minimum=0,
          maximum=10, above_minimum=True, aliases=("repetition_penalty",)),
    Field("lm_negative_prompt", "text", "what the planner is guided away from", PLANNER,
          default="NO USER INPUT"),
    Field("constrained_decoding", "bool", "hold the planner to valid metadata", PLANNER,
          default=True, aliases=("use_constrained_decoding", "constrained")),
)  # fmt: skip

MODEL_ROWS = (
    Field("model", "text", "checkpoint that renders; such as acestep-v15-turbo", MODELS,
          aliases=("model_name", "dit_model", "config_path"), spellings=("-m", "--model")),
    Field("lm_model_path", "text", "planner checkpoint; name or folder", MODELS,
          aliases=("lm_model", "lm"), spellings=("--lm", "--lm-model-path")),
    Field("batch_size", "int", "number of songs; 1 to 8", MODELS, default=1, minimum=1, maximum=8,
          aliases=("batch",), spellings=("--batch", "--batch-size")),
    Field("seed", "seeds", "seed or a list with one for each song; -1 is random", MODELS,
          default=(), minimum=0, maximum=MAX_SEED, aliases=("seeds",)),
    Field("use_random_seed", "bool", "draw a seed; a given seed wins", MODELS, default=True),
)  # fmt: skip


def _without_effect(name: str, kind: Kind, default: Any, help_: str, *aliases: str) -> Field:
    return Field(
        name, kind, help_, COMPATIBILITY, default, aliases, ignored=_NO_EFFECT, hidden=True
    )


def _planner_result(name: str, kind: Kind, default: Any) -> Field:
    """Accepted in JSON, TOML and the environment, where records and other programs carry it."""
    return Field(
        name, kind, "a result of the planner", COMPATIBILITY, default,
        ignored=_OUTPUT_ONLY, hidden=True, flagless=True,
    )  # fmt: skip


COMPATIBILITY_ROWS = (
    _without_effect("lm_backend", "text", "", "planner engine", "backend"),
    _without_effect("allow_lm_batch", "bool", False, "plan a batch at once",
                    "parallel_thinking"),
    _without_effect("lm_batch_chunk_size", "int", 8, "songs planned at once"),
    _without_effect("constrained_decoding_debug", "bool", False, "planner debug output"),
    _without_effect("is_format_caption", "bool", False, "caption needs no refinement"),
    _without_effect("use_tiled_decode", "bool", True, "decode in tiles; always on"),
    _without_effect("repaint_latent_crossfade_frames", "int", 10,
                    "follows from repaint mode and strength"),
    _without_effect("repaint_wav_crossfade_sec", "float", 0.0,
                    "follows from repaint mode and strength"),
    _planner_result("cot_bpm", "bpm", None),
    _planner_result("cot_duration", "seconds", None),
    _planner_result("cot_keyscale", "text", ""),
    _planner_result("cot_timesignature", "text", ""),
    _planner_result("cot_caption", "text", ""),
    _planner_result("cot_lyrics", "text", ""),
    _planner_result("cot_vocal_language", "text", "unknown"),
)  # fmt: skip

MODE_ROWS = (
    Field("analysis_only", "bool", "plan without rendering", MODES, default=False, hidden=True),
    Field("full_analysis_only", "bool", "describe a source", MODES, default=False, hidden=True),
    Field("extract_codes_only", "bool", "audio codes of a source", MODES, default=False,
          hidden=True),
)  # fmt: skip
