"""Presets of package and files, and what they give to the family of the checkpoint."""

from __future__ import annotations

import pytest

from acestep_cli import config
from acestep_cli.config.presets import BUILT_IN, PURPOSES
from acestep_cli.errors import SettingsError, UsageError
from acestep_cli.request import FIELDS
from tests.unit.config.conftest import Place

OWN = ["draft", "quality", "consistent"]


def test_presets_of_files(place: Place) -> None:
    place.user("[presets.draft]\nsteps = 4\n[presets.fine]\nsteps = 20\nbatch = 2\n")
    place.here("[presets.fine]\nsteps = 16\n")
    assert place.resolve(preset="draft").request.inference_steps == 4
    resolved = place.resolve(preset="fine")
    assert (resolved.request.inference_steps, resolved.request.batch_size) == (16, 1)
    assert resolved.origins["inference_steps"] == "preset"
    found = config.find_presets(environ={"ACESTEP_HOME": str(place.home)}, cwd=place.inside)
    assert list(found) == [*OWN, "fine"]
    assert found["draft"] == {"inference_steps": 4} and found["fine"] == {"inference_steps": 16}


def test_an_unknown_preset_is_told_with_all_there_are(place: Place) -> None:
    place.user("[presets.fine]\nsteps = 20\n")
    for typed, near in (("drfat", "draft"), ("fime", "fine"), ("qualty", "quality")):
        with pytest.raises(UsageError, match=typed) as caught:
            place.resolve(preset=typed)
        assert f"did you mean {near}?" in caught.value.hint
        for name in (*OWN, "fine"):
            assert name in caught.value.hint
    with pytest.raises(UsageError) as caught:
        place.resolve(preset="xyz")
    assert "[presets.NAME]" in caught.value.hint and "did you mean" not in caught.value.hint


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("family", ["turbo", "sft", "base"])
def test_presets_of_the_package_suit_every_family(place: Place, name: str, family: str) -> None:
    """Steps and guidance stay in what the family takes, so no preset fails for lack of another."""
    resolved = place.resolve(preset=name)
    settled = resolved.for_family(family)
    request = settled.request
    steps = request.inference_steps
    assert steps is None or (1 <= steps <= 20 if family == "turbo" else 32 <= steps <= 64)
    if family == "turbo":
        assert request.guidance_scale is None and not request.use_adg
    assert request.model is None, "a preset that names a checkpoint fails where it is missing"
    for field in FIELDS:
        changed = getattr(request, field.name) != getattr(place.resolve().request, field.name)
        assert not changed or settled.origins[field.name] == "preset"
        if settled.origins[field.name] == "preset":
            assert settled.where[field.name] == f"preset {name}"


def test_what_the_presets_of_the_package_say(place: Place) -> None:
    assert list(BUILT_IN) == list(PURPOSES) == OWN
    draft = place.resolve(preset="draft")
    assert draft.families == ("turbo", "sft", "base")
    assert not draft.request.thinking and draft.request.batch_size == 1
    turbo = draft.for_family("turbo").request
    assert (turbo.inference_steps, turbo.shift) == (8, 3.0)
    quality = place.resolve(preset="quality")
    assert quality.families == ("sft", "base", "turbo")
    assert quality.request.thinking and quality.request.audio_format == "flac"
    base = quality.for_family("base").request
    assert (base.inference_steps, base.guidance_scale, base.use_adg) == (64, 7.0, True)
    assert not quality.for_family("sft").request.use_adg
    consistent = place.resolve(preset="consistent")
    assert consistent.families == ()
    assert consistent.request.seed == (7,) and consistent.request.lm_temperature == 0.7
    assert consistent.for_family("base") is consistent


def test_only_what_is_above_the_preset_beats_its_family_values(place: Place) -> None:
    place.user("[generation]\ninference_steps = 40\nguidance_scale = 3.0\n")
    resolved = place.resolve({"guidance": 5}, preset="quality").for_family("base")
    assert resolved.request.inference_steps == 64
    assert resolved.request.guidance_scale == 5.0
    assert resolved.origins["guidance_scale"] == "flag"
    variable = {"ACESTEP_USE_ADG": "false"}
    resolved = place.resolve(preset="quality", environ=variable).for_family("base")
    assert not resolved.request.use_adg and resolved.origins["use_adg"] == "env"
    # Times that were typed stand for steps and shift.
    place.user("")
    typed = place.resolve({"timesteps": "1,0.5,0"}, preset="draft").for_family("turbo")
    assert typed.request.inference_steps is None and typed.request.shift is None


def test_a_file_may_take_the_name_of_a_preset_of_the_package(place: Place) -> None:
    place.user("[presets.quality]\nsteps = 4\n")
    resolved = place.resolve(preset="quality")
    assert resolved.families == () and resolved.request.inference_steps == 4
    assert resolved.request.audio_format == "mp3"


def test_a_preset_that_is_none(place: Place) -> None:
    for text in ("presets = 1", "[presets]\ndraft = 1", '[presets."a b"]\nsteps = 1'):
        place.user(text)
        with pytest.raises(SettingsError, match="preset"):
            place.resolve()
