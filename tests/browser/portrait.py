"""The picture in the README: a meeting of six drawn people, ``python -m tests.browser.portrait``."""

from __future__ import annotations

import asyncio
import json
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.async_api import BrowserContext, async_playwright

from tests.browser import chromium
from tests.browser.person import Person, new_room
from tests.integration import servers

PICTURE: Final = Path(__file__).parents[2] / "docs/images/meeting.webp"
SIZE: Final = (1280, 760)
QUALITY: Final = 82

# fmt: off
PEOPLE: Final[tuple[dict[str, Any], ...]] = (
    {
        "name": "Lucía Vidal",
        "isLong": True,
        "room": ["#d8cfe4", "#8f7ba6"],
        "skin": "#f0cfb4",
        "hair": "#6b4a30",
        "top": "#c38d2b",
    },
    {
        "name": "Ana Belén",
        "isLong": True,
        "room": ["#d9c3a2", "#8b6b4c"],
        "skin": "#edc6a3",
        "hair": "#3b241a",
        "top": "#b3421d",
    },
    {"name": "Carlos Ruiz", "room": ["#b9ccd6", "#5f7f90"], "skin": "#8a5a3b", "hair": "#1b1512", "top": "#2f5d50"},
    {"name": "Júlia Serra", "room": ["#ead8cc", "#c08a6c"], "skin": "#f5d6bd", "hair": "#a8562a", "top": "#33456b"},
    {"name": "Mateo Abel", "room": ["#cdd8bf", "#7c8f62"], "skin": "#c58a5e", "hair": "#241a14", "top": "#7b4a6b"},
    {"name": "Dolores Ibarra"},
)
# fmt: on

_CAMERA: Final = """
(look) => {
  const canvas = document.createElement("canvas");
  canvas.width = 640;
  canvas.height = 360;
  const brush = canvas.getContext("2d");
  const circle = (x, y, rx, ry, colour) => {
    brush.fillStyle = colour;
    brush.beginPath();
    brush.ellipse(x, y, rx, ry, 0, 0, 2 * Math.PI);
    brush.fill();
  };
  const box = (x, y, w, h, r, colour) => {
    brush.fillStyle = colour;
    brush.beginPath();
    brush.roundRect(x, y, w, h, r);
    brush.fill();
  };
  const draw = () => {
    const wall = brush.createLinearGradient(0, 0, 640, 360);
    wall.addColorStop(0, look.room[0]);
    wall.addColorStop(1, look.room[1]);
    box(0, 0, 640, 360, 0, wall);
    box(40, 30, 120, 160, 4, "rgb(255 255 255 / 35%)");
    box(98, 30, 4, 160, 0, look.room[0]);
    box(40, 108, 120, 4, 0, look.room[0]);
    box(480, 128, 120, 7, 2, "rgb(40 30 24 / 45%)");
    for (const [i, colour] of ["#7c8da0", "#efe6da", "#a8562a"].entries()) {
      box(494 + i * 19, 78 + (i % 2) * 8, 14, 50 - (i % 2) * 8, 2, colour);
    }
    circle(574, 110, 18, 18, "#7c8f62");
    if (look.isLong) box(238, 70, 164, 230, 60, look.hair);
    box(170, 258, 300, 180, 110, look.top);
    box(288, 214, 64, 74, 26, look.skin);
    circle(320, 158, 66, 80, look.skin);
    brush.save();
    brush.beginPath();
    brush.rect(230, 60, 180, look.isLong ? 62 : 54);
    brush.clip();
    circle(320, 148, 74, 82, look.hair);
    brush.restore();
    for (const side of [-1, 1]) {
      circle(320 + side * 26, 156, 5.5, 6.5, "#241a14");
      circle(320 + side * 38, 184, 11, 9, "rgb(200 80 60 / 28%)");
      box(320 + side * 26 - 13, 138, 26, 4, 2, look.hair);
    }
    brush.strokeStyle = "#7c2f24";
    brush.lineWidth = 4;
    brush.lineCap = "round";
    brush.beginPath();
    brush.arc(320, 186, 26, 0.2 * Math.PI, 0.8 * Math.PI);
    brush.stroke();
  };
  draw();
  setInterval(draw, 200);
  const [camera] = canvas.captureStream(5).getVideoTracks();
  const native = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const sound = wanted.audio ? (await native({ audio: wanted.audio })).getAudioTracks() : [];
    return new MediaStream([...sound, ...(wanted.video ? [camera.clone()] : [])]);
  };
}
"""


async def main() -> None:
    """Hold the meeting, and take its picture."""
    with tempfile.TemporaryDirectory() as directory, servers.tertulia_dev(Path(directory)) as server:
        async with async_playwright() as playwright:
            browser = await chromium.launch(playwright)
            room = new_room(f"http://localhost:{server.port}")
            people: list[Person] = []
            for look in PEOPLE:
                preferences = {"name": look["name"], "quality": "standard", "cameraOn": "room" in look}
                context = await chromium.new_context(
                    browser,
                    preferences,
                    viewport={"width": SIZE[0], "height": SIZE[1]} if not people else {"width": 480, "height": 360},
                    device_scale_factor=1.25 if not people else 1,
                    color_scheme="light",
                    reduced_motion="reduce",
                )
                await _draw(context, look)
                people.append(await Person.open(context, look["name"]))
                await people[-1].join(room.host_link if not people[1:] else room.link)
            await _talk(people)
            shot = Image.open(BytesIO(await people[0].page.screenshot()))
            shot.convert("RGB").save(PICTURE, quality=QUALITY, method=6)
            await browser.close()
    print(PICTURE, PICTURE.stat().st_size)  # noqa: T201 — what the command has made


async def _draw(context: BrowserContext, look: dict[str, Any]) -> None:
    if "room" in look:
        await context.add_init_script(f"({_CAMERA})({json.dumps(look)})")


async def _talk(people: list[Person]) -> None:
    lucia, _, *others, dolores = people
    for other in (*others, dolores):
        await other.button("Mute").click()
    await dolores.press("h")
    await lucia.press("c")
    for person, text in (
        (dolores, "Good morning! The agenda is at https://example.org/agenda"),
        (dolores, "Shall we begin with the second point? Mateo has to leave at eleven."),
        (lucia, "Yes, let’s do that."),
    ):
        if person is dolores and await person.page.get_by_label("Message", exact=True).is_hidden():
            await person.press("c")
        await person.page.get_by_label("Message", exact=True).fill(text)
        await person.press("Enter")
        await lucia.page.locator(".messages").get_by_text(text[:12]).first.wait_for()
    await lucia.page.locator(".tile.has-picture").nth(4).wait_for()
    # Until everybody is sharp.
    sharp = "() => [...document.querySelectorAll('.has-picture video')].every((video) => video.videoHeight >= 180)"
    await lucia.page.wait_for_function(sharp)
    await lucia.page.wait_for_timeout(4000)
    await lucia.page.evaluate("document.querySelectorAll('.notice').forEach((one) => one.remove())")
    await lucia.page.mouse.move(700, 5)


if __name__ == "__main__":
    asyncio.run(main())
