"""Where checkpoints may lie, in the order in which they are looked for. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from acestep_cli.config.paths import expand, user_data_folder
from acestep_cli.errors import CheckpointMissing, SettingsError
from acestep_cli.files import is_folder
from acestep_cli.weights.catalog import BY_NAME, Entry
from acestep_cli.weights.demonstration import is_whole
from acestep_cli.weights.further import entries_with

if TYPE_CHECKING:
    from acestep_cli.config import FurtherModel

CHECKPOINTS_VARIABLE = "ACESTEP_CHECKPOINTS_DIR"
_DEMO = Path(__file__).parent.parent / "demo" / "checkpoint"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of checkpoint folders, or a hub cache; `origin` says why it is looked at, `entries`
    holds the checkpoints that are known by name."""

    path: Path
    origin: str
    is_hub: bool = False
    is_demo: bool = False
    entries: Mapping[str, Entry] = field(default_factory=lambda: BY_NAME, repr=False, compare=False)

    def candidates(self, name: str) -> Iterator[tuple[Path, str | None]]:
        """The folders in which the checkpoint `name` may lie here, with their hub revisions."""
        if self.is_hub:
            if entry := self.entries.get(name):
                yield from in_hub(self.path, entry)
        elif is_folder(self.path / name):
            yield self.path / name, None

    def names(self) -> list[str]:
        """The names of all folders here that could be checkpoints, sorted."""
        if self.is_hub:
            return [name for name in self.entries if any(True for _ in self.candidates(name))]
        try:
            return sorted(entry.name for entry in self.path.iterdir() if entry.is_dir())
        except OSError:
            return []


def search_places(
    configured: Path | None,
    *,
    environ: Mapping[str, str],
    cwd: Path,
    further: Iterable[FurtherModel] = (),
) -> tuple[Place, ...]:
    """All places in order: the `configured` folder (flag, environment or setting),
    `ACESTEP_CHECKPOINTS_DIR`, `cwd/checkpoints`, the user's data folder, the hub cache, the
    packaged demonstration set. `further` are the checkpoints that the settings add to the published
    ones.

    CheckpointMissing when `configured` is no folder: what a person names must exist. SettingsError
    when a further checkpoint has the name of a published one.
    """
    entries = entries_with(further)
    places = []
    if configured is not None:
        configured = expand(str(configured), cwd)
        if not is_folder(configured):
            raise CheckpointMissing(
                f"the checkpoints folder {configured} does not exist",
                f"create it, or name another with --checkpoints or {CHECKPOINTS_VARIABLE}",
            )
        places.append(Place(configured, "the configured folder", entries=entries))
    variable = environ.get(CHECKPOINTS_VARIABLE)
    if variable:
        places.append(Place(expand(variable, cwd), CHECKPOINTS_VARIABLE, entries=entries))
    data = user_data_folder(environ) / "checkpoints"
    places += [
        Place(cwd / "checkpoints", "the working folder", entries=entries),
        Place(data, "the user data folder", entries=entries),
        Place(hub_cache(environ), "the Hugging Face cache", is_hub=True, entries=entries),
    ]
    if is_whole(_DEMO):
        places.append(Place(_DEMO, "the built-in demonstration", is_demo=True, entries=entries))
    first_of = {place.path: place for place in reversed(places)}
    return tuple(place for place in places if first_of[place.path] is place)


def hub_cache(environ: Mapping[str, str]) -> Path:
    """The folder of the Hugging Face cache; it need not exist."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if environ.get(variable):
            return expand(environ[variable])
    if environ.get("HF_HOME"):
        return expand(environ["HF_HOME"]) / "hub"
    cache = Path(environ.get("XDG_CACHE_HOME") or "~/.cache")
    with suppress(SettingsError):  # an account without a home folder has no cache either
        cache = expand(str(cache))
    return cache / "huggingface" / "hub"


def repo_folder(cache: Path, entry: Entry) -> Path:
    """The folder of a repository in a hub cache."""
    return cache / f"models--{entry.repo.replace('/', '--')}"


def in_hub(cache: Path, entry: Entry) -> Iterator[tuple[Path, str | None]]:
    """The folders in which a hub cache holds `entry`, complete or not, with their revisions: what
    a `revision` of the entry, else `main` points to first, then by date."""
    repo = repo_folder(cache, entry)
    for revision in _revisions(repo, entry.revision or "main"):
        folder = repo / "snapshots" / revision / entry.folder
        if is_folder(folder):
            yield folder, revision


def _revisions(repo: Path, wanted: str) -> list[str]:
    """The snapshots of a cached repository: the one that is `wanted` or that this name points to
    first, then by date."""
    try:
        snapshots = [entry for entry in (repo / "snapshots").iterdir() if entry.is_dir()]
        snapshots.sort(key=lambda entry: (entry.stat().st_mtime, entry.name), reverse=True)
    except OSError:
        return []
    revisions = [entry.name for entry in snapshots]
    with suppress(OSError, ValueError):
        wanted = (repo / "refs" / wanted).read_text(encoding="ascii").strip()
    return sorted(revisions, key=lambda revision: revision != wanted)
