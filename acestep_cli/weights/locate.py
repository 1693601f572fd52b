"""Choose the checkpoint folders of a run: a DiT that can do the task, and what goes with it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from acestep_cli.config.paths import expand
from acestep_cli.errors import CheckpointError, CheckpointMissing
from acestep_cli.files import is_folder
from acestep_cli.weights.catalog import (
    BY_NAME,
    DEFAULT_DIT,
    DIT_PREFIX,
    PLANNER_PREFIX,
    TEXT_ENCODER,
    VAE,
    Kind,
    fetch_command,
    names,
    whole_again,
)
from acestep_cli.weights.demonstration import DEMO, DEMO_PLANNER
from acestep_cli.weights.folder import Folder, lacking, open_folder
from acestep_cli.weights.places import CHECKPOINTS_VARIABLE, Place
from acestep_cli.weights.sets import CheckpointSet, EarSet

_TEXT_WIDTH = 1024
_PREFIXES: dict[Kind, str] = {"dit": DIT_PREFIX, "planner": PLANNER_PREFIX}
_HINT = f"run: {fetch_command()}; or set {CHECKPOINTS_VARIABLE} to the folder that holds them"


def find_set(
    model: str | None,
    task: str,
    places: Sequence[Place],
    *,
    planner: str | None = None,
    vae: str = VAE,
    families: Sequence[str] = (),
) -> CheckpointSet:
    """The checkpoint set for `task`, from `places` in their order.

    `model` and `planner` take a catalog name, the name of another folder in a place, or a path.
    Without a model: acestep-v15-turbo, else the first installed one that can do the task, where
    those of earlier `families` go before all others. The other parts come from the DiT's own root
    if it has them, else from the first place that does. A planner that nobody named may be missing.
    The demonstration set is used as a whole or not at all: when it was named, or when nobody named
    a model or planner and no place holds any other model, complete or not.

    CheckpointMissing when nothing, or not what was named, is installed; CheckpointError when a
    folder is incomplete or the named model cannot do the task.
    """
    usable = places if model is not None else _usable(planner, places)
    try:
        dit, root = _choose_dit(model, task, usable, families)
    except CheckpointMissing:
        # Who names a planner alone is told of that one: without it the demonstration might do.
        if planner is not None and model is None and not _is_path(planner):
            named_folder(planner, "planner", usable)
        raise
    if root.is_demo and planner not in (None, DEMO_PLANNER):
        raise _stranger(planner)
    order = search_order(root, places)
    text_encoder = named_folder(TEXT_ENCODER, "text_encoder", order)[0]
    _check_widths(dit, text_encoder)
    return CheckpointSet(
        dit=dit,
        vae=named_folder(vae, "vae", order)[0],
        text_encoder=text_encoder,
        planner=_choose_planner(planner, order),
        root=root.path,
        is_demo=root.is_demo,
    )


def find_ears(model: str | None, places: Sequence[Place], *, vae: str = VAE) -> EarSet:
    """What it takes to hear a file: a DiT, any that can make songs, and a VAE; found as in
    `find_set`, with the same errors."""
    dit, root = _choose_dit(model, "text2music", places)
    heard = named_folder(vae, "vae", search_order(root, places))[0]
    return EarSet(dit, heard, root.path, root.is_demo)


def installed(places: Sequence[Place], kind: Kind) -> list[Folder]:
    """The complete folders of one kind in all places, the first place winning for each name;
    published ones in catalog order, then others by name."""
    found: dict[str, Folder] = {}
    for name in known_names(places, kind):
        for place in places:
            for path, revision in place.candidates(name):
                if name not in found and not lacking(path, kind):
                    found[name] = open_named(place, name, kind, path, revision)
    return list(found.values())


def _usable(named: str | None, places: Sequence[Place]) -> list[Place]:
    """The demonstration is never taken where somebody named what is not a part of it."""
    own = named in (None, DEMO, DEMO_PLANNER)
    return [place for place in places if own or not place.is_demo]


def search_order(root: Place, places: Sequence[Place]) -> list[Place]:
    """Where the other parts of a set are looked for: in `root` first; the demonstration is used as
    a whole or not at all."""
    return [root, *(place for place in places if place != root and place.is_demo == root.is_demo)]


def _choose_dit(
    model: str | None, task: str, places: Sequence[Place], families: Sequence[str] = ()
) -> tuple[Folder, Place]:
    real = [place for place in places if not place.is_demo]
    if model is not None:
        # A path means a folder, wherever it lies.
        usable = places if _is_path(model) else _usable(model, places)
        folder, place = named_folder(model, "dit", usable)
        if task not in folder.tasks:
            raise _unable(folder, task, real)
        return folder, place
    able = _able_dits(task, real)
    if families:
        rank = {family: position for position, family in enumerate(families)}
        able = iter(sorted(able, key=lambda one: rank.get(str(one[0].family), len(rank))))
    for found in able:
        return found
    # Whoever installed a model, be it in part or unable to do this, wants no toy in its place.
    if not holds_any("dit", real):
        for found in _able_dits(task, [place for place in places if place.is_demo]):
            return found
    raise _no_dit(task, real)


def _able_dits(task: str, places: Sequence[Place]) -> Iterator[tuple[Folder, Place]]:
    """The complete DiTs that can do `task`, in the order of preference, each with its place."""
    for name in known_names(places, "dit"):
        for place in places:
            for path, revision in place.candidates(name):
                if lacking(path, "dit"):
                    continue
                folder = open_named(place, name, "dit", path, revision)
                if task in folder.tasks:
                    yield folder, place


def _choose_planner(planner: str | None, places: Sequence[Place]) -> Folder | None:
    if planner is not None:
        return named_folder(planner, "planner", places)[0]
    for place in places:
        for folder in installed([place], "planner"):
            return folder
    return None


def _stranger(planner: str | None) -> CheckpointError:
    return CheckpointError(
        f"the demonstration takes no planner but its own, and {planner} is named",
        "leave out --lm, or name another --model",
    )


def _check_widths(dit: Folder, text_encoder: Folder) -> None:
    """Parts from different roots may not belong together."""
    wanted = dit.config.get("text_hidden_dim", _TEXT_WIDTH)
    given = text_encoder.config.get("hidden_size", _TEXT_WIDTH)
    if wanted != given:
        raise CheckpointError(
            f"{dit.path} takes a text encoder of width {wanted}; {text_encoder.path} has {given}",
            "keep the folders of one set together in one checkpoints folder",
        )


def named_folder(name: str, kind: Kind, places: Sequence[Place]) -> tuple[Folder, Place]:
    """The folder `name`, a name or a path; an incomplete one only counts when there is no other."""
    if _is_path(name):
        path = expand(name).absolute()
        if not is_folder(path):
            raise CheckpointMissing(f"the checkpoint folder {path} does not exist", _HINT)
        folder = open_folder(path.name, kind, path)
        own = Place(path.parent, "the named model's folder")
        return folder, next((place for place in places if place.path == own.path), own)
    incomplete: list[tuple[Path, str | None]] = []
    for place in places:
        for path, revision in place.candidates(name):
            if not lacking(path, kind):
                return open_named(place, name, kind, path, revision), place
            incomplete.append((path, revision))
    for path, revision in incomplete:
        open_folder(name, kind, path, revision)  # raises, naming each missing file
    raise _absent(name, kind, places)


def open_named(place: Place, name: str, kind: Kind, path: Path, revision: str | None) -> Folder:
    """A complete folder of `place`; the settings may say of which family a further model is."""
    folder = open_folder(name, kind, path, revision)
    entry = place.entries.get(name)
    if name in BY_NAME or entry is None or entry.family is None or folder.family == "turbo":
        return folder
    return replace(folder, family=entry.family)


def _candidates(name: str, places: Sequence[Place]) -> Iterator[tuple[Path, str | None]]:
    for place in places:
        yield from place.candidates(name)


def known_names(places: Sequence[Place], kind: Kind) -> list[str]:
    """Names of `kind` worth looking for: the published ones in catalog order, those that the
    settings add, then those of other folders that are named like them."""
    added = {entry.name: entry for place in places for entry in place.entries.values()}
    known = list(names(kind))
    known += [DEMO for place in places if kind == "dit" and place.is_demo]
    known += [name for name, entry in added.items() if entry.kind == kind and name not in known]
    if kind not in _PREFIXES:
        return known
    prefix = _PREFIXES[kind]
    present = {name for place in places for name in place.names()}
    others = sorted(name for name in present if name.startswith(prefix) and name not in added)
    return known + [name for name in others if name not in BY_NAME]


def _is_path(name: str) -> bool:
    separators = ("/", os.sep, os.altsep or "/")
    return name in (".", "..") or name.startswith("~") or any(mark in name for mark in separators)


def _able(task: str) -> list[str]:
    return [entry.name for entry in BY_NAME.values() if task in entry.tasks]


def _unable(folder: Folder, task: str, places: Sequence[Place]) -> CheckpointError:
    """Which models can do what the named one cannot, and which of them are here."""
    here = [other.name for other in installed(places, "dit") if task in other.tasks]
    able = [*dict.fromkeys((*_able(task), *here))]
    fetch = f"fetch one that can: {fetch_command((able or [DEFAULT_DIT])[0])}"
    return CheckpointError(
        f"the model {folder.name} cannot do {task}; these can: {', '.join(able)} "
        f"(installed: {', '.join(here) or 'none of them'})",
        f"leave out --model or choose one: --model {here[0]}" if here else fetch,
        code="task_unsupported",
    )


def _no_dit(task: str, places: Sequence[Place]) -> CheckpointError:
    """Why no DiT was found without a name: none, none complete, or none that can do the task."""
    complete = installed(places, "dit")
    if complete:
        have = ", ".join(folder.name for folder in complete)
        return CheckpointMissing(
            f"no installed model can do {task}; these can: {', '.join(_able(task))} "
            f"(installed: {have})",
            f"fetch one that can: {fetch_command((_able(task) or [DEFAULT_DIT])[0])}",
        )
    return incomplete_folder("dit", places) or CheckpointMissing(
        f"no checkpoint found in {looked_at(places)}", _HINT
    )


def holds_any(kind: Kind, places: Sequence[Place]) -> bool:
    """Whether a folder of `kind` is in one of `places`, complete or not."""
    return any(True for name in known_names(places, kind) for _ in _candidates(name, places))


def incomplete_folder(kind: Kind, places: Sequence[Place]) -> CheckpointError | None:
    """The first folder of `kind` that lacks something."""
    for name in known_names(places, kind):
        for path, _ in _candidates(name, places):
            if lacks := lacking(path, kind):
                return CheckpointError(
                    f"the checkpoint {path} is incomplete: it lacks {', '.join(lacks)}",
                    whole_again(name),
                    code="checkpoint_incomplete",
                )
    return None


def _absent(name: str, kind: Kind, places: Sequence[Place]) -> CheckpointMissing:
    have = [folder.name for folder in installed(places, kind)]
    if kind in ("vae", "text_encoder"):
        return CheckpointMissing(
            f"the checkpoint {name} was not found in {looked_at(places)}", _HINT
        )
    built_in = [DEMO] if kind == "dit" else []
    close = difflib.get_close_matches(name, [*have, *names(kind), *built_in], n=1)
    listed = ", ".join(have) if have else "none"
    near = f"; did you mean {close[0]}?" if close and close != [name] else ""
    hint = f"fetch it: {fetch_command(name)}" if name in BY_NAME else _HINT
    if name == DEMO_PLANNER:
        hint = f"it serves the demonstration alone: --model {DEMO}"
    noun = "model" if kind == "dit" else "planner"
    return CheckpointMissing(
        f"the {noun} {name} is not installed (installed: {listed}){near}", hint
    )


def looked_at(places: Sequence[Place]) -> str:
    return ", ".join(f"{place.path} ({place.origin})" for place in places if not place.is_demo)
