"""What a film is like. Each number has its reason; a change of any of them needs another ``VERSION``."""

from __future__ import annotations

from fractions import Fraction

VERSION = 1
"""Of the code that makes films. Work of another version is not used again."""

WIDTH, HEIGHT = 1280, 720
"""The picture: large enough to read a shared screen, and four people of 640×360 fit in without scaling."""
FPS = 30
"""What browsers send at most by default. Frames in which nothing changes are left out, and last longer instead."""
SEGMENT_SECONDS = 60
"""A segment is what is lost when a worker dies: at 4 times real time, 15 seconds of work."""
SEGMENT_FRAMES = SEGMENT_SECONDS * FPS
KEYFRAME_FRAMES = 4 * FPS
"""A player that seeks decodes at most 120 frames, in well under half a second; a shorter distance costs bits."""
LONGEST_FRAME = FPS
"""A frame is written at least once a second, so that no player takes the film for stalled."""
WHOLE_FRAMES = 2 * FPS
"""So many at the beginning are all written: FFmpeg and what uses it guess the frame rate from the first twenty."""

SAMPLE_RATE = 48_000
"""That of Opus, so that nothing is resampled."""
SOUND_BIT_RATE = 128_000
"""Stereo AAC-LC is transparent for speech there, and good for music that is shared with a screen."""
AAC_PRIMING = 1024
"""Samples before the first: FFmpeg's AAC encoder begins with one frame of silence, which the edit list skips."""

FRAME_TIME = Fraction(1, FPS)
SAMPLE_TIME = Fraction(1, SAMPLE_RATE)
