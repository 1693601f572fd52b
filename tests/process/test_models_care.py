"""`acestep models verify` and `remove` as processes: what is damaged, mended, taken away, kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub.repos import BUNDLED, GOLDEN, golden
from tests.hub.server import serving
from tests.process.programs import acestep, environment, run

TURBO, VAE, TEXT_ENCODER = BUNDLED


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    """The address of a hub with the bundle."""
    with serving(golden(*BUNDLED)) as (url, _):
        yield url


@pytest.fixture
def go(tmp_path: Path, hub: str) -> Any:
    """Run `acestep models ...` in a fresh home."""

    def models(*arguments: str) -> Any:
        env = environment(tmp_path, HF_ENDPOINT=hub)
        return run(acestep("models", *arguments), tmp_path, env=env)

    return models


def _data(done: Any) -> Any:
    return json.loads(done.stdout)["data"]


@pytest.mark.parametrize("is_hub", [True, False])
def test_damage_is_named_and_mended(go: Any, tmp_path: Path, is_hub: bool) -> None:
    place = [] if is_hub else ["--checkpoints", str(tmp_path)]
    folder = Path(go("pull", VAE, *place).stdout.strip())
    assert go("verify", VAE, *place).stdout == "vae: ok: 2 files\n"
    weights = (folder / "diffusion_pytorch_model.safetensors").resolve()
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    done = go("verify", "--json", *place)
    assert done.returncode == 3
    answer = json.loads(done.stdout)
    assert answer["error"]["code"] == "checkpoint_damaged"
    assert "diffusion_pytorch_model.safetensors" in answer["error"]["message"]
    assert "acestep models pull vae --force" in answer["error"]["hint"]
    assert go("pull", VAE, "--force", *place).returncode == 0
    assert go("verify", VAE, *place).returncode == 0
    assert (folder / "diffusion_pytorch_model.safetensors").read_bytes() == content


def test_what_was_not_recorded_is_held_to_its_own_headers(go: Any, tmp_path: Path) -> None:
    shutil.copytree(GOLDEN, tmp_path / "checkpoints")
    done = go("verify")
    assert done.returncode == 0 and "vae: ok: 2 files, 2 without a record\n" in done.stdout
    weights = tmp_path / "checkpoints" / VAE / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    done = go("verify", VAE)
    assert done.returncode == 3 and "cut off" in done.stderr
    remedy = f"models pull vae --force --checkpoints {tmp_path / 'checkpoints'}\n"
    assert done.stderr.endswith(remedy)
    listed = _data(go("--json"))
    (row,) = [row for row in listed["installed"] if row["name"] == VAE]
    assert row["state"] == "unusable" and "cut off" in row["reason"]
    elsewhere = go("pull", VAE, "--json")
    assert elsewhere.returncode == 0 and f"{weights.parent} (unusable" in elsewhere.stderr
    assert [told["code"] for told in json.loads(elsewhere.stdout)["warnings"]] == ["hidden"]
    mended = go("pull", VAE, "--force", "--checkpoints", "checkpoints", "--json")
    assert mended.returncode == 0 and json.loads(mended.stdout)["warnings"] == []
    assert go("verify", VAE).returncode == 0


def test_removing_takes_one_and_leaves_the_others(go: Any, tmp_path: Path) -> None:
    (turbo, *_) = [Path(line) for line in go("pull", TURBO).stdout.splitlines()]
    refused = go("remove", TURBO)
    assert refused.returncode == 2 and "--yes" in refused.stderr and turbo.exists()
    done = go("remove", TURBO, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = _data(done)
    expected = sum(path.stat().st_size for path in (GOLDEN / TURBO).iterdir())
    assert (row["paths"], row["bytes"]) == ([str(turbo)], expected)
    assert not turbo.exists()
    listed = _data(go("--json"))
    assert [row["name"] for row in listed["installed"]] == [VAE, TEXT_ENCODER]
    assert go("verify").returncode == 0
    shutil.copytree(GOLDEN / VAE, tmp_path / "checkpoints" / VAE)
    first = go("remove", VAE, "--yes")
    assert first.stdout == f"{tmp_path / 'checkpoints' / VAE}\n"
    assert "there is another vae" in first.stderr
    (tmp_path / "checkpoints" / VAE).mkdir()
    (tmp_path / "checkpoints" / VAE / "config.json").write_text("{}")  # found first, not used
    (tmp_path / "checkpoints" / TEXT_ENCODER).mkdir()
    kept = go("remove", TEXT_ENCODER, "--yes", "--checkpoints", "checkpoints")
    assert kept.returncode == 3 and f"not in {tmp_path / 'checkpoints'}" in kept.stderr
    (tmp_path / "checkpoints" / TEXT_ENCODER / "mine.txt").write_text("no checkpoint")
    assert go("remove", VAE, TEXT_ENCODER, "--yes").returncode == 0
    assert (tmp_path / "checkpoints" / VAE / "config.json").exists()
    gone = go("remove", TEXT_ENCODER, "--yes")
    assert gone.returncode == 3 and "is not here" in gone.stderr
    assert (tmp_path / "checkpoints" / TEXT_ENCODER / "mine.txt").exists()
    cache = tmp_path / ".cache" / "huggingface" / "hub"
    assert [path.name for path in cache.iterdir() if path.name.startswith("models--")] == []


def test_names_of_folders_command_no_terminal(go: Any, tmp_path: Path) -> None:
    evil = tmp_path / "checkpoints" / "acestep-v15-\x1b[31m\nx"
    shutil.copytree(GOLDEN / TURBO, evil)
    (evil / "model.safetensors").write_bytes(b"\0" * 9)
    for arguments in ([], ["list", "--json"], ["verify"], ["pull", TURBO, "--dry-run"]):
        done = go(*arguments)
        assert "\x1b" not in done.stdout + done.stderr, arguments
        assert "Traceback" not in done.stderr
    assert go("verify").returncode == 3
    removed = go("remove", evil.name, "--yes")
    assert removed.returncode == 0 and not evil.exists(), removed.stderr
