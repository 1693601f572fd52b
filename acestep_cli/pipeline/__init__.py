"""The stages of a song: plan, condition, sample, decode."""
