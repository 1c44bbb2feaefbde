"""Pictures as the encoder takes them: a plane of luma and two of chroma at half the size (4:2:0), BT.601, 16–235."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.uint8]


class Planes(NamedTuple):
    """Views: whoever writes to them changes what they were taken from."""

    y: Plane
    u: Plane
    v: Plane

    @property
    def width(self) -> int:
        """Of luma."""
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        """Of luma."""
        return int(self.y.shape[0])

    def turned(self, degrees: int) -> Planes:
        """Clockwise, by a multiple of 90."""
        return Planes(*(np.rot90(plane, -degrees // 90) for plane in self))

    def part(self, x: int, y: int, width: int, height: int) -> Planes:
        """A rectangle, all of whose numbers are even."""
        luma = self.y[y : y + height, x : x + width]
        chroma = slice(y // 2, (y + height) // 2), slice(x // 2, (x + width) // 2)
        return Planes(luma, self.u[chroma], self.v[chroma])

    def put(self, picture: Planes) -> None:
        """Copy a picture of the same size here."""
        for mine, theirs in zip(self, picture, strict=True):
            mine[:] = theirs

    def fill(self, colour: tuple[int, int, int]) -> None:
        """Make it all one colour, of (Y, U, V)."""
        for plane, value in zip(self, colour, strict=True):
            plane[:] = value


def of_frame(frame: VideoFrame) -> Planes:
    """The planes of a frame of format yuv420p."""
    y, u, v = (
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    )
    return Planes(y, u, v)


def of_image(image: Image.Image) -> Planes:
    """An RGB image, whose width and height are even."""
    frame = VideoFrame.from_ndarray(np.asarray(image), "rgb24").reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.MPEG
    )
    return of_frame(frame)
