"""Which folders a run takes, from where, and what is said when there are none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from acestep_cli.errors import CheckpointError, CheckpointMissing, SettingsError
from acestep_cli.weights import places
from acestep_cli.weights.locate import find_set, installed
from acestep_cli.weights.places import Place, search_places
from acestep_cli.weights.sets import CheckpointSet
from tests.unit.weights.helpers import (
    CHECKPOINTS,
    make_dit,
    make_qwen,
    make_set,
    make_vae,
    write_index,
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any checkpoint in it."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(places, "_DEMO", tmp_path / "no-demo")
    return tmp_path


def _places(root: Path, configured: Path | None = None, **environ: str) -> tuple[Place, ...]:
    environ = {"ACESTEP_HOME": str(root), "HF_HOME": str(root / "hf"), **environ}
    (root / "work").mkdir(exist_ok=True)
    return search_places(configured, environ=environ, cwd=root / "work")


def _find(root: Path, model: str | None = None, task: str = "text2music") -> CheckpointSet:
    return find_set(model, task, _places(root))


def test_the_golden_folders_are_a_set() -> None:
    found = find_set(None, "text2music", [Place(CHECKPOINTS, "test")])
    assert found.dit.name == "acestep-v15-turbo"
    assert found.dit.is_turbo
    assert not found.dit.is_xl
    assert found.planner is not None
    assert found.planner.name == "acestep-5Hz-lm-0.6B"
    assert {folder.path.parent for folder in found.folders()} == {CHECKPOINTS}
    xl = find_set("acestep-v15-xl-turbo", "cover", [Place(CHECKPOINTS, "test")]).dit
    assert xl.is_xl


def test_nothing_found_names_every_place_and_the_remedy(home: Path) -> None:
    with pytest.raises(CheckpointMissing) as caught:
        find_set(None, "text2music", _places(home, ACESTEP_CHECKPOINTS_DIR=str(home / "env")))
    for place in ("env", "work/checkpoints", "data/checkpoints", "hf/hub"):
        assert str(home / place) in caught.value.message
    assert "acestep models pull recommended" in caught.value.hint
    assert "ACESTEP_CHECKPOINTS_DIR" in caught.value.hint
    assert caught.value.exit_code == 3


def test_a_configured_folder_must_exist(home: Path) -> None:
    with pytest.raises(CheckpointMissing, match="nowhere does not exist"):
        _places(home, home / "nowhere")


def test_places_come_in_order_and_once(home: Path) -> None:
    (home / "typed").mkdir()
    work = home / "work" / "checkpoints"
    order = _places(home, home / "typed", ACESTEP_CHECKPOINTS_DIR=str(work))
    assert [place.path for place in order] == [
        home / "typed",
        work,
        home / "data" / "checkpoints",
        home / "hf" / "hub",
    ]


def test_the_data_folder_and_the_hub_cache_have_their_usual_places(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "share"))
    *_, data, hub = search_places(None, environ={}, cwd=home)
    if sys.platform == "linux":
        assert data.path == home / "share" / "acestep" / "checkpoints"
    assert hub.path == home / "home" / ".cache" / "huggingface" / "hub"
    hub = search_places(None, environ={"XDG_CACHE_HOME": str(home / "c")}, cwd=home)[-1]
    assert hub.path == home / "c" / "huggingface" / "hub"
    hub = search_places(None, environ={"HF_HUB_CACHE": str(home / "h")}, cwd=home)[-1]
    assert hub.path == home / "h"


def test_the_first_place_wins_and_parts_may_come_from_others(home: Path) -> None:
    make_set(home / "work" / "checkpoints")
    make_set(home / "data" / "checkpoints")
    make_qwen(home / "data" / "checkpoints" / "acestep-5Hz-lm-0.6B")
    found = _find(home)
    assert found.root == home / "work" / "checkpoints"
    assert found.vae.path.parent == found.text_encoder.path.parent == found.root
    assert found.planner is not None
    assert found.planner.path.parent == home / "data" / "checkpoints"


def test_the_model_s_own_root_has_the_first_word(home: Path) -> None:
    make_set(home / "work" / "checkpoints")
    elsewhere = make_set(home / "elsewhere", dit="mine")
    found = _find(home, str(elsewhere / "mine"))
    assert (found.dit.name, found.dit.revision) == ("mine", None)
    assert found.vae.path == elsewhere / "vae"


def test_without_turbo_the_first_installed_that_can_do_the_task(home: Path) -> None:
    root = home / "work" / "checkpoints"
    make_set(root, dit="acestep-v15-turbo-mine")
    assert _find(home).dit.name == "acestep-v15-turbo-mine"
    make_dit(root / "acestep-v15-base", is_turbo=False)
    make_dit(root / "acestep-v15-sft", is_turbo=False)
    assert _find(home).dit.name == "acestep-v15-sft"
    assert _find(home, task="lego").dit.name == "acestep-v15-base"
    make_dit(root / "acestep-v15-turbo")
    assert _find(home).dit.name == "acestep-v15-turbo"
    assert [folder.name for folder in installed(_places(home), "dit")] == [
        "acestep-v15-turbo",
        "acestep-v15-sft",
        "acestep-v15-base",
        "acestep-v15-turbo-mine",
    ]


def test_a_task_that_no_installed_model_can_do(home: Path) -> None:
    make_set(home / "work" / "checkpoints")
    with pytest.raises(CheckpointMissing) as caught:
        _find(home, task="extract")
    assert caught.value.message == (
        "no installed model can do extract; these can: acestep-v15-base, acestep-v15-xl-base "
        "(installed: acestep-v15-turbo)"
    )
    assert caught.value.hint.endswith("acestep models pull acestep-v15-base")
    with pytest.raises(CheckpointError, match="turbo cannot do lego") as refused:
        _find(home, "acestep-v15-turbo", "lego")
    assert "acestep-v15-xl-base (installed: none of them)" in refused.value.message
    assert "acestep models pull acestep-v15-base" in refused.value.hint
    make_dit(home / "work" / "checkpoints" / "acestep-v15-xl-base", is_turbo=False)
    make_dit(home / "work" / "checkpoints" / "acestep-v15-mine", is_turbo=False)
    with pytest.raises(CheckpointError, match="turbo cannot do lego") as refused:
        _find(home, "acestep-v15-turbo", "lego")
    assert refused.value.message.endswith("(installed: acestep-v15-xl-base, acestep-v15-mine)")
    assert "--model acestep-v15-xl-base" in refused.value.hint


def test_a_name_that_is_not_installed_gets_a_near_miss(home: Path) -> None:
    make_set(home / "work" / "checkpoints")
    with pytest.raises(CheckpointMissing) as caught:
        _find(home, "acestep-v15-trubo")
    assert "(installed: acestep-v15-turbo)" in caught.value.message
    assert "did you mean acestep-v15-turbo?" in caught.value.message
    with pytest.raises(CheckpointMissing) as caught:
        _find(home, "acestep-v15-xl-sft")
    assert "acestep models pull acestep-v15-xl-sft" in caught.value.hint
    with pytest.raises(CheckpointMissing, match="folder /nowhere/x does not exist"):
        _find(home, "/nowhere/x")


@pytest.mark.parametrize(
    "name", ["..", ".", "~", "../x", "~nobody/x", "x" * 300, "/" + "x" * 300, "\0", "a\nb", "😀"]
)
def test_strange_names_are_refused_not_followed(home: Path, name: str) -> None:
    make_set(home / "work" / "checkpoints")
    with pytest.raises((CheckpointError, SettingsError)):
        _find(home, name)


def test_an_incomplete_folder_is_named_file_by_file(home: Path) -> None:
    root = make_set(home / "work" / "checkpoints")
    (root / "acestep-v15-turbo" / "model.safetensors").unlink()
    (root / "acestep-v15-turbo" / "silence_latent.pt").unlink()
    for model in (None, "acestep-v15-turbo"):
        with pytest.raises(CheckpointError) as caught:
            _find(home, model)
        assert caught.value.code == "checkpoint_incomplete"
        assert "lacks model.safetensors, silence_latent.pt" in caught.value.message
    (root / "acestep-v15-turbo" / "pytorch_model.bin").touch()
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin is pickled and is not read"):
        _find(home)
    make_set(home / "data" / "checkpoints")
    assert _find(home).dit.path == home / "data" / "checkpoints" / "acestep-v15-turbo"


def test_absent_shards_make_a_folder_incomplete(home: Path) -> None:
    root = make_set(home / "work" / "checkpoints")
    (root / "acestep-v15-turbo" / "model.safetensors").unlink()
    write_index(root / "acestep-v15-turbo", {"a": "one.safetensors", "b": "two.safetensors"})
    (root / "acestep-v15-turbo" / "two.safetensors").touch()
    with pytest.raises(CheckpointError, match=r"lacks one\.safetensors$"):
        _find(home)


def test_other_missing_parts_are_named(home: Path) -> None:
    root = home / "work" / "checkpoints"
    make_dit(root / "acestep-v15-turbo")
    with pytest.raises(CheckpointMissing, match="Qwen3-Embedding"):
        _find(home)
    make_qwen(root / "Qwen3-Embedding-0.6B", width=1024)
    with pytest.raises(CheckpointError, match=r"of width 48; .* has 1024"):
        _find(home)
    (root / "Qwen3-Embedding-0.6B" / "config.json").write_text('{"hidden_size": 48}')
    with pytest.raises(CheckpointMissing, match="the checkpoint vae was not found"):
        _find(home)
    make_vae(root / "vae")
    assert _find(home).planner is None
    with pytest.raises(CheckpointMissing, match="planner acestep-5Hz-lm-4B is not installed"):
        find_set(None, "text2music", _places(home), planner="acestep-5Hz-lm-4B")
    (root / "Qwen3-Embedding-0.6B" / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"lacks tokenizer\.json"):
        _find(home)


@pytest.mark.parametrize("text", ["", "[", "3", "[]", "\ud800"])
def test_a_broken_config_is_an_error(home: Path, text: str) -> None:
    root = make_set(home / "work" / "checkpoints")
    (root / "acestep-v15-turbo" / "config.json").write_bytes(text.encode("utf-8", "replace"))
    with pytest.raises(CheckpointError, match=r"config\.json"):
        _find(home)


def _snapshot(home: Path, repo: str, revision: str) -> Path:
    path = home / "hf" / "hub" / f"models--{repo.replace('/', '--')}" / "snapshots" / revision
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_hub_snapshots_are_found_by_path(home: Path) -> None:
    make_set(_snapshot(home, "ACE-Step/Ace-Step1.5", "aaa"))
    make_dit(_snapshot(home, "ACE-Step/acestep-v15-base", "old"), is_turbo=False)
    make_dit(_snapshot(home, "ACE-Step/acestep-v15-base", "new"), is_turbo=False)
    refs = _snapshot(home, "ACE-Step/acestep-v15-base", "x").parent.parent / "refs"
    refs.mkdir()
    (refs / "main").write_text("old")
    found = _find(home)
    assert (found.dit.revision, found.vae.revision) == ("aaa", "aaa")
    assert _find(home, "acestep-v15-base").dit.revision == "old"
    (refs / "main").write_text("new\n")
    base = _find(home, "acestep-v15-base")
    assert base.dit.revision == "new"
    assert base.vae.revision == "aaa"
    (refs / "main").unlink()
    assert _find(home, "acestep-v15-base").dit.revision in ("old", "new")


def test_looking_imports_nothing_heavy() -> None:
    code = (
        "import sys, pathlib, json\n"
        "from acestep_cli.weights import fingerprint, index, load, locate, places, tokenizer\n"
        "place = places.Place(pathlib.Path(sys.argv[1]), 'test')\n"
        "found = locate.find_set(None, 'text2music', [place])\n"
        "load.prefetch([index.read_index(folder.path) for folder in found.folders()]).join()\n"
        "fingerprint.fingerprint(found.dit.path)\n"
        "heavy = {'torch', 'numpy', 'tokenizers', 'transformers', 'safetensors'}\n"
        "print(json.dumps(sorted(heavy & sys.modules.keys())))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(CHECKPOINTS)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []
