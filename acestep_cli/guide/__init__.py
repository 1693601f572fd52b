"""Pages that explain a topic; `acestep help TOPIC` prints one."""

TOPICS: dict[str, str] = {
    "captions": "How to say what a song sounds like",
    "lyrics": "How to write words that can be sung",
    "seeds": "How to make the same song again or others",
    "memory": "What to do when memory is short",
    "formats": "Which files can be read and written",
}
