"""Checkpoints without training: a builder of random weights in the published folder layout.

What it writes has the right names and shapes and makes noise, not music.
"""
