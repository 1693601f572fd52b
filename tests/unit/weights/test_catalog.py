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
