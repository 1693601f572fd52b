"""Drawing from the package's own ideas: the same everywhere, within the filter, all reachable."""

from __future__ import annotations

import subprocess
import sys

import pytest

from acestep_cli import examples
from acestep_cli.errors import UsageError
from acestep_cli.request.languages import LANGUAGES, UNKNOWN

# Each seed draws another entry, so that many seeds are needed to meet all of them.
MANY = range(6000)


def test_a_draw_depends_on_the_digest_of_its_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ten = tuple(examples.Description(f"song {n}", False, "en") for n in range(10))
    monkeypatch.setattr(examples, "descriptions", lambda: ten)
    drawn = [examples.draw_description(seed).description for seed in (0, 1, 2, 7, 2**32 - 1)]
    assert drawn == ["song 2", "song 6", "song 4", "song 5", "song 8"]


def test_descriptions_and_examples_are_drawn_independently() -> None:
    positions = [
        (examples._position("description", seed, 97), examples._position("example", seed, 97))
        for seed in range(50)
    ]
    assert sum(first == second for first, second in positions) < 10


def test_the_same_seed_draws_the_same_twice() -> None:
    assert examples.draw_description(7) is examples.draw_description(7)
    assert examples.draw_example(7) is examples.draw_example(7)


def test_every_entry_can_be_drawn() -> None:
    assert {examples.draw_description(seed) for seed in MANY} == set(examples.descriptions())
    assert {examples.draw_example(seed) for seed in MANY} == set(examples.examples())


@pytest.mark.parametrize("language", ["de", "ja", "sw"])
def test_a_language_is_that_of_the_singing(language: str) -> None:
    drawn = {examples.draw_description(seed, language=language) for seed in range(300)}
    wanted = {entry for entry in examples.descriptions() if entry.language == language}
    assert drawn == wanted != set()


@pytest.mark.parametrize("language", [None, UNKNOWN])
def test_without_a_language_any_will_do(language: str | None) -> None:
    drawn = [examples.draw_example(seed, language=language) for seed in range(100)]
    assert drawn == [examples.draw_example(seed) for seed in range(100)]


@pytest.mark.parametrize("language", [None, "en", "sw"])
def test_an_instrumental_needs_no_language(language: str | None) -> None:
    for seed in range(20):
        assert examples.draw_description(seed, language=language, instrumental=True).instrumental
        assert examples.draw_example(seed, language=language, instrumental=True).instrumental


def test_singing_on_request() -> None:
    for seed in range(200):
        assert not examples.draw_description(seed, instrumental=False).instrumental
        assert not examples.draw_example(seed, instrumental=False).instrumental


def test_a_language_without_an_entry_names_those_that_have_one() -> None:
    missing = sorted(set(LANGUAGES) - {entry.language for entry in examples.examples()})
    with pytest.raises(UsageError, match=f"no complete example to sing in '{missing[0]}'") as told:
        examples.draw_example(1, language=missing[0])
    assert " de el en " in told.value.hint
    assert UNKNOWN not in told.value.hint
    with pytest.raises(UsageError, match="no description to sing in 'tlh'"):
        examples.draw_description(1, language="tlh")


def test_nothing_is_read_before_it_is_asked_for() -> None:
    program = (
        "import sys, acestep_cli.examples as e\n"
        "assert e.descriptions.cache_info().currsize == e.examples.cache_info().currsize == 0\n"
        "assert e.draw_description(3) and e.examples.cache_info().currsize == 0\n"
        "assert not {'click', 'numpy', 'torch'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
