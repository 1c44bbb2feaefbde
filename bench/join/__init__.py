"""How long someone who joins waits for the first picture."""
