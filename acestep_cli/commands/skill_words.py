"""What the agent skill says beside what the commands say of themselves."""

from __future__ import annotations

NAME = "acestep"
# How a file of ours is known; it stands below the front matter, which must come first.
MARK = "<!-- Written by `acestep skill install`, which writes it anew: changes are lost. -->"

FRONT = f"""\
---
name: {NAME}
description: Make, edit and describe songs on this machine with the `acestep` command, which runs \
the ACE-Step 1.5 music model. Use it when somebody wants a song, an instrumental, a jingle or \
background music; lyrics set to music; a cover, a remix, a longer version or a part made anew; \
single tracks of a song; or tempo, key, lyrics and style of an audio file.
---

{MARK}

# acestep

Words go in, audio files come out. Everything runs on this machine; nothing is sent anywhere, and
nothing is downloaded unless you ask for it.
"""

USES = """\
## When to use what

| somebody wants | run |
|---|---|
| a song in a style they describe | `acestep generate "CAPTION" --json` |
| a song about something | `acestep generate -d "a cheerful song about spring" --json` |
| their own words sung | `acestep generate "CAPTION" --lyrics @words.txt --json` |
| no voice | `acestep generate "CAPTION" --instrumental --json` |
| anything at all | `acestep random --json` |
| the same song in another style | `acestep cover song.mp3 "CAPTION" --json` |
| another take of one part | `acestep repaint song.mp3 "CAPTION" --from 30 --to 45 --json` |
| a longer song | `acestep extend song.mp3 --after 30 --json` |
| single tracks | `acestep extract song.mp3 vocals drums --json` |
| one more instrument | `acestep lego song.mp3 "CAPTION" --track guitar --mix --json` |
| a band around a voice | `acestep complete voice.wav "CAPTION" --track drums --track bass --json` |
| to know what a song is | `acestep understand song.mp3 --json` |
| that song again, a little different | `acestep replay last --seed 9 --json` |
| several to choose from | `acestep generate "CAPTION" --batch 4 --json` |
| a certain file | `acestep generate "CAPTION" -o song.flac --json` |
"""

RULES = """\
## How to call it

- Add `--json`: stdout then holds exactly one object, on success and on failure. Without it stdout
  holds the path of each song, one a line. stderr is for people; do not read it for facts.
- Look at the exit code or at `ok`. On failure `error.hint` says what to do; follow it.
- It never asks questions where there is no terminal. Long texts: `@file`, or `-` for stdin.
- A song takes from seconds on a GPU to many minutes on a CPU. Begin with `--duration 30` to try an
  idea, and use `--no-wait` for long ones (see Jobs).
- `--dry-run` shows what would be made and with what, and loads nothing.
- The same command with the same `--seed` makes the same file. To change one thing, keep the seed.
- Ask before you use `--force`, `acestep jobs remove` or `acestep models remove`.
"""

# What `data` holds for commands that make no sound; a test compares it with what they print.
ANSWERS = """\
For other commands `data` is something else:

- `status`, `jobs show`: the record, and `state`, which is its status or, where its process is
  gone, "dead"
- `jobs wait`: a list of records; `jobs`: a list of `job_id`, `state`, `caption`, `audio_paths`, \
`record` and more
- `understand`, `format`: `caption`, `lyrics`, `bpm`, `duration`, `keyscale`, `timesignature`, \
`language`, `genres`, `seed`; `understand` also `audio_codes`, with `--codes` these alone
- `lyrics check`: `findings`, `sections`, `language`, `estimated_duration` and more
- `models`: `installed`, `demonstration`, `available`, `default` and more; `health`: `status`, \
`checks`
- `--dry-run`: `request`, `origins`, `seeds`, `checkpoints`, `memory`, `paths`, `warnings` and more
- `config --get`: `key`, `value`, `origin`; `random --print`: `ideas`
"""

JOBS = """\
## Jobs

Each run that makes sound is a job with a record, `acestep_output/JOB.json`, valid at every moment.

```sh
acestep generate "lofi hip hop, rainy night" --no-wait --json
acestep status last --json
acestep jobs wait last --json
acestep jobs --state failed --json
acestep jobs cancel last --json
```

`--no-wait` answers at once with the record of a queued job; `.data.job_id` names it. JOB may be
the id, the beginning of one, or `last`. `status` exits 0 whatever became of the job: look at
`.data.state`. `jobs wait` exits with the code of the job. A finished job serves as SOURCE of an
edit, its record as `--plan`. For progress while you wait: `--events 2` writes JSON lines to
stderr, `--events FILE` to a file.
"""

CHECKPOINTS = """\
## Checkpoints

Exit code 3 means that a checkpoint is missing or damaged. They are gigabytes: name the size that
`acestep models` shows and ask before you fetch them.

```sh
acestep models --json
acestep models pull recommended
acestep health --json
```

Where no model is installed and none is named, the built-in demonstration serves: a toy band, good
for trying commands out and no match for the real model. A note on stderr says so, and the record
names `demo` among its `checkpoints`; `--model demo` asks for it. Extract, lego and complete take a
base model, such as `acestep-v15-base`.
"""
