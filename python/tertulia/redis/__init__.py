"""A client for Redis or Valkey, one server or a cluster: commands, scripts, sharded channels."""
