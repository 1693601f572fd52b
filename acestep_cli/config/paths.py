"""Where settings and data lie: the user's folders, the project file above the current folder."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from acestep_cli.errors import SettingsError

PROJECT_FILE = "acestep.toml"
USER_FILE = "config.toml"
HOME_VARIABLE = "ACESTEP_HOME"

_APP = "acestep"


def user_config_file(environ: Mapping[str, str]) -> Path:
    """The user's settings file; it need not exist."""
    return _home(environ) / USER_FILE if _has_home(environ) else _platform("config") / USER_FILE


def user_data_folder(environ: Mapping[str, str]) -> Path:
    """The folder for checkpoints and other data that should stay; it need not exist."""
    return _home(environ) / "data" if _has_home(environ) else _platform("data")


def user_cache_folder(environ: Mapping[str, str]) -> Path:
    """The folder for what can be made again; it need not exist."""
    return _home(environ) / "cache" if _has_home(environ) else _platform("cache")


def project_file(folder: Path) -> Path | None:
    """The nearest `acestep.toml` in `folder` or above it."""
    for parent in (folder, *folder.parents):
        candidate = parent / PROJECT_FILE
        # A folder that may not be read holds no settings for this user.
        with suppress(PermissionError):
            if candidate.is_file():
                return candidate
    return None


def current_folder() -> Path:
    """The current folder; SettingsError when it was removed."""
    try:
        return Path.cwd()
    except OSError as error:
        raise SettingsError(
            f"the current folder cannot be used: {error.strerror}", "change to another folder"
        ) from error


def expand(text: str, base: Path | None = None) -> Path:
    """`text` as a path, `~` replaced by the home folder, a relative one taken from `base`."""
    path = Path(text)
    if path.parts and path.parts[0].startswith("~"):
        try:
            path = path.expanduser()
        except RuntimeError as error:
            raise SettingsError(
                f"there is no home folder for {text}", "write the whole path"
            ) from error
    return base / path if base else path


def _has_home(environ: Mapping[str, str]) -> bool:
    return bool(environ.get(HOME_VARIABLE))


def _home(environ: Mapping[str, str]) -> Path:
    return expand(environ[HOME_VARIABLE])


def _platform(what: str) -> Path:
    import platformdirs

    finders = {
        "config": platformdirs.user_config_path,
        "data": platformdirs.user_data_path,
        "cache": platformdirs.user_cache_path,
    }
    return finders[what](_APP, appauthor=False)
