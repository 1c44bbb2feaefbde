"""Devices that hear noise and see a person, and what is seen of the person and of what is behind them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Final

from tests.browser.person import Person

_PORTRAIT: Final = Path(__file__).parent / "person.jpg"
"""Eileen Collins, by NASA (public domain): a face in the middle, things of many colours behind it."""

DEVICES: Final = """
(() => {
  const native = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.asked = 0;
  window.loudness = 0;
  const noise = () => {
    const context = new AudioContext();
    // As a fan makes it: white noise of which each second is the same can pass for a voice.
    const buffer = context.createBuffer(1, 10 * context.sampleRate, context.sampleRate);
    const samples = buffer.getChannelData(0);
    let sample = 0;
    for (let i = 0; i < samples.length; i++) samples[i] = sample = 0.95 * sample + 0.3 * (Math.random() * 2 - 1);
    const source = new AudioBufferSourceNode(context, { buffer, loop: true });
    const gain = new GainNode(context, { gain: 0 });
    const out = new MediaStreamAudioDestinationNode(context);
    source.connect(gain).connect(out);
    source.start();
    setInterval(() => {
      gain.gain.value = window.loudness;
      if (window.loudness && context.state !== "running") context.resume();
    }, 50);
    return out.stream.getAudioTracks()[0];
  };
  const portrait = () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 180 });
    const brush = canvas.getContext("2d");
    const picture = Object.assign(new Image(), { src: "data:image/jpeg;base64,PORTRAIT" });
    setInterval(() => brush.drawImage(picture, 0, 0), 100);
    return canvas.captureStream(10).getVideoTracks()[0];
  };
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    window.asked++;
    const stream = await native(constraints);
    for (const track of stream.getVideoTracks()) track.stop();
    // Whoever records may play sound: the browser's own goes on.
    window.recording = stream;
    const made = [];
    if (constraints.audio) made.push(noise());
    if (constraints.video) made.push(portrait());
    return new MediaStream(made);
  };
})();
""".replace("PORTRAIT", base64.b64encode(_PORTRAIT.read_bytes()).decode())
"""A microphone that hears noise, as loud as the test says, and a camera that sees a person."""

PACE: Final = "/static/media/effects/pace.js"
"""The script that says whether a machine keeps up."""
KEEPS_UP: Final = "export class Pace { isDue() { return true; } took() {} isTooSlow = false; }"
"""A machine that runs other tests may be too slow."""
IS_TOO_SLOW: Final = "export class Pace { isDue() { return true; } took() {} reset() {} isTooSlow = true; }"

_LOOK: Final = """(name) => {
  const tile = document.querySelector(`.tile.has-picture[aria-label="${name}"]`);
  const video = tile?.querySelector("video") ?? document.querySelector(".mirror video");
  if (!video || video.readyState < 2) return null;
  const canvas = new OffscreenCanvas(320, 180);
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  brush.drawImage(video, 0, 0, 320, 180);
  const look = (x, y, w, h) => {
    const { data } = brush.getImageData(x, y, w, h);
    const sum = [0, 0, 0], squares = [0, 0, 0];
    for (let i = 0; i < data.length; i += 4)
      for (let c = 0; c < 3; c++) { sum[c] += data[i + c]; squares[c] += data[i + c] ** 2; }
    const count = data.length / 4;
    const spread = sum.map((s, c) => Math.sqrt(Math.max(0, squares[c] / count - (s / count) ** 2)));
    return { mean: sum.map((s) => s / count), spread: Math.max(...spread) };
  };
  return { behind: look(4, 4, 60, 60), face: look(130, 50, 40, 60) };
}"""
"""What is in the upper corner of somebody's picture, and at their face: the mean of each colour, and how it varies."""


async def picture(person: Person, name: str, holds: str) -> dict[str, Any]:
    """Waits until something holds of what is behind somebody (`b`) and of their face (`f`)."""
    condition = f"(name) => {{ const seen = ({_LOOK})(name); if (!seen) return null; "
    condition += f"const [b, f] = [seen.behind, seen.face]; return ({holds}) ? seen : null; }}"
    handle = await person.page.wait_for_function(condition, arg=name, polling=250)
    seen: dict[str, Any] = await handle.json_value()
    return seen
