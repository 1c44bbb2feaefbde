"""A server that is not open: no meetings from the start page; people come by the links of ``tertulia room``."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.chromium import COUNT_QUESTIONS
from tests.browser.conftest import Come
from tests.browser.person import call
from tests.integration import servers

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass
class Production:
    base: str
    settings: dict[str, str]
    database: Path

    def command(self, *arguments: str) -> str:
        argv, env = servers.tertulia_argv(*arguments), servers.tertulia_env(self.settings)
        return subprocess.run(argv, env=env, check=True, capture_output=True, text=True, timeout=60).stdout.strip()

    def links(self, tenant: str = "acme") -> tuple[str, str]:
        """A new room's link for the host, and that for guests."""
        found = re.fullmatch(r"host:   (\S+)\nguests: (\S+)", self.command("room", "--tenant", tenant))
        assert found
        return found[1], found[2]

    def invite(self, host_link: str) -> dict[str, str]:
        """A new invite to the room of a host's link."""
        path, token = host_link.split("#token=")
        made: dict[str, str] = call("POST", f"{path.replace('/r/', '/v1/rooms/')}/invites", {"role": "attendee"}, token)
        return made


@contextmanager
def web_worker(directory: Path) -> Iterator[Production]:
    """A web worker, with credentials asked for, and no SFU node yet."""
    port = servers.free_port()
    with servers.embedded_valkey(directory) as (_, redis_url):
        database = directory / "tertulia.db"
        settings = {
            "TERTULIA_REDIS_URL": redis_url,
            "TERTULIA_DATABASE_URL": f"sqlite:///{database}",
            "TERTULIA_DATA_DIR": str(directory),
            "TERTULIA_SFU_ADVERTISE": "127.0.0.1",
            "TERTULIA_PUBLIC_URL": f"http://localhost:{port}",
        }
        made = Production(settings["TERTULIA_PUBLIC_URL"], settings, database)
        made.command("migrate")
        made.command("tenant", "create", "acme")
        with servers.tertulia_web(directory, settings=settings, port=port):
            yield made


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """The same with an SFU node."""
    directory = tmp_path_factory.mktemp("production")
    with web_worker(directory) as made, servers.tertulia_sfu(directory, settings=made.settings):
        yield made


async def test_the_start_page_explains_how_to_come_in(come: Come, production: Production) -> None:
    ana = await come("Ana")
    await ana.page.goto(production.base)
    await ana.page.get_by_text("you need a link to join a meeting").wait_for()
    await expect(ana.button("New meeting")).to_have_count(0)
    await ana.page.get_by_label("Meeting link").fill(production.links()[1])
    await ana.button("Join").click()
    await ana.page.get_by_role("heading", name="Ready to join?").wait_for()
    ana.trouble.clear()  # the browser itself writes the 401 of the start page's question


async def test_host_and_guests_by_their_links(come: Come, production: Production) -> None:
    host_link, guest_link = production.links()
    ana = await come("Ana", permissions=["clipboard-read", "clipboard-write"])
    ben, eva = await come("Ben"), await come("Eva")
    await ana.join(host_link)
    await ben.join(guest_link)
    await asyncio.gather(ana.sees("Ben"), ben.sees("Ana"))
    await ana.press("i")
    await ana.hears("Invite link copied.")
    await eva.join(await ana.page.evaluate("navigator.clipboard.readText()"))
    await asyncio.gather(eva.sees("Ana", "Ben"), ana.sees("Eva"))
    await ana.press("p")
    await ana.page.get_by_text("You · Host").wait_for()
    await expect(ana.button("More for Eva")).to_be_visible()
    ana.trouble.clear()


async def test_whoever_has_no_link_to_pass_on_is_not_offered_one(come: Come, production: Production) -> None:
    host_link, _ = production.links()
    key = production.command("key", "create", "acme")
    room = host_link.split("#")[0].replace("/r/", "/v1/rooms/")
    token = call("POST", f"{room}/join", {"userId": str(uuid.uuid4())}, key)["token"]
    ben = await come("Ben")
    await ben.join(f"{host_link.split('#')[0]}#token={token}")
    await ben.page.get_by_role("heading", name="You are the only one here").wait_for()
    await ben.press("p")
    await ben.page.locator(".people-list").get_by_text("Ben").wait_for()
    await expect(ben.button("Copy invite link")).to_have_count(0)
    await ben.button("More").click()
    await ben.page.get_by_role("menuitem", name="Settings").wait_for()
    await expect(ben.page.get_by_role("menuitem", name="Invite people")).to_have_count(0)
    await ben.press("Escape")
    await ben.press("i")
    await ben.hears("Only hosts can invite others to this meeting.")
    ben.trouble.clear()


async def test_a_link_without_credential_is_refused(come: Come, production: Production) -> None:
    ana = await come("Ana")
    await ana.page.goto(production.links()[0].split("#")[0])
    await ana.page.get_by_text("This link is invalid").wait_for()
    ana.trouble.clear()


async def test_a_link_that_has_expired_asks_for_no_devices(come: Come, production: Production) -> None:
    invite = production.invite(production.links()[0])
    with sqlite3.connect(production.database) as database:
        expired = ("2001-01-01 00:00:00.000000", invite["id"].replace("-", ""))
        assert database.execute("UPDATE invites SET expires_at = ? WHERE id = ?", expired).rowcount == 1
    ana = await come("Ana")
    await ana.page.add_init_script(COUNT_QUESTIONS)
    await ana.page.goto(invite["url"])
    await ana.page.get_by_role("heading", name="This link does not work").wait_for()
    await ana.page.get_by_text("This link is invalid or has expired. Ask the host for a new one.").wait_for()
    assert await ana.page.evaluate("window.questions") == []
    ana.trouble.clear()


async def test_a_guest_comes_back_after_all_tokens_were_revoked(come: Come, production: Production) -> None:
    production.command("tenant", "create", "beta")
    link = production.invite(production.links("beta")[0])["url"]
    ben = await come("Ben")
    await ben.join(link)
    await ben.leave()
    production.command("signing-key", "rotate", "--tenant", "beta", "--revoke")
    production.invite(production.links("beta")[0])  # by a new key: the web worker reads the keys again
    await ben.page.reload()
    await ben.button("Join now").click()
    await ben.page.wait_for_selector(".meeting")
    ben.trouble = [text for text in ben.trouble if "the server responded with a status of 401" not in text]
