"""Which files of a published folder are needed."""

from __future__ import annotations

import pytest

from acestep_cli.weights.catalog import Kind
from acestep_cli.weights.needed import needed_names

SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
INDEX = "model.safetensors.index.json"
SLOW = ["merges.txt", "vocab.json"]


@pytest.mark.parametrize(
    ("kind", "present", "needed"),
    [
        ("vae", ["diffusion_pytorch_model.safetensors"], ["diffusion_pytorch_model.safetensors"]),
        (
            "dit",
            ["silence_latent.pt", "model.safetensors", "modeling.py", "README.md", "other.bin"],
            ["model.safetensors", "silence_latent.pt"],
        ),
        ("dit", ["silence_latent.pt", INDEX, *SHARDS], [*SHARDS, INDEX, "silence_latent.pt"]),
        ("vae", [INDEX, *SHARDS, "model.safetensors"], ["model.safetensors"]),
        (
            "planner",
            ["tokenizer.json", *SLOW, "model.safetensors", "chat_template.jinja"],
            ["model.safetensors", "tokenizer.json"],
        ),
        (
            "text_encoder",
            [*SLOW, "tokenizer_config.json", "model.safetensors"],
            ["model.safetensors", "tokenizer_config.json", "vocab.json", "merges.txt"],
        ),
    ],
)
def test_what_is_read_is_needed_and_the_config_comes_last(
    kind: Kind, present: list[str], needed: list[str]
) -> None:
    assert needed_names([*present, "config.json"], kind) == ((*needed, "config.json"), ())
    assert needed_names(present, kind) == (tuple(needed), ("config.json",))


def test_what_lacks_is_named() -> None:
    assert needed_names(["config.json"], "dit")[1] == ("model.safetensors", "silence_latent.pt")
    assert needed_names([*SHARDS, "config.json"], "vae")[1] == ("model.safetensors",)
    assert needed_names([INDEX, "config.json"], "vae")[1] == ("model.safetensors",)
    assert needed_names(["config.json", "vocab.json"], "planner")[1] == (
        "model.safetensors",
        "tokenizer.json",
    )
    assert needed_names(["../config.json", "pytorch_model.bin"], "vae")[0] == ()
