"""A corpus of raw recordings that are hard to make a film of. ``python -m tests.recordings DIRECTORY`` writes it."""
