"""What can be heard of a song: tempo, key, instruments, likeness to another, cleanliness.

Every measure takes sound as float32 [2, samples] at 48 kHz and knows nothing of what was asked.
"""
