"""Rows of the parameter table about how the song is made: sampling, edits, level, files."""

from __future__ import annotations

from acestep_cli.request.field import MAX_SEED, Field

SAMPLING = "Sampling"
EDIT = "Source and edit"
LEVEL = "Level"
FILES = "Files"

# `continuation` is a repaint beyond the end of the source.
TASKS = (
    "text2music", "repaint", "cover", "cover-nofsq", "extract", "lego", "complete", "continuation",
)  # fmt: skip
TRACKS = (
    "woodwinds", "brass", "fx", "synth", "strings", "percussion", "keyboard", "guitar", "bass",
    "drums", "backing_vocals", "vocals",
)  # fmt: skip
AUDIO_FORMATS = ("mp3", "flac", "wav", "ogg", "opus", "aac")
BITRATES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)

SAMPLING_ROWS = (
    Field("inference_steps", "int", "denoising steps; 1 to 200; turbo 1 to 20", SAMPLING,
          minimum=1, maximum=200, aliases=("steps",), spellings=("--steps", "--inference-steps")),
    Field("guidance_scale", "float",
          "how closely words are followed; 1 to 15; not used by turbo", SAMPLING, minimum=1,
          maximum=15, aliases=("guidance",), spellings=("--guidance", "--guidance-scale")),
    Field("shift", "float", "time shift; above 0 up to 10; documented 1 to 5", SAMPLING, minimum=0,
          maximum=10, above_minimum=True),
    Field("infer_method", "choice", "ode or sde", SAMPLING, default="ode", choices=("ode", "sde")),
    Field("sampler_mode", "choice", "euler or heun", SAMPLING, default="euler",
          choices=("euler", "heun"), aliases=("sampler",)),
    Field("timesteps", "timesteps",
          "own falling times from 1 to 0; replace steps and shift", SAMPLING, default=(),
          minimum=0, maximum=1),
    Field("use_adg", "bool", "adaptive dual guidance; base checkpoints", SAMPLING, default=False,
          aliases=("adg",)),
    Field("cfg_interval_start", "float", "guidance from this time on; 0 to 1", SAMPLING,
          default=0.0, minimum=0, maximum=1),
    Field("cfg_interval_end", "float", "guidance up to this time; 0 to 1", SAMPLING, default=1.0,
          minimum=0, maximum=1),
    Field("velocity_norm_threshold", "float", "limit on the velocity's norm; 0 is off", SAMPLING,
          default=0.0, minimum=0, maximum=100),
    Field("velocity_ema_factor", "float", "velocity smoothing; 0 to 0.99; 0 is off", SAMPLING,
          default=0.0, minimum=0, maximum=0.99),
    Field("dcw_enabled", "bool", "wavelet correction after each step", SAMPLING, default=False,
          aliases=("dcw",), spellings=("--dcw/--no-dcw",)),
    Field("dcw_mode", "choice", "band that is corrected: low or high or double or pix", SAMPLING,
          default="double", choices=("low", "high", "double", "pix")),
    Field("dcw_scaler", "float", "wavelet correction strength; -1 to 1", SAMPLING, default=0.05,
          minimum=-1, maximum=1),
    Field("dcw_high_scaler", "float", "its strength in the high band; -1 to 1", SAMPLING,
          default=0.02, minimum=-1, maximum=1),
    Field("dcw_wavelet", "text", "wavelet name such as haar or db4", SAMPLING, default="haar"),
    Field("retake_seed", "int", "seed of the variation", SAMPLING, minimum=0, maximum=MAX_SEED),
    Field("retake_variance", "float", "how far the variation goes; 0 to 1", SAMPLING, default=0.0,
          minimum=0, maximum=1),
    Field("latent_shift", "float", "added to latents before decoding; -10 to 10", SAMPLING,
          default=0.0, minimum=-10, maximum=10),
    Field("latent_rescale", "float", "factor on latents before decoding; up to 10", SAMPLING,
          default=1.0, minimum=0, maximum=10, above_minimum=True),
)  # fmt: skip

EDIT_ROWS = (
    Field("task_type", "choice",
          "text2music cover cover-nofsq repaint continuation extract lego or complete", EDIT,
          default="text2music", choices=TASKS, aliases=("task",),
          spellings=("--task", "--task-type")),
    Field("src_audio", "path", "source: audio file or job id", EDIT,
          aliases=("src_audio_path", "ctx_audio_path", "ctx_audio", "sourceAudioPath",
                   "source_audio"), spellings=("--src-audio",)),
    Field("reference_audio", "path", "audio file whose timbre is followed", EDIT,
          aliases=("reference_audio_path", "ref_audio_path", "ref_audio", "reference"),
          spellings=("--reference", "--reference-audio")),
    Field("audio_codes", "codes", "audio codes; numbers 0 to 63999; one line for each song", EDIT,
          default=(), minimum=0, maximum=63_999, aliases=("audio_code_string", "codes"),
          spellings=("--codes", "--audio-codes")),
    Field("audio_cover_strength", "float", "how much of the source stays; 0 to 1", EDIT,
          default=1.0, minimum=0, maximum=1, aliases=("cover_strength",),
          spellings=("--cover-strength",)),
    Field("cover_noise_strength", "float", "0 starts from noise and 1 from the source", EDIT,
          default=0.0, minimum=0, maximum=1, aliases=("noise_strength",)),
    Field("repainting_start", "seconds",
          "region start in seconds or m:ss; negative is before it", EDIT, default=0.0,
          minimum=-600, maximum=600, aliases=("repaint_start",), spellings=("--repaint-start",)),
    Field("repainting_end", "seconds",
          "region end in seconds or m:ss; -1 is the source's end", EDIT, minimum=0, maximum=1200,
          above_minimum=True, aliases=("repaint_end",), spellings=("--repaint-end",)),
    Field("regions", "regions", "region such as 10-20 or 0:45.5-1:02 or 45.5-; may be repeated",
          EDIT, default=(), aliases=("region",), spellings=("--region",)),
    Field("extend_before", "seconds", "seconds added before the source; up to 600", EDIT,
          default=0.0, minimum=0, maximum=600),
    Field("extend_after", "seconds", "seconds added behind the source; up to 600", EDIT,
          default=0.0, minimum=0, maximum=600),
    Field("repaint_mode", "choice",
          "freedom in the region: conservative or balanced or aggressive", EDIT,
          default="balanced", choices=("conservative", "balanced", "aggressive")),
    Field("repaint_strength", "float", "0 keeps the source and 1 is free", EDIT, default=0.5,
          minimum=0, maximum=1),
    Field("chunk_mask_mode", "choice",
          "explicit masks the region and auto lets the model decide", EDIT, default="explicit",
          choices=("explicit", "auto"), aliases=("mask_mode",)),
    Field("track_name", "tracks", "track to extract or add such as vocals or drums or guitar", EDIT,
          default=(), choices=TRACKS, aliases=("track", "lego_track", "extract_track")),
    Field("track_classes", "tracks", "tracks to complete with; separated by commas", EDIT,
          default=(), choices=TRACKS, aliases=("instruments", "tracks", "complete_tracks")),
    Field("mix", "bool", "add the new track to the source", EDIT, default=False),
    Field("flow_edit_morph", "bool", "morph the source towards the new words", EDIT, default=False),
    Field("flow_edit_source_caption", "text", "caption that fits the source", EDIT, default="",
          aliases=("from_caption",)),
    Field("flow_edit_source_lyrics", "text", "lyrics of the source", EDIT, default="",
          aliases=("from_lyrics",)),
    Field("flow_edit_n_min", "float", "share of steps left out first; 0 to 1", EDIT, default=0.0,
          minimum=0, maximum=1),
    Field("flow_edit_n_max", "float", "share of steps after which the target leads; 0 to 1", EDIT,
          default=1.0, minimum=0, maximum=1),
    Field("flow_edit_n_avg", "int", "draws averaged in each step; 1 to 32", EDIT, default=1,
          minimum=1, maximum=32),
)  # fmt: skip

LEVEL_ROWS = (
    Field("enable_normalization", "bool", "bring the peak to the level", LEVEL, default=True,
          aliases=("normalize",), spellings=("--normalize/--no-normalize",)),
    Field("normalization_db", "float", "peak level in dBFS; -60 to 0", LEVEL, default=-1.0,
          minimum=-60, maximum=0),
    Field("loudness", "float", "loudness in LUFS instead of a peak; -60 to 0", LEVEL, minimum=-60,
          maximum=0, aliases=("lufs",)),
    Field("fade_in_duration", "float", "fade in; seconds", LEVEL, default=0.0, minimum=0,
          maximum=600, aliases=("fade_in",), spellings=("--fade-in",)),
    Field("fade_out_duration", "float", "fade out; seconds", LEVEL, default=0.0, minimum=0,
          maximum=600, aliases=("fade_out",), spellings=("--fade-out",)),
)  # fmt: skip

FILE_ROWS = (
    Field("audio_format", "choice", "mp3 or flac or wav or ogg or opus or aac", FILES,
          default="mp3", choices=AUDIO_FORMATS),
    Field("bit_depth", "int", "16 or 24 or 32 (float); wav and flac", FILES, default=24,
          choices=(16, 24, 32)),
    Field("mp3_bitrate", "bitrate", "mp3 bit rate such as 192k or 320k", FILES, default=192,
          choices=BITRATES, aliases=("bitrate",)),
    Field("mp3_sample_rate", "int", "mp3 sample rate: 44100 or 48000", FILES, default=48_000,
          choices=(44_100, 48_000)),
    Field("save_latents", "bool", "keep the latents beside the song", FILES, default=False),
    Field("save_dir", "path", "folder of songs and records", FILES, aliases=("output_dir",),
          spellings=("--output-dir",)),
)  # fmt: skip
