"""What the operations do, once a request has passed every check."""
