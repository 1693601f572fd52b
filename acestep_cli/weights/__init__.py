"""Checkpoint folders: which there are, where they lie, and how their tensors get into modules.

Files are only read, never fetched or changed. Nothing here imports torch until tensors are asked
for.
"""
