"""Films and files of tracks in browsers: each has its length, seeks anywhere, and plays to its end without an error."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.async_api import async_playwright

from tertulia.recorder.film.compose import compose
from tertulia.recorder.film.layout import Layout
from tertulia.recorder.raw.export import export_track, suffix
from tertulia.recorder.raw.recording import read
from tests.browser.chromium import launch
from tests.browser.firefox import firefox
from tests.recordings.__main__ import build

_CASES = ["av1", "codec_change", "late_joiner", "resolution_h264", "resolution_vp8", "vp9"]

_PLAY = """
async ([url, kind]) => {
  const media = document.createElement(kind);
  media.muted = true;
  media.preload = "auto";
  document.body.append(media);
  const is = (name) => new Promise((resolve, reject) => {
    media.addEventListener(name, resolve, { once: true });
    media.addEventListener("error", () => reject(new Error(media.error.message)), { once: true });
  });
  let ready = is("loadeddata");
  media.src = url;
  await ready;
  const duration = media.duration;
  const seeks = [];
  for (const share of [0.9, 0.3, 0.6]) {
    const seeked = is("seeked");
    media.currentTime = duration * share;
    await seeked;
    seeks.push(media.currentTime / duration);
  }
  media.currentTime = Math.max(0, duration - 0.7);
  ready = is("ended");
  await media.play();
  await ready;
  return { duration, seeks, width: media.videoWidth ?? 0 };
}
"""


Play = Callable[[Path, str], Awaitable[dict[str, Any]]]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of the files in the test's directory."""
    (tmp_path / "index.html").write_text("<!doctype html><title>files</title>")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(tmp_path))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(params=["chromium", "firefox"])
async def play(request: pytest.FixtureRequest, site: str, tmp_path: Path) -> AsyncIterator[Play]:
    """Plays a file in a browser."""
    async with (_in_chromium if request.param == "chromium" else _in_firefox)(site, tmp_path) as play:
        yield play


@asynccontextmanager
async def _in_chromium(site: str, _directory: Path) -> AsyncIterator[Play]:
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        page = await browser.new_page()
        await page.goto(f"{site}/index.html")
        yield lambda path, kind: page.evaluate(_PLAY, [path.name, kind])
        await browser.close()


@asynccontextmanager
async def _in_firefox(site: str, directory: Path) -> AsyncIterator[Play]:
    async with firefox(directory) as page:
        await page.goto(f"{site}/index.html")
        yield lambda path, kind: page.evaluate(f"({_PLAY})({json.dumps([path.name, kind])})")


class _Files(SimpleHTTPRequestHandler):
    """With ranges, without which Chromium cannot seek."""

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        if wanted is None:
            super().do_GET()
            return
        data = Path(self.translate_path(self.path)).read_bytes()
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        begin, end = int(first), min(int(last or len(data) - 1), len(data) - 1)
        self.send_response(206)
        self.send_header("Content-Type", self.guess_type(self.path))
        self.send_header("Content-Range", f"bytes {begin}-{end}/{len(data)}")
        self.send_header("Content-Length", str(end - begin + 1))
        self.end_headers()
        self.wfile.write(data[begin : end + 1])


async def plays(play: Play, path: Path, kind: str, duration: float) -> None:
    played = await play(path, kind)
    assert played["duration"] == pytest.approx(duration, abs=0.1), path.name
    assert played["seeks"] == pytest.approx([0.9, 0.3, 0.6], abs=0.05), path.name
    assert bool(played["width"]) == (kind == "video")


async def test_files_of_tracks_play(play: Play, tmp_path: Path) -> None:
    for name in _CASES:
        build(name, tmp_path / name)
        for number, track in enumerate(read(tmp_path / name).tracks):
            path = tmp_path / f"{name}-{number}{suffix(track)}"
            await plays(play, path, track.kind, export_track(track, path).duration)


async def test_films_play(play: Play, tmp_path: Path) -> None:
    build("late_joiner", tmp_path / "raw")
    recording = read(tmp_path / "raw")
    for layout in Layout:
        path = tmp_path / f"{layout}.mp4"
        made = compose(recording, layout, tmp_path / "work", path, lambda _done: None)
        await plays(play, path, "video", made.duration)
        assert made.duration == pytest.approx(recording.duration, abs=0.1)
