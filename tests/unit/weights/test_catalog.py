"""The published checkpoints and what their families can do."""

from __future__ import annotations

from acestep_cli.weights import catalog


def test_the_catalog_holds_the_published_checkpoints() -> None:
    assert len(catalog.CATALOG) == len(catalog.BY_NAME) == 15
    assert catalog.names("planner") == (
        "acestep-5Hz-lm-1.7B",
        "acestep-5Hz-lm-0.6B",
        "acestep-5Hz-lm-4B",
    )
    xl = catalog.BY_NAME["acestep-v15-xl-sft"]
    assert (xl.repo, xl.family, xl.is_xl) == ("ACE-Step/acestep-v15-xl-sft", "sft", True)
    assert xl.sampling == catalog.Sampling(50, 7.0, 3.0)
    assert catalog.BY_NAME["acestep-v15-turbo"].sampling == catalog.Sampling(8, None, 3.0)
    assert catalog.BY_NAME["acestep-v15-base"].sampling == catalog.Sampling(32, 7.0, 3.0)
    assert catalog.BY_NAME["vae"].tasks == ()
    assert "lego" in catalog.BY_NAME["acestep-v15-xl-base"].tasks
    assert "lego" not in catalog.BY_NAME["acestep-v15-sft"].tasks


def test_families_are_read_from_the_config() -> None:
    assert catalog.family_of("acestep-v15-base", {"is_turbo": True}) == "turbo"
    assert catalog.family_of("acestep-v15-turbo", {"is_turbo": False}) == "base"
    assert catalog.family_of("acestep-v15-xl-sft", {}) == "sft"
    assert catalog.family_of("mine", {"model_version": "sft"}) == "sft"


def _qwen(vocabulary: int, width: int, inner: int, layers: int, heads: int) -> int:
    """The weights of a language model with 8 key heads of 128 and a tied head."""
    attention = 2 * width * heads * 128 + 2 * width * 8 * 128 + 2 * 128
    return vocabulary * width + width + layers * (attention + 2 * width + 3 * width * inner)


def test_sizes_follow_from_the_published_shapes() -> None:
    shapes = {
        "Qwen3-Embedding-0.6B": (151_669, 1024, 3072, 28, 16),
        "acestep-5Hz-lm-0.6B": (217_204, 1024, 3072, 28, 16),
        "acestep-5Hz-lm-1.7B": (217_204, 2048, 6144, 28, 16),
        "acestep-5Hz-lm-4B": (217_204, 2560, 9728, 36, 32),
    }
    for name, shape in shapes.items():
        entry = catalog.BY_NAME[name]
        assert entry.values == _qwen(*shape)
        assert 0 < entry.nbytes - 2 * entry.values < 30_000_000  # bfloat16 and a tokenizer
        assert entry.cached in (0, 2 * shape[3] * 8 * 128)
    for entry in catalog.CATALOG:
        assert entry.values and entry.note
        if entry.kind == "dit":
            assert entry.nbytes == entry.values * (4 if entry.is_xl else 2) + 64 * 15_000 * 4


def test_entries_say_where_they_lie() -> None:
    for entry in catalog.CATALOG:
        assert entry.folder == (entry.name if entry.repo == catalog.BUNDLE_REPO else "")
