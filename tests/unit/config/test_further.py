"""Further checkpoints in settings files: what is read, and what is refused."""

from __future__ import annotations

import pytest

from acestep_cli.config import FurtherModel
from acestep_cli.errors import SettingsError
from tests.unit.config.conftest import Place

WHOLE = """\
[models.my-style]
repo = "someone/my.style_2"
kind = "dit"
family = "base"
folder = "checkpoints/last"
revision = "v1.0"
"""


def test_all_keys_and_the_least(place: Place) -> None:
    place.user(WHOLE + '[models.plain]\nrepo = "a/b"\n[models.p]\nrepo = "a/p"\nkind = "planner"\n')
    resolved = place.resolve()
    assert resolved.settings.models == (
        FurtherModel("my-style", "someone/my.style_2", "dit", "base", "checkpoints/last", "v1.0"),
        FurtherModel("plain", "a/b", "dit"),
        FurtherModel("p", "a/p", "planner"),
    )
    assert resolved.where["models.plain"] == str(place.home / "config.toml")
    assert "models.plain" not in resolved.origins


def test_the_stronger_file_wins(place: Place) -> None:
    place.user('[models.x]\nrepo = "a/b"\n[models.y]\nrepo = "a/y"\n')
    place.here('[models.x]\nrepo = "c/d"\n')
    resolved = place.resolve()
    assert {model.name: model.repo for model in resolved.settings.models} == {
        "x": "c/d", "y": "a/y",
    }  # fmt: skip
    assert resolved.where["models.x"] == str(place.project / "acestep.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("models = 3", ("models is not a table", "[models.NAME]")),
        ("[models]\nx = 3", ("models.'x'", "[models.NAME]")),
        ("[models.x]\n", ("models.x has no repo", "OWNER/NAME")),
        ('[models.".."]\nrepo = "a/b"', ("'..'", "letters")),
        ('[models.".hidden"]\nrepo = "a/b"', ("'.hidden'",)),
        ('[models."a/b"]\nrepo = "a/b"', ("'a/b'",)),
        ('[models."a\\\\b"]\nrepo = "a/b"', ("no checkpoint",)),
        ('[models."x\\u001b[2J"]\nrepo = "a/b"', ("\\x1b[2J",)),
        ('[models.x]\nrepo = "ab"', ("repo 'ab'", "OWNER/NAME")),
        ('[models.x]\nrepo = "../b"', ("repo '../b'",)),
        ('[models.x]\nrepo = "https://evil.example/a/b"', ("repo", "OWNER/NAME")),
        ("[models.x]\nrepo = 7", ("repo 7",)),
        ('[models.x]\nrepo = "a/b"\nfolder = "../up"', ("folder '../up'",)),
        ('[models.x]\nrepo = "a/b"\nfolder = "/etc"', ("folder '/etc'",)),
        ('[models.x]\nrepo = "a/b"\nfolder = "a/./b"', ("folder 'a/./b'",)),
        ('[models.x]\nrepo = "a/b"\nfolder = "a\\\\..\\\\b"', ("folder",)),
        ('[models.x]\nrepo = "a/b"\nrevision = "../../x"', ("revision '../../x'",)),
        ('[models.x]\nrepo = "a/b"\nrevision = ""', ("revision ''",)),
        ('[models.x]\nrepo = "a/b"\nkind = "lora"', ("kind 'lora'", "text_encoder")),
        ('[models.x]\nrepo = "a/b"\nkind = []', ("kind []",)),
        ('[models.x]\nrepo = "a/b"\nfamily = "big"', ("family 'big'", "turbo, sft, base")),
        ('[models.x]\nrepo = "a/b"\nkind = "vae"\nfamily = "sft"', ("is a vae", "family")),
        ('[models.x]\nrepo = "a/b"\nfoldr = "c"', ("'foldr'", "did you mean folder?")),
        ('[models.x]\nrepo = "a/b"\nzzzzzz = "c"', ("'zzzzzz'", "choose from repo")),
        ("[models.x]\n[models.y]\n", ("models.x has no repo", "models.y has no repo")),
    ],
)
def test_what_is_refused(place: Place, text: str, words: tuple[str, ...]) -> None:
    place.user(text)
    with pytest.raises(SettingsError) as caught:
        place.resolve()
    assert str(place.home / "config.toml") in caught.value.message
    for word in words:
        assert word in f"{caught.value.message} | {caught.value.hint}"
