"""The `config.json` of each folder, with the published keys."""

from __future__ import annotations

from typing import Any

from acestep_cli.demo.sizes import (
    FSQ_LEVELS,
    LATENT_CHANNELS,
    PATCH_SIZE,
    POOL_WINDOW,
    DitSizes,
    QwenSizes,
    VaeSizes,
)

_TIMBRE_FRAMES = 750


def dit_config(sizes: DitSizes) -> dict[str, Any]:
    """`config.json` of an `acestep-v15-*` folder."""
    stack = sizes.stack
    config = {
        "architectures": ["AceStepConditionGenerationModel"],
        "model_type": "acestep",
        "model_version": "turbo" if sizes.is_turbo else "base",
        "is_turbo": sizes.is_turbo,
        "hidden_size": stack.width,
        "intermediate_size": stack.mlp,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": stack.heads,
        "num_key_value_heads": stack.kv_heads,
        "head_dim": stack.head_dim,
        "hidden_act": "silu",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "max_position_embeddings": 32_768,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1_000_000,
        "rope_scaling": None,
        "use_sliding_window": True,
        "sliding_window": sizes.sliding_window,
        "layer_types": [
            "full_attention" if index % 2 else "sliding_attention" for index in range(sizes.layers)
        ],
        "in_channels": 3 * LATENT_CHANNELS,
        "patch_size": PATCH_SIZE,
        "audio_acoustic_hidden_dim": LATENT_CHANNELS,
        "timbre_hidden_dim": LATENT_CHANNELS,
        "text_hidden_dim": sizes.text_width,
        "timbre_fix_frame": _TIMBRE_FRAMES,
        "pool_window_size": POOL_WINDOW,
        "num_lyric_encoder_hidden_layers": sizes.lyric_layers,
        "num_timbre_encoder_hidden_layers": sizes.timbre_layers,
        "num_attention_pooler_hidden_layers": sizes.pooler_layers,
        "num_audio_decoder_hidden_layers": sizes.layers,
        "fsq_dim": sizes.encoders.width,
        "fsq_input_levels": list(FSQ_LEVELS),
        "fsq_input_num_quantizers": 1,
        "vocab_size": 64_003,
        "initializer_range": 0.02,
        "data_proportion": 0.5,
        "timestep_mu": -0.4,
        "timestep_sigma": 1.0,
        "dtype": "bfloat16",
        "use_cache": True,
    }
    if sizes.encoder is not None:
        config |= {
            "encoder_hidden_size": sizes.encoder.width,
            "encoder_intermediate_size": sizes.encoder.mlp,
            "encoder_num_attention_heads": sizes.encoder.heads,
            "encoder_num_key_value_heads": sizes.encoder.kv_heads,
        }
    return config


def qwen_config(sizes: QwenSizes, vocabulary: int, *, pad_id: int, eos_id: int) -> dict[str, Any]:
    """`config.json` of the text encoder or the planner."""
    stack = sizes.stack
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "vocab_size": vocabulary,
        "hidden_size": stack.width,
        "intermediate_size": stack.mlp,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": stack.heads,
        "num_key_value_heads": stack.kv_heads,
        "head_dim": stack.head_dim,
        "hidden_act": "silu",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "max_position_embeddings": sizes.max_positions,
        "max_window_layers": sizes.layers,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1_000_000,
        "rope_scaling": None,
        "use_sliding_window": False,
        "sliding_window": None,
        "tie_word_embeddings": sizes.is_tied,
        "bos_token_id": pad_id,
        "pad_token_id": pad_id,
        "eos_token_id": eos_id,
        "initializer_range": 0.02,
        "torch_dtype": "bfloat16",
        "use_cache": True,
    }


def vae_config(sizes: VaeSizes) -> dict[str, Any]:
    """`config.json` of the VAE."""
    return {
        "_class_name": "AutoencoderOobleck",
        "encoder_hidden_size": sizes.encoder_width,
        "downsampling_ratios": list(sizes.strides),
        "channel_multiples": list(sizes.multiples),
        "decoder_channels": sizes.decoder_width,
        "decoder_input_channels": LATENT_CHANNELS,
        "audio_channels": 2,
        "sampling_rate": 48_000,
    }
