"""Child processes and their supervision. Knows nothing of Tertulia but its errors."""
