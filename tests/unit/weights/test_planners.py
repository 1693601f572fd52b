"""Which planners there are to choose from, in which order, and what is said when there are none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from acestep_cli.errors import CheckpointError, CheckpointMissing
from acestep_cli.weights.locate import find_ears, find_set
from acestep_cli.weights.places import Place
from acestep_cli.weights.planners import find_planners, planner_size, planner_values
from tests.unit.weights.helpers import CHECKPOINTS, make_dit, make_qwen, make_set, make_vae

SMALL, MIDDLE, LARGE = (f"acestep-5Hz-lm-{size}" for size in ("0.6B", "1.7B", "4B"))
CONFIG = {
    "num_hidden_layers": 3,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
}


def _planner(folder: Path, values: int, **more: torch.Tensor) -> Path:
    make_qwen(folder)
    save_file({"x": torch.zeros(values), **more}, folder / "model.safetensors")
    return folder


def _names(
    places: Sequence[Place], name: str | None = None, *, required: bool = False
) -> list[str]:
    return [folder.name for folder in find_planners(name, places, required=required)]


@pytest.fixture
def one(tmp_path: Path) -> Place:
    """A place with three planners and nothing else."""
    for name, values in ((LARGE, 40), (SMALL, 6), (MIDDLE, 17)):
        _planner(tmp_path / "one" / name, values)
    return Place(tmp_path / "one", "test")


def test_the_smallest_comes_first(one: Place) -> None:
    assert _names([one]) == [SMALL, MIDDLE, LARGE]
    _planner(one.path / "acestep-5Hz-lm-mine", 10)
    assert _names([one]) == [SMALL, "acestep-5Hz-lm-mine", MIDDLE, LARGE]
    _planner(one.path / "others", 10)  # not named like a planner
    assert len(_names([one])) == 4


def test_a_name_or_a_path_means_that_one(one: Place) -> None:
    assert _names([one], MIDDLE) == [MIDDLE]
    _planner(one.path / "others", 10)
    assert _names([one], "others") == ["others"]
    [found] = find_planners(str(one.path / "others"), [])
    assert found.path == one.path / "others"


def test_a_planner_that_is_not_there_gets_a_near_miss(one: Place) -> None:
    with pytest.raises(CheckpointMissing) as caught:
        _names([one], "acestep-5Hz-lm-17B")
    assert "the planner acestep-5Hz-lm-17B is not installed (installed: " in caught.value.message
    assert f"did you mean {MIDDLE}?" in caught.value.message
    with pytest.raises(CheckpointMissing, match=r"folder /nowhere/x does not exist"):
        _names([one], "/nowhere/x")
    with pytest.raises(CheckpointMissing) as caught:
        _names([Place(one.path.parent, "test")], LARGE)
    assert caught.value.message == f"the planner {LARGE} is not installed (installed: none)"
    assert caught.value.hint.startswith("fetch it: acestep models pull ")
    (one.path / LARGE / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"4B is incomplete: it lacks config\.json"):
        _names([one], LARGE)
    assert _names([one]) == [SMALL, MIDDLE]


def test_none_is_no_error_unless_one_is_required(tmp_path: Path) -> None:
    place = Place(tmp_path, "test")
    assert _names([place]) == []
    with pytest.raises(CheckpointMissing) as caught:
        _names([place], required=True)
    assert caught.value.message == f"no planner is installed in {tmp_path} (test)"
    assert f"acestep models pull {SMALL}" in caught.value.hint
    assert "--no-lm" not in caught.value.hint  # whoever asks for a planner alone needs one
    make_qwen(tmp_path / SMALL)
    (tmp_path / SMALL / "tokenizer.json").unlink()
    assert _names([place]) == []
    with pytest.raises(CheckpointError, match=r"incomplete: it lacks tokenizer\.json"):
        _names([place], required=True)


def test_damaged_weights_are_an_error(one: Place) -> None:
    (one.path / LARGE / "model.safetensors").write_bytes(b"no")
    with pytest.raises(CheckpointError, match="4B/model"):
        _names([one])
    assert _names([one], SMALL) == [SMALL]


def test_planners_of_all_places_count_and_the_set_s_own_go_first(
    one: Place, tmp_path: Path
) -> None:
    two = Place(make_set(tmp_path / "two"), "test")
    _planner(two.path / SMALL, 7)
    found = find_planners(None, [one, two])
    assert [folder.path.parent for folder in found] == [one.path] * 3
    checkpoints = find_set(None, "text2music", [one, two])
    found = find_planners(None, [one, two], beside=checkpoints)
    assert [folder.path for folder in found] == [
        two.path / SMALL,
        one.path / MIDDLE,
        one.path / LARGE,
    ]
    [found_by_name] = find_planners(SMALL, [one, two], beside=checkpoints)
    assert found_by_name.path == two.path / SMALL


def test_a_model_s_own_folder_has_the_first_word(one: Place, tmp_path: Path) -> None:
    root = make_set(tmp_path / "elsewhere", dit="mine")
    _planner(root / SMALL, 7)
    checkpoints = find_set(str(root / "mine"), "text2music", [one])
    found = find_planners(None, [one], beside=checkpoints)
    assert [folder.path.parent for folder in found] == [root, one.path, one.path]


def test_the_demonstration_plans_for_itself_alone(one: Place, tmp_path: Path) -> None:
    demo = Place(make_set(tmp_path / "demo"), "the demonstration checkpoint", is_demo=True)
    _planner(demo.path / SMALL, 5)
    assert [folder.path.parent for folder in find_planners(None, [demo])] == [demo.path]
    assert {folder.path.parent for folder in find_planners(None, [one, demo])} == {one.path}
    checkpoints = find_set(None, "text2music", [one, demo])
    assert checkpoints.is_demo
    found = find_planners(None, [one, demo], beside=checkpoints)
    assert [folder.path.parent for folder in found] == [demo.path]
    real = find_set(None, "text2music", [Place(make_set(tmp_path / "real"), "test"), demo])
    assert find_planners(None, [demo], beside=real) == ()
    # Whoever names a planner does not mean the demonstration.
    with pytest.raises(CheckpointMissing):
        find_planners(SMALL, [demo])
    with pytest.raises(CheckpointMissing):
        find_set(None, "text2music", [demo], planner=SMALL)


def test_hearing_takes_no_text_encoder(tmp_path: Path) -> None:
    place = Place(tmp_path / "here", "test")
    with pytest.raises(CheckpointMissing):
        find_ears(None, [place])
    make_dit(place.path / "acestep-v15-base", is_turbo=False)
    with pytest.raises(CheckpointMissing, match="the checkpoint vae was not found"):
        find_ears(None, [place])
    make_vae(place.path / "vae")
    ears = find_ears(None, [place])
    assert [folder.name for folder in ears.folders()] == ["acestep-v15-base", "vae"]
    assert (ears.root, ears.is_demo) == (place.path, False)
    assert find_planners(None, [place], beside=ears) == ()
    demo = Place(make_set(tmp_path / "demo"), "the demonstration checkpoint", is_demo=True)
    assert find_ears(None, [demo]).is_demo
    with pytest.raises(CheckpointMissing, match="did you mean acestep-v15-turbo"):
        find_ears("acestep-v15-trubo", [demo])


def test_sizes_come_from_weights_and_config(one: Place) -> None:
    folder = one.path / MIDDLE
    (folder / "config.json").write_text(json.dumps(CONFIG))
    [found] = find_planners(MIDDLE, [one])
    size = planner_size(found)
    assert (size.name, size.values, size.cached) == (MIDDLE, 17, 2 * 3 * 2 * 16)
    [golden] = find_planners(None, [Place(CHECKPOINTS, "test")])
    assert planner_size(golden).cached == 2 * 2 * 2 * 16
    assert planner_values(golden) * 2 == pytest.approx(4_434_848, rel=0.01)


def test_a_tied_head_that_is_stored_counts_once(one: Place) -> None:
    head = torch.zeros(8, 2)
    _planner(one.path / "mine", 10, **{"lm_head.weight": head})
    [found] = find_planners("mine", [one])
    assert planner_values(found) == 10
    (one.path / "mine" / "config.json").write_text('{"tie_word_embeddings": false}')
    [found] = find_planners("mine", [one])
    assert planner_values(found) == 26


@pytest.mark.parametrize("key", ["num_hidden_layers", "num_attention_heads", "hidden_size"])
@pytest.mark.parametrize("value", [None, 0, -1, True, "3", 2.5])
def test_a_config_without_sizes_is_an_error(one: Place, key: str, value: object) -> None:
    (one.path / SMALL / "config.json").write_text(json.dumps({**CONFIG, key: value}))
    [found] = find_planners(SMALL, [one])
    with pytest.raises(CheckpointError, match=f"config.json of {SMALL} gives {key} as ") as caught:
        planner_size(found)
    assert "fetch it again" in caught.value.hint
