"""From the raw files of a recording to tracks on one timeline. Pure, but for reading files."""
