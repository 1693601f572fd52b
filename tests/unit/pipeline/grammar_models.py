"""Models that write without sense, and what every text of the default grammar must be."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Sequence
from functools import cache
from pathlib import Path

from tokenizers import AddedToken
from tokenizers import Tokenizer as Backend
from tokenizers.decoders import ByteLevel as Decoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

from acestep_cli.pipeline.grammar import Allowed, Run, Settings
from acestep_cli.pipeline.metadata import parse_output
from acestep_cli.request.languages import LANGUAGES
from acestep_cli.weights.tokenizer import Tokenizer
from tests.unit.pipeline.grammar_reference import KEYS, Vocabulary, spelled_bytes

GOLDEN = Path(__file__).parents[2] / "golden"
GENRES = (GOLDEN / "lm" / "genres_vocab.txt").read_text("utf-8").splitlines()
# Tokens of a whole plan at the most: caption and genres at their limits, the rest.
MOST = 512 + 1 + 64 + 1 + 64

Model = Callable[[random.Random, Allowed], int]


@cache
def planner_words() -> Vocabulary:
    """The vocabulary of the golden planner: 2537 texts, 65561 added tokens."""
    return Vocabulary(Tokenizer(GOLDEN / "checkpoints" / "acestep-5Hz-lm-0.6B"))


@cache
def listed(allowed: Allowed) -> list[int]:
    """The ids, once for each object."""
    ids: list[int] = allowed.ids.tolist()
    return ids


def write_tokenizer(folder: Path, merges: Sequence[tuple[str, str]]) -> Tokenizer:
    """A tokenizer of all bytes and what `merges`, pairs of texts, make of them."""
    spelling = {byte: spelled for spelled, byte in spelled_bytes().items()}

    def spell(text: str) -> str:
        return "".join(spelling[byte] for byte in text.encode())

    pairs = [(spell(left), spell(right)) for left, right in merges]
    tokens = [*spelled_bytes(), *dict.fromkeys(left + right for left, right in pairs)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    backend = Backend(BPE(vocab=vocabulary, merges=pairs))
    backend.pre_tokenizer = ByteLevel(add_prefix_space=False)
    backend.decoder = Decoder()
    special = ("<|endoftext|>", "<|im_end|>", "<think>", "</think>")
    backend.add_tokens([AddedToken(text, normalized=False) for text in special])
    backend.save(str(folder / "tokenizer.json"))
    return Tokenizer(folder)


def preferring(words: Vocabulary, likes: Callable[[bytes], bool], share: float = 1.0) -> Model:
    """A model that takes a text it likes where there is one, or does so in `share` of the cases."""

    @cache
    def liked(allowed: Allowed) -> list[int]:
        return [token for token in listed(allowed) if likes(words.text.get(token, b""))]

    def choose(rng: random.Random, allowed: Allowed) -> int:
        ids = liked(allowed)
        return rng.choice(ids if ids and rng.random() < share else listed(allowed))

    return choose


@cache
def models(words: Vocabulary) -> dict[str, Model]:
    """Models by what they do."""
    return {
        "anything": lambda rng, allowed: rng.choice(listed(allowed)),
        "always the first": lambda rng, allowed: listed(allowed)[0],
        "always the last": lambda rng, allowed: listed(allowed)[-1],
        "newlines": preferring(words, lambda text: text.endswith(b"\n")),
        "some newlines": preferring(words, lambda text: text.endswith(b"\n"), 0.1),
        "spaces": preferring(words, lambda text: text.isspace() and b"\n" not in text),
        "new lines without end": preferring(words, lambda text: text[:1] in b" \t\n"),
        "signs": preferring(words, lambda text: bool(re.fullmatch(rb"[ -/:-@\[-`{-~]+", text))),
        "quotes": preferring(words, lambda text: bool(re.fullmatch(rb"[ \"'|>~\n-]+", text))),
        "half characters": preferring(words, lambda text: text[:1] in b"\xe2\xe3\x80\x81"),
        "colons": preferring(words, lambda text: b":" in text),
    }


def write(
    run: Run,
    model: Model,
    rng: random.Random,
    *,
    limit: int = MOST + 200,
    watch: Callable[[Run, Sequence[int]], None] = lambda run, output: None,
) -> list[int]:
    """What `model` writes until the run is complete or has `limit` tokens."""
    output: list[int] = []
    while run.state != "COMPLETED" and len(output) < limit:
        watch(run, output)
        token = model(rng, run.allowed())
        run.advance(token)
        output.append(token)
    return output


def check_plan(text: str, settings: Settings, fields: Collection[str], longest: int) -> None:
    """`text` is a plan: all fields, once, in order, valid, readable."""
    end = "</think>" if settings.phase == "understand" else re.escape("<|im_end|>")
    patterns = {
        "bpm": r" [1-9]\d{1,2}\n",
        "caption": r" [^\n]+\n+(?:[ \t][^\n]*\n+)*",
        "duration": r" [1-9]\d{1,2}\n",
        "genres": r" ?[^\n]+\n+",
        "keyscale": f" (?:{'|'.join(KEYS)})\n",
        "language": f" (?:{'|'.join(LANGUAGES)})\n",
        "timesignature": " [2346]\n",
    }
    given = {name: re.escape(f" {value}\n") for name, value in settings.given.items()}
    body = "".join(f"{name}:{given.get(name, patterns[name])}" for name in fields)
    assert re.fullmatch(f"<think>\n{body}{end}", text), text
    found = parse_output(text).fields
    assert list(found) == list(fields), text
    assert all(str(value).strip() for value in found.values())
    if "bpm" not in given:
        assert 30 <= int(found["bpm"]) <= 300
    if "duration" not in given:
        assert 10 <= int(found["duration"]) <= longest
