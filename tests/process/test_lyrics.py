"""`acestep lyrics check` as a process: findings, what is too long, files that are no lyrics."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import GOLDEN
from tests.process.programs import acestep, environment, run

CHECKPOINTS = str(GOLDEN / "checkpoints")
GOOD = "[Verse]\nI walk alone\n\n[Chorus]\nWalk with me, walk with me\n"
ODD = "\n\nVerse 1:\nI walk alone\n[Corus]\nWalk with me\n"


def check(*arguments: str) -> list[str]:
    return acestep("lyrics", "check", *arguments)


def data_of(stdout: str) -> dict[str, Any]:
    values = json.loads(stdout)
    assert stdout.count("\n") == 1
    assert values["command"] == ["lyrics", "check"]
    data: dict[str, Any] = values["data"]
    return data


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.txt"
    path.write_text(GOOD, encoding="utf-8")
    return path


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    path = tmp_path / "odd.txt"
    path.write_text(ODD, encoding="utf-8")
    return path


def test_good_lyrics_have_no_findings(song: Path, tmp_path: Path) -> None:
    for arguments in ([str(song)], ["@song.txt"], ["song.txt", "--strict"]):
        done = run(check(*arguments), tmp_path)
        assert (done.returncode, done.stdout) == (0, "")
    assert "9 words · en · about 45 s · sings well in 3 to 60 s · no findings" in done.stderr
    assert "none was found" in done.stderr.splitlines()[0]


def test_findings_are_lines_that_name_their_line(odd: Path, tmp_path: Path) -> None:
    done = run(check("odd.txt"), tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "3: 'Verse 1:' is sung as words; write [Verse 1]",
        "5: '[Corus]' is no tag that the model knows; did you mean [Chorus]?",
    ]
    assert "2 findings" in done.stderr
    assert run(check("odd.txt", "-q"), tmp_path).stderr == ""


def test_strict_fails_and_still_tells(odd: Path, tmp_path: Path) -> None:
    done = run(check("odd.txt", "--strict"), tmp_path)
    assert done.returncode == 5
    assert len(done.stdout.splitlines()) == 2
    assert "2 findings" in done.stderr
    assert "hint:" in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [("[Verse]\nla", "1 word · "), ("星 光", "2 syllables · zh"), ("[inst]", "nobody sings · no")],
)
def test_what_is_sung(text: str, words: str, tmp_path: Path) -> None:
    done = run(check("-"), tmp_path, input=text)
    assert done.stderr.splitlines()[-1].startswith(words)


def test_stdin(tmp_path: Path) -> None:
    assert run(check("-"), tmp_path, input=ODD).stdout.startswith("3: 'Verse 1:'")
    done = run(check("-", "--caption", "-"), tmp_path, input=ODD)
    assert (done.returncode, done.stdout) == (2, "")
    assert "only once" in done.stderr


def test_json(odd: Path, tmp_path: Path) -> None:
    for arguments in (["--json", "lyrics"], ["lyrics", "--json"]):
        done = run(acestep(*arguments, "check", "odd.txt", "--duration", "1:00"), tmp_path)
        data = data_of(done.stdout)
    assert [(found["line"], found["code"]) for found in data["findings"]] == [
        (3, "plain_section"), (5, "unknown_tag"),
    ]  # fmt: skip
    assert data["language"] == "en"
    assert data["duration"] == 60.0
    assert data["estimated_duration"] == 45
    assert data["sung"] == {"unit": "words", "count": 7, "per_second": 0.12}
    assert data["sections"][1] == {"tag": "Corus", "name": "", "line": 5}
    assert data["tokens"] == {"lyrics": None, "caption": None}
    (warning,) = json.loads(done.stdout)["warnings"]
    assert warning["code"] == "not_counted"


def test_duration_and_language(tmp_path: Path) -> None:
    text = "[Verse]\n" + "la la la la la\n" * 60
    done = run(check("-", "--duration", "60", "--language", "japanese"), tmp_path, input=text)
    assert "0: 300 words in 60 s (5.0 a second) will be rushed" in done.stdout
    assert "0: the words are written in Latin letters, and the language ja in" in done.stdout
    assert "· ja ·" in done.stderr


def test_settings_count(odd: Path, tmp_path: Path) -> None:
    with_settings = environment(tmp_path, ACESTEP_DURATION="3", ACESTEP_VOCAL_LANGUAGE="fr")
    data = data_of(run(check("odd.txt", "--json"), tmp_path, env=with_settings).stdout)
    assert (data["duration"], data["language"]) == (3.0, "fr")


def test_exactly_what_is_cut_from_lyrics(tmp_path: Path) -> None:
    lines = ["[Verse]", *(f"line {number} of a song" for number in range(1000))]
    (tmp_path / "long.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = check("long.txt", "--checkpoints", CHECKPOINTS, "--json")
    data = data_of(run(command, tmp_path).stdout)
    fit = data["tokens"]["lyrics"]
    assert fit["count"] > fit["limit"] == 2048
    lost = fit["lost"]
    assert "\n".join(lines).endswith(lost)
    assert fit["lost_characters"] == len(lost)
    (found,) = [one for one in data["findings"] if one["code"] == "lyrics_cut"]
    begin = lost.strip().splitlines()[0]
    assert f"the last {len(lost)} characters" in found["message"]
    assert f"from '{begin}' on" in found["message"]
    assert lines[found["line"] - 1].endswith(begin)
    assert fit["lost_lines"] == len(lines) - found["line"] + 1


def test_what_is_cut_from_a_caption(song: Path, tmp_path: Path) -> None:
    caption = " ".join(f"word{number}" for number in range(200))
    (tmp_path / "caption.txt").write_text(caption, encoding="utf-8")
    command = check("song.txt", "--caption", "@caption.txt", "--checkpoints", CHECKPOINTS)
    data = data_of(run([*command, "--json"], tmp_path).stdout)
    fit = data["tokens"]["caption"]
    assert fit["count"] > fit["limit"] == 256
    assert caption.endswith(fit["lost"]) and fit["lost"].startswith(" word")
    (found,) = data["findings"]
    assert (found["line"], found["code"]) == (0, "caption_cut")
    short = check("song.txt", "--caption", "slow soul", "--checkpoints", CHECKPOINTS)
    assert run(short, tmp_path).stdout == ""


def test_tokens_of_the_model_are_plain_words(tmp_path: Path) -> None:
    text = "[Verse]\nla <|endoftext|> la\n"
    done = run(check("-", "--checkpoints", CHECKPOINTS), tmp_path, input=text)
    assert done.stdout == "2: <|endoftext|> is read as plain words; leave it out\n"


def test_a_damaged_checkpoint_does_not_keep_the_findings(odd: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints" / "Qwen3-Embedding-0.6B"
    folder.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (folder / name).write_text("{}", encoding="utf-8")
    done = run(check("odd.txt"), tmp_path)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 2
    assert "tokenizer.json cannot be used" in done.stderr


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "is not UTF-8 text (byte 0)"),
        (b"la\0la", "zero bytes"),
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"la " * 400_000, "is over 1048576 bytes"),
    ],
)
def test_files_that_are_no_lyrics(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_bytes(content)
    done = run(check("file.txt"), tmp_path)
    assert (done.returncode, done.stdout) == (5, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_lyrics_that_no_song_takes_are_one_finding(tmp_path: Path) -> None:
    (tmp_path / "huge.txt").write_text("Verse 1:\nla la\n" * 30_000, encoding="utf-8")
    done = run(check("huge.txt", "--strict"), tmp_path)
    assert done.returncode == 5
    assert done.stdout == (
        "0: lyrics has 450000 characters, more than 20000; shorten lyrics to 4096 characters\n"
    )


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(song: Path, tmp_path: Path) -> None:
    song.chmod(0)
    assert run(check("song.txt"), tmp_path).returncode == 5


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["lyrics", "check", "none.txt"], 5, "cannot read lyrics from none.txt"),
        (["lyrics", "check", "."], 5, "cannot read lyrics from .: it is a folder"),
        (["lyrics", "check", ""], 5, "the name of the file with lyrics is empty"),
        (["lyrics", "check"], 2, "Missing argument 'FILE'"),
        (["lyrics", "check", "a", "b"], 2, "'b' is one argument too many"),
        (["lyrics"], 2, "Missing command"),
        (["lyrics", "chek", "a"], 2, "did you mean check?"),
        (["lyrics", "zzz"], 2, "see `acestep lyrics --help`"),
        (["lyrics", "check", "a", "--duratoin", "3"], 2, "did you mean --duration?"),
        (["lyrics", "check", "song.txt", "--duration", "never"], 2, "duration"),
        (["lyrics", "check", "song.txt", "--language", "tlh"], 2, "not a language"),
        (["lyrics", "check", "song.txt", "--checkpoints", "none"], 3, "does not exist"),
    ],
)
def test_errors(arguments: list[str], code: int, sentence: str, song: Path, tmp_path: Path) -> None:
    done = run(acestep(*arguments), tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    values = json.loads(run(acestep("--json", *arguments), tmp_path).stdout)
    assert (values["ok"], values["exit_code"], values["data"]) == (False, code, None)
    assert values["command"][:1] == ["lyrics"]


def test_nothing_heavy_is_loaded(song: Path, tmp_path: Path) -> None:
    program = (
        "import sys\nfrom acestep_cli.cli import main\n"
        "try:\n    main(['lyrics', 'check', 'song.txt'])\nexcept SystemExit as stopped:\n"
        "    assert stopped.code == 0\n"
        "found = {'torch', 'numpy', 'transformers', 'rich'} & sys.modules.keys()\n"
        "assert not found, found\n"
    )
    done = run([sys.executable, "-c", program], tmp_path)
    assert done.returncode == 0, done.stderr
