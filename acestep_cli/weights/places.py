"""Where checkpoints may lie, in the order in which they are looked for. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from acestep_cli.config.paths import expand, user_data_folder
from acestep_cli.errors import CheckpointMissing, SettingsError
from acestep_cli.files import is_folder
from acestep_cli.weights.catalog import BY_NAME

CHECKPOINTS_VARIABLE = "ACESTEP_CHECKPOINTS_DIR"
_DEMO = Path(__file__).parent.parent / "demo" / "checkpoint"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of checkpoint folders, or a hub cache; `origin` says why it is looked at."""

    path: Path
    origin: str
    is_hub: bool = False
    is_demo: bool = False

    def candidates(self, name: str) -> Iterator[tuple[Path, str | None]]:
        """The folders in which the checkpoint `name` may lie here, with their hub revisions."""
        if self.is_hub:
            yield from _in_hub(self.path, name)
        elif is_folder(self.path / name):
            yield self.path / name, None

    def names(self) -> list[str]:
        """The names of all folders here that could be checkpoints, sorted."""
        if self.is_hub:
            return [name for name in BY_NAME if any(True for _ in self.candidates(name))]
        try:
            return sorted(entry.name for entry in self.path.iterdir() if entry.is_dir())
        except OSError:
            return []


def search_places(
    configured: Path | None, *, environ: Mapping[str, str], cwd: Path
) -> tuple[Place, ...]:
    """All places in order: the `configured` folder (flag, environment or setting),
    `ACESTEP_CHECKPOINTS_DIR`, `cwd/checkpoints`, the user's data folder, the hub cache, the
    packaged demonstration set.

    CheckpointMissing when `configured` is no folder: what a person names must exist.
    """
    places = []
    if configured is not None:
        configured = expand(str(configured), cwd)
        if not is_folder(configured):
            raise CheckpointMissing(
                f"the checkpoints folder {configured} does not exist",
                f"create it, or name another with --checkpoints or {CHECKPOINTS_VARIABLE}",
            )
        places.append(Place(configured, "the configured folder"))
    variable = environ.get(CHECKPOINTS_VARIABLE)
    if variable:
        places.append(Place(expand(variable, cwd), CHECKPOINTS_VARIABLE))
    places += [
        Place(cwd / "checkpoints", "the working folder"),
        Place(user_data_folder(environ) / "checkpoints", "the user data folder"),
        Place(_hub_cache(environ), "the Hugging Face cache", is_hub=True),
    ]
    if _DEMO.is_dir():
        places.append(Place(_DEMO, "the demonstration checkpoint", is_demo=True))
    first_of = {place.path: place for place in reversed(places)}
    return tuple(place for place in places if first_of[place.path] is place)


def _hub_cache(environ: Mapping[str, str]) -> Path:
    if environ.get("HF_HUB_CACHE"):
        return expand(environ["HF_HUB_CACHE"])
    if environ.get("HF_HOME"):
        return expand(environ["HF_HOME"]) / "hub"
    cache = Path(environ.get("XDG_CACHE_HOME") or "~/.cache")
    with suppress(SettingsError):  # an account without a home folder has no cache either
        cache = expand(str(cache))
    return cache / "huggingface" / "hub"


def _in_hub(cache: Path, name: str) -> Iterator[tuple[Path, str | None]]:
    entry = BY_NAME.get(name)
    if entry is None:
        return
    repo = cache / f"models--{entry.repo.replace('/', '--')}"
    for revision in _revisions(repo):
        snapshot = repo / "snapshots" / revision
        folder = snapshot / name if entry.in_bundle else snapshot
        if is_folder(folder):
            yield folder, revision


def _revisions(repo: Path) -> list[str]:
    """The snapshots of a cached repository: the one `main` points to first, then by date."""
    try:
        snapshots = [entry for entry in (repo / "snapshots").iterdir() if entry.is_dir()]
        snapshots.sort(key=lambda entry: (entry.stat().st_mtime, entry.name), reverse=True)
    except OSError:
        return []
    revisions = [entry.name for entry in snapshots]
    try:
        main = (repo / "refs" / "main").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return revisions
    return sorted(revisions, key=lambda revision: revision != main)
