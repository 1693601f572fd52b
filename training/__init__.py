"""How the demonstration checkpoint is made: a procedural band, and the networks that learn it."""
