"""The user's settings file is changed key by key; a refused change leaves it as it was."""

from __future__ import annotations

import stat
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acestep_cli.config import all_keys, find_key, resolve, store
from acestep_cli.config.lock import only_writer
from acestep_cli.config.view import plain
from acestep_cli.errors import OutputError, SettingsError
from acestep_cli.request import BY_NAME, SongRequest
from tests.unit.request.test_request import sample

MINE = """\
# My settings.
device = "cpu"   # no GPU here
[generation]
steps = 4        # quick
# About the tempo.
bpm = 120

[presets.fine]   # for albums
steps = 20

[models.mine]
repo = "me/mine"
"""
needs_modes = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode bits")


# Switches that are refused whatever gives them, and half a region.
SETTABLE = [
    key
    for key in all_keys()
    if getattr(find_key(key), "group", "") != "Other modes" and "repainting_start" not in key
]


def names(file: Path) -> list[str]:
    return [path.name for path in file.parent.iterdir()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "config.toml"
    path.parent.mkdir()
    path.write_text(MINE, "utf-8")
    return path


def test_a_key_is_replaced_under_the_spelling_it_has(file: Path) -> None:
    store.set_values(file, {"inference_steps": 8, "device": "mps", "thinking": False})
    expected = MINE.replace("steps = 4 ", "steps = 8 ", 1).replace('"cpu"', '"mps"')
    assert file.read_text() == expected.replace("bpm = 120\n", "bpm = 120\nthinking = false\n")
    assert names(file) == ["config.toml"]


def test_every_spelling_of_a_key_becomes_one(file: Path) -> None:
    file.write_text('steps = 4\nSteps = 4\n"generation.steps" = 4\n[generation]\nsteps=4\n')
    store.set_values(file, {"inference_steps": 9})
    assert tomllib.loads(file.read_text()) == {"steps": 9}
    file.write_text("steps = 4 # a\n[generation]\ninferenceSteps = 4\n# b\n")
    assert store.unset(file, ["generation.inference_steps"]) == (
        "steps", "generation.inferenceSteps",
    )  # fmt: skip
    assert file.read_text() == "# b\n"


def test_a_word_for_the_format_and_a_switch_stay_apart(file: Path) -> None:
    file.write_text('format = "flac"\n[generation]\nformat = false\n')
    store.set_values(file, {"audio_format": "wav"})
    assert file.read_text() == 'format = "wav"\n[generation]\nformat = false\n'
    store.set_values(file, {"use_format": True})
    assert file.read_text() == 'format = "wav"\n[generation]\nformat = true\n'


def test_none_takes_a_key_out(file: Path) -> None:
    store.set_values(file, {"bpm": None, "inference_steps": None, "shift": 3.0})
    assert tomllib.loads(file.read_text())["generation"] == {"shift": 3.0}
    assert "# About the tempo." in file.read_text()


def test_reset_leaves_what_is_not_ours(file: Path) -> None:
    file.write_text('other = "x"\n' + MINE)
    assert store.reset(file) == ("device", "generation.steps", "generation.bpm")
    text = file.read_text()
    assert tomllib.loads(text) == {
        "other": "x", "presets": {"fine": {"steps": 20}}, "models": {"mine": {"repo": "me/mine"}},
    }  # fmt: skip
    assert "# My settings." in text and "# About the tempo." in text and "# for albums" in text
    assert "[generation]" not in text
    assert store.reset(file) == ()


def test_a_key_that_means_nothing_can_be_taken_out(file: Path) -> None:
    file.write_text(MINE + "[generation.deep]\nx = 1\n")
    with pytest.raises(SettingsError):
        resolve(config_file=file)
    file.write_text('stpes = 3 # wrong\n"a.b" = 2\n' + MINE)
    assert store.unset(file, ["stpes", "a.b"]) == ("stpes", "a.b")
    assert file.read_text() == MINE
    with pytest.raises(SettingsError, match="'stpes'") as caught:
        store.unset(file, ["bpm", "stpes"])
    assert "steps" in caught.value.hint
    assert file.read_text() == MINE


@pytest.mark.parametrize(
    ("before", "values"),
    [
        (MINE, {"cfg_interval_start": 0.9, "cfg_interval_end": 0.1}),
        ("cfg_interval_start = 0.9\n", {"cfg_interval_end": 0.1}),
        ('audio_format = "wav32"\n', {"bit_depth": 16}),
        ("x = [1,\n", {"bpm": 90}),
        ("[generation]\nbpm = 1\n[generation]\n", {"bpm": 90}),
        ("generation = 5\n", {"bpm": 90}),
    ],
)
def test_a_refused_change_leaves_the_file_alone(
    file: Path, before: str, values: dict[str, Any]
) -> None:
    file.write_text(before)
    with pytest.raises(SettingsError):
        store.set_values(file, values)
    assert file.read_text() == before
    assert names(file) == ["config.toml"]


def test_a_faulty_file_can_be_mended_key_by_key(file: Path) -> None:
    file.write_text("bpm = 5\nshift = -1\n")
    store.set_values(file, {"bpm": 90})
    assert file.read_text() == "bpm = 90\nshift = -1\n"
    store.unset(file, ["shift"])
    assert resolve(config_file=file).request.bpm == 90


def test_broken_toml_is_told_with_its_line(file: Path) -> None:
    file.write_text("a = 1\nb = = 2\n")
    for change in (
        lambda: store.set_values(file, {"bpm": 90}),
        lambda: store.unset(file, ["bpm"]),
        lambda: store.reset(file),
    ):
        with pytest.raises(SettingsError, match="line 2"):
            change()
    assert file.read_text() == "a = 1\nb = = 2\n"


def test_where_there_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "config.toml"
    assert store.reset(path) == () and store.unset(path, ["bpm"]) == ()
    with pytest.raises(SettingsError):
        store.unset(path, ["nonsense"])
    store.set_values(path, {"bpm": None})
    assert not (tmp_path / "a").exists()
    store.set_values(path, {"bpm": 90})
    assert path.read_text() == "[generation]\nbpm = 90\n"


@needs_modes
def test_modes_stay_and_a_key_is_nobody_elses_business(file: Path, tmp_path: Path) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    file.chmod(0o640)
    store.set_values(file, {"bpm": 90})
    assert mode(file) == 0o640
    store.set_values(file, {"api_key": "secret"})
    assert mode(file) == 0o600
    file.chmod(0o644)
    store.set_values(file, {"bpm": 91})
    assert mode(file) == 0o644, "who opened it to others meant it"
    fresh = tmp_path / "fresh" / "config.toml"
    store.set_values(fresh, {"api_key": "secret"})
    assert mode(fresh) == 0o600


@needs_modes
def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    store.set_values(link, {"bpm": 90})
    assert link.is_symlink() and "bpm = 90" in file.read_text()
    nowhere = tmp_path / "nowhere.toml"
    nowhere.symlink_to(tmp_path / "deep" / "config.toml")
    store.set_values(nowhere, {"bpm": 90})
    assert nowhere.is_symlink() and "bpm = 90" in (tmp_path / "deep" / "config.toml").read_text()


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "folder"
    folder.mkdir()
    for path in (tmp_path / "file" / "config.toml", folder, tmp_path / "file" / "a" / "c.toml"):
        with pytest.raises(OutputError) as caught:
            store.set_values(path, {"bpm": 90})
        assert "ACESTEP_HOME" in caught.value.hint


def test_another_writer_is_waited_for_and_not_for_ever(file: Path) -> None:
    with (
        only_writer(file),
        pytest.raises(OutputError, match="another acestep") as caught,
        only_writer(file, longest_wait=0.05),
    ):
        pass
    assert caught.value.code == "busy"
    with only_writer(file, longest_wait=0.0):
        pass
    assert names(file) == ["config.toml"]


def test_a_lock_that_a_killed_writer_left_behind_binds_nobody(file: Path) -> None:
    (file.parent / ".config.toml.lock").write_text("")
    store.set_values(file, {"bpm": 90})
    assert names(file) == ["config.toml"]


@pytest.mark.parametrize("key", SETTABLE)
def test_every_key_can_be_set_and_unset(tmp_path: Path, key: str) -> None:
    field = find_key(key)
    assert field is not None
    if field.name in BY_NAME:
        value = getattr(SongRequest.from_values({field.name: sample(field.name)}), field.name)
    else:
        value = field.choices[-1] if field.choices else field.default or "cpu"
        value = {"bool": True, "int": 3}.get(field.kind, value)
    path = tmp_path / "config.toml"
    store.set_values(path, {field.name: plain(field, value)})
    resolved = resolve(environ={"ACESTEP_HOME": str(tmp_path)}, cwd=tmp_path)
    assert resolved.origins[field.name] == "file"
    holder: Any = resolved.request if field.name in BY_NAME else resolved.settings
    assert plain(field, getattr(holder, field.name)) == plain(field, value)
    store.unset(path, [key])
    assert path.read_text() == ""


@settings(max_examples=40)
@given(st.text(max_size=40))
def test_any_caption_comes_back(tmp_path_factory: pytest.TempPathFactory, caption: str) -> None:
    path = tmp_path_factory.mktemp("captions") / "config.toml"
    path.write_text(MINE, "utf-8")
    try:
        store.set_values(path, {"caption": caption})
    except SettingsError:
        assert path.read_text("utf-8") == MINE and "\0" in caption
        return
    assert tomllib.loads(path.read_bytes().decode())["generation"]["caption"] == caption
