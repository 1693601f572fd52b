"""The diffusion transformer of the demonstration, with its text encoder, trained together."""
