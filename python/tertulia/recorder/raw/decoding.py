"""Decoding the pictures of a track."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

import av

from tertulia.recorder.raw.errors import Unplayable
from tertulia.recorder.raw.recording import Codec

_DECODERS: Final[dict[Codec, str]] = {"VP8": "vp8", "VP9": "vp9", "H264": "h264", "AV1": "libdav1d"}
MOST_PIXELS: Final = 8192 * 4320
"""Of a picture: as many as the largest screens have. A few bytes can claim to be 16,383 × 16,383, of which a decoder
would hold several."""
LIMITS: Final = {"max_pixels": str(MOST_PIXELS)}
"""FFmpeg's option for that: what is larger cannot be decoded."""


def open_decoder(codec: Codec) -> av.VideoCodecContext:
    """FFmpeg's decoder, on one thread: a picture comes out for each that goes in, and encoders have the other cores."""
    decoder = cast("av.VideoCodecContext", av.CodecContext.create(_DECODERS[codec], "r"))
    decoder.options = dict(LIMITS)
    decoder.thread_count = 1
    return decoder


class Decoder:
    """Decodes one picture after the other."""

    def __init__(self, codec: Codec) -> None:
        self._context = open_decoder(codec)

    def decode(self, data: bytes) -> Iterator[av.VideoFrame]:
        """What comes of a picture: nothing, if the sender encoded it wrong, or too large."""
        try:
            yield from self._context.decode(av.Packet(data))
        except av.FFmpegError:
            return

    def flush(self) -> Iterator[av.VideoFrame]:
        """What the decoder still holds."""
        yield from self._context.decode(None)


def decode_one(codec: Codec, keyframe: bytes) -> av.VideoFrame:
    """A keyframe by itself. Raises :class:`Unplayable`."""
    decoder = Decoder(codec)
    for frame in [*decoder.decode(keyframe), *decoder.flush()]:
        return frame
    raise Unplayable(f"A keyframe of {codec} cannot be decoded")
