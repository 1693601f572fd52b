"""acestep: run the ACE-Step 1.5 music model on one's own machine, from the command line."""

__version__ = "0.1.0"
