"""The picture of the film: what is drawn stays, and only what has changed is drawn again."""

from __future__ import annotations

import functools

from av import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from tertulia.recorder.film import drawing, planes
from tertulia.recorder.film.format import HEIGHT, WIDTH
from tertulia.recorder.film.layout import Rect
from tertulia.recorder.film.planes import Planes
from tertulia.recorder.film.scene import Place, Scene
from tertulia.recorder.film.video import Shot

_GROUND = (22, 128, 128)
"""Behind and beside the tiles: almost black."""


class Canvas:
    """One frame, drawn in place: whoever needs it for longer than until the next change copies it."""

    def __init__(self) -> None:
        self.frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
        self._planes = planes.of_frame(self.frame)
        self._cells: list[_Cell] = []
        self._more: Planes | None = None
        self.begin(Scene(0.0, (), 0))

    def begin(self, scene: Scene) -> None:
        """Clear it for another scene."""
        self._planes.fill(_GROUND)
        self._cells = [_Cell(place, self._planes) for place in scene.places]
        self._more = drawing.more(scene.hidden) if scene.hidden else None

    def draw(self, shots: list[Shot | None]) -> bool:
        """Draw what each place of the scene shows now, None being an avatar; return whether anything changed."""
        changes = [cell.draw(shot) for cell, shot in zip(self._cells, shots, strict=True)]
        if self._more is not None and any(changes):
            width, height = self._more.width, self._more.height
            self._planes.part(WIDTH - width, HEIGHT - height, width, height).put(self._more)
        return any(changes)


class _Cell:
    """One place of a scene on the canvas."""

    def __init__(self, place: Place, canvas: Planes) -> None:
        rect = place.rect
        self._area = canvas.part(*rect)
        self._avatar = functools.partial(drawing.avatar, place.user_id, place.name, rect.width, rect.height)
        name = f"{place.name} (screen)" if place.is_screen else place.name
        label = drawing.label(place.user_id, name, rect.width, rect.height)
        label = label.part(0, 0, min(label.width, rect.width), min(label.height, rect.height))
        self._label = label
        self._under_label = self._area.part(0, rect.height - label.height, label.width, label.height)
        self._size = (rect.width, rect.height)
        self._drawn: Shot | None = None
        self._fitted: Rect | None = None
        self._is_empty = True
        self._reformatter = VideoReformatter()

    def draw(self, shot: Shot | None) -> bool:
        if not self._is_empty and shot is self._drawn:
            return False
        self._is_empty, self._drawn = False, shot
        if shot is None:
            self._fitted = None
            self._area.put(self._avatar())
        else:
            self._draw_shot(shot)
        self._under_label.put(self._label)
        return True

    def _draw_shot(self, shot: Shot) -> None:
        sideways = shot.rotation % 180 != 0
        width, height = shot.frame.width, shot.frame.height
        rect = fitted(*((height, width) if sideways else (width, height)), *self._size)
        if rect != self._fitted:
            self._area.fill(_GROUND)
            self._fitted = rect
        width, height = (rect.height, rect.width) if sideways else (rect.width, rect.height)
        frame = self._reformatter.reformat(
            shot.frame, width, height, "yuv420p", interpolation=Interpolation.BILINEAR, threads=1
        )
        self._area.part(*rect).put(planes.of_frame(frame).turned(shot.rotation))


def fitted(width: int, height: int, room_width: int, room_height: int) -> Rect:
    """Where in a room a picture goes: as large as possible, its shape kept, in the middle.

    All numbers are even. Bars of one or two pixels are not worth a picture's edge: the picture fills them.
    """
    scale = min(room_width / width, room_height / height)
    fit_width, fit_height = (
        room if room - length * scale <= 4 else max(2, 2 * round(length * scale / 2))
        for length, room in ((width, room_width), (height, room_height))
    )
    return Rect((room_width - fit_width) // 4 * 2, (room_height - fit_height) // 4 * 2, fit_width, fit_height)
