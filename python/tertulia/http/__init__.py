"""The control plane: REST, health, metrics, the page. docs/protocol.md describes what it answers."""
