"""Pages that explain a topic; `acestep help TOPIC` prints one.

They are Markdown that reads well as it is, at 80 columns. Nothing is read before it is asked for.
"""

from __future__ import annotations

# Name and one line on it, which has no commas: the completion script of fish splits there.
TOPICS: dict[str, str] = {
    "captions": "How to say what a song sounds like",
    "lyrics": "How to write words that can be sung",
    "seeds": "How to make the same song again or others",
    "memory": "What to do when memory is short",
    "formats": "Which files can be read and written",
}


def topic(name: str) -> str:
    """The page of the topic `name`, one of `TOPICS` (else KeyError)."""
    from importlib.resources import files

    if name not in TOPICS:
        raise KeyError(name)
    return files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8")
