"""The plain dialect: one JSON object in each text frame of a WebSocket."""
