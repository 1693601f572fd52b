"""A small procedural band: songs as scores, scores as sound, with exact stems, tempo and key."""
