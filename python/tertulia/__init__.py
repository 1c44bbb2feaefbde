"""Tertulia: video meetings in one ``pip install``."""
