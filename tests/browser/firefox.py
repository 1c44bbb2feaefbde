"""Debian's Firefox by WebDriver BiDi (https://w3c.github.io/webdriver-bidi/), made fit for calls without a camera."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

from tests.integration import servers

PREFERENCES: Final = {
    # Without these two no candidate is gathered that another process on this machine can reach.
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    # Without a screen it can share a tab of its own, asked for as `mediaSource: "browser"`.
    "media.getusermedia.browser.enabled": True,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    # Firefox would fetch Cisco's OpenH264 from the network.
    "media.gmp-manager.updateEnabled": False,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "remote.active-protocols": 1,
}
KEEP_COPIED: Final = """navigator.clipboard.write = async ([item]) => {
  window.copied = await (await item.getType("text/plain")).text(); };"""
"""What a page copies stays in it, as ``window.copied``."""
SECONDS: Final = 45.0
"""The longest that a command may take."""

_NONE: Final[Mapping[str, bool | int | str]] = {}
_REQUEST: Final = "network.beforeRequestSent"
_ADDRESS: Final = re.compile(r"WebDriver BiDi listening on (ws://\S+)\n")


def control(name: str) -> str:
    """The expression that finds a button of the toolbar by its name."""
    return f"document.querySelector('.control[aria-label=\"{name}\"]')"


class Failed(Exception):
    """Firefox refused a command, or a script threw."""


class Page:
    """A tab. Scripts are expressions in it; a promise is awaited."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._context = ""
        self._turn = asyncio.Lock()
        self._given: dict[str, str] = {}

    async def command(self, method: str, **params: Any) -> Any:
        """One command at a time, and its result."""
        number = next(self._ids)
        async with self._turn, asyncio.timeout(SECONDS):
            await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
            while True:
                answer = json.loads(await self._socket.recv())
                if answer.get("id") == number:
                    break
                if answer.get("method") == _REQUEST and answer["params"]["isBlocked"]:
                    await self._answer(answer["params"]["request"])
        if answer["type"] == "error":
            raise Failed(f"{method}: {answer['message']}")
        return answer["result"]

    async def begin(self) -> None:
        """Take over the first tab."""
        await self.command("session.new", capabilities={})
        tree = await self.command("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]

    async def prepare(self, script: str) -> None:
        """Run a script in each page, before its own."""
        await self.command("script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}")

    async def give(self, path: str, script: str) -> None:
        """Let pages have a script of this path, instead of the server's. They get it while a command runs."""
        self._given[path] = script
        await self.command("session.subscribe", events=[_REQUEST])
        patterns = [{"type": "pattern", "pathname": path}]
        await self.command("network.addIntercept", phases=["beforeRequestSent"], urlPatterns=patterns)

    async def _answer(self, request: dict[str, Any]) -> None:
        params = {
            "request": request["request"],
            "statusCode": 200,
            "headers": [{"name": "content-type", "value": {"type": "string", "value": "text/javascript"}}],
            "body": {"type": "string", "value": self._given[urlsplit(request["url"]).path]},
        }
        call = {"id": next(self._ids), "method": "network.provideResponse", "params": params}
        await self._socket.send(json.dumps(call))

    async def goto(self, url: str) -> None:
        """Open an address, and wait until it is loaded."""
        await self.command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression as JSON has it."""
        found = await self.command(
            "script.evaluate",
            expression=f"Promise.resolve({expression}).then((value) => JSON.stringify(value ?? null))",
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        if found["type"] == "exception":
            raise Failed(found["exceptionDetails"]["text"])
        return json.loads(found["result"]["value"])

    async def until(self, condition: str) -> Any:
        """Wait until an expression is truthy, as it is looked at with each picture that is drawn; its value."""
        return await self.evaluate(
            f"""new Promise((resolve, reject) => {{
              const end = performance.now() + {(SECONDS - 5) * 1000};
              const look = async () => {{
                const value = await ({condition});
                if (value) resolve(value);
                else if (performance.now() > end) reject(new Error("never: " + {json.dumps(condition)}));
                else setTimeout(look, 50);
              }};
              look();
            }})"""
        )

    async def press(self, name: str) -> None:
        """Press the button with this name as soon as it is there."""
        words = json.dumps(name)
        await self.until(
            f"""(() => {{
              const named = (b) => (b.getAttribute("aria-label") ?? b.textContent).trim() === {words};
              const button = [...document.querySelectorAll("button")].find((b) => named(b) && !b.disabled);
              button?.click();
              return button !== undefined;
            }})()"""
        )

    async def key(self, value: str) -> None:
        """Press a key of the keyboard: what only a person may begin, such as sharing a screen, takes that."""
        await self.hold(value)
        await self.let_go(value)

    async def hold(self, value: str) -> None:
        """Press a key, and keep it down."""
        await self._keyboard("keyDown", value)

    async def let_go(self, value: str) -> None:
        """Release a key that is held."""
        await self._keyboard("keyUp", value)

    async def _keyboard(self, kind: str, value: str) -> None:
        actions = [{"type": "key", "id": "keyboard", "actions": [{"type": kind, "value": value}]}]
        await self.command("input.performActions", context=self._context, actions=actions)

    async def click(self, selector: str) -> None:
        """Click the first element that a selector finds, as soon as it is there."""
        words = json.dumps(selector)
        await self.until(f"(() => {{ const e = document.querySelector({words}); e?.click(); return !!e; }})()")

    async def close_dialog(self) -> None:
        """Close the dialog that is open."""
        await self.click("dialog header button")

    async def tap(self, selector: str) -> None:
        """Click in the middle of an element, as a person does: it takes that to let a page play."""
        at = await self.evaluate(
            f"""(({{ x, y, width, height }}) => [x + width / 2, y + height / 2].map(Math.round))(
              document.querySelector({json.dumps(selector)}).getBoundingClientRect())"""
        )
        moves = [{"type": "pointerMove", "x": at[0], "y": at[1]}]
        buttons = [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        actions = [{"type": "pointer", "id": "mouse", "actions": moves + buttons}]
        await self.command("input.performActions", context=self._context, actions=actions)

    async def choose(self, button: str, item: str) -> None:
        """Press a button that opens a menu or a dialog, then one in it."""
        await self.press(button)
        await self.press(item)

    async def fill(self, selector: str, text: str) -> None:
        """Put a text into a field, or choose an option of a select, as soon as it is there."""
        await self.until(
            f"""(() => {{
              const field = document.querySelector({json.dumps(selector)});
              if (!field) return false;
              field.value = {json.dumps(text)};
              for (const name of ["input", "change"]) field.dispatchEvent(new Event(name, {{ bubbles: true }}));
              return true;
            }})()"""
        )

    async def says(self, text: str, selector: str = "body") -> None:
        """Wait until a text is shown in an element."""
        found = f"document.querySelector({json.dumps(selector)})?.innerText.includes({json.dumps(text)})"
        await self.until(found)

    async def resize(self, width: int, height: int) -> None:
        """Show pages in this many pixels of CSS."""
        size = {"width": width, "height": height}
        await self.command("browsingContext.setViewport", context=self._context, viewport=size)

    async def join(self, link: str, name: str) -> None:
        """Join a meeting."""
        await self.goto(link)
        await self.fill("input[name=name]", name)
        await self.press("Join now")
        await self.until('document.querySelector(".meeting")')

    @asynccontextmanager
    async def hidden(self) -> AsyncIterator[None]:
        """Another tab is in front of this one, until the end of the block."""
        other = await self.command("browsingContext.create", type="tab", background=False)
        await self.until("document.visibilityState === 'hidden'")
        yield
        await self.command("browsingContext.close", context=other["context"])
        await self.command("browsingContext.activate", context=self._context)
        await self.until("document.visibilityState === 'visible'")

    async def picture(self, path: Path) -> None:
        """A screenshot, to be looked at."""
        shot = await self.command("browsingContext.captureScreenshot", context=self._context)
        path.write_bytes(base64.b64decode(shot["data"]))


@asynccontextmanager
async def firefox(directory: Path, preferences: Mapping[str, bool | int | str] = _NONE) -> AsyncIterator[Page]:
    """A Firefox with a fresh profile in ``directory`` and more ``preferences``, until the end of the block."""
    program = servers.program("firefox-esr", "firefox-esr")
    profile = directory / "firefox"
    profile.mkdir()
    lines = (
        f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
        for name, value in {**PREFERENCES, **preferences}.items()
    )
    (profile / "user.js").write_text("".join(lines))
    arguments = ("--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0")
    with servers.running("firefox", (program, *arguments, "--width=1280", "--height=720"), directory) as server:
        url = await asyncio.to_thread(_address, server)
        async with connect(f"{url}/session", max_size=None) as socket:
            page = Page(socket)
            await page.begin()
            yield page


def _address(server: servers.Server) -> str:
    """Where Firefox says that it listens."""
    server.wait_until(lambda: _ADDRESS.search(server.log()) is not None, deadline=SECONDS, what="listen")
    found = _ADDRESS.search(server.log())
    assert found is not None
    return found[1]
