"""What attacks on a media node add to the delays of others' packets."""
