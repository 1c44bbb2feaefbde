"""Child processes and their supervision."""
