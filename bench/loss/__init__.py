"""Calls between Chromium pages through the SFU over lines that lose packets."""
