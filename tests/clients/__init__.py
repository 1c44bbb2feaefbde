"""Clients that know docs/protocol.md and nothing else of Tertulia, on WebRTC stacks that are not ours."""
