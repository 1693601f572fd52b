"""Settings in layers: what a run is asked to do, and where each value came from."""

from acestep_cli.config.layers import Resolved, find_presets, resolve
from acestep_cli.config.paths import user_cache_folder, user_config_file, user_data_folder
from acestep_cli.config.schema import (
    SECRETS,
    SETTINGS,
    FurtherModel,
    Quantization,
    Settings,
    all_keys,
    find_key,
    full_key,
)

__all__ = [
    "SECRETS",
    "SETTINGS",
    "FurtherModel",
    "Quantization",
    "Resolved",
    "Settings",
    "all_keys",
    "find_key",
    "find_presets",
    "full_key",
    "resolve",
    "user_cache_folder",
    "user_config_file",
    "user_data_folder",
]
