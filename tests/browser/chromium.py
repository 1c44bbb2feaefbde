"""Debian's Chromium, made fit for calls on one machine without a camera."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, Playwright

ARGUMENTS: Final = (
    "--no-sandbox",
    # Without it no candidate is gathered on loopback.
    "--allow-loopback-in-peer-connection",
    # Six frames a second: six people in one browser, on two cores, draw thirty pictures.
    "--use-fake-device-for-media-stream=fps=6",
    "--use-fake-ui-for-media-stream",
    "--auto-select-desktop-capture-source=Entire screen",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Tests look at many pages at once; none of them is "in the background".
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
)

COLLECT_CONNECTIONS: Final = """
window.connections = [];
const Native = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Native {
  constructor(...args) { super(...args); window.connections.push(this); }
};
"""
"""The page hides its connections; tests read their statistics."""

COUNT_QUESTIONS: Final = """(() => {
  window.questions = [];
  const media = navigator.mediaDevices;
  const ask = media.getUserMedia.bind(media);
  media.getUserMedia = (wanted) => { window.questions.push(Object.keys(wanted).sort()); return ask(wanted); };
})()"""
"""What devices the page asks the person for, as ``window.questions``."""

KEEP_TRACKS: Final = """(() => {
  window.opened = [];
  const media = navigator.mediaDevices;
  const ask = media.getUserMedia.bind(media);
  media.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    window.opened.push(...stream.getTracks());
    return stream;
  };
})()"""
"""Devices that were opened are at hand, for ``LOSE``."""

LOSE: Final = """(kind) => {
  const track = window.opened.filter((t) => t.kind === kind && t.readyState === "live").at(-1);
  track.stop();
  track.dispatchEvent(new Event("ended"));
}"""
"""What a browser does when a device is unplugged."""

FAST_LINE: Final = """
const describe = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
  const fast = "a=fmtp:$1 x-google-min-bitrate=4000;x-google-start-bitrate=4000\\r\\n";
  return describe.call(this, { type, sdp: sdp.replace(/a=rtpmap:(\\d+) VP8\\/90000\\r\\n/g, `$&${fast}`) });
};
"""
"""The sender's estimate of its line does not matter: on a busy machine it leaves the large layers out."""


async def launch(playwright: Playwright, *more: str, through: Callable[[str], Path] | None = None) -> Browser:
    """``through`` gives the program to start instead of Chromium's, which starts that."""
    path = shutil.which("chromium")
    assert path is not None, "chromium is missing: apt-get install chromium"
    program = path if through is None else through(path)
    return await playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, *more])


async def new_context(browser: Browser, preferences: dict[str, Any], **options: Any) -> BrowserContext:
    """A person's browser profile: small window, choices made earlier."""
    context = await browser.new_context(**{"viewport": {"width": 480, "height": 360}, **options})
    stored = json.dumps(json.dumps({"quality": "low", **preferences}))
    await context.add_init_script(
        f"localStorage.getItem('tertulia.preferences') ?? localStorage.setItem('tertulia.preferences', {stored});"
    )
    await context.add_init_script(COLLECT_CONNECTIONS)
    return context


def pictures(request_config_root: Path) -> Path:
    """Where screenshots go, to be looked at."""
    directory = request_config_root / ".build" / "pictures"
    directory.mkdir(parents=True, exist_ok=True)
    return directory
