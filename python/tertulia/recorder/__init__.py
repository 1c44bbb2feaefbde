"""From raw recordings to films: docs/decisions/0015-raw-first-film-later.md."""
