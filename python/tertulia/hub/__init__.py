"""The hub: runs what the room's rules say. Connections, calls, fan-out, bounded queues, the channels to the other
hubs."""
