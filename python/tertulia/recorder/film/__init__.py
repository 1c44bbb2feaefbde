"""The composite film of a recording: one MP4 file that shows and sounds what the meeting was.

`layout` says who is shown where and `scene` when; both are pure. `video` and `canvas` make the picture, `sound` the
sound, `encode` and `join` the file. `compose` runs them, and goes on from what is already there.
"""
