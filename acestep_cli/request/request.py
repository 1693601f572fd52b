"""SongRequest: everything a person can ask for, typed and frozen.

Knows nothing about files, settings or checkpoints; ranges are checked by `validate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class SongRequest:
    """One song or batch as asked for; None (or an empty text or tuple) means "not given".

    Names, ranges and meanings: `acestep_cli.request.FIELDS`. Lengths and positions are seconds,
    levels are decibels, `seed` holds one entry for each item (-1: drawn), `audio_codes` one tuple
    of 5 Hz codes for each item, `regions` pairs (start, end), in order; end None is the source's.
    """

    # Words
    caption: str = ""
    lyrics: str = ""
    description: str = ""
    sample_mode: bool = False
    instrumental: bool = False
    vocal_language: str = "unknown"
    global_caption: str = ""
    instruction: str = ""
    # Music
    bpm: int | None = None
    keyscale: str = ""
    timesignature: str = ""
    duration: float | None = None
    # Source and edit
    task_type: str = "text2music"
    src_audio: str | None = None
    reference_audio: str | None = None
    audio_codes: tuple[tuple[int, ...], ...] = ()
    audio_cover_strength: float = 1.0
    cover_noise_strength: float = 0.0
    repainting_start: float = 0.0
    repainting_end: float | None = None
    regions: tuple[tuple[float, float | None], ...] = ()
    extend_before: float = 0.0
    extend_after: float = 0.0
    repaint_mode: str = "balanced"
    repaint_strength: float = 0.5
    chunk_mask_mode: str = "explicit"
    track_name: tuple[str, ...] = ()
    track_classes: tuple[str, ...] = ()
    mix: bool = False
    flow_edit_morph: bool = False
    flow_edit_source_caption: str = ""
    flow_edit_source_lyrics: str = ""
    flow_edit_n_min: float = 0.0
    flow_edit_n_max: float = 1.0
    flow_edit_n_avg: int = 1
    # Planner
    no_lm: bool = False
    thinking: bool | None = None
    use_format: bool | None = None
    use_cot_caption: bool | None = None
    use_cot_language: bool | None = None
    use_cot_metas: bool | None = None
    use_cot_lyrics: bool = False
    lm_temperature: float = 0.85
    lm_cfg_scale: float = 2.0
    lm_top_k: int = 0
    lm_top_p: float = 0.9
    lm_repetition_penalty: float = 1.0
    lm_negative_prompt: str = "NO USER INPUT"
    constrained_decoding: bool = True
    # Models and seeds
    model: str | None = None
    lm_model_path: str | None = None
    batch_size: int = 1
    seed: tuple[int, ...] = ()
    use_random_seed: bool = True
    # Sampling
    inference_steps: int | None = None
    guidance_scale: float | None = None
    shift: float | None = None
    infer_method: str = "ode"
    sampler_mode: str = "euler"
    timesteps: tuple[float, ...] = ()
    use_adg: bool = False
    cfg_interval_start: float = 0.0
    cfg_interval_end: float = 1.0
    velocity_norm_threshold: float = 0.0
    velocity_ema_factor: float = 0.0
    dcw_enabled: bool = False
    dcw_mode: str = "double"
    dcw_scaler: float = 0.05
    dcw_high_scaler: float = 0.02
    dcw_wavelet: str = "haar"
    retake_seed: int | None = None
    retake_variance: float = 0.0
    latent_shift: float = 0.0
    latent_rescale: float = 1.0
    # Level
    enable_normalization: bool = True
    normalization_db: float = -1.0
    loudness: float | None = None
    fade_in_duration: float = 0.0
    fade_out_duration: float = 0.0
    # Files
    audio_format: str = "mp3"
    bit_depth: int = 24
    mp3_bitrate: int = 192
    mp3_sample_rate: int = 48_000
    save_latents: bool = False
    save_dir: str | None = None
    # Other modes
    analysis_only: bool = False
    full_analysis_only: bool = False
    extract_codes_only: bool = False
    # Accepted without effect
    lm_backend: str = ""
    allow_lm_batch: bool = False
    lm_batch_chunk_size: int = 8
    constrained_decoding_debug: bool = False
    is_format_caption: bool = False
    use_tiled_decode: bool = True
    repaint_latent_crossfade_frames: int = 10
    repaint_wav_crossfade_sec: float = 0.0
    cot_bpm: int | None = None
    cot_duration: float | None = None
    cot_keyscale: str = ""
    cot_timesignature: str = ""
    cot_caption: str = ""
    cot_lyrics: str = ""
    cot_vocal_language: str = "unknown"

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """The request that raw `values` ask for, under any spelling; None stands for "not given".

        UsageError lists every unknown name and unreadable value; InputError means that only codes
        or lyrics are at fault. Ranges are left to `validate`.
        """
        from acestep_cli.request.values import complete, read_values

        return cls(**complete(read_values(values)).values)

    def replace(self, **changes: Any) -> Self:
        """A copy with typed `changes` under canonical names."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """All values under canonical names, ready for JSON; `from_values` reads them back."""
        from acestep_cli.request.values import as_plain

        return {
            field.name: as_plain(field.name, getattr(self, field.name)) for field in fields(self)
        }
