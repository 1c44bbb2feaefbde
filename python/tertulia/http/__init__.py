"""The HTTP server: listening, web workers, pages, health, metrics, and what every answer goes through."""
