"""A server's recordings, played by the test: a list that it can change, and a short film with sound."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from playwright.async_api import BrowserContext, Route

SECONDS: Final = 20
_FPS: Final = 10
_RATE: Final = 48_000


def make_film(path: Path) -> Path:
    """Writes an MP4 of ``SECONDS``: grey that brightens, and a soft tone."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as film:
        video = film.add_stream("libx264", rate=_FPS, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        audio = film.add_stream("aac", rate=_RATE, layout="mono")
        for i in range(SECONDS * _FPS):
            shade = np.full((180, 320, 3), 40 + i, dtype=np.uint8)
            picture = av.VideoFrame.from_ndarray(shade, format="rgb24")
            picture.pts, picture.time_base = i, Fraction(1, _FPS)
            film.mux(video.encode(picture))
        film.mux(video.encode(None))
        _add_tone(film, audio)
    return path


def make_sound(path: Path) -> Path:
    """Writes a WebM of ``SECONDS`` with the tone alone."""
    with av.open(str(path), "w") as sound:
        _add_tone(sound, sound.add_stream("libopus", rate=_RATE, layout="mono"))
    return path


def _add_tone(container: Any, stream: Any) -> None:
    wave = (np.sin(np.arange(SECONDS * _RATE) * 2 * np.pi * 440 / _RATE) * 3000).astype(np.int16)
    step = 960
    for at in range(0, len(wave), step):
        frame = av.AudioFrame.from_ndarray(wave[None, at : at + step], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = _RATE, at, Fraction(1, _RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def film(status: str = "ready", **more: Any) -> dict[str, Any]:
    """A composite as REST lists it."""
    view: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "sessionId": str(uuid.uuid4()),
        "kind": "composite",
        "status": status,
        "url": None,
        "duration": 0,
        "createdAt": "2026-11-28T20:15:00Z",
        "expiresAt": None,
        "layout": "grid",
    }
    if status == "ready":
        view |= {"duration": SECONDS, "size": 12_345_678, "expiresAt": "2099-01-01T00:00:00Z"}
    return view | more


def track(of: dict[str, Any], user_name: str, **more: Any) -> dict[str, Any]:
    """What one person's microphone sent."""
    view = film(kind="track", recordingId=of["id"], userId=f"id of {user_name}", userName=user_name, layout=None)
    return view | {"source": "microphone", "offset": 0} | more


@dataclass
class Recordings:
    """Answers in place of the server what concerns recordings; ``asked`` are the calls that change something."""

    views: list[dict[str, Any]]
    status: int = 200
    files: dict[str, Path] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    async def serve(self, context: BrowserContext) -> None:
        await context.route(re.compile("/v1/rooms/[^/]+/recordings"), self._answer)
        await context.route(re.compile("/v1/files/"), self._send)

    async def _answer(self, route: Route) -> None:
        request = route.request
        if self.status != 200:
            problem = {"code": "unauthorized", "title": "Unauthorized", "status": self.status}
            await route.fulfill(status=self.status, json=problem)
        elif request.method == "GET":
            await route.fulfill(json=self.views)
        else:
            path = request.url.split("/recordings/")[1]
            self.asked.append((request.method, path, request.post_data_json))
            self._change(request.method, path.split("/")[0], request.post_data_json)
            await route.fulfill(
                status=204 if request.method == "DELETE" else 202, json={"id": "x", "status": "processing"}
            )

    def _change(self, method: str, recording_id: str, body: Any) -> None:
        if method == "DELETE":
            self.views = [view for view in self.views if recording_id not in (view["id"], view.get("recordingId"))]
        else:
            self.views.insert(0, film("processing", layout=body["layout"], recordingId=recording_id))

    async def _send(self, route: Route) -> None:
        """A file, or the range of it that is asked for."""
        name = route.request.url.split("/v1/files/")[1].split("?")[0]
        if name not in self.files:
            await route.fulfill(status=403, json={"code": "forbidden"})
            return
        content = self.files[name].read_bytes()
        kind = "video/mp4" if name.endswith("mp4") else "audio/webm"
        headers = {"Accept-Ranges": "bytes", "Content-Type": kind}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", await route.request.header_value("range") or "")
        if asked is None:
            await route.fulfill(body=content, headers=headers)
            return
        begin, end = int(asked[1]), int(asked[2] or len(content) - 1)
        headers["Content-Range"] = f"bytes {begin}-{end}/{len(content)}"
        await route.fulfill(status=206, body=content[begin : end + 1], headers=headers)
