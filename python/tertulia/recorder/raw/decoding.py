"""Decoding the pictures of a track."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

import av

from tertulia.recorder.raw.errors import Unplayable
from tertulia.recorder.raw.recording import Codec

_DECODERS: Final[dict[Codec, str]] = {"VP8": "vp8", "VP9": "vp9", "H264": "h264", "AV1": "libdav1d"}


class Decoder:
    """Decodes one picture after the other."""

    def __init__(self, codec: Codec) -> None:
        self._context = cast("av.VideoCodecContext", av.CodecContext.create(_DECODERS[codec], "r"))
        # A picture out for each picture in.
        self._context.thread_count = 1

    def decode(self, data: bytes) -> Iterator[av.VideoFrame]:
        """What comes of a picture: nothing, if the sender encoded it wrong."""
        try:
            yield from self._context.decode(av.Packet(data))
        except av.InvalidDataError:
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
