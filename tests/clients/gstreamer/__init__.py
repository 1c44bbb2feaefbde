"""A client on GStreamer."""
