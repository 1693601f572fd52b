from __future__ import annotations

from pathlib import Path

import torch

from acestep_cli.weights.constants import keep_constant, read_constant

TOKEN = torch.linspace(-1, 1, 8).reshape(1, 1, 8)


def test_what_was_kept_is_read_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "token.safetensors"
    keep_constant(path, TOKEN)
    read = read_constant(path, (1, 1, 8), torch.float32)
    assert read is not None and torch.equal(read, TOKEN)


def test_what_does_not_fit_is_worked_out_again(tmp_path: Path) -> None:
    path = tmp_path / "token.safetensors"
    assert read_constant(path, (1, 1, 8), torch.float32) is None
    keep_constant(path, TOKEN)
    assert read_constant(path, (1, 1, 9), torch.float32) is None
    assert read_constant(path, (1, 1, 8), torch.bfloat16) is None
    path.write_bytes(path.read_bytes()[:-3])
    assert read_constant(path, (1, 1, 8), torch.float32) is None
    path.write_bytes(b"")
    assert read_constant(path, (1, 1, 8), torch.float32) is None


def test_a_token_that_is_not_finite_is_never_kept(tmp_path: Path) -> None:
    path = tmp_path / "token.safetensors"
    keep_constant(path, TOKEN * float("nan"))
    assert not path.exists()


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    keep_constant(tmp_path / "file" / "token.safetensors", TOKEN)
    keep_constant(None, TOKEN)
    assert read_constant(None, (1, 1, 8), torch.float32) is None
