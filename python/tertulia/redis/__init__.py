"""A Redis client: one server or a cluster, commands, scripts and sharded channels. Knows nothing of Tertulia."""
