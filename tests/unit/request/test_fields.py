"""The table of parameters: complete, consistent, and reachable by every documented spelling."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from acestep_cli.request import BY_NAME, FIELDS, Field, SongRequest, find, near_miss
from acestep_cli.request.field import kebab_case, squeeze

# Canonical name: every spelling that the users' documents give it.
DOCUMENTED = {
    "caption": "prompt caption",
    "lyrics": "lyrics",
    "description": "sample_query sampleQuery desc query description",
    "sample_mode": "sample_mode sampleMode",
    "use_format": "use_format useFormat",
    "thinking": "thinking use_llm_thinking",
    "use_cot_caption": "use_cot_caption",
    "use_cot_language": "use_cot_language cot_language cot-language",
    "use_cot_metas": "use_cot_metas",
    "use_cot_lyrics": "use_cot_lyrics",
    "instrumental": "instrumental",
    "vocal_language": "vocal_language vocalLanguage language",
    "bpm": "bpm",
    "keyscale": "key_scale keyscale keyScale key key-scale",
    "timesignature": "time_signature timesignature timeSignature time-signature time-sig",
    "duration": "audio_duration duration audioDuration target_duration targetDuration",
    "model": "model model_name modelName dit_model ditModel config_path",
    "lm_model_path": "lm_model_path",
    "lm_backend": "lm_backend backend",
    "batch_size": "batch_size batch",
    "seed": "seed seeds",
    "use_random_seed": "use_random_seed useRandomSeed",
    "inference_steps": "inference_steps inferenceSteps steps",
    "guidance_scale": "guidance_scale guidanceScale guidance",
    "shift": "shift",
    "infer_method": "infer_method inferMethod",
    "timesteps": "timesteps",
    "use_adg": "use_adg",
    "cfg_interval_start": "cfg_interval_start",
    "cfg_interval_end": "cfg_interval_end",
    "task_type": "task_type taskType task-type",
    "instruction": "instruction",
    "reference_audio": "reference_audio reference_audio_path ref_audio_path referenceAudioPath "
    "refAudioPath ref_audio",
    "src_audio": "src_audio src_audio_path ctx_audio_path sourceAudioPath srcAudioPath "
    "ctxAudioPath ctx_audio src-audio",
    "audio_codes": "audio_codes audio_code_string audioCodeString",
    "repainting_start": "repainting_start repaint-start",
    "repainting_end": "repainting_end repaint-end",
    "regions": "regions region",
    "audio_cover_strength": "audio_cover_strength audioCoverStrength cover_strength coverStrength",
    "audio_format": "audio_format",
    "lm_temperature": "lm_temperature",
    "lm_cfg_scale": "lm_cfg_scale",
    "lm_top_k": "lm_top_k",
    "lm_top_p": "lm_top_p",
    "lm_repetition_penalty": "lm_repetition_penalty repetition_penalty",
    "lm_negative_prompt": "lm_negative_prompt",
    "constrained_decoding": "constrained_decoding constrainedDecoding constrained "
    "use_constrained_decoding",
    "constrained_decoding_debug": "constrained_decoding_debug constrainedDecodingDebug",
    "allow_lm_batch": "allow_lm_batch allowLmBatch parallel_thinking",
    "lm_batch_chunk_size": "lm_batch_chunk_size",
    "is_format_caption": "is_format_caption isFormatCaption",
    "use_tiled_decode": "use_tiled_decode useTiledDecode",
    "save_dir": "save_dir output_dir",
    "global_caption": "global_caption",
    "cover_noise_strength": "cover_noise_strength coverNoiseStrength",
    "chunk_mask_mode": "chunk_mask_mode",
    "repaint_latent_crossfade_frames": "repaint_latent_crossfade_frames",
    "repaint_wav_crossfade_sec": "repaint_wav_crossfade_sec",
    "repaint_mode": "repaint_mode",
    "repaint_strength": "repaint_strength",
    "analysis_only": "analysis_only analysisOnly",
    "full_analysis_only": "full_analysis_only fullAnalysisOnly",
    "extract_codes_only": "extract_codes_only extractCodesOnly",
    "track_name": "track_name trackName lego_track extract_track",
    "track_classes": "track_classes trackClasses instruments complete_tracks",
    **{
        name: name
        for name in re.findall(
            r"\w+",
            "cot_bpm cot_duration cot_keyscale cot_timesignature cot_lyrics cot_vocal_language "
            "enable_normalization normalization_db fade_in_duration fade_out_duration "
            "latent_shift latent_rescale sampler_mode velocity_norm_threshold velocity_ema_factor "
            "dcw_enabled dcw_mode dcw_scaler dcw_high_scaler dcw_wavelet retake_seed "
            "retake_variance flow_edit_morph flow_edit_source_caption flow_edit_source_lyrics "
            "flow_edit_n_min flow_edit_n_max flow_edit_n_avg mp3_bitrate mp3_sample_rate "
            "no_lm bit_depth loudness save_latents extend_before extend_after mix",
        )
    },
    "cot_caption": "",
}
SPELLINGS = [(name, word) for name, words in DOCUMENTED.items() for word in words.split()]


@pytest.mark.parametrize(("name", "spelling"), SPELLINGS)
def test_every_documented_spelling_in_every_case(name: str, spelling: str) -> None:
    for variant in (
        spelling,
        spelling.upper(),
        spelling.replace("_", "-"),
        spelling.replace("-", "_"),
        spelling.replace("_", "").replace("-", ""),
    ):
        found = find(variant)
        assert found is not None and found.name == name


def test_the_list_of_documented_names_is_the_table() -> None:
    assert set(DOCUMENTED) == set(BY_NAME)


@pytest.mark.parametrize(
    ("spelling", "value", "name"),
    [
        ("format", True, "use_format"),
        ("format", "false", "use_format"),
        ("format", "mp3", "audio_format"),
        ("format", "WAV", "audio_format"),
        ("cot_caption", False, "use_cot_caption"),
        ("cot-caption", "yes", "use_cot_caption"),
        ("cot_caption", "a warm song", "cot_caption"),
    ],
)
def test_names_that_the_value_decides(spelling: str, value: object, name: str) -> None:
    found = find(spelling, value)
    assert found is not None and found.name == name


def test_table_and_request_agree_in_names_and_defaults() -> None:
    request = SongRequest()
    assert {field.name for field in fields(SongRequest)} == set(BY_NAME)
    for field in FIELDS:
        value = getattr(request, field.name)
        assert (type(value), value) == (type(field.default), field.default), field.name


def test_no_spelling_means_two_parameters() -> None:
    owners: dict[str, str] = {}
    for field in FIELDS:
        for spelling in {squeeze(name) for name in (field.name, *field.aliases)}:
            assert owners.setdefault(spelling, field.name) == field.name


def _flags(field: Field) -> list[str]:
    declared = (*field.flags, *field.alias_flags)
    return [part.strip() for flag in declared for part in flag.split("/") if part.strip()]


def test_no_flag_means_two_parameters() -> None:
    owners: dict[str, str] = {}
    for field in FIELDS:
        for flag in _flags(field):
            assert owners.setdefault(flag, field.name) == field.name, flag


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_each_row_is_complete(field: Field) -> None:
    assert field.group and field.help and field.help == field.help.strip()
    # A comma would end the help in the fish completion.
    assert "," not in field.help and "\n" not in field.help and len(field.help) <= 80
    if field.flagless:
        assert not _flags(field)
    else:
        assert f"--{kebab_case(field.name)}" in _flags(field)
    if field.kind == "choice":
        assert field.choices
    if field.kind in ("float", "int") and not field.ignored and not field.choices:
        assert field.minimum is not None and field.maximum is not None


@pytest.mark.parametrize(
    "flags",
    [
        "--caption -c", "--lyrics -l", "--description -d", "--thinking -t --no-thinking",
        "--use-format --no-format", "--model -m", "--language --vocal-language",
        "--steps --inference-steps", "--guidance", "--seed", "--duration", "--bpm", "--batch",
        "--task-type", "--src-audio", "--cover-strength", "--repaint-start --repaint-end",
        "--key-scale --key", "--time-signature --time-sig", "--no-cot-caption", "--no-lm",
        "--audio-format", "--bit-depth", "--mp3-bitrate", "--loudness", "--save-latents",
    ],
)  # fmt: skip
def test_documented_flags_are_shown(flags: str) -> None:
    shown = {part for field in FIELDS for flag in field.flags for part in flag.split("/")}
    assert set(flags.split()) <= shown


def test_click_accepts_all_declarations() -> None:
    import click

    for field in FIELDS:
        declared = (*field.flags, *field.alias_flags)
        if declared:
            default = None if field.kind != "bool" else field.default
            option = click.Option([field.name, *declared], default=default)
            assert option.name == field.name
            assert set(_flags(field)) == {*option.opts, *option.secondary_opts}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("bmp", "bpm"), ("captoin", "caption"), ("inference_stps", "inference_steps"), ("zzzz", "")],
)
def test_near_miss(typed: str, meant: str) -> None:
    assert near_miss(typed) == meant


def test_range_in_words() -> None:
    assert BY_NAME["bpm"].range == "30 to 300"
    assert BY_NAME["shift"].range == "above 0 and up to 10"
    assert BY_NAME["seed"].range == "0 to 4294967295"
    assert BY_NAME["bit_depth"].range == "16, 24, 32"
    assert BY_NAME["caption"].range == ""
