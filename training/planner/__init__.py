"""The planner of the demonstration: words to metadata and 5 Hz codes, and codes to words."""
