"""What a client's socket speaks: the plain dialect and SignalR."""
