"""A song with diffusers, as a plain script: `python -m benchmarks.peer_song FOLDER FILE SECONDS
DEVICE DTYPE THREADS` writes FILE as mp3 and prints `mark first step`."""

from __future__ import annotations

import sys

from benchmarks.sizes import CAPTION, SEED, SONG_STEPS


def main(arguments: list[str]) -> None:
    """Load, sing, write."""
    folder, file, seconds, device, dtype, threads = arguments
    import soundfile
    import torch
    from diffusers import AceStepPipeline

    torch.set_num_threads(int(threads))
    pipe = AceStepPipeline.from_pretrained(folder, torch_dtype=getattr(torch, dtype)).to(device)
    audio = pipe(
        prompt=CAPTION,
        lyrics="",
        audio_duration=float(seconds),
        num_inference_steps=SONG_STEPS,
        guidance_scale=1.0,
        generator=torch.Generator("cpu").manual_seed(SEED),
        callback=_first_step,
        output_type="np",
    ).audios[0]
    # 192 kb/s at a constant rate, as our own default is.
    soundfile.write(
        file,
        audio.T,
        pipe.sample_rate,
        format="MP3",
        bitrate_mode="CONSTANT",
        compression_level=(320 - 192) / 288,
    )


def _first_step(index: int, time: object, latents: object) -> None:
    if index == 0:
        print("mark first step", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
